package pgkv

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// An error is taken for one that left no trace only if it says so.
func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what             string
		err              error
		conflict, broken bool
	}{
		{"a serialization failure", &pgconn.PgError{Code: "40001"}, true, false},
		{"a deadlock", &pgconn.PgError{Code: "40P01"}, true, false},
		{"a result that CockroachDB calls ambiguous", &pgconn.PgError{Code: "40003"}, false, true},
		{"a transaction whose resolution is unknown", &pgconn.PgError{Code: "08007"}, false, true},
		{"an ended backend", &pgconn.PgError{Code: "57P01", Severity: "FATAL"}, false, true},
		{"a server that panics", &pgconn.PgError{Code: "XX000", Severity: "PANIC"}, false, true},
		{"a full disk", &pgconn.PgError{Code: "53100", Severity: "ERROR"}, false, false},
		{"a code that is none", &pgconn.PgError{}, false, false},
		{"the end of a connection", io.ErrUnexpectedEOF, false, true},
		{"no row", pgx.ErrNoRows, false, false},
		{"a conflict within another error", errors.Join(errors.New("x"), &pgconn.PgError{Code: "40001"}), true, false},
	} {
		if got := isConflict(c.err); got != c.conflict {
			t.Errorf("%s is a conflict: %v", c.what, got)
		}
		if got := isBroken(c.err); got != c.broken {
			t.Errorf("%s leaves the outcome open: %v", c.what, got)
		}
	}
}

// A server or a URL that says that commits need not reach the disk is overruled; what asks for more is kept.
func TestCommitsWaitForTheDisk(t *testing.T) {
	t.Parallel()
	url := os.Getenv("BULKHEAD_TEST_POSTGRES")
	if url == "" {
		t.Skip("needs a PostgreSQL server")
	}
	for asked, want := range map[string]string{"off": "on", "local": "local", "remote_apply": "remote_apply", "on": "on"} {
		db, err := Open(t.Context(), url+"&synchronous_commit="+asked, Options{Table: "kv_durably"})
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.pool.QueryRow(t.Context(), "show synchronous_commit").Scan(&got); err != nil || got != want {
			t.Errorf("%s becomes %q, want %q: %v", asked, got, want, err)
		}
		if _, err := db.pool.Exec(t.Context(), "drop table if exists kv_durably, kv_durably_schema"); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

package pgkv_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/kvtest"
	"github.com/bulkhead/bulkhead/internal/kv/pgkv"
)

// server returns the URL of the server to test on.
func server(t testing.TB) string {
	t.Helper()
	url := os.Getenv("BULKHEAD_TEST_POSTGRES")
	if url == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("BULKHEAD_TEST_POSTGRES is not set; run the tests by test/postgres.sh run")
		}
		t.Skip("needs a PostgreSQL server: set BULKHEAD_TEST_POSTGRES to its URL, or run the tests by test/postgres.sh run")
	}
	return url
}

// newTable returns the name of a table that is dropped after the test.
func newTable(t testing.TB) string {
	t.Helper()
	url, table := server(t), "kv_test_"+strings.ToLower(rand.Text())
	t.Cleanup(func() {
		admin(t, url, func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, fmt.Sprintf("drop table if exists %s, %s_schema", table, table))
			return err
		})
	})
	return table
}

// admin runs fn on a connection of its own.
func admin(t testing.TB, url string, fn func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Error(err)
		return
	}
	if err := errors.Join(fn(ctx, c), c.Close(ctx)); err != nil {
		t.Error(err)
	}
}

func open(t testing.TB, table string) *pgkv.DB {
	t.Helper()
	db, err := pgkv.Open(t.Context(), server(t), pgkv.Options{Table: table, MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

func TestContract(t *testing.T) {
	t.Parallel()
	server(t)
	kvtest.Run(t, func(t *testing.T) kv.DB { return open(t, newTable(t)) })
}

func TestUnknownFormatIsRefused(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	if err := open(t, table).Close(); err != nil {
		t.Fatal(err)
	}
	mark := func(version int) {
		admin(t, server(t), func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, "update "+table+"_schema set version = $1", version)
			return err
		})
	}
	for version, want := range map[int]string{
		kv.Format + 1: fmt.Sprintf("the store has format version %d, and this program knows none after %d: a newer Bulkhead wrote to it", kv.Format+1, kv.Format),
		0:             "which no Bulkhead wrote",
	} {
		mark(version)
		_, err := pgkv.Open(t.Context(), server(t), pgkv.Options{Table: table})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open of version %d: %v", version, err)
		}
	}
	mark(1)
	if err := open(t, table).Close(); err != nil {
		t.Fatal(err)
	}
	admin(t, server(t), func(ctx context.Context, c *pgx.Conn) error {
		var version int
		err := c.QueryRow(ctx, "select version from "+table+"_schema").Scan(&version)
		if version != kv.Format {
			t.Errorf("an older store that was opened has format version %d", version) // a program of before would not refuse it
		}
		return err
	})
}

// A process that was left running when a newer one opened the table neither reads nor writes once it has looked.
func TestNewerFormatWhileOpen(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	db := open(t, table)
	set := func(tx kv.Tx) error { return tx.Set([]byte("k"), []byte("v")) }
	if err := errors.Join(db.CheckMark(t.Context()), db.Update(t.Context(), set)); err != nil {
		t.Fatal(err)
	}
	admin(t, server(t), func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "update "+table+"_schema set version = $1", kv.Format+1)
		return err
	})
	for name, do := range map[string]func() error{
		"a look":  func() error { return db.CheckMark(t.Context()) },
		"a read":  func() error { return db.View(t.Context(), func(kv.Reader) error { t.Error("it reads"); return nil }) },
		"a write": func() error { return db.Update(t.Context(), func(kv.Tx) error { t.Error("it writes"); return nil }) },
	} {
		if err := db.CheckMark(t.Context()); err == nil {
			t.Error("the mark is not noticed")
		}
		if err := do(); err == nil || !strings.Contains(err.Error(), "a newer Bulkhead wrote to it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A transaction that meets a conflict does not run again once a newer process has opened the table.
func TestNewerFormatBeforeARerun(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	db, other := open(t, table), open(t, table)
	runs := 0
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		runs++
		if _, _, err := tx.Get([]byte("k")); err != nil || runs > 1 {
			return err
		}
		if err := other.Update(t.Context(), func(tx kv.Tx) error { return tx.Set([]byte("k"), []byte("other")) }); err != nil {
			return err
		}
		admin(t, server(t), func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, "update "+table+"_schema set version = $1", kv.Format+1)
			return err
		})
		if db.CheckMark(t.Context()) == nil {
			t.Error("the mark is not noticed")
		}
		return tx.Set([]byte("k"), []byte("own"))
	})
	if runs != 1 || err == nil || !strings.Contains(err.Error(), "a newer Bulkhead wrote to it") {
		t.Errorf("%d runs: %v", runs, err)
	}
}

// Who raises the mark writes only when all that look have seen it, and gives up when it is told to.
func TestRaisingTheFormatWaits(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	if err := open(t, table).Close(); err != nil {
		t.Fatal(err)
	}
	mark := func() {
		admin(t, server(t), func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, "update "+table+"_schema set version = 1")
			return err
		})
	}
	mark()
	began := time.Now()
	open(t, table)
	if waited := time.Since(began); waited < kv.MarkNotice {
		t.Errorf("it waits %v", waited)
	}
	mark()
	ctx, cancel := context.WithTimeout(t.Context(), kv.MarkNotice/2)
	defer cancel()
	if _, err := pgkv.Open(ctx, server(t), pgkv.Options{Table: table}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("told to give up: %v", err)
	}
}

func TestTwoProcessesStartAtOnce(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := pgkv.Open(t.Context(), server(t), pgkv.Options{Table: table, MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestSharedBetweenNodes: what one node has committed, the other reads at once.
func TestSharedBetweenNodes(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	a, b := open(t, table), open(t, table)
	if !a.Shared() {
		t.Error("not shared")
	}
	for i := range 20 {
		value := fmt.Sprint(i)
		if err := a.Update(t.Context(), func(tx kv.Tx) error { return tx.Set([]byte("k"), []byte(value)) }); err != nil {
			t.Fatal(err)
		}
		err := b.View(t.Context(), func(r kv.Reader) error {
			v, _, err := r.Get([]byte("k"))
			if err == nil && string(v) != value {
				t.Errorf("the other node reads %q, want %q", v, value)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		a, b = b, a
	}
}

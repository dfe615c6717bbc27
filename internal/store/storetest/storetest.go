// Package storetest makes stores for tests.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/kvtest"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
	"github.com/bulkhead/bulkhead/internal/kv/pgkv"
	"github.com/bulkhead/bulkhead/internal/store"
)

// storeVariable names the environment variable that chooses the stores: "" and "memory" are in memory, "strict" as well and does all
// that a store may do to its users (kvtest.Strict), "pebble" is on disk, and "postgres" is a table of its own on the server that
// BULKHEAD_TEST_POSTGRES names. The same tests run on each.
const storeVariable = "BULKHEAD_TEST_STORE"

// open opens an empty store of the kind chosen.
func open(t testing.TB) kv.DB {
	t.Helper()
	switch kind := os.Getenv(storeVariable); kind {
	case "", "memory":
		return memkv.New()
	case "strict":
		return kvtest.Strict(memkv.New())
	case "pebble":
		return openPebble(t)
	case "postgres":
		table := "store_test_" + strings.ToLower(rand.Text())
		url := os.Getenv("BULKHEAD_TEST_POSTGRES")
		db, err := pgkv.Open(context.WithoutCancel(t.Context()), url, pgkv.Options{Table: table, MaxConns: 6})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { drop(t, url, table) })
		return db
	default:
		t.Fatalf("%s is %q, none of memory, strict, pebble and postgres", storeVariable, kind)
		return nil
	}
}

func openPebble(t testing.TB) kv.DB {
	t.Helper()
	db, err := pebblekv.Open(t.TempDir(), pebblekv.Options{Logger: slog.New(slog.DiscardHandler), CacheSize: 1 << 20, MemTableSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// drop removes the table of a store that was closed.
func drop(t testing.TB, url, table string) {
	t.Helper()
	conn, err := pgx.Connect(context.WithoutCancel(t.Context()), url)
	if err != nil {
		t.Error(err)
		return
	}
	_, err = conn.Exec(context.WithoutCancel(t.Context()), "drop table "+table+", "+table+"_schema")
	if err = errors.Join(err, conn.Close(context.WithoutCancel(t.Context()))); err != nil {
		t.Error(err)
	}
}

// New returns an empty store, in memory unless BULKHEAD_TEST_STORE says otherwise, closed when the test ends.
func New(t testing.TB) *store.DB {
	t.Helper()
	db, _ := NewRaw(t)
	return db
}

// NewRaw is New, with what yields all keys and values as the backend has them.
func NewRaw(t testing.TB) (db *store.DB, each func(yield func(k, v []byte) bool)) {
	t.Helper()
	return wrap(t, open(t))
}

// NewPebble is NewRaw of a store on disk, whichever is chosen: its writers run side by side, where those in memory wait for each other.
func NewPebble(t testing.TB) (db *store.DB, each func(yield func(k, v []byte) bool), late *Late) {
	t.Helper()
	late = &Late{DB: openPebble(t)}
	db, each = wrap(t, late)
	return db, each, late
}

// Late is a store that runs a function just before a transaction commits.
type Late struct {
	kv.DB
	next atomic.Pointer[func()]
}

// BeforeCommit has f run, once, when the function of the next Update has returned nil and nothing is committed yet.
func (l *Late) BeforeCommit(f func()) { l.next.Store(&f) }

// Update implements kv.DB.
func (l *Late) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return l.DB.Update(ctx, func(tx kv.Tx) error {
		err := fn(tx)
		if err == nil {
			if f := l.next.Swap(nil); f != nil {
				(*f)()
			}
		}
		return err
	})
}

// NewFilled is NewRaw of a store that holds the pairs of a file: a key and a value, each a quoted Go string on a line of its own.
func NewFilled(t testing.TB, file string) (db *store.DB, each func(yield func(k, v []byte) bool)) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var pair [][]byte
	backend := open(t)
	err = backend.Update(t.Context(), func(tx kv.Tx) error {
		pair = nil
		for line := range strings.Lines(string(text)) {
			s, err := strconv.Unquote(strings.TrimSpace(line))
			if err != nil {
				return err
			}
			if pair = append(pair, []byte(s)); len(pair) < 2 {
				continue
			}
			if err := tx.Set(pair[0], pair[1]); err != nil {
				return err
			}
			pair = nil
		}
		return nil
	})
	if err != nil || pair != nil {
		t.Fatalf("%s: %v, left over %q", file, err, pair)
	}
	return wrap(t, backend)
}

func wrap(t testing.TB, backend kv.DB) (db *store.DB, each func(yield func(k, v []byte) bool)) {
	t.Helper()
	db = store.New(backend)
	t.Cleanup(func() {
		db.Close()
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, func(yield func(k, v []byte) bool) {
		err := backend.View(context.Background(), func(r kv.Reader) error { return r.Scan(kv.Range{}, yield) })
		if err != nil {
			t.Error(err)
		}
	}
}

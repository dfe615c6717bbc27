package pgkv_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/pgkv"
)

// kill ends every connection of the store whose session is named name.
func kill(t testing.TB, name string) {
	t.Helper()
	admin(t, server(t), func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", name)
		return err
	})
}

// openNamed opens the store with sessions that kill can find.
func openNamed(t testing.TB, table string) *pgkv.DB {
	t.Helper()
	db, err := pgkv.Open(t.Context(), server(t)+"&application_name="+table, pgkv.Options{Table: table, MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

func TestConnectionKilledWithinTransaction(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	db := openNamed(t, table)
	runs := 0
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		runs++
		if err := tx.Set([]byte("a"), fmt.Append(nil, runs)); err != nil {
			return err
		}
		if runs == 1 {
			kill(t, table)
		}
		_, _, err := tx.Get([]byte("b"))
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs, %v; want a second run that succeeds", runs, err)
	}
	err = db.View(t.Context(), func(r kv.Reader) error {
		if v, ok, err := r.Get([]byte("a")); err != nil || !ok || string(v) != "2" {
			t.Errorf("a is %q, %v, %v", v, ok, err)
		}
		kill(t, table)
		if _, _, err := r.Get([]byte("a")); err == nil {
			t.Error("Get on a killed connection succeeded")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestConnectionKilledBeforeCommit: the connection is gone when the writes and COMMIT are sent. The store cannot know
// whether they arrived, and must say so.
func TestConnectionKilledBeforeCommit(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	db := openNamed(t, table)
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		if _, _, err := tx.Get([]byte("a")); err != nil {
			return err
		}
		if err := tx.Set([]byte("a"), []byte("1")); err != nil {
			return err
		}
		kill(t, table)
		return nil
	})
	if !errors.Is(err, kv.ErrUnknownOutcome) {
		t.Errorf("got %v, want ErrUnknownOutcome", err)
	}
	err = db.View(t.Context(), func(r kv.Reader) error {
		if _, ok, err := r.Get([]byte("a")); ok || err != nil {
			t.Errorf("a is there: %v, %v", ok, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestConnectionsKilledDuringCommits kills all connections again and again while transactions commit: what was
// acknowledged is there, and no transaction is half there.
func TestConnectionsKilledDuringCommits(t *testing.T) {
	t.Parallel()
	const workers, each, kills = 4, 60, 8
	table := newTable(t)
	db := openNamed(t, table)
	var acked sync.Map
	var done atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				err := db.Update(t.Context(), func(tx kv.Tx) error {
					if err := tx.Set([]byte("x/"+id), []byte("1")); err != nil {
						return err
					}
					return tx.Set([]byte("y/"+id), []byte("1"))
				})
				if err == nil {
					acked.Store(id, true)
				}
				if n := done.Add(1); n%(workers*each/kills) == 0 {
					wg.Go(func() { kill(t, table) })
				}
			}
		})
	}
	wg.Wait()

	whole := open(t, table)
	err := whole.View(t.Context(), func(r kv.Reader) error {
		found := map[string]int{}
		err := r.Scan(kv.Range{}, func(k, _ []byte) bool {
			found[string(k[2:])]++
			return true
		})
		for id, n := range found {
			if n != 2 {
				t.Errorf("transaction %s is half applied", id)
			}
		}
		acked.Range(func(id, _ any) bool {
			if found[id.(string)] != 2 {
				t.Errorf("transaction %s was acknowledged and is lost", id)
			}
			return true
		})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

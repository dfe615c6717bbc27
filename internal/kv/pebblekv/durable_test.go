package pebblekv_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

// TestReadersWaitForDurability holds up the fsync of a commit, which others see by then: whoever has read it must not
// return before it is durable, and whoever has read something else must not wait for it.
func TestReadersWaitForDurability(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	get := func(key string) func(kv.Reader) error {
		return func(r kv.Reader) error {
			_, _, err := r.Get([]byte(key))
			return err
		}
	}
	scan := func(prefix string) func(kv.Reader) error {
		return func(r kv.Reader) error {
			return r.Scan(kv.Prefix([]byte(prefix)), func(_, _ []byte) bool { return true })
		}
	}
	both := func(first, second func(kv.Reader) error) func(kv.Reader) error {
		return func(r kv.Reader) error { return errors.Join(first(r), second(r)) }
	}
	inUpdate := func(fn func(kv.Reader) error) func(kv.DB) error {
		return func(db kv.DB) error { return db.Update(t.Context(), func(tx kv.Tx) error { return fn(tx) }) }
	}
	inView := func(fn func(kv.Reader) error) func(kv.DB) error {
		return func(db kv.DB) error { return db.View(t.Context(), fn) }
	}
	rerun := func(fn func(kv.Reader) error) func(kv.DB) error {
		return func(db kv.DB) error { return kv.ViewRerun(t.Context(), db, fn) }
	}
	failing := func(fn func(kv.Reader) error) func(kv.Reader) error {
		return func(r kv.Reader) error { return errors.Join(fn(r), mine) }
	}
	for _, tc := range []struct {
		name  string
		read  func(kv.DB) error
		waits bool
		want  error
	}{
		{"get in a view", inView(get("a/new")), true, nil},
		{"scan in a view", inView(scan("a/")), true, nil},
		{"get in a view that may run again", rerun(get("a/new")), true, nil},
		{"scan in a view that may run again", rerun(scan("a/")), true, nil},
		{"scan after a get in one", rerun(both(get("b/old"), scan("a/"))), true, nil},
		{"get after a scan in one", rerun(both(scan("b/"), get("a/new"))), true, nil},
		{"get after the scan that shows it, in one", rerun(both(scan("a/"), get("b/old"))), true, nil},
		{"scan of another range in one", rerun(both(scan("b/"), scan("b/"))), false, nil},
		{"get in an update", inUpdate(get("a/new")), true, nil},
		{"scan in an update", inUpdate(scan("a/")), true, nil},
		{"an error that tells what was read", inView(failing(get("a/new"))), true, mine},
		{"the same in an update", inUpdate(failing(get("a/new"))), true, mine},
		{"get of another key", inView(get("a/old")), false, nil},
		{"scan of another range", inView(scan("b/")), false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var hold, released atomic.Bool
			syncing, release := make(chan struct{}, 1), make(chan struct{})
			fs := newFaultFS(vfs.NewMem(), func(op errorfs.Op) error {
				if isSync(op.Kind) && isLog(op.Path) && hold.CompareAndSwap(true, false) {
					syncing <- struct{}{}
					<-release
				}
				return nil
			})
			db := open(t, "db", pebblekv.Options{FS: fs})
			put := func(key string) error {
				return db.Update(t.Context(), func(tx kv.Tx) error { return tx.Set([]byte(key), []byte("1")) })
			}
			if err := errors.Join(put("a/old"), put("b/old")); err != nil {
				t.Fatal(err)
			}
			hold.Store(true)
			written, read := make(chan error, 1), make(chan error, 1)
			go func() { written <- put("a/new") }()
			<-syncing // so the commit is visible, and is not durable
			go func() {
				err := tc.read(db)
				if released.Load() != tc.waits {
					t.Errorf("returned after the commit was durable: %v, want %v", released.Load(), tc.waits)
				}
				read <- err
			}()
			var err error
			if tc.waits {
				select { // a reader that does not wait shows itself in this time, if it gets a processor
				case err = <-read:
				case <-time.After(20 * time.Millisecond):
				}
			} else {
				err = <-read
			}
			released.Store(true)
			close(release)
			if tc.waits && !t.Failed() {
				err = <-read
			}
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
			closeDB(t, db)
		})
	}
}

package pebblekv_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

// hotStore is a store of which the transactions of a test get in each other's way.
type hotStore struct {
	*testing.T
	*pebblekv.DB
}

func newHotStore(t *testing.T) *hotStore {
	t.Helper()
	db := open(t, "db", pebblekv.Options{FS: vfs.NewMem()})
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &hotStore{t, db}
}

// write begins a write of a key by a transaction of its own, and returns where its end is told.
func (h *hotStore) write(ctx context.Context, key, value string) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- h.Update(ctx, func(tx kv.Tx) error { return tx.Set([]byte(key), []byte(value)) })
	}()
	return done
}

func (h *hotStore) must(done <-chan error) {
	h.Helper()
	select {
	case err := <-done:
		if err != nil {
			h.Error(err)
		}
	case <-time.After(30 * time.Second):
		h.Fatal("a transaction does not end")
	}
}

func (h *hotStore) get(key string) string {
	h.Helper()
	var value string
	err := h.View(h.Context(), func(r kv.Reader) error {
		v, _, err := r.Get([]byte(key))
		value = string(v)
		return err
	})
	if err != nil {
		h.Error(err)
	}
	return value
}

// hot runs a transaction that reads by read and writes the hot key and "sum". Another changes the hot key after each of its first runs; last is called
// in the run after those.
func (h *hotStore) hot(read func(kv.Tx) error, conflicts int, last func()) (runs int) {
	h.Helper()
	err := h.Update(h.Context(), func(tx kv.Tx) error {
		runs++
		if err := read(tx); err != nil {
			return err
		}
		if runs <= conflicts {
			h.must(h.write(h.Context(), "hot5", fmt.Sprint(runs)))
		} else {
			last()
		}
		return errors.Join(tx.Set([]byte("hot5"), []byte("own")), tx.Set([]byte("sum"), fmt.Append(nil, runs)))
	})
	if err != nil {
		h.Error(err)
	}
	return runs
}

func readHot(tx kv.Tx) error {
	_, _, err := tx.Get([]byte("hot5"))
	return err
}

func scanHot(tx kv.Tx) error {
	return tx.Scan(kv.Prefix([]byte("hot")), func(_, _ []byte) bool { return true })
}

// A transaction on a hot key is favoured after its conflicts: who writes what it has read waits for it, and nobody else does.
func TestFavoured(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(kv.Tx) error{"a key": readHot, "a range": scanHot} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHotStore(t)
			var waits <-chan error
			runs := h.hot(read, 3, func() {
				h.must(h.write(t.Context(), "cold", "written beside it"))
				if h.get("cold") == "" {
					t.Error("the write beside it is not seen")
				}
				waits = h.write(t.Context(), "hot5", "last")
				gone, cancel := context.WithCancel(t.Context())
				given := h.write(gone, "hot5", "given up")
				for range 3 { // each of these commits comes after theirs has begun to wait, or before: neither makes a difference
					h.must(h.write(t.Context(), "cold", "again"))
				}
				cancel()
				if err := <-given; !errors.Is(err, context.Canceled) {
					t.Errorf("a write that was given up: %v", err)
				}
				select {
				case err := <-waits:
					t.Errorf("a write of what is reserved is done: %v", err)
				default:
				}
			})
			h.must(waits)
			if runs != 4 || h.get("hot5") != "last" || h.get("sum") != "4" {
				t.Errorf("%d runs; hot5 is %q, sum %q", runs, h.get("hot5"), h.get("sum"))
			}
		})
	}
}

// What is favoured and reads something else each time ends too, alone at last.
func TestFavouredInVain(t *testing.T) {
	t.Parallel()
	h := newHotStore(t)
	runs := 0
	err := h.Update(t.Context(), func(tx kv.Tx) error {
		runs++
		key := fmt.Sprint("k", runs)
		if _, _, err := tx.Get([]byte(key)); err != nil {
			return err
		}
		if runs <= 6 {
			h.must(h.write(t.Context(), key, "changed"))
		}
		return tx.Set([]byte("sum"), fmt.Append(nil, runs))
	})
	if err != nil || runs != 7 || h.get("sum") != "7" {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// A transaction that has read very many ranges is not favoured.
func TestTooMuchToReserve(t *testing.T) {
	t.Parallel()
	h := newHotStore(t)
	var waits <-chan error
	runs := h.hot(func(tx kv.Tx) error {
		for range 65 {
			if err := scanHot(tx); err != nil {
				return err
			}
		}
		return nil
	}, 3, func() { waits = h.write(t.Context(), "cold", "after it") })
	h.must(waits)
	if runs != 4 {
		t.Errorf("%d runs", runs)
	}
}

// What was reserved is free when the transaction fails, and when it panics.
func TestFavouredFails(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, end := range map[string]func() error{"an error": func() error { return failed }, "a panic": func() error { panic(failed) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHotStore(t)
			runs := 0
			err := func() (err error) {
				defer func() {
					if p := recover(); p != nil {
						err, _ = p.(error)
					}
				}()
				return h.Update(t.Context(), func(tx kv.Tx) error {
					if err := readHot(tx); err != nil {
						return err
					}
					if runs++; runs > 3 {
						return end()
					}
					h.must(h.write(t.Context(), "hot5", "changed"))
					return tx.Set([]byte("sum"), nil)
				})
			}()
			if !errors.Is(err, failed) || runs != 4 {
				t.Errorf("%d runs: %v", runs, err)
			}
			h.must(h.write(t.Context(), "hot5", "free"))
			if runs := h.hot(readHot, 3, func() {}); runs != 4 {
				t.Errorf("the next one runs %d times", runs)
			}
		})
	}
}

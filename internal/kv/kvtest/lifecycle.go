package kvtest

import (
	"context"
	"errors"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
)

var lifecycle = []test{
	{"canceled before", canceledBefore},
	{"canceled within", canceledWithin},
	{"canceled while waiting", canceledWaiting},
	{"close", closed},
	{"close waits", closeWaits},
}

func canceledBefore(t *testing.T, db kv.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.View(ctx, func(kv.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v", err)
	}
	err := db.Update(ctx, func(tx kv.Tx) error { return tx.Set([]byte("a"), []byte("1")) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v", err)
	}
	wantValue(t, db, "a", "-")
}

func canceledWithin(t *testing.T, db kv.DB) {
	set(t, db, "a", "1", "b", "2")
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Update(ctx, func(tx kv.Tx) error {
		if err := tx.Set([]byte("a"), []byte("2")); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update canceled before its commit: %v", err)
	}
	wantValue(t, db, "a", "1")

	ctx, cancel = context.WithCancel(t.Context())
	err = db.View(ctx, func(r kv.Reader) error {
		cancel()
		_, _, err := r.Get([]byte("a"))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Get after cancel: %v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	err = db.View(ctx, func(r kv.Reader) error {
		cancel()
		_, err := collect(r, kv.Range{})
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Scan after cancel: %v", err)
	}
}

// canceledWaiting: a transaction behind another that holds whatever the backend locks does not outlive its context
// for longer than that lock is held, and leaves no trace.
func canceledWaiting(t *testing.T, db kv.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	update(t, db, func(tx kv.Tx) error {
		if err := setCounter(tx, "a", 1); err != nil {
			return err
		}
		if ctx.Err() == nil {
			go func() {
				result <- db.Update(ctx, func(tx kv.Tx) error {
					cancel()
					return setCounter(tx, "b", 1)
				})
			}()
			cancel()
		}
		return nil
	})
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v", err)
	}
	wantValue(t, db, "a", "1")
	wantValue(t, db, "b", "-")
}

func closed(t *testing.T, db kv.DB) {
	set(t, db, "a", "1")
	if err := db.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := db.View(t.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View after Close: %v", err)
	}
	if err := db.Update(t.Context(), func(kv.Tx) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Update after Close: %v", err)
	}
	if err := db.Close(); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

func closeWaits(t *testing.T, db kv.DB) {
	set(t, db, "a", "1")
	done := make(chan error, 1)
	update(t, db, func(tx kv.Tx) error {
		if err := setCounter(tx, "a", 2); err != nil {
			return err
		}
		if done != nil {
			ended := done
			done = nil
			t.Cleanup(func() {
				if err := <-ended; err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			go func() { ended <- db.Close() }()
		}
		// The store answers this transaction whether Close has begun or not.
		_, err := get(tx, "a")
		return err
	})
}

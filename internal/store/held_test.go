package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/store"
)

// seen is a store that runs a hook when a change can be seen and its author has not heard of it yet.
type seen struct {
	kv.DB
	committed func() error
	shared    bool
}

func (s *seen) Update(ctx context.Context, fn func(kv.Tx) error) error {
	err := s.DB.Update(ctx, fn)
	if err == nil && s.committed != nil {
		err = s.committed()
	}
	return err
}

func (s *seen) Shared() bool { return s.shared }

// holder caches one fact of a store and changes it.
type holder struct {
	*testing.T
	backend *seen
	db      *store.DB
	cache   *store.Cache[string, int]
}

func newHolder(t *testing.T, shared bool) *holder {
	t.Helper()
	backend := &seen{DB: memkv.New(), shared: shared}
	db := store.New(backend)
	t.Cleanup(func() {
		db.Close()
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	return &holder{t, backend, db, store.NewCache[string, int](db, "iam", 2)}
}

func (h *holder) load() {
	h.Helper()
	if _, err := h.cache.Get(accountA, "a", func() (int, error) { return 1, nil }); err != nil {
		h.Fatal(err)
	}
}

// change writes in a transaction that changes the account's facts and ends as its function says.
func (h *holder) change(end error) error {
	return h.db.Update(context.Background(), authztest.Home(h.T, "iam", accountA, ""), func(tx *store.Tx) error {
		r, err := tx.Home()
		if err != nil {
			return err
		}
		r.Changed()
		return errors.Join(r.Set(store.K("fact"), []byte("x")), end)
	})
}

// holds says whether the fact is cached, and whether it is the one of a transaction in which during happens.
func (h *holder) holds(during func()) (cached, in bool) {
	h.Helper()
	held := h.cache.Held(accountA, "a")
	err := h.db.View(context.Background(), authztest.Home(h.T, "iam", accountA, ""), func(tx *store.Tx) error {
		if during != nil {
			during()
		}
		in = held.In(tx)
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return held.OK(), in
}

func (h *holder) want(when string, cached, in bool) {
	h.Helper()
	if c, i := h.holds(nil); c != cached || i != in {
		h.Errorf("%s: cached %v, of the transaction %v; want %v, %v", when, c, i, cached, in)
	}
}

func TestHeldFacts(t *testing.T) {
	t.Parallel()
	h := newHolder(t, false)
	h.want("before it was loaded", false, false)
	h.load()
	h.want("loaded", true, true)
	failed := errors.New("rolled back")
	if err := h.change(failed); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	h.want("after a change that rolled back", true, true)
	h.backend.committed = func() error {
		h.want("while a change can be seen that no epoch tells of", true, false)
		return nil
	}
	if err := h.change(nil); err != nil {
		t.Fatal(err)
	}
	h.want("after a change", false, false)
	h.load()
	h.want("loaded again", true, true)
}

func TestHeldFactsChangedDuringTheTransaction(t *testing.T) {
	t.Parallel()
	h := newHolder(t, false)
	h.load()
	done := make(chan error)
	cached, in := h.holds(func() {
		go func() { done <- h.change(nil) }()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if !cached || in {
		t.Errorf("cached %v, of the transaction %v", cached, in)
	}
}

// A commit of which nobody knows whether it was made may be seen at any later time.
func TestHeldFactsAfterAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	h := newHolder(t, false)
	h.backend.committed = func() error { return kv.ErrUnknownOutcome }
	if err := h.change(nil); !errors.Is(err, kv.ErrUnknownOutcome) {
		t.Fatal(err)
	}
	h.load()
	h.want("after it", true, false)
}

func TestHeldFactsOfSharedStores(t *testing.T) {
	t.Parallel()
	h := newHolder(t, true)
	h.load()
	if _, in := h.holds(nil); in {
		t.Error("a fact is trusted that another node may have changed")
	}
}

// Package storetest makes stores for tests.
package storetest

import (
	"context"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/store"
)

// New returns an empty store in memory, closed when the test ends.
func New(t testing.TB) *store.DB {
	t.Helper()
	db, _ := NewRaw(t)
	return db
}

// NewRaw is New, with what yields all keys and values as the backend has them.
func NewRaw(t testing.TB) (db *store.DB, each func(yield func(k, v []byte) bool)) {
	t.Helper()
	backend := memkv.New()
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

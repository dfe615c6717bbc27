// Package storetest makes stores for tests.
package storetest

import (
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/store"
)

// New returns an empty store in memory, closed when the test ends.
func New(t testing.TB) *store.DB {
	t.Helper()
	backend := memkv.New()
	db := store.New(backend)
	t.Cleanup(func() {
		db.Close()
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

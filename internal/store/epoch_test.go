package store

import (
	"fmt"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv/memkv"
)

// Access key ids name accounts, and anybody can make them up.
func TestLookUpsCostNoMemory(t *testing.T) {
	t.Parallel()
	backend := memkv.New()
	t.Cleanup(func() { _ = backend.Close() })
	db := New(backend)
	t.Cleanup(db.Close)
	cache := NewCache[string, int](db, "iam", 10)
	for i := range 100 {
		account := fmt.Sprintf("%012d", i)
		if _, err := cache.Get(account, account, func() (int, error) { return i, nil }); err != nil {
			t.Fatal(err)
		}
	}
	counted := 0
	db.epochs.counts.Range(func(any, any) bool { counted++; return true })
	if counted != 0 {
		t.Errorf("%d accounts that nothing was changed in are remembered", counted)
	}
	if len(cache.entries) != 10 {
		t.Errorf("the cache holds %d entries, not 10", len(cache.entries))
	}
	first := epochKey{"iam", "000000000099"}
	db.epochs.bump([]epochKey{first})
	v, err := cache.Get(first.account, first.account, func() (int, error) { return -1, nil })
	if err != nil || v != -1 {
		t.Errorf("after the first change the cache answers %d, %v", v, err)
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
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
	first := epochKey{service: "iam", account: "000000000099"}
	db.epochs.bump([]epochKey{first})
	v, err := cache.Get(first.account, first.account, func() (int, error) { return -1, nil })
	if err != nil || v != -1 {
		t.Errorf("after the first change the cache answers %d, %v", v, err)
	}
}

// Where an account has very many pools, changing one must not drop what is cached of the others; a change of the account
// drops all.
func TestChangesInOneResource(t *testing.T) {
	t.Parallel()
	backend := memkv.New()
	t.Cleanup(func() { _ = backend.Close() })
	db := New(backend)
	t.Cleanup(db.Close)
	cache := NewCache[string, int](db, "cognito-idp", 1000)
	const account = "000000000000"
	loads := 0
	get := func(resource string) {
		t.Helper()
		if _, err := cache.GetIn(account, resource, resource, func() (int, error) { loads++; return 0, nil }); err != nil {
			t.Fatal(err)
		}
	}
	change := func(f func(*Records)) {
		t.Helper()
		err := db.SystemUpdate(t.Context(), "cognito-idp", func(tx *Tx) error {
			rec, err := tx.Records(account, "us-east-1")
			if err == nil {
				f(rec)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all := func() int {
		loads = 0
		for i := range 100 {
			get(fmt.Sprint("pool-", i))
		}
		return loads
	}
	if n := all(); n != 100 {
		t.Fatalf("the empty cache loads %d of 100", n)
	}
	change(func(r *Records) { r.ChangedIn("pool-7") })
	loads = 0
	if get("pool-7"); loads != 1 {
		t.Error("a changed resource is answered from the cache")
	}
	if n := all(); n > 5 {
		t.Errorf("a change in one resource drops %d others", n)
	}
	change(func(r *Records) { r.Changed() })
	if n := all(); n != 100 {
		t.Errorf("a change in the account drops %d of 100", n)
	}
}

func TestEpochKeysOnSharedStores(t *testing.T) {
	t.Parallel()
	for _, k := range []epochKey{{service: "iam", account: "000000000001"}, partKey("cognito-idp", "000000000001", "us-east-1_x")} {
		if got, ok := epochKeyOf(k.mark()); !ok || got != k {
			t.Errorf("%+v is read back as %+v, %t", k, got, ok)
		}
	}
	if _, ok := epochKeyOf(append([]byte{spaceEpochs}, K("iam")...)); ok {
		t.Error("a key of one part is read")
	}
}

// marked is a shared store whose mark can become one of a newer program.
type marked struct {
	kv.DB
	err error
}

func (*marked) Shared() bool                        { return true }
func (m *marked) CheckMark(_ context.Context) error { return m.err }

// What is polled of a store that a newer program has opened is not trusted.
func TestPollsLookAtTheMark(t *testing.T) {
	t.Parallel()
	backend := memkv.New()
	t.Cleanup(func() { _ = backend.Close() })
	m := &marked{backend, errors.New("a newer program")}
	e := &epochs{db: m, seen: map[string]uint64{}}
	if e.poll(t.Context()); e.fresh.Load() != nil {
		t.Error("a poll of an outdated store counts")
	}
	m.err = nil
	if e.poll(t.Context()); e.fresh.Load() == nil {
		t.Error("a poll does not count")
	}
}

// What was polled is trusted for a time, by the monotonic and by the wall clock.
func TestTrusted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(d time.Duration) *time.Time { then := now.Add(-d); return &then }
	set := func(d time.Duration) *time.Time { then := now.Add(-d).Round(0); return &then } // by the wall clock only
	for name, c := range map[string]struct {
		polled *time.Time
		want   bool
	}{
		"never polled":                {nil, false},
		"just now":                    {at(0), true},
		"as long ago as may be":       {at(epochTrust), true},
		"longer ago":                  {at(epochTrust + 1), false},
		"longer ago by the wall":      {set(epochTrust + 1), false},
		"the wall clock was set back": {set(-time.Second), false},
	} {
		if got := trusted(c.polled, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Package kvtest is the contract of package kv as tests, which every backend must pass.
package kvtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// Run checks the whole contract. open returns a new, empty store each time, which the suite closes unless the test has
// done so (a second Close must return kv.ErrClosed); open registers with t.Cleanup whatever else must be released.
func Run(t *testing.T, open func(t *testing.T) kv.DB) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"basics", basics},
		{"iteration", iteration},
		{"isolation", isolation},
		{"lifecycle", lifecycle},
		{"optional", optional},
		{"linearizable", []test{{"history", linearizable}}},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, tc := range g.tests {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					db := open(t)
					t.Cleanup(func() {
						if err := db.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
							t.Errorf("Close: %v", err)
						}
					})
					tc.run(t, db)
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(*testing.T, kv.DB)
}

// pair is what a scan yields, in a form that prints and compares.
type pair struct{ k, v string }

func update(t *testing.T, db kv.DB, fn func(kv.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func view(t *testing.T, db kv.DB, fn func(kv.Reader) error) {
	t.Helper()
	if err := db.View(t.Context(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// set writes the pairs k1, v1, k2, v2 and so on in one transaction.
func set(t *testing.T, db kv.DB, pairs ...string) {
	t.Helper()
	update(t, db, func(tx kv.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Set([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// get returns the value at key, or "-" if it is absent.
func get(r kv.Reader, key string) (string, error) {
	v, ok, err := r.Get([]byte(key))
	if err != nil || !ok {
		return "-", err
	}
	return string(v), nil
}

func wantValue(t *testing.T, db kv.DB, key, want string) {
	t.Helper()
	view(t, db, func(r kv.Reader) error {
		got, err := get(r, key)
		if err == nil && got != want {
			t.Errorf("value at %q is %q, want %q", key, got, want)
		}
		return err
	})
}

func collect(r kv.Reader, rng kv.Range) ([]pair, error) {
	var got []pair
	err := r.Scan(rng, func(k, v []byte) bool {
		got = append(got, pair{string(k), string(v)})
		return true
	})
	return got, err
}

func wantScan(r kv.Reader, rng kv.Range, want ...pair) error {
	got, err := collect(r, rng)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("scan of [%q, %q) reverse=%v limit=%d\n got %q\nwant %q", rng.Start, rng.End, rng.Reverse, rng.Limit, got, want)
	}
	return nil
}

// counter reads a decimal number; an absent key is 0.
func counter(r kv.Reader, key string) (int, error) {
	s, err := get(r, key)
	if err != nil || s == "-" {
		return 0, err
	}
	var n int
	_, err = fmt.Sscanf(s, "%d", &n)
	return n, err
}

func setCounter(tx kv.Tx, key string, n int) error {
	return tx.Set([]byte(key), fmt.Appendf(nil, "%d", n))
}

// add adds n to the number at key in a transaction.
func add(ctx context.Context, db kv.DB, key string, n int) error {
	return db.Update(ctx, func(tx kv.Tx) error {
		v, err := counter(tx, key)
		if err != nil {
			return err
		}
		return setCounter(tx, key, v+n)
	})
}

package kvtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
)

var iteration = []test{
	{"ranges", ranges},
	{"ranges with own writes", rangesWithOwnWrites},
	{"stop early", stopEarly},
	{"large scan", largeScan},
	{"write during scan", writeDuringScan},
	{"nested reads", nestedReads},
	{"delete hides limit", deleteHidesLimit},
}

// rangeCases are checked on the keys a, b, ba, c, d with values 1 to 5.
var rangeCases = []struct {
	name       string
	start, end string // "" is nil
	want       string // the keys in ascending order
}{
	{"all", "", "", "a b ba c d"},
	{"from", "b", "", "b ba c d"},
	{"to", "", "c", "a b ba"},
	{"between", "b", "d", "b ba c"},
	{"between absent keys", "aa", "cc", "b ba c"},
	{"one key", "b", "b\x00", "b"},
	{"empty", "b", "b", ""},
	{"backwards", "d", "b", ""},
	{"after all", "e", "", ""},
	{"before all", "", "a", ""},
	{"prefix", "b", "c", "b ba"},
}

func bytesOrNil(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func checkRanges(r kv.Reader, values map[string]string) error {
	for _, tc := range rangeCases {
		var want []pair
		for _, k := range strings.Fields(tc.want) {
			want = append(want, pair{k, values[k]})
		}
		for _, limit := range []int{0, 1, 2, 100} {
			rng := kv.Range{Start: bytesOrNil(tc.start), End: bytesOrNil(tc.end), Limit: limit}
			if err := wantScan(r, rng, want...); err != nil {
				return fmt.Errorf("%s: %w", tc.name, err)
			}
			rng.Reverse = true
			reversed := slices.Clone(want)
			slices.Reverse(reversed)
			if err := wantScan(r, rng, reversed...); err != nil {
				return fmt.Errorf("%s: %w", tc.name, err)
			}
		}
	}
	return nil
}

var fiveKeys = map[string]string{"a": "1", "b": "2", "ba": "3", "c": "4", "d": "5"}

func ranges(t *testing.T, db kv.DB) {
	set(t, db, "a", "1", "b", "2", "ba", "3", "c", "4", "d", "5")
	check := func(r kv.Reader) error { return checkRanges(r, fiveKeys) }
	view(t, db, check)
	update(t, db, func(tx kv.Tx) error { return check(tx) })
}

func rangesWithOwnWrites(t *testing.T, db kv.DB) {
	// The same content, half of it stored (with keys that go and values that change) and half of it the transaction's.
	set(t, db, "A", "x", "b", "old", "bb", "x", "c", "4", "e", "x")
	update(t, db, func(tx kv.Tx) error {
		for _, k := range []string{"A", "bb", "e", "never"} {
			if err := tx.Delete([]byte(k)); err != nil {
				return err
			}
		}
		for k, v := range fiveKeys {
			if k == "c" {
				continue
			}
			if err := tx.Set([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
		if err := checkRanges(tx, fiveKeys); err != nil {
			return err
		}
		return wantScan(tx, kv.Prefix([]byte("b")), pair{"b", "2"}, pair{"ba", "3"})
	})
	view(t, db, func(r kv.Reader) error { return checkRanges(r, fiveKeys) })
}

func stopEarly(t *testing.T, db kv.DB) {
	set(t, db, "a", "1", "c", "3", "e", "5")
	update(t, db, func(tx kv.Tx) error {
		if err := tx.Set([]byte("b"), []byte("2")); err != nil {
			return err
		}
		if err := tx.Set([]byte("f"), []byte("6")); err != nil {
			return err
		}
		for _, reverse := range []bool{false, true} {
			for n := 1; n <= 5; n++ {
				calls := 0
				err := tx.Scan(kv.Range{Reverse: reverse}, func(_, _ []byte) bool {
					calls++
					return calls < n
				})
				if err != nil {
					return err
				}
				if calls != n {
					t.Errorf("reverse=%v: stopped at pair %d, yield was called %d times", reverse, n, calls)
				}
			}
		}
		return nil
	})
}

func largeScan(t *testing.T, db kv.DB) {
	const n = 2500
	var want []pair
	update(t, db, func(tx kv.Tx) error {
		want = want[:0]
		for i := range n {
			k, v := fmt.Sprintf("k%06d", i), fmt.Sprint(i)
			want = append(want, pair{k, v})
			if err := tx.Set([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
		return nil
	})
	reversed := slices.Clone(want)
	slices.Reverse(reversed)
	view(t, db, func(r kv.Reader) error {
		if err := wantScan(r, kv.Range{}, want...); err != nil {
			return err
		}
		if err := wantScan(r, kv.Range{Reverse: true, Limit: 7}, reversed...); err != nil {
			return err
		}
		return wantScan(r, kv.Range{Start: []byte("k000007"), End: []byte("k002007"), Limit: 1}, want[7:2007]...)
	})
}

func writeDuringScan(t *testing.T, db kv.DB) {
	set(t, db, "a", "1", "b", "2", "c", "3")
	update(t, db, func(tx kv.Tx) error {
		var got []string
		var inner error
		err := tx.Scan(kv.Range{}, func(k, _ []byte) bool {
			key := string(k)
			got = append(got, key)
			inner = firstError(inner, tx.Delete([]byte(key)))
			inner = firstError(inner, tx.Set([]byte(key+"-new"), []byte("x")))
			return true
		})
		if err = firstError(err, inner); err != nil {
			return err
		}
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("a scan saw writes that began after it: %q", got)
		}
		return wantScan(tx, kv.Range{}, pair{"a-new", "x"}, pair{"b-new", "x"}, pair{"c-new", "x"})
	})
}

func nestedReads(t *testing.T, db kv.DB) {
	set(t, db, "a", "1", "b", "2")
	view(t, db, func(r kv.Reader) error {
		var got []string
		var inner error
		err := r.Scan(kv.Range{}, func(outer, _ []byte) bool {
			o := string(outer)
			inner = firstError(inner, r.Scan(kv.Range{Reverse: true}, func(k, _ []byte) bool {
				v, err := get(r, string(k))
				inner = firstError(inner, err)
				got = append(got, o+string(k)+v)
				return true
			}))
			return true
		})
		if want := []string{"ab2", "aa1", "bb2", "ba1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		return firstError(err, inner)
	})
}

func deleteHidesLimit(t *testing.T, db kv.DB) {
	set(t, db, "a", "1", "b", "2", "c", "3", "d", "4")
	update(t, db, func(tx kv.Tx) error {
		for _, k := range []string{"a", "b"} {
			if err := tx.Delete([]byte(k)); err != nil {
				return err
			}
		}
		return wantScan(tx, kv.Range{Limit: 1}, pair{"c", "3"}, pair{"d", "4"})
	})
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

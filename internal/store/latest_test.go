package store

import (
	"testing"

	"github.com/bulkhead/bulkhead/internal/item"
)

// What is known of the partition key that was used last is of that key, and of no other.
func TestLatestPartition(t *testing.T) {
	t.Parallel()
	r := &rows{table: hashOf([]byte("t"))}
	multi := append([]byte{'M', 2}, "SaSb"...)
	if got := item.LeadingBytes(multi); string(got) != "Sa" {
		t.Fatalf("the first of several is %q", got)
	}
	for range 2 {
		for _, pk := range [][]byte{[]byte("Sacme#1"), []byte("Sacme#11"), []byte("Bacme#1"), []byte("N12"), []byte("S"), multi, nil} {
			r.use(pk)
			r.latest.read, r.latest.write = true, true
			if got, want := r.latest.leading, leadingText(pk); got != want || r.latest.pk != string(pk) {
				t.Errorf("%q leads with %q, want %q", pk, got, want)
			}
			want := (&rows{table: r.table}).key(item.RowKey{PK: pk, SK: []byte("s")})
			for range 2 {
				if got := r.key(item.RowKey{PK: pk, SK: []byte("s")}); string(got) != string(want) {
					t.Errorf("%q is at %q, want %q", pk, got, want)
				}
			}
			given := append([]byte("S"), pk...) // memory of the caller's, which is used again
			r.use(given)
			if r.latest.read || r.latest.write || r.latest.hashed {
				t.Errorf("%q: what was permitted for another is for it", given)
			}
			copy(given, "SXXXXXXX")
			if r.latest.pk != "S"+string(pk) {
				t.Errorf("a key is now %q", r.latest.pk)
			}
		}
	}
}

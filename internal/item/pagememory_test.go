package item

import (
	"fmt"
	"strings"
	"testing"
)

// reusing yields rows in memory that the next row, and what comes after the last, overwrites.
type reusing struct{ *memRows }

func (r reusing) Query(pk []byte, rng Range, yield func([]byte) bool) error {
	var buf []byte
	err := r.memRows.Query(pk, rng, func(value []byte) bool {
		buf = append(buf[:0], value...)
		return yield(buf)
	})
	clear(buf)
	return err
}

// The items of a page have memory of their own, which they share with nothing but each other: what is of one ends where the next begins,
// whatever their sizes, and a filter leaves the rest as it was.
func TestPagesKeepTheirItems(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	sizes := []int{1, 0, 40, 3000, 2, 20_000, 1, 5, 17_000, 300, 16 << 10, 0, 1, 2, 3}
	want := make([]string, len(sizes))
	for i, n := range sizes {
		want[i] = fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"N":"%d"},"text":{"S":"%s"}}`, i, strings.Repeat(string(rune('a'+i)), n))
		put(t, tab, rows, want[i])
	}
	req := request{values: `{":p":{"S":"a"}}`}
	long := request{names: map[string]string{"#t": "text"}, values: `{":n":{"N":"1"}}`}.filter(t, "size(#t) > :n")
	for name, q := range map[string]Query{
		"all": {}, "a limit": {Limit: 9}, "a large limit": {Limit: 1000}, "an exact one": {Limit: len(sizes)}, "a filter": {Filter: long},
	} {
		q.Keys = req.keys(t, "pk = :p")
		p, err := tab.Query(reusing{rows}, &q)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for i, n := range sizes[:p.Scanned] {
			if q.Filter != nil && n < 2 {
				continue
			}
			if got, want := string(p.Items[at].AppendJSON(nil)), string(mustMap(t, want[i]).AppendJSON(nil)); got != want {
				t.Errorf("%s: item %d is %.60s, not %.60s", name, at, got, want)
			}
			if b := p.Items[at].b; cap(b) != len(b) {
				t.Errorf("%s: who appends to item %d writes into the next", name, at)
			}
			at++
		}
		read := len(sizes)
		if q.Limit > 0 {
			read = min(q.Limit, read)
		}
		if at != len(p.Items) || p.Scanned != read {
			t.Errorf("%s: %d items, %d evaluated", name, len(p.Items), p.Scanned)
		}
	}
}

// What is returned of an item takes its place in the list. The LastEvaluatedKey is of the item all the same, and not of what is returned.
func TestLastKeyOfAPageWithoutKeys(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	for i := range 3 {
		put(t, tab, rows, fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"N":"%d"},"text":{"S":"%d"}}`, i, i))
	}
	req := request{names: map[string]string{"#t": "text"}, values: `{":p":{"S":"a"}}`}
	for limit := 1; limit <= 3; limit++ {
		q := Query{Keys: request{values: req.values}.keys(t, "pk = :p"), Projection: request{names: req.names}.projection(t, "#t"), Limit: limit}
		p, err := tab.Query(rows, &q)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"N":"%d"}}`, limit-1)
		if got := string(p.Last.AppendJSON(nil)); got != want || p.Items[limit-1].Has("pk") {
			t.Errorf("after %d the page goes on at %s, want %s", limit, got, want)
		}
	}
}

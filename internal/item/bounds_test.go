package item

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// bigRows fills a partition with items that are large in the table and small in the index byDate.
func bigRows(t *testing.T, n int) (*Table, *memRows) {
	t.Helper()
	tab, rows := orders(), &memRows{}
	for i := range n {
		put(t, tab, rows, fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"N":"%d"},"date":{"S":"%03d"},"big":{"S":"%s"}}`, i, i, strings.Repeat("x", MaxItem-1000)))
	}
	return tab, rows
}

// A page of a local index is bounded by the items that it returns, not by the entries that stand for them.
func TestFetchedPagesAreBounded(t *testing.T) {
	t.Parallel()
	const n = 12
	tab, rows := bigRows(t, n)
	req := request{values: `{":p":{"S":"a"}}`}
	q := Query{Index: "byDate", Keys: req.keys(t, "pk = :p"), Select: SelectAll}
	seen := map[string]bool{}
	for {
		p, err := tab.Query(rows, &q)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, m := range p.Items {
			size += m.Size()
			seen[m.Get("sk").String()] = true
		}
		if size >= MaxPage+MaxItem || p.Scanned != len(p.Items) {
			t.Fatalf("a page of %d bytes, %d items, %d evaluated", size, len(p.Items), p.Scanned)
		}
		if p.Last.IsZero() {
			break
		}
		q.Start = p.Last
	}
	if len(seen) != n {
		t.Errorf("%d of %d items seen", len(seen), n)
	}
}

// Conditions that fail do not let a transaction return more than one that holds could touch.
func TestCanceledTransactionsAreBounded(t *testing.T) {
	t.Parallel()
	const n = 12
	tab, rows := bigRows(t, n)
	var all []TransactWrite
	for i := range n {
		all = append(all, TransactWrite{Table: tab, Rows: rows, Write: &Write{
			Kind: CheckRow, Key: mustMap(t, fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"N":"%d"}}`, i)),
			Condition: request{}.condition(t, "attribute_not_exists(pk)"), ReturnOnFailure: true,
		}})
	}
	_, err := Transact(all)
	var canceled *CanceledError
	if errors.As(err, &canceled) || !strings.Contains(message(err), "Transaction payload size") {
		t.Errorf("got %.80v", err)
	}
}

package item

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// transact runs a transaction on one table.
func transact(tab *Table, rows Rows, ws ...*Write) ([]Written, error) {
	all := make([]TransactWrite, len(ws))
	for i, w := range ws {
		all[i] = TransactWrite{Table: tab, Rows: rows, Write: w}
	}
	return Transact(all)
}

// Actions that do not fit their tables are found before any is looked at, and only the first of them is told.
func TestTransactTellsTheFirstMisfit(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	there := request{}.condition(t, "attribute_exists(pk)")
	_, err := transact(tab, rows,
		&Write{Kind: PutRow, Item: mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"1"}}`), Condition: there},
		&Write{Kind: PutRow, Item: mustMap(t, `{"pk":{"S":"a"},"sk":{"S":"2"}}`)},
		&Write{Kind: PutRow, Item: mustMap(t, `{"pk":{"N":"3"},"sk":{"N":"3"}}`)})
	var canceled *CanceledError
	if !errors.As(err, &canceled) || !strings.HasSuffix(err.Error(), "[None, ValidationError, None]") {
		t.Errorf("got %v", err)
	}
}

// An empty key is no reason of a cancellation: it refuses the request.
func TestTransactRefusesEmptyKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		w    *Write
		want string
	}{
		{&Write{Kind: PutRow, Item: mustMap(t, `{"pk":{"S":""},"sk":{"N":"1"}}`)}, "empty string value. Key: pk"},
		{&Write{Kind: DeleteRow, Key: mustMap(t, `{"pk":{"S":""},"sk":{"N":"1"}}`)}, "empty string value. Key: pk"},
		{&Write{Kind: PutRow, Item: mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"1"},"owner":{"S":""}}`)}, "IndexName: byOwner, IndexKey: owner"},
	} {
		if _, err := transact(orders(), &memRows{}, c.w); !strings.HasSuffix(message(err), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// The limit of a transaction is on what the request carries, not on the rows that it finds.
func TestTransactSize(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	large := strings.Repeat("x", 390<<10)
	var puts, deletes []*Write
	for i := range 12 {
		key := fmt.Sprintf(`"pk":{"S":"a"},"sk":{"N":"%d"}`, i)
		m := mustMap(t, `{`+key+`,"x":{"S":"`+large+`"}}`)
		puts = append(puts, &Write{Kind: PutRow, Item: m})
		deletes = append(deletes, &Write{Kind: DeleteRow, Key: mustMap(t, `{`+key+`}`)})
		put(t, tab, rows, string(m.AppendJSON(nil)))
	}
	if _, err := transact(tab, rows, puts...); message(err) != "Transaction payload size cannot exceed 4194304 bytes" {
		t.Errorf("puts: %.200v", err)
	}
	if _, err := transact(tab, rows, deletes...); err != nil || len(rows.rows) != 0 {
		t.Errorf("deletes: %.200v, %d rows left", err, len(rows.rows))
	}
}

// The table's share of a transaction costs double; that of its indexes does not.
func TestTransactCost(t *testing.T) {
	t.Parallel()
	done, err := transact(orders(), &memRows{},
		&Write{Kind: PutRow, Item: mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"1"},"status":{"S":"x"},"date":{"S":"y"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if c := done[0].Cost; c.Table != 2 || c.Indexes["byStatus"] != 1 || c.Indexes["byDate"] != 1 {
		t.Errorf("%+v", c)
	}
}

// An update that only takes away makes no item, and has nothing to find its paths in.
func TestRemovesMakeNoItem(t *testing.T) {
	t.Parallel()
	tab := orders()
	key := mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"1"}}`)
	r := request{values: `{":ss":{"SS":["x"]},":one":{"N":"1"}}`}
	legacy, err := LegacyUpdates(map[string]LegacyUpdate{"gone": {Action: "DELETE"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		u     *Update
		makes bool
	}{
		{r.update(t, "REMOVE gone"), false}, {r.update(t, "REMOVE x.y, l[0]"), false}, {r.update(t, "DELETE gone :ss"), false},
		{legacy, false}, {nil, true}, {&Update{}, true}, {r.update(t, "REMOVE gone SET a = :one"), true}, {r.update(t, "ADD n :one"), true},
	} {
		rows := &memRows{}
		w := &Write{Kind: UpdateRow, Key: key, Update: c.u}
		done, err := tab.Write(rows, w)
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		if made := len(rows.rows) == 1; made != c.makes || w.Returned("ALL_NEW", done).IsZero() == c.makes || done.Cost.Table != 1 {
			t.Errorf("%d: made %v, %+v", i, made, done)
		}
	}
}

// What an update writes into the key of an index must fit it; what it leaves alone need not.
func TestUpdatesOfIndexKeys(t *testing.T) {
	t.Parallel()
	tab := orders()
	young := orders()
	young.Indexes = nil
	rows := &memRows{}
	put(t, young, rows, `{"pk":{"S":"a"},"sk":{"N":"1"},"owner":{"N":"7"},"n":{"N":"1"},"e":{"S":""}}`)
	r := request{values: `{":one":{"N":"1"},":e":{"S":""}}`, names: map[string]string{"#s": "status", "#o": "owner"}}
	key := mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"1"}}`)
	for src, want := range map[string]string{
		"SET n = :one":  "",
		"SET #s = n":    "The update expression attempted to update the secondary index key to unsupported type",
		"SET #s = :one": wrong + "Type mismatch for Index Key status Expected: S Actual: N IndexName: byStatus",
		"SET #o = :e": "One or more parameter values are not valid. The update expression attempted to update a secondary index key to a " +
			"value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value.",
	} {
		if _, err := tab.Write(rows, &Write{Kind: UpdateRow, Key: key, Update: r.update(t, src)}); message(err) != want {
			t.Errorf("%s: got %v", src, err)
		}
	}
}

// An UpdateItem request is charged for its actions instead of the key; no other write is.
func TestUpdateSizeLimit(t *testing.T) {
	t.Parallel()
	tab := &Table{Name: "t", Keys: KeySchema{Hash: KeyPart{"k", S}}}
	for _, c := range []struct {
		alone bool
		size  int // of the item that the update makes
		fits  bool
	}{
		{true, MaxItem - 22 + 2, true}, {true, MaxItem - 22 + 3, false}, {false, MaxItem, true}, {false, MaxItem + 1, false},
	} {
		text := strings.Repeat("x", c.size-3) // beside "k", "x" and "v"
		w := &Write{Kind: UpdateRow, Alone: c.alone, Key: mustMap(t, `{"k":{"S":"x"}}`),
			Update: request{values: `{":v":{"S":"` + text + `"}}`}.update(t, "SET v = :v")}
		_, err := tab.Write(&memRows{}, w)
		if want := map[bool]string{true: "", false: "Item size to update has exceeded the maximum allowed size"}[c.fits]; message(err) != want {
			t.Errorf("%d, alone %v: %.200v", c.size, c.alone, err)
		}
	}
}

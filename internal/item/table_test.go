package item

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestKeyErrors(t *testing.T) {
	t.Parallel()
	tab := orders()
	long := strings.Repeat("x", 2049)
	const mismatch = "The provided key element does not match the schema"
	for _, c := range []struct{ key, want string }{
		{`{"pk":{"S":"a"},"sk":{"N":"1"}}`, ""},
		{`{"pk":{"S":"a"}}`, mismatch},
		{`{"pk":{"S":"a"},"sk":{"N":"1"},"x":{"N":"1"}}`, mismatch},
		{`{"pk":{"S":"a"},"x":{"N":"1"}}`, mismatch},
		{`{"pk":{"S":"a"},"sk":{"S":"1"}}`, mismatch},
		{`{"pk":{"S":""},"sk":{"N":"1"}}`, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{`{"pk":{"S":"` + long + `"},"sk":{"N":"1"}}`, "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		{`{"pk":{},"sk":{"N":"1"}}`, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
	} {
		if _, err := tab.Keys.Key(mustMap(t, c.key)); message(err) != c.want {
			t.Errorf("%.60s: got %v, want %s", c.key, err, c.want)
		}
	}
	for _, c := range []struct{ item, want string }{
		{`{"pk":{"S":"a"},"sk":{"N":"1"},"status":{"S":"x"}}`, ""},
		{`{"pk":{"S":"a"}}`, "One or more parameter values were invalid: Missing the key sk in the item"},
		{`{"pk":{"N":"1"},"sk":{"N":"1"}}`, "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N"},
		{`{"pk":{"S":"a"},"sk":{"N":"1"},"status":{"N":"1"}}`, "One or more parameter values were invalid: Type mismatch for Index Key status Expected: S Actual: N IndexName: byStatus"},
		{`{"pk":{"S":"a"},"sk":{"N":"1"},"date":{"S":"` + long[:1025] + `"}}`, "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes"},
		{`{"pk":{"S":"a"},"sk":{"N":"1"},"status":{"S":""}}`, "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: byStatus, IndexKey: status"},
		{`{"pk":{"S":"a"},"sk":{"N":"1"},"big":{"S":"` + strings.Repeat("x", MaxItem) + `"}}`, "Item size has exceeded the maximum allowed size"},
	} {
		_, err := tab.Write(&memRows{}, &Write{Kind: PutRow, Item: mustMap(t, c.item)})
		if message(err) != c.want {
			t.Errorf("%.60s: got %v, want %s", c.item, err, c.want)
		}
	}
}

func TestKeyBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v         Value
		bytes, lk string
	}{
		{String("acme"), "Sacme", "acme"}, {Number("1.50"), "N1.5", "1.5"}, {Binary([]byte{0, 1}), "B\x00\x01", "AAE="},
	} {
		if string(KeyBytes(c.v)) != c.bytes || LeadingKey(c.v) != c.lk {
			t.Errorf("%s: got %q, %q", c.v, KeyBytes(c.v), LeadingKey(c.v))
		}
	}
}

func TestWrites(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	key := mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"1"}}`)
	one := request{values: `{":one":{"N":"1"}}`}
	put(t, tab, rows, `{"pk":{"S":"a"},"sk":{"N":"1"},"cnt":{"N":"1"}}`)

	_, err := tab.Write(rows, &Write{Kind: PutRow, Item: key, Condition: request{}.condition(t, "attribute_not_exists(pk)"), ReturnOnFailure: true})
	var failed *ConditionFailedError
	if !errors.As(err, &failed) || !failed.Item.Has("cnt") {
		t.Fatalf("a put over an existing row: %v", err)
	}
	was := bytes.Clone(failed.Item.Stored())
	stored, ok, err := rows.Get(tab.Keys.rowKey(key))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	kept := bytes.Clone(stored)
	clear(stored) // as a store's memory may be used again once the transaction has ended
	if !bytes.Equal(failed.Item.Stored(), was) {
		t.Error("the item of the error is the store's memory")
	}
	copy(stored, kept)

	w := &Write{Kind: UpdateRow, Key: key, Update: one.update(t, "SET cnt = cnt + :one, fresh = :one")}
	done, err := tab.Write(rows, w)
	if err != nil {
		t.Fatal(err)
	}
	for returns, want := range map[string]string{
		"NONE": `{}`, "UPDATED_OLD": `{"cnt":{"N":"1"}}`, "UPDATED_NEW": `{"cnt":{"N":"2"},"fresh":{"N":"1"}}`,
		"ALL_OLD": `{"pk":{"S":"a"},"sk":{"N":"1"},"cnt":{"N":"1"}}`,
		"ALL_NEW": `{"pk":{"S":"a"},"sk":{"N":"1"},"cnt":{"N":"2"},"fresh":{"N":"1"}}`,
	} {
		if got := string(w.Returned(returns, done).AppendJSON(nil)); got != want {
			t.Errorf("%s: got %s, want %s", returns, got, want)
		}
	}
	if _, err := tab.Write(rows, &Write{Kind: UpdateRow, Key: key, Update: one.update(t, "SET sk = :one")}); message(err) !=
		"One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key" {
		t.Errorf("update of a key: %v", err)
	}
	if _, err := tab.Write(rows, &Write{Kind: UpdateRow, Key: key, Update: request{values: `{":one":{"N":"1"}}`, names: map[string]string{"#o": "owner"}}.update(t, "SET #o.x = :one")}); message(err) !=
		"Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: owner" {
		t.Errorf("update inside an index key: %v", err)
	}
	if done, err = tab.Write(rows, &Write{Kind: DeleteRow, Key: key}); err != nil || !done.Old.Has("fresh") {
		t.Errorf("delete: %s, %v", done.Old.AppendJSON(nil), err)
	}
	if len(rows.rows) != 0 {
		t.Errorf("%d rows are left", len(rows.rows))
	}
	if _, err := tab.Write(rows, &Write{}); err == nil {
		t.Error("the zero Write is not refused")
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	big := strings.Repeat("x", 3000)
	w := &Write{Kind: PutRow, Item: mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"1"},"status":{"S":"x"},"big":{"S":"`+big+`"}}`)}
	done, err := tab.Write(rows, w)
	if err != nil || done.Cost.Table != 3 || done.Cost.Indexes["byStatus"] != 3 || done.Cost.Total() != 6 {
		t.Errorf("put: %+v, %v", done.Cost, err)
	}
	if done, err = tab.Write(rows, w); err != nil || done.Cost.Total() != 3 {
		t.Errorf("same put again: %+v, %v", done.Cost, err)
	}
	got, err := tab.Get(rows, mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"1"}}`), nil, false)
	if err != nil || got.Cost.Table != 0.5 {
		t.Errorf("get: %+v, %v", got.Cost, err)
	}
}

// fill writes random rows with random updates and deletes, and returns the items that must be there.
func fill(t *testing.T, tab *Table, rows *memRows, r *rand.Rand) []Map {
	t.Helper()
	model := map[string]Map{}
	word := func(n int) Value { return String(fmt.Sprintf("v%d", r.IntN(n))) }
	for range 400 {
		attrs := map[string]Value{"pk": word(4), "sk": NumberFromInt(int64(r.IntN(30) - 15))}
		key := MapOf(attrs)
		id := string(key.AppendJSON(nil))
		if r.IntN(4) == 0 {
			delete(model, id)
			if _, err := tab.Write(rows, &Write{Kind: DeleteRow, Key: key}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, name := range []string{"date", "status", "owner", "amount", "other"} {
			if r.IntN(3) > 0 {
				attrs[name] = word(3)
			}
		}
		model[id] = MapOf(attrs)
		if _, err := tab.Write(rows, &Write{Kind: PutRow, Item: model[id]}); err != nil {
			t.Fatal(err)
		}
	}
	var items []Map
	for _, id := range sortedKeys(model) {
		items = append(items, model[id])
	}
	return items
}

// pages runs a query to its end and returns all items as JSON.
func pages(t *testing.T, tab *Table, rows RowReader, q Query) []string {
	t.Helper()
	var all []string
	for range 1000 {
		p, err := tab.Query(rows, &q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Items) != p.Count || p.Count > p.Scanned || q.Limit > 0 && p.Scanned > q.Limit {
			t.Fatalf("%d items, count %d, scanned %d", len(p.Items), p.Count, p.Scanned)
		}
		for _, m := range p.Items {
			all = append(all, string(m.AppendJSON(nil)))
		}
		if p.Last.IsZero() {
			return all
		}
		q.Start = p.Last
	}
	t.Fatal("the query does not end")
	return nil
}

// Whatever the page size, pages put together are what a filter over all items selects, in the right order.
func TestPagesAgainstModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	tab, rows := orders(), &memRows{}
	items := fill(t, tab, rows, r)
	req := request{values: `{":p":{"S":"v1"},":from":{"N":"-9"},":to":{"N":"10"},":v":{"S":"v2"},":o":{"S":"v0"}}`}
	for _, c := range []struct {
		name, keys, filter string
		holds              string // the model's condition
		index              string
		sort               string
	}{
		{"partition", "pk = :p", "", "pk = :p", "", "sk"},
		{"range", "pk = :p AND sk BETWEEN :from AND :to", "", "pk = :p AND sk BETWEEN :from AND :to", "", "sk"},
		{"less", "pk = :p AND sk < :to", "", "pk = :p AND sk < :to", "", "sk"},
		{"filter", "pk = :p", "amount = :v", "pk = :p AND amount = :v", "", "sk"},
		{"global", "#s = :v", "", "#s = :v", "byStatus", ""},
		{"global with sort", "#o = :o AND #d >= :v", "", "#o = :o AND #d >= :v", "byOwner", "date"},
		{"begins", "#o = :o AND begins_with(#d, :v)", "", "#o = :o AND begins_with(#d, :v)", "byOwner", "date"},
		{"local", "pk = :p AND #d <= :v", "", "pk = :p AND #d <= :v", "byDate", "date"},
		{"local, fetched", "pk = :p", "amount = :v", "pk = :p AND attribute_exists(#d) AND amount = :v", "byDate", "date"},
		{"scan", "", "", "attribute_exists(pk)", "", ""},
		{"scan filter", "", "amount = :v", "amount = :v", "", ""},
		{"index scan", "", "", "attribute_exists(#s)", "byStatus", ""},
	} {
		req.names = map[string]string{"#s": "status", "#o": "owner", "#d": "date"}
		want := matching(tab, c.index, items, req.condition(t, c.holds))
		for _, limit := range []int{0, 1, 3, 1000} {
			for _, reverse := range []bool{false, true} {
				q := Query{Index: c.index, Limit: limit, Reverse: reverse}
				if c.keys != "" {
					q.Keys = req.keys(t, c.keys)
				}
				if c.filter != "" {
					q.Filter = req.condition(t, c.filter)
				}
				if c.name == "local, fetched" {
					q.Select = SelectAll
				}
				got := pages(t, tab, rows, q)
				checkOrder(t, got, c.sort, reverse && c.keys != "")
				slices.Sort(got)
				w := want
				if c.name == "local, fetched" {
					w = matching(tab, "", items, req.condition(t, c.holds))
				}
				if !slices.Equal(got, w) {
					t.Errorf("%s, limit %d, reverse %v:\n got %v\nwant %v", c.name, limit, reverse, got, w)
				}
			}
		}
	}
	var segments []string
	for i := range 3 {
		segments = append(segments, pages(t, tab, rows, Query{Segment: Segment{Index: i, Total: 3}, Limit: 2})...)
	}
	slices.Sort(segments)
	if want := matching(tab, "", items, nil); !slices.Equal(segments, want) {
		t.Errorf("segments: %d items, want %d", len(segments), len(want))
	}
}

// matching is the model: items of the index that hold the condition, as the index shows them, sorted.
func matching(tab *Table, index string, items []Map, c *Condition) []string {
	var out []string
	for _, m := range items {
		if !c.Holds(m) {
			continue
		}
		shown := m
		if x := tab.IndexNamed(index); x != nil {
			var ok bool
			if _, shown, ok = x.entry(tab, m); !ok {
				continue
			}
		}
		out = append(out, string(shown.AppendJSON(nil)))
	}
	slices.Sort(out)
	return out
}

func checkOrder(t *testing.T, items []string, attr string, reverse bool) {
	t.Helper()
	for i := 1; i < len(items) && attr != ""; i++ {
		a, b := mustMap(t, items[i-1]).Get(attr), mustMap(t, items[i]).Get(attr)
		order, _ := compare(a, b)
		if order > 0 && !reverse || order < 0 && reverse {
			t.Fatalf("%s comes before %s", a, b)
		}
	}
}

func TestQueryErrors(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	req := request{values: `{":p":{"S":"v1"},":n":{"N":"1"}}`, names: map[string]string{"#s": "status", "#o": "owner"}}
	pk := req.keys(t, "pk = :p")
	named, err := LegacyProjection([]string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Keys: pk, Index: "none"}, "The table does not have the specified index: none"},
		{Query{Keys: req.keys(t, "#s = :p"), Index: "byStatus", Consistent: true}, "Consistent reads are not supported on global secondary indexes"},
		{Query{Keys: pk, Filter: req.filter(t, "sk > :n")}, "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"},
		{Query{Keys: req.keys(t, "#o = :p"), Index: "byOwner", Select: SelectAll}, "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index byOwner because its projection type is not ALL"},
		{Query{Keys: req.keys(t, "#o = :p"), Index: "byOwner", Projection: req.projection(t, "xyz")}, "One or more parameter values were invalid: Global secondary index byOwner does not project [xyz]"},
		{Query{Keys: pk, Start: mustMap(t, `{"pk":{"S":"v1"}}`)}, "The provided starting key is invalid"},
		{Query{Keys: pk, Start: mustMap(t, `{"pk":{"S":"v1"},"sk":{"S":"1"}}`)}, "The provided key element does not match the schema"},
		{Query{Start: mustMap(t, `{"pk":{"S":"v1"},"sk":{"S":"1"}}`)}, "The provided starting key is invalid: The provided key element does not match the schema"},
		{Query{Start: mustMap(t, `{"pk":{"S":"v1"}}`)}, "The provided starting key is invalid: The provided key element does not match the schema"},
		{Query{Index: "byStatus", Start: mustMap(t, `{"pk":{"S":"v1"}}`)}, "The provided starting key is invalid"},
		{Query{Index: "byStatus", Start: mustMap(t, `{"pk":{"S":"v1"},"sk":{"N":"1"},"status":{"N":"1"}}`)}, "The provided key element does not match the schema"},
		{Query{Index: "byStatus", Start: mustMap(t, `{"pk":{"N":"1"},"sk":{"N":"1"},"status":{"S":"v1"}}`)}, "The provided starting key is invalid: The provided key element does not match the schema"},
		{Query{Keys: req.keys(t, "pk = :p AND sk = :n"), Start: mustMap(t, `{"pk":{"S":"v2"},"sk":{"N":"1"}}`)}, "The query can return at most one row and cannot be restarted"},
		{Query{Keys: req.keys(t, "sk = :n"), Start: mustMap(t, `{"pk":{"S":"v1"}}`)}, "The provided starting key is invalid"},
		{Query{Keys: req.keys(t, "#o = :p"), Index: "byOwner", Select: SelectAll, Filter: req.filter(t, "sk.x = :n")}, wrong + "Select type ALL_ATTRIBUTES is not supported for global secondary index byOwner because its projection type is not ALL"},
		{Query{Index: "byOwner", Select: SelectAll, Projection: nil, Filter: req.filter(t, "sk.x = :n")}, wrong + "Select type ALL_ATTRIBUTES is not supported for global secondary index byOwner because its projection type is not ALL"},
		{Query{Select: SelectSpecific}, "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"},
		{Query{Select: SelectProjected}, "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		{Query{Keys: pk, Select: SelectProjected}, "1 validation error detected: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		{Query{Keys: pk, Select: SelectAll, Projection: req.projection(t, "a")}, "1 validation error detected: Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"},
		{Query{Select: SelectCount, Projection: named}, "Cannot specify the AttributesToGet when choosing to get only the Count"},
		{Query{Keys: pk, Start: mustMap(t, `{"pk":{"S":"v2"},"sk":{"N":"1"}}`)}, "The provided starting key is outside query boundaries based on provided conditions"},
		{Query{Keys: req.keys(t, "pk = :p AND sk > :n"), Start: mustMap(t, `{"pk":{"S":"v1"},"sk":{"N":"1"}}`)}, "The provided starting key does not match the range key predicate"},
		{Query{Keys: pk, Start: mustMap(t, `{"pk":{}}`)}, "The provided starting key is invalid: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{Query{Keys: pk, Start: mustMap(t, `{"pk":{"N":"x"}}`)}, "The parameter cannot be converted to a numeric value: x"},
		{Query{Keys: pk, Select: SelectSpecific}, "1 validation error detected: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"},
		{Query{Segment: Segment{Index: 3, Total: 3}}, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 3 is not less than TotalSegments: 3"},
	} {
		if _, err := tab.Query(rows, &c.q); message(err) != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// A table without a sort key has one row a partition: a page that begins after it is empty, backwards too.
func TestRestartWithoutSortKey(t *testing.T) {
	t.Parallel()
	tab := &Table{Keys: KeySchema{Hash: KeyPart{"pk", S}}}
	rows := &memRows{}
	put(t, tab, rows, `{"pk":{"S":"a"}}`)
	for _, reverse := range []bool{false, true} {
		q := Query{Keys: request{values: `{":p":{"S":"a"}}`}.keys(t, "pk = :p"), Start: mustMap(t, `{"pk":{"S":"a"}}`), Reverse: reverse}
		if p, err := tab.Query(rows, &q); err != nil || p.Count != 0 {
			t.Errorf("reverse %v: %d items, %v", reverse, p.Count, err)
		}
	}
}

func TestPageEndsAtOneMegabyte(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	for i := range 5 {
		put(t, tab, rows, fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"N":"%d"},"big":{"S":"%s"}}`, i, strings.Repeat("x", 300<<10)))
	}
	q := Query{Keys: request{values: `{":p":{"S":"a"}}`}.keys(t, "pk = :p"), Select: SelectCount}
	p, err := tab.Query(rows, &q)
	if err != nil || p.Scanned != 4 || p.Items != nil || p.Last.IsZero() || p.Cost.Table != 150.5 {
		t.Fatalf("%+v, %v", p, err)
	}
	q.Start = p.Last
	if p, err = tab.Query(rows, &q); err != nil || p.Scanned != 1 || !p.Last.IsZero() {
		t.Errorf("second page: %+v, %v", p, err)
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	items := fill(t, &Table{Keys: tab.Keys}, rows, rand.New(rand.NewPCG(3, 3)))
	x := tab.IndexNamed("byOwner")
	var after *RowKey
	for done := false; !done; done = after == nil {
		var err error
		if after, err = tab.Backfill(rows, x, after, 7); err != nil {
			t.Fatal(err)
		}
	}
	got := pages(t, tab, rows, Query{Index: "byOwner"})
	slices.Sort(got)
	if want := matching(tab, "byOwner", items, nil); !slices.Equal(got, want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
}

func TestTransact(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	put(t, tab, rows, `{"pk":{"S":"a"},"sk":{"N":"1"},"cnt":{"N":"1"}}`)
	one := request{values: `{":one":{"N":"1"}}`}
	key := func(n string) Map { return mustMap(t, `{"pk":{"S":"a"},"sk":{"N":"`+n+`"}}`) }
	tx := func(ws ...*Write) ([]Written, error) {
		all := make([]TransactWrite, len(ws))
		for i, w := range ws {
			all[i] = TransactWrite{Table: tab, Rows: rows, Write: w}
		}
		return Transact(all)
	}
	_, err := tx(&Write{Kind: PutRow, Item: key("2")},
		&Write{Kind: CheckRow, Key: key("1"), Condition: one.condition(t, "cnt > :one"), ReturnOnFailure: true},
		&Write{Kind: UpdateRow, Key: key("3"), Update: one.update(t, "SET cnt = cnt + :one")})
	var canceled *CanceledError
	if !errors.As(err, &canceled) {
		t.Fatalf("got %v", err)
	}
	if want := "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed, ValidationError]"; err.Error() != want {
		t.Errorf("got %s", err)
	}
	if r := canceled.Reasons[1]; !r.Item.Has("cnt") || r.Message != "The conditional request failed" {
		t.Errorf("reason %+v", r)
	}
	if len(rows.rows) != 1 {
		t.Error("a canceled transaction has written")
	}
	if _, err = tx(&Write{Kind: PutRow, Item: key("2")}, &Write{Kind: DeleteRow, Key: key("2.0")}); message(err) !=
		"Transaction request cannot include multiple operations on one item" {
		t.Errorf("got %v", err)
	}
	done, err := tx(&Write{Kind: PutRow, Item: key("2")}, &Write{Kind: UpdateRow, Key: key("1"), Update: one.update(t, "ADD cnt :one")})
	if err != nil || len(rows.rows) != 2 || done[1].New.Get("cnt").Str() != "2" || done[0].Cost.Table != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	gots, err := TransactRead([]TransactGet{{Table: tab, Rows: rows, Key: key("1")}, {Table: tab, Rows: rows, Key: key("9")}})
	if err != nil || gots[0].Item.Get("cnt").Str() != "2" || !gots[1].Item.IsZero() || gots[0].Cost.Table != 2 {
		t.Errorf("%+v, %v", gots, err)
	}
}

func TestGetBatch(t *testing.T) {
	t.Parallel()
	tab, rows := orders(), &memRows{}
	var keys []Map
	for i := range 4 {
		put(t, tab, rows, fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"N":"%d"},"x":{"S":"%s"}}`, i, strings.Repeat("x", 1000)))
		keys = append(keys, mustMap(t, fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"N":"%d"}}`, i)))
	}
	budget := 2500
	items, n, _, err := tab.GetBatch(rows, keys, nil, true, &budget, nil, nil)
	if err != nil || len(items) != 2 || n != 2 {
		t.Errorf("%d items of %d keys, %v", len(items), n, err)
	}
	budget = MaxBatchBytes
	if _, _, _, err = tab.GetBatch(rows, append(keys, keys[0]), nil, true, &budget, nil, nil); message(err) != "Provided list of item keys contains duplicates" {
		t.Errorf("got %v", err)
	}
}

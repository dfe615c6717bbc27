package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// farRows implements item.Rows for a table that the engine keeps, under the grant's guard. Reads go to the engine; filters,
// projections, limits and counts are package item's, so that a row which the guard hides takes no part in them. Writes are kept
// until they are sent together, on condition that nothing that was read has changed (outsidewrite.go). One request uses it; it is
// not safe for concurrent use.
type farRows struct {
	ctx   context.Context
	s     *Service
	t     *table
	guard *store.RowGuard
	// query is what Query and Scan are about, nil if they are not called.
	query      *item.Query
	consistent bool
	// refused is why nothing is read: what it would cost is not admitted.
	refused error
	names   []string
	hashed  map[string]bool
	// clear is the attribute of a sealed row that the engine may read, "" for none.
	clear string
	// read are the rows that were read, by key; an item that is absent is a row that is not there.
	read map[string]farRow
	// written are the changes, in their order.
	written []farWrite
}

type farWrite struct {
	key  item.RowKey
	item item.Map // absent to delete
}

func newFarRows(ctx context.Context, s *Service, c *pipeline.Call, t *table) (*farRows, error) {
	guard, err := store.GuardRows(c.Grant, t.ID)
	if err != nil {
		return nil, err
	}
	f := &farRows{ctx: ctx, s: s, t: t, guard: guard, read: map[string]farRow{}}
	f.names, f.hashed = t.keyNamesThere()
	if t.sealing != nil {
		f.clear = expiryTagOf(t.Tags)
	}
	return f, nil
}

// about says what Query and Scan are about.
func (f *farRows) about(q *item.Query) { f.query, f.consistent = q, q.Consistent }

func rowID(k item.RowKey) string { return fmt.Sprintf("%d:%s%s", len(k.PK), k.PK, k.SK) }

// Get implements item.RowReader.
func (f *farRows) Get(k item.RowKey) ([]byte, bool, error) {
	if ok, err := f.guard.Check(k.PK, false); err != nil || !ok {
		return nil, false, err
	}
	row, ok := f.read[rowID(k)]
	if !ok {
		var out struct{ Item item.Map }
		err := f.s.ask(f.ctx, f.t, "GetItem", map[string]any{
			"TableName": f.t.Outside.Name, "Key": f.keyThere(k), "ConsistentRead": f.consistent,
		}, &out)
		if err != nil {
			return nil, false, err
		}
		if row, err = f.keep(k, out.Item); err != nil {
			return nil, false, err
		}
	}
	if row.unusable != nil || row.item.IsZero() {
		return nil, false, row.unusable
	}
	return row.item.Stored(), true, nil
}

// keyThere is the key of a row as the engine has it.
func (f *farRows) keyThere(k item.RowKey) item.Map { return f.keysThere(f.t.schema.Keys.MapOf(k)) }

// keep remembers what the engine returned for a key; m is absent if there is no row.
func (f *farRows) keep(k item.RowKey, m item.Map) (farRow, error) {
	row, err := f.rowHere(f.ctx, m)
	if err != nil {
		return farRow{}, err
	}
	if got, ok := f.t.schema.Keys.KeyIn(row.item); !row.item.IsZero() && (!ok || rowID(got) != rowID(k)) {
		return farRow{}, wrapNotOurs(errors.New("it is not the row that was asked for"))
	}
	f.read[rowID(k)] = row
	return row, nil
}

// Query implements item.RowReader. The range is the query's: the engine is given the condition and the starting key it comes from.
func (f *farRows) Query(pk []byte, r item.Range, yield func([]byte) bool) error {
	if ok, err := f.guard.Check(pk, false); err != nil || !ok {
		return err // whether there are rows, and whether their key can be used, is no answer about a partition that is hidden
	}
	return f.pages("Query", f.queryThere(&f.t.schema.Keys, r), r.Limit, pk, func(m item.Map) (item.Map, bool) { return m, true }, yield)
}

// Scan implements item.RowReader.
func (f *farRows) Scan(s item.Segment, _ *item.RowKey, limit int, yield func([]byte) bool) error {
	return f.pages("Scan", f.scanThere(s), limit, nil, func(m item.Map) (item.Map, bool) { return m, true }, yield)
}

// Index implements item.RowReader.
func (f *farRows) Index(id string) item.IndexReader {
	for i := range f.t.schema.Indexes {
		if x := &f.t.schema.Indexes[i]; x.ID == id {
			return &farIndex{f, x}
		}
	}
	return &farIndex{f, nil}
}

// farIndex reads an index of a table that the engine keeps.
type farIndex struct {
	f *farRows
	x *item.Index
}

// Query implements item.IndexReader.
func (i *farIndex) Query(pk []byte, r item.Range, _ *item.IndexPos, yield func([]byte) bool) error {
	switch {
	case i.x == nil:
		return nil
	case r.Base:
		if ok, err := i.f.guard.Check(pk, false); err != nil || !ok {
			return err
		}
	case !i.f.guard.Reaches(i.x.ID, pk):
		return nil
	}
	return i.f.pages("Query", i.narrow(i.f.queryThere(&i.x.Keys, r)), r.Limit, nil, i.entry, yield)
}

// Scan implements item.IndexReader.
func (i *farIndex) Scan(s item.Segment, _ *item.IndexPos, limit int, yield func([]byte) bool) error {
	if i.x == nil {
		return nil
	}
	return i.f.pages("Scan", i.narrow(i.f.scanThere(s)), limit, nil, i.entry, yield)
}

// narrow makes a request one of the index. Where more is asked for than a local index holds, the engine completes the items: one
// request in place of one for each.
func (i *farIndex) narrow(request map[string]any) map[string]any {
	request["IndexName"] = i.x.Name
	if i.whole() && i.x.Local {
		request["Select"] = "ALL_ATTRIBUTES"
	}
	return request
}

// whole reports whether entries come with the whole item: sealed rows always do.
func (i *farIndex) whole() bool { return i.f.t.sealing != nil || i.f.t.schema.Completes(i.f.query) }

// entry is what the index holds of what the engine returned.
func (i *farIndex) entry(m item.Map) (item.Map, bool) {
	if !i.whole() {
		return m, true
	}
	if k, ok := i.f.t.schema.Keys.KeyIn(m); ok {
		i.f.read[rowID(k)] = farRow{item: m}
	}
	_, held, ok := i.x.Entry(&i.f.t.schema, m)
	return held, ok
}

func (f *farRows) queryThere(keys *item.KeySchema, r item.Range) map[string]any {
	names, values := map[string]string{}, map[string]item.Value{}
	var tests []string
	for i, test := range f.query.Keys.Tests() {
		name := fmt.Sprintf("#k%d", i)
		names[name] = test.Attribute
		operands := make([]string, len(test.Values))
		for j, v := range test.Values {
			operands[j] = fmt.Sprintf(":k%d_%d", i, j)
			if slices.ContainsFunc(keys.HashParts(), func(p item.KeyPart) bool { return p.Name == test.Attribute }) {
				v = f.there(test.Attribute, v)
			}
			values[operands[j]] = v
		}
		switch test.Operator {
		case "BETWEEN":
			tests = append(tests, name+" BETWEEN "+operands[0]+" AND "+operands[1])
		case "begins_with":
			tests = append(tests, "begins_with("+name+", "+operands[0]+")")
		default:
			tests = append(tests, name+" "+test.Operator+" "+operands[0])
		}
	}
	return map[string]any{
		"TableName": f.t.Outside.Name, "KeyConditionExpression": strings.Join(tests, " AND "), "ExpressionAttributeNames": names,
		"ExpressionAttributeValues": item.MapOf(values), "ScanIndexForward": !r.Reverse, "ConsistentRead": f.query.Consistent,
	}
}

func (f *farRows) scanThere(s item.Segment) map[string]any {
	request := map[string]any{"TableName": f.t.Outside.Name, "ConsistentRead": f.query.Consistent}
	if s.Total > 0 {
		request["Segment"], request["TotalSegments"] = s.Index, s.Total
	}
	return request
}

// maxPagesThere is how many pages of the engine's, of 1 MB, one request reads. Rows that callers see fill a page of theirs long before:
// it bounds what rows cost that the guard hides.
const maxPagesThere = 64

// maxTimeThere is how long the pages of one request take at most.
const maxTimeThere = 60 * time.Second

// pages yields what the guard permits of what the engine returns, page by page. want is the partition that was asked for, nil if rows
// of several may come. As in the store, a row whose key cannot be used is an error in the partition that was asked for, and left
// out of what goes through many tenants' rows.
func (f *farRows) pages(operation string, request map[string]any, limit int, want []byte, entry func(item.Map) (item.Map, bool), yield func([]byte) bool) error {
	if !f.query.Start.IsZero() {
		request["ExclusiveStartKey"] = f.keysThere(f.query.Start)
	}
	if limit > 0 {
		request["Limit"] = limit
	}
	ctx, cancel := context.WithTimeout(f.ctx, maxTimeThere)
	defer cancel()
	for range maxPagesThere {
		var out struct {
			Items            []item.Map
			LastEvaluatedKey item.Map
		}
		if err := f.s.ask(ctx, f.t, operation, request, &out); err != nil {
			return err
		}
		for _, m := range out.Items {
			if more, err := f.yield(m, want, entry, yield); err != nil || !more {
				return err
			}
		}
		if out.LastEvaluatedKey.IsZero() {
			return nil
		}
		request["ExclusiveStartKey"] = out.LastEvaluatedKey
		delete(request, "Limit") // rows were left out: the next may be far
	}
	return invalid("The request passes over too many rows of the table's engine without an end of its page. Query a partition instead.")
}

func (f *farRows) yield(m item.Map, want []byte, entry func(item.Map) (item.Map, bool), yield func([]byte) bool) (more bool, err error) {
	row, err := f.rowHere(f.ctx, m)
	if err != nil {
		return false, err
	}
	if row.unusable != nil {
		if want != nil {
			return false, row.unusable
		}
		return true, nil
	}
	k, ok := f.t.schema.Keys.KeyIn(row.item)
	if !ok || want != nil && string(k.PK) != string(want) {
		return false, wrapNotOurs(errors.New("it is no row of what was asked for"))
	}
	if ok, err := f.guard.Check(k.PK, false); err != nil || !ok {
		return err == nil, err
	}
	held, ok := entry(row.item)
	return !ok || yield(held.Stored()), nil
}

// Put implements item.Rows.
func (f *farRows) Put(k item.RowKey, value []byte) error {
	m, err := item.Load(value)
	if err != nil {
		return err
	}
	return f.write(k, m)
}

// Delete implements item.Rows.
func (f *farRows) Delete(k item.RowKey) error { return f.write(k, item.Map{}) }

// PutIndex implements item.Rows: the engine keeps the indexes, and the guard says who enters them.
func (f *farRows) PutIndex(id string, pos item.IndexPos, _ []byte) error {
	return f.guard.Enter(id, pos.Key.PK)
}

// DeleteIndex implements item.Rows.
func (f *farRows) DeleteIndex(string, item.IndexPos) error { return nil }

func (f *farRows) write(k item.RowKey, m item.Map) error {
	if err := f.mayTouch(k); err != nil {
		return err
	}
	f.written = append(f.written, farWrite{k, m})
	return nil
}

// mayWrite says whether the guard lets the write be made, as far as it is known before the row is read. It is asked before anything
// is sent.
func (f *farRows) mayWrite(k item.RowKey, w *item.Write) error {
	if err := f.mayTouch(k); err != nil || w.Kind != item.PutRow {
		return err
	}
	for i := range f.t.schema.Indexes {
		x := &f.t.schema.Indexes[i]
		if pos, _, ok := x.Entry(&f.t.schema, w.Item); ok {
			if err := f.guard.Enter(x.ID, pos.Key.PK); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *farRows) mayTouch(k item.RowKey) error {
	if !f.guard.CanWrite() {
		return fault.Wrap(store.ErrNotGranted, "write a row of the table engine")
	}
	_, err := f.guard.Check(k.PK, true)
	return err
}

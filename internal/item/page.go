package item

import (
	"bytes"
	"errors"
	"strings"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// MaxPage is how many bytes of items one page of a Query or Scan reads (API reference, "Query"): it ends with the item
// that reaches the limit.
const MaxPage = 1 << 20

// Select says what a Query or Scan returns of each item.
type Select uint8

// What may be selected. The zero Select is the default: all attributes of a table, the projected ones of an index, or
// those of the projection.
const (
	SelectDefault Select = iota
	SelectAll
	SelectProjected
	SelectSpecific
	SelectCount
)

// ParseSelect reads the parameter of the API; "" is SelectDefault.
func ParseSelect(s string) (Select, bool) {
	switch s {
	case "":
		return SelectDefault, true
	case "ALL_ATTRIBUTES":
		return SelectAll, true
	case "ALL_PROJECTED_ATTRIBUTES":
		return SelectProjected, true
	case "SPECIFIC_ATTRIBUTES":
		return SelectSpecific, true
	case "COUNT":
		return SelectCount, true
	}
	return 0, false
}

// Query is one page of a Query or, with nil Keys, of a Scan.
type Query struct {
	// Index is the name of a secondary index; "" is the table.
	Index string
	// Keys selects one partition. Nil scans.
	Keys       *KeyCondition
	Filter     *Condition
	Projection *Projection
	Select     Select
	// Limit is how many items are evaluated at most; 0 is no limit but the page's size.
	Limit int
	// Start is the ExclusiveStartKey; absent at the beginning.
	Start Map
	// Reverse reads a partition backwards (ScanIndexForward = false). Only for queries.
	Reverse bool
	// Consistent asks for a strongly consistent read, which costs double. Global indexes have none.
	Consistent bool
	// Segment is the part of a parallel scan.
	Segment Segment
	// Resume is the Pause of the page before, in place of Start.
	Resume []byte
	// Whole asks for a page that never pauses.
	Whole bool
}

// Page is the answer. The Items have memory of their own.
type Page struct {
	// Items is nil if only the count was asked for.
	Items []Map
	// Count is how many items passed the filter, Scanned how many were evaluated.
	Count, Scanned int
	// Last is the LastEvaluatedKey; absent at the end.
	Last Map
	// Pause is where to go on after a page that ended because it had passed over too much that is not shown; nil otherwise. Such
	// a page costs as much as a full one.
	Pause []byte
	Cost  Cost
	// Bytes is how much was read, which the limit of a page is about.
	Bytes int
}

// bound is a Query checked against the table.
type bound struct {
	*Query
	t     *Table
	x     *Index // nil for the table
	keys  *KeySchema
	pk    []byte
	r     Range
	after *IndexPos
	fetch bool // items of a local index are completed from the table
	pause []byte
	count bool  // only the count is asked for
	sizes []int // of what was read
	// chunk is where the next items that are read are copied to, so that they do not take an allocation each.
	chunk []byte
}

// Query reads one page. Errors of the request are ValidationExceptions.
func (t *Table) Query(rows RowReader, q *Query) (*Page, error) {
	b, err := t.bind(q)
	if err != nil {
		return nil, err
	}
	return b.run(rows)
}

func (t *Table) bind(q *Query) (*bound, error) {
	b := &bound{Query: q, t: t, keys: &t.Keys, count: q.Select == SelectCount}
	if err := q.checkSelect(); err != nil {
		return nil, err
	}
	if q.Index != "" {
		if b.x = t.IndexNamed(q.Index); b.x == nil {
			return nil, invalid("The table does not have the specified index: %s", q.Index)
		}
		if !b.x.Local && q.Consistent {
			return nil, invalid("Consistent reads are not supported on global secondary indexes")
		}
		b.keys = &b.x.Keys
	}
	if err := b.bindAll(); err != nil {
		return nil, err
	}
	b.r.Reverse, b.r.Limit, b.r.Resume = q.Reverse && q.Keys != nil, q.Limit, q.Resume
	b.r.Base = b.x != nil && b.keys.SamePartitions(&t.Keys)
	b.r.Whole, b.Segment.Whole, b.Segment.Resume = q.Whole, q.Whole, q.Resume
	return b, nil
}

// bindAll checks the parameters in AWS's order, which for queries and scans is not quite the same.
func (b *bound) bindAll() error {
	steps := []func() error{b.startParts, b.selectAll, b.bindStart, b.bindProjection, b.bindFilter, b.bindFilterPaths}
	if b.Keys != nil {
		steps = []func() error{b.startParts, b.bindKeys, b.bindStart, b.bindProjection, b.bindFilter, b.selectAll, b.bindFilterPaths}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return b.bindSelect()
}

// checkSelect refuses combinations that need no table to be wrong.
func (q *Query) checkSelect() error {
	frame := ""
	if q.Keys != nil { // a query's messages are framed, a scan's are not
		frame = "1 validation error detected: "
	}
	switch {
	case q.Projection != nil && q.Select != SelectDefault && q.Select != SelectSpecific:
		names := map[Select]string{SelectAll: "ALL_ATTRIBUTES", SelectProjected: "ALL_PROJECTED_ATTRIBUTES", SelectCount: "only the Count"}
		return invalid("%sCannot specify the %s when choosing to get %s", frame, q.Projection.param(), names[q.Select])
	case q.Projection == nil && q.Select == SelectSpecific:
		return invalid("%sMust specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES", frame)
	case q.Select == SelectProjected && q.Index == "":
		return invalid("%sALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName", frame)
	}
	return q.Segment.Check()
}

// Check refuses a segment that is none of so many.
func (s Segment) Check() error {
	if s.Total < 0 || s.Index < 0 || s.Index > 0 && s.Index >= s.Total {
		return invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: "+
			"Segment: %d is not less than TotalSegments: %d", s.Index, s.Total)
	}
	return nil
}

// ErrStart is the error for an ExclusiveStartKey that lies in another segment.
func (s Segment) ErrStart() error {
	return invalid(badStart+": Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d",
		s.Total, s.Index)
}

func (b *bound) bindKeys() (err error) {
	b.pk, b.r, err = b.Keys.Bind(b.keys)
	return err
}

func (b *bound) bindProjection() error {
	if b.Projection == nil {
		return nil
	}
	return b.t.checkPaths(b.Projection.paths)
}

// startParts checks that the ExclusiveStartKey has the key of what is read, and nothing but that and the table's key.
func (b *bound) startParts() error {
	if b.Start.IsZero() {
		return nil
	}
	if err := b.CheckStart(); err != nil {
		return err
	}
	want := map[string]bool{}
	for _, part := range append(b.keys.parts(), b.t.Keys.parts()...) {
		want[part.Name] = true
	}
	scan := b.Keys == nil && b.x == nil
	if b.Start.Len() != len(want) {
		if scan {
			return invalid("%s: %s", badStart, fault.Text(errKeySchema()))
		}
		return invalid(badStart)
	}
	if scan {
		return nil // bindStart has another message for what is wrong with it
	}
	for i, part := range b.keys.parts() {
		switch v := b.Start.Get(part.Name); {
		case v.IsZero():
			return invalid(badStart)
		case v.Kind() != part.Kind:
			return errKeySchema()
		default:
			if err := checkKeyValue(part, v, b.keys.inHash(i)); err != nil {
				return err
			}
		}
	}
	return b.keys.checkSizes(b.Start)
}

const badStart = "The provided starting key is invalid"

// CheckStart refuses an ExclusiveStartKey with malformed values, which no table takes.
func (q *Query) CheckStart() error {
	err := q.Start.Err()
	if err == nil {
		return nil
	}
	for _, alone := range []string{"contains duplicates", "number set", "numeric value", "significant digits", "number with"} {
		if strings.Contains(fault.Text(err), alone) {
			return err
		}
	}
	return invalid("%s: %s", badStart, fault.Text(err))
}

// bindStart checks the ExclusiveStartKey and moves the beginning of the page past it.
func (b *bound) bindStart() error {
	if b.Start.IsZero() {
		return nil
	}
	base, err := b.t.Keys.Key(b.t.Keys.attrs(b.Start))
	if err != nil {
		return invalid("%s: %s", badStart, fault.Text(err))
	}
	pos := &IndexPos{Key: b.keys.rowKey(b.Start), Base: base}
	b.after = pos
	if b.Keys == nil {
		return nil
	}
	if !b.r.covers(pos.Key.SK) {
		return invalid("The provided starting key does not match the range key predicate")
	}
	if !bytes.Equal(pos.Key.PK, b.pk) {
		if len(b.Keys.tests) > 1 {
			return invalid("The query can return at most one row and cannot be restarted")
		}
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	}
	if b.x != nil {
		return nil
	}
	if b.Reverse {
		b.r.End = append([]byte{}, pos.Key.SK...) // empty, not nil, without a sort key
	} else {
		b.r.Start = append(append([]byte{}, pos.Key.SK...), 0)
	}
	return nil
}

func (b *bound) bindFilter() error {
	if b.Filter == nil {
		return nil
	}
	if b.Keys == nil || b.Filter.keys {
		return nil
	}
	for _, part := range b.keys.parts() {
		for _, p := range b.Filter.paths() {
			if p.Top() == part.Name {
				return invalid("%s can only contain non-primary key attributes: Primary key attribute: %s", b.Filter.param, part.Name)
			}
		}
	}
	return nil
}

func (b *bound) bindFilterPaths() error { return b.t.checkPaths(b.Filter.paths()) }

// selectAll refuses all attributes of a global index that does not have them.
func (b *bound) selectAll() error {
	if b.x == nil || b.x.Local || b.x.Projection == All || b.Select != SelectAll {
		return nil
	}
	return invalid(wrong+"Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its "+
		"projection type is not ALL", b.x.Name)
}

// bindSelect decides whether the index has all that is asked for.
func (b *bound) bindSelect() error {
	if b.x == nil || b.x.Projection == All {
		return nil
	}
	missing := b.Select == SelectAll
	for _, name := range AttributeNames(b.Projection, b.Filter) {
		if b.x.projects(b.t, name) {
			continue
		}
		if !b.x.Local {
			return invalid(wrong+"Global secondary index %s does not project [%s]", b.x.Name, name)
		}
		missing = true
	}
	b.fetch = missing
	return nil
}

// run reads the page. The rows that a local index leaves to the table are read after the index, since a reader does not
// nest its scans. They count towards the page's size: small entries may stand for items of any size.
func (b *bound) run(rows RowReader) (*Page, error) {
	read, more, err := b.read(rows)
	if err != nil {
		return nil, err
	}
	p := &Page{}
	if !b.count {
		p.Items = read[:0] // what is returned of an item takes its place, or that of one before
	}
	var last Map
	size, completed := 0, 0
	for i, m := range read {
		last = m
		p.Scanned++
		size += b.sizes[i]
		full, err := b.complete(rows, m, p)
		if err != nil {
			return nil, err
		}
		if b.Filter.Holds(full) {
			p.Count++
			if !b.count {
				p.Items = append(p.Items, b.Projection.Apply(full))
			}
		}
		whole := b.sizes[i]
		if b.fetch {
			whole = full.Size()
		}
		if completed += whole; completed >= MaxPage {
			break
		}
	}
	if more || p.Scanned < len(read) {
		p.Last = b.lastKey(last)
	}
	p.Bytes = max(size, completed)
	if b.pause != nil && p.Scanned == len(read) {
		p.Pause, size = b.pause, max(size, MaxPage)
	}
	if u := ReadUnits(size, b.Consistent); b.x == nil {
		p.Cost.Table = u
	} else {
		p.Cost.addIndex(b.x.Name, u)
	}
	if p.Items == nil && !b.count {
		p.Items = []Map{}
	}
	return p, nil
}

// complete reads the whole item of an entry of a local index, if more than the index holds is asked for.
func (b *bound) complete(rows RowReader, m Map, p *Page) (Map, error) {
	if !b.fetch {
		return m, nil
	}
	full, err := load(rows, b.t.Keys.rowKey(m))
	if err != nil {
		return Map{}, err
	}
	p.Cost.Table += ReadUnits(full.Size(), b.Consistent)
	return full.Clone(), nil
}

// read returns the items of the page before the filter, and whether a limit has ended it.
func (b *bound) read(rows RowReader) (items []Map, more bool, err error) {
	size := 0
	b.sizes = b.sizes[:0]
	var failed error
	yield := func(value []byte) bool {
		if items == nil {
			items, b.sizes = make([]Map, 0, b.few()), make([]int, 0, b.few())
		}
		m, err := Load(b.keep(value, len(items)))
		if err != nil {
			failed = err
			return false
		}
		n := m.Size()
		items, b.sizes = append(items, m), append(b.sizes, n)
		size += n
		more = len(items) == b.Limit || size >= MaxPage
		return !more
	}
	switch {
	case b.Keys != nil && b.x != nil:
		err = rows.Index(b.x.ID).Query(b.pk, b.r, b.after, yield)
	case b.Keys != nil:
		err = rows.Query(b.pk, b.r, yield)
	case b.x != nil:
		err = rows.Index(b.x.ID).Scan(b.Segment, b.after, b.Limit, yield)
	case b.after != nil:
		err = rows.Scan(b.Segment, &b.after.Key, b.Limit, yield)
	default:
		err = rows.Scan(b.Segment, nil, b.Limit, yield)
	}
	var pause *Pause
	switch {
	case errors.As(err, &pause):
		b.pause, items = pause.At, items[:pause.Shown]
		return items, false, failed
	case err == nil:
		err = failed
	}
	return items, more, err
}

// few is how many items a page is first made room for.
func (b *bound) few() int {
	if b.Limit > 0 {
		return min(b.Limit, maxFew)
	}
	return 4
}

const (
	maxFew = 32
	// maxChunk is how many bytes are made room for at once beyond one item.
	maxChunk = 16 << 10
)

// keep returns a copy of what was read after so many items. The next ones are taken to be as large.
func (b *bound) keep(value []byte, after int) []byte {
	if cap(b.chunk)-len(b.chunk) < len(value) {
		more := max(after, b.few())
		if b.Limit > 0 {
			more = min(more, b.Limit-after)
		}
		b.chunk = make([]byte, 0, max(len(value), min(more*len(value), maxChunk)))
	}
	n := len(b.chunk)
	b.chunk = append(b.chunk, value...)
	return b.chunk[n:len(b.chunk):len(b.chunk)]
}

// lastKey returns the key attributes of the last item evaluated, of the index and of the table.
func (b *bound) lastKey(m Map) Map {
	var out Builder
	for _, part := range b.t.Keys.parts() {
		out.Set(part.Name, m.Get(part.Name))
	}
	if b.x == nil {
		return out.Map()
	}
	for _, part := range b.x.Keys.parts() {
		if !b.t.Keys.Has(part.Name) {
			out.Set(part.Name, m.Get(part.Name))
		}
	}
	return out.Map()
}

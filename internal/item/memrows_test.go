package item

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
)

// memRows is the simplest store that keeps the contract of Rows: sorted slices, searched from end to end.
type memRows struct {
	rows    []memRow
	indexes map[string][]memRow
}

type memRow struct {
	pos   IndexPos // Key only for rows
	value []byte
}

func order(pos IndexPos) []byte {
	h := sha256.Sum256(pos.Key.PK)
	base := sha256.Sum256(append(append([]byte{}, pos.Base.PK...), pos.Base.SK...))
	// Zeros are escaped so that the sort key ends before the base key begins.
	sk := strings.ReplaceAll(string(pos.Key.SK), "\x00", "\x00\xff")
	return slices.Concat(h[:8], []byte(sk), []byte{0, 0}, base[:8])
}

func (m *memRows) list(id string) []memRow {
	if id == "" {
		return m.rows
	}
	return m.indexes[id]
}

func (m *memRows) store(id string, l []memRow) {
	slices.SortFunc(l, func(a, b memRow) int { return bytes.Compare(order(a.pos), order(b.pos)) })
	if id == "" {
		m.rows = l
		return
	}
	if m.indexes == nil {
		m.indexes = map[string][]memRow{}
	}
	m.indexes[id] = l
}

func (m *memRows) PutIndex(id string, pos IndexPos, value []byte) error {
	if err := m.DeleteIndex(id, pos); err != nil {
		return err
	}
	m.store(id, append(m.list(id), memRow{pos, bytes.Clone(value)}))
	return nil
}

func (m *memRows) DeleteIndex(id string, pos IndexPos) error {
	m.store(id, slices.DeleteFunc(m.list(id), func(r memRow) bool { return samePos(r.pos, pos) }))
	return nil
}

func (m *memRows) Put(k RowKey, value []byte) error { return m.PutIndex("", IndexPos{Key: k}, value) }

func (m *memRows) Delete(k RowKey) error { return m.DeleteIndex("", IndexPos{Key: k}) }

func (m *memRows) Get(k RowKey) ([]byte, bool, error) {
	for _, r := range m.rows {
		if sameKey(r.pos.Key, k) {
			return r.value, true, nil
		}
	}
	return nil, false, nil
}

func (m *memRows) Query(pk []byte, r Range, yield func([]byte) bool) error {
	return memIndex{m, ""}.Query(pk, r, nil, yield)
}

func (m *memRows) Scan(s Segment, after *RowKey, limit int, yield func([]byte) bool) error {
	var pos *IndexPos
	if after != nil {
		pos = &IndexPos{Key: *after}
	}
	return memIndex{m, ""}.Scan(s, pos, limit, yield)
}

func (m *memRows) Index(id string) IndexReader { return memIndex{m, id} }

type memIndex struct {
	m  *memRows
	id string
}

func (x memIndex) Query(pk []byte, r Range, after *IndexPos, yield func([]byte) bool) error {
	l := slices.Clone(x.m.list(x.id))
	sign := 1
	if r.Reverse {
		slices.Reverse(l)
		sign = -1
	}
	for _, e := range l {
		if !bytes.Equal(e.pos.Key.PK, pk) || !r.covers(e.pos.Key.SK) {
			continue
		}
		if after != nil && sign*bytes.Compare(order(e.pos), order(*after)) <= 0 {
			continue
		}
		if !yield(bytes.Clone(e.value)) {
			break
		}
	}
	return nil
}

func (x memIndex) Scan(s Segment, after *IndexPos, _ int, yield func([]byte) bool) error {
	for _, e := range slices.Clone(x.m.list(x.id)) {
		o := order(e.pos)
		if s.Total > 1 && int(o[0])*s.Total/256 != s.Index {
			continue
		}
		if after != nil && bytes.Compare(o, order(*after)) <= 0 {
			continue
		}
		if !yield(bytes.Clone(e.value)) {
			break
		}
	}
	return nil
}

// orders is the table of most tests: a partition and a numeric sort key, a local index and two global ones.
func orders() *Table {
	pk, sk := KeyPart{"pk", S}, KeyPart{"sk", N}
	return &Table{
		Name: "orders",
		Keys: KeySchema{Hash: pk, Sort: sk},
		Indexes: []Index{
			{ID: "l", Name: "byDate", Local: true, Keys: KeySchema{Hash: pk, Sort: KeyPart{"date", S}}, Projection: KeysOnly},
			{ID: "g", Name: "byStatus", Keys: KeySchema{Hash: KeyPart{"status", S}}, Projection: All},
			{ID: "i", Name: "byOwner", Keys: KeySchema{Hash: KeyPart{"owner", S}, Sort: KeyPart{"date", S}},
				Projection: Include, NonKey: []string{"amount"}},
		},
	}
}

// request compiles the expressions of a test.
type request struct {
	names  map[string]string
	values string
}

func (r request) placeholders(t testing.TB) *Placeholders {
	t.Helper()
	var values Map
	if r.values != "" {
		values = mustMap(t, r.values)
	}
	ph, err := NewPlaceholders(r.names, values)
	if err != nil {
		t.Fatal(err)
	}
	return ph
}

func (r request) condition(t testing.TB, src string) *Condition {
	t.Helper()
	c, err := ParseCondition("ConditionExpression", src, r.placeholders(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r request) filter(t testing.TB, src string) *Condition {
	t.Helper()
	c, err := ParseCondition("FilterExpression", src, r.placeholders(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r request) keys(t testing.TB, src string) *KeyCondition {
	t.Helper()
	c, err := ParseKeyCondition(src, r.placeholders(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r request) update(t testing.TB, src string) *Update {
	t.Helper()
	u, err := ParseUpdate(src, r.placeholders(t))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (r request) projection(t testing.TB, src string) *Projection {
	t.Helper()
	p, err := ParseProjection(src, r.placeholders(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func put(t testing.TB, tab *Table, rows Rows, text string) {
	t.Helper()
	if _, err := tab.Write(rows, &Write{Kind: PutRow, Item: mustMap(t, text)}); err != nil {
		t.Fatal(err)
	}
}

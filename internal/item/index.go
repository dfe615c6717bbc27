package item

import "bytes"

// entry returns the position and value of an item in the index; ok is false if the index does not hold it because it
// lacks a key attribute (sparse index).
func (x *Index) entry(t *Table, m Map) (pos IndexPos, value Map, ok bool) {
	if m.b == nil {
		return IndexPos{}, Map{}, false
	}
	for _, part := range x.Keys.parts() {
		if m.Get(part.Name).Kind() != part.Kind {
			return IndexPos{}, Map{}, false
		}
	}
	pos = IndexPos{Key: x.Keys.rowKey(m), Base: t.Keys.rowKey(m)}
	if x.Projection == All {
		return pos, m, true
	}
	out := make([]byte, 0, len(m.b))
	for name, v := range m.entries() {
		if x.projects(t, string(name)) {
			out = append(appendBytes(out, name), v...)
		}
	}
	return pos, Map{b: out}, true
}

// projects reports whether the index holds the attribute.
func (x *Index) projects(t *Table, name string) bool {
	if x.Projection == All || x.Keys.Has(name) || t.Keys.Has(name) {
		return true
	}
	if x.Projection != Include {
		return false
	}
	for _, n := range x.NonKey {
		if n == name {
			return true
		}
	}
	return false
}

// reindex brings the indexes from an old item to a new one; either may be absent. It returns the cost by index.
func (t *Table) reindex(rows Rows, old, m Map) (Cost, error) {
	var cost Cost
	for i := range t.Indexes {
		x := &t.Indexes[i]
		u, err := x.move(t, rows, old, m)
		if err != nil {
			return Cost{}, err
		}
		if u > 0 {
			cost.addIndex(x.Name, u)
		}
	}
	return cost, nil
}

func (x *Index) move(t *Table, rows Rows, old, m Map) (u float64, err error) {
	from, before, had := x.entry(t, old)
	to, after, has := x.entry(t, m)
	same := had && has && samePos(from, to)
	if same && before.Same(after) {
		return 0, nil
	}
	if had && !same {
		u += WriteUnits(before.Size())
		if err := rows.DeleteIndex(x.ID, from); err != nil {
			return 0, err
		}
	}
	if has {
		size := after.Size()
		if same {
			size = max(size, before.Size())
		}
		u += WriteUnits(size)
		if err := rows.PutIndex(x.ID, to, after.Stored()); err != nil {
			return 0, err
		}
	}
	return u, nil
}

func samePos(a, b IndexPos) bool { return sameKey(a.Key, b.Key) && sameKey(a.Base, b.Base) }

func sameKey(a, b RowKey) bool { return bytes.Equal(a.PK, b.PK) && bytes.Equal(a.SK, b.SK) }

// Backfill adds up to limit rows after the row `after` to a new index, and returns the last row it has seen, or nil when
// it has seen all: call it in several transactions for a large table. Rows whose attributes cannot be keys of the index
// are left out, as DynamoDB does.
func (t *Table) Backfill(rows Rows, x *Index, after *RowKey, limit int) (*RowKey, error) {
	var items []Map
	var failed error
	err := rows.Scan(Segment{}, after, limit, func(value []byte) bool {
		m, err := Load(bytes.Clone(value))
		if err != nil {
			failed = err
			return false
		}
		items = append(items, m)
		return len(items) < limit
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	for _, m := range items {
		if pos, value, ok := x.entry(t, m); ok && x.check(m) == nil {
			if err := rows.PutIndex(x.ID, pos, value.Stored()); err != nil {
				return nil, err
			}
		}
	}
	if len(items) < limit || limit <= 0 {
		return nil, nil
	}
	last := t.Keys.rowKey(items[len(items)-1])
	return &last, nil
}

package item

import (
	"bytes"
	"encoding/binary"
)

// Got is the answer to a read of one row. Item is absent if there is no such row.
type Got struct {
	Item Map
	Cost Cost
	// Size is the size of the whole item in bytes.
	Size int
}

// Get reads the row that a Key parameter names. The Item shares the memory of the transaction: encode it before the
// transaction ends, or Clone it.
func (t *Table) Get(rows RowReader, key Map, pr *Projection, consistent bool) (Got, error) {
	return t.GetWhere(rows, key, nil, pr, consistent)
}

// GetWhere is Get of a row that is left out if the filter does not hold of it.
func (t *Table) GetWhere(rows RowReader, key Map, filter *Condition, pr *Projection, consistent bool) (Got, error) {
	k, err := t.Keys.Key(key)
	if err != nil {
		return Got{}, err
	}
	return t.getAt(rows, k, filter, pr, consistent)
}

// getAt is GetWhere of the row with a key.
func (t *Table) getAt(rows RowReader, k RowKey, filter *Condition, pr *Projection, consistent bool) (Got, error) {
	if pr != nil {
		if err := t.checkPaths(pr.paths); err != nil {
			return Got{}, err
		}
	}
	if err := t.checkPaths(filter.paths()); err != nil {
		return Got{}, err
	}
	m, err := load(rows, k)
	if err != nil {
		return Got{}, err
	}
	size := m.Size()
	if !m.IsZero() && !filter.Holds(m) {
		m = Map{}
	}
	return Got{Item: pr.Apply(m), Size: size, Cost: Cost{Table: ReadUnits(size, consistent)}}, nil
}

// Clone returns a copy of the map with memory of its own.
func (m Map) Clone() Map {
	if m.b != nil {
		m.b = append(make([]byte, 0, len(m.b)), m.b...)
	}
	return m
}

// fewKeys is up to how many keys comparing each with each beats a map.
const fewKeys = 32

// Distinct reports whether no row is named twice.
func Distinct(keys []RowKey) bool {
	if len(keys) <= fewKeys {
		for i, k := range keys {
			for _, o := range keys[:i] {
				if bytes.Equal(k.SK, o.SK) && bytes.Equal(k.PK, o.PK) {
					return false
				}
			}
		}
		return true
	}
	seen := make(map[string]struct{}, len(keys))
	var id []byte
	for _, k := range keys {
		id = append(append(binary.AppendUvarint(id[:0], uint64(len(k.PK))), k.PK...), k.SK...)
		if _, ok := seen[string(id)]; ok {
			return false
		}
		seen[string(id)] = struct{}{}
	}
	return true
}

// CheckBatch refuses a batch that names a row of one table twice.
func CheckBatch(keys []RowKey) error {
	if !Distinct(keys) {
		return invalid("Provided list of item keys contains duplicates")
	}
	return nil
}

// MaxBatchBytes is how much BatchGetItem returns at most; rows beyond it are left as unprocessed (API reference,
// "BatchGetItem").
const MaxBatchBytes = 16 << 20

// GetBatch reads rows by key until the answer would hold more than *budget bytes, which it lowers, or admit says no before one;
// spend is told what each has cost. Both may be nil. It returns the rows
// that were found and how many of the keys it has processed.
func (t *Table) GetBatch(rows RowReader, keys []Map, pr *Projection, consistent bool, budget *int,
	admit func() bool, spend func(Cost),
) ([]Map, int, Cost, error) {
	ks := make([]RowKey, len(keys))
	for i, key := range keys {
		k, err := t.Keys.Key(key)
		if err != nil {
			return nil, 0, Cost{}, err
		}
		ks[i] = k
	}
	if err := CheckBatch(ks); err != nil {
		return nil, 0, Cost{}, err
	}
	var items []Map
	var cost Cost
	for i, k := range ks {
		if *budget <= 0 || admit != nil && !admit() {
			return items, i, cost, nil
		}
		got, err := t.getAt(rows, k, nil, pr, consistent)
		if err != nil {
			return nil, 0, Cost{}, err
		}
		if got.Size > *budget {
			*budget = 0
			return items, i, cost, nil
		}
		*budget -= got.Size
		cost.Add(got.Cost)
		if spend != nil {
			spend(got.Cost)
		}
		if !got.Item.IsZero() {
			items = append(items, got.Item)
		}
	}
	return items, len(keys), cost, nil
}

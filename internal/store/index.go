package store

import (
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/keyorder"
)

// index reads one secondary index of a table under the table's RowRule: an entry is shown if the row it stands for is.
type index struct {
	rows   *rows
	id     string
	prefix []byte
}

func (r *rows) index(id string) *index {
	h := hashOf([]byte(id))
	p := make([]byte, 0, 1+2*hashSize)
	p = append(append(p, spaceIndex), r.table[:]...)
	return &index{r, id, append(p, h[:hashSize/2]...)}
}

// Index implements item.RowReader.
func (r *rows) Index(id string) item.IndexReader { return r.index(id) }

func (x *index) partition(pk []byte) []byte {
	h := x.rows.seal.hashPK(pk)
	return append(x.prefix[:len(x.prefix):len(x.prefix)], h[:]...)
}

// key is hash of the index's partition key, sort key, hash of the base key.
func (x *index) key(pos item.IndexPos) []byte {
	k := keyorder.Append(x.partition(pos.Key.PK), pos.Key.SK)
	base := x.rows.seal.hashPK(append(keyorder.Append(nil, pos.Base.PK), pos.Base.SK...))
	return append(k, base[:]...)
}

// Query implements item.IndexReader.
func (x *index) Query(pk []byte, r item.Range, after *item.IndexPos, yield func([]byte) bool) error {
	if ok, err := x.reaches(pk, r.Base); err != nil || !ok {
		return err
	}
	var start, end []byte
	if r.Start != nil {
		start = keyorder.Append(nil, r.Start)
	}
	if r.End != nil {
		end = keyorder.Append(nil, r.End)
	}
	base := x.partition(pk)
	rng := bounds(base, start, end, r)
	if after != nil {
		at := x.key(*after)
		if r.Reverse {
			rng.End = at
		} else {
			rng.Start = keyorder.After(at)
		}
	}
	return x.rows.scan(resume(rng, base, r.Resume), len(base), r.Whole, nil, yield)
}

// reaches reports whether anything of a partition is shown, as far as its key says it. base is true if that is the key of a
// partition of the table.
func (x *index) reaches(pk []byte, base bool) (bool, error) {
	switch {
	case x.rows.system:
		return true, nil
	case base:
		return x.rows.check(pk, false)
	}
	return x.rows.guard.Reaches(x.id, pk), nil
}

// Scan implements item.IndexReader.
func (x *index) Scan(s item.Segment, after *item.IndexPos, limit int, yield func([]byte) bool) error {
	rng := segment(x.prefix, s)
	rng.Limit = limit
	if after != nil {
		start := append(x.key(*after), 0)
		if !contains(rng, start) {
			return s.ErrStart()
		}
		rng.Start = start
	}
	return x.rows.scan(resume(rng, x.prefix, s.Resume), len(x.prefix), s.Whole, nil, yield)
}

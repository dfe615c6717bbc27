package store

import (
	"bytes"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// SystemReseal is for package system only: it seals up to limit rows, index entries and items of changes of a table that had them
// before it was sealed, from a place on. It returns the place to go on from, nil at the end. What is written meanwhile is sealed as
// it is written.
func (tx *Tx) SystemReseal(table string, seal *Sealing, from []byte, limit int) ([]byte, error) {
	r, err := tx.systemRows(table)
	if err != nil {
		return nil, err
	}
	r.seal = seal
	for _, space := range []byte{spaceRows, spaceIndex, spaceChanges} {
		if len(from) > 0 && from[0] > space {
			continue
		}
		next, err := r.reseal(append([]byte{space}, r.table[:]...), from, limit)
		if err != nil || next != nil {
			return next, err
		}
		from = nil
	}
	return nil, nil
}

// reseal seals what is under a prefix.
func (r *rows) reseal(prefix, from []byte, limit int) (next []byte, err error) {
	type pair struct{ key, place, value []byte }
	var todo []pair
	var row []byte // of the change that is being read
	rng := kv.Prefix(prefix)
	if len(from) > 0 {
		rng.Start = from
	}
	seen, size := 0, 0
	var bad error
	err = r.tx.r.Scan(rng, func(k, v []byte) bool {
		place, change, head := k, k[0] == spaceChanges, k[len(k)-1] == changeHead
		if change {
			place = row
		}
		if !change || head { // a step ends between rows, entries and changes
			if seen >= limit || size >= maxCopy {
				next = bytes.Clone(k)
				return false
			}
			seen++
		}
		if change && head {
			row, bad = r.rowOf(v)
			return bad == nil
		}
		if len(v) > 0 && v[0] == rowV1 {
			todo = append(todo, pair{bytes.Clone(k), bytes.Clone(place), bytes.Clone(v)})
			size += len(v)
		}
		return true
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, err
	}
	for _, p := range todo {
		pk, value, err := openRow(p.value)
		if err != nil {
			return nil, err
		}
		sealed, err := r.encodeRow(p.place, pk, value)
		if err == errSkipped { //nolint:errorlint // never wrapped
			if len(*r.tx.wants) >= maxWants {
				break
			}
			continue // the transaction runs again, once it has asked for the keys of the others
		}
		if err != nil {
			return nil, err
		}
		if err := r.tx.w.Set(p.key, sealed); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// rowOf is the kv key of the row that a change is of, by its head.
func (r *rows) rowOf(head []byte) ([]byte, error) {
	pk, h, err := decodeHead(head)
	if err != nil {
		return nil, err
	}
	return r.placeOf(pk, h.SK), nil
}

package store

import (
	"bytes"
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// SystemDrop is for package system only: it removes up to limit rows and index entries of a table that is gone, or
// entries of one of its indexes if index is not "". It reports whether there may be more.
func (tx *Tx) SystemDrop(table, index string, limit int) (more bool, err error) {
	if tx.access.system == "" || tx.w == nil {
		return false, notGranted("removing the rows of " + table)
	}
	r := &rows{tx: tx, table: hashOf([]byte(table)), system: true}
	prefixes := [][]byte{append([]byte{spaceIndex}, r.table[:]...), append([]byte{spaceRows}, r.table[:]...)}
	if index != "" {
		prefixes = [][]byte{r.index(index).prefix}
	}
	for _, prefix := range prefixes {
		n, err := tx.drop(prefix, limit)
		if err != nil {
			return false, err
		}
		if limit -= n; limit <= 0 {
			return true, nil
		}
	}
	return false, nil
}

func (tx *Tx) drop(prefix []byte, limit int) (int, error) {
	var keys [][]byte
	rng := kv.Prefix(prefix)
	rng.Limit = limit
	err := tx.r.Scan(rng, func(k, _ []byte) bool {
		keys = append(keys, bytes.Clone(k))
		return len(keys) < limit
	})
	if err != nil {
		return 0, err
	}
	for _, k := range keys {
		if err := tx.w.Delete(k); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// SystemDropLog is for package system only: it removes up to limit pieces of the log of a table that is gone, and at last the
// numbers. It reports whether there may be more.
func (tx *Tx) SystemDropLog(table string, limit int) (more bool, err error) {
	r, err := tx.systemRows(table)
	if err != nil {
		return false, err
	}
	for _, space := range []byte{spaceChanges, spaceLast} {
		n, err := tx.drop(append([]byte{space}, r.table[:]...), limit)
		if err != nil || n == limit {
			return n == limit, err
		}
	}
	return false, nil
}

// SystemBackfill is for package system only: it adds rows of a table to a new index, whoever's they are, as
// item.Table.Backfill does.
func (tx *Tx) SystemBackfill(table string, seal *Sealing, t *item.Table, x *item.Index, after *item.RowKey, limit int) (*item.RowKey, error) {
	if tx.access.system == "" || tx.w == nil {
		return nil, notGranted("backfilling an index of " + table)
	}
	return t.Backfill(&rows{tx: tx, table: hashOf([]byte(table)), seal: seal, system: true, whole: true}, x, after, limit)
}

// SystemCount is for package system only: it counts up to limit rows of a table, or entries of one of its indexes if
// index is not "", from a place on, and the bytes that they take in the store. It returns the place to go on from, nil at the end.
func (tx *Tx) SystemCount(table, index string, after []byte, limit int) (n, size int64, next []byte, err error) {
	if tx.access.system == "" {
		return 0, 0, nil, notGranted("counting the rows of " + table)
	}
	r := &rows{tx: tx, table: hashOf([]byte(table)), system: true}
	prefix := append([]byte{spaceRows}, r.table[:]...)
	if index != "" {
		prefix = r.index(index).prefix
	}
	rng := kv.Prefix(prefix)
	rng.Limit = limit
	if after != nil {
		rng.Start = append(append(bytes.Clone(prefix), after...), 0)
	}
	err = tx.r.Scan(rng, func(k, b []byte) bool {
		n, size = n+1, size+int64(len(b))
		if n == int64(limit) {
			next = bytes.Clone(k[len(prefix):])
		}
		return n < int64(limit)
	})
	return n, size, next, err
}

// SystemExpired is for package system only: it looks for rows of a table that have expired, as item.Table.ExpiredKeys does.
func (tx *Tx) SystemExpired(table string, seal *Sealing, t *item.Table, attr string, now time.Time, after *item.RowKey, limit int) ([]item.Map, *item.RowKey, error) {
	if tx.access.system == "" {
		return nil, nil, notGranted("looking through the rows of " + table)
	}
	return t.ExpiredKeys(&rows{tx: tx, table: hashOf([]byte(table)), seal: seal, system: true}, attr, now, after, limit)
}

// SystemExpire is for package system only: it removes the row with the key if it has expired, whoever's it is.
func (tx *Tx) SystemExpire(table string, seal *Sealing, t *item.Table, key item.Map, attr string, now time.Time) error {
	r, err := tx.systemRows(table)
	if err != nil {
		return err
	}
	r.seal, r.now, r.by = seal, now, item.ByExpiry
	return t.Expire(r, key, attr, now)
}

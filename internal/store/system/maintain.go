package system

import (
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Drop removes up to limit rows and index entries of a table that is gone, or entries of one of its indexes if index is
// not "", in a transaction of Update. It reports whether there may be more.
func Drop(tx *store.Tx, table, index string, limit int) (more bool, err error) {
	return tx.SystemDrop(table, index, limit)
}

// Backfill adds up to limit rows of a table after the row `after` to a new index, in a transaction of Update. It returns
// the last row it has seen, nil when it has seen all.
func Backfill(tx *store.Tx, table string, seal *store.Sealing, t *item.Table, x *item.Index, after *item.RowKey, limit int) (*item.RowKey, error) {
	return tx.SystemBackfill(table, seal, t, x, after, limit)
}

// Count counts up to limit rows of a table, or entries of one of its indexes if index is not "", from a place on, and the
// bytes they take. It returns the place to go on from, nil at the end.
func Count(tx *store.Tx, table, index string, after []byte, limit int) (n, size int64, next []byte, err error) {
	return tx.SystemCount(table, index, after, limit)
}

// Trim removes up to limit changes of a part of a table's log that were made before the time, oldest first, in a transaction
// of Update. It reports whether there may be more.
func Trim(tx *store.Tx, table string, part, limit int, before time.Time) (more bool, err error) {
	return tx.SystemTrim(table, part, limit, before)
}

// Expired looks at up to limit rows of a table after the row `after` for those that have expired. It returns their keys, and
// the last row it has seen, nil when it has seen all.
func Expired(tx *store.Tx, table string, seal *store.Sealing, t *item.Table, attr string, now time.Time, after *item.RowKey, limit int) ([]item.Map, *item.RowKey, error) {
	return tx.SystemExpired(table, seal, t, attr, now, after, limit)
}

// Expire removes the row with the key, in a transaction of Update, if it still is one that has expired.
func Expire(tx *store.Tx, table string, seal *store.Sealing, t *item.Table, key item.Map, attr string, now time.Time) error {
	return tx.SystemExpire(table, seal, t, key, attr, now)
}

// Reseal seals up to limit rows, index entries and items of changes of a table that had them before it was sealed, from a place on.
// It returns the place to go on from, nil at the end.
func Reseal(tx *store.Tx, table string, seal *store.Sealing, from []byte, limit int) ([]byte, error) {
	return tx.SystemReseal(table, seal, from, limit)
}

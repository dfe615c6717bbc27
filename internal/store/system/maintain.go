package system

import (
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
func Backfill(tx *store.Tx, table string, t *item.Table, x *item.Index, after *item.RowKey, limit int) (*item.RowKey, error) {
	return tx.SystemBackfill(table, t, x, after, limit)
}

// Count counts up to limit rows of a table, or entries of one of its indexes if index is not "", from a place on, and the
// bytes they take. It returns the place to go on from, nil at the end.
func Count(tx *store.Tx, table, index string, after []byte, limit int) (n, size int64, next []byte, err error) {
	return tx.SystemCount(table, index, after, limit)
}

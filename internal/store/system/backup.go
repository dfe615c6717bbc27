package system

import (
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Backup copies up to limit rows of a table from a place on into a backup, in a transaction of Update.
func Backup(tx *store.Tx, table, backup string, from []byte, limit int) (store.Copied, error) {
	return tx.SystemBackup(table, backup, from, limit)
}

// Since returns the number of the last change of a part of a table's log that was made before the time, and that of the
// newest.
func Since(tx *store.Tx, table string, part int, at time.Time) (after, last uint64, err error) {
	return tx.SystemSince(table, part, at)
}

// Undo takes up to limit changes of a part with numbers in (after, to] back in a backup of the table, newest first, in a
// transaction of Update. It returns the number to go on from: after, once all are undone.
func Undo(tx *store.Tx, table, backup string, part int, after, to uint64, limit int) (uint64, error) {
	return tx.SystemUndo(table, backup, part, after, to, limit)
}

// Restore writes up to limit rows of a backup from a place on into a table, with its indexes, in a transaction of Update.
func Restore(tx *store.Tx, source store.Source, table string, seal *store.Sealing, t *item.Table, from []byte, limit int) (store.Copied, error) {
	return tx.SystemRestore(source, table, seal, t, from, limit)
}

// DropBackup removes up to limit rows of a backup, in a transaction of Update, and reports whether there may be more.
func DropBackup(tx *store.Tx, backup string, limit int) (more bool, err error) {
	return tx.SystemDropBackup(backup, limit)
}

// DropLog removes up to limit pieces of the log of a table that is gone, in a transaction of Update, and reports whether there
// may be more.
func DropLog(tx *store.Tx, table string, limit int) (more bool, err error) {
	return tx.SystemDropLog(table, limit)
}

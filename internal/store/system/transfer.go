package system

import (
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/store"
)

// ReadBackup reads up to limit rows of a backup from a place on, and returns where to go on, nil at the end. A row whose key cannot
// be used is an error.
func ReadBackup(tx *store.Tx, source store.Source, from []byte, limit int) (items []item.Map, next []byte, err error) {
	return tx.SystemReadBackup(source, from, limit)
}

// Stage notes, for each row that up to limit changes of a part with numbers in (after, to] are about, the first and the last of
// them, in a transaction of Update. It returns the last number that it has seen: to, once it has seen all.
func Stage(tx *store.Tx, table, stage string, part int, after, to uint64, limit int) (uint64, error) {
	return tx.SystemStage(table, stage, part, after, to, limit)
}

// ReadStage reads what became of up to limit rows that Stage has noted, from a place on, and returns where to go on, nil at the end.
func ReadStage(tx *store.Tx, source store.Source, from []byte, limit int) (changes []store.NetChange, next []byte, err error) {
	return tx.SystemReadStage(source, from, limit)
}

// Import writes items that fit a table into it, with its indexes, in a transaction of Update.
func Import(tx *store.Tx, table string, seal *store.Sealing, t *item.Table, items []item.Map, now time.Time) error {
	return tx.SystemImport(table, seal, t, items, now)
}

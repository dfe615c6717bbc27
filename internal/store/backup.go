package store

import (
	"bytes"
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// A backup is a copy of the rows of a table as they are stored:
//
//	spaceBackups [backup 16 B][H(partition key) 16 B][sort key]   the row
//
// It is made of a copy that takes its time, while the table is written to and keeps its changes, from which the changes since
// the time of the backup are then undone. All of this is for package system only.

// maxCopy bounds the bytes of one step of a copy.
const maxCopy = 4 << 20

func backupPrefix(backup string) []byte {
	h := hashOf([]byte(backup))
	return append(append(make([]byte, 0, 1+2*hashSize), spaceBackups), h[:]...)
}

// Copied is one step of a copy.
type Copied struct {
	// Next is where the next step begins; nil at the end.
	Next []byte
	// Rows and Bytes are what was copied.
	Rows, Bytes int64
}

// SystemBackup copies up to limit rows of a table from a place on into a backup.
func (tx *Tx) SystemBackup(table, backup string, from []byte, limit int) (Copied, error) {
	r, err := tx.systemRows(table)
	if err != nil {
		return Copied{}, err
	}
	return tx.copyRows(append([]byte{spaceRows}, r.table[:]...), from, limit, func(suffix, value []byte) error {
		return tx.w.Set(append(backupPrefix(backup), suffix...), value)
	})
}

// copyRows gives the pairs under a prefix to put, in one step of bounded size.
func (tx *Tx) copyRows(prefix, from []byte, limit int, put func(suffix, value []byte) error) (Copied, error) {
	type pair struct{ suffix, value []byte }
	var step []pair
	var c Copied
	rng := kv.Prefix(prefix)
	rng.Limit = limit
	if from != nil {
		rng.Start = append(append(bytes.Clone(prefix), from...), 0)
	}
	err := tx.r.Scan(rng, func(k, v []byte) bool {
		step = append(step, pair{bytes.Clone(k[len(prefix):]), bytes.Clone(v)})
		c.Bytes += int64(len(v))
		return len(step) < limit && c.Bytes < maxCopy
	})
	if err != nil {
		return Copied{}, err
	}
	c.Rows = int64(len(step))
	if len(step) == limit || c.Bytes >= maxCopy {
		c.Next = step[len(step)-1].suffix
	}
	for _, p := range step {
		if err := put(p.suffix, p.value); err != nil {
			return Copied{}, err
		}
	}
	return c, nil
}

// SystemUndo takes up to limit changes of a part with numbers in (after, to] back in a backup of the table, newest first. It
// returns the number to go on from: after, once all are undone.
func (tx *Tx) SystemUndo(table, backup string, part int, after, to uint64, limit int) (uint64, error) {
	r, err := tx.systemRows(table)
	if err != nil {
		return 0, err
	}
	type undo struct {
		n   uint64
		key []byte
		old bool
	}
	var step []undo
	err = r.readHeads(part, after+1, to, true, func(n uint64, pk hash, h *item.ChangeHead) (bool, error) {
		row := r.placeOf(pk, h.SK)
		step = append(step, undo{n, append(backupPrefix(backup), row[1+hashSize:]...), h.Old})
		return len(step) < limit, nil
	})
	if err != nil {
		return 0, err
	}
	for _, u := range step {
		if !u.old {
			err = tx.w.Delete(u.key)
		} else {
			var value []byte
			if value, err = r.piece(part, u.n, changeOld); err == nil {
				err = tx.w.Set(u.key, value)
			}
		}
		if err != nil {
			return 0, err
		}
	}
	if len(step) < limit {
		return after, nil
	}
	return step[len(step)-1].n - 1, nil
}

// SystemSince returns the number of the last change of a part of a table's log that was made before the time, or the number
// before the oldest that is kept.
func (tx *Tx) SystemSince(table string, part int, at time.Time) (after, last uint64, err error) {
	r, err := tx.systemRows(table)
	if err != nil {
		return 0, 0, err
	}
	l, err := r.last(part)
	if err != nil {
		return 0, 0, err
	}
	last = l.n
	first, err := (&Changes{r}).Since(part, 1, last+1, at)
	return first - 1, last, err
}

// SystemRestore writes up to limit rows of a backup from a place on into a table, with its indexes. Rows are opened as the source
// sealed them and sealed as the table's; those whose key cannot be used are left out.
func (tx *Tx) SystemRestore(source Source, table string, seal *Sealing, t *item.Table, from []byte, limit int) (Copied, error) {
	to, err := tx.systemRows(table)
	if err != nil {
		return Copied{}, err
	}
	to.seal = seal
	src := &rows{tx: tx, table: hashOf([]byte(source.Table)), seal: source.Seal, system: true, whole: true}
	return tx.copyRows(backupPrefix(source.Rows), from, limit, func(suffix, value []byte) error {
		place := append(append([]byte{spaceRows}, src.table[:]...), suffix...)
		_, text, _, err := src.decodeRow(place, value)
		if err == errSkipped { //nolint:errorlint // never wrapped
			return nil
		}
		if err != nil {
			return err
		}
		m, err := item.Load(text)
		if err != nil {
			return err
		}
		return t.Restore(to, m)
	})
}

// Source is a backup with the table that it was made of: its id, and how its rows are sealed.
type Source struct {
	Rows, Table string
	Seal        *Sealing
}

// SystemDropBackup removes up to limit rows of a backup and reports whether there may be more.
func (tx *Tx) SystemDropBackup(backup string, limit int) (more bool, err error) {
	if tx.access.system == "" || tx.w == nil {
		return false, notGranted("removing the backup " + backup)
	}
	n, err := tx.drop(backupPrefix(backup), limit)
	return n == limit, err
}

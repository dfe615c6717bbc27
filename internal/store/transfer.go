package store

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
)

// What exports read and imports write, all for package system only. An export of what has changed is staged: for each row that
// changed between two times, the numbers of the first and of the last of its changes, beside where backups are:
//
//	spaceBackups [stage 16 B][H(partition key) 16 B][sort key]   [part][first number 8 B][last number 8 B][what there was]

// What there was before the first change of a staged row, and is after the last.
const (
	stagedOld = 1 << iota
	stagedNew
)

const stagedSize = 1 + 8 + 8 + 1

// SystemReadBackup reads up to limit rows of a backup from a place on, and returns where to go on, nil at the end. Rows are opened as
// the source sealed them; one whose key cannot be used is the error that says why.
func (tx *Tx) SystemReadBackup(source Source, from []byte, limit int) (items []item.Map, next []byte, err error) {
	if tx.access.system == "" {
		return nil, nil, notGranted("reading the backup " + source.Rows)
	}
	src := source.rows(tx)
	c, err := tx.copyRows(backupPrefix(source.Rows), from, limit, func(suffix, value []byte) error {
		m, err := src.opened(suffix, value)
		if err == nil && !m.IsZero() {
			items = append(items, m)
		}
		return err
	})
	return items, c.Next, err
}

// rows are the rows of the table that the source was made of, whoever's they are.
func (s *Source) rows(tx *Tx) *rows {
	return &rows{tx: tx, table: hashOf([]byte(s.Table)), seal: s.Seal, system: true, whole: true}
}

// opened reads a row from where it is stored to its attributes. It is absent if its key is still to be fetched: the transaction runs
// again.
func (r *rows) opened(suffix, value []byte) (item.Map, error) {
	place := append(append([]byte{spaceRows}, r.table[:]...), suffix...)
	_, text, unusable, err := r.decodeRow(place, value)
	switch {
	case unusable != nil:
		return item.Map{}, unusable
	case err == errSkipped: //nolint:errorlint // never wrapped
		return item.Map{}, nil
	case err != nil:
		return item.Map{}, err
	}
	return item.Load(text)
}

// SystemStage stages up to limit changes of a part with numbers in (after, to], oldest first. It returns the number of the last one
// that it has seen: to, once all are staged.
func (tx *Tx) SystemStage(table, stage string, part int, after, to uint64, limit int) (uint64, error) {
	r, err := tx.systemRows(table)
	if err != nil {
		return 0, err
	}
	type change struct {
		n     uint64
		key   []byte
		there byte
	}
	var step []change
	err = r.readHeads(part, after+1, to, false, func(n uint64, pk hash, h *item.ChangeHead) (bool, error) {
		c := change{n: n, key: append(backupPrefix(stage), r.placeOf(pk, h.SK)[1+hashSize:]...)}
		if h.Old {
			c.there |= stagedOld
		}
		if h.New {
			c.there |= stagedNew
		}
		step = append(step, c)
		return len(step) < limit, nil
	})
	if err != nil {
		return 0, err
	}
	for _, c := range step {
		b := make([]byte, 0, stagedSize)
		b = binary.BigEndian.AppendUint64(append(b, byte(part)), c.n)
		b = append(binary.BigEndian.AppendUint64(b, c.n), c.there)
		staged, ok, err := tx.w.Get(c.key)
		if err != nil {
			return 0, err
		}
		if ok && len(staged) == stagedSize {
			copy(b[1:9], staged[1:9])
			b[stagedSize-1] = staged[stagedSize-1]&stagedOld | c.there&stagedNew
		}
		if err := tx.w.Set(c.key, b); err != nil {
			return 0, err
		}
	}
	if len(step) < limit {
		return to, nil
	}
	return step[len(step)-1].n, nil
}

// NetChange is what became of a row between two times: Old is absent if there was none, New if there is none any more. At is when it
// was changed last.
type NetChange struct {
	At       time.Time
	Old, New item.Map
}

// SystemReadStage reads up to limit staged rows of a table from a place on, and returns where to go on, nil at the end. Rows that came
// and went in between are left out.
func (tx *Tx) SystemReadStage(source Source, from []byte, limit int) (changes []NetChange, next []byte, err error) {
	if tx.access.system == "" {
		return nil, nil, notGranted("reading the changes " + source.Rows)
	}
	src := source.rows(tx)
	c, err := tx.copyRows(backupPrefix(source.Rows), from, limit, func(suffix, value []byte) error {
		if len(value) != stagedSize {
			return errChanges
		}
		there := value[stagedSize-1]
		if there == 0 {
			return nil
		}
		part, first, last := int(value[0]), binary.BigEndian.Uint64(value[1:]), binary.BigEndian.Uint64(value[9:])
		b, err := src.piece(part, last, changeHead)
		if err != nil {
			return err
		}
		_, head, err := decodeHead(b)
		if err != nil {
			return err
		}
		n := NetChange{At: head.At}
		if there&stagedOld != 0 {
			if n.Old, err = src.image(part, first, changeOld, suffix); err != nil {
				return err
			}
		}
		if there&stagedNew != 0 {
			if n.New, err = src.image(part, last, changeNew, suffix); err != nil {
				return err
			}
		}
		changes = append(changes, n)
		return nil
	})
	return changes, c.Next, err
}

// image reads one item of a change.
func (r *rows) image(part int, n uint64, piece byte, suffix []byte) (item.Map, error) {
	b, err := r.piece(part, n, piece)
	if err != nil {
		return item.Map{}, err
	}
	return r.opened(suffix, bytes.Clone(b))
}

// SystemImport writes items into a table, with its indexes, whoever's they are. They must fit the table (item.Write.RowKey).
func (tx *Tx) SystemImport(table string, seal *Sealing, t *item.Table, items []item.Map, now time.Time) error {
	r, err := tx.systemRows(table)
	if err != nil {
		return err
	}
	r.seal, r.now = seal, now
	for _, m := range items {
		if _, err := t.Write(r, &item.Write{Kind: item.PutRow, Item: m}); err != nil {
			return err
		}
	}
	return nil
}

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// The changes of a table are kept in parts, each with numbers of its own that rise by one:
//
//	spaceChanges [table 16 B][part][number 8 B][0]   the head of the change
//	spaceChanges [table 16 B][part][number 8 B][1]   the old item, if there was one, as the row was stored
//	spaceChanges [table 16 B][part][number 8 B][2]   the new item, if there is one, as the row is stored
//	spaceLast    [table 16 B][part]                  the last number 8 B, and when it was given: milliseconds 8 B, absent of old
//
// All changes of a row are in the part of its partition key, so that their order is that of the writes. Writers of one part
// wait for each other; several parts let a table be written to by many.

// ChangeParts is how many parts the changes of a table are kept in. It is on disk and never changes.
const ChangeParts = 4

// The pieces of a change in the store.
const (
	changeHead byte = iota
	changeOld
	changeNew
)

var errChanges = errors.New("store: the log of changes is damaged")

// partOf is the part of a partition key.
func (r *rows) partOf(pk []byte) int {
	h := r.seal.hashPK(pk)
	return int(h[0]) * ChangeParts >> 8
}

func (r *rows) lastKey(part int) []byte {
	return append(append(append(make([]byte, 0, 2+hashSize), spaceLast), r.table[:]...), byte(part))
}

func (r *rows) changes(part int) []byte {
	return append(append(append(make([]byte, 0, 2+hashSize+9), spaceChanges), r.table[:]...), byte(part))
}

func (r *rows) changeKey(part int, number uint64, piece byte) []byte {
	return append(binary.BigEndian.AppendUint64(r.changes(part), number), piece)
}

// number says which change of a part is its newest, and when it was made.
type number struct {
	n  uint64
	at time.Time
}

// last is the number of a part's newest change, 0 if there is none.
func (r *rows) last(part int) (number, error) {
	b, ok, err := r.tx.r.Get(r.lastKey(part))
	if err != nil || !ok {
		return number{}, err
	}
	switch len(b) {
	case 8:
		return number{n: binary.BigEndian.Uint64(b)}, nil
	case 16:
		return number{binary.BigEndian.Uint64(b), time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))).UTC()}, nil
	}
	return number{}, errChanges
}

func (r *rows) setLast(part int, l number) error {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), l.n)
	return r.tx.w.Set(r.lastKey(part), binary.BigEndian.AppendUint64(b, uint64(l.at.UnixMilli())))
}

// maxSkew is by how much the clocks of nodes may differ: as much as signatures allow.
const maxSkew = 15 * time.Minute

// after is the number of the next change, made at a time. It is never before the change that it follows, although requests end in
// another order than they began and nodes' clocks differ: what is cut off the log at a time is cut off at one place.
func (l number) after(now time.Time) number {
	next := number{l.n + 1, now.Truncate(time.Millisecond)}
	if ahead := l.at.Sub(now); ahead > 0 && ahead <= maxSkew {
		next.at = l.at
	}
	return next
}

// Log implements item.ChangeLog.
func (r *rows) Log(c *item.Change) error {
	return r.write(c.Key.PK, func(w kv.Tx) error {
		part := r.partOf(c.Key.PK)
		last, err := r.last(part)
		if err != nil {
			return err
		}
		next := last.after(r.now)
		n := next.n
		c.At, c.By = next.at, r.by
		place := r.key(c.Key)
		head := c.Head()
		if err := w.Set(r.changeKey(part, n, changeHead), encodeHead(place[1+hashSize:1+2*hashSize], &head)); err != nil {
			return err
		}
		for i, m := range []item.Map{c.Old, c.New} {
			piece := [...]byte{changeOld, changeNew}[i]
			if m.IsZero() {
				continue
			}
			b, err := r.encodeRow(place, c.Key.PK, m.Stored())
			if err == errSkipped { //nolint:errorlint // never wrapped
				return nil // the transaction runs again
			}
			if err != nil {
				return err
			}
			if err := w.Set(r.changeKey(part, n, piece), b); err != nil {
				return err
			}
		}
		return r.setLast(part, next)
	})
}

// encodeHead is the head of a change with the hash of its partition key: the key itself is in its items.
func encodeHead(pk []byte, h *item.ChangeHead) []byte { return append(bytes.Clone(pk), h.Encode()...) }

func decodeHead(b []byte) (pk hash, h item.ChangeHead, err error) {
	if len(b) < hashSize {
		return pk, h, errChanges
	}
	copy(pk[:], b)
	h, err = item.DecodeChangeHead(b[hashSize:])
	return pk, h, err
}

// Changes reads what is kept of the changes of one table, as far as the grant's checks on it go: under a guard only those
// of the tenant's rows.
type Changes struct{ rows *rows }

// Changes opens the log of the table with the id, whose rows are sealed as seal says; nil if they are not.
func (tx *Tx) Changes(id string, seal *Sealing) (*Changes, error) {
	rs, err := tx.Rows(id, seal, time.Time{})
	if err != nil {
		return nil, err
	}
	return &Changes{rs.(*rows)}, nil
}

// Last returns the number of the newest change of a part; 0 if there never was one.
func (c *Changes) Last(part int) (uint64, error) {
	l, err := c.rows.last(part)
	return l.n, err
}

func numberOf(prefix, k []byte) uint64 { return binary.BigEndian.Uint64(k[len(prefix):]) }

// Since returns the first number in [from, end) of a change of a part that is kept and was made at the time or later; end if
// there is none. Times of a part rise with its numbers, unless a clock was ahead by more than any may be.
func (c *Changes) Since(part int, from, end uint64, at time.Time) (uint64, error) {
	for from < end {
		mid := from + (end-from)/2
		n, made, ok, err := c.rows.madeAt(part, mid, end)
		if err != nil {
			return 0, err
		}
		if !ok || !made.Before(at) {
			end = mid
			continue
		}
		from = n + 1
	}
	return end, nil
}

// madeAt returns the number and time of the first change in [from, end), whoever's it is.
func (r *rows) madeAt(part int, from, end uint64) (n uint64, made time.Time, ok bool, err error) {
	prefix := r.changes(part)
	rng := kv.Range{Start: r.changeKey(part, from, changeHead), End: r.changeKey(part, end, changeHead), Limit: 1}
	var bad error
	err = r.tx.r.Scan(rng, func(k, b []byte) bool {
		var h item.ChangeHead
		_, h, bad = decodeHead(b)
		made = h.At
		n, ok = numberOf(prefix, k), true
		return false
	})
	if err == nil {
		err = bad
	}
	return n, made, ok, err
}

// Read yields the changes of a part with numbers in [from, to], oldest first, until yield returns false. Those that the
// grant does not show are passed over, as many bytes of them as a scan passes over of rows (LimitWalk). What is yielded is valid only
// during the call. Read returns the number to go on from.
func (c *Changes) Read(part int, from, to uint64, yield func(number uint64, ch *item.Change) bool) (next uint64, err error) {
	return c.rows.readChanges(part, from, to, yield)
}

// readChanges reads heads, and the items of each. Those whose key cannot be used are left out.
func (r *rows) readChanges(part int, from, to uint64, yield func(uint64, *item.Change) bool) (next uint64, err error) {
	left := r.drawWalk()
	next = to + 1
	err = r.readHeads(part, from, to, false, func(n uint64, pk hash, h *item.ChangeHead) (bool, error) {
		if left <= 0 {
			next = n
			return false, nil
		}
		c := item.Change{Key: item.RowKey{SK: h.SK}, At: h.At, By: h.By}
		place := r.placeOf(pk, h.SK)
		for _, p := range []struct {
			there bool
			piece byte
			to    *item.Map
		}{{h.Old, changeOld, &c.Old}, {h.New, changeNew, &c.New}} {
			if !p.there {
				continue
			}
			size, shown, err := r.itemOf(part, n, p.piece, place, &c.Key, p.to)
			if err != nil || !shown {
				left -= size + passing
				return true, err
			}
		}
		if !yield(n, &c) {
			next = n
			return false, nil
		}
		return true, nil
	})
	return next, err
}

// placeOf is the kv key of a row.
func (r *rows) placeOf(pk hash, sk []byte) []byte {
	k := append(append(make([]byte, 0, 1+2*hashSize+len(sk)), spaceRows), r.table[:]...)
	return append(append(k, pk[:]...), sk...)
}

// readHeads yields the heads of a part with numbers in [from, to], whoever's they are, until yield returns false or an error.
func (r *rows) readHeads(part int, from, to uint64, reverse bool, yield func(uint64, hash, *item.ChangeHead) (bool, error)) error {
	if from > to {
		return nil
	}
	prefix := r.changes(part)
	rng := kv.Range{Start: r.changeKey(part, from, changeHead), End: r.changeKey(part, to, changeNew+1), Reverse: reverse}
	var bad error
	err := r.tx.r.Scan(rng, func(k, b []byte) bool {
		if k[len(k)-1] != changeHead {
			return true
		}
		more := false
		pk, h, err := decodeHead(b)
		if err == nil {
			more, err = yield(numberOf(prefix, k), pk, &h)
		}
		bad = err
		return more && err == nil
	})
	if bad != nil {
		return bad
	}
	return err
}

// piece reads one piece of a change as it is stored.
func (r *rows) piece(part int, n uint64, piece byte) ([]byte, error) {
	b, ok, err := r.tx.r.Get(r.changeKey(part, n, piece))
	if err == nil && !ok {
		err = errChanges
	}
	return b, err
}

// itemOf reads the old or the new item of a change, and the partition key with it. It is not shown if the rule hides it or its
// key cannot be used. size is what it takes in the store.
func (r *rows) itemOf(part int, n uint64, piece byte, place []byte, k *item.RowKey, to *item.Map) (size int, shown bool, err error) {
	b, err := r.piece(part, n, piece)
	if err != nil {
		return 0, false, err
	}
	pk, value, _, err := r.decodeRow(place, b)
	if err == errSkipped { //nolint:errorlint // never wrapped
		return len(b), false, nil
	}
	if err != nil {
		return 0, false, err
	}
	if shown, err = r.check(pk, false); err != nil || !shown {
		return len(b), false, err
	}
	k.PK = pk
	*to, err = item.Load(value)
	return len(b), true, err
}

// Mark uses up one number of each part of the log of a table that the grant names, or that the system maintains, so that
// what comes after it is told from what came before. It returns those numbers.
func (tx *Tx) Mark(table string) (marks [ChangeParts]uint64, err error) {
	if tx.w == nil || tx.access.system == "" && !tx.access.grant.Names(table) {
		return marks, notGranted("marking the log of " + table)
	}
	r := &rows{tx: tx, table: hashOf([]byte(table))}
	for part := range marks {
		l, err := r.last(part)
		if err != nil {
			return marks, err
		}
		l.n++
		marks[part] = l.n
		if err := r.setLast(part, l); err != nil {
			return marks, err
		}
	}
	return marks, nil
}

// SystemTrim is for package system only: it removes up to limit changes of a part that were made before the time, oldest
// first, and reports whether there may be more.
func (tx *Tx) SystemTrim(table string, part, limit int, before time.Time) (more bool, err error) {
	r, err := tx.systemRows(table)
	if err != nil {
		return false, err
	}
	var drop []uint64
	err = r.readHeads(part, 0, 1<<63, false, func(n uint64, _ hash, h *item.ChangeHead) (bool, error) {
		if len(drop) == limit || !h.At.Before(before) {
			return false, nil
		}
		drop = append(drop, n)
		return true, nil
	})
	if err != nil {
		return false, err
	}
	for _, n := range drop {
		for _, piece := range []byte{changeHead, changeOld, changeNew} {
			if err := tx.w.Delete(r.changeKey(part, n, piece)); err != nil {
				return false, err
			}
		}
	}
	return len(drop) == limit, nil
}

func (tx *Tx) systemRows(table string) (*rows, error) {
	if tx.access.system == "" || tx.w == nil {
		return nil, notGranted("maintaining the rows of " + table)
	}
	return &rows{tx: tx, table: hashOf([]byte(table)), system: true}, nil
}

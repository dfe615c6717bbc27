package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/keyorder"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// hashSize is how much of a key's SHA-256 stands for it in kv keys; the whole key is kept in the value and compared.
const hashSize = 16

// rowV1 is the first byte of a stored row or index entry: the length of the partition key as uvarint, the key (the base
// row's, in an index entry) and what Put was given follow.
const rowV1 = 1

type hash [hashSize]byte

func hashOf(b []byte) (h hash) {
	sum := sha256.Sum256(b)
	copy(h[:], sum[:])
	return h
}

// Rows is the view of the rows of the table with the id, as far as the grant's checks on it go: only their partition
// keys, and under a guard only the tenant's rows. seal is how they are sealed, nil if they are not; now is the time of what it
// changes.
func (tx *Tx) Rows(id string, seal *Sealing, now time.Time) (item.Rows, error) {
	rule, ok := tx.access.grant.RowRule(id)
	if tx.access.system != "" || !ok {
		return nil, notGranted("rows of " + id)
	}
	if err := tx.open(seal); err != nil {
		return nil, err
	}
	var room [64]byte // more than an id has
	return &rows{tx: tx, guard: RowGuard{tx.access.grant, rule}, table: hashOf(append(room[:0], id...)), seal: seal, now: now}, nil
}

// rows implements item.Rows under a RowGuard.
type rows struct {
	tx    *Tx
	guard RowGuard
	table hash
	// system is true for maintenance that touches all rows and shows none (maintain.go).
	system bool
	// whole is true for what is made of all rows, and must not lack those of a key that is disabled.
	whole bool
	// seal is how the rows are sealed, nil if they are not; held is the data key that was used last.
	seal *Sealing
	held *DataKey
	// now and by go with the changes that are kept.
	now time.Time
	by  item.Cause
	// latest is what is known of the partition key that was used last: requests touch few, and each several times.
	latest struct {
		pk          string
		prefix      [1 + 2*hashSize]byte // once hashed
		leading     string
		read, write bool // RowGuard.Check permits it
		known       bool
		hashed      bool
	}
	plain []byte // what a scan has opened last
}

// use makes latest that of a partition key.
func (r *rows) use(pk []byte) {
	if r.latest.known && r.latest.pk == string(pk) {
		return
	}
	r.latest.known, r.latest.pk, r.latest.hashed = true, string(pk), false
	r.latest.read, r.latest.write = false, false
	if len(pk) > 0 && pk[0] != 'B' && len(item.LeadingBytes(pk)) == len(pk) {
		r.latest.leading = r.latest.pk[1:] // what leadingText makes
	} else {
		r.latest.leading = leadingText(pk)
	}
}

// check says whether the row with the partition key may be touched; false without an error is a hidden row.
func (r *rows) check(pk []byte, write bool) (bool, error) {
	if r.system {
		return true, nil
	}
	r.use(pk)
	known := &r.latest.read
	if write {
		known = &r.latest.write
	}
	if *known {
		return true, nil
	}
	ok, err := r.guard.check(r.latest.leading, write)
	*known = ok && err == nil
	return ok, err
}

// leadingText is the partition key as dynamodb:LeadingKeys shows it, its first attribute if it has several.
func leadingText(pk []byte) string {
	pk = item.LeadingBytes(pk)
	if len(pk) == 0 {
		return ""
	}
	if pk[0] == 'B' {
		return base64.StdEncoding.EncodeToString(pk[1:])
	}
	return string(pk[1:])
}

// partition is the prefix of the keys of a partition's rows.
func (r *rows) partition(pk []byte) []byte { return r.key(item.RowKey{PK: pk}) }

func (r *rows) key(k item.RowKey) []byte {
	r.use(k.PK)
	prefix := &r.latest.prefix
	if !r.latest.hashed {
		h := r.seal.hashPK(k.PK)
		prefix[0] = spaceRows
		copy(prefix[1:], r.table[:])
		copy(prefix[1+hashSize:], h[:])
		r.latest.hashed = true
	}
	return append(append(make([]byte, 0, len(prefix)+len(k.SK)), prefix[:]...), k.SK...)
}

// Get implements item.RowReader.
func (r *rows) Get(k item.RowKey) ([]byte, bool, error) {
	if ok, err := r.check(k.PK, false); err != nil || !ok {
		return nil, false, err
	}
	place := r.key(k)
	b, ok, err := r.tx.r.Get(place)
	if err != nil || !ok {
		return nil, false, err
	}
	pk, value, unusable, err := r.decodeRow(place, b)
	switch {
	case unusable != nil:
		return nil, false, unusable
	case err == errSkipped: //nolint:errorlint // never wrapped
		return nil, false, nil // the transaction runs again
	case err != nil:
		return nil, false, err
	}
	if string(pk) != string(k.PK) {
		return nil, false, errCollision
	}
	return value, true, nil
}

var errCollision = errors.New("store: two partition keys of one table have the same hash")

// Query implements item.RowReader.
func (r *rows) Query(pk []byte, rng item.Range, yield func([]byte) bool) error {
	// Asked first: whether there are rows, and whether their key can be used, is no answer about a partition that is hidden.
	if ok, err := r.check(pk, false); err != nil || !ok {
		return err
	}
	base := r.partition(pk)
	return r.scan(resume(bounds(base, rng.Start, rng.End, rng), base, rng.Resume), len(base), true, pk, yield)
}

// bounds is the range of keys under prefix between two suffixes.
func bounds(prefix, start, end []byte, rng item.Range) kv.Range {
	out := kv.Range{Reverse: rng.Reverse, Limit: rng.Limit}
	out.Start = append(prefix[:len(prefix):len(prefix)], start...)
	if end == nil {
		out.End = keyorder.PrefixEnd(prefix)
	} else {
		out.End = append(prefix[:len(prefix):len(prefix)], end...)
	}
	return out
}

// Scan implements item.RowReader.
func (r *rows) Scan(s item.Segment, after *item.RowKey, limit int, yield func([]byte) bool) error {
	base := append([]byte{spaceRows}, r.table[:]...)
	rng := segment(base, s)
	rng.Limit = limit
	if after != nil {
		start := append(r.key(*after), 0)
		if !contains(rng, start) {
			return s.ErrStart()
		}
		rng.Start = start
	}
	return r.jumps(resume(rng, base, s.Resume), s.Whole, yield)
}

// segment is the part of the hash space under prefix that the segment covers.
func segment(prefix []byte, s item.Segment) kv.Range {
	if s.Total <= 1 {
		return kv.Prefix(prefix)
	}
	at := func(i int) []byte {
		if i == s.Total {
			return keyorder.PrefixEnd(prefix)
		}
		// i·2⁶⁴/Total
		q, _ := bits.Div64(uint64(i), 0, uint64(s.Total))
		return binary.BigEndian.AppendUint64(prefix[:len(prefix):len(prefix)], q)
	}
	return kv.Range{Start: at(s.Index), End: at(s.Index + 1)}
}

func contains(rng kv.Range, key []byte) bool {
	return bytes.Compare(key, rng.Start) >= 0 && bytes.Compare(key, rng.End) < 0
}

// scan yields what the rule permits of a range of keys that share their first base bytes.
func (r *rows) scan(rng kv.Range, base int, whole bool, want []byte, yield func([]byte) bool) error {
	if empty(rng) {
		return nil
	}
	return r.walk(r.newWalk(base, rng.Reverse, whole), rng, want, yield, nil)
}

// walk yields what the rule permits of a range. Each row is checked by its own partition key, whichever way it is found. A row
// whose key cannot be used is an error in the partition that was asked for, and left out of what goes through many tenants' rows:
// one tenant's key must not stop the others' work. passed is told the place of each row that the guard hides, and ends the scan if
// it returns false; nil is not told. So many rows left out that w has had enough end it with an item.Pause.
func (r *rows) walk(w *walk, rng kv.Range, want []byte, yield func([]byte) bool, passed func(place []byte) bool) error {
	var bad error
	err := r.tx.r.Scan(rng, func(place, b []byte) bool {
		value, is, err := r.judge(place, b, want)
		switch {
		case err == errSkipped: //nolint:errorlint // never wrapped
			return true // the transaction runs again
		case err != nil:
			bad = err
			return false
		case is == rowShown:
			w.show(place)
			return yield(value)
		}
		if pause := w.pass(place, len(b)); pause != nil {
			bad = pause
			return false
		}
		return is != rowHidden || passed == nil || passed(place)
	})
	if bad != nil {
		return bad
	}
	return err
}

// shown says what becomes of a row in a scan.
type shown uint8

const (
	rowLocked shown = iota // its key cannot be used now
	rowHidden
	rowShown
)

// judge opens a row, or an entry of an index, and says whether it is shown. want is its partition key, nil if that is not known.
func (r *rows) judge(place, b, want []byte) ([]byte, shown, error) {
	pk, value, unusable, err := r.decodeInto(&r.plain, place, b)
	switch {
	case unusable != nil && want != nil:
		return nil, rowLocked, unusable
	case unusable != nil:
		return nil, rowLocked, nil //nolint:nilerr // it is left out, for the reason that unusable is
	case err != nil:
		return nil, rowLocked, err
	case want != nil && string(pk) != string(want):
		return nil, rowLocked, errCollision
	}
	if ok, err := r.check(pk, false); err != nil || !ok {
		return nil, rowHidden, err
	}
	return value, rowShown, nil
}

// Overwrites implements item.Overwriter. Nobody finds two partition keys with one hash whose key is secret; without a key it takes
// 2⁶⁴ tries, so that the row has to be read, and Get compares (docs/adr/0017).
func (r *rows) Overwrites() bool { return r.seal.keyed() }

// Put implements item.Rows.
func (r *rows) Put(k item.RowKey, value []byte) error {
	return r.write(k.PK, func(w kv.Tx) error { return r.set(w, r.key(k), k.PK, value) })
}

// Delete implements item.Rows.
func (r *rows) Delete(k item.RowKey) error {
	return r.write(k.PK, func(w kv.Tx) error { return w.Delete(r.key(k)) })
}

// PutIndex implements item.Rows.
func (r *rows) PutIndex(id string, pos item.IndexPos, value []byte) error {
	if !r.system {
		if err := r.guard.Enter(id, pos.Key.PK); err != nil {
			return err
		}
	}
	return r.write(pos.Base.PK, func(w kv.Tx) error {
		return r.set(w, r.index(id).key(pos), pos.Base.PK, value)
	})
}

// DeleteIndex implements item.Rows.
func (r *rows) DeleteIndex(id string, pos item.IndexPos) error {
	return r.write(pos.Base.PK, func(w kv.Tx) error { return w.Delete(r.index(id).key(pos)) })
}

func (r *rows) write(pk []byte, do func(kv.Tx) error) error {
	if r.tx.w == nil {
		return notGranted("a write through a read-only view")
	}
	if ok, err := r.check(pk, true); err != nil || !ok {
		return err
	}
	return do(r.tx.w)
}

// set stores a row or an entry. One whose key is still to be fetched is not stored, and the transaction runs again.
func (r *rows) set(w kv.Tx, place, pk, value []byte) error {
	b, err := r.encodeRow(place, pk, value)
	if err == errSkipped { //nolint:errorlint // never wrapped
		return nil
	}
	if err != nil {
		return err
	}
	return kv.Give(w, place, b) // both were made for this
}

func sealRow(pk, value []byte) []byte {
	return appendRow(append(make([]byte, 0, 1+rowSize(pk, value)), rowV1), pk, value)
}

// rowSize is how much appendRow appends, at most.
func rowSize(pk, value []byte) int { return binary.MaxVarintLen16 + len(pk) + len(value) }

func appendRow(b, pk, value []byte) []byte {
	return append(append(binary.AppendUvarint(b, uint64(len(pk))), pk...), value...)
}

func openRow(b []byte) (pk, value []byte, err error) {
	if len(b) == 0 || b[0] != rowV1 {
		return nil, nil, fmt.Errorf("store: a row has an unknown format; was it written by a newer version?")
	}
	return cutRow(b[1:])
}

func cutRow(b []byte) (pk, value []byte, err error) {
	n, m := binary.Uvarint(b)
	if m <= 0 || n > uint64(len(b)-m) {
		return nil, nil, fmt.Errorf("store: a row is cut short")
	}
	b = b[m:]
	return b[:n:n], b[n:], nil
}

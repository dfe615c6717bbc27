package item

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Cause says who made a change.
type Cause uint8

// The causes. They are on disk: only ever add.
const (
	// ByRequest is a change that a caller asked for.
	ByRequest Cause = iota
	// ByExpiry is a row that its time to live has ended.
	ByExpiry
)

// Change is what one write did to one row. Old is absent if there was no row, New if there is none any more.
type Change struct {
	Key      RowKey
	Old, New Map
	// At is when the change was made, to the millisecond, and By why: the log knows both.
	At time.Time
	By Cause
}

// ChangeLog is implemented by Rows that keep what each write does, for streams and for recovery. Changes of one row are
// kept in the order in which they were made.
type ChangeLog interface {
	// Log keeps a change in the transaction that makes it.
	Log(c *Change) error
}

// Same reports whether two maps hold the same attributes, in whatever order. An absent map is the same only as another.
func (m Map) Same(o Map) bool {
	if m.IsZero() != o.IsZero() || len(m.b) != len(o.b) {
		return false
	}
	if bytes.Equal(m.b, o.b) {
		return true
	}
	for name, v := range m.All() {
		if w := o.Get(name); !bytes.Equal(v.b, w.b) {
			return false
		}
	}
	return true // as many bytes, and each of m's attributes is in o
}

// KeyOf returns the attributes of the table's key in an item.
func (t *Table) KeyOf(m Map) Map { return t.Keys.attrs(m) }

// log keeps a change if the table wants it. A write that leaves everything as it was is none ("Change data capture for
// DynamoDB Streams").
func (t *Table) log(rows Rows, p *planned) error {
	if !t.Logged || p.old.Same(p.new) {
		return nil
	}
	return rows.(ChangeLog).Log(&Change{Key: p.key, Old: p.old, New: p.new})
}

// changeV1 is the first byte of the head of an encoded change.
const changeV1 = 1

// changeFixed is the length of what a head begins with: version, time, cause, which items there are.
const changeFixed = 1 + 8 + 2

// Which items a change has.
const (
	changeOld = 1 << iota
	changeNew
)

// ChangeHead is what is encoded of a change apart from its items and its partition key: they are kept as rows are.
type ChangeHead struct {
	At time.Time
	By Cause
	// Old and New tell whether there is such an item.
	Old, New bool
	// SK is the sort key of the row.
	SK []byte
}

// Head returns the head of the change.
func (c *Change) Head() ChangeHead {
	return ChangeHead{At: c.At, By: c.By, Old: !c.Old.IsZero(), New: !c.New.IsZero(), SK: c.Key.SK}
}

// Encode returns the head as bytes.
func (h *ChangeHead) Encode() []byte {
	b := make([]byte, 0, changeFixed+len(h.SK))
	b = append(b, changeV1)
	b = binary.BigEndian.AppendUint64(b, uint64(h.At.UnixMilli()))
	items := byte(0)
	if h.Old {
		items |= changeOld
	}
	if h.New {
		items |= changeNew
	}
	return append(append(b, byte(h.By), items), h.SK...)
}

// DecodeChangeHead reads what Encode wrote. It shares the memory of b. Damaged bytes are ErrCorrupt.
func DecodeChangeHead(b []byte) (ChangeHead, error) {
	if len(b) < changeFixed || b[0] != changeV1 || b[10]&^(changeOld|changeNew) != 0 {
		return ChangeHead{}, ErrCorrupt
	}
	h := ChangeHead{
		At: time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:]))).UTC(),
		By: Cause(b[9]), Old: b[10]&changeOld != 0, New: b[10]&changeNew != 0,
	}
	if len(b) > changeFixed {
		h.SK = b[changeFixed:]
	}
	return h, nil
}

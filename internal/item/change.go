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

// changeV1 is the first byte of an encoded change.
const changeV1 = 1

// Encode returns the change without its partition key: the time, the cause and the new item, and apart from them the old
// item, so that neither is longer than a row; old is nil if there was no row.
func (c *Change) Encode() (head, old []byte) {
	head = make([]byte, 0, 1+8+1+1+2+len(c.Key.SK)+1+len(c.New.b))
	head = append(head, changeV1)
	head = binary.BigEndian.AppendUint64(head, uint64(c.At.UnixMilli())) //nolint:gosec // times of this era
	flags := byte(0)
	if !c.Old.IsZero() {
		flags |= 1
		old = c.Old.Stored()
	}
	if !c.New.IsZero() {
		flags |= 2
	}
	head = append(head, byte(c.By), flags)
	head = binary.AppendUvarint(head, uint64(len(c.Key.SK)))
	head = append(head, c.Key.SK...)
	return append(head, c.New.b...), old
}

// changeFixed is the length of what an encoded change begins with: version, time, cause, flags.
const changeFixed = 1 + 8 + 2

// ChangeTime returns the time of an encoded change.
func ChangeTime(head []byte) (time.Time, error) {
	if len(head) < changeFixed || head[0] != changeV1 {
		return time.Time{}, ErrCorrupt
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(head[1:]))).UTC(), nil //nolint:gosec // as written
}

// DecodeChange reads what Encode wrote; the partition key is the store's to add. It shares the memory of its arguments. Damaged
// bytes are ErrCorrupt.
func DecodeChange(head, old []byte) (c Change, err error) {
	if c.At, err = ChangeTime(head); err != nil {
		return Change{}, err
	}
	const fixed = changeFixed
	c.By = Cause(head[9])
	flags := head[10]
	n, w := binary.Uvarint(head[fixed:])
	if w <= 0 || n > uint64(len(head)-fixed-w) {
		return Change{}, ErrCorrupt
	}
	if n > 0 {
		c.Key.SK = head[fixed+w : fixed+w+int(n)] // at most len(head)
	}
	body := head[fixed+w+int(n):]
	if flags&2 != 0 {
		if !validMap(body, 0) {
			return Change{}, ErrCorrupt
		}
		c.New = Map{b: body}
	}
	if flags&1 != 0 {
		if c.Old, err = Load(old); err != nil {
			return Change{}, err
		}
	}
	return c, nil
}

// Package overlay holds the uncommitted writes of one transaction and lays them over what a backend reads, so that
// every backend gives a transaction the same view of its own writes and the same limits.
package overlay

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// linear is the number of writes up to which a search beats a map; most transactions write only a few keys.
const linear = 8

// Op is one write: Value is what Key shall hold, or, if Deleted, Key shall be absent.
type Op struct {
	Key, Value []byte
	Deleted    bool
	// next is one more than the place of an earlier write whose key has the same hash, 0 for none.
	next int
}

// Writes is the write set of one transaction, at most one Op a key. The zero value is empty and ready. It is not safe
// for concurrent use.
type Writes struct {
	ops []Op
	// index holds one more than the place of the latest write by the hash of its key, once there are more than linear.
	index   map[uint64]int
	indexed bool
}

// seed keeps outsiders from choosing keys that collide.
var seed = maphash.MakeSeed()

// maxIndex is how many writes an index may have had that is kept for the next transaction.
const maxIndex = 4096

// Ops returns the writes, one a key, in order of first write. The slice and its contents must not be changed.
func (w *Writes) Ops() []Op { return w.ops }

// Len is the number of keys written.
func (w *Writes) Len() int { return len(w.ops) }

// Reset empties the set and keeps its memory; slices handed out before stay valid.
func (w *Writes) Reset() {
	if len(w.ops) > maxIndex {
		w.index = nil
	}
	if w.indexed {
		clear(w.index)
	}
	clear(w.ops)
	w.ops, w.indexed = w.ops[:0], false
}

// Set records that key holds value, copying both. It returns kv.ErrTooLarge for a key or value over the limits and for
// an empty key.
func (w *Writes) Set(key, value []byte) error {
	if tooLarge(key, value) {
		return kv.ErrTooLarge
	}
	// One allocation for both; the capacity of each part ends where it ends, so neither can grow into the other.
	buf := make([]byte, len(key)+len(value))
	n := copy(buf, key)
	copy(buf[n:], value)
	w.put(Op{Key: buf[:n:n], Value: buf[n:]})
	return nil
}

// Give is Set without copying: nobody may change key and value as long as the set is used.
func (w *Writes) Give(key, value []byte) error {
	if tooLarge(key, value) {
		return kv.ErrTooLarge
	}
	w.put(Op{Key: key, Value: value})
	return nil
}

func tooLarge(key, value []byte) bool {
	return len(key) == 0 || len(key) > kv.MaxKey || len(value) > kv.MaxValue
}

// Delete records that key is absent. A key that Set would refuse cannot be there, so deleting it does nothing.
func (w *Writes) Delete(key []byte) {
	if len(key) == 0 || len(key) > kv.MaxKey {
		return
	}
	w.put(Op{Key: bytes.Clone(key), Deleted: true})
}

func (w *Writes) put(op Op) {
	if i := w.find(op.Key); i >= 0 {
		op.next = w.ops[i].next
		w.ops[i] = op
		return
	}
	w.ops = append(w.ops, op)
	if w.indexed {
		w.enter(len(w.ops) - 1)
	} else if len(w.ops) > linear {
		if w.index == nil {
			w.index = make(map[uint64]int, 4*linear)
		}
		w.indexed = true
		for i := range w.ops {
			w.enter(i)
		}
	}
}

// enter puts a write into the index.
func (w *Writes) enter(i int) {
	h := maphash.Bytes(seed, w.ops[i].Key)
	w.ops[i].next = w.index[h]
	w.index[h] = i + 1
}

func (w *Writes) find(key []byte) int {
	if w.indexed {
		i := w.index[maphash.Bytes(seed, key)] - 1
		for i >= 0 && !bytes.Equal(w.ops[i].Key, key) {
			i = w.ops[i].next - 1
		}
		return i
	}
	for i := range w.ops {
		if bytes.Equal(w.ops[i].Key, key) {
			return i
		}
	}
	return -1
}

// Get returns the write to key, if there is one.
func (w *Writes) Get(key []byte) (Op, bool) {
	if i := w.find(key); i >= 0 {
		return w.ops[i], true
	}
	return Op{}, false
}

// in returns the writes within r, in r's order.
func (w *Writes) in(r kv.Range) []Op {
	var own []Op
	for _, op := range w.ops {
		if Contains(r, op.Key) {
			own = append(own, op)
		}
	}
	slices.SortFunc(own, func(a, b Op) int {
		if r.Reverse {
			return bytes.Compare(b.Key, a.Key)
		}
		return bytes.Compare(a.Key, b.Key)
	})
	return own
}

// Scan merges the writes within r into what base, a scan of the backend's snapshot, yields. It shows the writes made
// before it began.
func (w *Writes) Scan(r kv.Range, base func(kv.Range, func(key, value []byte) bool) error, yield func(key, value []byte) bool) error {
	own := w.in(r)
	if len(own) == 0 {
		return base(r, yield)
	}
	if r.Limit > 0 {
		// Each of our deletions can hide one of the pairs the caller will take.
		r.Limit += len(own)
	}
	stopped := false
	emit := func(op Op) bool {
		if op.Deleted || yield(op.Key, op.Value) {
			return true
		}
		stopped = true
		return false
	}
	err := base(r, func(key, value []byte) bool {
		for len(own) > 0 {
			c := bytes.Compare(own[0].Key, key)
			if r.Reverse {
				c = -c
			}
			if c > 0 {
				break
			}
			op := own[0]
			own = own[1:]
			if !emit(op) {
				return false
			}
			if c == 0 {
				return true
			}
		}
		if !yield(key, value) {
			stopped = true
			return false
		}
		return true
	})
	if err != nil || stopped {
		return err
	}
	for _, op := range own {
		if !emit(op) {
			break
		}
	}
	return nil
}

// Contains reports whether key lies in r.
func Contains(r kv.Range, key []byte) bool {
	return (r.Start == nil || bytes.Compare(key, r.Start) >= 0) && (r.End == nil || bytes.Compare(key, r.End) < 0)
}

// Empty reports whether no key can lie in r.
func Empty(r kv.Range) bool {
	return r.End != nil && bytes.Compare(r.Start, r.End) >= 0
}

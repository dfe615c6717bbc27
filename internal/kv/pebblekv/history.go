package pebblekv

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	// slots is the size of the table of latest writes. With a few hundred commits between the start and the end of a
	// transaction, two keys share a slot in about one of a thousand cases, which costs a rerun and no more.
	slots = 1 << 18
	// depth is how many commits a range scan can be checked against; an older scan counts as conflicting.
	depth = 4096
	// manyKeys is the size of a write set that is remembered as the interval it spans only.
	manyKeys = 1024
	// keepBuffer is the largest buffer a slot of the ring keeps for its next use, in bytes.
	keepBuffer = 16 << 10
)

// history is what recent commits have written: by hash of the key for point reads, and as keys for range scans.
type history struct {
	// latest holds, for each slot, the latest commit that wrote a key hashing to it. An entry is stored before the
	// commit becomes visible.
	latest [slots]atomic.Uint64

	mu   sync.RWMutex
	ring [depth]commitKeys // the commit with sequence number n is at n % depth
}

// seed keeps outsiders from choosing keys that collide.
var seed = maphash.MakeSeed()

func slotOf(key []byte) uint32 { return uint32(maphash.Bytes(seed, key) % slots) }

// commitKeys is the write set of one commit.
type commitKeys struct {
	seq  uint64
	wide bool   // only the least and the greatest key are here
	buf  []byte // the keys, one after the other
	ends []int  // where each ends in buf
}

// span is a range that was scanned: [start, end), nil meaning no bound.
type span struct{ start, end []byte }

func (s span) contains(key []byte) bool {
	return (s.start == nil || bytes.Compare(key, s.start) >= 0) && (s.end == nil || bytes.Compare(key, s.end) < 0)
}

func (c *commitKeys) reset(seq uint64) {
	c.seq, c.wide = seq, false
	c.ends = c.ends[:0]
	c.buf = c.buf[:0]
	if cap(c.buf) > keepBuffer {
		c.buf, c.ends = nil, nil
	}
}

func (c *commitKeys) add(key []byte) {
	c.buf = append(c.buf, key...)
	c.ends = append(c.ends, len(c.buf))
}

func (c *commitKeys) touches(s span) bool {
	if c.wide {
		least, greatest := c.buf[:c.ends[0]], c.buf[c.ends[0]:]
		return (s.end == nil || bytes.Compare(least, s.end) < 0) && (s.start == nil || bytes.Compare(greatest, s.start) >= 0)
	}
	from := 0
	for _, to := range c.ends {
		if s.contains(c.buf[from:to]) {
			return true
		}
		from = to
	}
	return false
}

// record remembers the writes of t as commit seq. Callers are serialized, and seq grows by one each time.
func (h *history) record(seq uint64, t *tx) {
	ops := t.writes.Ops()
	for i := range ops {
		h.latest[slotOf(ops[i].Key)].Store(seq)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &h.ring[seq%depth]
	c.reset(seq)
	if len(ops) <= manyKeys {
		for i := range ops {
			c.add(ops[i].Key)
		}
		return
	}
	c.wide = true
	least, greatest := ops[0].Key, ops[0].Key
	for _, op := range ops[1:] {
		if bytes.Compare(op.Key, least) < 0 {
			least = op.Key
		}
		if bytes.Compare(op.Key, greatest) > 0 {
			greatest = op.Key
		}
	}
	c.add(least)
	c.add(greatest)
}

// changed reports whether a commit after the start of t may have written what t has read.
func (h *history) changed(t *tx) bool {
	for _, s := range t.points {
		if h.latest[s].Load() > t.start {
			return true
		}
	}
	if len(t.spans) == 0 {
		return false
	}
	last := t.db.issued.Load()
	for _, s := range t.spans {
		if h.touched(s, t.start, last) {
			return true
		}
	}
	return false
}

// touched reports whether a commit in (after, last] may have written into s.
func (h *history) touched(s span, after, last uint64) bool {
	if last-after >= depth {
		return true
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for seq := after + 1; seq <= last; seq++ {
		c := &h.ring[seq%depth]
		// Another number is there if the ring has turned over, or the commit has been issued and is not recorded yet.
		if c.seq != seq || c.touches(s) {
			return true
		}
	}
	return false
}

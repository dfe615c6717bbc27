package store

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/keyorder"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// DefaultWalk is how many bytes of rows that are not shown a scan passes over at least before it pauses; twice as many at most.
const DefaultWalk = 4 << 20

const (
	// passing is what it takes to pass over a row, beside its bytes.
	passing = 128
	// stay is how many hidden rows of one partition a scan of a table passes over before it jumps to the next partition.
	stay = 32
)

// LimitWalk sets another limit than DefaultWalk, in bytes, before the DB is used.
func (db *DB) LimitWalk(n int) { db.walk = n }

// walk bounds what one scan passes over without showing it, and says where to go on so that nobody learns where the rows are that
// are not shown (docs/adr/0014). It pauses before the shortest key that lies between the last row it passed and the one half way there,
// and after a number of bytes that differs from time to time. A nil walk has no end.
type walk struct {
	base      int // length of the part of the keys that a pause does not say
	reverse   bool
	left, mid int
	half      []byte
	shown     int
	since     [][]byte // keys of what was shown since half
}

// newWalk returns the walk of a scan of the keys that share their first base bytes; nil of one that is to have no end.
func (r *rows) newWalk(base int, reverse, whole bool) *walk {
	if r.system || whole {
		return nil
	}
	n := r.drawWalk()
	return &walk{base: base, reverse: reverse, left: n, mid: n / 2}
}

// drawWalk is how many bytes one request passes over.
func (r *rows) drawWalk() int {
	n := r.tx.walk
	if n <= 0 {
		n = DefaultWalk
	}
	var draw [4]byte
	rand.Read(draw[:]) // never fails (crypto/rand)
	return n + int(binary.BigEndian.Uint32(draw[:]))%n
}

// show counts a row that is shown.
func (w *walk) show(place []byte) {
	if w == nil {
		return
	}
	w.shown++
	if w.half != nil {
		w.since = append(w.since, bytes.Clone(place))
	}
}

// pass counts a row of so many bytes that is not shown, and returns the Pause if it is time for one.
func (w *walk) pass(place []byte, size int) *item.Pause {
	if w == nil {
		return nil
	}
	w.left -= size + passing
	switch {
	case w.half == nil:
		if w.left <= w.mid {
			w.half = bytes.Clone(place)
		}
		return nil
	case w.left > 0:
		return nil
	}
	at := separator(w.half, place)
	if w.reverse {
		at = separator(place, w.half)
	}
	for _, k := range w.since {
		if w.reverse == (bytes.Compare(k, at) < 0) {
			w.shown--
		}
	}
	return &item.Pause{At: bytes.Clone(at[w.base:]), Shown: w.shown}
}

// separator is the shortest prefix of b that is greater than a, which is less than b.
func separator(a, b []byte) []byte {
	n := 0
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return b[:n+1]
}

// resume cuts off what comes before the place where a Pause said that reading goes on. Keys of the range begin with base.
func resume(rng kv.Range, base, at []byte) kv.Range {
	if at == nil {
		return rng
	}
	k := append(bytes.Clone(base), at...)
	switch {
	case rng.Reverse && (rng.End == nil || bytes.Compare(k, rng.End) < 0):
		rng.End = k
	case !rng.Reverse && bytes.Compare(k, rng.Start) > 0:
		rng.Start = k
	}
	return rng
}

func empty(rng kv.Range) bool { return rng.End != nil && bytes.Compare(rng.Start, rng.End) >= 0 }

// jumps scans a range of a table's rows, and passes over partitions of which it does not show anything.
func (r *rows) jumps(rng kv.Range, whole bool, yield func([]byte) bool) error {
	base := 1 + hashSize
	w := r.newWalk(base, false, whole)
	for !empty(rng) {
		var at []byte
		hidden := 0
		more := false
		err := r.walk(w, rng, nil, yield, func(place []byte) bool {
			partition := place[:base+hashSize]
			if !bytes.Equal(partition, at) {
				at, hidden = append(at[:0], partition...), 0
			}
			hidden++
			more = hidden > stay
			return !more
		})
		if err != nil || !more {
			return err
		}
		rng.Start = keyorder.PrefixEnd(at)
	}
	return nil
}

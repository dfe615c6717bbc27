package item

import (
	"encoding/binary"
	"errors"
)

// storedVersion is the first byte of a stored item: the version of the encoding.
const storedVersion = 1

// ErrCorrupt is returned for stored bytes that are not an item of a known version.
var ErrCorrupt = errors.New("item: stored item is corrupt or of an unknown version")

// Stored returns the bytes to store: a version byte, then the attributes.
func (m Map) Stored() []byte {
	b := make([]byte, 1, 1+len(m.b))
	b[0] = storedVersion
	return append(b, m.b...)
}

// Load reads what Stored wrote. It checks all of it, so that a damaged disk makes an error and not a panic. The Map
// shares raw's memory.
func Load(raw []byte) (Map, error) {
	if len(raw) == 0 || raw[0] != storedVersion || !validMap(raw[1:], 0) {
		return Map{}, ErrCorrupt
	}
	return Map{b: raw[1:]}, nil
}

func validMap(b []byte, depth int) bool {
	for len(b) > 0 {
		n := validBytes(b)
		if n == 0 {
			return false
		}
		b = b[n:]
		if n = validValue(b, depth); n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// validBytes returns the length of the length-prefixed bytes at the start of b with their prefix, or 0.
func validBytes(b []byte) int {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return 0
	}
	return w + int(n) // at most len(b)
}

// validValue returns the length of the value at the start of b, or 0 if there is no well-formed one.
func validValue(b []byte, depth int) int {
	if len(b) == 0 || depth > MaxDepth {
		return 0
	}
	switch k := Kind(b[0]); k {
	case S, N, B:
		n := validBytes(b[1:])
		if n == 0 {
			return 0
		}
		if k == N && !validNumber(b[1:1+n]) {
			return 0
		}
		return 1 + n
	case Bool:
		if len(b) < 2 || b[1] > 1 {
			return 0
		}
		return 2
	case Null:
		return 1
	case M, L, SS, NS, BS:
		if len(b) < 5 {
			return 0
		}
		size := uint64(binary.LittleEndian.Uint32(b[1:]))
		if size > uint64(len(b)-5) {
			return 0
		}
		end := 5 + int(size) // at most len(b)
		if !validBody(k, b[5:end], depth+1) {
			return 0
		}
		return end
	}
	return 0
}

func validBody(k Kind, b []byte, depth int) bool {
	if k == M {
		return depth <= MaxDepth && validMap(b, depth)
	}
	for len(b) > 0 {
		var n int
		if k == L {
			n = validValue(b, depth)
		} else {
			n = validBytes(b)
		}
		if n == 0 || k == NS && !validNumber(b[:n]) {
			return false
		}
		b = b[n:]
	}
	return depth <= MaxDepth
}

// validNumber checks length-prefixed bytes of a number.
func validNumber(b []byte) bool {
	p, _ := bytesAt(b)
	return validOrdered(p)
}

package item

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Nested maps are kept in order of their names and sets in order of their members, so that two values are equal exactly
// if their encodings are: comparing documents takes no longer than comparing bytes, whatever a caller sends.

// fewSpans is how many elements are sorted without allocating.
const fewSpans = 16

// span is an element of a body: what it is sorted by, and all of it.
type span struct{ key, all []byte }

// sortBody sorts the body of an M or of a set in place. If an element occurs twice it returns true and leaves the body.
func sortBody(k Kind, body []byte) (duplicate bool) {
	if sorted(k, body) {
		return false
	}
	var few [fewSpans]span
	spans := few[:0]
	for b := body; len(b) > 0; {
		key, n := element(k, b)
		spans = append(spans, span{key, b[:n]})
		b = b[n:]
	}
	slices.SortFunc(spans, func(a, b span) int { return bytes.Compare(a.key, b.key) })
	out := make([]byte, 0, len(body))
	for i, s := range spans {
		if i > 0 && bytes.Equal(spans[i-1].key, s.key) {
			return true
		}
		out = append(out, s.all...)
	}
	copy(body, out)
	return duplicate
}

// sorted reports whether the elements are in order and none occurs twice.
func sorted(k Kind, body []byte) bool {
	var last []byte
	for first := true; len(body) > 0; first = false {
		key, n := element(k, body)
		if !first && bytes.Compare(last, key) >= 0 {
			return false
		}
		last, body = key, body[n:]
	}
	return true
}

// element returns what the element at the start of b is sorted by, and its length.
func element(k Kind, b []byte) (key []byte, n int) {
	key, n = bytesAt(b)
	if k == M {
		n += valueLen(b[n:])
	}
	return key, n
}

// sortedBody sorts the body of the M or set whose header is at b[at:], and writes its length.
func sortedBody(b []byte, at int) Value {
	binary.LittleEndian.PutUint32(b[at+1:], uint32(len(b)-at-5)) // bodies are bounded by the request size
	sortBody(Kind(b[at]), b[at+5:])
	return Value{b: b[at:]}
}

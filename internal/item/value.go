// Package item holds DynamoDB's semantics: attribute values, keys, expressions and table operations over an abstract
// store of rows. It knows nothing of HTTP and decides nothing about access.
//
// A value is kept in the encoding in which it is stored: JSON from the wire is decoded straight into it, and answers
// are written straight from it.
package item

import (
	"encoding/base64"
	"encoding/binary"
	"iter"
)

// Kind is the data type of a Value. The numbers are the tags of the stored encoding: they never change.
type Kind uint8

// The data types. The zero Kind is no value.
const (
	None Kind = 0
	S    Kind = 1
	N    Kind = 2
	B    Kind = 3
	Bool Kind = 4
	Null Kind = 5
	M    Kind = 6
	L    Kind = 7
	SS   Kind = 8
	NS   Kind = 9
	BS   Kind = 10
)

var kindNames = [...]string{"", "S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"}

// String returns the type as DynamoDB names it ("S", "BOOL").
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "?"
}

// MaxDepth is how many levels an item has at most (DynamoDB Developer Guide, "Service, account, and table quotas"): an attribute
// is on the first, what a list or map holds is a level below it. A scalar thus lies within at most 31 of them.
const MaxDepth = 32

func errDepth() error {
	return invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
}

// deeper reports whether a value has more than so many levels, itself being the first.
func (v Value) deeper(levels int) bool {
	if levels < 1 {
		return true
	}
	switch v.Kind() {
	case M:
		for _, e := range v.Map().entries() {
			if (Value{b: e}).deeper(levels - 1) {
				return true
			}
		}
	case L:
		for e := range v.Elements() {
			if e.deeper(levels - 1) {
				return true
			}
		}
	}
	return false
}

// Value is one attribute value. It is immutable. The zero Value is no value: what is absent.
//
// Encoding: a tag (Kind), then for S, N, B a uvarint length and the bytes (N as Num.AppendOrdered writes it); for BOOL one byte; for
// NULL nothing; for M, L and sets a 4-byte little-endian length of the body. The body of M is name, value pairs with
// the name as uvarint length and bytes; of L, values; of a set, members as uvarint length and bytes. Maps and
// sets are sorted: equal values have equal encodings.
type Value struct {
	b   []byte
	err error
}

// Err returns what is wrong with a value that was decoded from well-formed JSON but breaks a rule of DynamoDB's, as a
// ValidationException. Such a value must not be used otherwise.
func (v Value) Err() error { return v.err }

// IsZero reports whether v is no value at all.
func (v Value) IsZero() bool { return v.b == nil && v.err == nil }

// Kind returns the type of the value.
func (v Value) Kind() Kind {
	if len(v.b) == 0 {
		return None
	}
	return Kind(v.b[0])
}

// scalar returns the bytes of an S, N or B.
func (v Value) scalar() []byte {
	n, w := binary.Uvarint(v.b[1:])
	return v.b[1+w : 1+w+int(n)]
}

// body returns the encoded elements of an M, L or set.
func (v Value) body() []byte { return v.b[5:] }

// Str returns the text of an S, or the canonical text of an N; "" for other types.
func (v Value) Str() string {
	switch v.Kind() {
	case S:
		return string(v.scalar())
	case N:
		return v.Num().String()
	default:
		return ""
	}
}

// Bytes returns the bytes of a B or S; nil for other types. They must not be changed.
func (v Value) Bytes() []byte {
	if k := v.Kind(); k == S || k == B {
		return v.scalar()
	}
	return nil
}

// Bool returns the truth of a BOOL; false for other types.
func (v Value) Bool() bool { return v.Kind() == Bool && v.b[1] == 1 }

// Map returns the attributes of an M; the zero Map for other types.
func (v Value) Map() Map {
	if v.Kind() != M {
		return Map{}
	}
	return Map{b: v.body()}
}

// Len returns the number of elements of an M, L or set, and the number of bytes of an S or B.
func (v Value) Len() int {
	switch v.Kind() {
	case S, B:
		return len(v.scalar())
	case M:
		return v.Map().Len()
	case L:
		n := 0
		for range v.Elements() {
			n++
		}
		return n
	case SS, NS, BS:
		n := 0
		for range v.Members() {
			n++
		}
		return n
	default:
		return 0
	}
}

// Elements yields the values of an L in order.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != L {
			return
		}
		for b := v.body(); len(b) > 0; {
			n := valueLen(b)
			if !yield(Value{b: b[:n]}) {
				return
			}
			b = b[n:]
		}
	}
}

// Members yields the members of a set: text of SS, order-preserving bytes of NS, bytes of BS.
func (v Value) Members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if k := v.Kind(); k < SS || k > BS {
			return
		}
		for b := v.body(); len(b) > 0; {
			m, n := bytesAt(b)
			if !yield(m) {
				return
			}
			b = b[n:]
		}
	}
}

// String shows the value as DynamoDB's messages do: "{S:abc}".
func (v Value) String() string { return string(v.appendText(nil)) }

func (v Value) appendText(b []byte) []byte {
	b = append(append(b, '{'), v.Kind().String()...)
	b = append(b, ':')
	sep := ""
	switch v.Kind() {
	case S:
		b = append(b, v.scalar()...)
	case N:
		b = appendNumber(b, v.scalar())
	case B:
		b = base64.StdEncoding.AppendEncode(b, v.scalar())
	case Bool:
		if v.Bool() {
			b = append(b, "true"...)
		} else {
			b = append(b, "false"...)
		}
	case Null:
		b = append(b, "true"...)
	case M:
		b = append(b, '{')
		for k, e := range v.Map().All() {
			b = append(append(append(append(b, sep...), k...), '='), e.String()...)
			sep = ", "
		}
		b = append(b, '}')
	case L:
		b = append(b, '[')
		for e := range v.Elements() {
			b = append(append(b, sep...), e.String()...)
			sep = ", "
		}
		b = append(b, ']')
	case SS, NS, BS:
		b = append(b, '[')
		for m := range v.Members() {
			b = appendMemberText(append(b, sep...), v.Kind(), m)
			sep = ", "
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendMemberText(b []byte, k Kind, m []byte) []byte {
	switch k {
	case NS:
		return appendNumber(b, m)
	case BS:
		return base64.StdEncoding.AppendEncode(b, m)
	default:
		return append(b, m...)
	}
}

// valueLen returns how many bytes the value at the start of b takes. b is known to be well formed.
func valueLen(b []byte) int {
	switch Kind(b[0]) {
	case S, N, B:
		n, w := binary.Uvarint(b[1:])
		return 1 + w + int(n)
	case Bool:
		return 2
	case Null:
		return 1
	default:
		return 5 + int(binary.LittleEndian.Uint32(b[1:]))
	}
}

// bytesAt returns the length-prefixed bytes at the start of b and how many bytes they take with the prefix.
func bytesAt(b []byte) ([]byte, int) {
	n, w := binary.Uvarint(b)
	end := w + int(n)
	return b[w:end:end], end
}

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// String makes an S.
func String(s string) Value { return Value{b: appendBytes([]byte{byte(S)}, s)} }

// Binary makes a B.
func Binary(p []byte) Value { return Value{b: appendBytes([]byte{byte(B)}, p)} }

// Boolean makes a BOOL.
func Boolean(t bool) Value {
	if t {
		return Value{b: []byte{byte(Bool), 1}}
	}
	return Value{b: []byte{byte(Bool), 0}}
}

// Number makes an N from decimal text. The Value has an Err if the text is no number that DynamoDB stores.
func Number(text string) Value {
	n, err := ParseNumber(text)
	if err != nil {
		return Value{err: err}
	}
	return n.value()
}

// List makes an L.
func List(vs ...Value) Value {
	b := []byte{byte(L), 0, 0, 0, 0}
	for _, v := range vs {
		b = append(b, v.b...)
	}
	return closeBody(b, 0)
}

// Nest makes an M of a map.
func (m Map) Nest() Value {
	b := make([]byte, 5, 5+len(m.b))
	b[0] = byte(M)
	return sortedBody(append(b, m.b...), 0)
}

// StringSet makes an SS. The members must be distinct and at least one.
func StringSet(ss ...string) Value {
	b := []byte{byte(SS), 0, 0, 0, 0}
	for _, s := range ss {
		b = appendBytes(b, s)
	}
	return sortedBody(b, 0)
}

// setOf makes a set of members that are known to be distinct.
func setOf(k Kind, members [][]byte) Value {
	b := []byte{byte(k), 0, 0, 0, 0}
	for _, m := range members {
		b = appendBytes(b, m)
	}
	return sortedBody(b, 0)
}

// closeBody writes the length of the body whose header is at b[at:].
func closeBody(b []byte, at int) Value {
	binary.LittleEndian.PutUint32(b[at+1:], uint32(len(b)-at-5)) // bodies are bounded by the request size
	return Value{b: b}
}

package item

import (
	"encoding/binary"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Map is a set of named attribute values: an item, a key, the values of an expression. It is immutable; the zero Map is
// an absent one, which differs from an empty one. Names are distinct.
type Map struct {
	b     []byte
	err   error
	badAt string // the attribute that err is about
}

// Err returns what is wrong with a map that was decoded from well-formed JSON but holds a value that breaks a rule of
// DynamoDB's, as a ValidationException. Such a map must not be used otherwise.
func (m Map) Err() error { return m.err }

// IsZero reports whether the map is absent.
func (m Map) IsZero() bool { return m.b == nil && m.err == nil }

// Len returns the number of attributes.
func (m Map) Len() int {
	n := 0
	for range m.entries() {
		n++
	}
	return n
}

// entries yields names as bytes and encoded values.
func (m Map) entries() iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for b := m.b; len(b) > 0; {
			name, n := bytesAt(b)
			b = b[n:]
			n = valueLen(b)
			if !yield(name, b[:n:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// All yields the attributes in the order in which they are kept.
func (m Map) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for name, v := range m.entries() {
			if !yield(string(name), Value{b: v}) {
				return
			}
		}
	}
}

// Names returns the names of the attributes.
func (m Map) Names() []string {
	n, size := 0, 0
	for name := range m.entries() {
		n, size = n+1, size+len(name)
	}
	if n == 0 {
		return nil
	}
	// one allocation for all of them
	var all strings.Builder
	all.Grow(size)
	names := make([]string, 0, n)
	for name := range m.entries() {
		all.Write(name)
		names = append(names, all.String()[all.Len()-len(name):])
	}
	return names
}

// AddNames adds the names of the attributes that are not among names yet.
func (m Map) AddNames(names []string) []string {
	if len(names) == 0 {
		return m.Names()
	}
	at := 0 // maps that are alike have their names in one order
	for name := range m.entries() {
		if at == len(names) || names[at] != string(name) {
			at = slices.IndexFunc(names, func(n string) bool { return n == string(name) })
		}
		if at < 0 {
			names = append(names, string(name))
			at = len(names) - 1
		}
		at++
	}
	return names
}

// Get returns the attribute with the name, or the zero Value.
func (m Map) Get(name string) Value {
	for b := m.b; len(b) > 0; {
		k, n := binary.Uvarint(b)
		end := n + int(k)
		found := string(b[n:end]) == name
		b = b[end:]
		size := valueLen(b)
		if found {
			return Value{b: b[:size:size]}
		}
		b = b[size:]
	}
	return Value{}
}

// Has reports whether there is an attribute with the name.
func (m Map) Has(name string) bool { return !m.Get(name).IsZero() }

// MapOf makes a Map of attributes; it has an Err if one of the values has.
func MapOf(attrs map[string]Value) Map {
	b := Builder{}
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		b.Set(name, attrs[name])
	}
	return b.Map()
}

// Builder makes a Map. The zero Builder is ready.
type Builder struct{ m Map }

// Set adds an attribute. The name must not have been added before. A zero Value adds nothing.
func (b *Builder) Set(name string, v Value) {
	if v.err != nil && b.m.err == nil {
		b.m.err = v.err
	}
	if v.b == nil {
		return
	}
	b.m.b = append(appendBytes(b.m.b, name), v.b...)
}

// Map returns what was built: an empty Map, not an absent one, if nothing was added.
func (b *Builder) Map() Map {
	if b.m.b == nil {
		b.m.b = []byte{}
	}
	return b.m
}

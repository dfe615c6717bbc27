// Package jsoncodec reads and writes the JSON of the AWS protocols in one pass and without reflection. It is strict:
// duplicate keys, invalid UTF-8, deep nesting, trailing data and values of another type are refused.
package jsoncodec

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// DefaultMaxDepth is the deepest nesting of objects and arrays that is read. DynamoDB's 32 levels of documents take two
// levels of JSON each, with the request's own members around them.
const DefaultMaxDepth = 128

// linearKeys is up to how many keys of one object duplicates are searched one by one; above it a set takes over, so that
// a hostile object costs linear time.
const linearKeys = 24

// Kind is the kind of the value that comes next.
type Kind uint8

// The kinds of JSON values. Invalid is the end of the input or a byte that starts no value.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Decoder reads one JSON document. Strings that it returns share one private copy of the document when they hold no
// escapes: whoever keeps a string past the request clones it (strings.Clone), or the whole body stays in memory.
//
// The pattern for an object is
//
//	if err := d.OpenObject("Struct"); err != nil { return err }
//	for {
//		key, more, err := d.NextKey()
//		if err != nil { return err }
//		if !more { return nil }
//		switch key { case "TableName": … default: err = d.Skip() }
//	}
//
// and for an array the same with OpenArray and NextElem. Every key must be followed by reading or skipping its value.
type Decoder struct {
	s        string
	pos      int
	maxDepth int
	elems    int // counted by List and Map
	frames   []frame
	keys     []string // of the objects that are open, outermost first
	deepest  int      // most keys that were in keys
	sets     map[int]map[string]struct{}
}

// frame is an open object or array. The set of keys of a large object is in Decoder.sets, by the number of its frame.
type frame struct {
	first, array, large bool
	base                int32 // of the object's keys in Decoder.keys
}

var pool = sync.Pool{New: func() any {
	return &Decoder{frames: make([]frame, 0, 16), keys: make([]string, 0, 64)}
}}

// Acquire returns a Decoder of a copy of body. It fails when body is not UTF-8. Release gives the Decoder back.
func Acquire(body []byte) (*Decoder, error) {
	if !utf8.Valid(body) {
		return nil, serializationError("The request body is not valid UTF-8.")
	}
	return acquire(string(body)), nil
}

func acquire(s string) *Decoder {
	d := pool.Get().(*Decoder)
	d.s, d.pos, d.elems, d.maxDepth = s, 0, 0, DefaultMaxDepth
	return d
}

// Release returns d for reuse; d must not be used afterwards. Values that were read stay valid.
func (d *Decoder) Release() {
	d.s = ""
	if cap(d.keys) > 1024 || d.sets != nil {
		return // a rare, huge document; do not keep its memory
	}
	clear(d.keys[:d.deepest]) // they would keep the document
	d.frames, d.keys, d.deepest = d.frames[:0], d.keys[:0], 0
	pool.Put(d)
}

// SetMaxDepth sets the deepest nesting that is read.
func (d *Decoder) SetMaxDepth(n int) { d.maxDepth = n }

// Offset is the number of bytes read so far.
func (d *Decoder) Offset() int { return d.pos }

func serializationError(format string, args ...any) error {
	return fault.New(fault.Serialization, format, args...)
}

// errSyntax is the message for a document that is not JSON. AWS's services say no more either.
func (d *Decoder) errSyntax() error {
	return serializationError("Unable to parse the request body as JSON.")
}

func (d *Decoder) space() {
	if d.pos < len(d.s) && d.s[d.pos] <= ' ' {
		d.spaces()
	}
}

func (d *Decoder) spaces() {
	s, i := d.s, d.pos
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	d.pos = i
}

// Peek returns the kind of the next value and consumes only white space.
func (d *Decoder) Peek() Kind {
	d.space()
	if d.pos >= len(d.s) {
		return Invalid
	}
	switch c := d.s[d.pos]; {
	case c == '"':
		return String
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == 't', c == 'f':
		return Bool
	case c == 'n':
		return Null
	case c == '-', c >= '0' && c <= '9':
		return Number
	}
	return Invalid
}

// ReadNull consumes a null and reports whether there was one.
func (d *Decoder) ReadNull() bool {
	d.space()
	if d.pos < len(d.s) && d.s[d.pos] == 'n' && strings.HasPrefix(d.s[d.pos:], "null") {
		d.pos += 4
		return true
	}
	return false
}

func (d *Decoder) push(array bool) error {
	if len(d.frames) >= d.maxDepth {
		return serializationError("The request body is nested too deeply.")
	}
	d.frames = append(d.frames, frame{first: true, array: array, base: int32(len(d.keys))})
	d.pos++
	return nil
}

func (d *Decoder) pop() {
	f := &d.frames[len(d.frames)-1]
	d.keys = d.keys[:f.base]
	if f.large {
		delete(d.sets, len(d.frames)-1)
	}
	d.frames = d.frames[:len(d.frames)-1]
	d.pos++
}

// OpenObject enters an object; into is the name of the type being read, for the message of a mismatch.
func (d *Decoder) OpenObject(into string) error {
	if k := d.Peek(); k != Object {
		return d.mismatch(k, into)
	}
	return d.push(false)
}

// OpenArray enters an array.
func (d *Decoder) OpenArray(into string) error {
	if k := d.Peek(); k != Array {
		return d.mismatch(k, into)
	}
	return d.push(true)
}

// NextElem reports whether the array has another element and moves to it; at the end it leaves the array.
func (d *Decoder) NextElem() (bool, error) { return d.next(']', true) }

// next moves past the comma before an element or key, or leaves the array or object at end.
func (d *Decoder) next(end byte, array bool) (bool, error) {
	if len(d.frames) == 0 {
		return false, d.errSyntax()
	}
	f := &d.frames[len(d.frames)-1]
	d.space()
	if f.array != array || d.pos >= len(d.s) {
		return false, d.errSyntax()
	}
	switch c := d.s[d.pos]; {
	case c == end:
		d.pop()
		return false, nil
	case f.first:
		f.first = false
		return true, nil
	case c != ',':
		return false, d.errSyntax()
	}
	d.pos++
	d.space()
	if d.pos < len(d.s) && d.s[d.pos] == end {
		return false, d.errSyntax() // a comma before the end
	}
	return true, nil
}

// NextKey reads the next key of the object and the colon after it; at the end it leaves the object and more is false.
// A key that the object has already had is refused.
func (d *Decoder) NextKey() (key string, more bool, err error) {
	more, err = d.next('}', false)
	if err != nil || !more {
		return "", false, err
	}
	if d.pos >= len(d.s) || d.s[d.pos] != '"' {
		return "", false, d.errSyntax()
	}
	if key, err = d.str(); err != nil {
		return "", false, err
	}
	d.space()
	if d.pos >= len(d.s) || d.s[d.pos] != ':' {
		return "", false, d.errSyntax()
	}
	d.pos++
	f := &d.frames[len(d.frames)-1]
	if int(f.base) == len(d.keys) && !f.large { // the first key, the only one of most attribute values
		d.remember(key)
		return key, true, nil
	}
	return key, true, d.unique(key)
}

func (d *Decoder) remember(key string) {
	d.keys = append(d.keys, key)
	d.deepest = max(d.deepest, len(d.keys))
}

func (d *Decoder) unique(key string) error {
	f := &d.frames[len(d.frames)-1]
	if f.large {
		return d.uniqueOf(key)
	}
	seen := d.keys[f.base:]
	for _, k := range seen {
		if k == key {
			return errDuplicate()
		}
	}
	if len(seen) == linearKeys {
		return d.uniqueOf(key)
	}
	d.remember(key)
	return nil
}

// uniqueOf is unique for large objects.
func (d *Decoder) uniqueOf(key string) error {
	n := len(d.frames) - 1
	if !d.frames[n].large {
		set := make(map[string]struct{}, 4*linearKeys)
		for _, k := range d.keys[d.frames[n].base:] {
			set[k] = struct{}{}
		}
		if d.sets == nil {
			d.sets = map[int]map[string]struct{}{}
		}
		d.sets[n], d.frames[n].large = set, true
	}
	if _, ok := d.sets[n][key]; ok {
		return errDuplicate()
	}
	d.sets[n][key] = struct{}{}
	return nil
}

// errDuplicate does not repeat the key: a key of a map may be a caller's secret, and logs keep messages.
func errDuplicate() error {
	return serializationError("The request body holds a duplicate key in an object.")
}

// End checks that nothing but white space follows the document.
func (d *Decoder) End() error {
	d.space()
	if d.pos != len(d.s) || len(d.frames) != 0 {
		return d.errSyntax()
	}
	return nil
}

package policy

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of a document. The limits of each API are its caller's to enforce and lower; these bound what parsing costs.
const (
	// MaxSize is the greatest document in bytes: that of a policy handed to SimulateCustomPolicy.
	MaxSize = 131072
	// maxDepth is one level more than the deepest element of the grammar needs, so that a misplaced list is reported
	// where it stands.
	maxDepth = 8
)

// nodeKind is the type of a JSON value.
type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	arrayNode
	objectNode
)

// node is a JSON value with its place in the document. encoding/json is not used because it accepts duplicate keys
// and invalid UTF-8, and because it knows no positions.
type node struct {
	kind nodeKind
	off  int
	// text is the decoded string, or a number or boolean as written.
	text    string
	elems   []node
	members []member
}

type member struct {
	key   string
	off   int
	value node
}

// jsonError is a failure at an offset; the parser adds line, column and path.
type jsonError struct {
	off int
	msg string
}

type jsonReader struct {
	src []byte
	pos int
	err *jsonError
}

// readJSON reads one JSON value (RFC 8259) with unique keys and nothing after it.
func readJSON(src []byte) (node, *jsonError) {
	r := &jsonReader{src: src}
	if len(src) > MaxSize {
		return node{}, &jsonError{MaxSize, "Policy document is longer than " + strconv.Itoa(MaxSize) + " bytes."}
	}
	r.space()
	n := r.value(0)
	r.space()
	if r.err == nil && r.pos < len(src) {
		r.fail(r.pos, "text after the document")
	}
	return n, r.err
}

func (r *jsonReader) fail(off int, what string) {
	if r.err == nil {
		r.err = &jsonError{off, msgSyntax + " " + what}
	}
}

func (r *jsonReader) space() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end. A NUL byte is in no JSON text outside of strings, nor inside them raw.
func (r *jsonReader) peek() byte {
	if r.pos < len(r.src) {
		return r.src[r.pos]
	}
	return 0
}

func (r *jsonReader) value(depth int) node {
	n := node{off: r.pos}
	if depth > maxDepth {
		r.fail(r.pos, "nested too deeply")
		return n
	}
	switch c := r.peek(); {
	case c == '{':
		n.kind = objectNode
		n.members = r.object(depth)
	case c == '[':
		n.kind = arrayNode
		n.elems = r.array(depth)
	case c == '"':
		n.kind = stringNode
		n.text = r.str()
	case c == '-' || '0' <= c && c <= '9':
		n.kind = numberNode
		n.text = r.number()
	case r.word("true"), r.word("false"):
		n.kind = boolNode
		n.text = string(r.src[n.off:r.pos])
	case r.word("null"):
	default:
		r.fail(r.pos, "a JSON value was expected")
	}
	return n
}

func (r *jsonReader) word(w string) bool {
	if !strings.HasPrefix(string(r.src[r.pos:min(len(r.src), r.pos+len(w))]), w) {
		return false
	}
	r.pos += len(w)
	return true
}

func (r *jsonReader) object(depth int) []member {
	var members []member
	seen := map[string]bool{}
	r.pos++
	r.space()
	if r.peek() == '}' {
		r.pos++
		return nil
	}
	for r.err == nil {
		m := member{off: r.pos}
		if r.peek() != '"' {
			r.fail(r.pos, "a member name was expected")
			break
		}
		m.key = r.str()
		if seen[m.key] {
			r.fail(m.off, "duplicate key "+strconv.Quote(m.key))
			break
		}
		seen[m.key] = true
		r.space()
		if r.peek() != ':' {
			r.fail(r.pos, "':' was expected")
			break
		}
		r.pos++
		r.space()
		m.value = r.value(depth + 1)
		members = append(members, m)
		if !r.more('}') {
			break
		}
	}
	return members
}

func (r *jsonReader) array(depth int) []node {
	var elems []node
	r.pos++
	r.space()
	if r.peek() == ']' {
		r.pos++
		return nil
	}
	for r.err == nil {
		elems = append(elems, r.value(depth+1))
		if !r.more(']') {
			break
		}
	}
	return elems
}

// more reads what follows an element: true after a comma, false after the closing byte or an error.
func (r *jsonReader) more(closing byte) bool {
	r.space()
	switch r.peek() {
	case ',':
		r.pos++
		r.space()
		return r.err == nil
	case closing:
		r.pos++
	default:
		r.fail(r.pos, "',' or '"+string(closing)+"' was expected")
	}
	return false
}

func (r *jsonReader) number() string {
	start := r.pos
	if r.peek() == '-' {
		r.pos++
	}
	if r.peek() == '0' {
		r.pos++
	} else if !r.digits() {
		return ""
	}
	if r.peek() == '.' {
		r.pos++
		if !r.digits() {
			return ""
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.pos++
		if c = r.peek(); c == '+' || c == '-' {
			r.pos++
		}
		if !r.digits() {
			return ""
		}
	}
	return string(r.src[start:r.pos])
}

func (r *jsonReader) digits() bool {
	start := r.pos
	for '0' <= r.peek() && r.peek() <= '9' {
		r.pos++
	}
	if r.pos == start {
		r.fail(r.pos, "a digit was expected")
	}
	return r.pos > start
}

func (r *jsonReader) str() string {
	var b strings.Builder
	r.pos++
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		switch {
		case c == '"':
			r.pos++
			return b.String()
		case c == '\\':
			if !r.escape(&b) {
				return ""
			}
		case c < ' ':
			r.fail(r.pos, "control character in a string")
			return ""
		default:
			x, n := utf8.DecodeRune(r.src[r.pos:])
			if x == utf8.RuneError && n <= 1 {
				r.fail(r.pos, "invalid UTF-8")
				return ""
			}
			b.Write(r.src[r.pos : r.pos+n])
			r.pos += n
		}
	}
	r.fail(r.pos, "string without an end")
	return ""
}

var simpleEscapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func (r *jsonReader) escape(b *strings.Builder) bool {
	start := r.pos
	r.pos++
	c := r.peek()
	if e, ok := simpleEscapes[c]; ok {
		r.pos++
		b.WriteByte(e)
		return true
	}
	x, ok := r.hex4()
	if ok && utf16.IsSurrogate(x) {
		low, isLow := r.hexAfterBackslash()
		x = utf16.DecodeRune(x, low)
		ok = isLow && x != utf8.RuneError
	}
	if !ok {
		r.fail(start, "invalid escape in a string")
		return false
	}
	b.WriteRune(x)
	return true
}

func (r *jsonReader) hexAfterBackslash() (rune, bool) {
	if r.peek() != '\\' {
		return 0, false
	}
	r.pos++
	return r.hex4()
}

// hex4 reads uXXXX.
func (r *jsonReader) hex4() (rune, bool) {
	if r.peek() != 'u' || r.pos+5 > len(r.src) {
		return 0, false
	}
	x, err := strconv.ParseUint(string(r.src[r.pos+1:r.pos+5]), 16, 16)
	r.pos += 5
	return rune(x), err == nil
}

package jsoncodec

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNumber is the longest number literal in bytes. DynamoDB's own numbers travel as strings; what the protocols send as
// JSON numbers are 64-bit integers, doubles and timestamps.
const maxNumber = 64

// collections are the types that AWS's JSON services name when they find a list in place of a scalar.
var collections = map[string]string{
	"String": "java.lang.String", "Boolean": "java.lang.Boolean", "Integer": "java.lang.Integer", "Long": "java.lang.Long",
	"Double": "java.lang.Double", "Blob": "java.nio.ByteBuffer",
}

// mismatch is the error for a value of another kind than the type wants, in the words of AWS's JSON services.
func (d *Decoder) mismatch(k Kind, into string) error {
	compound := into == "Struct" || into == "Map" || into == "List"
	switch k {
	case Object:
		return serializationError("Start of structure or map found where not expected")
	case Array:
		if class, ok := collections[into]; ok {
			return serializationError("Unrecognized collection type class %s", class)
		}
		return serializationError("Start of list found where not expected")
	case Bool, Number, String:
		switch {
		case compound:
			return serializationError("Unexpected field type")
		case into == "Blob":
			return serializationError("only base-64-encoded strings are convertible to bytes")
		case into == "Boolean" && k == String:
			return serializationError("Unexpected token received from parser")
		}
	}
	switch k {
	case Bool:
		if d.s[d.pos] == 't' {
			return serializationError("TRUE_VALUE cannot be converted to %s", into)
		}
		return serializationError("FALSE_VALUE cannot be converted to %s", into)
	case Number:
		lit, _, err := d.number()
		if err != nil {
			return err
		}
		if strings.ContainsAny(lit, ".eE") {
			return serializationError("DECIMAL_VALUE cannot be converted to %s", into)
		}
		return serializationError("NUMBER_VALUE cannot be converted to %s", into)
	case String:
		return serializationError("STRING_VALUE cannot be converted to %s", into)
	case Null:
		return serializationError("NULL_VALUE cannot be converted to %s", into)
	}
	return d.errSyntax()
}

// String reads a string.
func (d *Decoder) String() (string, error) {
	d.space()
	if d.pos >= len(d.s) || d.s[d.pos] != '"' {
		return "", d.mismatch(d.Peek(), "String")
	}
	return d.str()
}

// str reads a string; d is at its opening quote. Without escapes it is a part of the document.
func (d *Decoder) str() (string, error) {
	start := d.pos + 1
	s := d.s
	i := start
	for i < len(s) && !special[s[i]] {
		i++
	}
	if i == len(s) {
		return "", d.errSyntax()
	}
	switch s[i] {
	case '"':
		d.pos = i + 1
		return s[start:i], nil
	case '\\':
		return d.escaped(start, i)
	}
	return "", d.errSyntax() // a control character
}

// special marks the bytes that end a run of plain characters of a string.
var special = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

func (d *Decoder) escaped(start, i int) (string, error) {
	s := d.s
	b := make([]byte, 0, i-start+32)
	b = append(b, s[start:i]...)
	for i < len(s) {
		c := s[i]
		switch {
		case c == '"':
			d.pos = i + 1
			return string(b), nil
		case c < ' ':
			return "", d.errSyntax()
		case c != '\\':
			b = append(b, c)
			i++
			continue
		}
		if i+1 >= len(s) {
			return "", d.errSyntax()
		}
		if s[i+1] == 'u' {
			r, n := unicodeEscape(s[i:])
			if n == 0 {
				return "", d.errSyntax()
			}
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		e := unescape[s[i+1]]
		if e == 0 {
			return "", d.errSyntax()
		}
		b = append(b, e)
		i += 2
	}
	return "", d.errSyntax()
}

var unescape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unicodeEscape reads \uXXXX, or two of them that form a surrogate pair, at the start of s. It returns 0 bytes for a
// lone surrogate: it has no UTF-8 form, and replacing it would let two different keys become one.
func unicodeEscape(s string) (rune, int) {
	r := hex4(s)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) < 12 || s[6] != '\\' || s[7] != 'u' {
		return 0, 0
	}
	low := hex4(s[6:])
	if low < 0 {
		return 0, 0
	}
	r = utf16.DecodeRune(r, low)
	if r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func hex4(s string) rune {
	if len(s) < 6 {
		return -1
	}
	var r rune
	for i := 2; i < 6; i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// Bool reads true or false.
func (d *Decoder) Bool() (bool, error) {
	if k := d.Peek(); k != Bool {
		return false, d.mismatch(k, "Boolean")
	}
	return d.boolean()
}

func (d *Decoder) boolean() (bool, error) {
	rest := d.s[d.pos:]
	switch {
	case strings.HasPrefix(rest, "true"):
		d.pos += 4
		return true, nil
	case strings.HasPrefix(rest, "false"):
		d.pos += 5
		return false, nil
	}
	return false, d.errSyntax()
}

// number reads a number literal of JSON's grammar (RFC 8259 section 6); integer is true when it has neither fraction
// nor exponent.
func (d *Decoder) number() (lit string, integer bool, err error) {
	s, i := d.s, d.pos
	if i < len(s) && s[i] == '-' {
		i++
	}
	n := digits(s, i)
	if n == 0 || n > 1 && s[i] == '0' {
		return "", false, d.errSyntax()
	}
	i += n
	integer = true
	if i < len(s) && s[i] == '.' {
		integer = false
		n = digits(s, i+1)
		if n == 0 {
			return "", false, d.errSyntax()
		}
		i += 1 + n
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		integer = false
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		n = digits(s, i)
		if n == 0 {
			return "", false, d.errSyntax()
		}
		i += n
	}
	lit = s[d.pos:i]
	if len(lit) > maxNumber {
		return "", false, serializationError("A number in the request body is too long.")
	}
	d.pos = i
	return lit, integer, nil
}

func digits(s string, i int) int {
	n := 0
	for i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '9' {
		n++
	}
	return n
}

// Number reads a number and returns it as written.
func (d *Decoder) Number() (string, error) {
	if k := d.Peek(); k != Number {
		return "", d.mismatch(k, "Number")
	}
	lit, _, err := d.number()
	return lit, err
}

// Int64 reads an integer. As AWS's services do, a fraction is cut off.
func (d *Decoder) Int64() (int64, error) { return d.integer(math.MinInt64, math.MaxInt64, "Long") }

// Int32 reads an integer of 32 bits.
func (d *Decoder) Int32() (int32, error) {
	n, err := d.integer(math.MinInt32, math.MaxInt32, "Integer")
	return int32(n), err // within the bounds given
}

func (d *Decoder) integer(low, high int64, into string) (int64, error) {
	if k := d.Peek(); k != Number {
		return 0, d.mismatch(k, into)
	}
	lit, whole, err := d.number()
	if err != nil {
		return 0, err
	}
	if !whole {
		f, err := strconv.ParseFloat(lit, 64)
		if err != nil || f < -(1<<53) || f > 1<<53 {
			return 0, serializationError("DECIMAL_VALUE cannot be converted to %s", into)
		}
		lit = strconv.FormatInt(int64(f), 10)
	}
	n, err := strconv.ParseInt(lit, 10, 64)
	if err != nil || n < low || n > high {
		return 0, serializationError("NUMBER_VALUE cannot be converted to %s", into)
	}
	return n, nil
}

// Float64 reads a number, or one of the strings "NaN", "Infinity" and "-Infinity".
func (d *Decoder) Float64() (float64, error) { return d.float(64, "Double") }

// Float32 reads a number of 32 bits, or one of the strings that Float64 reads.
func (d *Decoder) Float32() (float32, error) {
	f, err := d.float(32, "Float")
	return float32(f), err
}

func (d *Decoder) float(bits int, into string) (float64, error) {
	switch k := d.Peek(); k {
	case Number:
		lit, _, err := d.number()
		if err != nil {
			return 0, err
		}
		f, err := strconv.ParseFloat(lit, bits)
		if err != nil {
			return 0, serializationError("NUMBER_VALUE cannot be converted to %s", into)
		}
		return f, nil
	case String:
		s, err := d.str()
		if err != nil {
			return 0, err
		}
		switch s {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
		return 0, serializationError("STRING_VALUE cannot be converted to %s", into)
	default:
		return 0, d.mismatch(k, into)
	}
}

var strictBase64 = base64.StdEncoding.Strict()

// Blob reads a base64 string (RFC 4648 section 4, padded, no line breaks).
func (d *Decoder) Blob() ([]byte, error) {
	if k := d.Peek(); k != String {
		return nil, d.mismatch(k, "Blob")
	}
	s, err := d.str()
	if err != nil {
		return nil, err
	}
	return DecodeBase64(s)
}

// DecodeBase64 decodes a blob as JSON and XML carry it. The messages are DynamoDB's.
func DecodeBase64(s string) ([]byte, error) {
	if len(s)%4 != 0 {
		return nil, serializationError("Base64 encoded length is expected a multiple of 4 bytes but found: %d", len(s))
	}
	if strings.ContainsAny(s, "\r\n") { // the decoder of the standard library leaves these out
		return nil, serializationError("Invalid Base64 character: line break")
	}
	b := make([]byte, strictBase64.DecodedLen(len(s)))
	n, err := strictBase64.Decode(b, []byte(s))
	if err != nil {
		return nil, serializationError("Invalid Base64 encoding")
	}
	return b[:n], nil
}

// maxEpoch bounds timestamps to the year 9999, what RFC 3339 can write.
const maxEpoch = 253402300799

// Time reads a timestamp: seconds since the epoch, as a number with milliseconds at most.
func (d *Decoder) Time() (time.Time, error) {
	if k := d.Peek(); k != Number {
		return time.Time{}, d.mismatch(k, "Timestamp")
	}
	lit, _, err := d.number()
	if err != nil {
		return time.Time{}, err
	}
	return EpochSeconds(lit)
}

// EpochSeconds reads the literal of a number of seconds since the epoch; digits below milliseconds are cut off.
func EpochSeconds(lit string) (time.Time, error) {
	f, err := strconv.ParseFloat(lit, 64)
	if err != nil || f < -maxEpoch || f > maxEpoch {
		return time.Time{}, serializationError("NUMBER_VALUE cannot be converted to Timestamp")
	}
	return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), nil
}

// Raw reads any value and returns its bytes as written, checked as strictly as the rest.
func (d *Decoder) Raw() (json.RawMessage, error) {
	d.space()
	start := d.pos
	if err := d.Skip(); err != nil {
		return nil, err
	}
	return json.RawMessage(d.s[start:d.pos]), nil
}

// Skip reads any value and drops it.
func (d *Decoder) Skip() error {
	switch d.Peek() {
	case Null:
		if !d.ReadNull() {
			return d.errSyntax()
		}
		return nil
	case Bool:
		_, err := d.boolean()
		return err
	case Number:
		_, _, err := d.number()
		return err
	case String:
		_, err := d.str()
		return err
	case Array:
		return d.skipArray()
	case Object:
		return d.skipObject()
	}
	return d.errSyntax()
}

func (d *Decoder) skipArray() error {
	if err := d.OpenArray("List"); err != nil {
		return err
	}
	for {
		more, err := d.NextElem()
		if err != nil || !more {
			return err
		}
		if err := d.Skip(); err != nil {
			return err
		}
	}
}

func (d *Decoder) skipObject() error {
	if err := d.OpenObject("Map"); err != nil {
		return err
	}
	for {
		_, more, err := d.NextKey()
		if err != nil || !more {
			return err
		}
		if err := d.Skip(); err != nil {
			return err
		}
	}
}

// Package text reads the scalars that forms, XML, headers and paths carry as text.
package text

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

// Value is a text that may be absent; the zero Value is.
type Value struct {
	S   string
	Set bool
}

// Of is a text that is present.
func Of(s string) Value { return Value{S: s, Set: true} }

// maxShown is how much of a text an error repeats.
const maxShown = 64

func (v Value) bad(kind string) error {
	s := v.S
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	if !utf8.ValidString(s) {
		s = ""
	}
	return fault.New(fault.Serialization, "The value '%s' cannot be converted to %s", s, kind)
}

func ptr[T any](v Value, read func(Value) (T, error)) (*T, error) {
	if !v.Set {
		return nil, nil
	}
	t, err := read(v)
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// StringPtr is the text, or nil.
func (v Value) StringPtr() *string {
	if !v.Set {
		return nil
	}
	return &v.S
}

// Bool reads "true" or "false".
func (v Value) Bool() (bool, error) {
	switch v.S {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, v.bad("Boolean")
}

// BoolPtr is Bool of a text that may be absent.
func (v Value) BoolPtr() (*bool, error) { return ptr(v, Value.Bool) }

// Int32 reads a decimal integer of 32 bits.
func (v Value) Int32() (int32, error) {
	n, err := strconv.ParseInt(v.S, 10, 32)
	if err != nil {
		return 0, v.bad("Integer")
	}
	return int32(n), nil
}

// Int32Ptr is Int32 of a text that may be absent.
func (v Value) Int32Ptr() (*int32, error) { return ptr(v, Value.Int32) }

// Int64 reads a decimal integer.
func (v Value) Int64() (int64, error) {
	n, err := strconv.ParseInt(v.S, 10, 64)
	if err != nil {
		return 0, v.bad("Long")
	}
	return n, nil
}

// Int64Ptr is Int64 of a text that may be absent.
func (v Value) Int64Ptr() (*int64, error) { return ptr(v, Value.Int64) }

func (v Value) float(bits int, kind string) (float64, error) {
	if strings.ContainsAny(v.S, "_xXpP") { // Go's own notations
		return 0, v.bad(kind)
	}
	f, err := strconv.ParseFloat(v.S, bits)
	if err != nil {
		return 0, v.bad(kind)
	}
	return f, nil
}

// Float32 reads a number of 32 bits.
func (v Value) Float32() (float32, error) {
	f, err := v.float(32, "Float")
	return float32(f), err
}

// Float32Ptr is Float32 of a text that may be absent.
func (v Value) Float32Ptr() (*float32, error) { return ptr(v, Value.Float32) }

// Float64 reads a number.
func (v Value) Float64() (float64, error) { return v.float(64, "Double") }

// Float64Ptr is Float64 of a text that may be absent.
func (v Value) Float64Ptr() (*float64, error) { return ptr(v, Value.Float64) }

// Time reads a timestamp: RFC 3339, an HTTP date, or seconds since the epoch. Each binding has one of them by default,
// and no text is valid in two.
func (v Value) Time() (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, v.S); err == nil {
		return t.UTC(), nil
	}
	if t, err := http.ParseTime(v.S); err == nil {
		return t.UTC(), nil
	}
	if v.S != "" && strings.Trim(v.S, "0123456789.") == "" {
		return jsoncodec.EpochSeconds(v.S)
	}
	return time.Time{}, v.bad("Timestamp")
}

// TimePtr is Time of a text that may be absent.
func (v Value) TimePtr() (*time.Time, error) { return ptr(v, Value.Time) }

// Blob reads base64.
func (v Value) Blob() ([]byte, error) { return jsoncodec.DecodeBase64(v.S) }

// BlobOrNil is Blob of a text that may be absent.
func (v Value) BlobOrNil() ([]byte, error) {
	if !v.Set {
		return nil, nil
	}
	return v.Blob()
}

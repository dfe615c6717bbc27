package jsoncodec

import (
	"encoding/json"
	"time"
)

// MaxElements is how many elements of lists and maps one document may hold in all. It bounds the memory that a small
// body of empty structures takes once decoded; no operation accepts near as many.
const MaxElements = 1 << 16

// Decodable is what reads itself from JSON: generated structures and custom types.
type Decodable interface {
	DecodeJSON(d *Decoder) error
}

// Struct reads a structure by value.
func Struct[T any, P interface {
	*T
	Decodable
}](d *Decoder) (T, error) {
	var v T
	err := P(&v).DecodeJSON(d)
	return v, err
}

// StructPtr reads a structure, or nil for null.
func StructPtr[T any, P interface {
	*T
	Decodable
}](d *Decoder) (*T, error) {
	if d.ReadNull() {
		return nil, nil
	}
	v := new(T)
	return v, P(v).DecodeJSON(d)
}

// Ptr reads a value with read, or nil for null.
func Ptr[T any](d *Decoder, read func(*Decoder) (T, error)) (*T, error) {
	if d.ReadNull() {
		return nil, nil
	}
	v, err := read(d)
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// Enum reads a string of a string type; null reads as "".
func Enum[E ~string](d *Decoder) (E, error) {
	if d.ReadNull() {
		return "", nil
	}
	s, err := d.String()
	return E(s), err
}

// List reads an array, or nil for null; a null element is refused by elem.
func List[T any](d *Decoder, elem func(*Decoder) (T, error)) ([]T, error) {
	if d.ReadNull() {
		return nil, nil
	}
	if err := d.OpenArray("List"); err != nil {
		return nil, err
	}
	list := []T{}
	for {
		more, err := d.NextElem()
		if err != nil {
			return nil, err
		}
		if !more {
			return list, nil
		}
		if err := d.count(); err != nil {
			return nil, err
		}
		v, err := elem(d)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

// Map reads an object with keys of any name, or nil for null; a null value is refused by elem.
func Map[T any](d *Decoder, elem func(*Decoder) (T, error)) (map[string]T, error) {
	return readMap(d, elem, false)
}

// MapWithoutNulls is Map for maps from which an entry with a null value is left out.
func MapWithoutNulls[T any](d *Decoder, elem func(*Decoder) (T, error)) (map[string]T, error) {
	return readMap(d, elem, true)
}

func readMap[T any](d *Decoder, elem func(*Decoder) (T, error), dropNulls bool) (map[string]T, error) {
	if d.ReadNull() {
		return nil, nil
	}
	if err := d.OpenObject("Map"); err != nil {
		return nil, err
	}
	m := map[string]T{}
	for {
		key, more, err := d.NextKey()
		if err != nil {
			return nil, err
		}
		if !more {
			return m, nil
		}
		if err := d.count(); err != nil {
			return nil, err
		}
		if dropNulls && d.ReadNull() {
			continue
		}
		v, err := elem(d)
		if err != nil {
			return nil, err
		}
		m[key] = v
	}
}

func (d *Decoder) count() error {
	d.elems++
	if d.elems > MaxElements {
		return serializationError("The request body holds too many elements.")
	}
	return nil
}

// StringPtr reads a string, or nil for null. It is Ptr of String without the indirect call.
func (d *Decoder) StringPtr() (*string, error) {
	if d.ReadNull() {
		return nil, nil
	}
	s, err := d.String()
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// BoolPtr reads a boolean, or nil for null.
func (d *Decoder) BoolPtr() (*bool, error) { return Ptr(d, (*Decoder).Bool) }

// Int32Ptr reads an integer, or nil for null.
func (d *Decoder) Int32Ptr() (*int32, error) { return Ptr(d, (*Decoder).Int32) }

// Int64Ptr reads an integer, or nil for null.
func (d *Decoder) Int64Ptr() (*int64, error) { return Ptr(d, (*Decoder).Int64) }

// Float32Ptr reads a number, or nil for null.
func (d *Decoder) Float32Ptr() (*float32, error) { return Ptr(d, (*Decoder).Float32) }

// Float64Ptr reads a number, or nil for null.
func (d *Decoder) Float64Ptr() (*float64, error) { return Ptr(d, (*Decoder).Float64) }

// TimePtr reads a timestamp, or nil for null.
func (d *Decoder) TimePtr() (*time.Time, error) { return Ptr(d, (*Decoder).Time) }

// BlobOrNil reads a blob, or nil for null.
func (d *Decoder) BlobOrNil() ([]byte, error) {
	if d.ReadNull() {
		return nil, nil
	}
	return d.Blob()
}

// TimeISO reads a timestamp that the model writes as a string of RFC 3339.
func (d *Decoder) TimeISO() (time.Time, error) {
	s, err := d.String()
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, serializationError("STRING_VALUE cannot be converted to Timestamp")
	}
	return t.UTC(), nil
}

// AppendTimeISO appends a timestamp as a string of RFC 3339 with milliseconds if there are any.
func AppendTimeISO(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().Truncate(time.Millisecond).AppendFormat(b, "2006-01-02T15:04:05.999Z")
	return append(b, '"')
}

// EnumElem reads a string of a string type that must not be null.
func EnumElem[E ~string](d *Decoder) (E, error) {
	s, err := d.String()
	return E(s), err
}

// RawOrNil reads any value as its bytes, or nil for null.
func (d *Decoder) RawOrNil() (json.RawMessage, error) {
	if d.ReadNull() {
		return nil, nil
	}
	return d.Raw()
}

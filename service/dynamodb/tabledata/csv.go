package tabledata

import (
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/item"
)

// csvReader reads rows of CSV. All values are strings, but those of keys.
type csvReader struct {
	in     *csv.Reader
	limit  *limited
	header []string
	types  map[string]item.Kind
}

// limited refuses to read more than a record may have. The csv reader reads ahead by its buffer.
type limited struct {
	r    io.Reader
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, unread("is longer than %d bytes", maxRow)
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

func newCSVReader(in io.Reader, header []string, delimiter rune, types map[string]item.Kind) *csvReader {
	l := &limited{r: in, left: maxRow}
	c := csv.NewReader(l)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = delimiter, -1, true
	return &csvReader{in: c, limit: l, header: header, types: types}
}

func (r *csvReader) next() (item.Map, error) {
	if r.header == nil {
		header, err := r.row()
		if err != nil {
			return item.Map{}, err
		}
		if err := r.setHeader(header); err != nil {
			return item.Map{}, err
		}
	}
	row, err := r.row()
	if err != nil {
		return item.Map{}, err
	}
	if len(row) != len(r.header) {
		return item.Map{}, &RecordError{Reason: fmt.Sprintf("has %d columns, and the header %d", len(row), len(r.header))}
	}
	var b item.Builder
	for i, text := range row {
		v, err := r.value(r.header[i], text)
		if err != nil {
			return item.Map{}, err
		}
		b.Set(r.header[i], v)
	}
	return b.Map(), nil
}

// setHeader takes the names of the columns from the first line.
func (r *csvReader) setHeader(names []string) error {
	seen := map[string]bool{}
	for i, s := range names {
		if i == 0 {
			s = strings.TrimPrefix(s, "\ufeff")
		}
		if s == "" || seen[s] || !utf8.ValidString(s) {
			return unread("is a header with an empty or repeated name")
		}
		seen[s] = true
		r.header = append(r.header, strings.Clone(s))
	}
	if len(names) > maxColumns {
		return unread("is a header of more than %d columns", maxColumns)
	}
	return nil
}

func (r *csvReader) row() ([]string, error) {
	r.limit.left = maxRow
	row, err := r.in.Read()
	var parse *csv.ParseError
	var own *RecordError
	switch {
	case errors.As(err, &own):
		return nil, own
	case errors.As(err, &parse):
		return nil, unread("is no CSV")
	}
	return row, err
}

// value is a field as the type that the attribute has: that of the key, or a string.
func (r *csvReader) value(name, text string) (item.Value, error) {
	if !utf8.ValidString(text) {
		return item.Value{}, &RecordError{Reason: "is not UTF-8"}
	}
	switch r.types[name] {
	case item.N:
		v := item.Number(text)
		if v.Err() != nil {
			return v, &RecordError{Reason: "has a key that is no number"}
		}
		return v, nil
	case item.B:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return item.Value{}, &RecordError{Reason: "has a key that is not base64"}
		}
		return item.Binary(b), nil
	}
	return item.String(strings.Clone(text)), nil
}

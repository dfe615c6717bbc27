package dynamodb

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

// Bounds of what is read of an object, whoever wrote it.
const (
	// maxRecord is the longest record in bytes: an item of 400 KB is at most six times as long in JSON, with all its text escaped,
	// and its types and braces take some more.
	maxRecord = 8 << 20
	// maxRow is the longest row of CSV in bytes: an item of 400 KB is at most twice as long, with quotes that are all doubled. The fields
	// of a row are held as strings, some 50 times what a row of nothing but delimiters has.
	maxRow = 1 << 20
	// maxBlank is how much white space may be between two records.
	maxBlank = 1 << 20
	// maxWindow bounds the memory that an object compressed with zstd asks for.
	maxWindow = 32 << 20
	// maxColumns is the most columns of a CSV file (API reference, "CsvOptions").
	maxColumns = 255
)

// recordError is a record that is no item. The rest of its object is not read if it is the last that can be told from the next: as
// on AWS, after the first line that is not in the format.
type recordError struct {
	reason string
	last   bool
}

func (e *recordError) Error() string { return "dynamodb: a record " + e.reason }

// unread is where an object cannot be read on.
func unread(format string, args ...any) error {
	return &recordError{fmt.Sprintf(format, args...), true}
}

// importReader reads the items of one object.
type importReader struct {
	in     *counted
	next   func() (item.Map, error)
	closer func()
}

func (r *importReader) read() int64 { return r.in.n }

func (r *importReader) close() { r.closer() }

// newImportReader reads an object as the import says that it is written. types are those of the attributes that are keys.
func newImportReader(body io.Reader, m *importOf, types map[string]item.Kind) *importReader {
	r := &importReader{closer: func() {}}
	from := &source{r: body}
	r.in = &counted{from: from, open: func() (io.Reader, error) { return r.decompress(from, m.Compression) }}
	if m.Format == string(api.InputFormatCsv) {
		r.next = newCSVReader(r.in, m.Header, m.Delimiter, types).next
	} else {
		r.next = (&jsonReader{in: bufio.NewReaderSize(r.in, 64<<10)}).next
	}
	return r
}

func (r *importReader) decompress(body io.Reader, how string) (io.Reader, error) {
	switch how {
	case string(api.InputCompressionTypeGzip):
		return gzip.NewReader(body)
	case string(api.InputCompressionTypeZstd):
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err == nil {
			r.closer = z.Close
		}
		return z, err
	}
	return body, nil
}

// counted counts what is read after decompression, and tells the failures of that, which are the object's, from those of the storage.
type counted struct {
	open func() (io.Reader, error)
	from *source
	r    io.Reader
	n    int64
}

// source remembers why an object could not be read on.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (c *counted) Read(p []byte) (n int, err error) {
	if c.r == nil {
		c.r, err = c.open()
	}
	if err == nil {
		n, err = c.r.Read(p)
		c.n += int64(n)
	}
	switch {
	case c.from.err != nil:
		return n, c.from.err
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	}
	return n, unread("cannot be read: the object is not compressed as the request says, or damaged")
}

// jsonReader reads objects of JSON with one member, Item ("DynamoDB import formats"): one a line, or one after the other.
type jsonReader struct {
	in  *bufio.Reader
	buf []byte
}

func (r *jsonReader) next() (item.Map, error) {
	if err := r.frame(); err != nil {
		return item.Map{}, err
	}
	return decodeRecord(r.buf)
}

// frame reads the next object of JSON, whatever is in it, into r.buf.
func (r *jsonReader) frame() error {
	r.buf = r.buf[:0]
	blank, depth, text, escaped := 0, 0, false, false
	for {
		c, err := r.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && len(r.buf) > 0:
			return unread("is cut short")
		case err != nil:
			return err
		case len(r.buf) == 0 && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			if blank++; blank > maxBlank {
				return unread("follows more than %d bytes of white space", maxBlank)
			}
			continue
		case len(r.buf) == 0 && c != '{':
			return unread("is no JSON object")
		case len(r.buf) == maxRecord:
			return unread("is longer than %d bytes", maxRecord)
		}
		r.buf = append(r.buf, c)
		switch {
		case escaped:
			escaped = false
		case text && c == '\\':
			escaped = true
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return nil
			}
		}
	}
}

// decodeRecord reads one record of JSON. What is not in the format ends the reading of its object; an item with values that no
// attribute can have is given to the caller, who asks it for its error.
func decodeRecord(b []byte) (m item.Map, err error) {
	d, err := jsoncodec.Acquire(b)
	if err != nil {
		return m, unread("is not UTF-8")
	}
	defer d.Release()
	there := false
	err = d.OpenObject("Record")
	for err == nil {
		var key string
		var more bool
		if key, more, err = d.NextKey(); err != nil || !more {
			break
		}
		if key != "Item" {
			err = d.Skip()
			continue
		}
		there = true
		err = m.DecodeJSON(d)
	}
	if err == nil {
		err = d.End()
	}
	if err != nil || !there {
		return item.Map{}, unread("is no JSON object with a member Item that holds an item")
	}
	return m, nil
}

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
		return item.Map{}, &recordError{reason: fmt.Sprintf("has %d columns, and the header %d", len(row), len(r.header))}
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
	var own *recordError
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
		return item.Value{}, &recordError{reason: "is not UTF-8"}
	}
	switch r.types[name] {
	case item.N:
		v := item.Number(text)
		if v.Err() != nil {
			return v, &recordError{reason: "has a key that is no number"}
		}
		return v, nil
	case item.B:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return item.Value{}, &recordError{reason: "has a key that is not base64"}
		}
		return item.Binary(b), nil
	}
	return item.String(strings.Clone(text)), nil
}

// tokenBlock is what the length of a token of ListImports is a multiple of, in bytes, and shortestToken its shortest (API reference,
// "ListImports").
const (
	tokenBlock    = 8
	shortestToken = 56
)

// inHex writes a token in the form that ListImports has.
func inHex(token *string) *string {
	if token == nil {
		return nil
	}
	text := *token
	for len(text) < shortestToken || len(text)%tokenBlock != 0 {
		text += "."
	}
	out := hex.EncodeToString([]byte(text))
	return &out
}

// fromHex reads what inHex wrote; anything else is a token that is none.
func fromHex(token *string) *string {
	if token == nil {
		return nil
	}
	b, err := hex.DecodeString(*token)
	text := strings.TrimRight(string(b), ".")
	if err != nil {
		text = "."
	}
	return &text
}

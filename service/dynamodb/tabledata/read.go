// Package tabledata knows the forms that the rows of tables have in objects of a bucket: it reads those that imports take, and writes
// those that exports make ("DynamoDB import formats", "DynamoDB table export output format", DynamoDB Developer Guide). What is read
// was written by anybody, so all of it is bounded: records, rows, white space, columns, and the memory of decompression.
//
// It knows bytes and items, and neither tables, buckets nor the store: of the service it imports nothing, of the module the API's
// shapes, package item and the codec of JSON.
package tabledata

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
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

// RecordError is a record that is no item.
type RecordError struct {
	// Reason says what is wrong with it, and shows nothing of what it holds. It follows "a record".
	Reason string
	// Last is true where the rest of the object cannot be read, for it cannot be told where the next record begins: as on AWS, after
	// the first line that is not in the format.
	Last bool
}

// Error implements error.
func (e *RecordError) Error() string { return "dynamodb: a record " + e.Reason }

// unread is where an object cannot be read on.
func unread(format string, args ...any) error {
	return &RecordError{fmt.Sprintf(format, args...), true}
}

// Format is how an object is written, as the request of an import says.
type Format struct {
	// Kind is CSV; with any other value the object is read as DYNAMODB_JSON.
	Kind api.InputFormat
	// Compression is GZIP or ZSTD; with any other value the object is read as it is.
	Compression api.InputCompressionType
	// Header names the columns of CSV; if it is nil, the first line of the object does.
	Header []string
	// Delimiter parts the fields of CSV: a comma, semicolon, colon, pipe, tab or space (API reference, "CsvOptions").
	Delimiter rune
}

// Reader reads the items of one object.
type Reader struct {
	in     *counted
	next   func() (item.Map, error)
	closer func()
}

// NewReader reads an object of the format. types are those of the attributes that are keys, which CSV cannot tell.
func NewReader(object io.Reader, f Format, types map[string]item.Kind) *Reader {
	r := &Reader{closer: func() {}}
	from := &source{r: object}
	r.in = &counted{from: from, open: func() (io.Reader, error) { return r.decompress(from, f.Compression) }}
	if f.Kind == api.InputFormatCsv {
		r.next = newCSVReader(r.in, f.Header, f.Delimiter, types).next
	} else {
		r.next = (&jsonReader{in: bufio.NewReaderSize(r.in, 64<<10)}).next
	}
	return r
}

// Next returns the next item. Its values may be such as no attribute can have: item.Map's Err tells. The error is io.EOF after the
// last, a *RecordError for a record that is no item, or that of the object's reader.
func (r *Reader) Next() (item.Map, error) { return r.next() }

// Size is how many bytes were read, after decompression.
func (r *Reader) Size() int64 { return r.in.n }

// Close frees what decompression holds. It does not close the object.
func (r *Reader) Close() { r.closer() }

func (r *Reader) decompress(body io.Reader, how api.InputCompressionType) (io.Reader, error) {
	switch how {
	case api.InputCompressionTypeGzip:
		return gzip.NewReader(body)
	case api.InputCompressionTypeZstd:
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

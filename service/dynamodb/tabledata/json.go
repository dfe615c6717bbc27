package tabledata

import (
	"bufio"
	"errors"
	"io"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

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

package item

import (
	"encoding/base64"

	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

// AppendJSON appends the value as clients read it: an object with one member named by the type.
func (v Value) AppendJSON(b []byte) []byte {
	if len(v.b) == 0 {
		return append(b, "{}"...)
	}
	b, _ = appendValueJSON(b, v.b)
	return b
}

// AppendJSON appends the map as an object of attribute values; an absent Map as an empty object.
func (m Map) AppendJSON(b []byte) []byte { return appendMapJSON(b, m.b) }

func appendMapJSON(b, enc []byte) []byte {
	b = append(b, '{')
	for sep := false; len(enc) > 0; sep = true {
		if sep {
			b = append(b, ',')
		}
		name, n := bytesAt(enc)
		b = jsoncodec.AppendText(b, name)
		b = append(b, ':')
		enc = enc[n:]
		b, n = appendValueJSON(b, enc)
		enc = enc[n:]
	}
	return append(b, '}')
}

var openings = [...]string{"", `{"S":`, `{"N":"`, `{"B":"`, `{"BOOL":`, `{"NULL":true}`, `{"M":`, `{"L":[`, `{"SS":[`, `{"NS":[`, `{"BS":[`}

// appendValueJSON appends the value at the start of enc and returns how long it is.
func appendValueJSON(b, enc []byte) ([]byte, int) {
	k := Kind(enc[0])
	b = append(b, openings[k]...)
	switch k {
	case S, N, B:
		p, n := bytesAt(enc[1:])
		switch k {
		case S:
			b = jsoncodec.AppendText(b, p)
		case N:
			b = append(appendNumber(b, p), '"')
		default:
			b = append(base64.StdEncoding.AppendEncode(b, p), '"')
		}
		return append(b, '}'), n + 1
	case Bool:
		return append(jsoncodec.AppendBool(b, enc[1] == 1), '}'), 2
	case Null:
		return b, 1
	}
	n := valueLen(enc)
	body := enc[5:n]
	switch k {
	case M:
		return append(appendMapJSON(b, body), '}'), n
	case L:
		b = appendListJSON(b, body)
	default:
		b = appendMembersJSON(b, body, k)
	}
	return append(b, ']', '}'), n
}

func appendListJSON(b, body []byte) []byte {
	for sep := false; len(body) > 0; sep = true {
		if sep {
			b = append(b, ',')
		}
		var n int
		b, n = appendValueJSON(b, body)
		body = body[n:]
	}
	return b
}

func appendMembersJSON(b, body []byte, k Kind) []byte {
	for sep := false; len(body) > 0; sep = true {
		if sep {
			b = append(b, ',')
		}
		m, n := bytesAt(body)
		body = body[n:]
		if k == SS {
			b = jsoncodec.AppendText(b, m)
			continue
		}
		b = append(b, '"')
		if k == NS {
			b = appendNumber(b, m)
		} else {
			b = base64.StdEncoding.AppendEncode(b, m)
		}
		b = append(b, '"')
	}
	return b
}

// appendNumber appends the text of a number in order-preserving bytes.
func appendNumber(b, ordered []byte) []byte {
	z := numOf(ordered)
	return z.Append(b)
}

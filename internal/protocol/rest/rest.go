// Package rest reads and writes the HTTP bindings that restJson1 and restXml share: labels, query strings and headers
// (Smithy, "HTTP bindings").
package rest

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
	"github.com/bulkhead/bulkhead/internal/protocol/text"
)

// Body is the structure that the body of a request is read into; nil if the body is not a document. It is what the
// protocol's codec wants.
type Body any

// Answer is the structure that the body of an answer is written from; nil if the body is not a document.
type Answer any

// Input is what an operation reads.
type Input interface {
	DecodeHTTP(r *protocol.Request) (Body, error)
	Validate(c *constraint.Checker)
}

// Output is what an operation writes.
type Output interface {
	EncodeHTTP(w *protocol.Response) Answer
}

// Label is a part of the path.
func Label(r *protocol.Request, name string) text.Value {
	s, ok := r.Labels[name]
	return text.Value{S: s, Set: ok}
}

// Query is a parameter of the query string. Check has refused repeated ones.
func Query(r *protocol.Request, name string) text.Value {
	v := r.Query[name]
	if len(v) == 0 {
		return text.Value{}
	}
	return text.Of(v[0])
}

// Queries are the values of a parameter that may be repeated.
func Queries(r *protocol.Request, name string) []string { return r.Query[name] }

// Header is a header.
func Header(r *protocol.Request, name string) text.Value {
	v := r.Header.Values(name)
	if len(v) == 0 {
		return text.Value{}
	}
	return text.Of(strings.ToValidUTF8(v[0], "\uFFFD"))
}

// Headers are the headers whose names start with prefix, by the rest of their names in lower case.
func Headers(r *protocol.Request, prefix string) map[string]string {
	var m map[string]string
	canonical := textproto.CanonicalMIMEHeaderKey(prefix)
	for name, values := range r.Header {
		if rest, ok := strings.CutPrefix(name, canonical); ok && len(values) > 0 {
			if m == nil {
				m = map[string]string{}
			}
			m[strings.ToLower(rest)] = strings.ToValidUTF8(strings.Join(values, ","), "\uFFFD")
		}
	}
	return m
}

// Repeats is what an input has whose model binds lists to query parameters.
type Repeats interface {
	// RepeatsQuery reports whether the parameter may be given several times.
	RepeatsQuery(name string) bool
}

// Check refuses labels and query parameters that are not UTF-8, and a parameter that is given twice, unless in says that
// it may be: no two readers of a request shall take it for two requests.
func Check(r *protocol.Request, in any) error {
	for _, v := range r.Labels {
		if !utf8.ValidString(v) {
			return fault.New(fault.Serialization, "The request's path is not valid UTF-8.")
		}
	}
	rep, _ := in.(Repeats)
	for name, values := range r.Query {
		if slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return fault.New(fault.Serialization, "The request's query string is not valid UTF-8.")
		}
		if len(values) > 1 && (rep == nil || !rep.RepeatsQuery(name)) {
			return fault.New(fault.Serialization, "The request holds a query parameter twice.")
		}
	}
	return nil
}

// SetHeader sets a header. Characters that a header cannot carry are replaced.
func SetHeader(w *protocol.Response, name, value string) { w.Header.Set(name, clean(value)) }

// SetHeaders sets headers whose names start with prefix.
func SetHeaders(w *protocol.Response, prefix string, values map[string]string) {
	for name, v := range values {
		if validName(name) {
			w.Header.Set(prefix+name, clean(v))
		}
	}
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// HTTPDate is a timestamp as headers carry it (RFC 9110 section 5.6.7).
func HTTPDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// Scalar is a boolean or number as text.
func Scalar[T bool | int32 | int64 | float32 | float64](v T) string {
	switch v := any(v).(type) {
	case bool:
		return strconv.FormatBool(v)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

// Package awsquery is the awsQuery protocol of IAM and STS: forms in, XML out (Smithy, "AWS Query protocol").
package awsquery

import (
	"errors"
	"net/http"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
	"github.com/bulkhead/bulkhead/internal/protocol/xmlcodec"
)

// Protocol is awsQuery.
var Protocol protocol.Protocol = query{}

// maxBody holds the largest request, a policy simulation with documents of 128 KiB, percent-encoded.
const maxBody = 2 << 20

type query struct{}

func (query) Name() string   { return "awsQuery" }
func (query) MaxBody() int64 { return maxBody }

// Input is what an operation reads.
type Input interface {
	Decodable
	Validate(c *constraint.Checker)
}

// Decode reads a request from its form, which ReadForm gave, and checks it against the model.
func Decode[I any, P interface {
	*I
	Input
}](r *protocol.Request, in *I) error {
	n, ok := r.Form.(*Node)
	if !ok {
		return errors.New("awsquery: a request whose form nobody has read")
	}
	if err := P(in).DecodeQuery(n); err != nil {
		return err
	}
	var c constraint.Checker
	P(in).Validate(&c)
	return c.Err()
}

// ReadForm reads the parameters of a request: from the body for POST, else from the query string.
func ReadForm(method, query string, body []byte) (*Node, error) {
	if method == http.MethodPost {
		query = string(body)
	}
	return Parse(query)
}

// Output is what an operation writes.
type Output interface {
	AppendXML(b []byte) []byte
}

// Encode returns what writes the answers of an operation; wrapper is the element around the result, or "" when the model
// gives the operation no output.
func Encode[O any, P interface {
	*O
	Output
}](s *protocol.Service, op, wrapper string) func(*protocol.Response, *O) error {
	head := `<` + op + `Response xmlns="` + s.XMLNamespace + `">`
	return func(w *protocol.Response, out *O) error {
		w.Header.Set("Content-Type", "text/xml")
		w.Header.Set("X-Amzn-Requestid", w.RequestID)
		b := append(w.Body, head...)
		if wrapper != "" {
			b = xmlcodec.Open(b, wrapper)
			b = P(out).AppendXML(b)
			b = xmlcodec.Close(b, wrapper)
		}
		b = xmlcodec.Open(b, "ResponseMetadata")
		b = xmlcodec.AppendString(b, "RequestId", w.RequestID)
		b = xmlcodec.Close(b, "ResponseMetadata")
		w.Body = xmlcodec.Close(b, op+"Response")
		return nil
	}
}

func (query) EncodeError(s *protocol.Service, w *protocol.Response, f *fault.Error) {
	e := protocol.Resolve(s, f)
	w.Status = e.Status
	w.Header.Set("Content-Type", "text/xml")
	w.Header.Set("X-Amzn-Requestid", w.RequestID)
	b := append(w.Body[:0], `<ErrorResponse xmlns="`...)
	b = append(b, s.XMLNamespace...)
	b = append(b, `">`...)
	b = xmlcodec.Open(b, "Error")
	b = xmlcodec.AppendString(b, "Type", e.Side())
	b = xmlcodec.AppendString(b, "Code", e.Code)
	b = xmlcodec.AppendString(b, "Message", e.Message)
	if m, ok := f.Shape.(Output); ok {
		b = m.AppendXML(b)
	}
	b = xmlcodec.Close(b, "Error")
	b = xmlcodec.AppendString(b, "RequestId", w.RequestID)
	w.Body = xmlcodec.Close(b, "ErrorResponse")
}

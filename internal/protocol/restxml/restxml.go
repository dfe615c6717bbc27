// Package restxml is the restXml protocol in the dialect of S3: errors have no wrapper (Smithy, "AWS restXml protocol",
// noErrorWrapping).
package restxml

import (
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
	"github.com/bulkhead/bulkhead/internal/protocol/rest"
	"github.com/bulkhead/bulkhead/internal/protocol/xmlcodec"
)

// Protocol is restXml.
var Protocol protocol.Protocol = restXML{}

const maxBody = 1 << 20

const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

type restXML struct{}

func (restXML) Name() string   { return "restXml" }
func (restXML) MaxBody() int64 { return maxBody }

// Decode reads a request and checks it against the model.
func Decode[I any, P interface {
	*I
	rest.Input
}](r *protocol.Request, in *I) error {
	if err := rest.Check(r, in); err != nil {
		return err
	}
	body, err := P(in).DecodeHTTP(r)
	if err != nil {
		return err
	}
	if doc, ok := body.(xmlcodec.Decodable); ok && len(r.Body) > 0 {
		n, err := xmlcodec.Parse(r.Body)
		if err != nil {
			return err
		}
		if err := doc.DecodeXML(n); err != nil {
			return err
		}
	}
	var c constraint.Checker
	P(in).Validate(&c)
	return c.Err()
}

// Encode returns what writes the answers of an operation, in an element called root.
func Encode[O any, P interface {
	*O
	rest.Output
}](s *protocol.Service, root string) func(*protocol.Response, *O) error {
	head := declaration + `<` + root + `>`
	if s.XMLNamespace != "" {
		head = declaration + `<` + root + ` xmlns="` + s.XMLNamespace + `">`
	}
	return func(w *protocol.Response, out *O) error {
		w.Header.Set("X-Amzn-Requestid", w.RequestID)
		doc, ok := P(out).EncodeHTTP(w).(interface{ AppendXML(b []byte) []byte })
		if !ok {
			return nil
		}
		b := append(w.Body, head...)
		start := len(b)
		if b = doc.AppendXML(b); len(b) == start {
			return nil // nothing is bound to the body
		}
		w.Header.Set("Content-Type", "application/xml")
		w.Body = xmlcodec.Close(b, root)
		return nil
	}
}

// EncodeError writes the error element.
func (restXML) EncodeError(s *protocol.Service, w *protocol.Response, f *fault.Error) {
	e := protocol.Resolve(s, f)
	w.Status = e.Status
	w.Header.Set("Content-Type", "application/xml")
	w.Header.Set("X-Amzn-Requestid", w.RequestID)
	b := append(w.Body[:0], declaration...)
	b = xmlcodec.Open(b, "Error")
	b = xmlcodec.AppendString(b, "Code", e.Code)
	b = xmlcodec.AppendString(b, "Message", e.Message)
	if m, ok := f.Shape.(interface{ AppendXML(b []byte) []byte }); ok && e.Shape != "" {
		b = m.AppendXML(b)
	}
	b = xmlcodec.AppendString(b, "RequestId", w.RequestID)
	w.Body = xmlcodec.Close(b, "Error")
}

// Package restjson is the restJson1 protocol (Smithy, "AWS restJson1 protocol").
package restjson

import (
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
	"github.com/bulkhead/bulkhead/internal/protocol/rest"
)

// Protocol is restJson1.
var Protocol protocol.Protocol = restJSON{}

const maxBody = 1 << 20

type restJSON struct{}

func (restJSON) Name() string   { return "restJson1" }
func (restJSON) MaxBody() int64 { return maxBody }

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
	if doc, ok := body.(jsoncodec.Decodable); ok && len(r.Body) > 0 {
		d, err := jsoncodec.Acquire(r.Body)
		if err != nil {
			return err
		}
		defer d.Release()
		if err := doc.DecodeJSON(d); err != nil {
			return err
		}
		if err := d.End(); err != nil {
			return err
		}
	}
	var c constraint.Checker
	P(in).Validate(&c)
	return c.Err()
}

// Encode returns what writes the answers of an operation.
func Encode[O any, P interface {
	*O
	rest.Output
}](*protocol.Service) func(*protocol.Response, *O) error {
	return func(w *protocol.Response, out *O) error {
		w.Header.Set("X-Amzn-Requestid", w.RequestID)
		if doc, ok := P(out).EncodeHTTP(w).(interface{ AppendJSON(b []byte) []byte }); ok {
			w.Header.Set("Content-Type", "application/json")
			w.Body = doc.AppendJSON(w.Body)
		}
		return nil
	}
}

// EncodeError writes the message in the body and the type in a header.
func (restJSON) EncodeError(s *protocol.Service, w *protocol.Response, f *fault.Error) {
	e := protocol.Resolve(s, f)
	w.Status = e.Status
	w.Header.Set("Content-Type", "application/json")
	w.Header.Set("X-Amzn-Requestid", w.RequestID)
	w.Header.Set("X-Amzn-Errortype", e.Code)
	b := jsoncodec.AppendString(append(w.Body[:0], `{"message":`...), e.Message)
	if m, ok := f.Shape.(interface{ AppendMembersJSON(b []byte) []byte }); ok && e.Shape != "" {
		b = m.AppendMembersJSON(b)
	}
	w.Body = append(b, '}')
}

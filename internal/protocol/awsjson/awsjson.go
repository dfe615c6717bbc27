// Package awsjson is the awsJson1_0 and awsJson1_1 protocols (Smithy, "AWS JSON 1.0 protocol" and "AWS JSON 1.1
// protocol").
package awsjson

import (
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

// The versions of the protocol.
var (
	V10 protocol.Protocol = version{
		name: "awsJson1_0", contentType: "application/x-amz-json-1.0", maxBody: 16 << 20, qualified: true, checksum: true,
	}
	V11 protocol.Protocol = version{
		name: "awsJson1_1", contentType: "application/x-amz-json-1.1", maxBody: 1 << 20, typeHeader: true,
	}
)

// version is a version with its largest body: BatchWriteItem takes 16 MB (DynamoDB API Reference), no operation of the
// services that speak 1.1 takes 1 MB.
type version struct {
	name, contentType string
	maxBody           int64
	qualified         bool // errors carry the namespace of their type
	checksum          bool // answers carry x-amz-crc32
	typeHeader        bool // errors carry their type in headers
}

func (v version) Name() string   { return v.name }
func (v version) MaxBody() int64 { return v.maxBody }

// Input is what an operation reads.
type Input interface {
	jsoncodec.Decodable
	Validate(c *constraint.Checker)
}

// Decode reads a request and checks it against the model. An empty body is an empty object.
func Decode[I any, P interface {
	*I
	Input
}](r *protocol.Request, in *I) error {
	if len(r.Body) > 0 {
		d, err := jsoncodec.Acquire(r.Body)
		if err != nil {
			return err
		}
		defer d.Release()
		if err := P(in).DecodeJSON(d); err != nil {
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

// Output is what an operation writes.
type Output interface {
	AppendJSON(b []byte) []byte
}

// Encode returns what writes the answers of an operation.
func Encode[O any, P interface {
	*O
	Output
}](s *protocol.Service) func(*protocol.Response, *O) error {
	return func(w *protocol.Response, out *O) error {
		w.Body = P(out).AppendJSON(w.Body)
		headers(s, w)
		return nil
	}
}

// EncodeNothing returns what writes the answers of an operation that has no output: their bodies are empty, as AWS's are.
func EncodeNothing[O any](s *protocol.Service) func(*protocol.Response, *O) error {
	return func(w *protocol.Response, _ *O) error {
		headers(s, w)
		return nil
	}
}

func headers(s *protocol.Service, w *protocol.Response) {
	v, _ := s.Protocol.(version)
	w.SetHeader("Content-Type", v.contentType)
	w.SetHeader("X-Amzn-Requestid", w.RequestID)
	if v.checksum {
		w.SetHeader("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(w.Body)), 10))
	}
}

// EncodeError writes the error as the service does: DynamoDB qualifies the type with the namespace that declares it,
// the services of version 1.1 do not. The type is also in a header that some clients look at first.
func (v version) EncodeError(s *protocol.Service, w *protocol.Response, f *fault.Error) {
	e := protocol.Resolve(s, f)
	w.Status = e.Status
	b := append(w.Body[:0], `{"__type":`...)
	b = jsoncodec.AppendString(b, v.typeName(s, e))
	if e.Message != "" {
		b = jsoncodec.AppendString(jsoncodec.AppendKey(b, messageKey(f)), e.Message)
	}
	if m, ok := f.Shape.(interface{ AppendMembersJSON(b []byte) []byte }); ok && e.Shape != "" {
		b = m.AppendMembersJSON(b)
	}
	w.Body = append(b, '}')
	headers(s, w)
	if v.typeHeader {
		w.Header.Set("X-Amzn-Errortype", e.Code+":")
		w.Header.Set("X-Amzn-Errormessage", headerText(e.Message))
	}
}

func (v version) typeName(s *protocol.Service, e protocol.Resolved) string {
	switch {
	case !v.qualified:
		return e.Code
	case e.Shape != "":
		return "com.amazonaws." + s.Name + ".v" + strings.ReplaceAll(s.APIVersion, "-", "") + "#" + e.Code
	case e.Code == "ValidationException":
		return "com.amazon.coral.validate#" + e.Code
	}
	return "com.amazon.coral.service#" + e.Code
}

// messageKey is "Message" for what the frame in front of the services answers, "message" for what they answer
// themselves.
func messageKey(f *fault.Error) string {
	if f.Class == fault.AccessDenied || f.Class == fault.Serialization {
		return "Message"
	}
	return "message"
}

// maxHeader bounds the message in the header.
const maxHeader = 512

// headerText makes a message fit for a header: printable ASCII on one line.
func headerText(s string) string {
	if len(s) > maxHeader {
		s = s[:maxHeader]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

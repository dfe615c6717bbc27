// Package protocol holds what the AWS wire protocols have in common: the request they decode, the response they encode
// and the description of a service that generated code provides. Each protocol is a package below.
package protocol

import (
	"net/http"
	"net/url"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// Request is an authenticated request in the form codecs read.
type Request struct {
	Method string
	// Path is the escaped path; Labels are the unescaped path parameters of REST operations.
	Path   string
	Labels map[string]string
	Query  url.Values
	Header http.Header
	// Body is the raw body, already bounded.
	Body []byte
	// Form are the parameters of the query protocol, as package awsquery has read them to find the operation; nil for others.
	Form any
}

// Response is an answer in the form codecs write.
type Response struct {
	// RequestID is set before encoding; awsQuery and restXml repeat it in the body.
	RequestID string
	Status    int
	Header    http.Header
	Body      []byte

	values [5]string // of the header
	n      int
}

// SetHeader sets a header, named in its canonical form, to one value. The first few have room in the Response, where Header.Set makes an
// allocation for each.
func (w *Response) SetHeader(name, value string) {
	if w.n == len(w.values) {
		w.Header[name] = []string{value}
		return
	}
	w.values[w.n] = value
	w.n++
	w.Header[name] = w.values[w.n-1 : w.n : w.n]
}

// Protocol is one AWS wire protocol.
type Protocol interface {
	// Name is "awsJson1_0", "awsJson1_1", "awsQuery", "restJson1" or "restXml".
	Name() string
	// EncodeError writes a fault in the protocol's error shape, with the service's code and status for it.
	EncodeError(s *Service, w *Response, f *fault.Error)
	// MaxBody is the largest request body in bytes.
	MaxBody() int64
}

// Service is what generated code says of a service.
type Service struct {
	// Name is the signing name and the prefix of actions: "dynamodb".
	Name string
	// ID is the model's service id: "Cognito Identity Provider".
	ID string
	// EventSource is the audit's name: "dynamodb.amazonaws.com".
	EventSource string
	// TargetPrefixes are the values of X-Amz-Target before the dot (JSON protocols).
	TargetPrefixes []string
	// APIVersion is the query protocol's Version parameter.
	APIVersion string
	// XMLNamespace is the namespace of XML answers.
	XMLNamespace string
	// Global is true for services without regions (IAM, STS's global endpoint, Organizations).
	Global   bool
	Protocol Protocol
	// Errors maps names of error shapes to what goes over the wire.
	Errors map[string]WireError
	// Common overrides the protocol's codes of common errors for this service.
	Common map[fault.Class]WireError
	// Unsupported are the operations AWS has and this server does not serve.
	Unsupported []string
}

// WireError is a code with its HTTP status.
type WireError struct {
	Code   string
	Status int
}

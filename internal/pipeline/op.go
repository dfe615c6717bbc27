// Package pipeline is the one path of a request: route, authenticate, decode, authorize, audit intent, execute, audit
// outcome, encode. It is the only http.Handler of the AWS APIs.
package pipeline

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/protocol"
)

// Call is what a handler knows of the request that it serves.
type Call struct {
	// RequestID is the id in the answer's x-amzn-RequestId header and in the audit event.
	RequestID string
	// Grant opens the views of the store that the request was authorized for.
	Grant authz.Grant
	// Caller is who sent the request; never nil. The anonymous caller has the zero Kind.
	Caller *authn.Principal
	// Account and Region are those of authz.Scope.
	Account, Region string
	// Now is when the request was accepted.
	Now time.Time
	// SourceIP is the address of the client; UserAgent its header, at most 512 bytes.
	SourceIP  netip.Addr
	UserAgent string
	// Referer is the header, at most 512 bytes.
	Referer string
	// Secure is true over TLS.
	Secure bool
	// Host is the Host header, for the server's own URLs.
	Host string

	// Via are the services that call on the caller's behalf, first to last, as event sources ("bulkhead.amazonaws.com");
	// empty for a direct request.
	Via []string

	// EventID is the id of the call's audit event.
	EventID audit.ID

	server *Server
	params []audit.Param

	// What each request needs once, so that it is not allocated by itself.
	scope     authz.Scope
	request   authz.Request
	recorded  audit.Event
	resources [1]audit.Resource
}

// Kept returns what the operation's requirements have made of the input (authz.Keep): what was decided on is what runs. If they have
// kept no P of this very input, it is made now.
func Kept[P, I any](c *Call, in *I, from func(*I) (P, error)) (P, error) {
	if p, ok := authz.Kept(&c.scope, in).(P); ok {
		return p, nil
	}
	return from(in)
}

// Kind says what sort of audit event an operation makes (CloudTrail User Guide, "Understanding CloudTrail events").
type Kind uint8

// The kinds of operations. The zero Kind is refused.
const (
	_ Kind = iota
	// Management operations are audited durably before the answer.
	Management
	// Data operations are audited in order, within 100 ms or before the answer if the audit is strict.
	Data
)

// Spec is what the model says of an operation.
type Spec struct {
	Service *protocol.Service
	Name    string
	Kind    Kind
	// Write is true when the operation may change anything.
	Write bool
	// Unsigned is true when the model lets callers without credentials call; the Requirement then says why they may.
	Unsigned bool
	// Event is the name of the operation's audit events where it is not Name (CloudTrail has "Token_POST").
	Event string
	// Method and Path are the binding of REST protocols ("GET", "/2024-01-01/tenants/{Id}"); empty for others.
	Method, Path string
	// Status is the HTTP status of a success; 0 is 200.
	Status int
}

// Op is one operation of a service, bound to its implementation. Only generated code makes Ops.
type Op struct {
	Spec
	// MaxBody is the largest body in bytes, for an operation that takes files; 0 is what its protocol takes.
	MaxBody int64
	decode  func(*protocol.Request) (any, error)
	require func(*authz.Scope, any) authz.Requirement
	execute func(context.Context, *Call, any) (any, error)
	encode  func(*protocol.Response, any) error
}

// NewOp binds an operation: its codec from the model, its requirements and its implementation from the service. Only
// packages under api may call it (an architecture test holds that), so that no operation runs without authorization.
func NewOp[I, O any](spec Spec,
	decode func(*protocol.Request, *I) error,
	require func(*authz.Scope, *I) authz.Requirement,
	execute func(context.Context, *Call, *I) (*O, error),
	encode func(*protocol.Response, *O) error,
) Op {
	return Op{
		Spec: spec,
		decode: func(r *protocol.Request) (any, error) {
			in := new(I)
			if err := decode(r, in); err != nil {
				return nil, err
			}
			return in, nil
		},
		require: func(s *authz.Scope, in any) authz.Requirement { return require(s, in.(*I)) },
		execute: func(ctx context.Context, c *Call, in any) (any, error) {
			out, err := execute(ctx, c, in.(*I))
			if err != nil {
				return nil, err
			}
			if out == nil {
				return nil, errors.New("pipeline: " + spec.Name + " answered neither output nor error")
			}
			return out, nil
		},
		encode: func(w *protocol.Response, out any) error { return encode(w, out.(*O)) },
	}
}

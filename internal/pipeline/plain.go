package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
)

// Anonymous is the call of a plain HTTP request: one of a browser or an OAuth client, which speaks no AWS protocol and has
// no AWS credentials. Serve runs operations for it. It holds no grant.
func (s *Server) Anonymous(req *http.Request) *Call {
	c := new(Call)
	s.begin(c, req, s.Now())
	return c
}

// Serve runs one operation for a plain HTTP request, as anybody could: it is authorized, audited and observed as any other
// and its input has to be valid by the model. service is the name of an internal service or the signing name of another.
// An error is a *fault.Error. The audit event's id is in c.EventID afterwards.
func Serve[O, I any](ctx context.Context, c *Call, service, operation string, in *I) (*O, error) {
	op := c.server.routes.find(service, operation)
	if op == nil {
		return nil, fault.Wrap(fmt.Errorf("no operation %s.%s", service, operation), "serve")
	}
	d := c.derive("", nobody)
	d.Via, d.Now = c.Via, c.server.Now()
	out, err := d.serve(ctx, op, in)
	c.EventID = d.EventID
	d.observed(ctx, op, err)
	if err != nil {
		return nil, fault.From(err)
	}
	o, ok := out.(*O)
	if !ok {
		return nil, fault.Wrap(fmt.Errorf("%s.%s answers %T", service, operation, out), "serve")
	}
	return o, nil
}

// serve is do; a panic in any stage fails the one request.
func (c *Call) serve(ctx context.Context, op *Op, in any) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, panicked(p)
		}
	}()
	var check constraint.Checker
	if v, ok := in.(interface{ Validate(c *constraint.Checker) }); ok {
		v.Validate(&check)
	}
	if err := check.Err(); err != nil {
		return nil, c.refuse(ctx, op, err)
	}
	return c.do(ctx, op, in)
}

// refuse records a request whose input is not valid, and returns the error to answer with.
func (c *Call) refuse(ctx context.Context, op *Op, err error) error {
	c.EventID = audit.NewID()
	e := c.event(op)
	failed(e, err)
	if !c.admit(&c.server.flood, e) {
		return err
	}
	if auditErr := c.server.Audit.Queue(ctx, e); auditErr != nil {
		return fault.Wrap(auditErr, "audit refusal")
	}
	return err
}

// observed counts and logs an operation that Serve ran.
func (c *Call) observed(ctx context.Context, op *Op, err error) {
	o := Observation{Service: op.Service.Name, Operation: op.Name, Status: http.StatusOK, Took: c.server.Now().Sub(c.Now)}
	if err != nil {
		f := fault.From(err)
		resp := protocol.Response{Header: http.Header{}}
		op.Service.Protocol.EncodeError(op.Service, &resp, f)
		if o.Status, o.Code = resp.Status, f.Code; o.Code == "" {
			o.Code = f.Class.String()
		}
		level := slog.LevelInfo
		if f.Class == fault.Internal || f.Class == fault.Unavailable {
			level = slog.LevelError
		}
		c.server.logFailure(ctx, level, c.RequestID, o.Service, op.Name, f)
	}
	if c.server.Observe != nil {
		c.server.Observe(o)
	}
}

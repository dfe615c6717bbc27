package pipeline

import (
	"context"
	"fmt"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
)

// Invoke runs an operation of another service for the caller of c: authorized by the caller's policies, audited, never
// around them ("Forward access sessions", IAM User Guide). via is the event source of the calling service.
func Invoke[O, I any](ctx context.Context, c *Call, via, service, operation string, in *I) (*O, error) {
	return invoke[O](ctx, c.derive(via, c.Caller), service, operation, in)
}

// InvokeAnonymous runs an operation as anybody could, without credentials: those that what they are given authorizes,
// such as a web identity token.
func InvokeAnonymous[O, I any](ctx context.Context, c *Call, via, service, operation string, in *I) (*O, error) {
	return invoke[O](ctx, c.derive(via, &authn.Principal{}), service, operation, in)
}

func invoke[O, I any](ctx context.Context, c *Call, service, operation string, in *I) (*O, error) {
	op := c.server.routes.find(service, operation)
	if op == nil {
		return nil, fmt.Errorf("pipeline: no operation %s.%s to invoke", service, operation)
	}
	out, err := c.do(ctx, op, in)
	if err != nil {
		return nil, err
	}
	o, ok := out.(*O)
	if !ok {
		return nil, fmt.Errorf("pipeline: %s.%s answers %T", service, operation, out)
	}
	return o, nil
}

// Detach returns a copy of the call for work that goes on after the handler has answered: the call itself is then the
// pipeline's, which writes its event. It has the call's grant.
func (c *Call) Detach() *Call {
	d := *c
	d.params = nil
	return &d
}

// derive is a call on behalf of c's caller or of nobody. It holds no grant yet.
func (c *Call) derive(via string, caller *authn.Principal) *Call {
	d := *c
	d.Caller, d.Grant, d.EventID, d.params = caller, authz.Grant{}, audit.ID{}, nil
	d.Via = append(append([]string(nil), c.Via...), via)
	return &d
}

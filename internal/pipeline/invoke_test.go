package pipeline

import (
	"context"
	"slices"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/policy"
)

const caller = "bulkhead.amazonaws.com"

// What a service does for its caller, the caller's own policies must allow, and it is recorded by itself.
func TestInvoke(t *testing.T) {
	t.Parallel()
	for user, allowed := range map[string]bool{"able": true, "bound": false} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var inner *Call
			w.handle = func(ctx context.Context, c *Call, in *input) (*output, error) {
				if in.Name == "inner" {
					inner = c
					return &output{"inner"}, nil
				}
				c.Note("outer", "noted")
				out, err := Invoke[output](ctx, c, caller, "fake", "Write", &input{"inner"})
				if len(c.Via) != 0 || !c.Grant.Valid() {
					t.Errorf("the calling call changed: %v", c.Via)
				}
				return out, err
			}
			a := w.send(w.request(user, "Call", `{"Name":"outer"}`))
			if allowed != (a.said == "inner") || !allowed && (a.code != "AccessDeniedException" || inner != nil) {
				t.Fatal(a)
			}
			within := w.events[0]
			if within.name != "Write" || within.invokedBy != caller || within.arn != "arn:aws:iam::"+account+":user/"+user {
				t.Errorf("recorded %+v", within)
			}
			if outer := w.last(); outer.name != "Call" || outer.invokedBy != "" || outer.id == within.id {
				t.Errorf("recorded %+v", outer)
			}
			if inner == nil {
				return
			}
			if !slices.Equal(inner.Via, []string{caller}) || inner.Caller.Name != user || len(inner.params) != 0 {
				t.Errorf("the derived call: via %v, caller %v, params %v", inner.Via, inner.Caller, inner.params)
			}
		})
	}
}

// Policies can tell a service's request from the caller's own.
func TestInvokeVia(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.users["able"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"fake:Call","Resource":"*"},` +
		`{"Effect":"Allow","Action":"fake:Read","Resource":"*","Condition":{"StringEquals":{"aws:CalledViaLast":"` + caller + `"},` +
		`"Bool":{"aws:ViaAWSService":"true"}}}]}`
	w.handle = func(ctx context.Context, c *Call, in *input) (*output, error) {
		if in.Name != "outer" {
			return &output{"inner"}, nil
		}
		return Invoke[output](ctx, c, caller, "fake", "Read", &input{"inner"})
	}
	if a := w.send(w.request("able", "Call", `{"Name":"outer"}`)); a.said != "inner" {
		t.Error(a)
	}
	if a := w.send(w.request("able", "Read", `{"Name":"x"}`)); a.code != "AccessDeniedException" {
		t.Error(a)
	}
}

// A derived call begins without the grant of the one that it comes from, and leaves it nothing.
func TestInvokeLendsNoGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var granted, lent bool
	w.require = func(s *authz.Scope, in *input) authz.Requirement {
		where := region
		if in.Name == "inner" {
			where = "us-east-2"
		}
		return authz.Require("fake:Any", authz.Resource{ARN: "*", Account: account, Region: where}, func(*policy.Context) {})
	}
	w.handle = func(ctx context.Context, c *Call, in *input) (*output, error) {
		if in.Name == "inner" {
			lent = c.Grant.Covers(account, region)
			granted = c.Grant.Covers(account, "us-east-2")
			return &output{"inner"}, nil
		}
		if c.derive(caller, c.Caller).Grant.Valid() {
			t.Error("a derived call has a grant before it is authorized")
		}
		out, err := Invoke[output](ctx, c, caller, "fake", "Write", &input{"inner"})
		if c.Grant.Covers(account, "us-east-2") || !c.Grant.Covers(account, region) {
			t.Error("the grant of the derived call leaked")
		}
		return out, err
	}
	if a := w.send(w.request("able", "Call", `{"Name":"outer"}`)); a.said != "inner" || lent || !granted {
		t.Error(a, lent, granted)
	}
}

// Without the caller, only what anybody may do can be done.
func TestInvokeAnonymous(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operation := "Open"
	w.handle = func(ctx context.Context, c *Call, in *input) (*output, error) {
		if in.Name == "outer" {
			return InvokeAnonymous[output](ctx, c, caller, "fake", operation, &input{"inner"})
		}
		if c.Caller.Kind != authn.Anonymous || c.Caller.Account != "" || c.Caller.ARN != "" {
			t.Errorf("called by %+v", c.Caller)
		}
		return &output{"inner"}, nil
	}
	if a := w.send(w.request("able", "Call", `{"Name":"outer"}`)); a.said != "inner" {
		t.Error(a)
	}
	if e := w.events[0]; e.name != "Open" || e.arn != "" || e.key != "" || e.invokedBy != caller {
		t.Errorf("recorded %+v", e)
	}
	operation = "Write"
	if a := w.send(w.request("able", "Call", `{"Name":"outer"}`)); a.said != "" || a.status < 400 {
		t.Error(a)
	}
}

// What is not there to invoke is a failure of the server.
func TestInvokeUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := &Call{Caller: &authn.Principal{}, server: w.Server}
	for _, name := range [][2]string{{"gone", "Write"}, {"fake", "Gone"}, {"fake", "Later"}} {
		if _, err := Invoke[output](t.Context(), c, caller, name[0], name[1], &input{}); err == nil || !fault.IsClass(fault.From(err), fault.Internal) {
			t.Error(name, err)
		}
	}
}

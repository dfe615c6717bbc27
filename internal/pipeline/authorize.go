package pipeline

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// MessageSealer encodes explanations of denials so that only a permitted operator of the account can read them
// (sts:DecodeAuthorizationMessage).
type MessageSealer interface {
	SealMessage(account string, message []byte) (string, error)
}

// authorize asks the engine. The call's Grant is valid afterwards if the request is allowed.
func (c *Call) authorize(ctx context.Context, op *Op, in any) (authz.Outcome, error) {
	c.scope = authz.Scope{
		Context: ctx, Partition: Partition, Region: c.Region, Account: c.Account, Caller: c.Caller, Now: c.Now, Via: c.Via,
	}
	access := authz.Read
	if op.Write {
		access = authz.Write
	}
	c.request = authz.Request{
		Caller: c.Caller, Service: op.Service.Name, Region: c.Region, Access: access, Requirement: op.require(&c.scope, in),
		Env: authz.Environment{
			Now: c.Now, SourceIP: c.SourceIP, Secure: c.Secure, UserAgent: c.UserAgent, Referer: c.Referer, CalledVia: c.Via,
		},
	}
	out, err := c.server.Engine.Authorize(ctx, &c.request)
	if err != nil {
		return authz.Outcome{}, err
	}
	c.Grant = out.Grant
	return out, nil
}

// denied is the fault for a request that was not allowed, in AWS's words ("Troubleshoot access denied error messages",
// IAM User Guide), with the encoded explanation.
func (c *Call) denied(op *Op, out *authz.Outcome) error {
	d := out.Decided
	if d == nil {
		if c.Caller.Kind == authn.Anonymous {
			return fault.New(fault.MissingAuthentication, "Request is missing Authentication Token")
		}
		return fault.New(fault.AccessDenied, "User: %s is not authorized to perform: %s:%s", c.Caller.ARN, op.Service.Name, op.Name)
	}
	msg := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s%s",
		whoIs(c.Caller), d.Check.Action, d.Check.Resource.ARN, why(d))
	if d.Check.Resource.Concealed {
		msg = fmt.Sprintf("User: %s is not authorized to perform: %s on this resource because the resource does not exist in this "+
			"Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
			whoIs(c.Caller), d.Check.Action)
	}
	if d.Check.As != nil {
		msg = "Not authorized to perform " + d.Check.Action
	}
	encoded, err := c.encodeDenial(d)
	if err != nil {
		return fault.Wrap(err, "encode authorization message")
	}
	return fault.New(fault.AccessDenied, "%s. Encoded authorization failure message: %s", msg, encoded)
}

func whoIs(p *authn.Principal) string {
	if p.Kind == authn.Anonymous {
		return "anonymous"
	}
	return p.ARN
}

var layerWords = map[policy.Layer]string{
	policy.IdentityLayer: "an identity-based policy", policy.BoundaryLayer: "a permissions boundary",
	policy.SessionLayer: "a session policy", policy.ResourceLayer: "a resource-based policy",
}

func why(d *authz.Decided) string {
	if d.Guard {
		return " because the guard keeps other tenants' rows from this session"
	}
	lacks := func(kind string) string {
		return fmt.Sprintf(" because no %s policy allows the %s action", kind, d.Check.Action)
	}
	switch d.Decision.Reason {
	case policy.ExplicitDeny:
		return " with an explicit deny in " + layerWords[d.Decision.Layer]
	case policy.BoundaryImplicitDeny:
		return fmt.Sprintf(" because no permissions boundary allows the %s action", d.Check.Action)
	case policy.SessionImplicitDeny:
		return lacks("session")
	case policy.ResourcePolicyImplicitDeny, policy.CrossAccountResourceDeny:
		return lacks("resource-based")
	}
	return lacks("identity-based")
}

// denial is what an encoded authorization message holds: the members of AWS's ("DecodeAuthorizationMessage", AWS STS API
// Reference), then the whole explanation.
type denial struct {
	Allowed      bool          `json:"allowed"`
	ExplicitDeny bool          `json:"explicitDeny"`
	Guard        bool          `json:"guard"`
	Context      denialContext `json:"context"`
	Explanation  any           `json:"explanation"`
}

type denialContext struct {
	Principal struct {
		ID  string `json:"id"`
		ARN string `json:"arn"`
	} `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	RequestID string `json:"requestId"`
}

func (c *Call) encodeDenial(d *authz.Decided) (string, error) {
	m := denial{ExplicitDeny: d.Decision.Reason == policy.ExplicitDeny, Guard: d.Guard}
	m.Context.Principal.ID, m.Context.Principal.ARN = c.Caller.UserID, whoIs(c.Caller)
	m.Context.Action, m.Context.Resource, m.Context.RequestID = d.Check.Action, d.Check.Resource.ARN, c.RequestID
	account := c.Account
	x := d.Explain()
	foreign := d.Check.Resource.Account != account
	d.Near = x.Nearest(foreign)
	if !foreign {
		m.Explanation = x
	} else {
		// the other account's policies are not the caller's operators' to read
		m.Explanation = d.Decision.Reason
		if d.Check.Resource.Concealed {
			m.Context.Resource = ""
			m.Explanation = nil
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	return c.server.Sealer.SealMessage(account, b)
}

package authz

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// Engine decides requests. It is safe for concurrent use.
type Engine struct {
	dir Directory
	org string // aws:PrincipalOrgID and aws:ResourceOrgID, "" without an organization

	// What decisions use again: contexts, the keys of callers, and the text of the present second.
	contexts sync.Pool
	callers  callerCache
	second   atomic.Pointer[second]
}

// NewEngine returns an engine that asks dir for the policies of principals.
func NewEngine(dir Directory, organization string) *Engine {
	e := &Engine{dir: dir, org: organization}
	e.contexts.New = func() any { return new(policy.Context) }
	return e
}

// Request is what the engine decides.
type Request struct {
	Caller      *authn.Principal
	Service     string // signing name
	Region      string
	Access      Access
	Requirement Requirement
	Env         Environment
}

// Environment is what global condition keys say of the request itself ("AWS global condition context keys", IAM User
// Guide).
type Environment struct {
	Now       time.Time
	SourceIP  netip.Addr
	Secure    bool
	UserAgent string
	Referer   string
	// CalledVia are the services that made the request on the caller's behalf, first to last.
	CalledVia []string
}

// Outcome is a decided request. The zero Outcome is denied.
type Outcome struct {
	// Grant is valid only if the request is allowed.
	Grant Grant
	// Decided is what decided: the check that was denied, or the first one. Nil if no policy was asked.
	Decided *Decided
	// Open is the reason why no permission was needed; "" otherwise.
	Open string
}

// Decided is the decision of one check.
type Decided struct {
	Check    *Check
	Decision policy.Decision
	// Guard is true when policies allowed and the guard denied: a hole in a policy.
	Guard bool
	// Near is the statement that came closest to allowing an implicitly denied check; set once it was explained.
	Near policy.Near

	engine  *Engine
	request *Request
	mine    *PrincipalPolicies
}

// Explain says why, with the values compared. It is slow and for operators only.
func (d *Decided) Explain() policy.Explanation {
	var keys policy.Context
	d.engine.fill(&keys, d.request, d.Check)
	req, ps := question(d.request, d.Check, d.mine, &keys)
	return policy.Explain(&req, &ps)
}

// Allowed reports whether the request may run.
func (o *Outcome) Allowed() bool { return o.Grant.Valid() }

// Authorize decides the request, which must not change afterwards. An error means that it could not be decided, which
// must refuse it.
func (e *Engine) Authorize(ctx context.Context, r *Request) (Outcome, error) {
	req := &r.Requirement
	if req.err != nil {
		return Outcome{}, req.err
	}
	if req.open != "" {
		return e.open(r), nil
	}
	if len(req.checks) == 0 || r.Access == NoAccess || r.Service == "" {
		return Outcome{}, nil
	}
	mine, err := e.dir.Policies(ctx, r.Caller)
	if err != nil {
		return Outcome{}, err
	}
	// one allocation for what nearly every request needs
	a := &struct {
		grant   grant
		one     [1]granted
		decided Decided
	}{grant: grant{service: r.Service, access: r.Access, caller: r.Caller}}
	g, d := &a.grant, &a.decided
	if g.resources = a.one[:0]; len(req.checks) > 1 {
		g.resources = make([]granted, 0, len(req.checks))
	}
	for i := range req.checks {
		c := &req.checks[i]
		if i > 0 {
			d = new(Decided)
		}
		e.decide(d, r, c, mine)
		if !d.Decision.Allowed || d.Guard {
			return Outcome{Decided: d}, nil
		}
		g.resources = append(g.resources, grantFor(r.Caller, c))
	}
	return Outcome{Grant: Grant{g}, Decided: &a.decided}, nil
}

func (e *Engine) open(r *Request) Outcome {
	req := &r.Requirement
	if r.Caller.Kind == authn.Anonymous && !req.anon || r.Access == NoAccess {
		return Outcome{Open: req.open}
	}
	at := req.at
	g := &grant{service: r.Service, access: r.Access, caller: r.Caller}
	g.resources = []granted{{account: at.Account, region: at.Region, id: at.ID, arn: at.ARN}}
	return Outcome{Grant: Grant{g}, Open: req.open}
}

func (e *Engine) decide(d *Decided, r *Request, c *Check, mine *PrincipalPolicies) {
	keys := e.contexts.Get().(*policy.Context) // the pool holds nothing else
	e.fill(keys, r, c)
	req, ps := question(r, c, mine, keys)
	*d = Decided{Check: c, Decision: policy.Evaluate(&req, &ps), engine: e, request: r, mine: mine}
	d.Guard = d.Decision.Allowed && !guarded(r, c)
	keys.Reset()
	e.contexts.Put(keys)
}

// question is what the policies are asked.
func question(r *Request, c *Check, mine *PrincipalPolicies, keys *policy.Context) (policy.Request, policy.Policies) {
	req := policy.Request{
		Action: c.Action, Resource: c.Resource.ARN, ResourceAccount: c.Resource.Account,
		Principal: principalOf(r.Caller), Context: keys,
	}
	ps := policy.Policies{Resource: c.Resource.Policy, ResourceMode: c.Resource.Mode}
	if c.As != nil {
		req.Principal = *c.As
	} else if mine != nil {
		ps.Identity, ps.Boundary, ps.HasBoundary = mine.Identity, mine.Boundary, mine.HasBoundary
		ps.Session, ps.HasSession = mine.Session, mine.HasSession
	}
	return req, ps
}

// principalOf is the caller as the Principal element of resource-based policies sees it.
func principalOf(p *authn.Principal) policy.Principal {
	issuer := p.RoleARN
	if issuer == "" {
		issuer = p.ARN
	}
	return policy.Principal{
		Account: p.Account, ARN: p.ARN, IssuerARN: issuer,
		Root: p.Kind == authn.Root, Anonymous: p.Kind == authn.Anonymous,
	}
}

// Confined reports whether the guard applies to the caller: it acts for a tenant, or should and does not say for which.
// Operators (root, users and roles of the account without a tenant tag) are not.
func Confined(p *authn.Principal) bool {
	return !p.Tenant.IsZero() || p.TenantInvalid || p.FederatedProvider != "" || p.Kind == authn.Anonymous
}

// Confines reports whether the resource's guard applies to the caller: to a confined one, and to everybody of another
// account, who is no operator of this one's whatever a resource-based policy lets him do.
func (r *Resource) Confines(p *authn.Principal) bool {
	return r.Owner != nil && (Confined(p) || p.Account != r.Account)
}

// guarded reports whether the guard lets the check pass before any row is read.
func guarded(r *Request, c *Check) bool {
	rule := c.Resource.Owner
	switch {
	case !c.Resource.Confines(r.Caller):
		return true
	case c.Rows == nil:
		// What holds several tenants' rows is no tenant's to delete, to tag (which would take the guard away) or to share.
		return r.Access == Read
	case c.Rows.Index:
		return reachesAll(r.Caller, c)
	case c.Rows.All:
		return rule.filter && !c.Rows.Write
	}
	rows := rowRule(r.Caller, c)
	for _, k := range c.Rows.Leading {
		if v := rows.Check(k, c.Rows.Write); v != Permitted && v != Hidden {
			return false
		}
	}
	return true
}

// reachesAll reports whether the partitions of an index that a check names may be queried. Rows of an index without a rule for its
// keys are looked at one by one by the view, as those of the others are too.
func reachesAll(p *authn.Principal, c *Check) bool {
	rows := rowRule(p, c)
	for _, k := range c.Rows.Leading {
		if !rows.Reaches(c.Rows.IndexID, k) && !c.Resource.Owner.filter {
			return false
		}
	}
	return true
}

func grantFor(p *authn.Principal, c *Check) granted {
	res := &c.Resource
	g := granted{account: res.Account, region: res.Region, id: res.ID, arn: res.ARN, owner: res.Owner}
	if c.Rows != nil {
		g.rows, g.hasRows = rowRule(p, c), true
	}
	return g
}

func rowRule(p *authn.Principal, c *Check) RowRule {
	r := RowRule{all: c.Rows.All || c.Rows.Index, leading: c.Rows.Leading, write: c.Rows.Write, index: c.Rows.Index, scan: c.Rows.All}
	if p.Account == c.Resource.Account {
		r.tenant = p.Tenant // another account says of its own principals what tags it likes
	}
	if c.Rows.Write {
		r.writing = r.leading
	}
	if c.Resource.Confines(p) {
		r.guard = c.Resource.Owner
	}
	return r
}

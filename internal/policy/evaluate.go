package policy

import "strings"

// env is a request with what is computed of it once.
type env struct {
	r          *Request
	actionHash uint64
}

func newEnv(r *Request) env { return env{r, hashFold(r.Action)} }

// serviceHash is the hash of the action's service.
func (e *env) serviceHash() uint64 {
	service, _, _ := strings.Cut(e.r.Action, ":")
	return hashFold(service)
}

// finding is a statement that matched; st is nil for none.
type finding struct {
	source string
	st     *Statement
	number int
}

// verdict is what one layer says.
type verdict struct {
	deny, allow finding
	// grant is how the resource policy names the caller in the statement that allows.
	grant grant
}

// grant is how an Allow of a resource policy names the caller, in the order of what it gives.
type grant uint8

const (
	noGrant grant = iota
	// toAccount delegates to the caller's account, whose own policies decide.
	toAccount
	// toEveryone is "*".
	toEveryone
	// toIssuer names the role of a session, or root: boundary and session still limit it.
	toIssuer
	// toCaller names the user or the session itself.
	toCaller
)

var grantNames = [...]string{"", "account", "everyone", "role", "caller"}

// verdicts are those of all layers.
type verdicts struct{ identity, boundary, session, resource verdict }

// Evaluate decides the request ("Policy evaluation logic", IAM User Guide). It allocates nothing, except to read
// IP address values that are none and patterns with more than eight variables. It does not keep r or ps.
func Evaluate(r *Request, ps *Policies) Decision {
	e := newEnv(r)
	var v verdicts
	v.identity = ps.Identity.verdict(ps.Identity.scan(&e))
	if ps.Boundary != nil {
		v.boundary = e.scanBoundary(ps.Boundary)
	}
	v.session = ps.Session.verdict(ps.Session.scan(&e))
	if ps.Resource != nil {
		v.resource = e.scanResource(ps.Resource)
	}
	return decide(r, ps, &v)
}

func (e *env) scanBoundary(s *Source) verdict {
	var v verdict
	p := s.usable()
	for i := range p.statements {
		v.add(s.Name, i, &p.statements[i], e.matches(&p.statements[i]), noGrant)
	}
	return v
}

func (e *env) scanResource(s *Source) verdict {
	var v verdict
	p := s.usableResource()
	for i := range p.statements {
		st := &p.statements[i]
		g := st.Principals.names(&e.r.Principal, st.Effect)
		v.add(s.Name, i, st, g != noGrant && e.matches(st), g)
	}
	return v
}

// usableResource returns the policy of a resource.
func (s *Source) usableResource() *Policy {
	if s.Policy == nil || s.Policy.kind == Identity {
		return unusable
	}
	return s.Policy
}

// add takes a statement into the verdict: the first that denies, and of those that allow the first that gives most.
func (v *verdict) add(source string, number int, st *Statement, matched bool, g grant) {
	switch {
	case !matched:
	case st.Effect == Deny:
		if v.deny.st == nil {
			v.deny = finding{source, st, number}
		}
	case v.allow.st == nil || g > v.grant:
		v.allow, v.grant = finding{source, st, number}, g
	}
}

// matches reports whether the statement applies to the request, principals aside.
func (e *env) matches(st *Statement) bool {
	if st.FailClosed && st.Effect == Allow {
		return false
	}
	if !e.matchesAction(st) || e.matchesResource(st) != equal {
		return false
	}
	if st.FailClosed {
		return true
	}
	for i := range st.Conditions {
		if !st.Conditions[i].holds(e.r.Context, st.Effect) {
			return false
		}
	}
	return true
}

func (e *env) matchesAction(st *Statement) bool {
	for i := range st.Actions {
		if st.Actions[i].likeAction(e.r.Action, e.actionHash) {
			return !st.NotAction
		}
	}
	return st.NotAction
}

// matchesResource returns equal if the resource element applies. Unresolved means that it does not, because of a
// variable.
func (e *env) matchesResource(st *Statement) outcome {
	if len(st.Resources) == 0 {
		return equal
	}
	best := unequal
	for i := range st.Resources {
		p := &st.Resources[i]
		if !st.NotResource && p.prefix != "" && !strings.HasPrefix(e.r.Resource, p.prefix) {
			continue
		}
		o := p.like(e.r.Resource, e.r.Context)
		if o == equal {
			return outcomeOf(!st.NotResource)
		}
		best = max(best, o)
	}
	if best == unresolved && (!st.NotResource || st.Effect == Allow) {
		return unresolved
	}
	return outcomeOf(st.NotResource)
}

// decide combines the layers.
func decide(r *Request, ps *Policies, v *verdicts) Decision {
	switch {
	case v.identity.deny.st != nil:
		return v.identity.deny.decision(ExplicitDeny, IdentityLayer)
	case v.boundary.deny.st != nil:
		return v.boundary.deny.decision(ExplicitDeny, BoundaryLayer)
	case v.session.deny.st != nil:
		return v.session.deny.decision(ExplicitDeny, SessionLayer)
	case v.resource.deny.st != nil:
		return v.resource.deny.decision(ExplicitDeny, ResourceLayer)
	}
	d, limited := grants(r, ps, v)
	switch {
	case !d.Allowed || !limited:
		return d
	case (ps.HasBoundary || ps.Boundary != nil) && v.boundary.allow.st == nil:
		return Decision{Reason: BoundaryImplicitDeny}
	case (ps.HasSession || ps.Session != nil) && v.session.allow.st == nil:
		return Decision{Reason: SessionImplicitDeny}
	}
	return d
}

// grants decides whether identity and resource policies together allow, and whether boundary and session limit what
// they do: a resource policy that names the very user or session in its own account is not limited.
func grants(r *Request, ps *Policies, v *verdicts) (d Decision, limited bool) {
	p := &r.Principal
	resource := v.resource.grant
	byResource := v.resource.allow.decision(Allowed, ResourceLayer)
	identity := v.identity.allow.st != nil || p.Root
	switch {
	case p.Anonymous || p.Account == "":
		if resource == noGrant {
			return Decision{Reason: ResourcePolicyImplicitDeny}, true
		}
		return byResource, true
	case p.Account != r.ResourceAccount:
		if resource == noGrant {
			return Decision{Reason: CrossAccountResourceDeny}, true
		}
		if !identity {
			return Decision{Reason: CrossAccountIdentityDeny}, true
		}
		return byResource, true
	case resource == toCaller:
		return byResource, false
	case ps.ResourceMode != ResourceOrIdentity && resource == noGrant:
		return Decision{Reason: ResourcePolicyImplicitDeny}, true
	case !identity && resource <= toAccount:
		return Decision{Reason: NoIdentityAllow}, true
	case ps.ResourceMode != ResourceOrIdentity:
		return byResource, true
	case v.identity.allow.st != nil:
		return v.identity.allow.decision(Allowed, IdentityLayer), true
	case resource != noGrant:
		return byResource, true
	}
	return Decision{Allowed: true, Reason: AllowedRoot}, true
}

// decision returns what a finding decides; none is the zero Decision.
func (f finding) decision(why Reason, l Layer) Decision {
	if f.st == nil {
		return Decision{}
	}
	return Decision{
		Allowed: why == Allowed, Reason: why, Layer: l, Source: f.source, Statement: f.number, Sid: f.st.Sid,
	}
}

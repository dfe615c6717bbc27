package policy

// Explanation tells why a request was decided as it was: every statement of every policy, and where it did or did not
// match. It holds the values of the request and the text of the policies, so it is for operators only.
type Explanation struct {
	Decision  Decision            `json:"decision"`
	Action    string              `json:"action"`
	Resource  string              `json:"resource"`
	Principal string              `json:"principal"`
	Policies  []PolicyExplanation `json:"policies"`
}

// PolicyExplanation is one policy's part.
type PolicyExplanation struct {
	Layer      Layer                  `json:"layer"`
	Source     string                 `json:"source"`
	Statements []StatementExplanation `json:"statements"`
}

// StatementExplanation is one statement's part.
type StatementExplanation struct {
	Statement int    `json:"statement"`
	Sid       string `json:"sid,omitempty"`
	Effect    Effect `json:"effect"`
	Matched   bool   `json:"matched"`
	// Why is empty if the statement matched; else the first element that did not: "principal", "action", "resource",
	// "condition", or "unknown" for a statement that fails closed.
	Why string `json:"why,omitempty"`
	// Grant is how a resource policy names the caller: account, everyone, role or caller.
	Grant string `json:"grant,omitempty"`
	// Resources are the patterns after substitution, if action and principal matched.
	Resources []ValueExplanation `json:"resources,omitempty"`
	// Conditions are all conditions, if the other elements matched.
	Conditions []ConditionExplanation `json:"conditions,omitempty"`
}

// ConditionExplanation is one condition's part.
type ConditionExplanation struct {
	Operator string `json:"operator"`
	Key      string `json:"key"`
	Met      bool   `json:"met"`
	// Request holds the request's values; null for an absent key.
	Request []string           `json:"request"`
	Policy  []ValueExplanation `json:"policy"`
}

// ValueExplanation is a value of the policy with the variables replaced.
type ValueExplanation struct {
	Value string `json:"value"`
	// Written is the value as in the policy, where it has variables.
	Written string `json:"written,omitempty"`
	// Unresolved names the first variable that has no single value; such a value matches nothing.
	Unresolved string `json:"unresolved,omitempty"`
}

// Explain decides the request as Evaluate does and says why. It tries every statement, so it is slow.
func Explain(r *Request, ps *Policies) Explanation {
	e := newEnv(r)
	x := Explanation{Action: r.Action, Resource: r.Resource, Principal: r.Principal.name()}
	var v verdicts
	add := func(l Layer, s *Source, p *Policy, into *verdict) {
		x.Policies = append(x.Policies, e.explainPolicy(l, s.Name, p, into))
	}
	for i := range ps.Identity.Sources() {
		s := &ps.Identity.sources[i]
		add(IdentityLayer, s, s.usable(), &v.identity)
	}
	if ps.Boundary != nil {
		add(BoundaryLayer, ps.Boundary, ps.Boundary.usable(), &v.boundary)
	}
	for i := range ps.Session.Sources() {
		s := &ps.Session.sources[i]
		add(SessionLayer, s, s.usable(), &v.session)
	}
	if ps.Resource != nil {
		add(ResourceLayer, ps.Resource, ps.Resource.usableResource(), &v.resource)
	}
	x.Decision = decide(r, ps, &v)
	return x
}

// name is the caller for a reader.
func (p *Principal) name() string {
	for _, s := range []string{p.ARN, p.Federated, p.Service, p.Account} {
		if s != "" {
			return s
		}
	}
	return "anonymous"
}

func (e *env) explainPolicy(l Layer, name string, p *Policy, v *verdict) PolicyExplanation {
	x := PolicyExplanation{Layer: l, Source: name, Statements: []StatementExplanation{}}
	for i := range p.statements {
		st := &p.statements[i]
		g := noGrant
		s := StatementExplanation{Statement: i, Sid: st.Sid, Effect: st.Effect}
		if l == ResourceLayer {
			g = st.Principals.names(&e.r.Principal, st.Effect)
			s.Grant = grantNames[g]
		}
		s.Why = e.explainElements(st, l == ResourceLayer && g == noGrant, &s)
		s.Matched = s.Why == ""
		v.add(name, i, st, s.Matched, g)
		x.Statements = append(x.Statements, s)
	}
	return x
}

func (e *env) explainElements(st *Statement, stranger bool, s *StatementExplanation) (why string) {
	if stranger {
		return "principal"
	}
	if !e.matchesAction(st) {
		return "action"
	}
	for i := range st.Resources {
		s.Resources = append(s.Resources, st.Resources[i].explain(e.r.Context))
	}
	if e.matchesResource(st) != equal {
		return "resource"
	}
	for i := range st.Conditions {
		c := st.Conditions[i].explain(e.r.Context, st.Effect)
		if !c.Met && !st.FailClosed {
			why = "condition"
		}
		s.Conditions = append(s.Conditions, c)
	}
	if st.FailClosed && st.Effect == Allow {
		return "unknown"
	}
	return why
}

func (c *Condition) explain(ctx *Context, effect Effect) ConditionExplanation {
	x := ConditionExplanation{Operator: c.Operator, Key: c.Key, Met: c.holds(ctx, effect)}
	if values := ctx.lookup(c.hash, c.Key); values != nil {
		x.Request = append([]string{}, values...)
	}
	for i := range c.Values {
		x.Policy = append(x.Policy, c.Values[i].Pattern.explain(ctx))
	}
	return x
}

func (p *Pattern) explain(ctx *Context) ValueExplanation {
	x := ValueExplanation{Value: p.Raw}
	if !p.hasVariables() {
		return x
	}
	x.Written = p.Raw
	x.Value = ""
	for i := range p.Parts {
		part := &p.Parts[i]
		switch part.Kind {
		case AnyText:
			x.Value += "*"
		case AnyChar:
			x.Value += "?"
		case Literal:
			x.Value += part.Text
		case Variable:
			v, ok := part.value(ctx)
			if !ok {
				return ValueExplanation{Written: p.Raw, Unresolved: part.Text}
			}
			x.Value += v
		}
	}
	return x
}

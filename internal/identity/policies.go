package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/policy"
)

var _ authz.Directory = (*Catalog)(nil)

// entityPolicies are the compiled policies of a user or role, with what tells it from a later one of the same name.
type entityPolicies struct {
	id      string
	created int64 // Unix seconds
	all     authz.PrincipalPolicies
}

// sessionPolicies are those of one session, valid for exactly the principal's session policies and entity.
type sessionPolicies struct {
	documents, arns []string
	entity          *entityPolicies
	all             authz.PrincipalPolicies
}

// The policies that this package makes itself.
const (
	denyAllText  = `{"Version":"2012-10-17","Statement":[{"Sid":"PrincipalGone","Effect":"Deny","Action":"*","Resource":"*"}]}`
	allowAllText = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// Policies implements authz.Directory. The policies of a session whose user or role was deleted deny everything
// explicitly, so that neither a successor of the same name nor a resource policy that names it revives the session.
func (c *Catalog) Policies(ctx context.Context, p *authn.Principal) (*authz.PrincipalPolicies, error) {
	switch p.Kind {
	case authn.Root:
		return c.limited(ctx, p, c.own.root, false)
	case authn.User:
		e, err := c.policiesOf(ctx, p.Account, KindUser, p.Name)
		if err != nil || e == nil || e.id != p.UserID {
			return c.own.gone, err
		}
		return c.limited(ctx, p, e, false)
	case authn.AssumedRole:
		a, ok := arn.Parse(p.RoleARN)
		id, _, _ := strings.Cut(p.UserID, ":")
		if !ok || a.Account != p.Account {
			return c.own.gone, nil
		}
		e, err := c.policiesOf(ctx, p.Account, KindRole, a.Name())
		if err != nil || e == nil || e.id != id {
			return c.own.gone, err
		}
		return c.limited(ctx, p, e, false)
	case authn.FederatedUser:
		return c.federated(ctx, p)
	}
	return &c.own.root.all, nil
}

// federated is a session that GetFederationToken made: RoleARN names the user, or the root user, who asked for it. Its
// permissions are those of both, the user and the session policies; without session policies it has none.
func (c *Catalog) federated(ctx context.Context, p *authn.Principal) (*authz.PrincipalPolicies, error) {
	if p.RoleARN == arn.Root(p.Account) {
		return c.limited(ctx, p, c.own.rootIssuer, true)
	}
	a, ok := arn.Parse(p.RoleARN)
	if kind, _ := a.Type(); !ok || a.Account != p.Account || kind != string(KindUser) {
		return c.own.gone, nil
	}
	e, err := c.policiesOf(ctx, p.Account, KindUser, a.Name())
	// The session carries no unique id of its user, so a user made after it was issued is not its user.
	if err != nil || e == nil || e.created > p.IssuedAt.Unix() {
		return c.own.gone, err
	}
	return c.limited(ctx, p, e, true)
}

// ownPolicies are the policies that no record holds.
type ownPolicies struct {
	// root has no policies: the engine knows what a root user may do. It stands for the anonymous caller as well.
	root *entityPolicies
	// rootIssuer is the root user as the issuer of federated sessions, which the engine knows nothing of.
	rootIssuer *entityPolicies
	gone       *authz.PrincipalPolicies
}

func newOwnPolicies() (o ownPolicies, err error) {
	o.root = &entityPolicies{}
	all, err := ownSet("root", allowAllText)
	if err != nil {
		return o, err
	}
	o.rootIssuer = &entityPolicies{all: authz.PrincipalPolicies{Identity: all}}
	none, err := ownSet("bulkhead:principal-gone", denyAllText)
	if err != nil {
		return o, err
	}
	o.gone = &authz.PrincipalPolicies{Identity: none, HasBoundary: true, HasSession: true}
	return o, nil
}

func ownSet(name, text string) (*policy.Set, error) {
	compiled, err := policy.Parse([]byte(text), policy.Identity)
	if err != nil {
		return nil, fmt.Errorf("identity: own policy %s: %w", name, err)
	}
	return policy.NewSet([]policy.Source{{Name: name, Policy: compiled}}), nil
}

// limited adds the session's own policies to those of its entity. always says that the session is limited by session
// policies even if it was made with none.
func (c *Catalog) limited(ctx context.Context, p *authn.Principal, e *entityPolicies, always bool) (*authz.PrincipalPolicies, error) {
	if !always && !p.HasSessionPolicy && len(p.SessionPolicies) == 0 && len(p.SessionPolicyARNs) == 0 {
		return &e.all, nil
	}
	load := func() (*sessionPolicies, error) { return c.loadSession(ctx, p, e) }
	s, err := c.sessions.Get(p.Account, p.AccessKeyID, load)
	if err == nil && !s.serves(p, e) {
		s, err = load()
	}
	if err != nil {
		return nil, err
	}
	return &s.all, nil
}

// serves compares what the entry was made of, so that an access key id alone never stands for a session.
func (s *sessionPolicies) serves(p *authn.Principal, e *entityPolicies) bool {
	return s.entity == e && slices.Equal(s.documents, p.SessionPolicies) && slices.Equal(s.arns, p.SessionPolicyARNs)
}

func (c *Catalog) loadSession(ctx context.Context, p *authn.Principal, e *entityPolicies) (*sessionPolicies, error) {
	s := &sessionPolicies{documents: p.SessionPolicies, arns: p.SessionPolicyARNs, entity: e, all: e.all}
	var sources []policy.Source
	for i, text := range p.SessionPolicies {
		compiled, err := c.compiled.get(text, policy.Identity)
		if err != nil {
			return nil, fmt.Errorf("identity: session policy of %s: %w", p.ARN, err)
		}
		sources = append(sources, policy.Source{Name: fmt.Sprintf("session-policy-%d", i+1), Policy: compiled})
	}
	err := c.view(ctx, p.Account, func(v *View) error {
		managed, err := c.managed(v, p.SessionPolicyARNs)
		sources = append(sources, managed...)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.all.HasSession, s.all.Session = true, policy.NewSet(sources)
	return s, nil
}

// EntityPolicies returns the policies of a user with those of its groups, of a group or of a role, as they are in force
// now; nil if there is no such entity.
func (c *Catalog) EntityPolicies(ctx context.Context, account string, kind Kind, name string) (*authz.PrincipalPolicies, error) {
	e, err := c.policiesOf(ctx, account, kind, name)
	if err != nil || e == nil {
		return nil, err
	}
	return &e.all, nil
}

// policiesOf returns the policies of a user, group or role; nil if there is none.
func (c *Catalog) policiesOf(ctx context.Context, account string, kind Kind, name string) (*entityPolicies, error) {
	// The key is the name as it is: principals carry it in its one spelling, and folding it costs an allocation.
	return found(c.sets.Get(account, entityKey{account, kind, name}, func() (e *entityPolicies, err error) {
		err = c.view(ctx, account, func(v *View) error {
			e, err = c.loadPolicies(v, kind, name)
			return err
		})
		if err == nil && e == nil {
			err = errNotCached
		}
		return e, err
	}))
}

func (c *Catalog) loadPolicies(v *View, kind Kind, name string) (*entityPolicies, error) {
	entity, err := v.Entity(kind, name)
	if err != nil || entity == nil {
		return nil, err
	}
	var groups []string
	if kind == KindUser {
		u, err := v.User(name)
		if err != nil || u == nil {
			return nil, err
		}
		groups = u.Groups
	}
	sources, err := c.sources(v, entity)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		group, err := v.Group(g)
		if err != nil {
			return nil, err
		}
		if group == nil {
			return nil, fmt.Errorf("identity: %s is in group %s, which does not exist", entity.ARN(), g)
		}
		more, err := c.sources(v, &group.Entity)
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
	}
	e := &entityPolicies{id: entity.ID, created: entity.Created.Unix()}
	e.all.Identity = policy.NewSet(sources)
	if entity.Boundary != "" {
		e.all.HasBoundary = true
		b, err := c.managed(v, []string{entity.Boundary})
		if err != nil {
			return nil, err
		}
		if len(b) == 1 {
			e.all.Boundary = &b[0]
		}
	}
	return e, nil
}

// InlineName is the name under which an inline policy appears in decisions: "user/alice/inline/p".
func InlineName(e *Entity, policyName string) string {
	return string(e.Kind) + "/" + e.Name + "/inline/" + policyName
}

// sources compiles the inline and managed policies of an entity itself.
func (c *Catalog) sources(v *View, e *Entity) ([]policy.Source, error) {
	sources := make([]policy.Source, 0, len(e.Inline)+len(e.Attached))
	for _, p := range e.Inline {
		compiled, err := c.compiled.get(p.Document, policy.Identity)
		if err != nil {
			return nil, fmt.Errorf("identity: inline policy %s of %s: %w", p.Name, e.ARN(), err)
		}
		sources = append(sources, policy.Source{Name: InlineName(e, p.Name), Policy: compiled})
	}
	managed, err := c.managed(v, e.Attached)
	return append(sources, managed...), err
}

// managed compiles managed policies in force. One that is gone is left out: it grants nothing.
func (c *Catalog) managed(v *View, arns []string) ([]policy.Source, error) {
	var sources []policy.Source
	for _, a := range arns {
		p, err := v.PolicyByARN(a)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		compiled, err := c.compiled.get(p.Document(), policy.Identity)
		if err != nil {
			return nil, fmt.Errorf("identity: managed policy %s: %w", a, err)
		}
		sources = append(sources, policy.Source{Name: a, Policy: compiled})
	}
	return sources, nil
}

package iam

import (
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// requirements says what IAM's operations need ("Actions, resources, and condition keys for AWS Identity and Access
// Management", Service Authorization Reference).
type requirements struct{ catalog *identity.Catalog }

var _ api.Requirements = (*requirements)(nil)

// newRequirements returns the requirements with facts from the catalog.
func newRequirements(c *identity.Catalog) *requirements { return &requirements{c} }

// need is one permission in the making.
type need struct {
	scope  *authz.Scope
	action string
	res    authz.Resource
	keys   []func(*policy.Context)
	err    error
}

func (r *requirements) need(s *authz.Scope, operation string) *need {
	return &need{scope: s, action: "iam:" + operation, res: authz.Resource{ARN: "*", Account: s.Account}}
}

// on names a resource of the caller's account of which nothing is known.
func (n *need) on(kind, path, name string) *need {
	n.res.ARN = arn.IAM(n.scope.Account, kind, path, name)
	return n
}

// entity names a user, group or role: the one that exists, with its tags and boundary, or the literal name.
func (r *requirements) entity(s *authz.Scope, operation string, kind identity.Kind, name string) *need {
	n := r.need(s, operation).on(string(kind), "/", name)
	e, err := r.catalog.Entity(s.Context, s.Account, kind, name)
	if err != nil {
		n.err = err
		return n
	}
	if e == nil {
		return n
	}
	n.res.ARN = e.ARN()
	return n.tagged(e.Tags)
}

// own names the user that an operation is about, the caller if none is named. Who is no user has no default; the handler
// tells the caller so.
func (r *requirements) own(s *authz.Scope, operation string, given *string) *need {
	name, err := userName(s.Caller, given)
	if err != nil {
		return r.need(s, operation).on("user", "/", "*")
	}
	if name == "" {
		n := r.need(s, operation)
		n.res.ARN = arn.Root(s.Account)
		return n
	}
	return r.entity(s, operation, identity.KindUser, name)
}

// policy names a managed policy.
func (r *requirements) policy(s *authz.Scope, operation string, policyARN *string) *need {
	n := r.need(s, operation)
	n.res.ARN = literal(policyARN)
	p, err := r.catalog.ManagedPolicy(s.Context, s.Account, n.res.ARN)
	if err != nil {
		n.err = err
		return n
	}
	if p != nil {
		n.tagged(p.Tags)
	}
	return n
}

// provider names an OpenID Connect provider.
func (r *requirements) provider(s *authz.Scope, operation string, providerARN *string) *need {
	n := r.need(s, operation)
	n.res.ARN = literal(providerARN)
	a, ok := arn.Parse(n.res.ARN)
	kind, url := a.Type()
	if !ok || kind != "oidc-provider" || a.Account != s.Account {
		return n
	}
	p, err := r.catalog.OIDCProvider(s.Context, s.Account, url)
	if err != nil {
		n.err = err
		return n
	}
	if p != nil && p.ARN() == n.res.ARN {
		n.tagged(p.Tags)
	}
	return n
}

// literal is a name from the request as a resource. A name of another kind than an ARN is no resource of any policy, and
// "*" stands for it.
func literal(name *string) string {
	if name == nil || !strings.HasPrefix(*name, "arn:") {
		return "*"
	}
	return *name
}

// tagged sets the tags of the resource: aws:ResourceTag and iam:ResourceTag.
func (n *need) tagged(tags []identity.Tag) *need {
	for _, t := range tags {
		n.res.Tags = append(n.res.Tags, authn.Tag{Key: t.Key, Value: t.Value})
	}
	return n.with(func(k *policy.Context) {
		for _, t := range tags {
			k.Set("iam:ResourceTag/"+t.Key, t.Value)
		}
	})
}

func (n *need) with(key func(*policy.Context)) *need {
	n.keys = append(n.keys, key)
	return n
}

// given sets a condition key from the request, if the member was sent.
func (n *need) given(key string, value *string) *need {
	if value == nil || *value == "" {
		return n
	}
	return n.with(func(k *policy.Context) { k.Set(key, *value) })
}

// requestTags sets aws:RequestTag and aws:TagKeys.
func (n *need) requestTags(tags []api.Tag) *need {
	if len(tags) == 0 {
		return n
	}
	return n.with(func(k *policy.Context) {
		keys := make([]string, len(tags))
		for i, t := range tags {
			keys[i] = opt.Value(t.Key)
			k.Set("aws:RequestTag/"+keys[i], opt.Value(t.Value))
		}
		k.Set("aws:TagKeys", keys...)
	})
}

// tagKeys sets aws:TagKeys.
func (n *need) tagKeys(keys []string) *need {
	if len(keys) == 0 {
		return n
	}
	return n.with(func(k *policy.Context) { k.Set("aws:TagKeys", keys...) })
}

// bounded sets iam:PermissionsBoundary to the boundary that the entity has.
func (r *requirements) bounded(n *need, kind identity.Kind, name *string) *need {
	e, err := r.catalog.Entity(n.scope.Context, n.scope.Account, kind, opt.Value(name))
	if err != nil {
		n.err = err
		return n
	}
	if e == nil {
		return n
	}
	return n.given("iam:PermissionsBoundary", &e.Boundary)
}

func (n *need) check() authz.Check {
	keys := n.keys
	return authz.Check{Action: n.action, Resource: n.res, Keys: func(k *policy.Context) {
		for _, set := range keys {
			set(k)
		}
	}}
}

// require is the requirement for all the needs.
func require(needs ...*need) authz.Requirement {
	checks := make([]authz.Check, len(needs))
	for i, n := range needs {
		if n.err != nil {
			return authz.Failed(n.err)
		}
		checks[i] = n.check()
	}
	return authz.RequireChecks(checks...)
}

// create needs the operation itself and, if the new resource gets tags, the permission to tag it on the same resource.
func create(n *need, tags []api.Tag, tagging string) authz.Requirement {
	n.requestTags(tags)
	if len(tags) == 0 {
		return require(n)
	}
	t := *n
	t.action = "iam:" + tagging
	return require(n, &t)
}

package cognitoidentity

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// The kinds of roles.
const (
	authenticated   = "authenticated"
	unauthenticated = "unauthenticated"
)

// maxRules bounds the rules of a provider ("Quotas in Amazon Cognito": 25, adjustable).
const maxRules = 25

// isRole reports whether the ARN is that of a role of the account.
func isRole(name, account string) bool {
	a, ok := arn.Parse(name)
	kind, _ := a.Type()
	return ok && a.Service == "iam" && a.Account == account && kind == "role"
}

// SetIdentityPoolRoles implements api.Service.
func (s *Service) SetIdentityPoolRoles(ctx context.Context, call *pipeline.Call, in *api.SetIdentityPoolRolesInput) (
	*api.SetIdentityPoolRolesOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	for _, name := range rolesOf(in) {
		if !isRole(name, c.pool.Account) {
			return nil, invalid("Role %s is not a role of this account.", name)
		}
	}
	// before the transaction, since it reads providers; a mapping of one that is removed meanwhile has no effect
	for name, m := range in.RoleMappings {
		if err := s.checkMapping(ctx, c.pool, name, &m); err != nil {
			return nil, err
		}
	}
	_, err = c.change(func(p *pool) error {
		p.Roles, p.Mappings = in.Roles, in.RoleMappings
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.SetIdentityPoolRolesOutput{}, nil
}

// checkMapping checks the mapping of the provider with the name.
func (s *Service) checkMapping(ctx context.Context, p *pool, name string, m *api.RoleMapping) error {
	prov, err := s.configured(ctx, p, name)
	if err != nil {
		return err
	}
	if prov == nil {
		return invalid("The identity provider %s is not one of this identity pool.", name)
	}
	if m.AmbiguousRoleResolution == "" {
		return invalid("AmbiguousRoleResolution is required for the role mapping of %s.", name)
	}
	if m.Type == api.RoleMappingTypeToken {
		if m.RulesConfiguration != nil {
			return invalid("A role mapping of type Token has no RulesConfiguration.")
		}
		if !prov.userPool {
			// the claims that name roles are the user pool's groups; another issuer has no say about roles
			return invalid("A role mapping of type Token is for user pools only.")
		}
		return nil
	}
	if m.RulesConfiguration == nil {
		return invalid("A role mapping of type Rules needs a RulesConfiguration.")
	}
	if n := len(m.RulesConfiguration.Rules); n > maxRules {
		return invalid("A role mapping can have at most %d rules.", maxRules)
	}
	return nil
}

// GetIdentityPoolRoles implements api.Service.
func (s *Service) GetIdentityPoolRoles(ctx context.Context, call *pipeline.Call, in *api.GetIdentityPoolRolesInput) (
	*api.GetIdentityPoolRolesOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	return &api.GetIdentityPoolRolesOutput{IdentityPoolId: new(c.pool.ID), RoleMappings: c.pool.Mappings, Roles: c.pool.Roles}, nil
}

// role chooses the role of who asks. Users of the developer have the role of all who signed in: their tokens have no claims
// that a mapping could go by.
func (b *bearer) role(custom string) (string, error) {
	switch {
	case b.developer == nil:
		return b.pool.roleFor(b.who.ID, b.logins, custom)
	case custom != "":
		return "", forbidden(b.who.ID)
	}
	return b.pool.usable(b.pool.Roles[authenticated])
}

// roleFor chooses the role of verified logins, or of a guest if there are none. custom is the role asked for, or "".
// Several logins must lead to one role.
func (p *pool) roleFor(who string, logins []*verified, custom string) (string, error) {
	if len(logins) == 0 {
		if custom != "" {
			return "", forbidden(who)
		}
		return p.usable(p.Roles[unauthenticated])
	}
	role := ""
	for _, v := range logins {
		r, err := p.roleOf(who, v, custom)
		if err != nil {
			return "", err
		}
		if role != "" && r != role {
			return "", api.NewNotAuthorizedException("The logins lead to different roles. Please use one of them.")
		}
		role = r
	}
	return p.usable(role)
}

// usable refuses what is no role of the pool's account: a token must not lead into another account.
func (p *pool) usable(role string) (string, error) {
	if !isRole(role, p.Account) {
		return "", badRoles()
	}
	return role, nil
}

// roleOf chooses the role of one login ("Using role-based access control", Amazon Cognito Developer Guide).
func (p *pool) roleOf(who string, v *verified, custom string) (string, error) {
	m := p.mappingOf(v)
	switch {
	case m != nil && m.Type == api.RoleMappingTypeToken && v.userPool:
		return p.roleOfToken(who, v, m, custom)
	case custom != "":
		return "", forbidden(who) // only a token's own claims let a client choose
	case m == nil:
		return p.Roles[authenticated], nil
	}
	if m.RulesConfiguration != nil {
		for i := range m.RulesConfiguration.Rules {
			if rule := &m.RulesConfiguration.Rules[i]; matches(rule, v.claims.Raw[opt.Value(rule.Claim)]) {
				return opt.Value(rule.RoleARN), nil
			}
		}
	}
	return p.ambiguous(who, m)
}

func (p *pool) roleOfToken(who string, v *verified, m *api.RoleMapping, custom string) (string, error) {
	preferred, _ := textOf(v.claims.Raw["cognito:preferred_role"])
	roles, _ := textsOf(v.claims.Raw["cognito:roles"])
	switch {
	case custom != "":
		for _, r := range roles {
			if r == custom {
				return r, nil
			}
		}
		return "", forbidden(who)
	case preferred != "":
		return preferred, nil
	case len(roles) == 1:
		return roles[0], nil
	}
	return p.ambiguous(who, m)
}

// ambiguous is what a mapping that leads to no role says of such logins.
func (p *pool) ambiguous(who string, m *api.RoleMapping) (string, error) {
	if m.AmbiguousRoleResolution == api.AmbiguousRoleResolutionTypeAuthenticatedRole {
		return p.Roles[authenticated], nil
	}
	return "", forbidden(who)
}

// mappingOf returns the mapping of a login's provider, the most specific one; nil if there is none.
func (p *pool) mappingOf(v *verified) *api.RoleMapping {
	for _, name := range v.names {
		if m, ok := p.Mappings[name]; ok {
			return &m
		}
	}
	return nil
}

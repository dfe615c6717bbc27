package cognitoidentity

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// requirements say what the operations need ("Actions, resources, and condition keys for Amazon Cognito Identity",
// Service Authorization Reference).
type requirements struct{ s *Service }

// Why operations of clients need no permission.
const (
	openToLogins   = "authorized by the tokens in Logins, or by the pool's letting guests in"
	openToOwners   = "authorized by a token of one of the identity's logins"
	openToIdentity = "authorized by tokens of the identity's logins; a guest's identity by its id"
)

// eventSource is the service as the conditions of others see it.
const eventSource = "cognito-identity.amazonaws.com"

// resource is a pool as policies see it.
func (p *pool) resource() authz.Resource {
	r := authz.Resource{ARN: p.arn(), Account: p.Account, Region: p.Region, ID: p.ID}
	for _, k := range slices.Sorted(maps.Keys(p.Tags)) {
		r.Tags = append(r.Tags, authn.Tag{Key: k, Value: p.Tags[k]})
	}
	return r
}

// home is the caller's account and region, for what is about no pool or one that is not there.
func home(s *authz.Scope, name string) authz.Resource {
	return authz.Resource{ARN: name, Account: s.Account, Region: s.Region}
}

// visible reports whether the pool exists for the caller: one of another account or region does not.
func visible(s *authz.Scope, p *pool) bool {
	return p != nil && p.Account == s.Account && p.Region == s.Region
}

// on needs an action on a pool.
func (r *requirements) on(s *authz.Scope, operation string, id *string, keys func(*policy.Context)) authz.Requirement {
	p, err := r.s.factsOf(s.Context, opt.Value(id))
	if err != nil {
		return authz.Failed(err)
	}
	res := home(s, poolARN(s.Account, s.Region, opt.Value(id)))
	if visible(s, p) {
		res = p.resource()
	}
	return authz.Require(serviceName+":"+operation, res, keys)
}

// byARN needs an action on the pool that an ARN names.
func (r *requirements) byARN(s *authz.Scope, operation string, name *string, keys func(*policy.Context)) authz.Requirement {
	p, err := r.s.factsOf(s.Context, poolOfARN(opt.Value(name)))
	if err != nil {
		return authz.Failed(err)
	}
	res := home(s, opt.Value(name))
	if visible(s, p) && p.arn() == opt.Value(name) {
		res = p.resource()
	}
	return authz.Require(serviceName+":"+operation, res, keys)
}

// poolOfARN returns the id in a pool's ARN, or "".
func poolOfARN(name string) string {
	a, ok := arn.Parse(name)
	kind, id := a.Type()
	if !ok || a.Service != serviceName || kind != "identitypool" {
		return ""
	}
	return id
}

// anybody may call, for a pool or, if there is none, to learn that.
func anybody(s *authz.Scope, reason string, p *pool, err error) authz.Requirement {
	switch {
	case err != nil:
		return authz.Failed(err)
	case p == nil:
		return authz.Anonymous(reason, home(s, "*"))
	}
	return authz.Anonymous(reason, p.resource())
}

// requestTags sets aws:RequestTag/… and aws:TagKeys.
func requestTags(tags map[string]string) func(*policy.Context) {
	if len(tags) == 0 {
		return nil
	}
	return func(k *policy.Context) {
		for name, value := range tags {
			k.Set("aws:RequestTag/"+name, value)
		}
		k.Set("aws:TagKeys", slices.Sorted(maps.Keys(tags))...)
	}
}

// GetId implements api.Requirements.
//
//nolint:revive // the model's name
func (r *requirements) GetId(s *authz.Scope, in *api.GetIdInput) authz.Requirement {
	p, err := r.s.factsOf(s.Context, opt.Value(in.IdentityPoolId))
	return anybody(s, openToLogins, p, err)
}

// GetCredentialsForIdentity implements api.Requirements.
func (r *requirements) GetCredentialsForIdentity(s *authz.Scope, in *api.GetCredentialsForIdentityInput) authz.Requirement {
	p, err := r.s.factsOfIdentity(s.Context, opt.Value(in.IdentityId))
	return anybody(s, openToIdentity, p, err)
}

// GetOpenIdToken implements api.Requirements.
//
//nolint:revive // the model's name
func (r *requirements) GetOpenIdToken(s *authz.Scope, in *api.GetOpenIdTokenInput) authz.Requirement {
	p, err := r.s.factsOfIdentity(s.Context, opt.Value(in.IdentityId))
	return anybody(s, openToIdentity, p, err)
}

// CreateIdentityPool implements api.Requirements.
func (r *requirements) CreateIdentityPool(s *authz.Scope, in *api.CreateIdentityPoolInput) authz.Requirement {
	return authz.Require(serviceName+":CreateIdentityPool", home(s, "*"), requestTags(in.IdentityPoolTags))
}

// ListIdentityPools implements api.Requirements.
func (r *requirements) ListIdentityPools(s *authz.Scope, _ *api.ListIdentityPoolsInput) authz.Requirement {
	return authz.Require(serviceName+":ListIdentityPools", home(s, "*"), nil)
}

// DescribeIdentityPool implements api.Requirements.
func (r *requirements) DescribeIdentityPool(s *authz.Scope, in *api.DescribeIdentityPoolInput) authz.Requirement {
	return r.on(s, "DescribeIdentityPool", in.IdentityPoolId, nil)
}

// UpdateIdentityPool implements api.Requirements.
func (r *requirements) UpdateIdentityPool(s *authz.Scope, in *api.UpdateIdentityPoolInput) authz.Requirement {
	return r.on(s, "UpdateIdentityPool", in.IdentityPoolId, requestTags(in.IdentityPoolTags))
}

// DeleteIdentityPool implements api.Requirements.
func (r *requirements) DeleteIdentityPool(s *authz.Scope, in *api.DeleteIdentityPoolInput) authz.Requirement {
	return r.on(s, "DeleteIdentityPool", in.IdentityPoolId, nil)
}

// GetIdentityPoolRoles implements api.Requirements.
func (r *requirements) GetIdentityPoolRoles(s *authz.Scope, in *api.GetIdentityPoolRolesInput) authz.Requirement {
	return r.on(s, "GetIdentityPoolRoles", in.IdentityPoolId, nil)
}

// SetIdentityPoolRoles implements api.Requirements. Each role is passed to the service, which needs iam:PassRole.
func (r *requirements) SetIdentityPoolRoles(s *authz.Scope, in *api.SetIdentityPoolRolesInput) authz.Requirement {
	all := []authz.Requirement{r.on(s, "SetIdentityPoolRoles", in.IdentityPoolId, nil)}
	for _, name := range rolesOf(in) {
		res := authz.Resource{ARN: name}
		if a, ok := arn.Parse(name); ok {
			res.Account = a.Account
		}
		role, err := r.s.Catalog.Role(s.Context, name)
		if err != nil {
			return authz.Failed(err)
		}
		if role != nil {
			res.Tags = role.Tags
		}
		all = append(all, authz.Require("iam:PassRole", res, func(k *policy.Context) {
			k.Set("iam:PassedToService", eventSource)
		}))
	}
	return authz.All(all...)
}

// rolesOf are the roles that the request names, each once.
func rolesOf(in *api.SetIdentityPoolRolesInput) []string {
	names := slices.Collect(maps.Values(in.Roles))
	for _, m := range in.RoleMappings {
		if m.RulesConfiguration == nil {
			continue
		}
		for i := range m.RulesConfiguration.Rules {
			names = append(names, opt.Value(m.RulesConfiguration.Rules[i].RoleARN))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// GetPrincipalTagAttributeMap implements api.Requirements.
func (r *requirements) GetPrincipalTagAttributeMap(s *authz.Scope, in *api.GetPrincipalTagAttributeMapInput) authz.Requirement {
	return r.on(s, "GetPrincipalTagAttributeMap", in.IdentityPoolId, nil)
}

// SetPrincipalTagAttributeMap implements api.Requirements.
func (r *requirements) SetPrincipalTagAttributeMap(s *authz.Scope, in *api.SetPrincipalTagAttributeMapInput) authz.Requirement {
	return r.on(s, "SetPrincipalTagAttributeMap", in.IdentityPoolId, nil)
}

// ListIdentities implements api.Requirements.
func (r *requirements) ListIdentities(s *authz.Scope, in *api.ListIdentitiesInput) authz.Requirement {
	return r.on(s, "ListIdentities", in.IdentityPoolId, nil)
}

// DescribeIdentity implements api.Requirements.
func (r *requirements) DescribeIdentity(s *authz.Scope, in *api.DescribeIdentityInput) authz.Requirement {
	return r.onIdentities(s, "DescribeIdentity", []string{opt.Value(in.IdentityId)})
}

// DeleteIdentities implements api.Requirements.
func (r *requirements) DeleteIdentities(s *authz.Scope, in *api.DeleteIdentitiesInput) authz.Requirement {
	return r.onIdentities(s, "DeleteIdentities", in.IdentityIdsToDelete)
}

// onIdentities needs an action on the pool of every identity.
func (r *requirements) onIdentities(s *authz.Scope, operation string, ids []string) authz.Requirement {
	need := map[string]authz.Requirement{}
	for _, id := range ids {
		p, err := r.s.factsOfIdentity(s.Context, id)
		if err != nil {
			return authz.Failed(err)
		}
		res := home(s, "*")
		if visible(s, p) {
			res = p.resource()
		}
		need[res.ARN] = authz.Require(serviceName+":"+operation, res, nil)
	}
	if len(need) == 0 {
		return authz.Require(serviceName+":"+operation, home(s, "*"), nil)
	}
	var all []authz.Requirement
	for _, name := range slices.SortedFunc(maps.Keys(need), strings.Compare) {
		all = append(all, need[name])
	}
	return authz.All(all...)
}

// TagResource implements api.Requirements.
func (r *requirements) TagResource(s *authz.Scope, in *api.TagResourceInput) authz.Requirement {
	return r.byARN(s, "TagResource", in.ResourceArn, requestTags(in.Tags))
}

// UntagResource implements api.Requirements.
func (r *requirements) UntagResource(s *authz.Scope, in *api.UntagResourceInput) authz.Requirement {
	return r.byARN(s, "UntagResource", in.ResourceArn, func(k *policy.Context) { k.Set("aws:TagKeys", in.TagKeys...) })
}

// ListTagsForResource implements api.Requirements.
func (r *requirements) ListTagsForResource(s *authz.Scope, in *api.ListTagsForResourceInput) authz.Requirement {
	return r.byARN(s, "ListTagsForResource", in.ResourceArn, nil)
}

// GetOpenIdTokenForDeveloperIdentity implements api.Requirements.
//
//nolint:revive // the model's name
func (r *requirements) GetOpenIdTokenForDeveloperIdentity(s *authz.Scope, in *api.GetOpenIdTokenForDeveloperIdentityInput) authz.Requirement {
	return r.on(s, "GetOpenIdTokenForDeveloperIdentity", in.IdentityPoolId, nil)
}

// LookupDeveloperIdentity implements api.Requirements.
func (r *requirements) LookupDeveloperIdentity(s *authz.Scope, in *api.LookupDeveloperIdentityInput) authz.Requirement {
	return r.on(s, "LookupDeveloperIdentity", in.IdentityPoolId, nil)
}

// MergeDeveloperIdentities implements api.Requirements.
func (r *requirements) MergeDeveloperIdentities(s *authz.Scope, in *api.MergeDeveloperIdentitiesInput) authz.Requirement {
	return r.on(s, "MergeDeveloperIdentities", in.IdentityPoolId, nil)
}

// UnlinkDeveloperIdentity implements api.Requirements.
func (r *requirements) UnlinkDeveloperIdentity(s *authz.Scope, in *api.UnlinkDeveloperIdentityInput) authz.Requirement {
	return r.on(s, "UnlinkDeveloperIdentity", in.IdentityPoolId, nil)
}

// UnlinkIdentity implements api.Requirements.
func (r *requirements) UnlinkIdentity(s *authz.Scope, in *api.UnlinkIdentityInput) authz.Requirement {
	p, err := r.s.factsOfIdentity(s.Context, opt.Value(in.IdentityId))
	return anybody(s, openToOwners, p, err)
}

package sts

import (
	api "github.com/bulkhead/bulkhead/api/sts"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// requirements say what each operation needs ("Actions, resources, and condition keys for AWS Security Token Service",
// Service Authorization Reference).
type requirements struct{ *Service }

func (r *requirements) GetCallerIdentity(s *authz.Scope, _ *api.GetCallerIdentityInput) authz.Requirement {
	return authz.Authenticated("AWS: no permissions are required to call GetCallerIdentity", home(s))
}

func (r *requirements) GetSessionToken(s *authz.Scope, _ *api.GetSessionTokenInput) authz.Requirement {
	if err := longTerm(s.Caller, "GetSessionToken"); err != nil {
		return authz.Failed(err)
	}
	return authz.Authenticated("AWS: no permissions are required to call GetSessionToken", home(s))
}

func (r *requirements) GetAccessKeyInfo(s *authz.Scope, _ *api.GetAccessKeyInfoInput) authz.Requirement {
	return authz.Require("sts:GetAccessKeyInfo", home(s), nil)
}

func (r *requirements) DecodeAuthorizationMessage(s *authz.Scope, _ *api.DecodeAuthorizationMessageInput) authz.Requirement {
	return authz.Require("sts:DecodeAuthorizationMessage", home(s), nil)
}

func (r *requirements) GetFederationToken(s *authz.Scope, in *api.GetFederationTokenInput) authz.Requirement {
	if err := longTerm(s.Caller, "GetFederationToken"); err != nil {
		return authz.Failed(err)
	}
	res := authz.Resource{ARN: arn.FederatedUser(s.Account, *in.Name), Account: s.Account}
	tags := passedTags(in.Tags)
	return checks(res, nil, "sts:GetFederationToken", "", tagged(tags), func(k *policy.Context) { tagKeys(k, tags) })
}

func (r *requirements) AssumeRole(s *authz.Scope, in *api.AssumeRoleInput) authz.Requirement {
	if s.Caller.Kind == authn.Root {
		return authz.Failed(fault.New(fault.AccessDenied, "Roles may not be assumed by root accounts."))
	}
	if s.Caller.Kind == authn.FederatedUser { // "no AWS STS operations except GetCallerIdentity" (GetFederationToken, AWS STS API Reference)
		return authz.Failed(fault.New(fault.AccessDenied, "Roles may not be assumed by federated users."))
	}
	role, err := r.catalog.Role(s.Context, *in.RoleArn)
	if err != nil {
		return authz.Failed(err)
	}
	tags, err := sessionTags(s.Caller, in)
	if err != nil {
		return authz.Failed(err)
	}
	source, err := sourceIdentity(s.Caller, in)
	if err != nil {
		return authz.Failed(err)
	}
	return checks(roleResource(*in.RoleArn, role), nil, "sts:AssumeRole", source, tagged(tags), func(k *policy.Context) {
		k.Set("sts:RoleSessionName", *in.RoleSessionName)
		if in.ExternalId != nil {
			k.Set("sts:ExternalId", *in.ExternalId)
		}
		sourceKey(k, source)
		tagKeys(k, tags)
	})
}

func (r *requirements) AssumeRoleWithWebIdentity(s *authz.Scope, in *api.AssumeRoleWithWebIdentityInput) authz.Requirement {
	id, err := r.verify(s.Context, in)
	if err != nil {
		return authz.Failed(err)
	}
	source := id.claims.SourceIdentity
	as := &policy.Principal{Federated: id.provider}
	return checks(roleResource(*in.RoleArn, id.role), as, "sts:AssumeRoleWithWebIdentity", source, tagged(id.claims.Tags),
		func(k *policy.Context) {
			k.Set("sts:RoleSessionName", *in.RoleSessionName)
			k.Set("aws:FederatedProvider", id.provider)
			for key, values := range id.keys() {
				k.Set(key, values...)
			}
			sourceKey(k, source)
			tagKeys(k, id.claims.Tags)
		})
}

func (r *requirements) AssumeRoleWithSAML(s *authz.Scope, in *api.AssumeRoleWithSAMLInput) authz.Requirement {
	id, err := r.verifySAML(s.Context, s.Region, s.Now, in)
	if err != nil {
		return authz.Failed(err)
	}
	as := &policy.Principal{Federated: id.provider.ARN}
	return checks(roleResource(*in.RoleArn, id.role), as, "sts:AssumeRoleWithSAML", id.source, tagged(id.tags),
		func(k *policy.Context) {
			k.Set("sts:RoleSessionName", id.session)
			k.Set("aws:FederatedProvider", id.provider.ARN)
			for key, values := range id.keys() {
				k.Set(key, values...)
			}
			sourceKey(k, id.source)
			tagKeys(k, id.tags)
		})
}

// home is the resource of operations that have none.
func home(s *authz.Scope) authz.Resource { return authz.Resource{ARN: "*", Account: s.Account} }

// roleResource is a role with its trust policy. Without a role there is no policy, which denies.
func roleResource(roleARN string, role *identity.RoleFacts) authz.Resource {
	res := authz.Resource{ARN: roleARN, Mode: policy.ResourceRequired}
	if role == nil {
		if a, ok := arn.Parse(roleARN); ok {
			res.Account = a.Account
		}
		return res
	}
	res.ARN, res.Account, res.ID, res.Tags, res.Policy = role.ARN, role.Account, role.ID, role.Tags, &role.Trust
	return res
}

// checks are the action itself, and what passing tags and a source identity needs beside it.
func checks(res authz.Resource, as *policy.Principal, action, source string, tagged bool, keys func(*policy.Context)) authz.Requirement {
	all := []authz.Check{{Action: action, Resource: res, Keys: keys, As: as}}
	if tagged {
		all = append(all, authz.Check{Action: "sts:TagSession", Resource: res, Keys: keys, As: as})
	}
	if source != "" {
		all = append(all, authz.Check{Action: "sts:SetSourceIdentity", Resource: res, Keys: keys, As: as})
	}
	return authz.RequireChecks(all...)
}

func sourceKey(k *policy.Context, source string) {
	if source != "" {
		k.Set("sts:SourceIdentity", source)
	}
}

func tagKeys(k *policy.Context, tags authn.Tags) {
	var all, transitive []string
	for _, t := range tags {
		k.Set("aws:RequestTag/"+t.Key, t.Value)
		all = append(all, t.Key)
		if t.Transitive {
			transitive = append(transitive, t.Key)
		}
	}
	k.Set("aws:TagKeys", all...)
	k.Set("sts:TransitiveTagKeys", transitive...)
}

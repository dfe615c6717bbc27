package iam

import (
	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// CreatePolicy implements api.Requirements.
func (r *requirements) CreatePolicy(s *authz.Scope, in *api.CreatePolicyInput) authz.Requirement {
	n := r.need(s, "CreatePolicy").on("policy", path(in.Path), opt.Value(in.PolicyName))
	return create(n, in.Tags, "TagPolicy")
}

// GetPolicy implements api.Requirements.
func (r *requirements) GetPolicy(s *authz.Scope, in *api.GetPolicyInput) authz.Requirement {
	return require(r.policy(s, "GetPolicy", in.PolicyArn))
}

// DeletePolicy implements api.Requirements.
func (r *requirements) DeletePolicy(s *authz.Scope, in *api.DeletePolicyInput) authz.Requirement {
	return require(r.policy(s, "DeletePolicy", in.PolicyArn))
}

// CreatePolicyVersion implements api.Requirements.
func (r *requirements) CreatePolicyVersion(s *authz.Scope, in *api.CreatePolicyVersionInput) authz.Requirement {
	return require(r.policy(s, "CreatePolicyVersion", in.PolicyArn))
}

// GetPolicyVersion implements api.Requirements.
func (r *requirements) GetPolicyVersion(s *authz.Scope, in *api.GetPolicyVersionInput) authz.Requirement {
	return require(r.policy(s, "GetPolicyVersion", in.PolicyArn))
}

// DeletePolicyVersion implements api.Requirements.
func (r *requirements) DeletePolicyVersion(s *authz.Scope, in *api.DeletePolicyVersionInput) authz.Requirement {
	return require(r.policy(s, "DeletePolicyVersion", in.PolicyArn))
}

// SetDefaultPolicyVersion implements api.Requirements.
func (r *requirements) SetDefaultPolicyVersion(s *authz.Scope, in *api.SetDefaultPolicyVersionInput) authz.Requirement {
	return require(r.policy(s, "SetDefaultPolicyVersion", in.PolicyArn))
}

// ListPolicyVersions implements api.Requirements.
func (r *requirements) ListPolicyVersions(s *authz.Scope, in *api.ListPolicyVersionsInput) authz.Requirement {
	return require(r.policy(s, "ListPolicyVersions", in.PolicyArn))
}

// ListPolicyTags implements api.Requirements.
func (r *requirements) ListPolicyTags(s *authz.Scope, in *api.ListPolicyTagsInput) authz.Requirement {
	return require(r.policy(s, "ListPolicyTags", in.PolicyArn))
}

// ListEntitiesForPolicy implements api.Requirements.
func (r *requirements) ListEntitiesForPolicy(s *authz.Scope, in *api.ListEntitiesForPolicyInput) authz.Requirement {
	return require(r.policy(s, "ListEntitiesForPolicy", in.PolicyArn))
}

// TagPolicy implements api.Requirements.
func (r *requirements) TagPolicy(s *authz.Scope, in *api.TagPolicyInput) authz.Requirement {
	return require(r.policy(s, "TagPolicy", in.PolicyArn).requestTags(in.Tags))
}

// UntagPolicy implements api.Requirements.
func (r *requirements) UntagPolicy(s *authz.Scope, in *api.UntagPolicyInput) authz.Requirement {
	return require(r.policy(s, "UntagPolicy", in.PolicyArn).tagKeys(in.TagKeys))
}

// ListPolicies implements api.Requirements.
func (r *requirements) ListPolicies(s *authz.Scope, _ *api.ListPoliciesInput) authz.Requirement {
	return require(r.need(s, "ListPolicies"))
}

// CreateOpenIDConnectProvider implements api.Requirements.
func (r *requirements) CreateOpenIDConnectProvider(s *authz.Scope, in *api.CreateOpenIDConnectProviderInput) authz.Requirement {
	n := r.need(s, "CreateOpenIDConnectProvider")
	if at, _, err := issuer(opt.Value(in.Url)); err == nil {
		n.on("oidc-provider", "/", at)
	}
	return create(n, in.Tags, "TagOpenIDConnectProvider")
}

// GetOpenIDConnectProvider implements api.Requirements.
func (r *requirements) GetOpenIDConnectProvider(s *authz.Scope, in *api.GetOpenIDConnectProviderInput) authz.Requirement {
	return require(r.provider(s, "GetOpenIDConnectProvider", in.OpenIDConnectProviderArn))
}

// DeleteOpenIDConnectProvider implements api.Requirements.
func (r *requirements) DeleteOpenIDConnectProvider(s *authz.Scope, in *api.DeleteOpenIDConnectProviderInput) authz.Requirement {
	return require(r.provider(s, "DeleteOpenIDConnectProvider", in.OpenIDConnectProviderArn))
}

// AddClientIDToOpenIDConnectProvider implements api.Requirements.
func (r *requirements) AddClientIDToOpenIDConnectProvider(s *authz.Scope, in *api.AddClientIDToOpenIDConnectProviderInput) authz.Requirement {
	return require(r.provider(s, "AddClientIDToOpenIDConnectProvider", in.OpenIDConnectProviderArn))
}

// RemoveClientIDFromOpenIDConnectProvider implements api.Requirements.
func (r *requirements) RemoveClientIDFromOpenIDConnectProvider(s *authz.Scope, in *api.RemoveClientIDFromOpenIDConnectProviderInput) authz.Requirement {
	return require(r.provider(s, "RemoveClientIDFromOpenIDConnectProvider", in.OpenIDConnectProviderArn))
}

// UpdateOpenIDConnectProviderThumbprint implements api.Requirements.
func (r *requirements) UpdateOpenIDConnectProviderThumbprint(s *authz.Scope, in *api.UpdateOpenIDConnectProviderThumbprintInput) authz.Requirement {
	return require(r.provider(s, "UpdateOpenIDConnectProviderThumbprint", in.OpenIDConnectProviderArn))
}

// ListOpenIDConnectProviderTags implements api.Requirements.
func (r *requirements) ListOpenIDConnectProviderTags(s *authz.Scope, in *api.ListOpenIDConnectProviderTagsInput) authz.Requirement {
	return require(r.provider(s, "ListOpenIDConnectProviderTags", in.OpenIDConnectProviderArn))
}

// TagOpenIDConnectProvider implements api.Requirements.
func (r *requirements) TagOpenIDConnectProvider(s *authz.Scope, in *api.TagOpenIDConnectProviderInput) authz.Requirement {
	return require(r.provider(s, "TagOpenIDConnectProvider", in.OpenIDConnectProviderArn).requestTags(in.Tags))
}

// UntagOpenIDConnectProvider implements api.Requirements.
func (r *requirements) UntagOpenIDConnectProvider(s *authz.Scope, in *api.UntagOpenIDConnectProviderInput) authz.Requirement {
	return require(r.provider(s, "UntagOpenIDConnectProvider", in.OpenIDConnectProviderArn).tagKeys(in.TagKeys))
}

// ListOpenIDConnectProviders implements api.Requirements.
func (r *requirements) ListOpenIDConnectProviders(s *authz.Scope, _ *api.ListOpenIDConnectProvidersInput) authz.Requirement {
	return require(r.need(s, "ListOpenIDConnectProviders"))
}

package iam

import (
	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// saml names a SAML provider.
func (r *requirements) saml(s *authz.Scope, operation string, providerARN *string) *need {
	n := r.need(s, operation)
	n.res.ARN = literal(providerARN)
	if account, _, ok := identity.SAMLName(n.res.ARN); !ok || account != s.Account {
		return n
	}
	p, err := r.catalog.SAMLProvider(s.Context, n.res.ARN)
	if err != nil {
		n.err = err
		return n
	}
	if p != nil {
		n.tagged(p.Tags)
	}
	return n
}

// CreateSAMLProvider implements api.Requirements.
func (r *requirements) CreateSAMLProvider(s *authz.Scope, in *api.CreateSAMLProviderInput) authz.Requirement {
	return create(r.need(s, "CreateSAMLProvider").on("saml-provider", "/", opt.Value(in.Name)), in.Tags, "TagSAMLProvider")
}

// GetSAMLProvider implements api.Requirements.
func (r *requirements) GetSAMLProvider(s *authz.Scope, in *api.GetSAMLProviderInput) authz.Requirement {
	return require(r.saml(s, "GetSAMLProvider", in.SAMLProviderArn))
}

// UpdateSAMLProvider implements api.Requirements.
func (r *requirements) UpdateSAMLProvider(s *authz.Scope, in *api.UpdateSAMLProviderInput) authz.Requirement {
	return require(r.saml(s, "UpdateSAMLProvider", in.SAMLProviderArn))
}

// DeleteSAMLProvider implements api.Requirements.
func (r *requirements) DeleteSAMLProvider(s *authz.Scope, in *api.DeleteSAMLProviderInput) authz.Requirement {
	return require(r.saml(s, "DeleteSAMLProvider", in.SAMLProviderArn))
}

// ListSAMLProviders implements api.Requirements.
func (r *requirements) ListSAMLProviders(s *authz.Scope, _ *api.ListSAMLProvidersInput) authz.Requirement {
	return require(r.need(s, "ListSAMLProviders"))
}

// TagSAMLProvider implements api.Requirements.
func (r *requirements) TagSAMLProvider(s *authz.Scope, in *api.TagSAMLProviderInput) authz.Requirement {
	return require(r.saml(s, "TagSAMLProvider", in.SAMLProviderArn).requestTags(in.Tags))
}

// UntagSAMLProvider implements api.Requirements.
func (r *requirements) UntagSAMLProvider(s *authz.Scope, in *api.UntagSAMLProviderInput) authz.Requirement {
	return require(r.saml(s, "UntagSAMLProvider", in.SAMLProviderArn).tagKeys(in.TagKeys))
}

// ListSAMLProviderTags implements api.Requirements.
func (r *requirements) ListSAMLProviderTags(s *authz.Scope, in *api.ListSAMLProviderTagsInput) authz.Requirement {
	return require(r.saml(s, "ListSAMLProviderTags", in.SAMLProviderArn))
}

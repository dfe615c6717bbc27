package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authz"
)

// The operations of identity providers and linked users need the action of their name on the pool.

// CreateIdentityProvider implements api.Requirements.
func (r *Requirements) CreateIdentityProvider(s *authz.Scope, in *api.CreateIdentityProviderInput) authz.Requirement {
	return r.on(s, "CreateIdentityProvider", in.UserPoolId, nil)
}

// DescribeIdentityProvider implements api.Requirements.
func (r *Requirements) DescribeIdentityProvider(s *authz.Scope, in *api.DescribeIdentityProviderInput) authz.Requirement {
	return r.on(s, "DescribeIdentityProvider", in.UserPoolId, nil)
}

// UpdateIdentityProvider implements api.Requirements.
func (r *Requirements) UpdateIdentityProvider(s *authz.Scope, in *api.UpdateIdentityProviderInput) authz.Requirement {
	return r.on(s, "UpdateIdentityProvider", in.UserPoolId, nil)
}

// DeleteIdentityProvider implements api.Requirements.
func (r *Requirements) DeleteIdentityProvider(s *authz.Scope, in *api.DeleteIdentityProviderInput) authz.Requirement {
	return r.on(s, "DeleteIdentityProvider", in.UserPoolId, nil)
}

// ListIdentityProviders implements api.Requirements.
func (r *Requirements) ListIdentityProviders(s *authz.Scope, in *api.ListIdentityProvidersInput) authz.Requirement {
	return r.on(s, "ListIdentityProviders", in.UserPoolId, nil)
}

// GetIdentityProviderByIdentifier implements api.Requirements.
func (r *Requirements) GetIdentityProviderByIdentifier(s *authz.Scope, in *api.GetIdentityProviderByIdentifierInput) authz.Requirement {
	return r.on(s, "GetIdentityProviderByIdentifier", in.UserPoolId, nil)
}

// AdminLinkProviderForUser implements api.Requirements.
func (r *Requirements) AdminLinkProviderForUser(s *authz.Scope, in *api.AdminLinkProviderForUserInput) authz.Requirement {
	return r.on(s, "AdminLinkProviderForUser", in.UserPoolId, nil)
}

// AdminDisableProviderForUser implements api.Requirements.
func (r *Requirements) AdminDisableProviderForUser(s *authz.Scope, in *api.AdminDisableProviderForUserInput) authz.Requirement {
	return r.on(s, "AdminDisableProviderForUser", in.UserPoolId, nil)
}

// GetSigningCertificate implements api.Requirements.
func (r *Requirements) GetSigningCertificate(s *authz.Scope, in *api.GetSigningCertificateInput) authz.Requirement {
	return r.on(s, "GetSigningCertificate", in.UserPoolId, nil)
}

package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// CreateUserPoolDomain implements api.Requirements.
func (r *Requirements) CreateUserPoolDomain(s *authz.Scope, in *api.CreateUserPoolDomainInput) authz.Requirement {
	return r.on(s, "CreateUserPoolDomain", in.UserPoolId, nil)
}

// UpdateUserPoolDomain implements api.Requirements.
func (r *Requirements) UpdateUserPoolDomain(s *authz.Scope, in *api.UpdateUserPoolDomainInput) authz.Requirement {
	return r.on(s, "UpdateUserPoolDomain", in.UserPoolId, nil)
}

// DeleteUserPoolDomain implements api.Requirements.
func (r *Requirements) DeleteUserPoolDomain(s *authz.Scope, in *api.DeleteUserPoolDomainInput) authz.Requirement {
	return r.on(s, "DeleteUserPoolDomain", in.UserPoolId, nil)
}

// GetUICustomization implements api.Requirements.
func (r *Requirements) GetUICustomization(s *authz.Scope, in *api.GetUICustomizationInput) authz.Requirement {
	return r.on(s, "GetUICustomization", in.UserPoolId, nil)
}

// SetUICustomization implements api.Requirements.
func (r *Requirements) SetUICustomization(s *authz.Scope, in *api.SetUICustomizationInput) authz.Requirement {
	return r.on(s, "SetUICustomization", in.UserPoolId, nil)
}

// CreateManagedLoginBranding implements api.Requirements.
func (r *Requirements) CreateManagedLoginBranding(s *authz.Scope, in *api.CreateManagedLoginBrandingInput) authz.Requirement {
	return r.on(s, "CreateManagedLoginBranding", in.UserPoolId, nil)
}

// UpdateManagedLoginBranding implements api.Requirements.
func (r *Requirements) UpdateManagedLoginBranding(s *authz.Scope, in *api.UpdateManagedLoginBrandingInput) authz.Requirement {
	return r.on(s, "UpdateManagedLoginBranding", in.UserPoolId, nil)
}

// DescribeManagedLoginBranding implements api.Requirements.
func (r *Requirements) DescribeManagedLoginBranding(s *authz.Scope, in *api.DescribeManagedLoginBrandingInput) authz.Requirement {
	return r.on(s, "DescribeManagedLoginBranding", in.UserPoolId, nil)
}

// DescribeManagedLoginBrandingByClient implements api.Requirements.
func (r *Requirements) DescribeManagedLoginBrandingByClient(s *authz.Scope, in *api.DescribeManagedLoginBrandingByClientInput) authz.Requirement {
	return r.on(s, "DescribeManagedLoginBrandingByClient", in.UserPoolId, nil)
}

// DeleteManagedLoginBranding implements api.Requirements.
func (r *Requirements) DeleteManagedLoginBranding(s *authz.Scope, in *api.DeleteManagedLoginBrandingInput) authz.Requirement {
	return r.on(s, "DeleteManagedLoginBranding", in.UserPoolId, nil)
}

// CreateTerms implements api.Requirements.
func (r *Requirements) CreateTerms(s *authz.Scope, in *api.CreateTermsInput) authz.Requirement {
	return r.on(s, "CreateTerms", in.UserPoolId, nil)
}

// DescribeTerms implements api.Requirements.
func (r *Requirements) DescribeTerms(s *authz.Scope, in *api.DescribeTermsInput) authz.Requirement {
	return r.on(s, "DescribeTerms", in.UserPoolId, nil)
}

// UpdateTerms implements api.Requirements.
func (r *Requirements) UpdateTerms(s *authz.Scope, in *api.UpdateTermsInput) authz.Requirement {
	return r.on(s, "UpdateTerms", in.UserPoolId, nil)
}

// ListTerms implements api.Requirements.
func (r *Requirements) ListTerms(s *authz.Scope, in *api.ListTermsInput) authz.Requirement {
	return r.on(s, "ListTerms", in.UserPoolId, nil)
}

// DeleteTerms implements api.Requirements.
func (r *Requirements) DeleteTerms(s *authz.Scope, in *api.DeleteTermsInput) authz.Requirement {
	return r.on(s, "DeleteTerms", in.UserPoolId, nil)
}

// DescribeUserPoolDomain implements api.Requirements. The action has no resource types: it is about a name.
func (r *Requirements) DescribeUserPoolDomain(s *authz.Scope, _ *api.DescribeUserPoolDomainInput) authz.Requirement {
	return authz.Require(userpool.ServiceName+":DescribeUserPoolDomain", home(s, ""), nil)
}

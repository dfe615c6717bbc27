package iam

import (
	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authz"
)

// GetAccountAuthorizationDetails implements api.Requirements.
func (r *requirements) GetAccountAuthorizationDetails(s *authz.Scope, _ *api.GetAccountAuthorizationDetailsInput) authz.Requirement {
	return require(r.need(s, "GetAccountAuthorizationDetails"))
}

// GetAccountSummary implements api.Requirements.
func (r *requirements) GetAccountSummary(s *authz.Scope, _ *api.GetAccountSummaryInput) authz.Requirement {
	return require(r.need(s, "GetAccountSummary"))
}

// CreateAccountAlias implements api.Requirements.
func (r *requirements) CreateAccountAlias(s *authz.Scope, _ *api.CreateAccountAliasInput) authz.Requirement {
	return require(r.need(s, "CreateAccountAlias"))
}

// DeleteAccountAlias implements api.Requirements.
func (r *requirements) DeleteAccountAlias(s *authz.Scope, _ *api.DeleteAccountAliasInput) authz.Requirement {
	return require(r.need(s, "DeleteAccountAlias"))
}

// ListAccountAliases implements api.Requirements.
func (r *requirements) ListAccountAliases(s *authz.Scope, _ *api.ListAccountAliasesInput) authz.Requirement {
	return require(r.need(s, "ListAccountAliases"))
}

// SimulateCustomPolicy implements api.Requirements.
func (r *requirements) SimulateCustomPolicy(s *authz.Scope, _ *api.SimulateCustomPolicyInput) authz.Requirement {
	return require(r.need(s, "SimulateCustomPolicy"))
}

// GetContextKeysForCustomPolicy implements api.Requirements.
func (r *requirements) GetContextKeysForCustomPolicy(s *authz.Scope, _ *api.GetContextKeysForCustomPolicyInput) authz.Requirement {
	return require(r.need(s, "GetContextKeysForCustomPolicy"))
}

// SimulatePrincipalPolicy implements api.Requirements.
func (r *requirements) SimulatePrincipalPolicy(s *authz.Scope, in *api.SimulatePrincipalPolicyInput) authz.Requirement {
	n := r.need(s, "SimulatePrincipalPolicy")
	n.res.ARN = literal(in.PolicySourceArn)
	return require(n)
}

// GetContextKeysForPrincipalPolicy implements api.Requirements.
func (r *requirements) GetContextKeysForPrincipalPolicy(s *authz.Scope, in *api.GetContextKeysForPrincipalPolicyInput) authz.Requirement {
	n := r.need(s, "GetContextKeysForPrincipalPolicy")
	n.res.ARN = literal(in.PolicySourceArn)
	return require(n)
}

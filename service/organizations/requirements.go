package organizations

import (
	api "github.com/bulkhead/bulkhead/api/organizations"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// requirements says what the operations need ("Actions, resources, and condition keys for AWS Organizations", Service
// Authorization Reference). The organization's resources are the management account's, so that no policy of a member
// account reaches them.
type requirements struct{ catalog *identity.Catalog }

var _ api.Requirements = (*requirements)(nil)

// newRequirements returns the requirements with facts from the catalog.
func newRequirements(c *identity.Catalog) *requirements { return &requirements{c} }

func (r *requirements) need(s *authz.Scope, operation string, keys func(*policy.Context)) authz.Requirement {
	org, err := r.catalog.Organization(s.Context)
	if err != nil {
		return authz.Failed(err)
	}
	if org == nil {
		return authz.Failed(notInUse())
	}
	return authz.Require("organizations:"+operation, authz.Resource{ARN: "*", Account: org.Management}, keys)
}

// CreateAccount implements api.Requirements.
func (r *requirements) CreateAccount(s *authz.Scope, in *api.CreateAccountInput) authz.Requirement {
	if len(in.Tags) == 0 {
		return r.need(s, "CreateAccount", nil)
	}
	tags := func(k *policy.Context) {
		keys := make([]string, len(in.Tags))
		for i, t := range in.Tags {
			keys[i] = opt.Value(t.Key)
			k.Set("aws:RequestTag/"+keys[i], opt.Value(t.Value))
		}
		k.Set("aws:TagKeys", keys...)
	}
	return authz.All(r.need(s, "CreateAccount", tags), r.need(s, "TagResource", tags))
}

// CreateOrganization implements api.Requirements. It is the caller's own account that would manage the organization.
func (r *requirements) CreateOrganization(s *authz.Scope, _ *api.CreateOrganizationInput) authz.Requirement {
	return authz.Require("organizations:CreateOrganization", authz.Resource{ARN: "*", Account: s.Account}, nil)
}

// DescribeOrganization implements api.Requirements. Members may ask which organization they are in.
func (r *requirements) DescribeOrganization(s *authz.Scope, _ *api.DescribeOrganizationInput) authz.Requirement {
	return authz.Require("organizations:DescribeOrganization", authz.Resource{ARN: "*", Account: s.Account}, nil)
}

// DescribeAccount implements api.Requirements.
func (r *requirements) DescribeAccount(s *authz.Scope, in *api.DescribeAccountInput) authz.Requirement {
	org, err := r.catalog.Organization(s.Context)
	if err != nil {
		return authz.Failed(err)
	}
	if org == nil {
		return authz.Failed(notInUse())
	}
	res := authz.Resource{ARN: "*", Account: org.Management}
	if a, err := r.catalog.Account(s.Context, opt.Value(in.AccountId)); err != nil {
		return authz.Failed(err)
	} else if a != nil {
		for _, t := range a.Tags {
			res.Tags = append(res.Tags, authn.Tag{Key: t.Key, Value: t.Value})
		}
	}
	if validAccount(in.AccountId) {
		res.ARN = org.AccountARN(*in.AccountId)
	}
	return authz.Require("organizations:DescribeAccount", res, nil)
}

// DescribeCreateAccountStatus implements api.Requirements.
func (r *requirements) DescribeCreateAccountStatus(s *authz.Scope, _ *api.DescribeCreateAccountStatusInput) authz.Requirement {
	return r.need(s, "DescribeCreateAccountStatus", nil)
}

// ListAccounts implements api.Requirements.
func (r *requirements) ListAccounts(s *authz.Scope, _ *api.ListAccountsInput) authz.Requirement {
	return r.need(s, "ListAccounts", nil)
}

// ListCreateAccountStatus implements api.Requirements.
func (r *requirements) ListCreateAccountStatus(s *authz.Scope, _ *api.ListCreateAccountStatusInput) authz.Requirement {
	return r.need(s, "ListCreateAccountStatus", nil)
}

// ListRoots implements api.Requirements.
func (r *requirements) ListRoots(s *authz.Scope, _ *api.ListRootsInput) authz.Requirement {
	return r.need(s, "ListRoots", nil)
}

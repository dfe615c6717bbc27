package bulkhead

import (
	"context"
	"errors"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidentity"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// IdentityPools is what the check of tenants reads of identity pools.
type IdentityPools interface {
	Trusts(ctx context.Context, account, region string, page *paging.Page) ([]cognitoidentity.Trust, error)
}

// The kinds of pools that the check goes through, in this order: what the token of a page says it is at.
const (
	checkedUserPools     = "user-pools"
	checkedIdentityPools = "identity-pools"
)

// checkPage is how many pools one answer is about.
const checkPage = 100

// CheckTenants is an action on all tenants of the account and region: the findings say how to cross.
func (requirements) CheckTenants(s *authz.Scope, _ *api.CheckTenantsInput) authz.Requirement {
	return authz.Require("bulkhead:CheckTenants", resource(s, "*"), nil)
}

// CheckTenants looks for settings of user pools and identity pools that let tenants cross.
func (s *Service) CheckTenants(ctx context.Context, c *pipeline.Call, in *api.CheckTenantsInput) (*api.CheckTenantsOutput, error) {
	of := checkedUserPools
	if in.Of != "" {
		of = string(in.Of)
	}
	page, err := paging.List{
		Keys: s.keys, Account: c.Account, Region: c.Region, Operation: "bulkhead:CheckTenants", Query: []string{of},
	}.Page(in.NextToken, checkPage)
	if errors.Is(err, paging.ErrToken) {
		err = fault.New(fault.Validation, "The NextToken is not one of this list.").With(err)
	}
	if err != nil {
		return nil, err
	}
	var found []cognitoidp.Finding
	if of == checkedUserPools {
		found, err = s.pools.CheckTenants(ctx, c.Account, c.Region, page)
	} else {
		found, err = s.checkTrusts(ctx, c.Account, c.Region, page)
	}
	if err != nil {
		return nil, err
	}
	out := &api.CheckTenantsOutput{Findings: []api.Finding{}}
	for i := range found {
		f := &found[i]
		out.Findings = append(out.Findings, api.Finding{
			Severity: api.FindingSeverity(f.Severity), Code: &f.Code, Resource: &f.Resource, Problem: &f.Problem, Remedy: &f.Remedy,
		})
	}
	out.NextToken, err = page.Token()
	return out, err
}

// checkTrusts finds identity pools that rely on what users say of themselves.
func (s *Service) checkTrusts(ctx context.Context, account, region string, page *paging.Page) ([]cognitoidp.Finding, error) {
	trusts, err := s.identities.Trusts(ctx, account, region, page)
	if err != nil {
		return nil, err
	}
	var out []cognitoidp.Finding
	for _, t := range trusts {
		by, err := s.pools.MayWrite(ctx, t.Provider, t.Claim)
		if err != nil {
			return nil, err
		}
		if by == "" {
			continue
		}
		out = append(out, cognitoidp.Finding{
			Severity: cognitoidp.SeverityError, Code: "CLAIM_OF_USERS_TRUSTED", Resource: t.Resource,
			Problem: "Users of " + t.Provider + " choose " + t.For + ": they write " + t.Claim + " through the client " + by + ".",
			Remedy:  "Use a claim that users cannot write, or guard the attribute with the tag " + userpool.TenantAttributeTag + ".",
		})
	}
	return out, nil
}

package organizations

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/organizations"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// CreateOrganization implements api.Service. Every account is in the server's organization already.
func (s *Service) CreateOrganization(context.Context, *pipeline.Call, *api.CreateOrganizationInput) (*api.CreateOrganizationOutput, error) {
	return nil, api.NewAlreadyInOrganizationException("The AWS account is already a member of an organization.")
}

// DescribeOrganization implements api.Service.
func (s *Service) DescribeOrganization(ctx context.Context, _ *pipeline.Call, _ *api.DescribeOrganizationInput) (*api.DescribeOrganizationOutput, error) {
	org, err := s.organization(ctx)
	if err != nil {
		return nil, err
	}
	return &api.DescribeOrganizationOutput{Organization: &api.Organization{
		Id: &org.ID, Arn: opt.Present(org.ARN()), FeatureSet: api.OrganizationFeatureSetAll, MasterAccountId: &org.Management,
		MasterAccountArn: opt.Present(org.AccountARN(org.Management)), MasterAccountEmail: &org.Email,
		AvailablePolicyTypes: []api.PolicyTypeSummary{},
	}}, nil
}

// ListRoots implements api.Service. An organization has one root.
func (s *Service) ListRoots(ctx context.Context, call *pipeline.Call, in *api.ListRootsInput) (*api.ListRootsOutput, error) {
	org, err := s.organization(ctx)
	if err != nil {
		return nil, err
	}
	// No token is ever given out, so any is refused.
	if _, err := s.page(call, "ListRoots", "", in.NextToken, in.MaxResults); err != nil {
		return nil, err
	}
	return &api.ListRootsOutput{Roots: []api.Root{{
		Id: &org.Root, Arn: opt.Present(org.RootARN()), Name: opt.Present("Root"), PolicyTypes: []api.PolicyTypeSummary{},
	}}}, nil
}

// validAccount reports whether an id can name an account.
func validAccount(id *string) bool { return id != nil && arn.IsAccount(*id) }

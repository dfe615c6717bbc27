package bulkhead

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// RotateUserPoolKeys is an action on the user pool.
func (requirements) RotateUserPoolKeys(s *authz.Scope, in *api.RotateUserPoolKeysInput) authz.Requirement {
	arn := "arn:" + s.Partition + ":cognito-idp:" + s.Region + ":" + s.Account + ":userpool/" + *in.UserPoolId
	return authz.Require("bulkhead:RotateUserPoolKeys", authz.Resource{ARN: arn, Account: s.Account, Region: s.Region}, nil)
}

// RotateUserPoolKeys gives a user pool of the account and region new signing keys: they are published at once and
// sign from ten minutes later. Tokens under the old ones stay good until they expire.
func (s *Service) RotateUserPoolKeys(ctx context.Context, c *pipeline.Call, in *api.RotateUserPoolKeysInput) (*api.RotateUserPoolKeysOutput, error) {
	kids, err := s.pools.RotateKeys(ctx, c.Account, c.Region, *in.UserPoolId, c.Now)
	switch {
	case fault.Is(err, "ResourceNotFoundException"):
		return nil, api.NewUserPoolNotFoundException("There is no user pool %s.", *in.UserPoolId)
	case fault.Is(err, "InvalidParameterException"):
		return nil, api.NewKeysReplacedException("%s", fault.From(err).Message)
	case err != nil:
		return nil, err
	}
	return &api.RotateUserPoolKeysOutput{KeyIds: kids}, nil
}

package cognitoidp

import (
	"context"
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Requirements says what the operations need ("Actions, resources, and condition keys for Amazon Cognito User Pools",
// Service Authorization Reference).
type Requirements struct{ s *Service }

var (
	_ api.Requirements = (*Requirements)(nil)
	_ api.Service      = (*Service)(nil)
)

// Requirements returns what the service's operations need.
func (s *Service) Requirements() *Requirements { return &Requirements{s} }

// Why operations of users need no permission.
const (
	openByPassword = "authorized by the user's password, or by what its app client lets anybody do"
	openByCode     = "authorized by a code that was sent to the user"
	openByToken    = "authorized by the access token"
	openByRefresh  = "authorized by the refresh token"
)

// resourceOf is a pool as policies see it.
func resourceOf(p *userpool.Pool) authz.Resource {
	r := authz.Resource{ARN: p.ARN(), Account: p.Account, Region: p.Region, ID: p.ID}
	for _, k := range slices.Sorted(maps.Keys(p.Tags)) {
		r.Tags = append(r.Tags, authn.Tag{Key: k, Value: p.Tags[k]})
	}
	return r
}

// home is the caller's account and region, for what is about no pool or one that is not there.
func home(s *authz.Scope, id string) authz.Resource {
	r := authz.Resource{ARN: "*", Account: s.Account, Region: s.Region}
	if id != "" {
		r.ARN = userpool.PoolARN(s.Account, s.Region, id)
	}
	return r
}

// on needs an action on a pool. A pool of another account or region is, for the caller, one that does not exist.
func (r *Requirements) on(s *authz.Scope, operation string, id *string, keys func(*policy.Context)) authz.Requirement {
	p, err := r.s.FactsOf(s.Context, opt.Value(id))
	if err != nil {
		return authz.Failed(err)
	}
	res := home(s, opt.Value(id))
	if p != nil && p.Account == s.Account && p.Region == s.Region {
		res = resourceOf(p)
	}
	return authz.Require(userpool.ServiceName+":"+operation, res, keys)
}

// forClient lets anybody use an app client; the pool is the client's.
func (r *Requirements) forClient(s *authz.Scope, reason string, id *string) authz.Requirement {
	p, err := r.poolOfClient(s.Context, opt.Value(id))
	if err != nil {
		return authz.Failed(err)
	}
	if p == nil {
		return authz.Anonymous(reason, home(s, ""))
	}
	return authz.Anonymous(reason, resourceOf(p))
}

func (r *Requirements) poolOfClient(ctx context.Context, id string) (*userpool.Pool, error) {
	at, err := r.s.PlaceOf(ctx, "client", id)
	if err == userpool.ErrNowhere { //nolint:errorlint // placeOf returns it bare
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.s.FactsOf(ctx, at.Pool)
}

// forToken lets the bearer of an access token call; the pool is that of the token's verified issuer. Whether the token was
// revoked is for the handler to see, in the transaction that acts on it.
func (r *Requirements) forToken(s *authz.Scope, token *string) authz.Requirement {
	p, _, err := r.s.VerifySelf(s.Context, opt.Value(token), s.Now)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.Anonymous(openByToken, resourceOf(p))
}

// requestTags sets aws:RequestTag/… and aws:TagKeys.
func requestTags(tags map[string]string) func(*policy.Context) {
	if len(tags) == 0 {
		return nil
	}
	return func(k *policy.Context) {
		for name, value := range tags {
			k.Set("aws:RequestTag/"+name, value)
		}
		k.Set("aws:TagKeys", slices.Sorted(maps.Keys(tags))...)
	}
}

// byARN needs an action on the pool that an ARN names.
func (r *Requirements) byARN(s *authz.Scope, operation string, name *string, keys func(*policy.Context)) authz.Requirement {
	id, ok := userpool.PoolOfARN(opt.Value(name))
	if ok {
		if p, err := r.s.FactsOf(s.Context, id); err != nil {
			return authz.Failed(err)
		} else if p != nil && p.ARN() == opt.Value(name) {
			return r.on(s, operation, &id, keys)
		}
	}
	res := home(s, "")
	res.ARN = opt.Value(name)
	return authz.Require(userpool.ServiceName+":"+operation, res, keys)
}

// CreateUserPool implements api.Requirements.
func (r *Requirements) CreateUserPool(s *authz.Scope, in *api.CreateUserPoolInput) authz.Requirement {
	return authz.Require(userpool.ServiceName+":CreateUserPool", home(s, ""), requestTags(in.UserPoolTags))
}

// ListUserPools implements api.Requirements.
func (r *Requirements) ListUserPools(s *authz.Scope, _ *api.ListUserPoolsInput) authz.Requirement {
	return authz.Require(userpool.ServiceName+":ListUserPools", home(s, ""), nil)
}

// UpdateUserPool implements api.Requirements.
func (r *Requirements) UpdateUserPool(s *authz.Scope, in *api.UpdateUserPoolInput) authz.Requirement {
	return r.on(s, "UpdateUserPool", in.UserPoolId, requestTags(in.UserPoolTags))
}

// TagResource implements api.Requirements.
func (r *Requirements) TagResource(s *authz.Scope, in *api.TagResourceInput) authz.Requirement {
	return r.byARN(s, "TagResource", in.ResourceArn, requestTags(in.Tags))
}

// UntagResource implements api.Requirements.
func (r *Requirements) UntagResource(s *authz.Scope, in *api.UntagResourceInput) authz.Requirement {
	return r.byARN(s, "UntagResource", in.ResourceArn, func(k *policy.Context) { k.Set("aws:TagKeys", in.TagKeys...) })
}

// ListTagsForResource implements api.Requirements.
func (r *Requirements) ListTagsForResource(s *authz.Scope, in *api.ListTagsForResourceInput) authz.Requirement {
	return r.byARN(s, "ListTagsForResource", in.ResourceArn, nil)
}

// AdminForgetDevice implements api.Requirements.
func (r *Requirements) AdminForgetDevice(s *authz.Scope, in *api.AdminForgetDeviceInput) authz.Requirement {
	return r.on(s, "AdminForgetDevice", in.UserPoolId, nil)
}

// AdminGetDevice implements api.Requirements.
func (r *Requirements) AdminGetDevice(s *authz.Scope, in *api.AdminGetDeviceInput) authz.Requirement {
	return r.on(s, "AdminGetDevice", in.UserPoolId, nil)
}

// AdminListDevices implements api.Requirements.
func (r *Requirements) AdminListDevices(s *authz.Scope, in *api.AdminListDevicesInput) authz.Requirement {
	return r.on(s, "AdminListDevices", in.UserPoolId, nil)
}

// AdminUpdateDeviceStatus implements api.Requirements.
func (r *Requirements) AdminUpdateDeviceStatus(s *authz.Scope, in *api.AdminUpdateDeviceStatusInput) authz.Requirement {
	return r.on(s, "AdminUpdateDeviceStatus", in.UserPoolId, nil)
}

// CompleteWebAuthnRegistration implements api.Requirements.
func (r *Requirements) CompleteWebAuthnRegistration(s *authz.Scope, in *api.CompleteWebAuthnRegistrationInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// ConfirmDevice implements api.Requirements.
func (r *Requirements) ConfirmDevice(s *authz.Scope, in *api.ConfirmDeviceInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// DeleteWebAuthnCredential implements api.Requirements.
func (r *Requirements) DeleteWebAuthnCredential(s *authz.Scope, in *api.DeleteWebAuthnCredentialInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// ForgetDevice implements api.Requirements.
func (r *Requirements) ForgetDevice(s *authz.Scope, in *api.ForgetDeviceInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// GetDevice implements api.Requirements.
func (r *Requirements) GetDevice(s *authz.Scope, in *api.GetDeviceInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// ListDevices implements api.Requirements.
func (r *Requirements) ListDevices(s *authz.Scope, in *api.ListDevicesInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// ListWebAuthnCredentials implements api.Requirements.
func (r *Requirements) ListWebAuthnCredentials(s *authz.Scope, in *api.ListWebAuthnCredentialsInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// StartWebAuthnRegistration implements api.Requirements.
func (r *Requirements) StartWebAuthnRegistration(s *authz.Scope, in *api.StartWebAuthnRegistrationInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// UpdateDeviceStatus implements api.Requirements.
func (r *Requirements) UpdateDeviceStatus(s *authz.Scope, in *api.UpdateDeviceStatusInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

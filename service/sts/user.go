package sts

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/sts"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// GetSessionToken makes temporary credentials of the calling user itself.
func (s *Service) GetSessionToken(_ context.Context, c *pipeline.Call, in *api.GetSessionTokenInput) (*api.GetSessionTokenOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, errMFA()
	}
	ttl, err := seconds(in.DurationSeconds, defaultUser, longestFor(c.Caller))
	if err != nil {
		return nil, err
	}
	p := *c.Caller
	creds, _, err := s.mint(c, &p, ttl)
	if err != nil {
		return nil, err
	}
	return &api.GetSessionTokenOutput{Credentials: creds}, nil
}

// longestFor is the longest session of a user; the root user's are shorter.
func longestFor(p *authn.Principal) time.Duration {
	if p.Kind == authn.Root {
		return maxRootSession
	}
	return maxUser
}

// GetFederationToken makes a session of a federated user: what both the calling user's policies and the policies passed
// allow.
func (s *Service) GetFederationToken(ctx context.Context, c *pipeline.Call, in *api.GetFederationTokenInput) (*api.GetFederationTokenOutput, error) {
	tags := passedTags(in.Tags)
	if err := authn.ValidateTags(tags); err != nil {
		return nil, err
	}
	for _, t := range c.Caller.Tags {
		if _, overridden := tags.Get(t.Key); !overridden {
			tags = append(tags, authn.Tag{Key: t.Key, Value: t.Value})
		}
	}
	p := &authn.Principal{
		Kind: authn.FederatedUser, Account: c.Account, ARN: arn.FederatedUser(c.Account, *in.Name), RoleARN: c.Caller.ARN,
		UserID: c.Account + ":" + *in.Name, Name: *in.Name, Tags: tags, HasSessionPolicy: true,
	}
	s.confine(c.Caller, p)
	if err := s.limit(ctx, p, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	ttl, err := seconds(in.DurationSeconds, defaultUser, longestFor(c.Caller))
	if err != nil {
		return nil, err
	}
	creds, packed, err := s.mint(c, p, ttl)
	if err != nil {
		return nil, err
	}
	return &api.GetFederationTokenOutput{
		Credentials: creds, PackedPolicySize: packed, FederatedUser: &api.FederatedUser{Arn: &p.ARN, FederatedUserId: &p.UserID},
	}, nil
}

// longTerm refuses callers with temporary credentials.
func longTerm(p *authn.Principal, operation string) error {
	if p.Kind != authn.User && p.Kind != authn.Root || p.Session() {
		return fault.New(fault.AccessDenied, "Cannot call %s with session credentials", operation)
	}
	return nil
}

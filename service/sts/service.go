// Package sts gives temporary credentials: roles assumed by AWS principals and by web identities, federated users and
// session tokens ("AWS Security Token Service API Reference").
package sts

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/sts"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// Durations of sessions ("Compare AWS STS credentials", IAM User Guide).
const (
	minSession     = 15 * time.Minute
	defaultRole    = time.Hour
	maxChained     = time.Hour
	defaultUser    = 12 * time.Hour
	maxUser        = 36 * time.Hour
	maxRootSession = time.Hour
)

// Service implements the operations and their requirements.
type Service struct {
	catalog  *identity.Catalog
	sealer   *session.Sealer
	tokens   *webtoken.Verifier
	messages *authz.Messages
}

var (
	_ api.Service      = (*Service)(nil)
	_ api.Requirements = (*requirements)(nil)
)

// New returns the service. All arguments are required.
func New(c *identity.Catalog, s *session.Sealer, v *webtoken.Verifier, m *authz.Messages) *Service {
	return &Service{c, s, v, m}
}

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, &requirements{s})}
}

// GetCallerIdentity tells who the caller is.
func (s *Service) GetCallerIdentity(_ context.Context, c *pipeline.Call, _ *api.GetCallerIdentityInput) (*api.GetCallerIdentityOutput, error) {
	return &api.GetCallerIdentityOutput{Account: &c.Caller.Account, Arn: &c.Caller.ARN, UserId: &c.Caller.UserID}, nil
}

// GetAccessKeyInfo tells which account an access key id is of, from the id alone.
func (s *Service) GetAccessKeyInfo(_ context.Context, _ *pipeline.Call, in *api.GetAccessKeyInfoInput) (*api.GetAccessKeyInfoOutput, error) {
	account, ok := session.AccountOf(*in.AccessKeyId)
	if !ok {
		return nil, fault.New(fault.Validation, "Invalid value for parameter AccessKeyId")
	}
	return &api.GetAccessKeyInfoOutput{Account: &account}, nil
}

// DecodeAuthorizationMessage opens the explanation of a denial that a caller of the account got.
func (s *Service) DecodeAuthorizationMessage(_ context.Context, c *pipeline.Call, in *api.DecodeAuthorizationMessageInput) (*api.DecodeAuthorizationMessageOutput, error) {
	b, err := s.messages.OpenMessage(c.Account, *in.EncodedMessage)
	if err != nil {
		return nil, api.NewInvalidAuthorizationMessageException("Message is invalid").With(err)
	}
	text := string(b)
	return &api.DecodeAuthorizationMessageOutput{DecodedMessage: &text}, nil
}

// mint makes the credentials of a session and notes for the audit whom they are for.
func (s *Service) mint(c *pipeline.Call, p *authn.Principal, ttl time.Duration) (*api.Credentials, *int32, error) {
	creds, err := s.sealer.Mint(p, c.Now, ttl)
	if err != nil {
		return nil, nil, err
	}
	c.Note("accessKeyId", creds.AccessKeyID)
	c.Note("session", p.ARN)
	for _, t := range p.Tags {
		c.Note("tag:"+t.Key, t.Value)
	}
	packed := int32(creds.PackedSize)
	return &api.Credentials{
		AccessKeyId: &creds.AccessKeyID, SecretAccessKey: &creds.SecretAccessKey, SessionToken: &creds.SessionToken,
		Expiration: &creds.Expiration,
	}, &packed, nil
}

// seconds is a duration parameter or its default, refused outside of the limits.
func seconds(v *int32, fallback, longest time.Duration) (time.Duration, error) {
	if v == nil {
		return min(fallback, longest), nil
	}
	d := time.Duration(*v) * time.Second
	if d < minSession {
		return 0, fault.New(fault.Validation, "1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy "+
			"constraint: Member must have value greater than or equal to %d", *v, int(minSession.Seconds()))
	}
	if d > longest {
		return 0, fault.New(fault.Validation, "The requested DurationSeconds exceeds the %d second session limit.", int(longest.Seconds()))
	}
	return d, nil
}

package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// GetUser implements api.Service.
func (s *Service) GetUser(ctx context.Context, call *pipeline.Call, in *api.GetUserInput) (*api.GetUserOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	u, err := userpool.Read(b, b.User)
	if err != nil {
		return nil, err
	}
	out := &api.GetUserOutput{Username: new(u.Username), UserAttributes: userpool.AttributesOf(u, b.App)}
	out.UserMFASettingList, out.PreferredMfaSetting, out.MFAOptions = u.MFA.Describe()
	return out, nil
}

// UpdateUserAttributes implements api.Service. An address that changes is unverified, or waits until it is verified.
func (s *Service) UpdateUserAttributes(ctx context.Context, call *pipeline.Call, in *api.UpdateUserAttributesInput) (*api.UpdateUserAttributesOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	var u *userpool.User
	var codes []verification
	err = b.Change(func(rec *store.Records, changed *userpool.User) (err error) {
		u = changed
		codes, err = b.updateAttributes(rec, u, userpool.Writer{Client: b.App}, in.UserAttributes)
		return err
	})
	if err != nil {
		return nil, err
	}
	sent, err := b.sendVerifications(messages.Notice{Event: messages.ForUpdateAttribute, Client: b.App.ID, Meta: in.ClientMetadata}, u, codes)
	if err != nil {
		return nil, err
	}
	return &api.UpdateUserAttributesOutput{CodeDeliveryDetailsList: sent}, nil
}

// ChangePassword implements api.Service. Wrong guesses at the old password count as those at signing in.
func (s *Service) ChangePassword(ctx context.Context, call *pipeline.Call, in *api.ChangePasswordInput) (*api.ChangePasswordOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	var known *userpool.User
	err = b.View(func(rec *store.Records) (err error) {
		if known, err = b.User(rec); err != nil {
			return err
		}
		return b.Guard(rec, known.Sub)
	})
	if err != nil {
		return nil, err
	}
	if in.PreviousPassword == nil {
		return nil, refusal.Missing("PreviousPassword")
	}
	ok, err := b.PasswordMatches(known, known.Username, *in.PreviousPassword)
	if err != nil {
		return nil, err
	}
	if ok {
		if err := b.CheckNewPassword(known, opt.Value(in.ProposedPassword)); err != nil {
			return nil, err
		}
	}
	verifier, err := b.SealPassword(known, opt.Value(in.ProposedPassword))
	if err != nil {
		return nil, err
	}
	if err := b.replacePassword(known, ok, verifier); err != nil {
		return nil, err
	}
	return &api.ChangePasswordOutput{}, nil
}

// replacePassword records the outcome of the check and sets the new password if it was right.
func (b *bearer) replacePassword(known *userpool.User, ok bool, verifier []byte) error {
	var refused error
	err := b.Change(func(rec *store.Records, u *userpool.User) error {
		refused = nil
		if err := b.Guard(rec, u.Sub); err != nil {
			return err
		}
		if !ok || !sameVerifier(u, known) {
			refused = refusal.BadCredentials()
			return b.Failed(rec, u.Sub)
		}
		b.Pool.SetPassword(u, verifier)
		return b.Forget(rec, u.Sub)
	})
	if err == nil {
		err = refused
	}
	return err
}

// GlobalSignOut implements api.Service.
func (s *Service) GlobalSignOut(ctx context.Context, call *pipeline.Call, in *api.GlobalSignOutInput) (*api.GlobalSignOutOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	err = b.Change(func(_ *store.Records, u *userpool.User) error {
		b.SignOut(u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.GlobalSignOutOutput{}, nil
}

// RevokeToken implements api.Service. It ends a refresh token and all access tokens that came of the same sign-in. A token
// that is no more, or was never one of this client, is answered the same way (RFC 7009 section 2.2).
func (s *Service) RevokeToken(ctx context.Context, call *pipeline.Call, in *api.RevokeTokenInput) (*api.RevokeTokenOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	if err := c.CheckClientSecret(app, opt.Value(in.ClientSecret)); err != nil {
		return nil, err
	}
	if err := c.tokens().RevokeRefreshToken(app, opt.Value(in.Token)); err != nil {
		return nil, err
	}
	return &api.RevokeTokenOutput{}, nil
}

package cognitoidp

import (
	"context"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// AdminGetUser implements api.Service.
func (s *Service) AdminGetUser(ctx context.Context, call *pipeline.Call, in *api.AdminGetUserInput) (*api.AdminGetUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	u, err := userpool.Read(c, func(rec *store.Records) (*userpool.User, error) {
		return c.Pool.MustFind(rec, in.Username)
	})
	if err != nil {
		return nil, err
	}
	d := u.Describe()
	out := &api.AdminGetUserOutput{
		Username: d.Username, UserAttributes: d.Attributes, Enabled: d.Enabled, UserStatus: d.UserStatus,
		UserCreateDate: d.UserCreateDate, UserLastModifiedDate: d.UserLastModifiedDate,
	}
	out.UserMFASettingList, out.PreferredMfaSetting, out.MFAOptions = u.MFA.Describe()
	return out, nil
}

// AdminDeleteUser implements api.Service.
func (s *Service) AdminDeleteUser(ctx context.Context, call *pipeline.Call, in *api.AdminDeleteUserInput) (*api.AdminDeleteUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		u, err := c.Pool.MustFind(rec, in.Username)
		if err != nil {
			return err
		}
		return c.Pool.RemoveUser(rec, u)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminDeleteUserOutput{}, nil
}

// adminChange changes a user for an Admin operation.
func (s *Service) adminChange(ctx context.Context, call *pipeline.Call, pool, name *string, fn func(*scoped, *userpool.User) error) error {
	c, err := s.in(ctx, call, pool)
	if err != nil {
		return err
	}
	return c.ChangeUser(name, func(_ *store.Records, u *userpool.User) error { return fn(c, u) })
}

// AdminUpdateUserAttributes implements api.Service. Immutable attributes stay as they are, for administrators too.
func (s *Service) AdminUpdateUserAttributes(ctx context.Context, call *pipeline.Call, in *api.AdminUpdateUserAttributesInput) (*api.AdminUpdateUserAttributesOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var u *userpool.User
	var codes []verification
	err = c.ChangeUser(in.Username, func(rec *store.Records, changed *userpool.User) (err error) {
		u = changed
		codes, err = c.updateAttributes(rec, u, userpool.Writer{Admin: true}, in.UserAttributes)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := c.sendVerifications(messages.Notice{Event: messages.ForUpdateAttribute, Meta: in.ClientMetadata}, u, codes); err != nil {
		return nil, err
	}
	return &api.AdminUpdateUserAttributesOutput{}, nil
}

// AdminDeleteUserAttributes implements api.Service.
func (s *Service) AdminDeleteUserAttributes(ctx context.Context, call *pipeline.Call, in *api.AdminDeleteUserAttributesInput) (*api.AdminDeleteUserAttributesOutput, error) {
	err := s.adminChange(ctx, call, in.UserPoolId, in.Username, func(c *scoped, u *userpool.User) error {
		return dropAttributes(c.Pool, u, userpool.Writer{Admin: true}, in.UserAttributeNames)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminDeleteUserAttributesOutput{}, nil
}

// AdminEnableUser implements api.Service.
func (s *Service) AdminEnableUser(ctx context.Context, call *pipeline.Call, in *api.AdminEnableUserInput) (*api.AdminEnableUserOutput, error) {
	err := s.adminChange(ctx, call, in.UserPoolId, in.Username, func(_ *scoped, u *userpool.User) error {
		u.Disabled = false
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminEnableUserOutput{}, nil
}

// AdminDisableUser implements api.Service. It revokes the user's tokens.
func (s *Service) AdminDisableUser(ctx context.Context, call *pipeline.Call, in *api.AdminDisableUserInput) (*api.AdminDisableUserOutput, error) {
	err := s.adminChange(ctx, call, in.UserPoolId, in.Username, func(c *scoped, u *userpool.User) error {
		u.Disabled = true
		c.SignOut(u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminDisableUserOutput{}, nil
}

// AdminUserGlobalSignOut implements api.Service.
func (s *Service) AdminUserGlobalSignOut(ctx context.Context, call *pipeline.Call, in *api.AdminUserGlobalSignOutInput) (*api.AdminUserGlobalSignOutOutput, error) {
	err := s.adminChange(ctx, call, in.UserPoolId, in.Username, func(c *scoped, u *userpool.User) error {
		c.SignOut(u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminUserGlobalSignOutOutput{}, nil
}

// AdminConfirmSignUp implements api.Service. It verifies no address.
func (s *Service) AdminConfirmSignUp(ctx context.Context, call *pipeline.Call, in *api.AdminConfirmSignUpInput) (*api.AdminConfirmSignUpOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var u *userpool.User
	err = c.ChangeUser(in.Username, func(_ *store.Records, changed *userpool.User) error {
		if u = changed; u.Status != api.UserStatusTypeUnconfirmed {
			return api.NewNotAuthorizedException("User cannot be confirmed. Current status is %s", u.Status)
		}
		u.Status = api.UserStatusTypeConfirmed
		return nil
	})
	if err == nil {
		err = c.confirmed(sourceConfirmSignUp, "", u, in.ClientMetadata)
	}
	if err != nil {
		return nil, err
	}
	return &api.AdminConfirmSignUpOutput{}, nil
}

// AdminSetUserPassword implements api.Service.
func (s *Service) AdminSetUserPassword(ctx context.Context, call *pipeline.Call, in *api.AdminSetUserPasswordInput) (*api.AdminSetUserPasswordOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	known, err := userpool.Read(c, func(rec *store.Records) (*userpool.User, error) {
		return c.Pool.MustFind(rec, in.Username)
	})
	if err != nil {
		return nil, err
	}
	if err := c.CheckNewPassword(known, opt.Value(in.Password)); err != nil {
		return nil, err
	}
	verifier, err := c.SealPassword(known, opt.Value(in.Password))
	if err != nil {
		return nil, err
	}
	err = c.ChangeUser(&known.Sub, func(rec *store.Records, u *userpool.User) error {
		c.Pool.SetPassword(u, verifier)
		u.NoPassword = false
		u.Status = api.UserStatusTypeConfirmed
		if !opt.Value(in.Permanent) {
			u.Status, u.TemporaryUntil = api.UserStatusTypeForceChangePassword, c.temporaryUntil()
		}
		return c.Forget(rec, u.Sub)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminSetUserPasswordOutput{}, nil
}

func (c *scoped) temporaryUntil() time.Time {
	return c.Call.Now.AddDate(0, 0, int(c.Pool.Settings.Password.TemporaryDays))
}

// AdminResetUserPassword implements api.Service. The password ends, and a code to set another goes to the user.
func (s *Service) AdminResetUserPassword(ctx context.Context, call *pipeline.Call, in *api.AdminResetUserPasswordInput) (*api.AdminResetUserPasswordOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var to messages.Destination
	var plain string
	var reset *userpool.User
	err = c.ChangeUser(in.Username, func(rec *store.Records, u *userpool.User) (err error) {
		if u.Disabled {
			return refusal.UserDisabled()
		}
		if u.Status != api.UserStatusTypeConfirmed && u.Status != api.UserStatusTypeResetRequired {
			return api.NewNotAuthorizedException("User password cannot be reset in the current state.")
		}
		if to, plain, err = c.forgot(rec, u); err != nil {
			return err
		}
		c.Pool.SetPassword(u, nil)
		c.SignOut(u)
		u.Status, reset = api.UserStatusTypeResetRequired, u
		return nil
	})
	if err == nil {
		err = c.messages().SendCode(messages.Notice{Event: messages.ForForgotPassword, Meta: in.ClientMetadata}, reset, to, plain)
	}
	if err != nil {
		return nil, err
	}
	return &api.AdminResetUserPasswordOutput{}, nil
}

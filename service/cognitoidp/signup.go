package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// SignUp implements api.Service.
func (s *Service) SignUp(ctx context.Context, call *pipeline.Call, in *api.SignUpInput) (*api.SignUpOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	if err := c.CheckSecretHash(app, opt.Value(in.SecretHash), opt.Value(in.Username)); err != nil {
		return nil, err
	}
	if c.Pool.Settings.AdminOnly {
		return nil, api.NewNotAuthorizedException("SignUp is not permitted for this user pool")
	}
	if err := messages.CheckLinks(c.Pool); err != nil {
		return nil, err
	}
	// Where a code signs in, users need no password ("SignUp", Amazon Cognito user pools API reference).
	password := opt.Value(in.Password)
	if password == "" && !c.Pool.Settings.Passwordless() {
		return nil, refusal.Invalid("Password is required to sign up.")
	}
	if password != "" {
		if err := c.Pool.Settings.Password.Check(password); err != nil {
			return nil, err
		}
	}
	u, err := c.NewUser(opt.Value(in.Username), userpool.Writer{Client: app, Creating: true}, in.UserAttributes)
	if err != nil {
		return nil, err
	}
	if err := c.Pool.RequireAttributes(u); err != nil {
		return nil, err
	}
	u.Status = api.UserStatusTypeUnconfirmed
	who := signingUp{sourceSignUp, app.ID, trigger.Pairs(in.ValidationData), in.ClientMetadata}
	if err := c.beforeSignUp(who, u); err != nil {
		return nil, err
	}
	if password != "" {
		if u.Verifier, err = c.SealPassword(u, password); err != nil {
			return nil, err
		}
	}
	auto := u.Status == api.UserStatusTypeConfirmed
	to, sends := messages.SignUpDestination(c.Pool, u)
	sends = sends && !auto
	var plain string
	err = c.Update(func(rec *store.Records) error {
		if err := c.CreateUser(rec, u, false); err != nil {
			return err
		}
		if sends {
			plain, err = c.messages().NewCode(rec, u, userpool.CodeSignUp, to)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.SignUpOutput{UserConfirmed: new(auto), UserSub: new(u.Sub)}
	switch {
	case auto:
		err = c.confirmed(sourceConfirmSignUp, app.ID, u, in.ClientMetadata)
	case sends:
		if out.Session, err = c.signUpSession(app, u); err != nil {
			return nil, err
		}
		out.CodeDeliveryDetails = to.Details()
		err = c.messages().SendCode(messages.Notice{Event: messages.ForSignUp, Client: app.ID, Meta: in.ClientMetadata}, u, to, plain)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ConfirmSignUp implements api.Service.
func (s *Service) ConfirmSignUp(ctx context.Context, call *pipeline.Call, in *api.ConfirmSignUpInput) (*api.ConfirmSignUpOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	if err := c.CheckSecretHash(app, opt.Value(in.SecretHash), opt.Value(in.Username)); err != nil {
		return nil, err
	}
	begun, err := c.openSignUp(app, in.Session)
	if err != nil {
		return nil, err
	}
	var u *userpool.User
	var target string
	var refused error
	err = c.Update(func(rec *store.Records) (err error) {
		u, target, refused, err = c.confirm(rec, app, in, begun)
		return err
	})
	if err == nil {
		err = refused
	}
	if err == nil {
		err = c.confirmed(sourceConfirmSignUp, app.ID, u, in.ClientMetadata)
	}
	if err != nil {
		return nil, err
	}
	session, err := c.confirmedSession(app, begun, target)
	return &api.ConfirmSignUpOutput{Session: session}, err
}

// confirm checks the code and confirms the user. It returns the attribute that the code was sent to. A wrong guess is
// `refused`, and to be committed.
func (c *scoped) confirm(rec *store.Records, app *userpool.Client, in *api.ConfirmSignUpInput, begun *session) (u *userpool.User, target string, refused, err error) {
	before, err := c.Pool.Find(rec, opt.Value(in.Username))
	if err != nil {
		return nil, "", nil, err
	}
	switch {
	case before == nil && app.HideUsers, before != nil && before.Disabled && app.HideUsers:
		return nil, "", nil, refusal.CodeExpired()
	case before == nil:
		return nil, "", nil, refusal.UserNotFound()
	case begun != nil && !begun.holdsFor(before):
		return nil, "", nil, refusal.BadSession()
	case before.Status != api.UserStatusTypeUnconfirmed:
		return nil, "", nil, api.NewNotAuthorizedException("User cannot be confirmed. Current status is %s", before.Status)
	}
	target, refused, err = c.messages().UseCode(rec, before, userpool.CodeSignUp, opt.Value(in.ConfirmationCode))
	if refused != nil || err != nil {
		return nil, "", refused, err
	}
	u = before.Clone()
	u.Status, u.Modified = api.UserStatusTypeConfirmed, c.Call.Now
	u.Put(userpool.VerifiedFlag(target), "true")
	return u, target, nil, c.Pool.SaveUser(rec, before, u, opt.Value(in.ForceAliasCreation))
}

// ResendConfirmationCode implements api.Service.
func (s *Service) ResendConfirmationCode(ctx context.Context, call *pipeline.Call, in *api.ResendConfirmationCodeInput) (*api.ResendConfirmationCodeOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	if err := c.CheckSecretHash(app, opt.Value(in.SecretHash), opt.Value(in.Username)); err != nil {
		return nil, err
	}
	if err := messages.CheckLinks(c.Pool); err != nil {
		return nil, err
	}
	var u *userpool.User
	var to messages.Destination
	var plain string
	err = c.Update(func(rec *store.Records) (err error) {
		if u, err = c.reachable(rec, app, in.Username); err != nil {
			return err
		}
		if u == nil {
			return c.messages().PretendCode(rec, opt.Value(in.Username), userpool.CodeSignUp)
		}
		if u.Status != api.UserStatusTypeUnconfirmed {
			return refusal.Invalid("User is already confirmed.")
		}
		var sends bool
		if to, sends = messages.SignUpDestination(c.Pool, u); !sends {
			return refusal.Invalid("Auto verification not turned on.")
		}
		plain, err = c.messages().NewCode(rec, u, userpool.CodeSignUp, to)
		return err
	})
	if err != nil {
		return nil, err
	}
	if u == nil {
		to, err = c.messages().Pretended(opt.Value(in.Username))
		return &api.ResendConfirmationCodeOutput{CodeDeliveryDetails: to.Details()}, err
	}
	return &api.ResendConfirmationCodeOutput{CodeDeliveryDetails: to.Details()}, c.messages().SendCodeOf(messages.Notice{Event: messages.ForResend, Client: app.ID, Meta: in.ClientMetadata}, app, u, to, plain)
}

// reachable returns the user a code may be sent to; nil for one that an app client which hides users must not tell of.
func (c *scoped) reachable(rec *store.Records, app *userpool.Client, name *string) (*userpool.User, error) {
	u, err := c.Pool.Find(rec, opt.Value(name))
	if err != nil {
		return nil, err
	}
	if u == nil || u.Disabled {
		switch {
		case app.HideUsers:
			return nil, nil
		case u == nil:
			return nil, refusal.UserNotFound()
		default:
			return nil, refusal.UserDisabled()
		}
	}
	return u, nil
}

// ForgotPassword implements api.Service.
func (s *Service) ForgotPassword(ctx context.Context, call *pipeline.Call, in *api.ForgotPasswordInput) (*api.ForgotPasswordOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	if err := c.CheckSecretHash(app, opt.Value(in.SecretHash), opt.Value(in.Username)); err != nil {
		return nil, err
	}
	counted, err := c.migrateForgetful(app, in)
	if err != nil {
		return nil, err
	}
	var u *userpool.User
	var to messages.Destination
	var plain string
	err = c.Update(func(rec *store.Records) (err error) {
		if u, err = c.reachable(rec, app, in.Username); err != nil {
			return err
		}
		switch {
		case u == nil && counted:
			return nil
		case u == nil:
			return c.messages().PretendCode(rec, opt.Value(in.Username), userpool.CodeForgot)
		}
		to, plain, err = c.forgot(rec, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	if u == nil {
		to, err = c.messages().Pretended(opt.Value(in.Username))
		return &api.ForgotPasswordOutput{CodeDeliveryDetails: to.Details()}, err
	}
	return &api.ForgotPasswordOutput{CodeDeliveryDetails: to.Details()}, c.messages().SendCodeOf(messages.Notice{Event: messages.ForForgotPassword, Client: app.ID, Meta: in.ClientMetadata}, app, u, to, plain)
}

// forgot makes the code by which a user sets a new password.
func (c *scoped) forgot(rec *store.Records, u *userpool.User) (to messages.Destination, plain string, err error) {
	if u.Status == api.UserStatusTypeForceChangePassword || u.Status == api.UserStatusTypeExternalProvider || u.NoPassword {
		return to, "", api.NewNotAuthorizedException("User password cannot be reset in the current state.")
	}
	if to, err = messages.RecoveryDestination(c.Pool, u); err != nil {
		return to, "", err
	}
	plain, err = c.messages().NewCode(rec, u, userpool.CodeForgot, to)
	return to, plain, err
}

// ConfirmForgotPassword implements api.Service.
func (s *Service) ConfirmForgotPassword(ctx context.Context, call *pipeline.Call, in *api.ConfirmForgotPasswordInput) (*api.ConfirmForgotPasswordOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	if err := c.CheckSecretHash(app, opt.Value(in.SecretHash), opt.Value(in.Username)); err != nil {
		return nil, err
	}
	if err := c.Pool.Settings.Password.Check(opt.Value(in.Password)); err != nil {
		return nil, err
	}
	known, err := userpool.Read(c, func(rec *store.Records) (*userpool.User, error) {
		return c.Pool.Find(rec, opt.Value(in.Username))
	})
	switch {
	case err != nil:
		return nil, err
	case app.HideUsers && (known == nil || known.Disabled):
		return nil, c.messages().PretendReset(opt.Value(in.Username), opt.Value(in.ConfirmationCode))
	case known == nil:
		return nil, refusal.UserNotFound()
	case known.Disabled:
		return nil, refusal.UserDisabled()
	}
	// Who has no code must not learn from the history which passwords the user had.
	if err := c.messages().HoldsCode(known, userpool.CodeForgot, opt.Value(in.ConfirmationCode)); err != nil {
		return nil, err
	}
	if err := c.CheckNewPassword(known, opt.Value(in.Password)); err != nil {
		return nil, err
	}
	verifier, err := c.SealPassword(known, opt.Value(in.Password))
	if err != nil {
		return nil, err
	}
	u, err := c.resetPassword(known, opt.Value(in.ConfirmationCode), verifier)
	if err != nil {
		return nil, err
	}
	if err := c.confirmed(sourceConfirmForgot, app.ID, u, in.ClientMetadata); err != nil {
		return nil, err
	}
	return &api.ConfirmForgotPasswordOutput{}, nil
}

// resetPassword sets a new password by a code. It confirms a user who was not, for the code shows the address as well.
func (c *scoped) resetPassword(known *userpool.User, given string, verifier []byte) (u *userpool.User, err error) {
	var refused error
	err = c.Update(func(rec *store.Records) error {
		before, err := store.Load[userpool.User](rec, userpool.UserKey(c.Pool.ID, known.Sub))
		if err != nil {
			return err
		}
		if !sameVerifier(before, known) {
			return refusal.CodeExpired() // deleted, or given another password, since the new one was checked
		}
		var target string
		if target, refused, err = c.messages().UseCode(rec, before, userpool.CodeForgot, given); err != nil || refused != nil {
			return err
		}
		u = before.Clone()
		c.Pool.SetPassword(u, verifier)
		c.SignOut(u) // who forgot a password may have lost it to somebody who signed in
		u.Status, u.Modified = api.UserStatusTypeConfirmed, c.Call.Now
		u.Put(userpool.VerifiedFlag(target), "true")
		if err := c.Forget(rec, u.Sub); err != nil {
			return err
		}
		return c.Pool.SaveUser(rec, before, u, false)
	})
	if err == nil {
		err = refused
	}
	return u, err
}

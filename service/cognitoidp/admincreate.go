package cognitoidp

import (
	"context"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// AdminCreateUser implements api.Service.
func (s *Service) AdminCreateUser(ctx context.Context, call *pipeline.Call, in *api.AdminCreateUserInput) (*api.AdminCreateUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	password := opt.Value(in.TemporaryPassword)
	if password == "" {
		password = c.pool.Settings.Password.temporary()
	} else if err := c.pool.Settings.Password.check(password); err != nil {
		return nil, err
	}
	var u *user
	if in.MessageAction == api.MessageActionTypeResend {
		u, err = c.inviteAgain(in, password)
	} else {
		u, err = c.invite(in, password)
	}
	if err != nil {
		return nil, err
	}
	if in.MessageAction != api.MessageActionTypeSuppress {
		if err := c.sendInvitation(in, u, password); err != nil {
			return nil, err
		}
	}
	d := u.describe()
	return &api.AdminCreateUserOutput{User: &d}, nil
}

// invite makes the user, with a temporary password.
func (c *scoped) invite(in *api.AdminCreateUserInput, password string) (*user, error) {
	u, err := c.newUser(opt.Value(in.Username), writer{admin: true, creating: true}, in.UserAttributes)
	if err != nil {
		return nil, err
	}
	if in.MessageAction != api.MessageActionTypeSuppress {
		if _, err := invitations(u, in.DesiredDeliveryMediums); err != nil {
			return nil, err
		}
	}
	if err := c.beforeSignUp(signingUp{sourceAdminCreate, "", pairs(in.ValidationData), in.ClientMetadata}, u); err != nil {
		return nil, err
	}
	if u.Verifier, err = c.sealPassword(u, password); err != nil {
		return nil, err
	}
	u.Status, u.TemporaryUntil = api.UserStatusTypeForceChangePassword, c.temporaryUntil()
	err = c.update(func(rec *store.Records) error { return c.create(rec, u, opt.Value(in.ForceAliasCreation)) })
	return u, err
}

// inviteAgain gives a user who never signed in another temporary password.
func (c *scoped) inviteAgain(in *api.AdminCreateUserInput, password string) (*user, error) {
	var known *user
	err := c.view(func(rec *store.Records) (err error) {
		known, err = c.pool.mustFind(rec, in.Username)
		return err
	})
	if err != nil {
		return nil, err
	}
	verifier, err := c.sealPassword(known, password)
	if err != nil {
		return nil, err
	}
	var u *user
	err = c.change(&known.Sub, func(_ *store.Records, changed *user) error {
		if changed.Status != api.UserStatusTypeForceChangePassword {
			return api.NewUnsupportedUserStateException("Resend not possible. %s status is not FORCE_CHANGE_PASSWORD", changed.Username)
		}
		c.pool.setPassword(changed, verifier)
		changed.TemporaryUntil, u = c.temporaryUntil(), changed
		return nil
	})
	return u, err
}

// invitations are where an invitation goes: by SMS unless mail is asked for.
func invitations(u *user, mediums []api.DeliveryMediumType) ([]destination, error) {
	if len(mediums) == 0 {
		mediums = []api.DeliveryMediumType{api.DeliveryMediumTypeSms}
		if u.Attributes["phone_number"] == "" && u.Attributes["email"] != "" {
			mediums[0] = api.DeliveryMediumTypeEmail
		}
	}
	var out []destination
	for _, a := range []string{"phone_number", "email"} {
		d := destination{a, u.Attributes[a]}
		if !slices.Contains(mediums, d.medium()) {
			continue
		}
		if d.address == "" {
			if len(mediums) > 1 {
				continue
			}
			return nil, refusal.Invalid("User has no attribute %s to send the invitation to.", a)
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		return nil, refusal.Invalid("User has no attribute to send the invitation to.")
	}
	return out, nil
}

func (c *scoped) sendInvitation(in *api.AdminCreateUserInput, u *user, password string) error {
	to, err := invitations(u, in.DesiredDeliveryMediums)
	if err != nil {
		return err
	}
	for _, d := range to {
		if err := c.send(notice{event: noticeAdminCreate, meta: in.ClientMetadata}, u, d, c.pool.inviteTemplate(d.medium()), password); err != nil {
			return err
		}
	}
	return nil
}

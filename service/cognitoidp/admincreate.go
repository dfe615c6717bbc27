package cognitoidp

import (
	"context"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// AdminCreateUser implements api.Service.
func (s *Service) AdminCreateUser(ctx context.Context, call *pipeline.Call, in *api.AdminCreateUserInput) (*api.AdminCreateUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	password := opt.Value(in.TemporaryPassword)
	if password == "" {
		password = c.Pool.Settings.Password.Temporary()
	} else if err := c.Pool.Settings.Password.Check(password); err != nil {
		return nil, err
	}
	var u *userpool.User
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
	d := u.Describe()
	return &api.AdminCreateUserOutput{User: &d}, nil
}

// invite makes the user, with a temporary password.
func (c *scoped) invite(in *api.AdminCreateUserInput, password string) (*userpool.User, error) {
	u, err := c.NewUser(opt.Value(in.Username), userpool.Writer{Admin: true, Creating: true}, in.UserAttributes)
	if err != nil {
		return nil, err
	}
	if in.MessageAction != api.MessageActionTypeSuppress {
		if _, err := invitations(u, in.DesiredDeliveryMediums); err != nil {
			return nil, err
		}
	}
	if err := c.beforeSignUp(signingUp{sourceAdminCreate, "", trigger.Pairs(in.ValidationData), in.ClientMetadata}, u); err != nil {
		return nil, err
	}
	if u.Verifier, err = c.SealPassword(u, password); err != nil {
		return nil, err
	}
	u.Status, u.TemporaryUntil = api.UserStatusTypeForceChangePassword, c.temporaryUntil()
	err = c.Update(func(rec *store.Records) error { return c.CreateUser(rec, u, opt.Value(in.ForceAliasCreation)) })
	return u, err
}

// inviteAgain gives a user who never signed in another temporary password.
func (c *scoped) inviteAgain(in *api.AdminCreateUserInput, password string) (*userpool.User, error) {
	known, err := userpool.Read(c, func(rec *store.Records) (*userpool.User, error) {
		return c.Pool.MustFind(rec, in.Username)
	})
	if err != nil {
		return nil, err
	}
	verifier, err := c.SealPassword(known, password)
	if err != nil {
		return nil, err
	}
	var u *userpool.User
	err = c.ChangeUser(&known.Sub, func(_ *store.Records, changed *userpool.User) error {
		if changed.Status != api.UserStatusTypeForceChangePassword {
			return api.NewUnsupportedUserStateException("Resend not possible. %s status is not FORCE_CHANGE_PASSWORD", changed.Username)
		}
		c.Pool.SetPassword(changed, verifier)
		changed.TemporaryUntil, u = c.temporaryUntil(), changed
		return nil
	})
	return u, err
}

// invitations are where an invitation goes: by SMS unless mail is asked for.
func invitations(u *userpool.User, mediums []api.DeliveryMediumType) ([]messages.Destination, error) {
	if len(mediums) == 0 {
		mediums = []api.DeliveryMediumType{api.DeliveryMediumTypeSms}
		if u.Attributes["phone_number"] == "" && u.Attributes["email"] != "" {
			mediums[0] = api.DeliveryMediumTypeEmail
		}
	}
	var out []messages.Destination
	for _, a := range []string{"phone_number", "email"} {
		d := messages.Destination{Attribute: a, Address: u.Attributes[a]}
		if !slices.Contains(mediums, d.Medium()) {
			continue
		}
		if d.Address == "" {
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

func (c *scoped) sendInvitation(in *api.AdminCreateUserInput, u *userpool.User, password string) error {
	to, err := invitations(u, in.DesiredDeliveryMediums)
	if err != nil {
		return err
	}
	for _, d := range to {
		if err := c.messages().Send(messages.Notice{Event: messages.ForAdminCreate, Meta: in.ClientMetadata}, u, d, messages.InviteTemplate(c.Pool, d.Medium()), password); err != nil {
			return err
		}
	}
	return nil
}

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
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// verification is a code on its way to an address that changed.
type verification struct {
	to    messages.Destination
	plain string
}

// verifications makes a code for each address that changed and that the pool verifies by itself ("AutoVerifiedAttributes").
func (c *scoped) verifications(rec *store.Records, before, u *userpool.User) ([]verification, error) {
	var out []verification
	for _, name := range c.Pool.AutoVerified {
		purpose := userpool.CodeVerify + name
		address := messages.AddressFor(u, purpose, name)
		unchanged := address == messages.AddressFor(before, purpose, name)
		if address == "" || unchanged || u.Pending[name] == "" && u.Attributes[userpool.VerifiedFlag(name)] == "true" {
			continue
		}
		to := messages.Destination{Attribute: name, Address: address}
		plain, err := c.messages().NewCode(rec, u, purpose, to)
		if err != nil {
			return nil, err
		}
		out = append(out, verification{to, plain})
	}
	return out, nil
}

// updateAttributes changes attributes and makes the codes that this calls for.
func (c *scoped) updateAttributes(rec *store.Records, u *userpool.User, w userpool.Writer, attrs []api.AttributeType) ([]verification, error) {
	before := u.Clone()
	if err := c.Pool.SetAttributes(u, w, attrs); err != nil {
		return nil, err
	}
	return c.verifications(rec, before, u)
}

// sendVerifications delivers codes, and says where they went.
func (c *scoped) sendVerifications(n messages.Notice, u *userpool.User, codes []verification) ([]api.CodeDeliveryDetailsType, error) {
	details := []api.CodeDeliveryDetailsType{}
	for _, v := range codes {
		if err := c.messages().SendCode(n, u, v.to, v.plain); err != nil {
			return nil, err
		}
		details = append(details, *v.to.Details())
	}
	return details, nil
}

// verifiable checks that an attribute is an address.
func verifiable(name string) error {
	if userpool.VerifiedFlag(name) == "" {
		return refusal.Invalid("Invalid attribute name: %s. Only email and phone_number can be verified.", name)
	}
	return nil
}

// GetUserAttributeVerificationCode implements api.Service. The code goes to the address that waits for verification, if
// there is one.
func (s *Service) GetUserAttributeVerificationCode(ctx context.Context, call *pipeline.Call, in *api.GetUserAttributeVerificationCodeInput) (*api.GetUserAttributeVerificationCodeOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	name := opt.Value(in.AttributeName)
	if err := verifiable(name); err != nil {
		return nil, err
	}
	var u *userpool.User
	var v verification
	err = b.Update(func(rec *store.Records) (err error) {
		if u, err = b.User(rec); err != nil {
			return err
		}
		if v.to = (messages.Destination{Attribute: name, Address: messages.AddressFor(u, userpool.CodeVerify, name)}); v.to.Address == "" {
			return refusal.Invalid("User does not have the attribute %s.", name)
		}
		v.plain, err = b.messages().NewCode(rec, u, userpool.CodeVerify+name, v.to)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := b.messages().SendCode(messages.Notice{Event: messages.ForVerifyAttribute, Client: b.App.ID, Meta: in.ClientMetadata}, u, v.to, v.plain); err != nil {
		return nil, err
	}
	return &api.GetUserAttributeVerificationCodeOutput{CodeDeliveryDetails: v.to.Details()}, nil
}

// VerifyUserAttribute implements api.Service. An address that is somebody else's name to sign in with stays theirs.
func (s *Service) VerifyUserAttribute(ctx context.Context, call *pipeline.Call, in *api.VerifyUserAttributeInput) (*api.VerifyUserAttributeOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	name := opt.Value(in.AttributeName)
	if err := verifiable(name); err != nil {
		return nil, err
	}
	var refused error
	err = b.Change(func(rec *store.Records, u *userpool.User) (err error) {
		if _, refused, err = b.messages().UseCode(rec, u, userpool.CodeVerify+name, opt.Value(in.Code)); err != nil || refused != nil {
			return err
		}
		if next := u.Pending[name]; next != "" {
			u.Put(name, next)
			delete(u.Pending, name)
		}
		u.Put(userpool.VerifiedFlag(name), "true")
		return nil
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	return &api.VerifyUserAttributeOutput{}, nil
}

// dropAttributes takes attributes away from a user, as far as the writer may and the pool can do without.
func dropAttributes(p *userpool.Pool, u *userpool.User, w userpool.Writer, names []string) error {
	for _, name := range names {
		if i := userpool.AttributeIndex(p.Schema, name); i >= 0 && p.Schema[i].Required && name != "sub" {
			return refusal.Invalid("user.%s: A required attribute cannot be deleted.\n", name)
		}
		if err := p.CheckAttribute(w, name, ""); err != nil {
			return err
		}
	}
	for _, name := range names {
		delete(u.Attributes, name)
		delete(u.Pending, name)
		if flag := userpool.VerifiedFlag(name); flag != "" {
			delete(u.Attributes, flag)
		}
	}
	has := func(name string) bool { return u.Attributes[name] != "" }
	if len(p.UsernameAttributes) > 0 && !slices.ContainsFunc(p.UsernameAttributes, has) {
		return refusal.Invalid("The last attribute that a user signs in with cannot be deleted.")
	}
	return nil
}

// DeleteUserAttributes implements api.Service.
func (s *Service) DeleteUserAttributes(ctx context.Context, call *pipeline.Call, in *api.DeleteUserAttributesInput) (*api.DeleteUserAttributesOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	err = b.Change(func(_ *store.Records, u *userpool.User) error {
		return dropAttributes(b.Pool, u, userpool.Writer{Client: b.App}, in.UserAttributeNames)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteUserAttributesOutput{}, nil
}

// DeleteUser implements api.Service.
func (s *Service) DeleteUser(ctx context.Context, call *pipeline.Call, in *api.DeleteUserInput) (*api.DeleteUserOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	err = b.Update(func(rec *store.Records) error {
		u, err := b.User(rec)
		if err != nil {
			return err
		}
		return b.Pool.RemoveUser(rec, u)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteUserOutput{}, nil
}

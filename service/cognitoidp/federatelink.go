package cognitoidp

import (
	"context"
	"errors"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// maxIdentities is how many identities a user can have beside the own ("Linking federated users to an existing user
// profile", Amazon Cognito Developer Guide).
const maxIdentities = 5

// attributeOf reads which attribute of a provider identifies a user, and its value as bonds have it.
func providerAttribute(p *userpool.Pool, from *provider, in *api.ProviderUserIdentifierType) (attribute, value string, err error) {
	attribute, value = opt.Value(in.ProviderAttributeName), opt.Value(in.ProviderAttributeValue)
	if value == "" || len(value) > userpool.MaxAttributeValue {
		return "", "", refusal.Invalid("ProviderAttributeValue is required.")
	}
	if attribute == cognitoSubject {
		return attribute, subjectOf(p, &guest{from: from, id: value}), nil
	}
	if slices.Contains(social, from.Type) {
		return "", "", refusal.Invalid("ProviderAttributeName must be %s for the provider %s.", cognitoSubject, from.Name)
	}
	if _, ok := from.claimed()[attribute]; !ok {
		return "", "", refusal.Invalid("ProviderAttributeName %s is not mapped by the provider %s.", attribute, from.Name)
	}
	return attribute, p.Normal(attribute, value), nil
}

// AdminLinkProviderForUser implements api.Service. A user of one tenant is never linked to the provider of another.
func (s *Service) AdminLinkProviderForUser(ctx context.Context, call *pipeline.Call, in *api.AdminLinkProviderForUserInput) (*api.AdminLinkProviderForUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	to, from := opt.Value(in.DestinationUser), opt.Value(in.SourceUser)
	if opt.Value(from.ProviderName) == cognitoProvider || opt.Value(from.ProviderName) == poolsettings.LocalProvider {
		return nil, refusal.Invalid("SourceUser must be a user of an external identity provider.")
	}
	err = c.Update(func(rec *store.Records) error {
		p, err := c.mustProvider(rec, opt.Value(from.ProviderName))
		if err != nil {
			return err
		}
		before, err := c.destination(rec, &to)
		if err != nil {
			return err
		}
		return c.link(rec, before, p, &from)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminLinkProviderForUserOutput{}, nil
}

// destination loads the user that is linked to.
func (c *scoped) destination(rec *store.Records, in *api.ProviderUserIdentifierType) (*userpool.User, error) {
	name, value := opt.Value(in.ProviderName), opt.Value(in.ProviderAttributeValue)
	if name == cognitoProvider {
		return c.Pool.Named(rec, value)
	}
	p, err := c.mustProvider(rec, name)
	if err != nil {
		return nil, err
	}
	b, err := store.Load[bond](rec, userpool.BondKey(c.Pool.ID, name, cognitoSubject, subjectOf(c.Pool, &guest{from: p, id: value})))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, refusal.UserNotFound()
	}
	return c.Pool.Named(rec, b.Sub)
}

func (c *scoped) link(rec *store.Records, before *userpool.User, p *provider, from *api.ProviderUserIdentifierType) error {
	attribute, value, err := providerAttribute(c.Pool, p, from)
	if err != nil {
		return err
	}
	for name, tenant := range p.tenants() {
		if before.Attributes[name] != tenant {
			return refusal.Invalid("The destination user is of another tenant than the provider %s.", p.Name)
		}
	}
	id := userpool.Identity{UserID: value, Attribute: attribute, Provider: p.Name, Type: p.Type, Issuer: p.Details[detailIssuer], Created: c.Call.Now}
	k := id.Key(c.Pool.ID)
	taken, err := store.Load[bond](rec, k)
	if err != nil {
		return err
	}
	if taken != nil {
		if taken.Sub == before.Sub {
			return refusal.Invalid("SourceUser is already linked to DestinationUser")
		}
		return refusal.Invalid("Merging is not currently supported, provide a SourceUser that has not been signed up in order to link")
	}
	u := before.Clone()
	u.Identities = append(slices.Clone(u.Identities), id)
	linked := slices.DeleteFunc(slices.Clone(u.Identities), func(i userpool.Identity) bool { return i.Primary })
	if len(linked) > maxIdentities {
		return api.NewLimitExceededException("A user can be linked to at most %d identities.", maxIdentities)
	}
	u.Modified = c.Call.Now
	return errors.Join(store.Save(rec, k, &bond{Sub: u.Sub, Tenants: p.tenants(), Linked: true}), c.Pool.SaveUser(rec, before, u, false))
}

// AdminDisableProviderForUser implements api.Service: it ends a link, refuses the identity that a profile was made for, or
// takes the password of one of the pool's own users. The user is signed out.
func (s *Service) AdminDisableProviderForUser(ctx context.Context, call *pipeline.Call, in *api.AdminDisableProviderForUserInput) (*api.AdminDisableProviderForUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	who := opt.Value(in.User)
	err = c.Update(func(rec *store.Records) error {
		if opt.Value(who.ProviderName) == cognitoProvider {
			return c.disableNative(rec, &who)
		}
		return c.disableIdentity(rec, &who)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminDisableProviderForUserOutput{}, nil
}

func (c *scoped) disableNative(rec *store.Records, in *api.ProviderUserIdentifierType) error {
	if opt.Value(in.ProviderAttributeName) != cognitoSubject {
		return refusal.Invalid("ProviderAttributeName must be %s for the provider %s.", cognitoSubject, cognitoProvider)
	}
	before, err := c.Pool.Named(rec, opt.Value(in.ProviderAttributeValue))
	if err != nil {
		return err
	}
	u := before.Clone()
	c.Pool.SetPassword(u, nil)
	u.NoPassword, u.Modified = true, c.Call.Now
	c.SignOut(u)
	return c.Pool.SaveUser(rec, before, u, false)
}

func (c *scoped) disableIdentity(rec *store.Records, in *api.ProviderUserIdentifierType) error {
	p, err := c.mustProvider(rec, opt.Value(in.ProviderName))
	if err != nil {
		return err
	}
	attribute, value, err := providerAttribute(c.Pool, p, in)
	if err != nil {
		return err
	}
	k := userpool.BondKey(c.Pool.ID, p.Name, attribute, value)
	b, err := store.Load[bond](rec, k)
	if err != nil {
		return err
	}
	if b == nil {
		return refusal.UserNotFound()
	}
	before, err := c.Pool.Named(rec, b.Sub)
	if err != nil {
		return err
	}
	u := before.Clone()
	c.SignOut(u)
	u.Modified = c.Call.Now
	if b.Linked {
		u.Identities = slices.DeleteFunc(slices.Clone(u.Identities), func(i userpool.Identity) bool { return string(i.Key(c.Pool.ID)) == string(k) })
		err = rec.Delete(k)
	} else {
		b.Disabled = true
		err = store.Save(rec, k, b)
	}
	return errors.Join(err, c.Pool.SaveUser(rec, before, u, false))
}

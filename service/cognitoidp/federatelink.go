package cognitoidp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// maxIdentities is how many identities a user can have beside the own ("Linking federated users to an existing user
// profile", Amazon Cognito Developer Guide).
const maxIdentities = 5

// attributeIdentities shows the identities of a user.
const attributeIdentities = "identities"

// identityClaims are the identities of a user as tokens and answers show them.
func (u *user) identityClaims() []identityClaim {
	var out []identityClaim
	for i := range u.Identities {
		id := &u.Identities[i]
		out = append(out, identityClaim{
			DateCreated: strconv.FormatInt(id.Created.UnixMilli(), 10), UserID: id.UserID, ProviderName: id.Provider,
			ProviderType: string(id.Type), Issuer: opt.Present(id.Issuer), Primary: strconv.FormatBool(id.Primary),
		})
	}
	return out
}

// identitiesText is the attribute identities; "" if the user has none.
func (u *user) identitiesText() string {
	if len(u.Identities) == 0 {
		return ""
	}
	b, err := json.Marshal(u.identityClaims())
	if err != nil {
		return "" // texts always encode
	}
	return string(b)
}

// federated reports whether the profile was made for a provider's user: its addresses are no names to sign in with.
func (u *user) federated() bool { return u.Provider != "" }

// removeBonds takes away the bonds of a user who is deleted.
func (p *pool) removeBonds(rec *store.Records, u *user) error {
	for i := range u.Identities {
		if err := rec.Delete(u.Identities[i].key(p.ID)); err != nil {
			return err
		}
	}
	return nil
}

// squats refuses a name that would be the username of a provider's user.
func (p *pool) squats(rec *store.Records, name string) error {
	prefix, _, ok := strings.Cut(name, "_") // names of providers have no "_"
	if !ok {
		return nil
	}
	_, found, err := rec.Get(providerNameKey(p.ID, prefix))
	if err == nil && found {
		err = refusal.Invalid("Username cannot begin with the name of an identity provider.")
	}
	return err
}

// named loads the user whose username or sub the name is: not one whose address it is.
func (p *pool) named(rec *store.Records, name string) (*user, error) {
	sub := name
	r, err := store.Load[ref](rec, p.nameKey(name))
	if err != nil {
		return nil, err
	}
	if r != nil {
		sub = r.Sub
	}
	u, err := store.Load[user](rec, userKey(p.ID, sub))
	if err == nil && u == nil {
		err = refusal.UserNotFound()
	}
	return u, err
}

// attributeOf reads which attribute of a provider identifies a user, and its value as bonds have it.
func (p *pool) attributeOf(from *provider, in *api.ProviderUserIdentifierType) (attribute, value string, err error) {
	attribute, value = opt.Value(in.ProviderAttributeName), opt.Value(in.ProviderAttributeValue)
	if value == "" || len(value) > maxAttributeValue {
		return "", "", refusal.Invalid("ProviderAttributeValue is required.")
	}
	if attribute == cognitoSubject {
		return attribute, p.subject(&guest{from: from, id: value}), nil
	}
	if slices.Contains(social, from.Type) {
		return "", "", refusal.Invalid("ProviderAttributeName must be %s for the provider %s.", cognitoSubject, from.Name)
	}
	if _, ok := from.claimed()[attribute]; !ok {
		return "", "", refusal.Invalid("ProviderAttributeName %s is not mapped by the provider %s.", attribute, from.Name)
	}
	return attribute, p.normal(attribute, value), nil
}

// AdminLinkProviderForUser implements api.Service. A user of one tenant is never linked to the provider of another.
func (s *Service) AdminLinkProviderForUser(ctx context.Context, call *pipeline.Call, in *api.AdminLinkProviderForUserInput) (*api.AdminLinkProviderForUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	to, from := opt.Value(in.DestinationUser), opt.Value(in.SourceUser)
	if opt.Value(from.ProviderName) == cognitoProvider || opt.Value(from.ProviderName) == localProvider {
		return nil, refusal.Invalid("SourceUser must be a user of an external identity provider.")
	}
	err = c.update(func(rec *store.Records) error {
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
func (c *scoped) destination(rec *store.Records, in *api.ProviderUserIdentifierType) (*user, error) {
	name, value := opt.Value(in.ProviderName), opt.Value(in.ProviderAttributeValue)
	if name == cognitoProvider {
		return c.pool.named(rec, value)
	}
	p, err := c.mustProvider(rec, name)
	if err != nil {
		return nil, err
	}
	b, err := store.Load[bond](rec, bondKey(c.pool.ID, name, cognitoSubject, c.pool.subject(&guest{from: p, id: value})))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, refusal.UserNotFound()
	}
	return c.pool.named(rec, b.Sub)
}

func (c *scoped) link(rec *store.Records, before *user, p *provider, from *api.ProviderUserIdentifierType) error {
	attribute, value, err := c.pool.attributeOf(p, from)
	if err != nil {
		return err
	}
	for name, tenant := range p.tenants() {
		if before.Attributes[name] != tenant {
			return refusal.Invalid("The destination user is of another tenant than the provider %s.", p.Name)
		}
	}
	id := identity{UserID: value, Attribute: attribute, Provider: p.Name, Type: p.Type, Issuer: p.Details[detailIssuer], Created: c.call.Now}
	k := id.key(c.pool.ID)
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
	u := before.clone()
	u.Identities = append(slices.Clone(u.Identities), id)
	linked := slices.DeleteFunc(slices.Clone(u.Identities), func(i identity) bool { return i.Primary })
	if len(linked) > maxIdentities {
		return api.NewLimitExceededException("A user can be linked to at most %d identities.", maxIdentities)
	}
	u.Modified = c.call.Now
	return errors.Join(store.Save(rec, k, &bond{Sub: u.Sub, Tenants: p.tenants(), Linked: true}), c.pool.save(rec, before, u, false))
}

// AdminDisableProviderForUser implements api.Service: it ends a link, refuses the identity that a profile was made for, or
// takes the password of one of the pool's own users. The user is signed out.
func (s *Service) AdminDisableProviderForUser(ctx context.Context, call *pipeline.Call, in *api.AdminDisableProviderForUserInput) (*api.AdminDisableProviderForUserOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	who := opt.Value(in.User)
	err = c.update(func(rec *store.Records) error {
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
	before, err := c.pool.named(rec, opt.Value(in.ProviderAttributeValue))
	if err != nil {
		return err
	}
	u := before.clone()
	c.pool.setPassword(u, nil)
	u.NoPassword, u.Modified = true, c.call.Now
	c.signOut(u)
	return c.pool.save(rec, before, u, false)
}

func (c *scoped) disableIdentity(rec *store.Records, in *api.ProviderUserIdentifierType) error {
	p, err := c.mustProvider(rec, opt.Value(in.ProviderName))
	if err != nil {
		return err
	}
	attribute, value, err := c.pool.attributeOf(p, in)
	if err != nil {
		return err
	}
	k := bondKey(c.pool.ID, p.Name, attribute, value)
	b, err := store.Load[bond](rec, k)
	if err != nil {
		return err
	}
	if b == nil {
		return refusal.UserNotFound()
	}
	before, err := c.pool.named(rec, b.Sub)
	if err != nil {
		return err
	}
	u := before.clone()
	c.signOut(u)
	u.Modified = c.call.Now
	if b.Linked {
		u.Identities = slices.DeleteFunc(slices.Clone(u.Identities), func(i identity) bool { return string(i.key(c.pool.ID)) == string(k) })
		err = rec.Delete(k)
	} else {
		b.Disabled = true
		err = store.Save(rec, k, b)
	}
	return errors.Join(err, c.pool.save(rec, before, u, false))
}

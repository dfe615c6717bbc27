package cognitoidp

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/federation/saml"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// cognitoProvider is what linking operations call the pool's own users, and cognitoSubject the identifier that a provider
// knows its user by.
const (
	cognitoProvider = "Cognito"
	cognitoSubject  = "Cognito_Subject"
)

// stepFederated is what has been passed by who comes from a provider.
const stepFederated = "FEDERATED"

// bond says whose an identity is.
type bond struct {
	Sub string
	// Tenants are what the provider's users were of when it was made: attribute to value. A provider of another tenant,
	// though of the same name, does not vouch for it.
	Tenants map[string]string
	// Linked is true of a link that an administrator made; its user's attributes are not the provider's to set.
	Linked bool
	// Disabled refuses the identity.
	Disabled bool
}

// guest is who comes from a provider, with what the provider says of them. All of it was checked to be the provider's.
type guest struct {
	from   *provider
	issuer string
	id     string
	claims map[string]string
	// session is the SAML session, for logout; nil for others.
	session *saml.Assertion
}

// refusedGuest is a sign-in that the provider vouches for and the pool does not take.
func refusedGuest(format string, args ...any) error {
	return api.NewNotAuthorizedException(format, args...)
}

// subjectOf is the guest's id as bonds have it. SAML's names are as the pool compares names ("SAML case sensitivity");
// the subjects of others are to the letter, or two of a provider's users could be one.
func subjectOf(p *userpool.Pool, v *guest) string {
	if v.from.Type == api.IdentityProviderTypeTypeSaml {
		return p.Fold(v.id)
	}
	return v.id
}

// usernameOf is that of a profile made for the guest.
func usernameOf(p *userpool.Pool, v *guest) string { return p.Fold(v.from.Name + "_" + v.id) }

// welcome signs in a guest: the user that the identity is bound to, or else a new one. Nothing else that the provider
// says, an e-mail address least of all, makes the guest somebody who is there.
func (a *attempt) welcome(v *guest) (*outcome, error) {
	if !slices.Contains(a.app.IdentityProviders, v.from.Name) {
		return nil, refusal.Invalid("The provider %s is not supported for the client.", v.from.Name)
	}
	if err := checkMapping(a.Pool, v.from); err != nil {
		return nil, err
	}
	if err := a.inboundFederation(v); err != nil {
		return nil, err
	}
	attrs := v.mapped()
	found, err := a.recognized(v, attrs)
	if err != nil {
		return nil, err
	}
	if !found {
		if err := a.beforeExternalSignUp(v, attrs); err != nil {
			return nil, err
		}
	}
	var in *arrival
	err = a.Update(func(rec *store.Records) (err error) {
		in, err = a.enter(rec, v, attrs)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := a.entered(in, found); err != nil {
		return nil, err
	}
	return a.finish(in)
}

// mapped are the attributes that the guest's claims become.
func (v *guest) mapped() map[string]string {
	out := map[string]string{}
	for to, claim := range v.from.claimed() {
		if value := v.claims[claim]; value != "" {
			out[to] = value
		}
	}
	return out
}

// recognized reports whether the guest was here before or is expected.
func (a *attempt) recognized(v *guest, attrs map[string]string) (found bool, err error) {
	err = a.View(func(rec *store.Records) error {
		_, b, err := a.bondOf(rec, v, attrs)
		found = b != nil
		return err
	})
	return found, err
}

// bondOf finds the bond of a guest: by the subject, or by a mapped attribute that an administrator linked.
func (a *attempt) bondOf(rec *store.Records, v *guest, attrs map[string]string) (store.Key, *bond, error) {
	k := userpool.BondKey(a.Pool.ID, v.from.Name, cognitoSubject, subjectOf(a.Pool, v))
	b, err := store.Load[bond](rec, k)
	if err != nil || b != nil {
		return k, b, err
	}
	for _, to := range slices.Sorted(maps.Keys(attrs)) {
		if flag := userpool.VerifiedFlag(to); flag != "" && strings.EqualFold(v.claims[flag], textFalse) {
			continue // the provider itself does not know whose address that is
		}
		k := userpool.BondKey(a.Pool.ID, v.from.Name, to, a.Pool.Normal(to, attrs[to]))
		if b, err := store.Load[bond](rec, k); err != nil || b != nil {
			return k, b, err
		}
	}
	return nil, nil, nil
}

// enter finds or makes the guest's user.
func (a *attempt) enter(rec *store.Records, v *guest, attrs map[string]string) (*arrival, error) {
	k, b, err := a.bondOf(rec, v, attrs)
	if err != nil {
		return nil, err
	}
	var u *userpool.User
	if b == nil {
		u, err = a.makeGuest(rec, v, attrs)
	} else {
		u, err = a.meetGuest(rec, v, attrs, k, b)
	}
	if err != nil {
		return nil, err
	}
	if err := userpool.StandingGuest(u); err != nil {
		return nil, err
	}
	m, err := a.MembershipOf(rec, u)
	if err != nil {
		return nil, err
	}
	return &arrival{passage: passage{Sub: u.Sub, Name: u.Username, Who: u.Sub, Epoch: u.Epoch, Passed: []string{stepFederated}}, user: u, groups: m}, nil
}

// admits says why a user may not sign in, by the way that the user came.
func (v *arrival) admits(u *userpool.User) error {
	if v.passed(stepFederated) {
		return userpool.StandingGuest(u)
	}
	return userpool.Standing(u)
}

// makeGuest makes the profile of a guest who is here for the first time. Its tenant is what the operator said of the
// provider, and nothing else.
func (a *attempt) makeGuest(rec *store.Records, v *guest, attrs map[string]string) (*userpool.User, error) {
	tenants := v.from.tenants()
	u := &userpool.User{
		Sub: uuid.NewString(), Username: usernameOf(a.Pool, v), Created: a.Call.Now, Modified: a.Call.Now, Attributes: maps.Clone(tenants),
		Status: api.UserStatusTypeExternalProvider, Provider: v.from.Name,
		Identities: []userpool.Identity{v.identity(a.Pool, a.Call.Now, true)},
	}
	if err := setMapped(a.Pool, u, attrs, true); err != nil {
		return nil, err
	}
	if err := requireMapped(a.Pool, u); err != nil {
		return nil, err
	}
	if err := a.CreateUser(rec, u, false); err != nil {
		return nil, err
	}
	if err := store.Save(rec, u.Identities[0].Key(a.Pool.ID), &bond{Sub: u.Sub, Tenants: tenants}); err != nil {
		return nil, err
	}
	return u, a.joinProvider(rec, u, v.from)
}

func (v *guest) identity(p *userpool.Pool, now time.Time, primary bool) userpool.Identity {
	return userpool.Identity{
		UserID: subjectOf(p, v), Attribute: cognitoSubject, Provider: v.from.Name, Type: v.from.Type, Issuer: v.issuer, Primary: primary, Created: now,
	}
}

// joinProvider puts a user into the provider's group ("Adding groups to a user pool").
func (c *scoped) joinProvider(rec *store.Records, u *userpool.User, from *provider) error {
	name := c.Pool.ID + "_" + from.Name
	g, err := store.Load[userpool.Group](rec, userpool.GroupKey(c.Pool.ID, name))
	if err != nil {
		return err
	}
	if g == nil {
		about := "Autogenerated group for users who sign in using " + from.Name
		g = &userpool.Group{Name: name, Description: &about, Created: c.Call.Now, Modified: c.Call.Now}
		if err := store.Save(rec, userpool.GroupKey(c.Pool.ID, name), g); err != nil {
			return err
		}
	}
	if err := store.Save(rec, userpool.InPool(c.Pool.ID, "member", name, u.Sub), &userpool.Ref{Sub: u.Sub}); err != nil {
		return err
	}
	return store.Save(rec, userpool.InPool(c.Pool.ID, "groups", u.Sub, name), &userpool.Ref{Sub: u.Sub})
}

// meetGuest finds the user that a guest's identity is bound to, and takes over what the provider says unless the bond
// is a link, whose user has attributes of its own.
func (a *attempt) meetGuest(rec *store.Records, v *guest, attrs map[string]string, k store.Key, b *bond) (*userpool.User, error) {
	before, err := store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, b.Sub))
	if err != nil {
		return nil, err
	}
	if before == nil || b.Disabled {
		return nil, refusedGuest("User is disabled for the provider %s.", v.from.Name)
	}
	u := before.Clone()
	if err := a.settleTenant(u, v, k, b); err != nil {
		return nil, err
	}
	if err := a.rebind(rec, u, v, k, b); err != nil {
		return nil, err
	}
	if !b.Linked {
		if err := setMapped(a.Pool, u, attrs, false); err != nil {
			return nil, err
		}
	}
	if maps.Equal(u.Attributes, before.Attributes) && slices.Equal(u.Identities, before.Identities) {
		return u, nil
	}
	u.Modified = a.Call.Now
	return u, a.Pool.SaveUser(rec, before, u, false)
}

// settleTenant holds the user to the provider's tenant. A user who came before the operator said whose the provider is
// becomes that tenant's, unless the user is somebody's already, or was vouched for by another issuer under the provider's
// name: whoever that was may still be signed in.
func (a *attempt) settleTenant(u *userpool.User, v *guest, k store.Key, b *bond) error {
	from, tenants := v.from, v.from.tenants()
	same := slices.ContainsFunc(u.Identities, func(i userpool.Identity) bool { return string(i.Key(a.Pool.ID)) == string(k) && i.Issuer == v.issuer })
	if len(b.Tenants) > 0 && !maps.Equal(b.Tenants, tenants) {
		return otherTenant(from)
	}
	for name, value := range tenants {
		switch {
		case u.Attributes[name] == value:
		case u.Attributes[name] == "" && len(b.Tenants) == 0 && !b.Linked && same:
			u.Put(name, value)
		default:
			return otherTenant(from)
		}
	}
	return nil
}

// speaksFor reports whether the user is of the provider's tenant, as it is now.
func (p *provider) speaksFor(u *userpool.User) bool {
	for name, value := range p.tenants() {
		if u.Attributes[name] != value {
			return false
		}
	}
	return true
}

func otherTenant(from *provider) error {
	return refusedGuest("The user is of another tenant than the provider %s.", from.Name)
}

// rebind keeps the bond under the guest's subject and with the provider's tenant.
func (a *attempt) rebind(rec *store.Records, u *userpool.User, v *guest, k store.Key, b *bond) error {
	now := v.identity(a.Pool, a.Call.Now, false)
	to := now.Key(a.Pool.ID)
	moved := string(k) != string(to)
	if !moved && len(b.Tenants) == len(v.from.tenants()) {
		return nil
	}
	b.Tenants = v.from.tenants()
	if moved {
		if err := rec.Delete(k); err != nil {
			return err
		}
		i := slices.IndexFunc(u.Identities, func(i userpool.Identity) bool { return string(i.Key(a.Pool.ID)) == string(k) })
		if i >= 0 {
			now.Created, now.Primary = u.Identities[i].Created, u.Identities[i].Primary
			u.Identities[i] = now
		}
	}
	return store.Save(rec, to, b)
}

// setMapped sets what a provider says. All is checked before any of it is set.
func setMapped(p *userpool.Pool, u *userpool.User, attrs map[string]string, creating bool) error {
	w := userpool.Writer{Admin: true, Creating: creating}
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		if i := userpool.AttributeIndex(p.Schema, name); i >= 0 && !p.Schema[i].Mutable && u.Attributes[name] == p.Normal(name, attrs[name]) {
			continue
		}
		if err := checkMapped(p, w, name, attrs[name]); err != nil {
			return err
		}
	}
	for name, value := range attrs {
		value = p.Normal(name, value)
		changed := u.Attributes[name] != value
		u.Put(name, value)
		delete(u.Pending, name)
		if flag := userpool.VerifiedFlag(name); flag != "" && changed && attrs[flag] == "" {
			u.Put(flag, textFalse)
		}
	}
	return nil
}

func checkMapped(p *userpool.Pool, w userpool.Writer, name, value string) error {
	i := userpool.AttributeIndex(p.Schema, name)
	if i < 0 || name == "sub" {
		return p.SchemaError(w, name, "Attribute does not exist in the schema.")
	}
	if !p.Schema[i].Mutable && !w.Creating {
		return refusal.Invalid("user.%s: Attribute cannot be updated.\n", name)
	}
	if wrong := p.Schema[i].Check(value); wrong != "" {
		return p.SchemaError(w, name, wrong)
	}
	return nil
}

// requireMapped checks that the provider said what the pool requires.
func requireMapped(p *userpool.Pool, u *userpool.User) error {
	var missing []string
	for i := range p.Schema {
		if a := &p.Schema[i]; a.Required && a.Name != "sub" && u.Attributes[a.Name] == "" {
			missing = append(missing, a.Name)
		}
	}
	if len(missing) > 0 {
		return refusal.Invalid("attributes required: [%s]", strings.Join(missing, ", "))
	}
	return nil
}

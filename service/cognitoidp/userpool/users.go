package userpool

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Fold is a name as the pool compares it.
func (p *Pool) Fold(name string) string {
	if p.CaseSensitive {
		return name
	}
	return strings.ToLower(name)
}

// Alias is a name of a user beside the username.
type Alias struct{ Attribute, Value string }

// AliasKey says whose an alias is.
func (p *Pool) AliasKey(a Alias) store.Key { return InPool(p.ID, "alias", a.Attribute, a.Value) }

// NameKey says whose a username is.
func (p *Pool) NameKey(name string) store.Key {
	return InPool(p.ID, "name", p.Fold(name))
}

// AliasesOf are the names that the user can be found by: username attributes always, alias attributes once verified
// ("Customizing sign-in attributes", Amazon Cognito Developer Guide).
func (p *Pool) AliasesOf(u *User) map[Alias]bool {
	out := map[Alias]bool{}
	if u == nil || u.federated() {
		return out // who comes from a provider is found by the provider's word alone
	}
	for _, name := range p.UsernameAttributes {
		if v := u.Attributes[name]; v != "" {
			out[Alias{name, p.Fold(v)}] = true
		}
	}
	for _, name := range p.Aliases {
		flag := VerifiedFlag(name)
		if v := u.Attributes[name]; v != "" && (flag == "" || u.Attributes[flag] == "true") {
			out[Alias{name, p.Fold(v)}] = true
		}
	}
	return out
}

// Find returns the user with the username, alias or sub, or nil.
func (p *Pool) Find(rec *store.Records, name string) (*User, error) {
	if name == "" {
		return nil, nil
	}
	keys := []store.Key{p.NameKey(name)}
	for _, attrs := range [][]string{p.UsernameAttributes, p.Aliases} {
		for _, a := range attrs {
			keys = append(keys, p.AliasKey(Alias{a, p.Fold(name)}))
		}
	}
	for _, k := range keys {
		r, err := store.Load[Ref](rec, k)
		if err != nil {
			return nil, err
		}
		if r != nil {
			return store.Load[User](rec, UserKey(p.ID, r.Sub))
		}
	}
	return store.Load[User](rec, UserKey(p.ID, name))
}

// MustFind is find with UserNotFoundException.
func (p *Pool) MustFind(rec *store.Records, name *string) (*User, error) {
	u, err := p.Find(rec, opt.Value(name))
	if err == nil && u == nil {
		err = refusal.UserNotFound()
	}
	return u, err
}

// Clone is a copy whose changes do not show in u.
func (u *User) Clone() *User {
	out := *u
	out.Attributes = maps.Clone(u.Attributes)
	out.Pending = maps.Clone(u.Pending)
	return &out
}

// SaveUser stores a user who was `before` (nil for a new one) and keeps the names in step. force takes aliases from whoever
// has them.
func (p *Pool) SaveUser(rec *store.Records, before, u *User, force bool) error {
	had, has := p.AliasesOf(before), p.AliasesOf(u)
	for a := range had {
		if !has[a] {
			if err := rec.Delete(p.AliasKey(a)); err != nil {
				return err
			}
		}
	}
	for a := range has {
		if !had[a] {
			if err := p.claim(rec, u, a, before == nil, force); err != nil {
				return err
			}
		}
	}
	if before == nil {
		if err := store.Save(rec, p.NameKey(u.Username), &Ref{u.Sub}); err != nil {
			return err
		}
	}
	return store.Save(rec, UserKey(p.ID, u.Sub), u)
}

func (p *Pool) claim(rec *store.Records, u *User, a Alias, created, force bool) error {
	k := p.AliasKey(a)
	taken, err := store.Load[Ref](rec, k)
	if err != nil {
		return err
	}
	if taken != nil && taken.Sub != u.Sub {
		switch {
		case slices.Contains(p.UsernameAttributes, a.Attribute):
			if created {
				return api.NewUsernameExistsException("An account with the given %s already exists.", a.Attribute)
			}
			return api.NewAliasExistsException("An account with the given %s already exists.", a.Attribute)
		case !force || VerifiedFlag(a.Attribute) == "":
			return api.NewAliasExistsException("An account with the %s already exists.", a.Attribute)
		}
		if err := p.unverify(rec, taken.Sub, a.Attribute); err != nil {
			return err
		}
	}
	if VerifiedFlag(a.Attribute) == "" {
		// No code shows that such a name is the user's: it must not be one that finds somebody else, be it by sub.
		other, err := p.Find(rec, a.Value)
		if err != nil {
			return err
		}
		if other != nil && other.Sub != u.Sub {
			return api.NewAliasExistsException("An account with the %s already exists.", a.Attribute)
		}
		if err := p.squats(rec, a.Value); err != nil {
			return err
		}
	}
	return store.Save(rec, k, &Ref{u.Sub})
}

// unverify takes an alias from a user: the address stays, and is no longer theirs to sign in with.
func (p *Pool) unverify(rec *store.Records, sub, attribute string) error {
	u, err := store.Load[User](rec, UserKey(p.ID, sub))
	if err != nil || u == nil {
		return err
	}
	u.Put(VerifiedFlag(attribute), "false")
	return store.Save(rec, UserKey(p.ID, sub), u)
}

// RemoveUser deletes a user with all that points to it.
func (p *Pool) RemoveUser(rec *store.Records, u *User) error {
	keys := []store.Key{
		UserKey(p.ID, u.Sub), p.NameKey(u.Username), TokenKey(p.ID, u.Sub), p.SpentKey(SpentSent, u.Sub),
		p.SpentKey(SpentGuess, u.Sub), p.SpentKey(SpentGuess, CodesOf(u.Sub)), p.SpentKey(SpentGuess, u.Sub+"/device"),
	}
	for a := range p.AliasesOf(u) {
		keys = append(keys, p.AliasKey(a))
	}
	if err := p.removeBonds(rec, u); err != nil {
		return err
	}
	groups, err := p.groupNames(rec, u.Sub)
	if err != nil {
		return err
	}
	for _, g := range groups {
		keys = append(keys, InPool(p.ID, "member", g, u.Sub), InPool(p.ID, "groups", u.Sub, g))
	}
	for _, purpose := range codePurposes {
		keys = append(keys, CodeKey(p.ID, u.Sub, purpose))
	}
	for _, prefix := range []store.Key{DevicesKey(p.ID, u.Sub), PasskeysKey(p.ID, u.Sub), EventsKey(p.ID, u.Sub), consentsKey(p.ID, u.Sub)} {
		err := rec.Scan(prefix, nil, func(k store.Key, _ []byte) bool {
			keys = append(keys, slices.Clone(k))
			if parts := k.Parts(); parts[2] == "passkey" {
				keys = append(keys, PasskeyOwnerKey(p.ID, parts[4]))
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	for _, k := range keys {
		if err := rec.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// SignOut revokes every token of the user.
func (c *Request) SignOut(u *User) {
	u.Epoch++
	u.SignedOut = c.Call.Now
}

// ChangeUser loads the user with the name, lets fn change it and saves it.
func (c *Request) ChangeUser(name *string, fn func(rec *store.Records, u *User) error) error {
	return c.Update(func(rec *store.Records) error {
		before, err := c.Pool.MustFind(rec, name)
		if err != nil {
			return err
		}
		u := before.Clone()
		if err := fn(rec, u); err != nil {
			return err
		}
		u.Modified = c.Call.Now
		return c.Pool.SaveUser(rec, before, u, false)
	})
}

// Describe is the user as lists show it.
func (u *User) Describe() api.UserType {
	_, _, options := u.MFA.Describe()
	return api.UserType{
		Username: new(u.Username), Attributes: AttributesOf(u, nil), Enabled: new(!u.Disabled), UserStatus: u.Status,
		UserCreateDate: new(u.Created), UserLastModifiedDate: new(u.Modified), MFAOptions: options,
	}
}

// NewUser makes a user under the name that somebody gave: the username itself, or, where addresses are usernames, the
// address of a user whose username is the sub.
func (c *Request) NewUser(name string, w Writer, attrs []api.AttributeType) (*User, error) {
	p := c.Pool
	u := &User{Sub: uuid.NewString(), Created: c.Call.Now, Modified: c.Call.Now, Attributes: map[string]string{}}
	if err := p.SetAttributes(u, w, attrs); err != nil {
		return nil, err
	}
	if len(p.UsernameAttributes) == 0 {
		u.Username = p.Fold(name)
		return u, p.checkUsername(name)
	}
	u.Username = u.Sub
	attribute, err := p.usernameAttribute(name)
	if err != nil {
		return nil, err
	}
	if given := u.Attributes[attribute]; given != "" && p.Fold(given) != p.Fold(name) {
		return nil, refusal.Invalid("Cannot have a different %s from the username.", attribute)
	}
	if u.Attributes[attribute] == "" {
		p.replace(u, w, attribute, name, u.Attributes)
	}
	return u, nil
}

// usernameAttribute says which of the pool's username attributes a name is.
func (p *Pool) usernameAttribute(name string) (string, error) {
	forms := map[string]bool{"email": EmailForm.MatchString(name), "phone_number": PhoneForm.MatchString(name)}
	for _, a := range p.UsernameAttributes {
		if forms[a] {
			return a, nil
		}
	}
	if len(p.UsernameAttributes) > 1 {
		return "", refusal.Invalid("Username should be either an email or a phone number.")
	}
	if p.UsernameAttributes[0] == "email" {
		return "", refusal.Invalid("Username should be an email.")
	}
	return "", refusal.Invalid("Username should be a phone number.")
}

// checkUsername refuses a username that could be mistaken for somebody's alias or sub.
func (p *Pool) checkUsername(name string) error {
	switch {
	case slices.Contains(p.Aliases, "email") && EmailForm.MatchString(name):
		return refusal.Invalid("Username cannot be of email format, since user pool is configured for email alias.")
	case slices.Contains(p.Aliases, "phone_number") && PhoneForm.MatchString(name):
		return refusal.Invalid("Username cannot be of phone number format, since user pool is configured for phone number alias.")
	}
	return nil
}

// CreateUser stores a new user.
func (c *Request) CreateUser(rec *store.Records, u *User, force bool) error {
	if err := c.Pool.freeName(rec, u); err != nil {
		return err
	}
	if c.Pool.Gone(rec) {
		return refusal.PoolNotFound(c.Pool.ID)
	}
	return c.Pool.SaveUser(rec, nil, u, force)
}

// freeName refuses a username that is taken or would be that of a provider's user. Whom a provider sends has the name
// though it is another's address: such an address is nobody's word against the provider's, and usernames are found first.
func (p *Pool) freeName(rec *store.Records, u *User) error {
	find := p.Find
	if u.federated() {
		find = func(rec *store.Records, name string) (*User, error) {
			taken, err := p.Named(rec, name)
			if fault.Is(err, "UserNotFoundException") {
				return nil, nil
			}
			return taken, err
		}
	}
	taken, err := find(rec, u.Username)
	switch {
	case err != nil:
		return err
	case taken != nil:
		return api.NewUsernameExistsException("User already exists")
	case u.federated():
		return nil
	}
	return p.squats(rec, u.Username)
}

// Gone reports whether the pool was deleted since its facts were read, so that nothing is made in it any more.
func (p *Pool) Gone(rec *store.Records) bool {
	_, ok, err := rec.Get(PoolKey(p.ID))
	return err != nil || !ok
}

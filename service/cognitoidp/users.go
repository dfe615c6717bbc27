package cognitoidp

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

// fold is a name as the pool compares it.
func (p *pool) fold(name string) string {
	if p.CaseSensitive {
		return name
	}
	return strings.ToLower(name)
}

// alias is a name of a user beside the username.
type alias struct{ attribute, value string }

func (p *pool) aliasKey(a alias) store.Key { return inPool(p.ID, "alias", a.attribute, a.value) }

func (p *pool) nameKey(name string) store.Key {
	return inPool(p.ID, "name", p.fold(name))
}

// aliasesOf are the names that the user can be found by: username attributes always, alias attributes once verified
// ("Customizing sign-in attributes", Amazon Cognito Developer Guide).
func (p *pool) aliasesOf(u *user) map[alias]bool {
	out := map[alias]bool{}
	if u == nil || u.federated() {
		return out // who comes from a provider is found by the provider's word alone
	}
	for _, name := range p.UsernameAttributes {
		if v := u.Attributes[name]; v != "" {
			out[alias{name, p.fold(v)}] = true
		}
	}
	for _, name := range p.Aliases {
		flag := verifiedFlag(name)
		if v := u.Attributes[name]; v != "" && (flag == "" || u.Attributes[flag] == "true") {
			out[alias{name, p.fold(v)}] = true
		}
	}
	return out
}

// find returns the user with the username, alias or sub, or nil.
func (p *pool) find(rec *store.Records, name string) (*user, error) {
	if name == "" {
		return nil, nil
	}
	keys := []store.Key{p.nameKey(name)}
	for _, attrs := range [][]string{p.UsernameAttributes, p.Aliases} {
		for _, a := range attrs {
			keys = append(keys, p.aliasKey(alias{a, p.fold(name)}))
		}
	}
	for _, k := range keys {
		r, err := store.Load[ref](rec, k)
		if err != nil {
			return nil, err
		}
		if r != nil {
			return store.Load[user](rec, userKey(p.ID, r.Sub))
		}
	}
	return store.Load[user](rec, userKey(p.ID, name))
}

// mustFind is find with UserNotFoundException.
func (p *pool) mustFind(rec *store.Records, name *string) (*user, error) {
	u, err := p.find(rec, opt.Value(name))
	if err == nil && u == nil {
		err = refusal.UserNotFound()
	}
	return u, err
}

// clone is a copy whose changes do not show in u.
func (u *user) clone() *user {
	out := *u
	out.Attributes = maps.Clone(u.Attributes)
	out.Pending = maps.Clone(u.Pending)
	return &out
}

// save stores a user who was `before` (nil for a new one) and keeps the names in step. force takes aliases from whoever
// has them.
func (p *pool) save(rec *store.Records, before, u *user, force bool) error {
	had, has := p.aliasesOf(before), p.aliasesOf(u)
	for a := range had {
		if !has[a] {
			if err := rec.Delete(p.aliasKey(a)); err != nil {
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
		if err := store.Save(rec, p.nameKey(u.Username), &ref{u.Sub}); err != nil {
			return err
		}
	}
	return store.Save(rec, userKey(p.ID, u.Sub), u)
}

func (p *pool) claim(rec *store.Records, u *user, a alias, created, force bool) error {
	k := p.aliasKey(a)
	taken, err := store.Load[ref](rec, k)
	if err != nil {
		return err
	}
	if taken != nil && taken.Sub != u.Sub {
		switch {
		case slices.Contains(p.UsernameAttributes, a.attribute):
			if created {
				return api.NewUsernameExistsException("An account with the given %s already exists.", a.attribute)
			}
			return api.NewAliasExistsException("An account with the given %s already exists.", a.attribute)
		case !force || verifiedFlag(a.attribute) == "":
			return api.NewAliasExistsException("An account with the %s already exists.", a.attribute)
		}
		if err := p.unverify(rec, taken.Sub, a.attribute); err != nil {
			return err
		}
	}
	if verifiedFlag(a.attribute) == "" {
		// No code shows that such a name is the user's: it must not be one that finds somebody else, be it by sub.
		other, err := p.find(rec, a.value)
		if err != nil {
			return err
		}
		if other != nil && other.Sub != u.Sub {
			return api.NewAliasExistsException("An account with the %s already exists.", a.attribute)
		}
		if err := p.squats(rec, a.value); err != nil {
			return err
		}
	}
	return store.Save(rec, k, &ref{u.Sub})
}

// unverify takes an alias from a user: the address stays, and is no longer theirs to sign in with.
func (p *pool) unverify(rec *store.Records, sub, attribute string) error {
	u, err := store.Load[user](rec, userKey(p.ID, sub))
	if err != nil || u == nil {
		return err
	}
	u.put(verifiedFlag(attribute), "false")
	return store.Save(rec, userKey(p.ID, sub), u)
}

// remove deletes a user with all that points to it.
func (p *pool) remove(rec *store.Records, u *user) error {
	keys := []store.Key{
		userKey(p.ID, u.Sub), p.nameKey(u.Username), tokenKey(p.ID, u.Sub), p.spentKey(spentSent, u.Sub),
		p.spentKey(spentGuess, u.Sub), p.spentKey(spentGuess, codesOf(u.Sub)), p.spentKey(spentGuess, u.Sub+"/device"),
	}
	for a := range p.aliasesOf(u) {
		keys = append(keys, p.aliasKey(a))
	}
	if err := p.removeBonds(rec, u); err != nil {
		return err
	}
	groups, err := p.groupNames(rec, u.Sub)
	if err != nil {
		return err
	}
	for _, g := range groups {
		keys = append(keys, inPool(p.ID, "member", g, u.Sub), inPool(p.ID, "groups", u.Sub, g))
	}
	for _, purpose := range codePurposes {
		keys = append(keys, codeKey(p.ID, u.Sub, purpose))
	}
	for _, prefix := range []store.Key{devicesKey(p.ID, u.Sub), passkeysKey(p.ID, u.Sub), eventsKey(p.ID, u.Sub), consentsKey(p.ID, u.Sub)} {
		err := rec.Scan(prefix, nil, func(k store.Key, _ []byte) bool {
			keys = append(keys, slices.Clone(k))
			if parts := k.Parts(); parts[2] == "passkey" {
				keys = append(keys, passkeyOwnerKey(p.ID, parts[4]))
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

// signOut revokes every token of the user.
func (c *Request) signOut(u *user) {
	u.Epoch++
	u.SignedOut = c.call.Now
}

// change loads the user with the name, lets fn change it and saves it.
func (c *Request) change(name *string, fn func(rec *store.Records, u *user) error) error {
	return c.update(func(rec *store.Records) error {
		before, err := c.pool.mustFind(rec, name)
		if err != nil {
			return err
		}
		u := before.clone()
		if err := fn(rec, u); err != nil {
			return err
		}
		u.Modified = c.call.Now
		return c.pool.save(rec, before, u, false)
	})
}

// describe is the user as lists show it.
func (u *user) describe() api.UserType {
	_, _, options := u.MFA.describe()
	return api.UserType{
		Username: new(u.Username), Attributes: attributesOf(u, nil), Enabled: new(!u.Disabled), UserStatus: u.Status,
		UserCreateDate: new(u.Created), UserLastModifiedDate: new(u.Modified), MFAOptions: options,
	}
}

// newUser makes a user under the name that somebody gave: the username itself, or, where addresses are usernames, the
// address of a user whose username is the sub.
func (c *Request) newUser(name string, w writer, attrs []api.AttributeType) (*user, error) {
	p := c.pool
	u := &user{Sub: uuid.NewString(), Created: c.call.Now, Modified: c.call.Now, Attributes: map[string]string{}}
	if err := p.set(u, w, attrs); err != nil {
		return nil, err
	}
	if len(p.UsernameAttributes) == 0 {
		u.Username = p.fold(name)
		return u, p.checkUsername(name)
	}
	u.Username = u.Sub
	attribute, err := p.usernameAttribute(name)
	if err != nil {
		return nil, err
	}
	if given := u.Attributes[attribute]; given != "" && p.fold(given) != p.fold(name) {
		return nil, refusal.Invalid("Cannot have a different %s from the username.", attribute)
	}
	if u.Attributes[attribute] == "" {
		p.replace(u, w, attribute, name, u.Attributes)
	}
	return u, nil
}

// usernameAttribute says which of the pool's username attributes a name is.
func (p *pool) usernameAttribute(name string) (string, error) {
	forms := map[string]bool{"email": emailForm.MatchString(name), "phone_number": phoneForm.MatchString(name)}
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
func (p *pool) checkUsername(name string) error {
	switch {
	case slices.Contains(p.Aliases, "email") && emailForm.MatchString(name):
		return refusal.Invalid("Username cannot be of email format, since user pool is configured for email alias.")
	case slices.Contains(p.Aliases, "phone_number") && phoneForm.MatchString(name):
		return refusal.Invalid("Username cannot be of phone number format, since user pool is configured for phone number alias.")
	}
	return nil
}

// create stores a new user.
func (c *Request) create(rec *store.Records, u *user, force bool) error {
	if err := c.pool.freeName(rec, u); err != nil {
		return err
	}
	if c.pool.gone(rec) {
		return refusal.PoolNotFound(c.pool.ID)
	}
	return c.pool.save(rec, nil, u, force)
}

// freeName refuses a username that is taken or would be that of a provider's user. Whom a provider sends has the name
// though it is another's address: such an address is nobody's word against the provider's, and usernames are found first.
func (p *pool) freeName(rec *store.Records, u *user) error {
	find := p.find
	if u.federated() {
		find = func(rec *store.Records, name string) (*user, error) {
			taken, err := p.named(rec, name)
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

// gone reports whether the pool was deleted since its facts were read, so that nothing is made in it any more.
func (p *pool) gone(rec *store.Records) bool {
	_, ok, err := rec.Get(poolKey(p.ID))
	return err != nil || !ok
}

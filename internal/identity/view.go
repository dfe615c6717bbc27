package identity

import (
	"strings"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Service is the signing name of IAM, whose records these are; OrganizationsService that of Organizations.
const (
	Service              = "iam"
	OrganizationsService = "organizations"
)

// View reads and writes the IAM records of one account. Names are unique without regard to case, as in IAM.
type View struct {
	// Account is the account's id.
	Account string
	records *store.Records
}

// In is the view of an account's records in a transaction that covers them.
func In(tx *store.Tx, account string) (*View, error) {
	r, err := tx.Records(account, "")
	if err != nil {
		return nil, err
	}
	return &View{account, r}, nil
}

// Changed drops what is cached of the account once the transaction commits. Every Put and Delete here does it.
func (v *View) Changed() { v.records.Changed() }

func fold(s string) string { return strings.ToLower(s) }

// Records of an account, by the first part of their keys.
const (
	keyUser     = "user"
	keyGroup    = "group"
	keyRole     = "role"
	keyKey      = "key"      // access key id
	keyUsed     = "used"     // access key id or "role", name
	keyPolicy   = "policy"   // lower-case name
	keyOIDC     = "oidc"     // URL
	keySAML     = "saml"     // name, which is case-sensitive
	keyMember   = "member"   // group, user
	keyUse      = "use"      // policy ARN, as, kind, name
	keyID       = "id"       // unique id
	keySettings = "settings" // one
	keyCount    = "count"    // what
)

func put[T any](v *View, k store.Key, rec *T) error {
	v.records.Changed()
	return store.Save(v.records, k, rec)
}

func (v *View) remove(k store.Key) error {
	v.records.Changed()
	return v.records.Delete(k)
}

// each lists records in order of their lower-case names, after the name `after` if it is not "".
func each[T any](v *View, kind, after string, yield func(*T) bool) error {
	var from store.Key
	if after != "" {
		from = store.K(kind, fold(after))
	}
	return store.Each(v.records, store.K(kind), from, func(_ store.Key, rec *T) bool { return yield(rec) })
}

// User returns a user; nil if there is none.
func (v *View) User(name string) (*User, error) {
	return store.Load[User](v.records, store.K(keyUser, fold(name)))
}

// PutUser stores a user.
func (v *View) PutUser(u *User) error {
	if err := v.putID(&u.Entity); err != nil {
		return err
	}
	return put(v, store.K(keyUser, fold(u.Name)), u)
}

// DeleteUser removes the user's record. What refers to it (memberships, attachments, keys) is the caller's to remove.
func (v *View) DeleteUser(u *User) error {
	if err := v.remove(store.K(keyID, u.ID)); err != nil {
		return err
	}
	return v.remove(store.K(keyUser, fold(u.Name)))
}

// Users lists users in order of their names, after a name if it is not "".
func (v *View) Users(after string, yield func(*User) bool) error {
	return each(v, keyUser, after, yield)
}

// Group returns a group; nil if there is none.
func (v *View) Group(name string) (*Group, error) {
	return store.Load[Group](v.records, store.K(keyGroup, fold(name)))
}

// PutGroup stores a group.
func (v *View) PutGroup(g *Group) error { return put(v, store.K(keyGroup, fold(g.Name)), g) }

// DeleteGroup removes the group's record.
func (v *View) DeleteGroup(g *Group) error { return v.remove(store.K(keyGroup, fold(g.Name))) }

// Groups lists groups in order of their names.
func (v *View) Groups(after string, yield func(*Group) bool) error {
	return each(v, keyGroup, after, yield)
}

// Role returns a role; nil if there is none.
func (v *View) Role(name string) (*Role, error) {
	return store.Load[Role](v.records, store.K(keyRole, fold(name)))
}

// PutRole stores a role.
func (v *View) PutRole(r *Role) error {
	if err := v.putID(&r.Entity); err != nil {
		return err
	}
	return put(v, store.K(keyRole, fold(r.Name)), r)
}

// DeleteRole removes the role's record and what is known of its use.
func (v *View) DeleteRole(r *Role) error {
	if err := v.remove(store.K(keyUsed, keyRole, fold(r.Name))); err != nil {
		return err
	}
	if err := v.remove(store.K(keyID, r.ID)); err != nil {
		return err
	}
	return v.remove(store.K(keyRole, fold(r.Name)))
}

// Roles lists roles in order of their names.
func (v *View) Roles(after string, yield func(*Role) bool) error {
	return each(v, keyRole, after, yield)
}

// owner is what a unique id stands for.
type owner struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

func (v *View) putID(e *Entity) error {
	return put(v, store.K(keyID, e.ID), &owner{e.Kind, e.Name})
}

// ByID returns the user or role that has the unique id now; nil if there is none.
func (v *View) ByID(id string) (*Entity, error) {
	o, err := store.Load[owner](v.records, store.K(keyID, id))
	if err != nil || o == nil {
		return nil, err
	}
	e, err := v.Entity(o.Kind, o.Name)
	if err != nil || e == nil || e.ID != id {
		return nil, err
	}
	return e, nil
}

// Entity returns a user, group or role; nil if there is none.
func (v *View) Entity(kind Kind, name string) (*Entity, error) {
	switch kind {
	case KindUser:
		if u, err := v.User(name); u != nil {
			return &u.Entity, err
		} else {
			return nil, err
		}
	case KindGroup:
		if g, err := v.Group(name); g != nil {
			return &g.Entity, err
		} else {
			return nil, err
		}
	case KindRole:
		if r, err := v.Role(name); r != nil {
			return &r.Entity, err
		} else {
			return nil, err
		}
	}
	return nil, nil
}

// Key returns an access key; nil if there is none.
func (v *View) Key(id string) (*Key, error) { return store.Load[Key](v.records, store.K(keyKey, id)) }

// PutKey stores an access key.
func (v *View) PutKey(k *Key) error { return put(v, store.K(keyKey, k.ID), k) }

// DeleteKey removes an access key and what is known of its use.
func (v *View) DeleteKey(id string) error {
	if err := v.remove(store.K(keyUsed, id)); err != nil {
		return err
	}
	return v.remove(store.K(keyKey, id))
}

// KeyUsed returns when an access key was last used; nil if it never was.
func (v *View) KeyUsed(id string) (*Used, error) {
	return store.Load[Used](v.records, store.K(keyUsed, id))
}

// RoleUsed returns when a role was last used; nil if it never was.
func (v *View) RoleUsed(name string) (*Used, error) {
	return store.Load[Used](v.records, store.K(keyUsed, keyRole, fold(name)))
}

// Policy returns a customer managed policy by its name; nil if there is none.
func (v *View) Policy(name string) (*Policy, error) {
	return store.Load[Policy](v.records, store.K(keyPolicy, fold(name)))
}

// PolicyByARN returns a managed policy, of the account or AWS's; nil if there is none.
func (v *View) PolicyByARN(policyARN string) (*Policy, error) {
	if p := AWSManaged(policyARN); p != nil {
		return p, nil
	}
	a, ok := arn.Parse(policyARN)
	if kind, _ := a.Type(); !ok || a.Service != Service || a.Account != v.Account || kind != "policy" {
		return nil, nil
	}
	p, err := v.Policy(a.Name())
	if err != nil || p == nil || p.ARN() != policyARN {
		return nil, err
	}
	return p, nil
}

// PutPolicy stores a managed policy.
func (v *View) PutPolicy(p *Policy) error { return put(v, store.K(keyPolicy, fold(p.Name)), p) }

// DeletePolicy removes a managed policy's record.
func (v *View) DeletePolicy(p *Policy) error { return v.remove(store.K(keyPolicy, fold(p.Name))) }

// Policies lists the account's managed policies in order of their names.
func (v *View) Policies(after string, yield func(*Policy) bool) error {
	return each(v, keyPolicy, after, yield)
}

// OIDC returns an OpenID Connect provider by its URL without scheme; nil if there is none.
func (v *View) OIDC(url string) (*OIDCProvider, error) {
	return store.Load[OIDCProvider](v.records, store.K(keyOIDC, url))
}

// PutOIDC stores a provider.
func (v *View) PutOIDC(p *OIDCProvider) error { return put(v, store.K(keyOIDC, p.URL), p) }

// DeleteOIDC removes a provider.
func (v *View) DeleteOIDC(url string) error { return v.remove(store.K(keyOIDC, url)) }

// OIDCs lists the account's providers.
func (v *View) OIDCs(yield func(*OIDCProvider) bool) error { return each(v, keyOIDC, "", yield) }

// Settings returns the account's settings; the zero value if it has none.
func (v *View) Settings() (*Settings, error) {
	s, err := store.Load[Settings](v.records, store.K(keySettings))
	if err == nil && s == nil {
		s = &Settings{}
	}
	return s, err
}

// PutSettings stores the account's settings.
func (v *View) PutSettings(s *Settings) error { return put(v, store.K(keySettings), s) }

// Counted is what an account has a quota of.
type Counted string

// The kinds of records that are counted.
const (
	CountUsers     Counted = keyUser
	CountGroups    Counted = keyGroup
	CountRoles     Counted = keyRole
	CountPolicies  Counted = keyPolicy
	CountProviders Counted = keyOIDC
	CountSAML      Counted = keySAML
)

// Count adds to the number of records and returns it. Who makes or removes a record calls it; counting by reading them
// all would make every change of one conflict with every creation of another.
func (v *View) Count(what Counted, add int) (int, error) {
	n, err := store.Load[int](v.records, store.K(keyCount, string(what)))
	if err != nil {
		return 0, err
	}
	if n == nil {
		n = new(int)
	}
	*n += add
	return *n, store.Save(v.records, store.K(keyCount, string(what)), n)
}

package userpool

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Identity is an account at a provider by which a user signs in.
type Identity struct {
	// UserID is the value, Attribute what it is of: the subject, or a mapped attribute until the first sign-in.
	UserID, Attribute string
	Provider          string
	Type              api.IdentityProviderTypeType
	Issuer            string
	// Primary is true of the identity that the profile was made for.
	Primary bool
	Created time.Time
}

// BondsKey is where the bonds of a pool are.
func BondsKey(pool string) store.Key { return InPool(pool, "identity") }

// BondKey is where the bond of an identity is. The value is hashed, for it can be of any length.
func BondKey(pool, provider, attribute, value string) store.Key {
	sum := sha256.Sum256([]byte(value))
	return InPool(pool, "identity", provider, attribute, base64.RawURLEncoding.EncodeToString(sum[:]))
}

// Key is where the bond of the identity is.
func (i *Identity) Key(pool string) store.Key {
	return BondKey(pool, i.Provider, i.Attribute, i.UserID)
}

// identityClaim is the identities attribute and claim, as Cognito writes them.
type identityClaim struct {
	DateCreated  string  `json:"dateCreated"`
	UserID       string  `json:"userId"`
	ProviderName string  `json:"providerName"`
	ProviderType string  `json:"providerType"`
	Issuer       *string `json:"issuer"`
	Primary      string  `json:"primary"`
}

// AttributeIdentities shows the identities of a user.
const AttributeIdentities = "identities"

// IdentityClaims are the identities of a user as tokens and answers show them.
func (u *User) IdentityClaims() []identityClaim {
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

// IdentitiesText is the attribute identities; "" if the user has none.
func (u *User) IdentitiesText() string {
	if len(u.Identities) == 0 {
		return ""
	}
	b, err := json.Marshal(u.IdentityClaims())
	if err != nil {
		return "" // texts always encode
	}
	return string(b)
}

// federated reports whether the profile was made for a provider's user: its addresses are no names to sign in with.
func (u *User) federated() bool { return u.Provider != "" }

// removeBonds takes away the bonds of a user who is deleted.
func (p *Pool) removeBonds(rec *store.Records, u *User) error {
	for i := range u.Identities {
		if err := rec.Delete(u.Identities[i].Key(p.ID)); err != nil {
			return err
		}
	}
	return nil
}

// squats refuses a name that would be the username of a provider's user.
func (p *Pool) squats(rec *store.Records, name string) error {
	prefix, _, ok := strings.Cut(name, "_") // names of providers have no "_"
	if !ok {
		return nil
	}
	_, found, err := rec.Get(ProviderNameKey(p.ID, prefix))
	if err == nil && found {
		err = refusal.Invalid("Username cannot begin with the name of an identity provider.")
	}
	return err
}

// Named loads the user whose username or sub the name is: not one whose address it is.
func (p *Pool) Named(rec *store.Records, name string) (*User, error) {
	sub := name
	r, err := store.Load[Ref](rec, p.NameKey(name))
	if err != nil {
		return nil, err
	}
	if r != nil {
		sub = r.Sub
	}
	return Must[User](rec, UserKey(p.ID, sub), refusal.UserNotFound())
}

// ProviderNameKey holds a name whatever its case: names that differ in it alone would make usernames that do.
func ProviderNameKey(pool, name string) store.Key {
	return InPool(pool, "provider-name", strings.ToLower(name))
}

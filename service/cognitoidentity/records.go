package cognitoidentity

import (
	"slices"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/store"
)

// The records of the service, by account and region of the pool:
//
//	pool / <pool id>                                   pool
//	in / <pool id> / identity / <identity id>          identityRecord
//	in / <pool id> / login / <provider> / <subject>    ref to the identity
//	in / <pool id> / developer / <provider> / <user>   ref to the identity
//
// The directory, which belongs to no account:
//
//	pool / <pool id>                                   place
//	identity / <identity id>                           place
//	key                                                signingKey
func poolKey(id string) store.Key { return store.K("pool", id) }

func identityPrefix(pool string) store.Key { return store.K("in", pool, "identity") }

func identityKey(pool, id string) store.Key { return store.K("in", pool, "identity", id) }

func loginKey(pool string, l login) store.Key {
	kind := "login"
	if l.Developer {
		kind = "developer"
	}
	return store.K("in", pool, kind, l.Provider, l.Subject)
}

var signingKeyKey = store.K("key")

// place is where the records of a pool or identity are. Ids never come to mean another place.
type place struct {
	Account, Region, Pool string
}

// ref points to an identity.
type ref struct{ ID string }

// login is a subject of a provider: whom a token is about.
type login struct {
	Provider, Subject string
	// Developer says that the provider is the pool's developer provider and the subject a user of the developer's own: no
	// token proves it, so nobody but the developer may say it.
	Developer bool `json:",omitempty"`
}

// identityRecord is an identity. One without logins is a guest's, unless it is closed.
type identityRecord struct {
	ID                string
	Logins            []login
	Created, Modified time.Time
	// Closed says that the last login was unlinked, or that another identity took all of them: nobody acts as this
	// identity any more. It is not a guest's, since its id was no secret.
	Closed bool `json:",omitempty"`
}

func (r *identityRecord) has(l login) bool { return slices.Contains(r.Logins, l) }

// hasOther reports whether another subject of the login's provider is linked, of which there may be one only. Of the
// developer's users there may be several.
func (r *identityRecord) hasOther(l login) bool {
	return !l.Developer && slices.ContainsFunc(r.Logins, func(have login) bool {
		return !have.Developer && have.Provider == l.Provider && have != l
	})
}

func (r *identityRecord) providers() []string {
	names := make([]string, 0, len(r.Logins))
	for _, l := range r.Logins {
		if !slices.Contains(names, l.Provider) {
			names = append(names, l.Provider)
		}
	}
	return names
}

// pool is an identity pool. A cached one is shared: it is never changed.
type pool struct {
	ID, Account, Region string
	Created             time.Time
	settings
	Tags map[string]string
	// Roles are by "authenticated" and "unauthenticated".
	Roles map[string]string
	// Mappings are by provider as SetIdentityPoolRoles names it.
	Mappings map[string]api.RoleMapping
	// TagMaps are by provider name.
	TagMaps map[string]tagMap
}

// settings are those that UpdateIdentityPool sets anew as a whole.
type settings struct {
	Name      string
	Guests    bool
	Classic   bool
	UserPools []api.CognitoIdentityProvider
	// OIDC are ARNs of providers in IAM.
	OIDC []string
	// SAML are ARNs of SAML providers in IAM.
	SAML []string
	// Developer is the name of the developer provider; "" if there is none.
	Developer string
	// Social are application ids, separated by commas, by the names of public providers.
	Social map[string]string
}

// tagMap says which claims of a provider's tokens become principal tags.
type tagMap struct {
	Defaults bool
	// Tags are claim names by tag key.
	Tags map[string]string
}

func (p *pool) arn() string { return poolARN(p.Account, p.Region, p.ID) }

func poolARN(account, region, id string) string {
	return "arn:aws:" + serviceName + ":" + region + ":" + account + ":identitypool/" + id
}

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
	return store.K("in", pool, "login", l.Provider, l.Subject)
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
}

// identityRecord is an identity. One without logins is a guest's.
type identityRecord struct {
	ID                string
	Logins            []login
	Created, Modified time.Time
}

func (r *identityRecord) has(l login) bool { return slices.Contains(r.Logins, l) }

// hasProvider reports whether another subject of the login's provider is linked.
func (r *identityRecord) hasProvider(provider string) bool {
	return slices.ContainsFunc(r.Logins, func(l login) bool { return l.Provider == provider })
}

func (r *identityRecord) providers() []string {
	names := make([]string, 0, len(r.Logins))
	for _, l := range r.Logins {
		names = append(names, l.Provider)
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

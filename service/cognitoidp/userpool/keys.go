package userpool

import "github.com/bulkhead/bulkhead/internal/store"

// The records of the service, by account and region of the pool:
//
//	pool / <pool id>                                   pool
//	in / <pool id> / client / <client id>              client
//	in / <pool id> / user / <sub>                      user
//	in / <pool id> / name / <username, folded>         ref to the user
//	in / <pool id> / alias / <attribute> / <value>     ref to the user
//	in / <pool id> / group / <name>                    group
//	in / <pool id> / import / <job id>                 importJob
//	in / <pool id> / import-part / <job id> / <n>      sealed piece of its file
//	in / <pool id> / import-log / <job id> / <line>    importFailure
//	in / <pool id> / provider / <name>                 provider
//	in / <pool id> / provider-name / <name, lower case>  identifier
//	in / <pool id> / provider-identifier / <text>      identifier
//	in / <pool id> / identity / <provider> / <attribute> / <hash of the value>   bond
//	in / <pool id> / saml / <use>                      samlPair
//	in / <pool id> / risk / <client id, or "-">        riskSettings
//	in / <pool id> / auth-event / <sub> / <t> / <id>   authEvent, the latest first
//	in / <pool id> / resource-server / <identifier>    resourceServer
//	in / <pool id> / branding / <id>                   branding
//	in / <pool id> / branded / <client id>             ref to the branding
//	in / <pool id> / ui / <client id or ALL>           customization
//	in / <pool id> / terms / <id>                      terms
//	in / <pool id> / member / <group> / <sub>          ref
//	in / <pool id> / groups / <sub> / <group>          ref
//	in / <pool id> / code / <sub> / <purpose>          code
//	in / <pool id> / device / <sub> / <device key>     device
//	in / <pool id> / passkey / <sub> / <id>            passkeyRecord
//	in / <pool id> / passkeyid / <id>                  ref to the user, for a passkey that names nobody
//	in / <pool id> / guess / <who>                     guesses
//	in / <pool id> / token / <sub>                     softwareToken
//	in / <pool id> / sent / <who>                      tally
//	in / <pool id> / family / <origin>                 family
//	in / <pool id> / spent / <kind> / <id>             spent
//	in / <pool id> / expiry / <time> / <kind> / <id>   expiry of a spent or guess record
//	mail / <time>                                      sealed message
//	gone / <pool id>                                   a pool whose contents are still to be deleted
//
// The directory says where a pool, a client and a domain are, which are found by names that are unique in the server.

// EventsKey is where the log of a user's sign-ins is.
func EventsKey(pool, sub string) store.Key { return InPool(pool, "auth-event", sub) }

// CodeKey is where the user's code for a purpose is.
func CodeKey(pool, sub, purpose string) store.Key { return InPool(pool, "code", sub, purpose) }

// consentsKey is where the app clients are that the user let have something.
func consentsKey(pool, sub string) store.Key { return InPool(pool, "consent", sub) }

// DevicesKey is where the user's devices are.
func DevicesKey(pool, sub string) store.Key { return InPool(pool, "device", sub) }

// PasskeysKey is where the user's passkeys are.
func PasskeysKey(pool, sub string) store.Key { return InPool(pool, "passkey", sub) }

// PasskeyOwnerKey says whose a passkey is that names nobody.
func PasskeyOwnerKey(pool, id string) store.Key { return InPool(pool, "passkeyid", id) }

// PoolKey is where a pool is.
func PoolKey(id string) store.Key { return store.K("pool", id) }

// GoneKey marks a deleted pool.
func GoneKey(id string) store.Key { return store.K("gone", id) }

// InPool is a key within a pool.
func InPool(id string, parts ...string) store.Key {
	return store.K(append([]string{"in", id}, parts...)...)
}

// ClientKey is where an app client is.
func ClientKey(pool, id string) store.Key { return InPool(pool, "client", id) }

// UserKey is where a user is.
func UserKey(pool, sub string) store.Key { return InPool(pool, "user", sub) }

// GroupKey is where a group is.
func GroupKey(pool, name string) store.Key {
	return InPool(pool, "group", name)
}

// TokenKey is where the secret of a user's authenticator app is.
func TokenKey(pool, sub string) store.Key { return InPool(pool, "token", sub) }

// ProviderKey is where an identity provider is.
func ProviderKey(pool, name string) store.Key { return InPool(pool, "provider", name) }

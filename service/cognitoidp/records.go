package cognitoidp

import (
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/store"
)

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
func poolKey(id string) store.Key { return store.K("pool", id) }

func goneKey(id string) store.Key { return store.K("gone", id) }

func inPool(id string, parts ...string) store.Key {
	return store.K(append([]string{"in", id}, parts...)...)
}

// place is where the records of a pool or client are.
type place struct {
	Account, Region, Pool string
}

// ref points to a user.
type ref struct{ Sub string }

// pool is a user pool. A cached one is shared: it is never changed.
type pool struct {
	ID, Name, Account, Region string
	Created, Modified         time.Time
	Tags                      map[string]string
	Settings                  settings
	MFA                       poolMFA
	// Passkeys is nil where there are none.
	Passkeys           *passkeySettings
	Schema             []attribute
	AutoVerified       []string
	Aliases            []string
	UsernameAttributes []string
	CaseSensitive      bool
	// HasUsernameConfig is true when case was decided by the caller.
	HasUsernameConfig bool
	// Domains are where the pool's pages are: at most a prefix and a custom one.
	Domains []domain
	// Keys sign ID tokens and access tokens, in this order. They are made when they are first needed (withKeys).
	Keys [2]signingKey
	// KeysSign is when Keys begin to sign, if they are published ahead: until then, those that they replace do.
	KeysSign time.Time
	// Retired are keys that sign no more, whose tokens still hold.
	Retired []retiredKey
}

// settings are those that UpdateUserPool sets anew as a whole.
type settings struct {
	Password           passwordPolicy
	DeletionProtection bool
	AdminOnly          bool
	UnusedDays         int32
	Invite             *api.MessageTemplateType
	EmailMessage       *string
	EmailSubject       *string
	SMSMessage         *string
	Template           *api.VerificationMessageTemplateType
	Email              *api.EmailConfigurationType
	SMS                *api.SmsConfigurationType
	Recovery           *api.AccountRecoverySettingType
	Tier               api.UserPoolTierType
	FirstFactors       []string // of a sign-in; empty is PASSWORD alone
	// Protection is the AdvancedSecurityMode; "" is OFF.
	Protection api.AdvancedSecurityModeType
	// VerifyFirst are the attributes whose changes wait for verification.
	VerifyFirst []string
	// Devices is nil where devices are not tracked.
	Devices *api.DeviceConfigurationType
	// Lambda are the triggers; nil for none. Sender is the data key for their custom senders, if there are any.
	Lambda *api.LambdaConfigType
	Sender *senderKey
}

// signingKey is a key pair of a pool: the private half sealed.
type signingKey struct {
	KID    string
	Public []byte // PKIX
	Sealed []byte // PKCS #8
}

// client is an app client. A cached one is shared: it is never changed.
type client struct {
	ID, Pool, Name    string
	Created, Modified time.Time
	// Secrets are one or two, oldest first; none for a public client.
	Secrets []clientSecret
	clientSettings
}

// clientSettings are those that UpdateUserPoolClient sets anew as a whole.
type clientSettings struct {
	Flows              []string
	Rotation           *api.RefreshTokenRotationType
	Read, Write        []string
	Access, Identity   int64 // lifetimes of tokens as given, in their units
	Refresh            int64
	Units              api.TokenValidityUnitsType
	HideUsers          bool // PreventUserExistenceErrors ENABLED
	NoRevocation       bool
	SessionMinutes     int32
	IdentityProviders  []string
	CallbackURLs       []string
	LogoutURLs         []string
	DefaultRedirectURI *string
	OAuthFlows         []api.OAuthFlowType
	OAuthScopes        []string
	OAuth              bool
	Propagate          bool
}

// user is a user of a pool.
type user struct {
	Sub, Username     string
	Attributes        map[string]string
	Status            api.UserStatusType
	Disabled          bool
	Created, Modified time.Time
	// Pending are addresses that the user is to have once they are verified, by attribute.
	Pending map[string]string
	// Verifier is sealed. Nil means that no password is set.
	Verifier []byte
	// Provider is the identity provider that the profile was made for, or "". Identities are the accounts at providers
	// that the user signs in by.
	Provider   string     `json:",omitempty"`
	Identities []identity `json:",omitempty"`
	// NoPassword is true when an administrator took the password (AdminDisableProviderForUser): no code sets another.
	NoPassword bool `json:",omitempty"`
	// History are the verifiers of earlier passwords, sealed, the last one first; as many as the pool's policy asks for.
	History [][]byte
	// TemporaryUntil is when a temporary password ends; zero for one that the user chose.
	TemporaryUntil time.Time
	// Epoch counts the times the user was signed out everywhere. Tokens of an earlier epoch are revoked.
	Epoch uint32
	// SignedOut is when Epoch last changed.
	SignedOut time.Time
	// MFA is what the user has turned on.
	MFA userMFA
	// Passkeys counts the user's keys by relying party.
	Passkeys map[string]int
}

// group is a group of users.
type group struct {
	Name              string
	Description       *string
	RoleARN           *string
	Precedence        *int32
	Created, Modified time.Time
}

// code is a confirmation code on its way.
type code struct {
	Sealed  []byte
	Expires time.Time
	// Target is the attribute it was sent to, Address its value then.
	Target, Address string
	// Sent and Failed count within the hour that began at Since.
	Sent, Failed int
	Since        time.Time
}

// guesses counts failed sign-ins.
type guesses struct {
	Failed int
	Until  time.Time // locked out until
	Last   time.Time
}

// spent marks what must not be used again, or counts against somebody, until it is over anyway.
type spent struct{ Expires time.Time }

func clientKey(pool, id string) store.Key { return inPool(pool, "client", id) }
func userKey(pool, sub string) store.Key  { return inPool(pool, "user", sub) }
func groupKey(pool, name string) store.Key {
	return inPool(pool, "group", name)
}

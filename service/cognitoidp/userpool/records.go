package userpool

import (
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
)

// Place is where the records of a pool or client are.
type Place struct {
	Account, Region, Pool string
}

// Ref points to a user.
type Ref struct{ Sub string }

// Pool is a user pool. A cached one is shared: it is never changed.
type Pool struct {
	ID, Name, Account, Region string
	Created, Modified         time.Time
	Tags                      map[string]string
	Settings                  Settings
	MFA                       PoolMFA
	// Passkeys is nil where there are none.
	Passkeys           *PasskeySettings
	Schema             []Attribute
	AutoVerified       []string
	Aliases            []string
	UsernameAttributes []string
	CaseSensitive      bool
	// HasUsernameConfig is true when case was decided by the caller.
	HasUsernameConfig bool
	// Domains are where the pool's pages are: at most a prefix and a custom one.
	Domains []Domain
	// Keys sign ID tokens and access tokens, in this order. They are made when they are first needed (withKeys).
	Keys [2]SigningKey
	// KeysSign is when Keys begin to sign, if they are published ahead: until then, those that they replace do.
	KeysSign time.Time
	// Retired are keys that sign no more, whose tokens still hold.
	Retired []RetiredKey
}

// Settings are those that UpdateUserPool sets anew as a whole.
type Settings struct {
	Password           PasswordPolicy
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
	Sender *SenderKey
}

// SigningKey is a key pair of a pool: the private half sealed.
type SigningKey struct {
	KID    string
	Public []byte // PKIX
	Sealed []byte // PKCS #8
}

// Client is an app client. A cached one is shared: it is never changed.
type Client struct {
	ID, Pool, Name    string
	Created, Modified time.Time
	// Secrets are one or two, oldest first; none for a public client.
	Secrets []ClientSecret
	ClientSettings
}

// ClientSettings are those that UpdateUserPoolClient sets anew as a whole.
type ClientSettings struct {
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

// User is a user of a pool.
type User struct {
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
	Identities []Identity `json:",omitempty"`
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
	MFA UserMFA
	// Passkeys counts the user's keys by relying party.
	Passkeys map[string]int
}

// Group is a group of users.
type Group struct {
	Name              string
	Description       *string
	RoleARN           *string
	Precedence        *int32
	Created, Modified time.Time
}

// Code is a confirmation code on its way.
type Code struct {
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

// The purposes of codes.
const (
	CodeSignUp = "sign-up"
	CodeForgot = "forgot-password"
	CodeVerify = "verify/" // followed by the attribute
)

var codePurposes = []string{CodeSignUp, CodeForgot, CodeVerify + "email", CodeVerify + "phone_number"}

// SenderKey is the data key for custom senders: made under the pool's KMS key with the authority of whoever set it
// (newSenderKey), and used at each message without asking KMS. What the function decrypts is up to the KMS key's policy.
type SenderKey struct {
	KeyARN    string
	Encrypted []byte // by KMS
	Sealed    []byte // by the server
}

// Codes to sign in with that are sent to a user within a window: who knows a password, or only a name, could otherwise
// have them sent without end.
const (
	SentWindow  = time.Hour
	MaxSentCode = 20
)

// Tally counts within a window.
type Tally struct {
	Count int
	Since time.Time
}

// RetiredKey is a signing key that was replaced. It is published and accepted until the last token under it has expired.
type RetiredKey struct {
	SigningKey
	Use   int // keyOfID or keyOfAccess
	Until time.Time
}

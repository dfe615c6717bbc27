package audit

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// ID is the UUID of an event. The zero ID is none yet; the log gives one.
type ID [16]byte

// NewID returns a random UUID (RFC 9562 version 4). Event ids must be unique, not secret.
func NewID() ID {
	var id ID
	a, b := rand.Uint64(), rand.Uint64() //nolint:gosec // ids must be unique, not unpredictable
	for i := range 8 {
		id[i], id[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// ParseID reads a UUID in its 36-character form.
func ParseID(s string) (ID, bool) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, false
	}
	if _, err := hex.Decode(id[:], []byte(strings.ReplaceAll(s, "-", ""))); err != nil {
		return ID{}, false
	}
	return id, true
}

// IsZero reports whether id is none.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the 36-character form.
func (id ID) String() string { return string(id.append(make([]byte, 0, 36))) }

func (id ID) append(b []byte) []byte {
	for i, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return b
}

// Event is what the log keeps of one request, as CloudTrail would show it. Strings over 2,048 bytes are cut, and an
// event over 256 KB loses its parameters and resources, as CloudTrail's own limits do ("CloudTrail record contents").
type Event struct {
	// ID is eventID. The log sets it if it is zero.
	ID ID
	// Time is when the request was accepted (eventTime, kept to the nanosecond beside the event). The log sets it if
	// it is zero.
	Time time.Time
	// Source is the service, e.g. "dynamodb.amazonaws.com"; Name the operation, e.g. "PutItem".
	Source, Name string
	// Region is awsRegion.
	Region string
	// SourceIP is the client's address. When it is not valid, Identity.InvokedBy takes its place.
	SourceIP netip.Addr
	// UserAgent is the client's User-Agent header.
	UserAgent string
	// ErrorCode is the wire code of the error, empty for a success; ErrorMessage what the caller was told.
	ErrorCode, ErrorMessage string
	// RequestID is what the answer's x-amzn-RequestId header says.
	RequestID string
	// ReadOnly is true for operations that change nothing.
	ReadOnly bool
	// Management is true for management events, false for data events (eventCategory).
	Management bool
	// Identity is who sent the request.
	Identity Identity
	// Tags are the session or principal tags.
	Tags authn.Tags
	// Tenant is the tenant that the caller acted for; zero if none.
	Tenant tenant.ID
	// Decision is what authorization said.
	Decision Decision
	// Params are the names of what the request was about (requestParameters). Never put a value here that a tenant
	// stores: names of tables, keys, pools, roles and such only.
	Params []Param
	// Resources are the resources that the decision was about.
	Resources []Resource
	// Account is recipientAccountId: the account whose users may look the event up.
	Account string
	// SharedID is the same in the events that one request leaves in several accounts (sharedEventID).
	SharedID ID
	// TLS describes the connection; zero without TLS.
	TLS TLS

	kind   kind
	marker []Param
}

// Param is one request parameter that names something.
type Param struct{ Name, Value string }

// Resource is one element of resources.
type Resource struct {
	// ARN names the resource; Account owns it; Type is its kind, e.g. "AWS::DynamoDB::Table".
	ARN, Account, Type string
}

// Decision is what authorization said and why.
type Decision struct {
	// Effect is the decision, e.g. "Allow", "ExplicitDeny", "ImplicitDeny".
	Effect string
	// Statement is the id of the statement that decided; Policy the policy that holds it.
	Statement, Policy string
	// Unmet is what the statement did not match by, for an implicit denial: then Statement and Policy name the one that
	// came closest to allowing. It names a condition key, never a value.
	Unmet string
	// Guard is what the guard found: a hole in a policy. Empty if nothing.
	Guard string
}

// TLS is tlsDetails.
type TLS struct {
	// Version is e.g. "TLSv1.3"; CipherSuite e.g. "TLS_AES_128_GCM_SHA256"; Host the name the client asked for.
	Version, CipherSuite, Host string
}

// Identity is userIdentity ("CloudTrail userIdentity element").
type Identity struct {
	// Type is Root, IAMUser, AssumedRole, FederatedUser, WebIdentityUser, AWSAccount, AWSService or Unknown. Empty is
	// written as Unknown.
	Type string
	// PrincipalID is the unique id: AIDA…, AROA…:session, or the account id.
	PrincipalID string
	// ARN is the caller as GetCallerIdentity shows it.
	ARN string
	// Account is the caller's account.
	Account string
	// AccessKeyID is the key that signed.
	AccessKeyID string
	// UserName is the IAM user's name, or the name of a web identity's user.
	UserName string
	// InvokedBy is the service that called for the caller.
	InvokedBy string
	// IdentityProvider is the provider of a WebIdentityUser.
	IdentityProvider string
	// Session is sessionContext. It is left out unless Session.Created is set.
	Session Session
}

// Session is sessionContext.
type Session struct {
	// Created is when the credentials were made.
	Created time.Time
	// MFA is true when the session was made with multi-factor authentication.
	MFA bool
	// IssuerType is Role, Root or IAMUser; IssuerID, IssuerARN, IssuerAccount and IssuerName describe the issuer of the
	// session (sessionIssuer).
	IssuerType, IssuerID, IssuerARN, IssuerAccount, IssuerName string
	// FederatedProvider is the identity provider of a federated session (webIdFederationData).
	FederatedProvider string
	// SourceIdentity is the source identity set when the role was first assumed.
	SourceIdentity string
}

// IdentityOf describes a principal; nil is the anonymous caller.
func IdentityOf(p *authn.Principal) Identity {
	if p == nil {
		return Identity{Type: "Unknown"}
	}
	id := Identity{
		PrincipalID: p.UserID, ARN: p.ARN, Account: p.Account, AccessKeyID: p.AccessKeyID, InvokedBy: p.Via,
	}
	if p.Session() {
		id.Session = Session{
			Created: p.IssuedAt, MFA: !p.MFAAt.IsZero(), FederatedProvider: p.FederatedProvider,
			SourceIdentity: p.SourceIdentity,
		}
	}
	switch p.Kind {
	case authn.Root:
		id.Type = "Root"
	case authn.User:
		id.Type, id.UserName = "IAMUser", p.Name
	case authn.AssumedRole:
		id.Type = "AssumedRole"
		s := &id.Session
		s.IssuerType, s.IssuerARN, s.IssuerAccount = "Role", p.RoleARN, p.Account
		s.IssuerID, _, _ = strings.Cut(p.UserID, ":")
		s.IssuerName = p.RoleARN[strings.LastIndexByte(p.RoleARN, '/')+1:]
	case authn.FederatedUser:
		id.Type = "FederatedUser"
		s := &id.Session
		s.IssuerAccount = p.Account
	default:
		id.Type = "Unknown"
		if p.Account != "" {
			id.Type = "AWSAccount"
		}
	}
	return id
}

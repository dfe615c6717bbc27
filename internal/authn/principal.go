// Package authn establishes who sends a request: AWS Signature Version 4, session tokens and web identity tokens.
package authn

import (
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/tenant"
)

// Kind is what sort of identity a principal is. The zero Kind is Anonymous, which no policy grants anything by default.
type Kind uint8

// The kinds of principals ("AWS JSON policy elements: Principal", IAM User Guide).
const (
	Anonymous Kind = iota
	Root
	User
	AssumedRole
	FederatedUser
)

// Tag is a principal or session tag. Keys compare case-insensitively and keep their case.
type Tag struct {
	Key, Value string
	// Transitive marks a session tag that passes on to the next role of a chain.
	Transitive bool
}

// Tags are the tags of a principal, at most one for a key.
type Tags []Tag

// Get returns the value of a tag by its key, compared case-insensitively as IAM does.
func (t Tags) Get(key string) (string, bool) {
	for i := range t {
		if strings.EqualFold(t[i].Key, key) {
			return t[i].Value, true
		}
	}
	return "", false
}

// Principal is an authenticated caller, or the anonymous one (zero value). It is immutable once made.
type Principal struct {
	Kind Kind
	// Account is the 12-digit account id that the principal belongs to.
	Account string
	// ARN is the caller as GetCallerIdentity shows it: arn:aws:iam::A:user/x, arn:aws:sts::A:assumed-role/R/session,
	// arn:aws:sts::A:federated-user/x or arn:aws:iam::A:root.
	ARN string
	// RoleARN is the IAM role behind an assumed-role session, with its path: arn:aws:iam::A:role/path/R.
	RoleARN string
	// UserID is AIDA…, AROA…:session, A:name or the account id (aws:userid).
	UserID string
	// Name is the IAM user name, or the role session name.
	Name string
	// AccessKeyID is the key that signed.
	AccessKeyID string
	// Tags are the user's, or the role's overridden by the session's.
	Tags Tags
	// SessionPolicies are the policy documents passed when the session was made; every one limits it.
	SessionPolicies []string
	// SessionPolicyARNs are the managed policies passed when the session was made; their union with
	// SessionPolicies limits it.
	SessionPolicyARNs []string
	// HasSessionPolicy says that the session was made with a session policy, so that losing them denies all.
	HasSessionPolicy bool
	// IssuedAt is when the session's credentials were made; zero for long-term credentials.
	IssuedAt time.Time
	// ExpiresAt is when they end; zero for long-term credentials.
	ExpiresAt time.Time
	// Chained is true for a role session made from a role session.
	Chained bool
	// SourceIdentity is aws:SourceIdentity, once set never changed along a chain.
	SourceIdentity string
	// FederatedProvider is aws:FederatedProvider: the OIDC provider's ARN, or cognito-identity.amazonaws.com.
	FederatedProvider string
	// FederatedContext holds the provider's condition keys that stay with the session, e.g.
	// "cognito-identity.amazonaws.com:sub".
	FederatedContext map[string][]string
	// MFAAt is when the caller passed multi-factor authentication; zero if it did not.
	MFAAt time.Time
	// Tenant is the tenant the principal acts for: the value of the declared tenant tag. Zero if none.
	Tenant tenant.ID
	// TenantInvalid is true when the tenant tag is there but its value is not of the declared language, and for a session
	// that one of a tenant made and that does not act for this tenant; such a principal owns no rows at all under the
	// guard.
	TenantInvalid bool
	// Via is the service principal of the service that calls on the caller's behalf (aws:CalledVia, kms:ViaService),
	// e.g. "dynamodb.amazonaws.com"; empty for a direct request.
	Via string
}

// Session reports whether the principal uses temporary credentials.
func (p *Principal) Session() bool { return !p.ExpiresAt.IsZero() }

package tokens

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// The scopes that every pool has ("Scopes, M2M, and resource servers", Amazon Cognito Developer Guide).
const (
	ScopeOpenID  = "openid"
	ScopeEmail   = "email"
	ScopePhone   = "phone"
	ScopeProfile = "profile"
)

// OAuthVersion is the version claim of access tokens from the OAuth 2 endpoints.
const OAuthVersion = 2

// IdentityScopes need openid beside them.
var IdentityScopes = []string{ScopeEmail, ScopePhone, ScopeProfile}

// OwnScope reports whether a scope is the pool's own rather than one of a resource server.
func OwnScope(scope string) bool {
	return scope == ScopeOpenID || scope == ScopeSelf || slices.Contains(IdentityScopes, scope)
}

// identifies reports whether the sign-in gives an ID token: OAuth 2 clients have to ask for one.
func (in *SignIn) identifies() bool {
	return in.Scopes == nil || slices.Contains(in.Scopes, ScopeOpenID)
}

// shows reports whether the scopes let an attribute be told. openid without other scopes of its kind lets all be told, as
// does profile.
func (in *SignIn) shows(attribute string) bool {
	return ScopesShow(in.Scopes, attribute)
}

// ScopesShow reports whether the scopes let an attribute be told. openid without other scopes of its kind lets all be
// told, as does profile.
func ScopesShow(scopes []string, attribute string) bool {
	limited := slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(IdentityScopes, s) })
	if !limited || slices.Contains(scopes, ScopeProfile) {
		return true
	}
	switch attribute {
	case "sub":
		return true
	case "email", "email_verified":
		return slices.Contains(scopes, ScopeEmail)
	case "phone_number", "phone_number_verified":
		return slices.Contains(scopes, ScopePhone)
	}
	return false
}

// bind ties the ID token of an OAuth 2 client to its request and to the access token beside it (OpenID Connect Core 1.0
// sections 2 and 3.1.3.6).
func (in *SignIn) bind(claims map[string]any, access string) {
	if in.Scopes == nil {
		return
	}
	if in.Nonce != "" {
		claims["nonce"] = in.Nonce
	}
	sum := sha256.Sum256([]byte(access))
	claims["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// SplitScopes reads a scope parameter (RFC 6749 section 3.3). Each scope counts once.
func SplitScopes(text string) []string {
	var out []string
	for s := range strings.FieldsSeq(text) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

package cognitoidp

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// The scopes that every pool has ("Scopes, M2M, and resource servers", Amazon Cognito Developer Guide).
const (
	scopeOpenID  = "openid"
	scopeEmail   = "email"
	scopePhone   = "phone"
	scopeProfile = "profile"
)

// oauthVersion is the version claim of access tokens from the OAuth 2 endpoints.
const oauthVersion = 2

// identityScopes need openid beside them.
var identityScopes = []string{scopeEmail, scopePhone, scopeProfile}

// ownScope reports whether a scope is the pool's own rather than one of a resource server.
func ownScope(scope string) bool {
	return scope == scopeOpenID || scope == scopeSelf || slices.Contains(identityScopes, scope)
}

// identifies reports whether the sign-in gives an ID token: OAuth 2 clients have to ask for one.
func (in *signIn) identifies() bool {
	return in.scopes == nil || slices.Contains(in.scopes, scopeOpenID)
}

// shows reports whether the scopes let an attribute be told. openid without other scopes of its kind lets all be told, as
// does profile.
func (in *signIn) shows(attribute string) bool {
	return scopesShow(in.scopes, attribute)
}

func scopesShow(scopes []string, attribute string) bool {
	limited := slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(identityScopes, s) })
	if !limited || slices.Contains(scopes, scopeProfile) {
		return true
	}
	switch attribute {
	case "sub":
		return true
	case "email", "email_verified":
		return slices.Contains(scopes, scopeEmail)
	case "phone_number", "phone_number_verified":
		return slices.Contains(scopes, scopePhone)
	}
	return false
}

// bind ties the ID token of an OAuth 2 client to its request and to the access token beside it (OpenID Connect Core 1.0
// sections 2 and 3.1.3.6).
func (in *signIn) bind(claims map[string]any, access string) {
	if in.scopes == nil {
		return
	}
	if in.nonce != "" {
		claims["nonce"] = in.nonce
	}
	sum := sha256.Sum256([]byte(access))
	claims["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// splitScopes reads a scope parameter (RFC 6749 section 3.3). Each scope counts once.
func splitScopes(text string) []string {
	var out []string
	for s := range strings.FieldsSeq(text) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

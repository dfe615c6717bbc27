// Package oidc is the relying party of OpenID Connect: it sends a browser to a provider that a user pool's owner named and
// checks what comes back (the authorization code flow of OpenID Connect Core 1.0 section 3.1, with PKCE, RFC 7636). The
// providers that are OAuth 2 with an endpoint for the user's profile, such as Facebook, are the same without an ID token.
//
// It keeps no state: what it must remember between the two halves is a Flow, which the caller seals and binds to the
// browser. Requests go out by package outside and ID tokens are checked by package webtoken, so that what a provider can
// make the server do is bounded in one place. That is why the few lines of RFC 6749 section 4.1 are here and not in a
// library with an HTTP client of its own.
package oidc

import (
	"crypto/ecdsa"
	"errors"

	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/outside"
)

// Auth is how the relying party authenticates to a token endpoint. The zero value refuses.
type Auth string

// The ways to authenticate (OpenID Connect Core 1.0 section 9).
const (
	// AuthPost sends the secret in the body: client_secret_post.
	AuthPost Auth = "post"
	// AuthBasic sends it in the Authorization header: client_secret_basic.
	AuthBasic Auth = "basic"
	// AuthNone is a public client.
	AuthNone Auth = "none"
	// AuthApple sends a client secret that is a JWT under the developer's key ("Creating a client secret", Apple).
	AuthApple Auth = "apple"
	// AuthQuery sends a GET request with the secret in its query, as Facebook's token endpoint is called.
	AuthQuery Auth = "query"
)

// Provider is an identity provider as a pool knows it.
type Provider struct {
	// Issuer is the iss of ID tokens, to the letter. Empty for a provider without ID tokens.
	Issuer string
	// Also is another form of iss that the provider is known to use, or "".
	Also string
	// The endpoints. UserInfo may be empty where there are ID tokens.
	Authorize, Token, UserInfo, JWKS string
	// ClientID is who the pool is at the provider, Secret how it shows so.
	ClientID string
	Secret   []byte
	Auth     Auth
	// Apple's key instead of a secret.
	AppleTeam, AppleKeyID string
	AppleKey              *ecdsa.PrivateKey
	// Scopes are separated by spaces.
	Scopes string
	// Post has the profile asked for by POST.
	Post bool
	// Fields are appended to UserInfo, joined by commas: Facebook answers only what is asked for.
	Fields []string
	// Proof sends appsecret_proof with the access token ("Securing Graph API Calls", Facebook).
	Proof bool
	// FormPost has the provider answer by a form of the browser (response_mode=form_post).
	FormPost bool
	// Subject is the claim that names the user: sub, or id and user_id at those without ID tokens.
	Subject string
}

// Flow is what must be remembered between Begin and Finish. It is secret but for State, and belongs to one browser.
type Flow struct {
	State, Nonce, Verifier string
}

// Response is what the browser brought back.
type Response struct {
	// Code is the authorization code, Issuer the parameter iss (RFC 9207) or "".
	Code, Issuer string
	// User is Apple's parameter of this name: JSON with the user's name, which comes once and unsigned.
	User string
}

// Identity is who signed in at the provider, as the provider says.
type Identity struct {
	// Subject is the user's identifier at the provider: 1 to 255 bytes.
	Subject string
	// Claims are the profile's, as text; what is no string, number or flag is JSON.
	Claims map[string]string
}

// RelyingParty runs flows. It is safe for concurrent use.
type RelyingParty struct {
	http   *outside.Client
	tokens *webtoken.Verifier
}

// New returns a relying party.
func New(client *outside.Client, tokens *webtoken.Verifier) (*RelyingParty, error) {
	if client == nil || tokens == nil {
		return nil, errors.New("oidc: a client and a verifier are needed")
	}
	return &RelyingParty{client, tokens}, nil
}

// Limits of what a provider sends.
const (
	// MaxSubject bounds a subject, in bytes (OpenID Connect Core 1.0 section 2).
	MaxSubject = 255
	maxCode    = 4096
	maxClaims  = 200
	maxToken   = 16 << 10
)

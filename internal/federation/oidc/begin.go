package oidc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
)

func random() string {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Begin returns the URL to send the browser to, and what to remember. Extra parameters, such as login_hint, do not replace
// those of the protocol.
func (r *RelyingParty) Begin(p *Provider, redirect string, extra url.Values) (string, *Flow, error) {
	if err := r.http.CheckURL(p.Authorize, true); err != nil {
		return "", nil, fmt.Errorf("authorization endpoint: %w", err)
	}
	to, err := url.Parse(p.Authorize)
	if err != nil {
		return "", nil, fmt.Errorf("authorization endpoint: %w", err)
	}
	f := &Flow{State: random(), Verifier: random()}
	q := to.Query()
	for name, values := range extra {
		q[name] = values
	}
	challenge := sha256.Sum256([]byte(f.Verifier))
	set := map[string]string{
		"response_type": "code", "client_id": p.ClientID, "redirect_uri": redirect, "state": f.State,
		"scope":          strings.Join(splitScopes(p.Scopes), " "),
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	}
	if p.Issuer != "" {
		f.Nonce = random()
		set["nonce"] = f.Nonce
	}
	if p.FormPost {
		set["response_mode"] = "form_post"
	}
	for name, value := range set {
		q.Set(name, value)
	}
	to.RawQuery = q.Encode()
	return to.String(), f, nil
}

// splitScopes takes scopes apart, which are separated by spaces and, at Facebook, by commas too.
func splitScopes(scopes string) []string { return strings.Fields(strings.ReplaceAll(scopes, ",", " ")) }

package oidc

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
)

// tokens is a token endpoint's answer (RFC 6749 section 5.1, OpenID Connect Core 1.0 section 3.1.3.3).
type tokens struct {
	Access string `json:"access_token"`
	Type   string `json:"token_type"`
	ID     string `json:"id_token"`
	Error  string `json:"error"`
}

// Finish redeems the code of a response whose state the caller found to be that of the flow, and returns who signed in.
// Its errors say what was wrong for the log; they hold no secrets and are not for the user.
func (r *RelyingParty) Finish(ctx context.Context, p *Provider, f *Flow, redirect string, in *Response, now time.Time) (*Identity, error) {
	if in.Code == "" || len(in.Code) > maxCode {
		return nil, errors.New("there is no authorization code")
	}
	if in.Issuer != "" && p.Issuer != "" && in.Issuer != p.Issuer && in.Issuer != p.Also {
		return nil, errors.New("the response is of another issuer (RFC 9207)")
	}
	t, err := r.redeem(ctx, p, f, redirect, in.Code, now)
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	claims := map[string]json.RawMessage{}
	id := &Identity{Claims: map[string]string{}}
	if p.Issuer != "" {
		if claims, err = r.idToken(ctx, p, f, t); err != nil {
			return nil, fmt.Errorf("ID token: %w", err)
		}
	}
	if p.UserInfo != "" {
		if err := r.addProfile(ctx, p, t.Access, claims); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
	}
	if err := id.read(p, claims); err != nil {
		return nil, err
	}
	id.addName(p, in.User)
	return id, nil
}

// redeem exchanges the code (RFC 6749 section 4.1.3).
func (r *RelyingParty) redeem(ctx context.Context, p *Provider, f *Flow, redirect, code string, now time.Time) (*tokens, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "client_id": {p.ClientID},
		"code_verifier": {f.Verifier},
	}
	req, err := r.tokenRequest(ctx, p, form, now)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	a, err := r.http.Do(req)
	if err != nil {
		return nil, err
	}
	var t tokens
	if err := json.Unmarshal(a.Body, &t); err != nil {
		return nil, fmt.Errorf("status %d, no JSON", a.Status)
	}
	switch {
	case a.Status != http.StatusOK || t.Error != "":
		return nil, fmt.Errorf("status %d, error %.64q", a.Status, t.Error)
	case t.Access == "" || len(t.Access) > maxToken || t.Type != "" && !strings.EqualFold(t.Type, "bearer"):
		return nil, errors.New("no bearer token")
	}
	return &t, nil
}

func (r *RelyingParty) tokenRequest(ctx context.Context, p *Provider, form url.Values, now time.Time) (*http.Request, error) {
	switch p.Auth {
	case AuthPost, AuthQuery:
		form.Set("client_secret", string(p.Secret))
	case AuthApple:
		secret, err := appleSecret(p, now)
		if err != nil {
			return nil, err
		}
		form.Set("client_secret", secret)
	case AuthBasic, AuthNone:
	default:
		return nil, errors.New("no way to authenticate is set")
	}
	if p.Auth == AuthQuery {
		return get(ctx, p.Token, form)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("the URL is none")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.Auth == AuthBasic {
		req.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(string(p.Secret))) // RFC 6749 section 2.3.1
	}
	return req, nil
}

func get(ctx context.Context, to string, more url.Values) (*http.Request, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, errors.New("the URL is none")
	}
	q := u.Query()
	for name, values := range more {
		q[name] = values
	}
	u.RawQuery = q.Encode()
	return http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
}

// idToken checks the ID token (OpenID Connect Core 1.0 section 3.1.3.7).
func (r *RelyingParty) idToken(ctx context.Context, p *Provider, f *Flow, t *tokens) (map[string]json.RawMessage, error) {
	if t.ID == "" {
		return nil, errors.New("there is none")
	}
	issuer := p.Issuer
	if p.Also != "" {
		if claimed, err := webtoken.Issuer(t.ID); err == nil && claimed == p.Also {
			issuer = p.Also
		}
	}
	c, err := r.tokens.VerifySigned(ctx, t.ID, webtoken.Keys{Issuer: issuer, JWKS: p.JWKS})
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(c.Audience, p.ClientID):
		return nil, errors.New("it is for another audience")
	case c.AuthorizedParty != "" && c.AuthorizedParty != p.ClientID, len(c.Audience) > 1 && c.AuthorizedParty == "":
		return nil, errors.New("it was issued to another party")
	}
	var nonce, atHash string
	if json.Unmarshal(c.Raw["nonce"], &nonce) != nil || f.Nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(f.Nonce)) != 1 {
		return nil, errors.New("its nonce is not that of the request")
	}
	if raw, ok := c.Raw["at_hash"]; ok && (json.Unmarshal(raw, &atHash) != nil || !hashMatches(t.ID, t.Access, atHash)) {
		return nil, errors.New("its at_hash is not that of the access token")
	}
	return maps.Clone(c.Raw), nil // c is shared by a cache
}

// hashMatches compares at_hash (OpenID Connect Core 1.0 section 3.1.3.6). The token's signature was checked before.
func hashMatches(id, access, want string) bool {
	head, _, _ := strings.Cut(id, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var h struct {
		Alg string `json:"alg"`
	}
	if err != nil || json.Unmarshal(text, &h) != nil || len(h.Alg) != 5 {
		return false
	}
	of, ok := map[string]func() hash.Hash{"256": sha256.New, "384": sha512.New384, "512": sha512.New}[h.Alg[2:]]
	if !ok {
		return false
	}
	sum := of()
	sum.Write([]byte(access))
	half := sum.Sum(nil)[:sum.Size()/2]
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(half)), []byte(want)) == 1
}

// addProfile asks for the user's profile and adds what the ID token does not say (OpenID Connect Core 1.0 section 5.3).
func (r *RelyingParty) addProfile(ctx context.Context, p *Provider, access string, claims map[string]json.RawMessage) error {
	req, err := profileRequest(ctx, p, access)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+access)
	req.Header.Set("Accept", "application/json")
	a, err := r.http.Do(req)
	if err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(a.Type)
	if a.Status != http.StatusOK || err != nil || kind != "application/json" && kind != "text/javascript" {
		return fmt.Errorf("status %d, type %.64q", a.Status, kind)
	}
	profile, err := webtoken.StrictObject(a.Body)
	if err != nil {
		return errors.New("no JSON object")
	}
	if said, ok := claims["sub"]; ok && !bytes.Equal(said, profile["sub"]) && !sameText(said, profile["sub"]) {
		return errors.New("it is of another subject") // section 5.3.2: it MUST NOT be used
	}
	for name, raw := range profile {
		if _, said := claims[name]; !said {
			claims[name] = raw
		}
	}
	return nil
}

func sameText(a, b json.RawMessage) bool {
	var x, y string
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x != "" && x == y
}

func profileRequest(ctx context.Context, p *Provider, access string) (*http.Request, error) {
	if p.Post {
		return http.NewRequestWithContext(ctx, http.MethodPost, p.UserInfo, nil)
	}
	more := url.Values{}
	if len(p.Fields) > 0 {
		more.Set("fields", strings.Join(p.Fields, ","))
	}
	if p.Proof {
		h := hmac.New(sha256.New, p.Secret)
		h.Write([]byte(access))
		more.Set("appsecret_proof", hex.EncodeToString(h.Sum(nil)))
	}
	return get(ctx, p.UserInfo, more)
}

// read takes the claims over as text.
func (id *Identity) read(p *Provider, claims map[string]json.RawMessage) error {
	if len(claims) > maxClaims {
		return errors.New("there are too many claims")
	}
	for name, raw := range claims {
		if text, ok := textOf(raw); ok {
			id.Claims[name] = text
		}
	}
	var sub string
	raw := claims[p.Subject]
	if json.Unmarshal(raw, &sub) != nil {
		var n json.Number
		if json.Unmarshal(raw, &n) == nil { // some of those without ID tokens have numbers
			sub = n.String()
		}
	}
	if sub == "" || len(sub) > MaxSubject || strings.TrimSpace(sub) != sub {
		return fmt.Errorf("the claim %s names nobody", p.Subject)
	}
	id.Subject = sub
	return nil
}

// textOf is a claim as an attribute's text: strings, numbers and flags as they are, the rest as JSON.
func textOf(raw json.RawMessage) (string, bool) {
	if string(raw) == "null" {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "", false
	}
	return b.String(), true
}

// addName takes over the name that Apple sends with the first response only. The browser brings it, so it says no more
// than what users say of themselves.
func (id *Identity) addName(p *Provider, text string) {
	if p.Auth != AuthApple || text == "" || len(text) > maxCode {
		return
	}
	var in struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if json.Unmarshal([]byte(text), &in) != nil {
		return
	}
	for name, value := range map[string]string{"firstName": in.Name.First, "lastName": in.Name.Last} {
		if _, said := id.Claims[name]; !said && value != "" {
			id.Claims[name] = value
		}
	}
}

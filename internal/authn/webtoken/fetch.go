package webtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// maxKeys bounds the keys of an issuer ("Creating OpenID Connect (OIDC) identity providers").
const maxKeys = 100

const acceptJSON = "application/json"

// Keys says where the keys of an issuer are.
type Keys struct {
	// Issuer is the iss of its tokens.
	Issuer string
	// JWKS is the URL of its key set; empty has it discovered (OpenID Connect Discovery 1.0 section 4).
	JWKS string
}

// Metadata is what the server uses of an issuer's discovery document (OpenID Connect Discovery 1.0 section 3).
type Metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
}

// Discover reads the discovery document of an issuer, which must be about that issuer to the letter.
func (v *Verifier) Discover(ctx context.Context, issuer string) (*Metadata, error) {
	if err := v.http.CheckURL(issuer, false); err != nil {
		return nil, err
	}
	doc, err := v.http.Get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", acceptJSON)
	if err != nil {
		return nil, err
	}
	var m Metadata
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, fmt.Errorf("discovery document: %w", err)
	}
	if m.Issuer != issuer {
		return nil, errors.New("the discovery document is of another issuer")
	}
	return &m, nil
}

// fetchKeys gets the keys of an issuer.
func (v *Verifier) fetchKeys(ctx context.Context, from Keys) ([]jose.JSONWebKey, error) {
	if from.JWKS == "" {
		conf, err := v.Discover(ctx, from.Issuer)
		if err != nil {
			return nil, err
		}
		from.JWKS = conf.JWKS
	}
	if err := v.http.CheckURL(from.JWKS, true); err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	set, err := v.http.Get(ctx, from.JWKS, acceptJSON)
	if err != nil {
		return nil, err
	}
	return parseKeySet(set)
}

// parseKeySet reads a JWK set and leaves out what is no public signature key that we know (RFC 7517 section 5).
func parseKeySet(b []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set: more than %d keys", maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" || !strong(k.Key) {
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no usable key")
	}
	return keys, nil
}

package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// appleSecretLife is how long a client secret for Apple holds; it is made for one request.
const appleSecretLife = 5 * time.Minute

// ParseAppleKey reads the private key of a "Sign in with Apple" service: PKCS #8 on P-256, with or without the PEM
// armour of the file that Apple hands out.
func ParseAppleKey(text string) (*ecdsa.PrivateKey, error) {
	bad := errors.New("not a private key for ES256 in PKCS #8")
	var der []byte
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil {
			return nil, bad
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, bad
	}
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok || k.Curve != elliptic.P256() {
		return nil, bad
	}
	return k, nil
}

// appleSecret makes the client secret for one request ("Creating a client secret", Sign in with Apple REST API).
func appleSecret(p *Provider, now time.Time) (string, error) {
	if p.AppleKey == nil {
		return "", errors.New("there is no key for Apple")
	}
	opts := (&jose.SignerOptions{}).WithHeader("kid", p.AppleKeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.AppleKey}, opts)
	if err != nil {
		return "", fmt.Errorf("sign for Apple: %w", err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": p.AppleTeam, "sub": p.ClientID, "aud": p.Issuer, "iat": now.Unix(), "exp": now.Add(appleSecretLife).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("sign for Apple: %w", err)
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign for Apple: %w", err)
	}
	return jws.CompactSerialize()
}

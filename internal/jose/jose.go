// Package jose signs and verifies the web tokens that this server issues: JSON Web Tokens in compact form under RS256
// (RFC 7515, RFC 7519), and the key sets that publish their keys (RFC 7517). It reads nothing else: a token under another
// algorithm is refused before its signature is looked at.
package jose

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// RS256 is the only algorithm (RFC 7518 section 3.3).
const RS256 = "RS256"

const (
	// MaxToken is the longest token that is read, in bytes. Cognito's are bounded by the headers they travel in.
	MaxToken = 64 << 10
	maxKID   = 256
)

// ErrMalformed is returned for text that is not a compact RS256 token as this server writes them.
var ErrMalformed = errors.New("jose: malformed token")

// ErrSignature is returned for a token whose signature is not the key's.
var ErrSignature = errors.New("jose: the signature does not match")

// strict refuses padding and trailing bits, so that a token has one spelling only.
var strict = base64.RawURLEncoding.Strict()

type header struct {
	KID  string          `json:"kid"`
	Alg  string          `json:"alg"`
	Crit json.RawMessage `json:"crit,omitempty"`
}

// Sign returns the compact token of the claims, a JSON object, with the header Cognito writes: kid and alg.
func Sign(key *rsa.PrivateKey, kid string, claims []byte) (string, error) {
	head, err := json.Marshal(header{KID: kid, Alg: RS256})
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	size := strict.EncodedLen(len(head)) + strict.EncodedLen(len(claims)) + strict.EncodedLen(key.Size()) + 2
	b := strict.AppendEncode(make([]byte, 0, size), head)
	b = strict.AppendEncode(append(b, '.'), claims)
	sum := sha256.Sum256(b)
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("jose: sign: %w", err)
	}
	return string(strict.AppendEncode(append(b, '.'), sig)), nil
}

// Token is a token that was taken apart. Nothing in it is to be believed before Verify returned nil.
type Token struct {
	// KID names the key that the token says it is signed with.
	KID string
	// Claims is the JSON text of the claims.
	Claims []byte

	signed string
	sig    []byte
}

// Parse takes a compact RS256 token apart without verifying it. It refuses other algorithms, critical extensions and
// tokens over MaxToken bytes.
func Parse(compact string) (*Token, error) {
	if len(compact) > MaxToken {
		return nil, ErrMalformed
	}
	signed, sigText, ok := cutLast(compact)
	if !ok {
		return nil, ErrMalformed
	}
	headText, claimText, ok := strings.Cut(signed, ".")
	if !ok || strings.Contains(claimText, ".") {
		return nil, ErrMalformed
	}
	head, err1 := strict.DecodeString(headText)
	claims, err2 := strict.DecodeString(claimText)
	sig, err3 := strict.DecodeString(sigText)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, ErrMalformed
	}
	var h header
	if err := json.Unmarshal(head, &h); err != nil {
		return nil, ErrMalformed
	}
	if h.Alg != RS256 || h.Crit != nil || h.KID == "" || len(h.KID) > maxKID || len(claims) == 0 || claims[0] != '{' {
		return nil, ErrMalformed
	}
	return &Token{KID: h.KID, Claims: claims, signed: signed, sig: sig}, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// Verify returns nil if the key signed the token, else ErrSignature.
func (t *Token) Verify(key *rsa.PublicKey) error {
	sum := sha256.Sum256([]byte(t.signed))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], t.sig) != nil {
		return ErrSignature
	}
	return nil
}

// Key is a public signing key as a key set shows it (RFC 7517 section 4, RFC 7518 section 6.3.1).
type Key struct {
	Alg string `json:"alg"`
	E   string `json:"e"`
	KID string `json:"kid"`
	Kty string `json:"kty"`
	N   string `json:"n"`
	Use string `json:"use"`
}

// Set is a key set (RFC 7517 section 5).
type Set struct {
	Keys []Key `json:"keys"`
}

// Public describes a public key.
func Public(kid string, key *rsa.PublicKey) Key {
	return Key{
		Alg: RS256, Kty: "RSA", Use: "sig", KID: kid,
		E: strict.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		N: strict.EncodeToString(key.N.Bytes()),
	}
}

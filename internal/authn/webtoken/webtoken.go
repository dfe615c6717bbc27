// Package webtoken verifies OpenID Connect ID tokens: those of issuers in this process without a network call, those of
// outside issuers by discovery, with all that such an issuer can make the server do bounded.
package webtoken

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/outside"
)

// MaxToken is STS's limit of WebIdentityToken, in bytes.
const MaxToken = 20000

// maxKID bounds a key id.
const maxKID = 512

// algorithms are the ones that are accepted: asymmetric ones only, so that a public key is never a secret of HMAC.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512,
}

// OwnKeys looks up the keys of issuers in this process. own is false for an issuer of somebody else; for an own one
// whose key is not known, key is nil. It must not do network calls.
type OwnKeys func(ctx context.Context, issuer, kid string) (key crypto.PublicKey, alg string, own bool)

// Options configure a Verifier.
type Options struct {
	// Own finds the keys of issuers in this process; nil if there are none.
	Own OwnKeys
	// AllowPrivate permits connections to private, loopback and link-local addresses.
	AllowPrivate bool
	// AllowHTTP permits issuers without TLS.
	AllowHTTP bool
	// TLS is the client's configuration for outside issuers; nil is the system's.
	TLS *tls.Config
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Leeway is how far iat and nbf may be in the future; 0 is 30 seconds. exp has none.
	Leeway time.Duration
	// CacheSize bounds the verified tokens kept; 0 is 4096.
	CacheSize int
}

// Verifier verifies ID tokens. It is safe for concurrent use.
type Verifier struct {
	o    Options
	http *outside.Client

	mu      sync.Mutex
	issuers map[Keys]*issuerKeys

	cacheMu sync.RWMutex
	cache   map[[32]byte]*verified
}

// verified is a token whose signature was good under a key.
type verified struct {
	claims *Claims
	header *header
	key    crypto.PublicKey
}

// New makes a Verifier.
func New(o Options) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Leeway == 0 {
		o.Leeway = 30 * time.Second
	}
	if o.CacheSize == 0 {
		o.CacheSize = 4096
	}
	return &Verifier{
		o: o, http: outside.New(outside.Options{AllowPrivate: o.AllowPrivate, AllowHTTP: o.AllowHTTP, TLS: o.TLS}),
		issuers: make(map[Keys]*issuerKeys), cache: make(map[[32]byte]*verified),
	}
}

// header is what we use of a JOSE header. Keys and addresses in it (jwk, jku, x5c, x5u) are never used.
type header struct {
	alg    jose.SignatureAlgorithm
	kid    string
	hasKID bool
}

// WithoutScheme returns an issuer as IAM and Cognito name it in providers, trust policies and Logins: without "https://".
// What has no scheme is returned as it is.
func WithoutScheme(issuer string) string {
	_, rest, ok := strings.Cut(issuer, "://")
	if !ok {
		return issuer
	}
	return rest
}

// Issuer returns the issuer that a token claims, unverified, to look up whom it is registered with.
func Issuer(token string) (string, error) {
	_, payload, err := split(token)
	if err != nil {
		return "", err
	}
	raw, jerr := StrictObject(payload)
	if jerr != nil {
		return "", invalidToken(notJWT).With(jerr)
	}
	iss, ok := stringOf(raw["iss"])
	if !ok || iss == "" {
		return "", invalidToken("Missing a required claim: iss")
	}
	return iss, nil
}

// split takes a compact JWS apart (RFC 7515 section 7.1) and checks its header.
func split(token string) (*header, []byte, *fault.Error) {
	if len(token) > MaxToken || strings.Count(token, ".") != 2 || strings.ContainsAny(token, "\r\n") {
		return nil, nil, invalidToken(notJWT)
	}
	head, rest, _ := strings.Cut(token, ".")
	body, _, _ := strings.Cut(rest, ".")
	enc := base64.RawURLEncoding.Strict()
	h, err1 := enc.DecodeString(head)
	payload, err2 := enc.DecodeString(body)
	if err1 != nil || err2 != nil {
		return nil, nil, invalidToken(notJWT)
	}
	hd, err := parseHeader(h)
	return hd, payload, err
}

func parseHeader(b []byte) (*header, *fault.Error) {
	raw, err := StrictObject(b)
	if err != nil {
		return nil, invalidToken(notJWT).With(err)
	}
	alg, ok1 := stringOf(raw["alg"])
	kid, ok2 := stringOf(raw["kid"])
	typ, ok3 := stringOf(raw["typ"])
	h := &header{alg: jose.SignatureAlgorithm(alg), kid: kid, hasKID: raw["kid"] != nil}
	switch {
	case !ok1 || !ok2 || !ok3 || len(kid) > maxKID:
		return nil, invalidToken(notJWT)
	case !slices.Contains(algorithms, h.alg):
		return nil, invalidToken("Unsupported signature algorithm in the token header")
	case has(raw, "crit") || has(raw, "b64") || has(raw, "enc") || has(raw, "cty"):
		return nil, invalidToken("Unsupported parameter in the token header")
	case typ != "" && !strings.EqualFold(typ, "JWT"):
		return nil, invalidToken(notJWT)
	}
	return h, nil
}

func has(raw map[string]json.RawMessage, name string) bool {
	_, ok := raw[name]
	return ok
}

// Verify checks a token of an issuer, which must be the registered one to the letter, for one of the audiences (the
// client ids of the provider). The faults are STS's modeled ones: InvalidIdentityTokenException, ExpiredTokenException
// and IDPCommunicationErrorException.
func (v *Verifier) Verify(ctx context.Context, token, issuer string, audiences []string) (*Claims, error) {
	c, err := v.verify(ctx, token, Keys{Issuer: issuer})
	if err == nil {
		err = v.check(c, audiences)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// VerifySigned checks the signature, the issuer and the time of a token. Whom the token is for is left to the caller to
// check. The faults are those of Verify.
func (v *Verifier) VerifySigned(ctx context.Context, token string, from Keys) (*Claims, error) {
	c, err := v.verify(ctx, token, from)
	if err == nil {
		err = v.checkTime(c)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// verify checks the signature, or finds that it did so before with the key that the issuer still has.
func (v *Verifier) verify(ctx context.Context, token string, from Keys) (*Claims, *fault.Error) {
	if len(token) > MaxToken {
		return nil, invalidToken(notJWT)
	}
	sum := sha256.Sum256([]byte(token))
	v.cacheMu.RLock()
	known := v.cache[sum]
	v.cacheMu.RUnlock()
	if known != nil && known.claims.Issuer == from.Issuer && v.o.Now().Before(known.claims.Expiry) {
		key, err := v.key(ctx, from, known.header)
		if err != nil {
			return nil, err
		}
		if same(key, known.key) {
			return known.claims, nil
		}
	}
	h, payload, err := split(token)
	if err != nil {
		return nil, err
	}
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	if c.Issuer != from.Issuer {
		return nil, invalidToken("The issuer of the token is not that of the identity provider")
	}
	if err := v.checkTime(c); err != nil { // before any fetch: an old token costs nobody a request
		return nil, err
	}
	key, err := v.key(ctx, from, h)
	if err != nil {
		return nil, err
	}
	if err := checkSignature(token, h, key, payload); err != nil {
		return nil, err
	}
	v.keep(sum, &verified{c, h, key})
	return c, nil
}

func same(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func checkSignature(token string, h *header, key crypto.PublicKey, payload []byte) *fault.Error {
	bad := invalidToken("The web identity token's signature could not be validated")
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{h.alg})
	if err != nil {
		return bad.With(fmt.Errorf("parse: %w", err))
	}
	got, err := jws.Verify(key)
	if err != nil || string(got) != string(payload) {
		return bad.With(err)
	}
	return nil
}

// keep remembers a verified token; when there is no room an arbitrary one leaves, ended ones first come along the way.
func (v *Verifier) keep(sum [32]byte, k *verified) {
	v.cacheMu.Lock()
	defer v.cacheMu.Unlock()
	for old := range v.cache {
		if len(v.cache) < v.o.CacheSize {
			break
		}
		delete(v.cache, old)
	}
	v.cache[sum] = k
}

func (v *Verifier) check(c *Claims, audiences []string) *fault.Error {
	if err := v.checkTime(c); err != nil {
		return err
	}
	client, ok := c.Client()
	if !ok || client == "" || !slices.Contains(audiences, client) {
		return invalidToken("Incorrect token audience")
	}
	return nil
}

func (v *Verifier) checkTime(c *Claims) *fault.Error {
	now := v.o.Now()
	if !now.Before(c.Expiry) {
		return fault.Of("ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d",
			now.Unix(), c.Expiry.Unix())
	}
	limit := now.Add(v.o.Leeway)
	if c.IssuedAt.After(limit) || c.NotBefore.After(limit) {
		return invalidToken("Token is not yet valid: current date/time %d must be at or after %d", now.Unix(),
			max(c.IssuedAt.Unix(), c.NotBefore.Unix()))
	}
	return nil
}

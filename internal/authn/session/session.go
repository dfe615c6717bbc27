// Package session makes and opens temporary credentials. A session token is self-contained: it carries the whole
// principal, sealed with an AEAD, and the secret key is derived, so nothing is stored and a signed request needs no
// look-up. Revocation compares Principal.IssuedAt with an epoch and is the caller's.
package session

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// A token is, in base64: version (1 byte), id of the key (4 bytes), nonce (24 bytes), sealed claims. XChaCha20-Poly1305
// because its nonces are long enough to be random for any number of tokens. Version, key id, purpose and access key id
// are authenticated with it.
const (
	version   = 1
	headerLen = 1 + 4 + chacha20poly1305.NonceSizeX

	// maxClaims bounds the sealed claims: 50 tags of 128 + 256 bytes, session policies and ARNs, and the principal.
	maxClaims = 27 << 10

	// MaxToken bounds a token as text, in bytes.
	MaxToken = (headerLen + maxClaims + chacha20poly1305.Overhead + 2) / 3 * 4

	sealLabel   = "bulkhead session token v1: seal"
	secretLabel = "bulkhead session token v1: secret access key"
)

// encoding refuses every other spelling of the same bytes, so that one token has one text.
var encoding = base64.StdEncoding.Strict()

// Key is one key of the ring.
type Key struct {
	// ID names the key in tokens. Ids are never used again for another secret.
	ID uint32
	// Secret is the key material, from which the sealing and the secret keys derive.
	Secret [32]byte
}

// Credentials are temporary credentials as STS returns them.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
	// PackedSize is how much of the room for session policies and tags is used, in percent (PackedPolicySize).
	PackedSize int
}

// TenantOf computes the tenant of a session from its tags; invalid is true when the tag is there and its value is no id.
type TenantOf func(tags authn.Tags) (id tenant.ID, invalid bool)

// Options configure a Sealer.
type Options struct {
	// Current seals new tokens and opens them.
	Current Key
	// Old keys only open tokens.
	Old []Key
	// TenantOf is required.
	TenantOf TenantOf
	// CacheBytes bounds the opened tokens kept, by the length of their texts; 0 is 64 MB, some 30,000 sessions.
	CacheBytes int
}

// Sealer mints and opens temporary credentials. It is safe for concurrent use.
type Sealer struct {
	current  *ringKey
	ring     map[uint32]*ringKey
	tenantOf TenantOf
	cache    *tokenCache
}

type ringKey struct {
	id     uint32
	aead   cipher.AEAD
	secret []byte
}

// NewSealer makes a Sealer. It fails for a missing TenantOf, a zero key, and a key id that is there twice.
func NewSealer(o Options) (*Sealer, error) {
	if o.TenantOf == nil {
		return nil, errors.New("session: Options.TenantOf is nil")
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	s := &Sealer{ring: make(map[uint32]*ringKey), tenantOf: o.TenantOf, cache: newTokenCache(o.CacheBytes)}
	for i, k := range append([]Key{o.Current}, o.Old...) {
		rk, err := newRingKey(k)
		if err != nil {
			return nil, err
		}
		if s.ring[k.ID] != nil {
			return nil, fmt.Errorf("session: key id %d is there twice", k.ID)
		}
		s.ring[k.ID] = rk
		if i == 0 {
			s.current = rk
		}
	}
	return s, nil
}

func newRingKey(k Key) (*ringKey, error) {
	if k.Secret == [32]byte{} {
		return nil, fmt.Errorf("session: key %d is zero", k.ID)
	}
	seal, err := hkdf.Expand(sha256.New, k.Secret[:], sealLabel, chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("session: derive key: %w", err)
	}
	secret, err := hkdf.Expand(sha256.New, k.Secret[:], secretLabel, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("session: derive key: %w", err)
	}
	aead, err := chacha20poly1305.NewX(seal)
	if err != nil {
		return nil, fmt.Errorf("session: cipher: %w", err)
	}
	return &ringKey{k.ID, aead, secret}, nil
}

// secretKey derives the secret access key: 40 characters, as AWS's are, of 30 bytes.
func (k *ringKey) secretKey(accessKeyID string, nonce []byte) []byte {
	m := hmac.New(sha256.New, k.secret)
	m.Write([]byte(accessKeyID))
	m.Write(nonce)
	return base64.StdEncoding.AppendEncode(nil, m.Sum(nil)[:30])
}

// additional is what is authenticated beside the claims.
func additional(header []byte, accessKeyID string) []byte {
	b := append(make([]byte, 0, len(sealLabel)+5+keyIDLen), sealLabel...)
	b = append(b, header[:5]...)
	return append(b, accessKeyID...)
}

// Mint makes temporary credentials for p that are valid from now for ttl, in whole seconds. Everything of p is kept but
// AccessKeyID, IssuedAt and ExpiresAt, which are those of the new session, and Tenant, which follows from the tags unless
// p.TenantInvalid says that there is none, and Via. It fails with the modeled
// PackedPolicyTooLargeException if p does not fit into a token.
func (s *Sealer) Mint(p *authn.Principal, now time.Time, ttl time.Duration) (*Credentials, error) {
	if p.Kind == authn.Anonymous || p.Kind > authn.FederatedUser || ttl < time.Second {
		return nil, fault.Wrap(fmt.Errorf("kind %d for %v", p.Kind, ttl), "mint session")
	}
	id, err := NewAccessKeyID(Temporary, p.Account)
	if err != nil {
		return nil, fault.Wrap(err, "mint session")
	}
	q := *p
	q.IssuedAt = now.UTC().Truncate(time.Second)
	q.ExpiresAt = q.IssuedAt.Add(ttl.Truncate(time.Second))
	header := make([]byte, headerLen, headerLen+1024)
	header[0] = version
	binary.BigEndian.PutUint32(header[1:5], s.current.id)
	rand.Read(header[5:])
	claims := encode(nil, &q)
	percent := (len(claims)*100 + maxClaims - 1) / maxClaims
	if percent > 100 {
		return nil, fault.Of("PackedPolicyTooLargeException",
			"Packed size of session policies and session tags consumes %d%% of allotted space.", percent)
	}
	token := s.current.aead.Seal(header, header[5:headerLen], claims, additional(header, id))
	return &Credentials{
		AccessKeyID:     id,
		SecretAccessKey: string(s.current.secretKey(id, header[5:headerLen])),
		SessionToken:    encoding.EncodeToString(token),
		Expiration:      q.ExpiresAt,
		PackedSize:      percent,
	}, nil
}

func errInvalid() *fault.Error {
	return fault.New(fault.UnknownAccessKey, "The security token included in the request is invalid.")
}

func errExpired() *fault.Error {
	return fault.New(fault.ExpiredToken, "The security token included in the request is expired")
}

// Open returns the principal and the secret access key of a session, which must not be changed. A token that was not
// made here, for another access key id, or with a key that is gone is UnknownAccessKey; one at or past its end is
// ExpiredToken. The strings are not kept.
func (s *Sealer) Open(token, accessKeyID string, now time.Time) (*authn.Principal, []byte, error) {
	e := s.cache.get(token)
	if e == nil {
		var err *fault.Error
		if e, err = s.open(token, accessKeyID); err != nil {
			return nil, nil, err
		}
		if now.Before(e.p.ExpiresAt) {
			s.cache.put(token, e)
		}
	}
	switch {
	case e.p.AccessKeyID != accessKeyID:
		return nil, nil, errInvalid()
	case !now.Before(e.p.ExpiresAt):
		s.cache.drop(token)
		return nil, nil, errExpired()
	}
	return e.p, e.secret, nil
}

func (s *Sealer) open(token, accessKeyID string) (*opened, *fault.Error) {
	if len(token) > MaxToken || len(token)%4 != 0 || len(accessKeyID) != keyIDLen || !IsTemporary(accessKeyID) {
		return nil, errInvalid()
	}
	b, err := encoding.DecodeString(token)
	if err != nil || encoding.EncodedLen(len(b)) != len(token) || len(b) < headerLen || b[0] != version {
		return nil, errInvalid()
	}
	k := s.ring[binary.BigEndian.Uint32(b[1:5])]
	if k == nil {
		return nil, errInvalid()
	}
	nonce := b[5:headerLen]
	claims, err := k.aead.Open(nil, nonce, b[headerLen:], additional(b, accessKeyID))
	if err != nil {
		return nil, errInvalid()
	}
	p, err := decode(claims)
	if err != nil {
		return nil, fault.Wrap(err, "open session token") // sealed by us, so it is our mistake
	}
	p.AccessKeyID = strings.Clone(accessKeyID)
	if !p.TenantInvalid {
		p.Tenant, p.TenantInvalid = s.tenantOf(p.Tags)
	}
	return &opened{p: p, secret: k.secretKey(accessKeyID, nonce)}, nil
}

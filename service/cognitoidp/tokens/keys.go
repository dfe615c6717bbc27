// Package tokens makes the tokens of user pools and knows them again: signing keys and their turn, what a token claims, refresh
// tokens and their rotation, what was revoked, and the documents by which others verify (JWKS, OpenID Connect discovery).
package tokens

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// SigningKeyBits is the size of the RSA keys that Cognito signs with.
const SigningKeyBits = 2048

// The keys of a pool, by what they sign. A token under the other key is refused whatever it claims to be.
const (
	KeyOfID = iota
	KeyOfAccess
)

// Issuer issues the tokens of all pools and verifies them.
type Issuer struct {
	*userpool.Store
	// IssuerURL makes issuers "<IssuerURL>/<pool>"; empty means AWS's form.
	IssuerURL string
	// NewKey makes a key to sign with.
	NewKey func() (*rsa.PrivateKey, error)

	triggers *trigger.Caller
	signers  signers
	making   singleflight.Group
	oneMakes sync.Mutex
}

// NewIssuer returns the issuer of the pools in a store.
func NewIssuer(s *userpool.Store, t *trigger.Caller, url string) *Issuer {
	return &Issuer{
		Store: s, triggers: t, IssuerURL: strings.TrimSuffix(url, "/"),
		NewKey: func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, SigningKeyBits) },
	}
}

// Request is a request within one pool that has to do with its tokens.
type Request struct {
	*Issuer
	*userpool.Request
}

// On is a request with the issuer at hand.
func (s *Issuer) On(c *userpool.Request) *Request { return &Request{s, c} }

// Keyed returns the pool with its signing keys if it has any: those that another request has just made are not yet in what
// this one was given, and a token signed with them must not be refused.
func (s *Issuer) Keyed(ctx context.Context, p *userpool.Pool) (*userpool.Pool, error) {
	if HasKeys(p) {
		return p, nil
	}
	var now *userpool.Pool
	err := system.View(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(p.Account, p.Region)
		if err != nil {
			return err
		}
		now, err = store.Load[userpool.Pool](rec, userpool.PoolKey(p.ID))
		return err
	})
	if err == nil && now == nil {
		err = refusal.PoolNotFound(p.ID)
	}
	return now, err
}

// HasKeys reports whether the pool has its signing keys yet.
func HasKeys(p *userpool.Pool) bool {
	return p.Keys[KeyOfID].KID != "" && p.Keys[KeyOfAccess].KID != ""
}

// WithKeys returns the pool with its signing keys, which it makes at the first need: the first sign-in, or the first time
// that somebody asks for them. Two keys cost a processor some 150 ms, and of a hundred thousand pools many are never
// signed in to. It needs no grant, for whoever may read the public keys may not write.
func (s *Issuer) WithKeys(ctx context.Context, p *userpool.Pool) (*userpool.Pool, error) {
	p, err := s.Keyed(ctx, p)
	if err != nil || HasKeys(p) {
		return p, err
	}
	made, err, _ := s.making.Do(p.ID, func() (any, error) {
		ctx := context.WithoutCancel(ctx) // others wait for it too
		return s.MakeKeys(ctx, p)
	})
	if err != nil {
		return nil, err
	}
	return made.(*userpool.Pool), nil
}

// MakeKeys makes the two signing keys of a pool, one pool at a time, and keeps them unless another node was faster.
func (s *Issuer) MakeKeys(ctx context.Context, p *userpool.Pool) (*userpool.Pool, error) {
	s.oneMakes.Lock()
	defer s.oneMakes.Unlock()
	var keys [len(p.Keys)]userpool.SigningKey
	var errs [len(p.Keys)]error
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() { keys[i], errs[i] = s.makeKey(p) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fault.Wrap(err, "make signing keys")
	}
	var now *userpool.Pool
	err := system.Update(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(p.Account, p.Region)
		if err != nil {
			return err
		}
		if now, err = store.Load[userpool.Pool](rec, userpool.PoolKey(p.ID)); err != nil {
			return err
		}
		if now == nil {
			return refusal.PoolNotFound(p.ID)
		}
		if HasKeys(now) {
			return nil
		}
		now.Keys = keys
		rec.ChangedIn(p.ID)
		return store.Save(rec, userpool.PoolKey(p.ID), now)
	})
	if err != nil {
		return nil, err
	}
	return now, nil
}

func (s *Issuer) makeKey(p *userpool.Pool) (userpool.SigningKey, error) {
	key, err := s.NewKey()
	if err != nil {
		return userpool.SigningKey{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return userpool.SigningKey{}, err
	}
	defer clear(private)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return userpool.SigningKey{}, err
	}
	sum := sha256.Sum256(public)
	k := userpool.SigningKey{KID: base64.StdEncoding.EncodeToString(sum[:]), Public: public}
	k.Sealed, err = s.Keyring.Seal(keyring.PoolSigningKey, p.Scope(), private, []byte(k.KID))
	return k, err
}

func publicKey(k *userpool.SigningKey) (*rsa.PublicKey, error) {
	pub, err := x509.ParsePKIXPublicKey(k.Public)
	if err != nil {
		return nil, fault.Wrap(err, "read a public key")
	}
	r, ok := pub.(*rsa.PublicKey)
	if !ok {
		return nil, fault.Wrap(errors.New("not an RSA key"), "read a public key")
	}
	return r, nil
}

// signers keeps keys that were opened, both halves. A key id names one key for ever, so entries never go stale.
type signers struct {
	private opened[rsa.PrivateKey]
	public  opened[rsa.PublicKey]
}

// maxSigners bounds a generation of opened keys, some 5 kB each. Opening one costs a tenth of a signature.
const maxSigners = 8192

// opened keeps the keys used last, in two generations: when the young one is full it becomes the old one, whose keys go
// unless they are used again.
type opened[K any] struct {
	mu         sync.RWMutex
	young, old map[string]*K
}

func (o *opened[K]) get(kid string, load func() (*K, error)) (*K, error) {
	o.mu.RLock()
	k, ok := o.young[kid]
	if !ok {
		k = o.old[kid]
	}
	o.mu.RUnlock()
	if ok {
		return k, nil
	}
	if k == nil {
		var err error
		if k, err = load(); err != nil {
			return nil, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.young == nil || len(o.young) >= maxSigners {
		o.young, o.old = map[string]*K{}, o.young
	}
	o.young[kid] = k
	return k, nil
}

// Signer returns the private half of a key of the pool.
func (s *Issuer) Signer(p *userpool.Pool, k *userpool.SigningKey) (*rsa.PrivateKey, error) {
	return s.signers.private.get(k.KID, func() (*rsa.PrivateKey, error) {
		der, err := s.Keyring.Open(keyring.PoolSigningKey, p.Scope(), k.Sealed, []byte(k.KID))
		if err != nil {
			return nil, fault.Wrap(err, "open a signing key")
		}
		defer clear(der)
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, fault.Wrap(err, "read a signing key")
		}
		r, ok := key.(*rsa.PrivateKey)
		if !ok {
			return nil, fault.Wrap(errors.New("not an RSA key"), "read a signing key")
		}
		return r, nil
	})
}

// verifier returns a public key of the pool.
func (s *Issuer) verifier(p *userpool.Pool, which int) (*rsa.PublicKey, error) {
	return s.opened(&p.Keys[which])
}

func (s *Issuer) opened(k *userpool.SigningKey) (*rsa.PublicKey, error) {
	return s.signers.public.get(k.KID, func() (*rsa.PublicKey, error) { return publicKey(k) })
}

// ProviderName is a pool as identity pools and role trust name it: cognito-idp.<region>.amazonaws.com/<pool>.
func ProviderName(region, pool string) string {
	return "cognito-idp." + region + ".amazonaws.com/" + pool
}

// IssuerOf is the iss claim of the pool's tokens.
func (s *Issuer) IssuerOf(p *userpool.Pool) string {
	if s.IssuerURL != "" {
		return s.IssuerURL + "/" + p.ID
	}
	return "https://" + ProviderName(p.Region, p.ID)
}

// PoolOfIssuer returns the pool that an issuer or provider name stands for, or nil. Without a scheme both forms are the
// same, so that a token's iss, a provider's URL and a key of Logins all find their pool.
func (s *Issuer) PoolOfIssuer(ctx context.Context, issuer string) (*userpool.Pool, error) {
	i := strings.LastIndexByte(issuer, '/')
	p, err := s.FactsOf(ctx, issuer[i+1:])
	if err != nil || p == nil {
		return nil, err
	}
	switch issuer {
	case s.IssuerOf(p), webtoken.WithoutScheme(s.IssuerOf(p)), ProviderName(p.Region, p.ID), "https://" + ProviderName(p.Region, p.ID):
		return p, nil
	}
	return nil, nil
}

// Keys returns the public key by which a token of one of this server's pools is verified without a network call, in the
// form of webtoken.OwnKeys. issuer is the token's iss or the provider's name. own is false for issuers of others. For a pool
// of this server and a key that it does not have, and when the store cannot be read, key is nil: the token is then to be
// refused. Callers still check iss, aud or client_id, exp and token_use.
func (s *Issuer) Keys(ctx context.Context, issuer, kid string) (key crypto.PublicKey, alg string, own bool) {
	p, err := s.PoolOfIssuer(ctx, issuer)
	if err != nil {
		return nil, "", true
	}
	if p == nil {
		return nil, "", s.IssuerURL != "" && strings.HasPrefix(issuer, s.IssuerURL+"/")
	}
	if p, err = s.Keyed(ctx, p); err != nil || !HasKeys(p) {
		return nil, "", true
	}
	for which := range p.Keys {
		k := keyOf(p, which, kid, time.Now())
		if k == nil {
			continue
		}
		pub, err := s.opened(k)
		if err != nil {
			break
		}
		return pub, jose.RS256, true
	}
	return nil, "", true
}

// Site is where a user pool is and what it is called by.
type Site struct {
	// Account owns the pool; ID is its id, Region its region.
	Account, Region, ID string
	// Issuer is the iss claim of its tokens.
	Issuer string
}

// PoolOf returns the pool that an issuer or provider name stands for; false if there is none here.
func (s *Issuer) PoolOf(ctx context.Context, issuer string) (Site, bool, error) {
	p, err := s.PoolOfIssuer(ctx, issuer)
	if err != nil || p == nil {
		return Site{}, false, err
	}
	return Site{Account: p.Account, Region: p.Region, ID: p.ID, Issuer: s.IssuerOf(p)}, true, nil
}

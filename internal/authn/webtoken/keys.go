package webtoken

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/outside"
)

// The life of an outside issuer's keys.
const (
	keysTTL     = time.Hour
	keysStale   = 4 * time.Hour // how long old keys still count when their issuer cannot be reached
	refreshWait = time.Minute   // the least time between two fetches for one issuer
	maxIssuers  = 1024
)

// issuerKeys are the keys of one outside issuer. The mutex is held while they are fetched, with fetching set.
type issuerKeys struct {
	mu       sync.Mutex
	keys     []jose.JSONWebKey
	fetched  time.Time
	tried    time.Time
	err      error
	fetching chan struct{} // closed when the fetch under way ends
}

// strong reports whether a key is of a kind and size that we verify with.
func strong(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N != nil && k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192 && k.E >= 3 && k.E&1 == 1
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521()
	}
	return false
}

// fits reports whether a key is one for the algorithm: the key decides, never the token (RFC 8725 section 3.1).
func fits(key crypto.PublicKey, alg jose.SignatureAlgorithm) bool {
	if !strong(key) {
		return false
	}
	switch alg {
	case jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512:
		_, ok := key.(*rsa.PublicKey)
		return ok
	case jose.ES256:
		return onCurve(key, elliptic.P256())
	case jose.ES384:
		return onCurve(key, elliptic.P384())
	case jose.ES512:
		return onCurve(key, elliptic.P521())
	}
	return false
}

func onCurve(key crypto.PublicKey, c elliptic.Curve) bool {
	k, ok := key.(*ecdsa.PublicKey)
	return ok && k.Curve == c
}

// key finds the key for a token: in process for an own issuer, else among the issuer's published ones.
func (v *Verifier) key(ctx context.Context, from Keys, h *header) (crypto.PublicKey, *fault.Error) {
	if v.o.Own != nil {
		if key, alg, own := v.o.Own(ctx, from.Issuer, h.kid); own {
			if key == nil || alg != string(h.alg) || !fits(key, h.alg) {
				return nil, errNoKey(nil)
			}
			return key, nil
		}
	}
	is := v.issuer(from)
	keys, err := v.current(ctx, from, is, false)
	if err != nil {
		return nil, err
	}
	key := pick(keys, h)
	if key == nil { // perhaps the issuer has new keys
		if keys, err = v.current(ctx, from, is, true); err != nil {
			return nil, err
		}
		key = pick(keys, h)
	}
	if key == nil {
		return nil, errNoKey(nil)
	}
	return key, nil
}

func errNoKey(cause error) *fault.Error {
	return invalidToken("Couldn't retrieve verification key from your identity provider, " +
		"please reference AssumeRoleWithWebIdentity documentation for requirements").With(cause)
}

func errIDP(cause error) *fault.Error {
	return fault.Of("IDPCommunicationErrorException",
		"Could not connect to the identity provider to retrieve its verification keys.").With(cause)
}

// pick returns the key with the token's kid and algorithm. A token without a kid needs an issuer with only one key that
// fits.
func pick(keys []jose.JSONWebKey, h *header) crypto.PublicKey {
	var found crypto.PublicKey
	for i := range keys {
		k := &keys[i]
		if h.hasKID && k.KeyID != h.kid || k.Algorithm != "" && k.Algorithm != string(h.alg) || !fits(k.Key, h.alg) {
			continue
		}
		if found != nil {
			return nil
		}
		found = k.Key
	}
	return found
}

func (v *Verifier) issuer(name Keys) *issuerKeys {
	v.mu.Lock()
	defer v.mu.Unlock()
	is := v.issuers[name]
	if is == nil {
		for old := range v.issuers {
			if len(v.issuers) < maxIssuers {
				break
			}
			delete(v.issuers, old)
		}
		is = &issuerKeys{}
		v.issuers[name] = is
	}
	return is
}

// current returns the keys of an issuer, fetched anew if they are old, or if fresh asks for it; a fetch follows another
// one of the same issuer only after refreshWait, whatever the tokens say. Many callers share one fetch.
func (v *Verifier) current(ctx context.Context, from Keys, is *issuerKeys, fresh bool) ([]jose.JSONWebKey, *fault.Error) {
	is.mu.Lock()
	now := v.o.Now()
	due := fresh || now.Sub(is.fetched) >= keysTTL || is.keys == nil
	if due && is.fetching == nil && (is.tried.IsZero() || now.Sub(is.tried) >= refreshWait) {
		is.tried, is.fetching = now, make(chan struct{})
		go v.fetch(context.WithoutCancel(ctx), from, is)
	}
	wait := is.fetching
	is.mu.Unlock()
	if due && wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, errIDP(ctx.Err())
		}
	}
	is.mu.Lock()
	defer is.mu.Unlock()
	if is.keys == nil || now.Sub(is.fetched) >= keysTTL+keysStale {
		return nil, errIDP(is.err)
	}
	return is.keys, nil
}

// fetch runs on its own, so that a caller who leaves does not fail the others.
func (v *Verifier) fetch(ctx context.Context, from Keys, is *issuerKeys) {
	ctx, cancel := context.WithTimeout(ctx, 2*outside.Timeout)
	defer cancel()
	keys, err := v.fetchKeys(ctx, from)
	is.mu.Lock()
	defer is.mu.Unlock()
	if is.err = err; err == nil {
		is.keys, is.fetched = keys, v.o.Now()
	}
	close(is.fetching)
	is.fetching = nil
}

package cognitoidentity

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// Issuer is the iss claim of the tokens of all identity pools.
const Issuer = "https://cognito-identity.amazonaws.com"

const signingKeyBits = 2048

// keyScope is where the signing key is sealed: it is no tenant's, so its account is that of AWS's own resources.
var keyScope = keyring.Scope{Account: "aws", Name: eventSource}

// signingKey is the issuer's key pair: the private half sealed.
type signingKey struct {
	KID    string
	Public []byte // PKIX
	Sealed []byte // PKCS #8
}

// signer is the key pair opened.
type signer struct {
	kid     string
	private *rsa.PrivateKey
}

// ensureKey makes the issuer's key with the first identity pool. Whichever of several nodes commits first made it.
func (s *Service) ensureKey(ctx context.Context, call *pipeline.Call) error {
	if have, err := s.signingKey(ctx); have != nil || err != nil {
		return err
	}
	k, err := s.makeKey()
	if err != nil {
		return fault.Wrap(err, "make a signing key")
	}
	return s.DB.Update(ctx, call.Grant, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		if _, exists, err := dir.Get(signingKeyKey); exists || err != nil {
			return err
		}
		return store.Save(dir, signingKeyKey, k)
	})
}

func (s *Service) makeKey() (*signingKey, error) {
	key, err := s.newKey()
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(public)
	k := &signingKey{KID: base64.RawURLEncoding.EncodeToString(sum[:]), Public: public}
	k.Sealed, err = s.Keyring.Seal(keyring.PoolSigningKey, keyScope, private, []byte(k.KID))
	return k, err
}

// signingKey returns the opened key; nil before the first pool. There is one for ever, so it is read once.
func (s *Service) signingKey(ctx context.Context) (*signer, error) {
	if k := s.signer.Load(); k != nil {
		return k, nil
	}
	var k *signingKey
	err := system.View(ctx, s.DB, serviceName, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		k, err = store.Load[signingKey](dir, signingKeyKey)
		return err
	})
	if err != nil || k == nil {
		return nil, err
	}
	opened, err := s.openKey(k)
	if err != nil {
		return nil, fault.Wrap(err, "open the signing key")
	}
	s.signer.Store(opened)
	return opened, nil
}

func (s *Service) openKey(k *signingKey) (*signer, error) {
	der, err := s.Keyring.Open(keyring.PoolSigningKey, keyScope, k.Sealed, []byte(k.KID))
	if err != nil {
		return nil, err
	}
	defer clear(der)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	r, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return &signer{k.KID, r}, nil
}

// Keys returns the key by which tokens of identity pools are verified without a network call, in the form of
// webtoken.OwnKeys. own is false for other issuers. For this issuer and a key that it does not have, or if the store cannot
// be read, key is nil: the token is then to be refused.
func (s *Service) Keys(ctx context.Context, issuer, kid string) (key crypto.PublicKey, alg string, own bool) {
	if issuer != Issuer {
		return nil, "", false
	}
	k, err := s.signingKey(ctx)
	if err != nil || k == nil || k.kid != kid {
		return nil, "", true
	}
	return &k.private.PublicKey, jose.RS256, true
}

// sign makes a token of the claims.
func (s *Service) sign(ctx context.Context, claims any) (string, error) {
	k, err := s.signingKey(ctx)
	if err == nil && k == nil {
		err = errors.New("cognitoidentity: a pool without a signing key")
	}
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return "", fault.Wrap(err, "encode claims")
	}
	return jose.Sign(k.private, k.kid, text)
}

// Handler serves the issuer's key set, which anybody may read, where AWS has it: GET /.well-known/jwks_uri.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks_uri", func(w http.ResponseWriter, r *http.Request) {
		k, err := s.signingKey(r.Context())
		if err != nil {
			http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
			return
		}
		set := jose.Set{Keys: []jose.Key{}}
		if k != nil {
			set.Keys = append(set.Keys, jose.Public(k.kid, &k.private.PublicKey))
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_ = json.NewEncoder(w).Encode(set) // the client is gone if this fails
	})
	return mux
}

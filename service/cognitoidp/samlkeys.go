package cognitoidp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The two key pairs of a pool for SAML: what signs and what opens must never be one key.
const (
	samlSignature  = "signature"
	samlEncryption = "encryption"
)

// samlLife is how long certificates hold ("GetSigningCertificate": 10 years).
const samlLife = 10

// samlPair is a key pair of a pool for SAML, made at the first need.
type samlPair struct {
	Certificate []byte // X.509
	Sealed      []byte // PKCS #8
}

func samlPairKey(pool, use string) store.Key { return userpool.InPool(pool, "saml", use) }

func (p *samlPair) certificate() string { return base64.StdEncoding.EncodeToString(p.Certificate) }

// samlPair returns a pair of the pool, which it makes at the first need. It needs no grant: whoever may read the
// certificate may not write.
func (c *scoped) samlPair(use string) (*samlPair, error) {
	pair, err := c.loadPair(use)
	if err != nil || pair != nil {
		return pair, err
	}
	made, err, _ := c.making.Do("saml/"+use+"/"+c.Pool.ID, func() (any, error) { return c.makePair(use) })
	if err != nil {
		return nil, err
	}
	return made.(*samlPair), nil
}

func (c *scoped) loadPair(use string) (pair *samlPair, err error) {
	err = system.View(c.Ctx, c.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(c.Pool.Account, c.Pool.Region)
		if err != nil {
			return err
		}
		pair, err = store.Load[samlPair](rec, samlPairKey(c.Pool.ID, use))
		return err
	})
	return pair, err
}

// makePair makes a pair and keeps it, unless another node was faster.
func (c *scoped) makePair(use string) (*samlPair, error) {
	pair, err := c.newPair(use)
	if err != nil {
		return nil, fault.Wrap(err, "make a key for SAML")
	}
	var kept *samlPair
	err = system.Update(context.WithoutCancel(c.Ctx), c.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(c.Pool.Account, c.Pool.Region)
		if err != nil {
			return err
		}
		if c.Pool.Gone(rec) {
			return refusal.PoolNotFound(c.Pool.ID)
		}
		k := samlPairKey(c.Pool.ID, use)
		if kept, err = store.Load[samlPair](rec, k); err != nil || kept != nil {
			return err
		}
		kept = pair
		return store.Save(rec, k, pair)
	})
	return kept, err
}

func (c *scoped) newPair(use string) (*samlPair, error) {
	key, err := c.NewKey()
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: c.Pool.ID}, NotBefore: c.Call.Now.Add(-time.Hour),
		NotAfter: c.Call.Now.AddDate(samlLife, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if use == samlEncryption {
		t.KeyUsage = x509.KeyUsageKeyEncipherment
	}
	pair := &samlPair{}
	if pair.Certificate, err = x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key); err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	pair.Sealed, err = c.Keyring.Seal(keyring.PoolSAMLKey, c.Pool.Scope(), private, []byte(use))
	return pair, err
}

// samlKey opens the private key of a pair.
func (c *scoped) samlKey(use string) (*rsa.PrivateKey, *samlPair, error) {
	pair, err := c.samlPair(use)
	if err != nil {
		return nil, nil, err
	}
	der, err := c.Keyring.Open(keyring.PoolSAMLKey, c.Pool.Scope(), pair.Sealed, []byte(use))
	if err != nil {
		return nil, nil, fault.Wrap(err, "open a key for SAML")
	}
	defer clear(der)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, nil, fault.Wrap(err, "read a key for SAML")
	}
	r, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, fault.Wrap(errors.New("not an RSA key"), "read a key for SAML")
	}
	return r, pair, nil
}

// GetSigningCertificate implements api.Service.
func (s *Service) GetSigningCertificate(ctx context.Context, call *pipeline.Call, in *api.GetSigningCertificateInput) (*api.GetSigningCertificateOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	pair, err := c.samlPair(samlSignature)
	if err != nil {
		return nil, err
	}
	return &api.GetSigningCertificateOutput{Certificate: new(pair.certificate())}, nil
}

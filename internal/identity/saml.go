package identity

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/federation/saml"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
)

// SAMLProvider is an IAM SAML provider.
type SAMLProvider struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	// UUID is the provider's own part of the place that encrypted assertions are sent to.
	UUID string `json:"uuid"`
	// Document is the metadata document as it was given.
	Document string `json:"document"`
	// Encryption is the assertion encryption mode: "Required", "Allowed" or "".
	Encryption string `json:"encryption,omitempty"`
	// Keys open encrypted assertions.
	Keys       []SAMLKey `json:"keys,omitempty"`
	ValidUntil time.Time `json:"validUntil"`
	Created    time.Time `json:"created"`
	Tags       []Tag     `json:"tags,omitempty"`
}

// EncryptionRequired is the encryption mode that refuses assertions that are not encrypted.
const EncryptionRequired = "Required"

// SAMLKey is a private key of a SAML provider.
type SAMLKey struct {
	ID    string    `json:"id"`
	Added time.Time `json:"added"`
	// Sealed is the key in PKCS #8, sealed under keyring.SAMLKey with the id.
	Sealed []byte `json:"sealed"`
}

// ARN is the provider's name.
func (p *SAMLProvider) ARN() string { return arn.IAM(p.Account, "saml-provider", "/", p.Name) }

// SAMLName returns account and name in a SAML provider's ARN; false for any other text.
func SAMLName(providerARN string) (account, name string, ok bool) {
	a, ok := arn.Parse(providerARN)
	kind, name := a.Type()
	if !ok || a.Service != Service || a.Region != "" || kind != "saml-provider" || !arn.IsAccount(a.Account) || name == "" {
		return "", "", false
	}
	return a.Account, name, true
}

// SAML returns a SAML provider by its name; nil if there is none.
func (v *View) SAML(name string) (*SAMLProvider, error) {
	return store.Load[SAMLProvider](v.records, store.K(keySAML, name))
}

// PutSAML stores a SAML provider.
func (v *View) PutSAML(p *SAMLProvider) error { return put(v, store.K(keySAML, p.Name), p) }

// DeleteSAML removes a SAML provider.
func (v *View) DeleteSAML(name string) error { return v.remove(store.K(keySAML, name)) }

// SAMLs lists the account's SAML providers. Their names are case-sensitive.
func (v *View) SAMLs(yield func(*SAMLProvider) bool) error {
	return store.Each(v.records, store.K(keySAML), nil, func(_ store.Key, p *SAMLProvider) bool { return yield(p) })
}

// SAMLFacts are what believing a SAML provider needs.
type SAMLFacts struct {
	Account, ARN, Name, UUID string
	Metadata                 *saml.Metadata
	// Keys open encrypted assertions. MustEncrypt refuses others.
	Keys        []*rsa.PrivateKey
	MustEncrypt bool
	Tags        []Tag
}

// SAMLProvider returns the SAML provider with the ARN; nil without an error if there is none.
func (c *Catalog) SAMLProvider(ctx context.Context, providerARN string) (*SAMLFacts, error) {
	account, name, ok := SAMLName(providerARN)
	if !ok {
		return nil, nil
	}
	f, err := found(c.saml.Get(account, account+" "+name, func() (*SAMLFacts, error) {
		var p *SAMLProvider
		err := c.view(ctx, account, func(v *View) (err error) {
			p, err = v.SAML(name)
			return err
		})
		if err == nil && p == nil {
			err = errNotCached
		}
		if err != nil {
			return nil, err
		}
		return c.samlFacts(p)
	}))
	if err != nil || f == nil || f.ARN != providerARN {
		return nil, err
	}
	return f, nil
}

func (c *Catalog) samlFacts(p *SAMLProvider) (*SAMLFacts, error) {
	m, err := saml.ParseMetadata([]byte(p.Document), true)
	if err != nil {
		return nil, fmt.Errorf("identity: metadata of %s: %w", p.ARN(), err)
	}
	f := &SAMLFacts{
		Account: p.Account, ARN: p.ARN(), Name: p.Name, UUID: p.UUID, Metadata: m, MustEncrypt: p.Encryption == EncryptionRequired, Tags: p.Tags,
	}
	for i := range p.Keys {
		key, err := c.openSAMLKey(p.Account, &p.Keys[i])
		if err != nil {
			return nil, fmt.Errorf("identity: private key of %s: %w", p.ARN(), err)
		}
		f.Keys = append(f.Keys, key)
	}
	return f, nil
}

// SealSAMLKey seals a private key of a SAML provider for its record.
func (c *Catalog) SealSAMLKey(account, id string, key *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return c.keyring.Seal(keyring.SAMLKey, keyring.Scope{Account: account}, der, []byte(id))
}

func (c *Catalog) openSAMLKey(account string, k *SAMLKey) (*rsa.PrivateKey, error) {
	der, err := c.keyring.Open(keyring.SAMLKey, keyring.Scope{Account: account}, k.Sealed, []byte(k.ID))
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
	return r, nil
}

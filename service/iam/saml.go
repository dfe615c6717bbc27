package iam

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/federation/saml"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// The limits of SAML providers ("IAM and AWS STS quotas", IAM User Guide).
const (
	maxSAMLProviders = 100
	maxSAMLKeys      = 2
)

// samlForever is how long metadata are valid that do not say.
const samlForever = 100 * 365 * 24 * time.Hour

func noSAML(providerARN string) error {
	return api.NewNoSuchEntityException("Manifest not found for arn %s", providerARN)
}

// setMetadata takes a metadata document.
func setMetadata(p *identity.SAMLProvider, document string, now time.Time) error {
	m, err := saml.ParseMetadata([]byte(document), true)
	if err != nil {
		return api.NewInvalidInputException("Could not parse metadata: %s", strings.TrimPrefix(err.Error(), "saml: ")).With(err)
	}
	p.Document, p.ValidUntil = document, m.ValidUntil.UTC()
	if m.ValidUntil.IsZero() {
		p.ValidUntil = now.Add(samlForever)
	}
	return nil
}

// addSAMLKey reads a private key and gives it to the provider, whose account is known.
func (s *Service) addSAMLKey(p *identity.SAMLProvider, text string, now time.Time) error {
	key, err := rsaKey(text)
	if err != nil {
		return err
	}
	if len(p.Keys) >= maxSAMLKeys {
		return api.NewLimitExceededException("Private key limit of %d is reached.", maxSAMLKeys)
	}
	k := identity.SAMLKey{ID: identity.NewID("SAMLPK"), Added: now}
	if k.Sealed, err = s.catalog.SealSAMLKey(p.Account, k.ID, key); err != nil {
		return err
	}
	p.Keys = append(p.Keys, k)
	return nil
}

// rsaKey reads an RSA key of 2048 to 8192 bits in PEM.
func rsaKey(text string) (*rsa.PrivateKey, error) {
	invalid := api.NewInvalidInputException("Invalid private key.")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, invalid
	}
	defer clear(block.Bytes)
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, invalid
	}
	r, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok || r.N.BitLen() < 2048 || r.N.BitLen() > 8192 {
		return nil, invalid
	}
	return r, nil
}

// setEncryption sets the mode, which needs a key if it is to be required.
func setEncryption(p *identity.SAMLProvider, mode string) error {
	if mode != "" {
		p.Encryption = mode
	}
	if p.Encryption == identity.EncryptionRequired && len(p.Keys) == 0 {
		return api.NewInvalidInputException("Unable to set assertion encryption mode to Required because no private key is provided.")
	}
	return nil
}

// CreateSAMLProvider implements api.Service.
func (s *Service) CreateSAMLProvider(ctx context.Context, call *pipeline.Call, in *api.CreateSAMLProviderInput) (*api.CreateSAMLProviderOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	account, _ := call.Grant.Home()
	p := &identity.SAMLProvider{
		Account: account, Name: opt.Value(in.Name), UUID: identity.NewID("SAMLSP"), Created: now(call), Tags: tags,
	}
	if err := setMetadata(p, opt.Value(in.SAMLMetadataDocument), p.Created); err != nil {
		return nil, err
	}
	if in.AddPrivateKey != nil {
		if err := s.addSAMLKey(p, *in.AddPrivateKey, p.Created); err != nil {
			return nil, err
		}
	}
	if err := setEncryption(p, string(in.AssertionEncryptionMode)); err != nil {
		return nil, err
	}
	err = s.update(ctx, call, func(v *identity.View) error {
		if old, err := v.SAML(p.Name); err != nil || old != nil {
			return taken(err, "SAMLProvider with name %s already exists.", p.Name)
		}
		if err := within(v, identity.CountSAML, maxSAMLProviders, "SAMLProvidersPerAccount"); err != nil {
			return err
		}
		return v.PutSAML(p)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateSAMLProviderOutput{SAMLProviderArn: opt.Present(p.ARN()), Tags: showTags(tags)}, nil
}

// samlOf returns a SAML provider by its ARN, or an error.
func samlOf(v *identity.View, providerARN string) (*identity.SAMLProvider, error) {
	account, name, ok := identity.SAMLName(providerARN)
	if !ok {
		return nil, api.NewInvalidInputException("ARN %s is not valid.", providerARN)
	}
	if account != v.Account {
		return nil, noSAML(providerARN)
	}
	p, err := v.SAML(name)
	if err == nil && (p == nil || p.ARN() != providerARN) {
		err = noSAML(providerARN)
	}
	return p, err
}

func (s *Service) changeSAML(ctx context.Context, call *pipeline.Call, a *string, fn func(*identity.SAMLProvider) error) error {
	return s.update(ctx, call, func(v *identity.View) error {
		p, err := samlOf(v, opt.Value(a))
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		return v.PutSAML(p)
	})
}

// GetSAMLProvider implements api.Service. Private keys never come back.
func (s *Service) GetSAMLProvider(ctx context.Context, call *pipeline.Call, in *api.GetSAMLProviderInput) (*api.GetSAMLProviderOutput, error) {
	var p *identity.SAMLProvider
	err := s.view(ctx, call, func(v *identity.View) (err error) {
		p, err = samlOf(v, opt.Value(in.SAMLProviderArn))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.GetSAMLProviderOutput{
		SAMLProviderUUID: &p.UUID, SAMLMetadataDocument: &p.Document, CreateDate: &p.Created, ValidUntil: &p.ValidUntil,
		Tags: showTags(p.Tags), AssertionEncryptionMode: api.AssertionEncryptionModeType(p.Encryption),
	}
	for i := range p.Keys {
		out.PrivateKeyList = append(out.PrivateKeyList, api.SAMLPrivateKey{KeyId: &p.Keys[i].ID, Timestamp: &p.Keys[i].Added})
	}
	return out, nil
}

// ListSAMLProviders implements api.Service.
func (s *Service) ListSAMLProviders(ctx context.Context, call *pipeline.Call, _ *api.ListSAMLProvidersInput) (*api.ListSAMLProvidersOutput, error) {
	out := &api.ListSAMLProvidersOutput{}
	err := s.view(ctx, call, func(v *identity.View) error {
		out.SAMLProviderList = []api.SAMLProviderListEntry{}
		return v.SAMLs(func(p *identity.SAMLProvider) bool {
			out.SAMLProviderList = append(out.SAMLProviderList, api.SAMLProviderListEntry{
				Arn: opt.Present(p.ARN()), CreateDate: &p.Created, ValidUntil: &p.ValidUntil,
			})
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateSAMLProvider implements api.Service.
func (s *Service) UpdateSAMLProvider(ctx context.Context, call *pipeline.Call, in *api.UpdateSAMLProviderInput) (*api.UpdateSAMLProviderOutput, error) {
	switch {
	case in.SAMLMetadataDocument == nil && in.AssertionEncryptionMode == "" && in.AddPrivateKey == nil && in.RemovePrivateKey == nil:
		return nil, api.NewInvalidInputException("Unable to update identity provider. No updates are defined for metadata or encryption assertion.")
	case in.AddPrivateKey != nil && in.RemovePrivateKey != nil:
		return nil, api.NewInvalidInputException("Unable to add and remove private keys in the same request. Set a value for only one of the two parameters.")
	}
	err := s.changeSAML(ctx, call, in.SAMLProviderArn, func(p *identity.SAMLProvider) error {
		if in.SAMLMetadataDocument != nil {
			if err := setMetadata(p, *in.SAMLMetadataDocument, now(call)); err != nil {
				return err
			}
		}
		if in.AddPrivateKey != nil {
			if err := s.addSAMLKey(p, *in.AddPrivateKey, now(call)); err != nil {
				return err
			}
		}
		if in.RemovePrivateKey != nil {
			i := slices.IndexFunc(p.Keys, func(k identity.SAMLKey) bool { return k.ID == *in.RemovePrivateKey })
			if i < 0 {
				return api.NewInvalidInputException("Failed to remove private key because the Key ID does not match a private key.")
			}
			p.Keys = slices.Delete(p.Keys, i, i+1)
		}
		return setEncryption(p, string(in.AssertionEncryptionMode))
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateSAMLProviderOutput{SAMLProviderArn: in.SAMLProviderArn}, nil
}

// DeleteSAMLProvider implements api.Service.
func (s *Service) DeleteSAMLProvider(ctx context.Context, call *pipeline.Call, in *api.DeleteSAMLProviderInput) (*api.DeleteSAMLProviderOutput, error) {
	err := s.update(ctx, call, func(v *identity.View) error {
		p, err := samlOf(v, opt.Value(in.SAMLProviderArn))
		if err != nil {
			return err
		}
		if err := less(v, identity.CountSAML); err != nil {
			return err
		}
		return v.DeleteSAML(p.Name)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteSAMLProviderOutput{}, nil
}

// TagSAMLProvider implements api.Service.
func (s *Service) TagSAMLProvider(ctx context.Context, call *pipeline.Call, in *api.TagSAMLProviderInput) (*api.TagSAMLProviderOutput, error) {
	err := s.changeSAML(ctx, call, in.SAMLProviderArn, func(p *identity.SAMLProvider) error { return addTags(&p.Tags, in.Tags) })
	if err != nil {
		return nil, err
	}
	return &api.TagSAMLProviderOutput{}, nil
}

// UntagSAMLProvider implements api.Service.
func (s *Service) UntagSAMLProvider(ctx context.Context, call *pipeline.Call, in *api.UntagSAMLProviderInput) (*api.UntagSAMLProviderOutput, error) {
	err := s.changeSAML(ctx, call, in.SAMLProviderArn, func(p *identity.SAMLProvider) error {
		dropTags(&p.Tags, in.TagKeys)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagSAMLProviderOutput{}, nil
}

// ListSAMLProviderTags implements api.Service.
func (s *Service) ListSAMLProviderTags(ctx context.Context, call *pipeline.Call, in *api.ListSAMLProviderTagsInput) (*api.ListSAMLProviderTagsOutput, error) {
	a := opt.Value(in.SAMLProviderArn)
	p, err := s.listTags(ctx, call, "ListSAMLProviderTags", a, in.Marker, in.MaxItems, func(v *identity.View) ([]identity.Tag, error) {
		p, err := samlOf(v, a)
		if err != nil {
			return nil, err
		}
		return p.Tags, nil
	})
	if err != nil {
		return nil, err
	}
	return &api.ListSAMLProviderTagsOutput{Tags: p.tags, IsTruncated: p.truncated, Marker: p.marker}, nil
}

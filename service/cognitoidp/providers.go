package cognitoidp

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// provider is an outside identity provider of a pool.
type provider struct {
	Name              string
	Type              api.IdentityProviderTypeType
	Created, Modified time.Time
	// Details are ProviderDetails as they are shown, without secrets.
	Details map[string]string
	// Secret is the client secret or the private key, sealed; nil if there is none.
	Secret []byte
	// Metadata is the last SAML metadata document that was read.
	Metadata []byte
	// TokenAuth is how a token endpoint that was discovered wants the pool to authenticate.
	TokenAuth string
	// Mapping is AttributeMapping: the pool's attribute to the provider's.
	Mapping     map[string]string
	Identifiers []string
}

// identifier points from an IdpIdentifier to its provider.
type identifier struct{ Provider string }

func identifierKey(pool, text string) store.Key {
	return userpool.InPool(pool, "provider-identifier", text)
}

// social are the provider types that are providers of this name.
var social = []api.IdentityProviderTypeType{
	api.IdentityProviderTypeTypeFacebook, api.IdentityProviderTypeTypeGoogle,
	api.IdentityProviderTypeTypeLoginWithAmazon, api.IdentityProviderTypeTypeSignInWithApple,
}

func providerNotFound(name string) error {
	return api.NewResourceNotFoundException("Identity provider %s does not exist.", name)
}

// checkProviderName refuses names that would be those of others: social providers are called by their types, and the
// pool's own users are COGNITO's. The first "_" of a username ends a provider's name, so names have none: the pattern of
// the model lets one through.
func checkProviderName(name string, kind api.IdentityProviderTypeType) error {
	known := slices.Contains(social, api.IdentityProviderTypeType(name))
	switch {
	case slices.Contains(social, kind) && name != string(kind):
		return refusal.Invalid("Provider name for %s must be %s.", kind, kind)
	case known && name != string(kind), name == poolsettings.LocalProvider, name == cognitoProvider:
		return refusal.Invalid("Provider name %s is reserved.", name)
	case strings.Contains(name, "_"):
		return refusal.Invalid("Provider name %s cannot contain an underscore.", name)
	}
	return nil
}

// CreateIdentityProvider implements api.Service.
func (s *Service) CreateIdentityProvider(ctx context.Context, call *pipeline.Call, in *api.CreateIdentityProviderInput) (*api.CreateIdentityProviderOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	p := &provider{
		Name: opt.Value(in.ProviderName), Type: in.ProviderType, Created: call.Now, Modified: call.Now,
		Mapping: in.AttributeMapping, Identifiers: in.IdpIdentifiers,
	}
	if err := checkProviderName(p.Name, p.Type); err != nil {
		return nil, err
	}
	if err := c.setDetails(p, in.ProviderDetails); err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		if _, found, err := rec.Get(userpool.ProviderNameKey(c.Pool.ID, p.Name)); err != nil {
			return err
		} else if found {
			return api.NewDuplicateProviderException("Identity provider %s already exists.", p.Name)
		}
		if c.Pool.Gone(rec) {
			return refusal.PoolNotFound(c.Pool.ID)
		}
		return c.saveProvider(rec, nil, p)
	})
	if err != nil {
		return nil, err
	}
	d, err := c.describeProvider(p)
	return &api.CreateIdentityProviderOutput{IdentityProvider: d}, err
}

// saveProvider checks what only the pool's records tell, and stores the provider with its identifiers.
func (c *scoped) saveProvider(rec *store.Records, before, p *provider) error {
	now, err := store.Load[userpool.Pool](rec, userpool.PoolKey(c.Pool.ID))
	if err != nil {
		return err
	}
	if now == nil {
		return refusal.PoolNotFound(c.Pool.ID)
	}
	if err := checkMapping(now, p); err != nil {
		return err
	}
	if before != nil {
		for _, id := range before.Identifiers {
			if err := rec.Delete(identifierKey(c.Pool.ID, id)); err != nil {
				return err
			}
		}
	}
	for _, id := range p.Identifiers {
		k := identifierKey(c.Pool.ID, id)
		taken, err := store.Load[identifier](rec, k)
		if err != nil {
			return err
		}
		if taken != nil {
			return api.NewDuplicateProviderException("Identifier %s is already in use.", id)
		}
		if err := store.Save(rec, k, &identifier{p.Name}); err != nil {
			return err
		}
	}
	rec.ChangedIn(c.Pool.ID)
	return errors.Join(
		store.Save(rec, userpool.ProviderNameKey(c.Pool.ID, p.Name), &identifier{p.Name}),
		store.Save(rec, userpool.ProviderKey(c.Pool.ID, p.Name), p))
}

// loadProvider loads a provider, nil if the pool has none of the name.
func (c *scoped) loadProvider(name string) (p *provider, err error) {
	err = c.View(func(rec *store.Records) error {
		p, err = store.Load[provider](rec, userpool.ProviderKey(c.Pool.ID, name))
		return err
	})
	return p, err
}

func (c *scoped) mustProvider(rec *store.Records, name string) (*provider, error) {
	return userpool.Must[provider](rec, userpool.ProviderKey(c.Pool.ID, name), providerNotFound(name))
}

// describeProvider shows the client secret to who may describe the provider, as AWS does; Apple's private key stays.
func (c *scoped) describeProvider(p *provider) (*api.IdentityProviderType, error) {
	out := &api.IdentityProviderType{
		UserPoolId: new(c.Pool.ID), ProviderName: new(p.Name), ProviderType: p.Type, ProviderDetails: maps.Clone(p.Details),
		AttributeMapping: p.Mapping, IdpIdentifiers: p.Identifiers, CreationDate: new(p.Created), LastModifiedDate: new(p.Modified),
	}
	if p.Type == api.IdentityProviderTypeTypeSaml {
		if p.Details[detailEncrypted] == textTrue {
			pair, err := c.samlPair(samlEncryption)
			if err != nil {
				return nil, err
			}
			out.ProviderDetails[detailCertificate] = pair.certificate()
		}
		return out, nil
	}
	if p.Secret != nil && p.Type != api.IdentityProviderTypeTypeSignInWithApple {
		secret, err := c.providerSecret(p)
		if err != nil {
			return nil, err
		}
		out.ProviderDetails[detailClientSecret] = string(secret)
	}
	return out, nil
}

// DescribeIdentityProvider implements api.Service.
func (s *Service) DescribeIdentityProvider(ctx context.Context, call *pipeline.Call, in *api.DescribeIdentityProviderInput) (*api.DescribeIdentityProviderOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	p, err := c.loadProvider(opt.Value(in.ProviderName))
	if err == nil && p == nil {
		err = providerNotFound(opt.Value(in.ProviderName))
	}
	if err != nil {
		return nil, err
	}
	d, err := c.describeProvider(p)
	return &api.DescribeIdentityProviderOutput{IdentityProvider: d}, err
}

// GetIdentityProviderByIdentifier implements api.Service.
func (s *Service) GetIdentityProviderByIdentifier(ctx context.Context, call *pipeline.Call, in *api.GetIdentityProviderByIdentifierInput) (*api.GetIdentityProviderByIdentifierOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	p, err := c.providerByIdentifier(opt.Value(in.IdpIdentifier))
	if err == nil && p == nil {
		err = api.NewResourceNotFoundException("Identity provider with identifier %s does not exist.", opt.Value(in.IdpIdentifier))
	}
	if err != nil {
		return nil, err
	}
	d, err := c.describeProvider(p)
	return &api.GetIdentityProviderByIdentifierOutput{IdentityProvider: d}, err
}

// providerByIdentifier finds a provider by an IdpIdentifier, or nil.
func (c *scoped) providerByIdentifier(text string) (p *provider, err error) {
	err = c.View(func(rec *store.Records) error {
		p = nil
		at, err := store.Load[identifier](rec, identifierKey(c.Pool.ID, text))
		if err != nil || at == nil {
			return err
		}
		p, err = store.Load[provider](rec, userpool.ProviderKey(c.Pool.ID, at.Provider))
		return err
	})
	return p, err
}

// UpdateIdentityProvider implements api.Service. What is not named stays; what is named is set as a whole.
func (s *Service) UpdateIdentityProvider(ctx context.Context, call *pipeline.Call, in *api.UpdateIdentityProviderInput) (*api.UpdateIdentityProviderOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	known, err := c.loadProvider(opt.Value(in.ProviderName))
	if err == nil && known == nil {
		err = providerNotFound(opt.Value(in.ProviderName))
	}
	if err != nil {
		return nil, err
	}
	changed := *known
	if in.ProviderDetails != nil {
		changed.Secret, changed.Metadata, changed.TokenAuth = nil, nil, ""
		if err := c.setDetails(&changed, in.ProviderDetails); err != nil {
			return nil, err
		}
	}
	if in.AttributeMapping != nil {
		changed.Mapping = in.AttributeMapping
	}
	if in.IdpIdentifiers != nil {
		changed.Identifiers = in.IdpIdentifiers
	}
	changed.Modified = call.Now
	err = c.Update(func(rec *store.Records) error {
		now, err := c.mustProvider(rec, known.Name)
		if err != nil {
			return err
		}
		if !now.Modified.Equal(known.Modified) {
			return api.NewConcurrentModificationException("The identity provider %s is being changed by another request.", known.Name)
		}
		return c.saveProvider(rec, now, &changed)
	})
	if err != nil {
		return nil, err
	}
	d, err := c.describeProvider(&changed)
	return &api.UpdateIdentityProviderOutput{IdentityProvider: d}, err
}

// DeleteIdentityProvider implements api.Service. Its users stay, and so do their identities: should a provider of the
// name come again, theirs are only those it vouches for under the same tenant (ADR 0008).
func (s *Service) DeleteIdentityProvider(ctx context.Context, call *pipeline.Call, in *api.DeleteIdentityProviderInput) (*api.DeleteIdentityProviderOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		p, err := c.mustProvider(rec, opt.Value(in.ProviderName))
		if err != nil {
			return err
		}
		for _, id := range p.Identifiers {
			err = errors.Join(err, rec.Delete(identifierKey(c.Pool.ID, id)))
		}
		rec.ChangedIn(c.Pool.ID)
		return errors.Join(err, rec.Delete(userpool.ProviderNameKey(c.Pool.ID, p.Name)), rec.Delete(userpool.ProviderKey(c.Pool.ID, p.Name)))
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteIdentityProviderOutput{}, nil
}

// ListIdentityProviders implements api.Service.
func (s *Service) ListIdentityProviders(ctx context.Context, call *pipeline.Call, in *api.ListIdentityProvidersInput) (*api.ListIdentityProvidersOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	list, token, err := userpool.ListPage[provider](c.Request, "ListIdentityProviders", "", userpool.InPool(c.Pool.ID, "provider"), in.NextToken, in.MaxResults, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListIdentityProvidersOutput{Providers: []api.ProviderDescription{}, NextToken: token}
	for _, p := range list {
		out.Providers = append(out.Providers, api.ProviderDescription{
			ProviderName: new(p.Name), ProviderType: p.Type, CreationDate: new(p.Created), LastModifiedDate: new(p.Modified),
		})
	}
	return out, nil
}

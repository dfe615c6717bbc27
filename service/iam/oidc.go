package iam

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// issuer reads a provider's URL: https, a host and a path, no more ("CreateOpenIDConnectProvider", IAM API Reference).
// Plain http is taken for a loopback address, where nothing is on the wire: that is where a server on a developer's
// machine issues its own tokens.
func issuer(raw string) (hostAndPath string, insecure bool, err error) {
	invalid := api.NewInvalidInputException("Invalid Open ID Connect Provider URL")
	u, parse := url.Parse(raw)
	switch {
	case parse != nil, u.Host == "", u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "", u.Opaque != "":
		return "", false, invalid
	case u.Scheme == "http" && loopback(u.Hostname()):
		insecure = true
	case u.Scheme != "https":
		return "", false, invalid
	}
	return strings.TrimSuffix(u.Host+u.EscapedPath(), "/"), insecure, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// thumbprints checks fingerprints of certificates: 40 hexadecimal digits each, which the model's length says in part.
func thumbprints(list []string) error {
	if len(list) > maxThumbprints {
		return api.NewInvalidInputException("Thumbprint list must contain fewer than %d entries.", maxThumbprints+1)
	}
	for _, t := range list {
		if len(t) != 40 || strings.Trim(strings.ToLower(t), "0123456789abcdef") != "" {
			return api.NewInvalidInputException("Invalid thumbprint %s", t)
		}
	}
	return nil
}

// CreateOpenIDConnectProvider implements api.Service.
func (s *Service) CreateOpenIDConnectProvider(ctx context.Context, call *pipeline.Call, in *api.CreateOpenIDConnectProviderInput) (*api.CreateOpenIDConnectProviderOutput, error) {
	at, insecure, err := issuer(opt.Value(in.Url))
	if err != nil {
		return nil, err
	}
	if err := thumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	if len(in.ClientIDList) > maxClientIDs {
		return nil, overQuota("ClientIdsPerOpenIdConnectProvider", maxClientIDs)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &identity.OIDCProvider{
		URL: at, Insecure: insecure, ClientIDs: unique(in.ClientIDList), Thumbprints: in.ThumbprintList, Created: now(call), Tags: tags,
	}
	err = s.update(ctx, call, func(v *identity.View) error {
		p.Account = v.Account
		if old, err := v.OIDC(at); err != nil || old != nil {
			return taken(err, "Provider with url %s already exists.", opt.Value(in.Url))
		}
		if err := within(v, identity.CountProviders, maxProviders, "OpenIdConnectProvidersPerAccount"); err != nil {
			return err
		}
		return v.PutOIDC(p)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: opt.Present(p.ARN()), Tags: showTags(tags)}, nil
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// providerOf returns a provider by its ARN, or an error.
func providerOf(v *identity.View, providerARN string) (*identity.OIDCProvider, error) {
	a, ok := arn.Parse(providerARN)
	kind, at := a.Type()
	if !ok || a.Service != identity.Service || kind != "oidc-provider" {
		return nil, api.NewInvalidInputException("ARN %s is not valid.", providerARN)
	}
	if a.Account != v.Account {
		return nil, noProvider(providerARN)
	}
	p, err := v.OIDC(at)
	// policies know the provider by its one name
	if err == nil && (p == nil || p.ARN() != providerARN) {
		err = noProvider(providerARN)
	}
	return p, err
}

func (s *Service) changeProvider(ctx context.Context, call *pipeline.Call, a *string, fn func(*identity.OIDCProvider) error) error {
	return s.update(ctx, call, func(v *identity.View) error {
		p, err := providerOf(v, opt.Value(a))
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		return v.PutOIDC(p)
	})
}

// GetOpenIDConnectProvider implements api.Service.
func (s *Service) GetOpenIDConnectProvider(ctx context.Context, call *pipeline.Call, in *api.GetOpenIDConnectProviderInput) (*api.GetOpenIDConnectProviderOutput, error) {
	var p *identity.OIDCProvider
	err := s.view(ctx, call, func(v *identity.View) (err error) {
		p, err = providerOf(v, opt.Value(in.OpenIDConnectProviderArn))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.GetOpenIDConnectProviderOutput{
		Url: &p.URL, ClientIDList: p.ClientIDs, ThumbprintList: p.Thumbprints, CreateDate: &p.Created, Tags: showTags(p.Tags),
	}, nil
}

// ListOpenIDConnectProviders implements api.Service.
func (s *Service) ListOpenIDConnectProviders(ctx context.Context, call *pipeline.Call, _ *api.ListOpenIDConnectProvidersInput) (*api.ListOpenIDConnectProvidersOutput, error) {
	out := &api.ListOpenIDConnectProvidersOutput{}
	err := s.view(ctx, call, func(v *identity.View) error {
		out.OpenIDConnectProviderList = []api.OpenIDConnectProviderListEntry{}
		return v.OIDCs(func(p *identity.OIDCProvider) bool {
			out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, api.OpenIDConnectProviderListEntry{Arn: opt.Present(p.ARN())})
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteOpenIDConnectProvider implements api.Service. Deleting one that is not there succeeds, as on AWS.
func (s *Service) DeleteOpenIDConnectProvider(ctx context.Context, call *pipeline.Call, in *api.DeleteOpenIDConnectProviderInput) (*api.DeleteOpenIDConnectProviderOutput, error) {
	err := s.update(ctx, call, func(v *identity.View) error {
		p, err := providerOf(v, opt.Value(in.OpenIDConnectProviderArn))
		if fault.Is(err, "NoSuchEntityException") {
			return nil
		}
		if err != nil {
			return err
		}
		if err := less(v, identity.CountProviders); err != nil {
			return err
		}
		return v.DeleteOIDC(p.URL)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteOpenIDConnectProviderOutput{}, nil
}

// AddClientIDToOpenIDConnectProvider implements api.Service.
func (s *Service) AddClientIDToOpenIDConnectProvider(ctx context.Context, call *pipeline.Call, in *api.AddClientIDToOpenIDConnectProviderInput) (*api.AddClientIDToOpenIDConnectProviderOutput, error) {
	err := s.changeProvider(ctx, call, in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) error {
		if slices.Contains(p.ClientIDs, opt.Value(in.ClientID)) {
			return nil
		}
		if len(p.ClientIDs) >= maxClientIDs {
			return overQuota("ClientIdsPerOpenIdConnectProvider", maxClientIDs)
		}
		p.ClientIDs = append(p.ClientIDs, opt.Value(in.ClientID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.AddClientIDToOpenIDConnectProviderOutput{}, nil
}

// RemoveClientIDFromOpenIDConnectProvider implements api.Service. An id that is not there is ignored.
func (s *Service) RemoveClientIDFromOpenIDConnectProvider(ctx context.Context, call *pipeline.Call, in *api.RemoveClientIDFromOpenIDConnectProviderInput) (*api.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	err := s.changeProvider(ctx, call, in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) error {
		p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(id string) bool { return id == opt.Value(in.ClientID) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.RemoveClientIDFromOpenIDConnectProviderOutput{}, nil
}

// UpdateOpenIDConnectProviderThumbprint implements api.Service.
func (s *Service) UpdateOpenIDConnectProviderThumbprint(ctx context.Context, call *pipeline.Call, in *api.UpdateOpenIDConnectProviderThumbprintInput) (*api.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	if err := thumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	err := s.changeProvider(ctx, call, in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) error {
		p.Thumbprints = in.ThumbprintList
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateOpenIDConnectProviderThumbprintOutput{}, nil
}

// TagOpenIDConnectProvider implements api.Service.
func (s *Service) TagOpenIDConnectProvider(ctx context.Context, call *pipeline.Call, in *api.TagOpenIDConnectProviderInput) (*api.TagOpenIDConnectProviderOutput, error) {
	err := s.changeProvider(ctx, call, in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) error {
		return addTags(&p.Tags, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &api.TagOpenIDConnectProviderOutput{}, nil
}

// UntagOpenIDConnectProvider implements api.Service.
func (s *Service) UntagOpenIDConnectProvider(ctx context.Context, call *pipeline.Call, in *api.UntagOpenIDConnectProviderInput) (*api.UntagOpenIDConnectProviderOutput, error) {
	err := s.changeProvider(ctx, call, in.OpenIDConnectProviderArn, func(p *identity.OIDCProvider) error {
		dropTags(&p.Tags, in.TagKeys)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagOpenIDConnectProviderOutput{}, nil
}

// ListOpenIDConnectProviderTags implements api.Service.
func (s *Service) ListOpenIDConnectProviderTags(ctx context.Context, call *pipeline.Call, in *api.ListOpenIDConnectProviderTagsInput) (*api.ListOpenIDConnectProviderTagsOutput, error) {
	a := opt.Value(in.OpenIDConnectProviderArn)
	p, err := s.listTags(ctx, call, "ListOpenIDConnectProviderTags", a, in.Marker, in.MaxItems, func(v *identity.View) ([]identity.Tag, error) {
		p, err := providerOf(v, a)
		if err != nil {
			return nil, err
		}
		return p.Tags, nil
	})
	if err != nil {
		return nil, err
	}
	return &api.ListOpenIDConnectProviderTagsOutput{Tags: p.tags, IsTruncated: p.truncated, Marker: p.marker}, nil
}

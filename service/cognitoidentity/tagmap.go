package cognitoidentity

import (
	"context"
	"maps"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// defaultTags is the map of UseDefaults ("Using attributes for access control", Amazon Cognito Developer Guide).
var defaultTags = map[string]string{"username": "sub", "client": "aud"}

// SetPrincipalTagAttributeMap implements api.Service.
func (s *Service) SetPrincipalTagAttributeMap(ctx context.Context, call *pipeline.Call, in *api.SetPrincipalTagAttributeMapInput) (
	*api.SetPrincipalTagAttributeMapOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	m := tagMap{Defaults: opt.Value(in.UseDefaults), Tags: in.PrincipalTags}
	if err := m.check(); err != nil {
		return nil, err
	}
	name := opt.Value(in.IdentityProviderName)
	// before the transaction, since it reads user pools; a map of a provider that is removed meanwhile has no effect
	prov, err := s.configured(ctx, c.pool, name)
	if err != nil {
		return nil, err
	}
	if prov == nil {
		return nil, invalid("The identity provider %s is not one of this identity pool.", name)
	}
	_, err = c.change(func(p *pool) error {
		if p.TagMaps == nil {
			p.TagMaps = map[string]tagMap{}
		}
		p.TagMaps[name] = m
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.SetPrincipalTagAttributeMapOutput{
		IdentityPoolId: new(c.pool.ID), IdentityProviderName: new(name), PrincipalTags: m.Tags, UseDefaults: new(m.Defaults),
	}, nil
}

// check refuses a map whose keys could not be tags together.
func (m *tagMap) check() error {
	if m.Defaults && len(m.Tags) > 0 {
		return invalid("PrincipalTags cannot be set with UseDefaults.")
	}
	keys := slices.Sorted(maps.Keys(m.Tags))
	for i, k := range keys {
		if err := checkTag(k, ""); err != nil {
			return err
		}
		if slices.ContainsFunc(keys[:i], func(other string) bool { return strings.EqualFold(other, k) }) {
			return invalid("The tag %q is there twice. Tag keys are case insensitive.", k)
		}
	}
	return nil
}

// GetPrincipalTagAttributeMap implements api.Service.
func (s *Service) GetPrincipalTagAttributeMap(ctx context.Context, call *pipeline.Call, in *api.GetPrincipalTagAttributeMapInput) (
	*api.GetPrincipalTagAttributeMapOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	m := c.pool.TagMaps[opt.Value(in.IdentityProviderName)]
	return &api.GetPrincipalTagAttributeMapOutput{
		IdentityPoolId: new(c.pool.ID), IdentityProviderName: in.IdentityProviderName, PrincipalTags: m.Tags,
		UseDefaults: new(m.Defaults),
	}, nil
}

// tagsOf are the principal tags of verified logins, by the pool's maps. A claim that is absent or empty gives no tag, so
// that a policy with the tag in a pattern does not match. A claim that cannot be a tag, or two logins that differ about
// one, refuse the request: what a policy decides by must be neither cut nor chosen.
func (p *pool) tagsOf(logins []*verified) (map[string]string, error) {
	tags := map[string]string{}
	for _, v := range logins {
		for key, claim := range p.tagMapOf(v) {
			value, err := v.tag(claim)
			if err != nil {
				return nil, err
			}
			if value == "" {
				continue
			}
			if at := findFold(tags, key); at != "" && (at != key || tags[at] != value) {
				return nil, api.NewNotAuthorizedException("The logins differ about the principal tag %s. Please use one of them.", key)
			}
			tags[key] = value
		}
	}
	return tags, p.checkSession(tags)
}

func findFold(tags map[string]string, key string) string {
	for k := range tags {
		if strings.EqualFold(k, key) {
			return k
		}
	}
	return ""
}

// checkSession checks the tags as STS will.
func (p *pool) checkSession(tags map[string]string) error {
	all := make([]authn.Tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, authn.Tag{Key: k, Value: tags[k]})
	}
	if err := authn.ValidateTags(all); err != nil {
		return api.NewNotAuthorizedException("The principal tags of this identity are not valid session tags.").With(err)
	}
	return nil
}

// tagMapOf returns claim names by tag key, from the most specific map of the login's provider.
func (p *pool) tagMapOf(v *verified) map[string]string {
	for _, name := range v.names {
		m, ok := p.TagMaps[name]
		if ok && m.Defaults {
			return defaultTags
		}
		if ok {
			return m.Tags
		}
	}
	return nil
}

// tag returns the value of a claim as a tag; "" if the token does not have it.
func (v *verified) tag(claim string) (string, error) {
	if claim == "aud" {
		client, _ := v.claims.Client()
		return client, nil
	}
	raw := v.claims.Raw[claim]
	value, ok := textOf(raw)
	if !ok && len(raw) > 0 && raw[0] != 'n' || ok && checkTag("key", value) != nil {
		return "", api.NewNotAuthorizedException("The claim %s cannot be used as a principal tag.", claim)
	}
	return value, nil
}

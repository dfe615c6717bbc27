package cognitoidentity

import (
	"context"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Limits ("Quotas in Amazon Cognito", Amazon Cognito Developer Guide).
const (
	maxPoolTags      = 50
	maxUserPools     = 50
	maxOIDCProviders = 50
	maxSAMLProviders = 50
)

// CreateIdentityPool implements api.Service.
func (s *Service) CreateIdentityPool(ctx context.Context, call *pipeline.Call, in *api.CreateIdentityPoolInput) (
	*api.CreateIdentityPoolOutput, error,
) {
	account, region := call.Grant.Home()
	p := &pool{Account: account, Region: region, Created: call.Now, Tags: in.IdentityPoolTags}
	var err error
	if p.settings, err = s.settings(account, in); err != nil {
		return nil, err
	}
	if err := p.checkDeveloper(""); err != nil {
		return nil, err
	}
	if err := checkTags(p.Tags); err != nil {
		return nil, err
	}
	if err := s.ensureKey(ctx, call); err != nil {
		return nil, err
	}
	p.ID = region + ":" + uuid.NewString()
	err = (&scoped{s, ctx, call, p}).update(func(rec, dir *store.Records) error {
		if err := store.Save(dir, store.K(kindPool, p.ID), &place{account, region, p.ID}); err != nil {
			return err
		}
		return store.Save(rec, poolKey(p.ID), p)
	})
	if err != nil {
		return nil, err
	}
	call.Note("identityPoolId", p.ID)
	out := api.CreateIdentityPoolOutput(p.describe())
	return &out, nil
}

// settings checks what a pool is made or updated with.
func (s *Service) settings(account string, in *api.CreateIdentityPoolInput) (settings, error) {
	switch {
	case len(in.SamlProviderARNs) > maxSAMLProviders:
		return settings{}, invalid("An identity pool can have at most %d SAML providers.", maxSAMLProviders)
	case len(in.CognitoIdentityProviders) > maxUserPools:
		return settings{}, invalid("An identity pool can have at most %d Cognito identity providers.", maxUserPools)
	case len(in.OpenIdConnectProviderARNs) > maxOIDCProviders:
		return settings{}, invalid("An identity pool can have at most %d OpenID Connect providers.", maxOIDCProviders)
	}
	for i := range in.CognitoIdentityProviders {
		if err := s.checkUserPool(&in.CognitoIdentityProviders[i]); err != nil {
			return settings{}, err
		}
	}
	for _, name := range in.OpenIdConnectProviderARNs {
		if providerURL(name, account) == "" {
			return settings{}, invalid("Invalid OpenID Connect provider ARN: %s", name)
		}
	}
	for _, name := range in.SamlProviderARNs {
		if owner, _, ok := identity.SAMLName(name); !ok || owner != account {
			return settings{}, invalid("Invalid SAML provider ARN: %s", name)
		}
	}
	if err := checkSocial(in.SupportedLoginProviders); err != nil {
		return settings{}, err
	}
	return settings{
		Name: opt.Value(in.IdentityPoolName), Guests: opt.Value(in.AllowUnauthenticatedIdentities), Classic: opt.Value(in.AllowClassicFlow),
		UserPools: in.CognitoIdentityProviders, OIDC: in.OpenIdConnectProviderARNs, SAML: in.SamlProviderARNs,
		Developer: opt.Value(in.DeveloperProviderName), Social: in.SupportedLoginProviders,
	}, nil
}

func (s *Service) checkUserPool(p *api.CognitoIdentityProvider) error {
	switch {
	case p.ProviderName == nil || p.ClientId == nil:
		return invalid("A Cognito identity provider needs a ProviderName and a ClientId.")
	case opt.Value(p.ServerSideTokenCheck) && s.Active == nil:
		return notServed("ServerSideTokenCheck")
	}
	return nil
}

// providerURL returns the issuer, without its scheme, of an account's OpenID Connect provider; "" for any other ARN.
func providerURL(name, account string) string {
	a, ok := arn.Parse(name)
	kind, url := a.Type()
	if !ok || a.Service != "iam" || a.Account != account || kind != "oidc-provider" {
		return ""
	}
	return url
}

// checkTags checks a pool's tags by the rules that all tags have.
func checkTags(tags map[string]string) error {
	if len(tags) > maxPoolTags {
		return invalid("A resource can have at most %d tags.", maxPoolTags)
	}
	if k := authn.AmbiguousKey(tags); k != "" {
		return invalid("Tag keys must differ in more than case: %s", k)
	}
	for k, v := range tags {
		if err := checkTag(k, v); err != nil {
			return err
		}
	}
	return nil
}

func checkTag(key, value string) error {
	err := authn.ValidateTags([]authn.Tag{{Key: key, Value: value}})
	if err != nil {
		if !utf8.ValidString(key) {
			key = ""
		}
		return invalid("The tag %q is not valid.", key)
	}
	return nil
}

// describe shows the pool. The outputs of three operations are alike.
func (p *pool) describe() api.DescribeIdentityPoolOutput {
	var developer *string
	if p.Developer != "" {
		developer = &p.Developer
	}
	return api.DescribeIdentityPoolOutput{
		DeveloperProviderName: developer, SupportedLoginProviders: p.Social, SamlProviderARNs: p.SAML,
		AllowClassicFlow: new(p.Classic), AllowUnauthenticatedIdentities: new(p.Guests), CognitoIdentityProviders: p.UserPools,
		IdentityPoolId: new(p.ID), IdentityPoolName: new(p.Name), IdentityPoolTags: p.Tags, OpenIdConnectProviderARNs: p.OIDC,
	}
}

// DescribeIdentityPool implements api.Service.
func (s *Service) DescribeIdentityPool(ctx context.Context, call *pipeline.Call, in *api.DescribeIdentityPoolInput) (
	*api.DescribeIdentityPoolOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	out := c.pool.describe()
	return &out, nil
}

// UpdateIdentityPool implements api.Service. What the request leaves out goes back to its default, but for the tags.
func (s *Service) UpdateIdentityPool(ctx context.Context, call *pipeline.Call, in *api.UpdateIdentityPoolInput) (
	*api.UpdateIdentityPoolOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	set, err := s.settings(c.pool.Account, &api.CreateIdentityPoolInput{
		AllowClassicFlow: in.AllowClassicFlow, AllowUnauthenticatedIdentities: in.AllowUnauthenticatedIdentities,
		CognitoIdentityProviders: in.CognitoIdentityProviders, DeveloperProviderName: in.DeveloperProviderName,
		IdentityPoolName: in.IdentityPoolName, OpenIdConnectProviderARNs: in.OpenIdConnectProviderARNs,
		SamlProviderARNs: in.SamlProviderARNs, SupportedLoginProviders: in.SupportedLoginProviders,
	})
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.IdentityPoolTags); err != nil {
		return nil, err
	}
	p, err := c.change(func(p *pool) error {
		was := p.Developer
		p.settings = set
		if err := p.checkDeveloper(was); err != nil {
			return err
		}
		if in.IdentityPoolTags != nil {
			p.Tags = in.IdentityPoolTags
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := api.UpdateIdentityPoolOutput(p.describe())
	return &out, nil
}

// deleteBatch is how many identities one transaction deletes.
const deleteBatch = 200

// DeleteIdentityPool implements api.Service. The pool goes with its last identities; one whose deletion was interrupted is
// still there, with fewer identities.
func (s *Service) DeleteIdentityPool(ctx context.Context, call *pipeline.Call, in *api.DeleteIdentityPoolInput) (
	*api.DeleteIdentityPoolOutput, error,
) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	for done := false; !done; {
		if done, err = c.deletePart(); err != nil {
			return nil, err
		}
	}
	return &api.DeleteIdentityPoolOutput{}, nil
}

// deletePart deletes a batch of identities, and the pool if there are no more.
func (c *scoped) deletePart() (done bool, err error) {
	err = c.update(func(rec, dir *store.Records) error {
		var batch []*identityRecord
		err := store.Each(rec, identityPrefix(c.pool.ID), nil, func(_ store.Key, r *identityRecord) bool {
			batch = append(batch, r)
			return len(batch) < deleteBatch
		})
		if err != nil {
			return err
		}
		for _, r := range batch {
			if err := c.remove(rec, dir, r); err != nil {
				return err
			}
		}
		if done = len(batch) < deleteBatch; !done {
			return nil
		}
		rec.Changed()
		if err := dir.Delete(store.K(kindPool, c.pool.ID)); err != nil {
			return err
		}
		return rec.Delete(poolKey(c.pool.ID))
	})
	return done, err
}

// ListIdentityPools implements api.Service.
func (s *Service) ListIdentityPools(ctx context.Context, call *pipeline.Call, in *api.ListIdentityPoolsInput) (
	*api.ListIdentityPoolsOutput, error,
) {
	page, err := s.page(call, "ListIdentityPools", "", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	var pools []*pool
	err = s.DB.View(ctx, call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		pools, err = paging.Records[pool](page, rec, store.K("pool"), nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListIdentityPoolsOutput{IdentityPools: []api.IdentityPoolShortDescription{}}
	for _, p := range pools {
		out.IdentityPools = append(out.IdentityPools, api.IdentityPoolShortDescription{
			IdentityPoolId: new(p.ID), IdentityPoolName: new(p.Name),
		})
	}
	out.NextToken, err = page.Token()
	return out, err
}

// tagged opens the pool that an ARN names.
func (s *Service) tagged(ctx context.Context, call *pipeline.Call, name *string) (*scoped, error) {
	p, err := s.factsOf(ctx, poolOfARN(opt.Value(name)))
	if err != nil {
		return nil, err
	}
	c, ok := s.open(ctx, call, p)
	if !ok || p.arn() != opt.Value(name) {
		return nil, poolNotFound(poolOfARN(opt.Value(name)))
	}
	return c, nil
}

// TagResource implements api.Service.
func (s *Service) TagResource(ctx context.Context, call *pipeline.Call, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	c, err := s.tagged(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	_, err = c.change(func(p *pool) error {
		all := maps.Clone(p.Tags)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, in.Tags)
		p.Tags = all
		return checkTags(all)
	})
	if err != nil {
		return nil, err
	}
	return &api.TagResourceOutput{}, nil
}

// UntagResource implements api.Service.
func (s *Service) UntagResource(ctx context.Context, call *pipeline.Call, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	c, err := s.tagged(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	_, err = c.change(func(p *pool) error {
		maps.DeleteFunc(p.Tags, func(k, _ string) bool { return slices.Contains(in.TagKeys, k) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagResourceOutput{}, nil
}

// ListTagsForResource implements api.Service.
func (s *Service) ListTagsForResource(ctx context.Context, call *pipeline.Call, in *api.ListTagsForResourceInput) (
	*api.ListTagsForResourceOutput, error,
) {
	c, err := s.tagged(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.ListTagsForResourceOutput{Tags: c.pool.Tags}, nil
}

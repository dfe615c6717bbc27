package sts

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/sts"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// identityPools is the built-in provider of identity pools, whose audience is the pool's id.
const identityPools = "cognito-identity.amazonaws.com"

// webIdentity is a verified token and whom it was verified for.
type webIdentity struct {
	claims *webtoken.Claims
	role   *identity.RoleFacts // nil if there is none
	// provider is what trust policies name: an OIDC provider's ARN or identityPools. name prefixes its condition keys.
	provider, name string
	audience       string
}

// AssumeRoleWithWebIdentity makes a session of a role for the bearer of a token.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, c *pipeline.Call, in *api.AssumeRoleWithWebIdentityInput) (
	*api.AssumeRoleWithWebIdentityOutput, error,
) {
	id, err := s.verify(ctx, in)
	if err != nil {
		return nil, err
	}
	role, err := s.role(ctx, c, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	p := newSession(role, *in.RoleSessionName, id.claims.Tags)
	p.SourceIdentity, p.FederatedProvider = id.claims.SourceIdentity, id.provider
	if id.provider == identityPools {
		p.FederatedContext = id.keys()
	}
	if err := s.limit(ctx, p, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	ttl, err := roleDuration(role, false, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	creds, packed, err := s.mint(c, p, ttl)
	if err != nil {
		return nil, err
	}
	out := &api.AssumeRoleWithWebIdentityOutput{
		Credentials: creds, AssumedRoleUser: assumed(p), PackedPolicySize: packed, Audience: &id.audience,
		Provider: &id.provider, SubjectFromWebIdentityToken: &id.claims.Subject,
	}
	if p.SourceIdentity != "" {
		out.SourceIdentity = &p.SourceIdentity
	}
	return out, nil
}

// verify finds the provider that the role's account has for the token's issuer and checks the token for it.
func (s *Service) verify(ctx context.Context, in *api.AssumeRoleWithWebIdentityInput) (*webIdentity, error) {
	role, err := s.catalog.Role(ctx, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	issuer, err := webtoken.Issuer(*in.WebIdentityToken)
	if err != nil {
		return nil, err
	}
	id := &webIdentity{role: role, name: webtoken.WithoutScheme(issuer)}
	audiences, err := s.provider(ctx, id, issuer, in)
	if err != nil {
		return nil, err
	}
	if id.claims, err = s.tokens.Verify(ctx, *in.WebIdentityToken, issuer, audiences); err != nil {
		return nil, err
	}
	client, ok := id.claims.Client()
	if !ok {
		return nil, api.NewInvalidIdentityTokenException("Incorrect token audience")
	}
	id.audience = client
	if id.provider == identityPools && !id.expected() {
		return nil, fault.New(fault.AccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	return id, nil
}

// poolClaim is the ARN of the identity pool that a token is of.
const poolClaim = "https://cognito-identity.amazonaws.com/identity-pool-arn"

// expected reports whether the role may be meant for the identity pool: it is of the pool's account, or its trust policy
// says which pools and identities of other accounts it is for. Without that any account could make a pool that the role
// lets in ("Trust policies for IAM roles in Basic (Classic) authentication", Amazon Cognito Developer Guide).
func (id *webIdentity) expected() bool {
	var name string
	if raw := id.claims.Raw[poolClaim]; len(raw) > 0 && json.Unmarshal(raw, &name) != nil {
		return false
	}
	a, ok := arn.Parse(name)
	switch {
	case id.role == nil || ok && a.Account == id.role.Account:
		return true
	case id.role.Trust.Policy == nil:
		return false
	}
	keys := id.role.Trust.Policy.ContextKeys()
	has := func(key string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, identityPools+key) })
	}
	return has(":aud") && has(":amr")
}

// provider sets the identity's provider and returns the audiences it is registered for.
func (s *Service) provider(ctx context.Context, id *webIdentity, issuer string, in *api.AssumeRoleWithWebIdentityInput) ([]string, error) {
	if issuer == "https://"+identityPools { // this very issuer, which is in this server: no other has its keys
		id.provider = identityPools
		// any pool: which one is for the trust policy to say, by the aud key
		return []string{claimedAudience(*in.WebIdentityToken)}, nil
	}
	none := api.NewInvalidIdentityTokenException("No OpenIDConnect provider found in your account for %s", issuer)
	if id.role == nil {
		return nil, none
	}
	p, err := s.catalog.OIDCProvider(ctx, id.role.Account, id.name)
	if err != nil {
		return nil, err
	}
	if p == nil || p.Issuer() != issuer { // not by another scheme: the keys of http are anybody's on the way
		return nil, none
	}
	id.provider = p.ARN()
	return p.ClientIDs, nil
}

// claimedAudience reads the single audience that a token claims, not verified.
func claimedAudience(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct{ Aud string }
	if json.Unmarshal(b, &claims) != nil {
		return ""
	}
	return claims.Aud
}

// keys are the provider's condition keys ("Available keys for AWS OIDC federation", IAM User Guide).
func (id *webIdentity) keys() map[string][]string {
	k := map[string][]string{id.name + ":aud": {id.audience}, id.name + ":sub": {id.claims.Subject}}
	if len(id.claims.AMR) > 0 {
		k[id.name+":amr"] = id.claims.AMR
	}
	return k
}

// tagged reports whether the session will have tags of its own.
func tagged(tags authn.Tags) bool { return len(tags) > 0 }

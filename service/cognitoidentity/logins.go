package cognitoidentity

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// provider is an identity provider that a pool is configured with.
type provider struct {
	// name is the one identities and tokens have: a user pool's, or the URL of an OpenID Connect provider.
	name, issuer string
	// aliases are the names that the pool's other settings may use for it.
	aliases []string
	// audiences are the client ids that a token may be for.
	audiences []string
	userPool  bool
	// how tells, in amr, what kind of login it is; "" if only the provider's name is there.
	how string
	// checked are the clients whose tokens are checked with the user pool.
	checked []string
	// saml is a SAML provider, whose logins are responses to the pool's region; nil for all others.
	saml   *identity.SAMLFacts
	region string
}

// verified is a login whose token was verified.
type verified struct {
	login
	claims *webtoken.Claims
	// names are those by which roles and tags are mapped, the most specific first.
	names    []string
	userPool bool
	how      string
}

// providerOf returns the pool's provider with the name in a Logins map; nil if the pool has none.
func (s *Service) providerOf(ctx context.Context, p *pool, name string) (*provider, error) {
	up, ok, err := s.UserPool(ctx, name)
	if err != nil {
		return nil, err
	}
	if ok {
		if prov := p.userPool(up); prov != nil {
			return prov, nil
		}
	}
	if prov := p.social(name); prov != nil {
		return prov, nil
	}
	if slices.Contains(p.SAML, name) {
		return s.samlProvider(ctx, p, name)
	}
	for _, providerARN := range p.OIDC {
		if providerURL(providerARN, p.Account) != name {
			continue
		}
		op, err := s.Catalog.OIDCProvider(ctx, p.Account, name)
		if err != nil || op == nil {
			return nil, err
		}
		return &provider{
			name: name, issuer: op.Issuer(), aliases: []string{providerARN, name}, audiences: op.ClientIDs, how: ":OIDC:",
		}, nil
	}
	return nil, nil
}

// userPool returns the provider that the pool's settings make of a user pool; nil if they have none of its clients.
func (p *pool) userPool(up UserPool) *provider {
	prov := &provider{name: up.Name, issuer: up.Issuer, userPool: true, how: ":CognitoSignIn:"}
	short := webtoken.WithoutScheme(up.Issuer)
	for i := range p.UserPools {
		set := &p.UserPools[i]
		client := opt.Value(set.ClientId)
		switch opt.Value(set.ProviderName) {
		case up.Name, short, up.Issuer:
		default:
			continue
		}
		prov.audiences = append(prov.audiences, client)
		if opt.Value(set.ServerSideTokenCheck) {
			prov.checked = append(prov.checked, client)
		}
	}
	if len(prov.audiences) == 0 {
		return nil
	}
	prov.aliases = []string{up.Name}
	if short != up.Name {
		prov.aliases = append(prov.aliases, short)
	}
	return prov
}

// configured returns the provider that a role mapping or tag map names: a provider's name, a user pool's with a client
// ("name:client"), or the ARN of an OpenID Connect or SAML provider. It is nil if the pool has none.
func (s *Service) configured(ctx context.Context, p *pool, name string) (*provider, error) {
	if strings.HasPrefix(name, "arn:") && !slices.Contains(p.SAML, name) {
		if !slices.Contains(p.OIDC, name) {
			return nil, nil
		}
		name = providerURL(name, p.Account)
	}
	prov, err := s.providerOf(ctx, p, name)
	if prov != nil || err != nil {
		return prov, err
	}
	i := strings.LastIndexByte(name, ':')
	if i < strings.LastIndexByte(name, '/') || i < 0 {
		return nil, nil
	}
	prov, err = s.providerOf(ctx, p, name[:i])
	if err != nil || prov == nil || !prov.userPool || !slices.Contains(prov.audiences, name[i+1:]) {
		return nil, err
	}
	return prov, nil
}

// verifyAll verifies every login of a request, in order of the providers' names. All must be good: a login that is not
// is an attempt at something.
func (s *Service) verifyAll(ctx context.Context, p *pool, logins map[string]string, now time.Time) ([]*verified, error) {
	names := slices.Sorted(maps.Keys(logins))
	providers := make([]*provider, len(names))
	seen := map[string]bool{}
	for i, name := range names {
		prov, err := s.providerOf(ctx, p, name)
		if err != nil {
			return nil, err
		}
		if prov == nil {
			return nil, unsupportedProvider()
		}
		if seen[prov.name] {
			return nil, invalid("The identity provider %s is in Logins twice.", prov.name)
		}
		providers[i], seen[prov.name] = prov, true
	}
	all := make([]*verified, len(names))
	for i, name := range names {
		v, err := s.verify(ctx, providers[i], logins[name], now)
		if err != nil {
			return nil, err
		}
		all[i] = v
	}
	return all, nil
}

func (s *Service) verify(ctx context.Context, prov *provider, token string, now time.Time) (*verified, error) {
	if prov.saml != nil {
		return prov.verifySAML(token, now)
	}
	claims, err := s.Tokens.Verify(ctx, token, prov.issuer, prov.audiences)
	if err != nil {
		return nil, loginFault(err)
	}
	use, ok := textOf(claims.Raw["token_use"])
	if (ok || prov.userPool) && use != "id" {
		return nil, badLogin("Not a valid OpenId Connect identity token.")
	}
	client, _ := claims.Client()
	if slices.Contains(prov.checked, client) {
		if err := s.checkActive(ctx, prov, claims); err != nil {
			return nil, err
		}
	}
	v := &verified{login: login{Provider: prov.name, Subject: claims.Subject}, claims: claims, userPool: prov.userPool, how: prov.how}
	if prov.userPool {
		for _, a := range prov.aliases {
			v.names = append(v.names, a+":"+client)
		}
	}
	v.names = append(v.names, prov.aliases...)
	return v, nil
}

// checkActive asks the user pool whether the token's user is still as the token says (ServerSideTokenCheck).
func (s *Service) checkActive(ctx context.Context, prov *provider, claims *webtoken.Claims) error {
	if s.Active == nil {
		return notServed("ServerSideTokenCheck")
	}
	active, err := s.Active(ctx, prov.issuer, claims)
	if err != nil {
		return err
	}
	if !active {
		return api.NewNotAuthorizedException("Token is inactive")
	}
	return nil
}

// loginFault says in the service's words why a token was not accepted.
func loginFault(err error) error {
	f := fault.From(err)
	switch f.Code {
	case "InvalidIdentityTokenException", "ExpiredTokenException":
		return badLogin(f.Message).With(f.Cause)
	case "IDPCommunicationErrorException":
		return api.NewExternalServiceException("%s", f.Message).With(f.Cause)
	}
	return err
}

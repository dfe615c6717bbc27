package cognitoidentity

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// developerTokenLife is that of a developer's token unless TokenDuration says otherwise, up to a day, which the model
// holds ("GetOpenIdTokenForDeveloperIdentity", Amazon Cognito Federated Identities API Reference).
const developerTokenLife = 15 * time.Minute

// checkDeveloper checks the name of the developer provider against the one the pool had, which stays: it must not be the
// name of a provider whose tokens are verified.
func (p *pool) checkDeveloper(was string) error {
	if p.Developer == "" {
		p.Developer = was
	}
	taken := p.Developer == eventSource || public[p.Developer] != "" || slices.Contains(unserved, p.Developer) ||
		slices.ContainsFunc(p.OIDC, func(name string) bool { return providerURL(name, p.Account) == p.Developer })
	switch {
	case was != "" && p.Developer != was:
		return invalid("The developer provider name cannot be changed once it is set.")
	case p.Developer != "" && taken:
		return invalid("The developer provider name %s is the name of another provider.", p.Developer)
	}
	return nil
}

// developerUser is a user of the pool's developer provider.
func (p *pool) developerUser(name string) login {
	return login{Provider: p.Developer, Subject: name, Developer: true}
}

// maxDeveloperUser is the longest developer user identifier (the model's DeveloperUserIdentifier), in characters.
const maxDeveloperUser = 1024

// developerLogin takes the developer's user out of Logins: exactly one.
func (p *pool) developerLogin(tokens map[string]string) (login, map[string]string, error) {
	name, ok := tokens[p.Developer]
	switch {
	case p.Developer == "":
		return login{}, nil, invalid("The identity pool has no developer provider.")
	case !ok:
		return login{}, nil, invalid("Please provide a login of the developer provider %s.", p.Developer)
	case len(name) > maxDeveloperUser:
		return login{}, nil, invalid("The developer user identifier is longer than %d.", maxDeveloperUser)
	}
	others := maps.Clone(tokens)
	delete(others, p.Developer)
	return p.developerUser(name), others, nil
}

// GetOpenIdTokenForDeveloperIdentity implements api.Service: the identity of the developer's user, made or linked if it is
// not yet, and a token for it.
//
//nolint:revive // the model's name
func (s *Service) GetOpenIdTokenForDeveloperIdentity(ctx context.Context, call *pipeline.Call,
	in *api.GetOpenIdTokenForDeveloperIdentityInput,
) (*api.GetOpenIdTokenForDeveloperIdentityOutput, error) {
	c, err := s.in(ctx, call, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	user, tokens, err := c.pool.developerLogin(in.Logins)
	if err != nil {
		return nil, err
	}
	logins, err := s.verifyAll(ctx, c.pool, tokens, call.Now)
	if err != nil {
		return nil, err
	}
	tags, err := c.pool.developerTags(logins, in.PrincipalTags)
	if err != nil {
		return nil, err
	}
	id, err := c.registered(opt.Value(in.IdentityId), append([]login{user}, loginsOf(logins)...))
	if err != nil {
		return nil, err
	}
	call.Note("identityPoolId", c.pool.ID)
	call.Note("identityId", id)
	life := developerTokenLife
	if in.TokenDuration != nil {
		life = time.Duration(*in.TokenDuration) * time.Second
	}
	token, err := c.issue(id, slices.Insert(amrOf(logins), 1, user.Provider, c.pool.developerAMR(user.Subject)), tags, life)
	if err != nil {
		return nil, err
	}
	return &api.GetOpenIdTokenForDeveloperIdentityOutput{IdentityId: new(id), Token: new(token)}, nil
}

// developerAMR is the value of amr that names one user of the developer: provider, pool and user.
func (p *pool) developerAMR(user string) string { return p.Developer + ":" + p.ID + ":" + user }

// registered links the logins to the identity with the id, or, if it is "", to the one that has some of them or to a new
// one.
func (c *scoped) registered(id string, logins []login) (string, error) {
	if id != "" {
		err := c.view(func(rec *store.Records) error {
			_, err := c.load(rec, id)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return c.linkedAs(id, logins)
}

// developerTags are the tags that the developer gives its user, with those that the pool's maps make of other logins.
func (p *pool) developerTags(logins []*verified, given map[string]string) (map[string]string, error) {
	tags, err := p.tagsOf(logins)
	if err != nil {
		return nil, err
	}
	for key, value := range given {
		if at := findFold(tags, key); at != "" && (at != key || tags[at] != value) {
			return nil, invalid("The principal tag %s is there twice.", key)
		}
		if err := checkTag(key, value); err != nil {
			return nil, err
		}
		tags[key] = value
	}
	return tags, p.checkSession(tags)
}

// tagsOfToken are the principal tags that a token of this issuer has.
func tagsOfToken(c *webtoken.Claims) map[string]string {
	tags := make(map[string]string, len(c.Tags))
	for _, t := range c.Tags {
		tags[t.Key] = t.Value
	}
	return tags
}

// developerBearer checks a token that the developer got for the identity. Tokens of GetOpenIdToken are of the same issuer
// but name no user of the developer.
func (s *Service) developerBearer(ctx context.Context, call *pipeline.Call, id *string, tokens map[string]string) (*bearer, error) {
	c, who, err := s.of(ctx, call, id)
	if err != nil {
		return nil, err
	}
	call.Note("identityPoolId", c.pool.ID)
	call.Note("identityId", who.ID)
	switch {
	case c.pool.Developer == "":
		return nil, unsupportedProvider()
	case len(tokens) != 1:
		return nil, invalid("A token of %s is the only login of its request.", eventSource)
	}
	claims, err := s.Tokens.Verify(ctx, tokens[eventSource], Issuer, []string{c.pool.ID})
	if err != nil {
		return nil, loginFault(err)
	}
	if claims.Subject != who.ID {
		return nil, forbidden(who.ID)
	}
	user, ok := c.pool.userOf(claims)
	if !ok {
		return nil, unsupportedProvider()
	}
	if !who.has(c.pool.developerUser(user)) {
		return nil, forbidden(who.ID)
	}
	call.Note("login", c.pool.Developer)
	return &bearer{scoped: c, who: who, developer: claims}, nil
}

// userOf returns the developer's user that a token names. The issuer puts it third: after the word that somebody signed in
// and the developer provider, so that no subject of another provider is taken for it.
func (p *pool) userOf(claims *webtoken.Claims) (string, bool) {
	amr := claims.AMR
	if p.Developer == "" || len(amr) < 3 || amr[0] != authenticated || amr[1] != p.Developer {
		return "", false
	}
	return strings.CutPrefix(amr[2], p.developerAMR(""))
}

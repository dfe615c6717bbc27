package poolsettings

import (
	"net/url"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Scopes that are not a resource server's ("Scopes, M2M, and resource servers", Amazon Cognito Developer Guide).
var standardScopes = []string{"openid", "email", "phone", "profile", tokens.ScopeSelf}

// LocalProvider is the pool's own users among SupportedIdentityProviders.
const LocalProvider = "COGNITO"

// checkOAuth checks the OAuth settings of an app client, in AWS's words. confidential says whether it has a secret.
func (c *Request) checkOAuth(rec *store.Records, set *userpool.ClientSettings, confidential bool) error {
	if err := checkOAuthFlows(set, confidential); err != nil {
		return err
	}
	for _, name := range set.OAuthScopes {
		if err := c.checkScope(rec, set, name); err != nil {
			return err
		}
	}
	if err := checkURLs(set); err != nil {
		return err
	}
	return c.checkProviders(rec, set.IdentityProviders)
}

func checkOAuthFlows(c *userpool.ClientSettings, confidential bool) error {
	machine := slices.Contains(c.OAuthFlows, api.OAuthFlowTypeClientCredentials)
	switch {
	case c.OAuth && (len(c.OAuthFlows) == 0 || len(c.OAuthScopes) == 0):
		return api.NewInvalidOAuthFlowException("AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.")
	case machine && len(c.OAuthFlows) > 1:
		return api.NewInvalidOAuthFlowException("client_credentials flow can not be selected along with code flow or implicit flow")
	case machine && !confidential:
		return api.NewInvalidOAuthFlowException("client_credentials flow can not be selected if client does not have a client secret")
	case c.OAuth && !machine && len(c.CallbackURLs) == 0:
		return api.NewInvalidOAuthFlowException("CallbackUrls can not be empty when code flow or implicit flow is selected")
	case c.Propagate && !confidential:
		return refusal.Invalid("EnablePropagateAdditionalUserContextData can only be enabled for a client with a client secret.")
	}
	return nil
}

func (c *Request) checkScope(rec *store.Records, set *userpool.ClientSettings, name string) error {
	if slices.Contains(standardScopes, name) {
		if slices.Contains(set.OAuthFlows, api.OAuthFlowTypeClientCredentials) {
			return api.NewInvalidOAuthFlowException("%s is not supported with client_credentials flow", name)
		}
		return nil
	}
	exists, err := c.scopeExists(rec, name)
	if err == nil && !exists {
		err = api.NewScopeDoesNotExistException("Invalid scope requested: %s", name)
	}
	return err
}

func checkURLs(c *userpool.ClientSettings) error {
	for _, list := range [][]string{c.CallbackURLs, c.LogoutURLs} {
		for _, u := range list {
			if err := checkRedirect(u); err != nil {
				return err
			}
		}
	}
	if d := opt.Value(c.DefaultRedirectURI); d != "" && !slices.Contains(c.CallbackURLs, d) {
		return refusal.Invalid("DefaultRedirectURI must be in the list of CallbackURLs.")
	}
	return nil
}

// Schemes that a browser runs or reads instead of leaving for an application: never a place to send codes to.
var unsafeSchemes = []string{"javascript", "data", "vbscript", "file", "blob", "about"}

// checkRedirect checks where browsers may be sent ("CallbackURLs", CreateUserPoolClient, Amazon Cognito user pools API
// reference): an absolute URI without a fragment, with https, or http on the machine itself, or an application's scheme.
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || strings.ContainsAny(text, "*\\") || strings.ContainsFunc(text, isControl):
		return refusal.Invalid("%s is not a valid redirect URI.", text)
	case strings.Contains(text, "#"):
		return refusal.Invalid("%s cannot have a fragment.", text)
	case slices.Contains(unsafeSchemes, strings.ToLower(u.Scheme)):
		return refusal.Invalid("%s is not a valid redirect URI.", text)
	case u.Scheme == "http" && !Loopback(u.Hostname()):
		return refusal.Invalid("%s cannot use the HTTP protocol.", text)
	case (u.Scheme == "http" || u.Scheme == "https") && (u.Hostname() == "" || u.User != nil):
		return refusal.Invalid("%s is not a valid redirect URI.", text)
	}
	return nil
}

func isControl(r rune) bool { return r <= ' ' || r == 0x7f }

// Loopback reports whether a host is the browser's own machine, as AWS names it.
func Loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// checkProviders checks that a client names providers that the pool has.
func (c *Request) checkProviders(rec *store.Records, names []string) error {
	for _, name := range names {
		exists, err := c.providerExists(rec, name)
		if err != nil {
			return err
		}
		if !exists {
			return refusal.Invalid("The provider %s does not exist for User Pool %s.", name, c.Pool.ID)
		}
	}
	return nil
}

// providerExists reports whether users can come to the pool by a provider.
func (c *Request) providerExists(rec *store.Records, name string) (bool, error) {
	if name == LocalProvider {
		return true, nil
	}
	_, found, err := rec.Get(userpool.ProviderKey(c.Pool.ID, name))
	return found, err
}

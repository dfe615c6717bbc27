package cognitoidentity

import (
	"maps"
	"slices"
	"strings"
)

// public are the public providers whose logins are OpenID Connect tokens, by their names in SupportedLoginProviders and
// Logins, with their issuers ("External identity providers", Amazon Cognito Developer Guide).
var public = map[string]string{
	"accounts.google.com": "https://accounts.google.com",
	"appleid.apple.com":   "https://appleid.apple.com",
}

// unserved are the public providers whose logins are access tokens of their own form, which only the provider can read.
var unserved = []string{"graph.facebook.com", "www.amazon.com", "api.twitter.com", "www.digits.com"}

// maxAppIDs bounds the application ids of one public provider.
const maxAppIDs = 20

// checkSocial checks SupportedLoginProviders: names of public providers, each with its application ids.
func checkSocial(providers map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		if slices.Contains(unserved, name) {
			return notServed("The login provider " + name)
		}
		if public[name] == "" {
			return invalid("Invalid identity provider name: %s", name)
		}
		if n := len(appIDs(providers[name])); n == 0 || n > maxAppIDs {
			return invalid("The login provider %s needs 1 to %d application ids.", name, maxAppIDs)
		}
	}
	return nil
}

// appIDs reads a list of application ids.
func appIDs(list string) []string {
	ids := strings.Split(list, ",")
	for i := range ids {
		ids[i] = strings.TrimSpace(ids[i])
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// social returns the public provider with the name; nil if the pool does not take its logins.
func (p *pool) social(name string) *provider {
	ids, ok := p.Social[name]
	if !ok || public[name] == "" {
		return nil
	}
	return &provider{name: name, issuer: public[name], aliases: []string{name}, audiences: appIDs(ids), how: ":OIDC:"}
}

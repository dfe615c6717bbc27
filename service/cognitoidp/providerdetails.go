package cognitoidp

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/federation/oidc"
	"github.com/bulkhead/bulkhead/internal/federation/saml"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Keys of ProviderDetails ("CreateIdentityProvider", Amazon Cognito user pools API reference).
const (
	detailClientID     = "client_id"
	detailClientSecret = "client_secret"
	detailScopes       = "authorize_scopes"
	detailIssuer       = "oidc_issuer"
	detailAuthorize    = "authorize_url"
	detailToken        = "token_url"
	detailProfile      = "attributes_url"
	detailKeys         = "jwks_uri"
	detailMethod       = "attributes_request_method"
	detailAdds         = "attributes_url_add_attributes"
	detailTokenMethod  = "token_request_method"
	detailVersion      = "api_version"
	detailTeam         = "team_id"
	detailKeyID        = "key_id"
	detailPrivateKey   = "private_key"

	detailMetadataURL  = "MetadataURL"
	detailMetadataFile = "MetadataFile"
	detailIDPSignout   = "IDPSignout"
	detailIDPInit      = "IDPInit"
	detailEncrypted    = "EncryptedResponses"
	detailSigning      = "RequestSigningAlgorithm"
	detailSSO          = "SSORedirectBindingURI"
	detailSLO          = "SLORedirectBindingURI"
	detailCertificate  = "ActiveEncryptionCertificate"
)

const (
	textTrue          = "true"
	textFalse         = "false"
	samlSigning       = "rsa-sha256"
	defaultGraph      = "v17.0"
	maxProviderDetail = 2048
)

// details says which keys a type of provider takes. What only answers hold is taken too, and is not believed, so that
// what was described can be sent back.
type details struct {
	required, optional, shown []string
}

var socialShown = []string{detailAdds, detailAuthorize, detailToken, detailProfile, detailTokenMethod, detailIssuer}

var detailsOf = map[api.IdentityProviderTypeType]details{
	api.IdentityProviderTypeTypeOidc: {
		required: []string{detailClientID, detailScopes, detailIssuer, detailMethod},
		optional: []string{detailClientSecret, detailAuthorize, detailToken, detailProfile, detailKeys}, shown: []string{detailAdds},
	},
	api.IdentityProviderTypeTypeSaml: {
		optional: []string{detailMetadataURL, detailMetadataFile, detailIDPSignout, detailIDPInit, detailEncrypted, detailSigning},
		shown:    []string{detailSSO, detailSLO, detailCertificate},
	},
	api.IdentityProviderTypeTypeGoogle:          {required: []string{detailClientID, detailClientSecret, detailScopes}, shown: socialShown},
	api.IdentityProviderTypeTypeLoginWithAmazon: {required: []string{detailClientID, detailClientSecret, detailScopes}, shown: socialShown},
	api.IdentityProviderTypeTypeFacebook: {
		required: []string{detailClientID, detailClientSecret, detailScopes}, optional: []string{detailVersion}, shown: socialShown,
	},
	api.IdentityProviderTypeTypeSignInWithApple: {
		required: []string{detailClientID, detailTeam, detailKeyID, detailPrivateKey, detailScopes}, shown: socialShown,
	},
}

var graphVersion = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,2}$`)

// setDetails checks ProviderDetails for the provider's type and sets them, with what they lead to: the endpoints that
// discovery tells, the metadata of SAML.
func (c *scoped) setDetails(p *provider, given map[string]string) error {
	kind, ok := detailsOf[p.Type]
	if !ok {
		return refusal.Invalid("Provider type %s is not supported.", p.Type)
	}
	p.Details = map[string]string{}
	for name, value := range given {
		switch {
		case slices.Contains(kind.shown, name):
			continue
		case !slices.Contains(kind.required, name) && !slices.Contains(kind.optional, name):
			return refusal.Invalid("Provider detail %s is not one of %s.", name, p.Type)
		case name != detailMetadataFile && name != detailPrivateKey && len(value) > maxProviderDetail:
			return refusal.Invalid("Provider detail %s is too long.", name)
		}
		if value != "" {
			p.Details[name] = value
		}
	}
	for _, name := range kind.required {
		if p.Details[name] == "" {
			return refusal.Invalid("Provider detail %s is required for %s.", name, p.Type)
		}
	}
	switch p.Type {
	case api.IdentityProviderTypeTypeSaml:
		return c.setSAML(p)
	case api.IdentityProviderTypeTypeOidc:
		if err := c.setOIDC(p); err != nil {
			return err
		}
	case api.IdentityProviderTypeTypeFacebook:
		if v := p.Details[detailVersion]; v != "" && !graphVersion.MatchString(v) {
			return refusal.Invalid("Provider detail %s is not a version of Facebook's API.", detailVersion)
		}
	}
	if err := c.sealDetails(p); err != nil {
		return err
	}
	return c.showSocial(p)
}

// sealDetails takes the secret out of the details.
func (c *scoped) sealDetails(p *provider) error {
	secret := p.Details[detailClientSecret]
	if p.Type == api.IdentityProviderTypeTypeSignInWithApple {
		secret = p.Details[detailPrivateKey]
		if _, err := oidc.ParseAppleKey(secret); err != nil {
			return refusal.Invalid("Provider detail %s is not a private key of Apple.", detailPrivateKey)
		}
	}
	delete(p.Details, detailClientSecret)
	delete(p.Details, detailPrivateKey)
	if secret == "" {
		return nil
	}
	var err error
	p.Secret, err = c.Keyring.Seal(keyring.ProviderSecret, c.Pool.Scope(), []byte(secret), []byte(p.Name))
	return fault.Doing(err, "seal a provider's secret")
}

func (c *scoped) providerSecret(p *provider) ([]byte, error) {
	if p.Secret == nil {
		return nil, nil
	}
	secret, err := c.Keyring.Open(keyring.ProviderSecret, c.Pool.Scope(), p.Secret, []byte(p.Name))
	return secret, fault.Doing(err, "open a provider's secret")
}

// showSocial adds what is always the same of a social provider.
func (c *scoped) showSocial(p *provider) error {
	if !slices.Contains(social, p.Type) {
		return nil
	}
	preset, err := c.relyingOn(p)
	if err != nil {
		return err
	}
	shown := map[string]string{
		detailAuthorize: preset.Authorize, detailToken: preset.Token, detailProfile: preset.UserInfo, detailIssuer: preset.Issuer,
		detailTokenMethod: "POST", detailAdds: textFalse,
	}
	if preset.Auth == oidc.AuthQuery {
		shown[detailTokenMethod], shown[detailAdds] = "GET", textTrue
	}
	maps.DeleteFunc(shown, func(_, v string) bool { return v == "" })
	maps.Copy(p.Details, shown)
	return nil
}

// setOIDC completes the endpoints by discovery, unless all are given.
func (c *scoped) setOIDC(p *provider) error {
	d := p.Details
	if m := d[detailMethod]; m != "GET" && m != "POST" {
		return refusal.Invalid("Provider detail %s must be GET or POST.", detailMethod)
	}
	if err := c.outside.CheckURL(d[detailIssuer], false); err != nil {
		return refusal.Invalid("Provider detail %s must be an https URL.", detailIssuer)
	}
	endpoints := []string{detailAuthorize, detailToken, detailProfile, detailKeys}
	given := slices.DeleteFunc(slices.Clone(endpoints), func(name string) bool { return d[name] == "" })
	if len(given) < len(endpoints) {
		m, err := c.outsideTokens.Discover(c.Ctx, d[detailIssuer])
		if err != nil {
			return refusal.Invalid("Unable to contact well-known endpoint.").With(err)
		}
		for name, value := range map[string]string{
			detailAuthorize: m.Authorization, detailToken: m.Token, detailProfile: m.UserInfo, detailKeys: m.JWKS,
		} {
			if d[name] == "" && value != "" {
				d[name] = value
			}
		}
		if len(m.TokenAuth) > 0 && !slices.Contains(m.TokenAuth, "client_secret_post") && slices.Contains(m.TokenAuth, "client_secret_basic") {
			p.TokenAuth = string(oidc.AuthBasic)
		}
	}
	for _, name := range endpoints {
		if d[name] == "" && name == detailProfile {
			continue // a provider may say all in the ID token
		}
		if err := c.outside.CheckURL(d[name], true); err != nil {
			return refusal.Invalid("Provider detail %s must be an https URL.", name)
		}
	}
	d[detailAdds] = textFalse
	return nil
}

// setSAML reads the metadata of a SAML provider.
func (c *scoped) setSAML(p *provider) error {
	d := p.Details
	for _, name := range []string{detailIDPSignout, detailIDPInit, detailEncrypted} {
		if v := d[name]; v != "" && v != textTrue && v != textFalse {
			return refusal.Invalid("Provider detail %s must be true or false.", name)
		}
	}
	if v := d[detailSigning]; v != "" && v != samlSigning {
		return refusal.Invalid("Provider detail %s must be %s.", detailSigning, samlSigning)
	}
	place, file := d[detailMetadataURL], d[detailMetadataFile]
	if (place == "") == (file == "") {
		return refusal.Invalid("Exactly one of MetadataURL and MetadataFile is required for SAML.")
	}
	p.Metadata = []byte(file)
	delete(d, detailMetadataFile)
	if place != "" {
		if err := c.outside.CheckURL(place, true); err != nil {
			return refusal.Invalid("Provider detail %s must be an https URL.", detailMetadataURL)
		}
		var err error
		if p.Metadata, err = c.fetchMetadata(c.Ctx, place); err != nil {
			return refusal.Invalid("Unable to fetch the metadata from MetadataURL.").With(err)
		}
	}
	m, err := c.parseMetadata(p.Metadata)
	if err != nil {
		return refusal.Invalid("Error parsing SAML metadata: it is not the metadata of one SAML 2.0 identity provider with a signing certificate.").With(err)
	}
	for name, value := range map[string]string{detailSSO: m.SSORedirect, detailSLO: m.SLORedirect} {
		if value != "" {
			d[name] = value
		}
	}
	return nil
}

func (c *scoped) fetchMetadata(ctx context.Context, place string) ([]byte, error) {
	return c.outside.Get(ctx, place, "application/samlmetadata+xml, application/xml, text/xml")
}

func (c *scoped) parseMetadata(doc []byte) (*saml.Metadata, error) {
	m, err := saml.ParseMetadata(doc, c.outside.Secure())
	if err == nil && !m.ValidUntil.IsZero() && !c.Call.Now.Before(m.ValidUntil) {
		err = errors.New("the metadata is not valid any more")
	}
	return m, err
}

// relyingOn is an OpenID Connect or social provider as the relying party knows it, with its secret opened.
func (c *scoped) relyingOn(p *provider) (*oidc.Provider, error) {
	secret, err := c.providerSecret(p)
	if err != nil {
		return nil, err
	}
	d := p.Details
	id, scopes := d[detailClientID], d[detailScopes]
	switch p.Type {
	case api.IdentityProviderTypeTypeGoogle:
		return oidc.Google(id, secret, scopes), nil
	case api.IdentityProviderTypeTypeLoginWithAmazon:
		return oidc.Amazon(id, secret, scopes), nil
	case api.IdentityProviderTypeTypeFacebook:
		version := d[detailVersion]
		if version == "" {
			version = defaultGraph
		}
		return oidc.Facebook(id, secret, scopes, version, slices.Sorted(maps.Values(p.claimed()))), nil
	case api.IdentityProviderTypeTypeSignInWithApple:
		out := oidc.Apple(id, scopes)
		out.AppleTeam, out.AppleKeyID = d[detailTeam], d[detailKeyID]
		out.AppleKey, err = oidc.ParseAppleKey(string(secret))
		return out, fault.Doing(err, "read the key for Apple")
	case api.IdentityProviderTypeTypeOidc:
		out := &oidc.Provider{
			Issuer: d[detailIssuer], Authorize: d[detailAuthorize], Token: d[detailToken], UserInfo: d[detailProfile], JWKS: d[detailKeys],
			ClientID: id, Secret: secret, Auth: oidc.AuthPost, Scopes: scopes, Post: d[detailMethod] == "POST", Subject: "sub",
		}
		switch {
		case len(secret) == 0:
			out.Auth = oidc.AuthNone
		case p.TokenAuth != "":
			out.Auth = oidc.Auth(p.TokenAuth)
		}
		return out, nil
	case api.IdentityProviderTypeTypeSaml:
	}
	return nil, fault.Wrap(errors.New("not a provider of OpenID Connect"), "read a provider")
}

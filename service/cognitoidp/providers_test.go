package cognitoidp

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/federation/oidc"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func TestProviderDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hits := 0
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	t.Cleanup(private.Close)
	tls := httptest.NewTLSServer(private.Config.Handler)
	t.Cleanup(tls.Close)
	set := func(pairs ...string) func(*api.CreateIdentityProviderInput) {
		return func(in *api.CreateIdentityProviderInput) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i+1] == "" {
					delete(in.ProviderDetails, pairs[i])
				} else {
					in.ProviderDetails[pairs[i]] = pairs[i+1]
				}
			}
		}
	}
	kind := func(name string, details map[string]string) func(*api.CreateIdentityProviderInput) {
		return func(in *api.CreateIdentityProviderInput) {
			in.ProviderType, in.ProviderDetails, in.AttributeMapping = api.IdentityProviderTypeType(name), details, nil
		}
	}
	for name, edit := range map[string]func(*api.CreateIdentityProviderInput){
		"no client":               set("client_id", ""),
		"no issuer":               set("oidc_issuer", ""),
		"a method that is none":   set("attributes_request_method", "PUT"),
		"an unknown detail":       set("password", "x"),
		"http":                    set("token_url", "http://idp.example.com/t"),
		"a file":                  set("jwks_uri", "file:///etc/passwd"),
		"credentials in a URL":    set("authorize_url", "https://u:p@idp.example.com/"),
		"discovery within":        set("token_url", "", "oidc_issuer", tls.URL),
		"discovery of the cloud":  set("token_url", "", "oidc_issuer", "https://169.254.169.254"),
		"a name that is reserved": func(in *api.CreateIdentityProviderInput) { in.ProviderName = new("Google") },
		"the pool's own":          func(in *api.CreateIdentityProviderInput) { in.ProviderName = new("COGNITO") },
		"Google by another name":  kind("Google", map[string]string{"client_id": "c", "client_secret": "s", "authorize_scopes": "email"}),
		"SAML without metadata":   kind("SAML", map[string]string{}),
		"SAML with both":          kind("SAML", map[string]string{"MetadataURL": "https://idp.example.com", "MetadataFile": "<a/>"}),
		"SAML metadata within":    kind("SAML", map[string]string{"MetadataURL": tls.URL}),
		"SAML metadata by http":   kind("SAML", map[string]string{"MetadataURL": private.URL}),
		"SAML that is none":       kind("SAML", map[string]string{"MetadataFile": "<a/>"}),
		"SAML with entities":      kind("SAML", map[string]string{"MetadataFile": `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`}),
		"SAML with SHA-1":         kind("SAML", map[string]string{"MetadataFile": "<a/>", "RequestSigningAlgorithm": "rsa-sha1"}),
		"SAML that is half on":    kind("SAML", map[string]string{"MetadataFile": "<a/>", "IDPInit": "maybe"}),
	} {
		in := manual("Okta")
		edit(in)
		want(t, name, errOf(w.provider(in)), "InvalidParameterException", "")
	}
	if hits != 0 {
		t.Error("the server went to a private address")
	}
}

func TestProviderSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.provider(manual("Okta")))(t)
	d := must(do(w, w.r.DescribeIdentityProvider, w.s.DescribeIdentityProvider, &api.DescribeIdentityProviderInput{UserPoolId: &w.pool, ProviderName: new("Okta")}))(t)
	if d.IdentityProvider.ProviderDetails["client_secret"] != "s3cret" || d.IdentityProvider.ProviderDetails["attributes_url_add_attributes"] != "false" {
		t.Errorf("%v", d.IdentityProvider.ProviderDetails)
	}
	// What was described can be sent back.
	w.now = w.now.Add(time.Second)
	must(do(w, w.r.UpdateIdentityProvider, w.s.UpdateIdentityProvider, &api.UpdateIdentityProviderInput{
		UserPoolId: &w.pool, ProviderName: new("Okta"), ProviderDetails: d.IdentityProvider.ProviderDetails,
	}))(t)
	err := w.inside(func(c *scoped) error {
		return c.View(func(rec *store.Records) error {
			b, _, err := rec.Get(userpool.ProviderKey(c.Pool.ID, "Okta"))
			if err == nil && strings.Contains(string(b), "s3cret") {
				t.Error("the secret is stored in plain")
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestProviderIdentifiers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := manual("One"), manual("Two")
	one.IdpIdentifiers, two.IdpIdentifiers = []string{"acme.example"}, []string{"two", "acme.example"}
	must(w.provider(one))(t)
	want(t, "taken", errOf(w.provider(two)), "DuplicateProviderException", "")
	by := func(id string) (*api.GetIdentityProviderByIdentifierOutput, error) {
		return do(w, w.r.GetIdentityProviderByIdentifier, w.s.GetIdentityProviderByIdentifier, &api.GetIdentityProviderByIdentifierInput{UserPoolId: &w.pool, IdpIdentifier: &id})
	}
	if got := must(by("acme.example"))(t); *got.IdentityProvider.ProviderName != "One" {
		t.Error(*got.IdentityProvider.ProviderName)
	}
	want(t, "none", errOf(by("two")), "ResourceNotFoundException", "")
	must(do(w, w.r.DeleteIdentityProvider, w.s.DeleteIdentityProvider, &api.DeleteIdentityProviderInput{UserPoolId: &w.pool, ProviderName: new("One")}))(t)
	must(w.provider(two))(t)
	list := must(do(w, w.r.ListIdentityProviders, w.s.ListIdentityProviders, &api.ListIdentityProvidersInput{UserPoolId: &w.pool}))(t)
	if len(list.Providers) != 1 || *list.Providers[0].ProviderName != "Two" {
		t.Errorf("%+v", list.Providers)
	}
	want(t, "a client of none", errOf(do(w, w.r.CreateUserPoolClient, w.s.CreateUserPoolClient, &api.CreateUserPoolClientInput{
		UserPoolId: &w.pool, ClientName: new("c"), SupportedIdentityProviders: []string{"One"},
	})), "InvalidParameterException", "")
}

// A flow is of one browser, one pool, one domain and one time.
func TestFlows(t *testing.T) {
	t.Parallel()
	w, app := federatedWorld(t, nil, "Okta")
	other, _ := federatedWorld(t, nil, "Okta")
	const base = "https://auth.example.com"
	var d *departure
	err := w.inside(func(c *scoped) error {
		p, err := c.loadProvider("Okta")
		if err != nil {
			return err
		}
		a, err := c.Client(app)
		if err != nil {
			return err
		}
		d, err = (&attempt{scoped: c, app: a, channel: channelLogin}).depart(p, base, []byte("resume"), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	back := func(w *world, in *returned) (h *homecoming, err error) {
		err = w.inside(func(c *scoped) (err error) {
			h, err = c.comeBack(in)
			return err
		})
		return h, err
	}
	const refused = "Invalid state or the sign-in took too long."
	for name, in := range map[string]*returned{
		"no cookie":      {Base: base, State: d.State},
		"another state":  {Base: base, State: d.State + "x", Sealed: d.Sealed},
		"no state":       {Base: base, Sealed: d.Sealed},
		"another domain": {Base: "https://evil.example.com", State: d.State, Sealed: d.Sealed},
		"garbage":        {Base: base, State: d.State, Sealed: "AAAA"},
	} {
		in.OIDC = oidc.Response{Code: "c"}
		want(t, name, errOf(back(w, in)), "InvalidParameterException", refused)
	}
	good := func() *returned {
		return &returned{Base: base, State: d.State, Sealed: d.Sealed, Error: "access_denied", Description: "no"}
	}
	want(t, "another pool", errOf(back(other, good())), "InvalidParameterException", refused)
	w.now = w.now.Add(awayLife)
	want(t, "too late", errOf(back(w, good())), "InvalidParameterException", refused)
	w.now = w.now.Add(-awayLife)
	h, err := back(w, good())
	if h == nil || string(h.resume) != "resume" || !fault.Is(err, "NotAuthorizedException") {
		t.Fatal(h, err)
	}
	want(t, "twice", errOf(back(w, good())), "InvalidParameterException", refused)
}

func TestIdentitiesClaim(t *testing.T) {
	t.Parallel()
	u := &userpool.User{Identities: []userpool.Identity{{UserID: "1", Attribute: cognitoSubject, Provider: "Google", Type: "Google", Primary: true, Created: time.UnixMilli(5)}}}
	var got []map[string]any
	if err := json.Unmarshal([]byte(u.IdentitiesText()), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"dateCreated": "5", "userId": "1", "providerName": "Google", "providerType": "Google", "issuer": nil, "primary": "true",
	} {
		if v, ok := got[0][name]; !ok || v != want {
			t.Errorf("%s is %v", name, v)
		}
	}
}

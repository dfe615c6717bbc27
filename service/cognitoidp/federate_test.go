package cognitoidp

import (
	"context"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// manual is an OpenID Connect provider whose endpoints are all given.
func manual(name string) *api.CreateIdentityProviderInput {
	return &api.CreateIdentityProviderInput{
		ProviderName: &name, ProviderType: "OIDC", ProviderDetails: map[string]string{
			"client_id": "c", "client_secret": "s3cret", "authorize_scopes": "openid email", "attributes_request_method": "GET",
			"oidc_issuer": "https://idp.example.com", "authorize_url": "https://idp.example.com/a", "token_url": "https://idp.example.com/t",
			"attributes_url": "https://idp.example.com/u", "jwks_uri": "https://idp.example.com/k",
		},
		AttributeMapping: map[string]string{"email": "email", "email_verified": "email_verified", "custom:color": "color", "username": "sub"},
	}
}

func (w *world) provider(in *api.CreateIdentityProviderInput) (*api.IdentityProviderType, error) {
	in.UserPoolId = &w.pool
	out, err := do(w, w.r.CreateIdentityProvider, w.s.CreateIdentityProvider, in)
	if err != nil {
		return nil, err
	}
	return out.IdentityProvider, nil
}

func (w *world) mustProvider(name string, mapping map[string]string) {
	w.t.Helper()
	in := manual(name)
	if mapping != nil {
		in.AttributeMapping = mapping
	}
	must(w.provider(in))(w.t)
}

// federatedWorld has a pool with the tenant attribute that an operator declared, and a client for the providers.
func federatedWorld(t testing.TB, tags map[string]string, names ...string) (*world, string) {
	t.Helper()
	w := newWorld(t, func(in *api.CreateUserPoolInput) { in.UserPoolTags = tags })
	for _, n := range names {
		w.mustProvider(n, nil)
	}
	return w, w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = append(names, "COGNITO") })
}

var tenantTag = map[string]string{userpool.TenantAttributeTag: "custom:tenant_id"}

// federatedCall runs fn within the pool as the sign-in pages do.
func (w *world) inside(fn func(c *scoped) error) error {
	w.t.Helper()
	_, err := do(w, func(s *authz.Scope, in *api.DescribeUserPoolInput) authz.Requirement {
		return w.r.on(s, "DescribeUserPool", in.UserPoolId, nil)
	}, func(ctx context.Context, call *pipeline.Call, in *api.DescribeUserPoolInput) (*api.DescribeUserPoolOutput, error) {
		c, err := w.s.in(ctx, call, in.UserPoolId)
		if err != nil {
			return nil, err
		}
		return &api.DescribeUserPoolOutput{}, fn(c)
	}, &api.DescribeUserPoolInput{UserPoolId: &w.pool})
	return err
}

// visit signs a guest in.
func (w *world) visit(app, provider, id string, claims map[string]string) (u *userpool.User, err error) {
	w.t.Helper()
	return w.visitFrom("https://idp.example.com", app, provider, id, claims)
}

// visitFrom signs a guest in whom an issuer vouches for.
func (w *world) visitFrom(issuer, app, provider, id string, claims map[string]string) (u *userpool.User, err error) {
	w.t.Helper()
	err = w.inside(func(c *scoped) error {
		p, err := c.loadProvider(provider)
		if err != nil || p == nil {
			w.t.Fatal("no provider", provider, err)
		}
		a, err := c.Client(app)
		if err != nil {
			return err
		}
		o, err := (&attempt{scoped: c, app: a, channel: channelLogin}).welcome(&guest{from: p, issuer: issuer, id: id, claims: claims})
		if err == nil {
			u = o.arrival.user
		}
		return err
	})
	return u, err
}

func (w *world) admin(name string) *api.AdminGetUserOutput {
	w.t.Helper()
	return must(do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: &name}))(w.t)
}

func attr(list []api.AttributeType, name string) string {
	for _, a := range list {
		if *a.Name == name {
			return *a.Value
		}
	}
	return ""
}

func TestProvisioning(t *testing.T) {
	t.Parallel()
	w, app := federatedWorld(t, nil, "Okta")
	u := must(w.visit(app, "Okta", "abc", map[string]string{"email": "Ann@Example.com", "color": "red", "other": "x"}))(t)
	got := w.admin("Okta_abc")
	if got.UserStatus != "EXTERNAL_PROVIDER" || *got.Username != "Okta_abc" || attr(got.UserAttributes, "custom:color") != "red" ||
		attr(got.UserAttributes, "email_verified") != "false" || !strings.Contains(attr(got.UserAttributes, "identities"), `"userId":"abc"`) {
		t.Errorf("%+v", got)
	}
	groups := must(do(w, w.r.AdminListGroupsForUser, w.s.AdminListGroupsForUser, &api.AdminListGroupsForUserInput{UserPoolId: &w.pool, Username: new("Okta_abc")}))(t)
	if len(groups.Groups) != 1 || *groups.Groups[0].GroupName != w.pool+"_Okta" {
		t.Errorf("%+v", groups)
	}
	// The next sign-in brings what changed, and what was verified.
	again := must(w.visit(app, "Okta", "abc", map[string]string{"email": "new@example.com", "email_verified": "true"}))(t)
	got = w.admin("Okta_abc")
	if again.Sub != u.Sub || attr(got.UserAttributes, "email") != "new@example.com" || attr(got.UserAttributes, "email_verified") != "true" || attr(got.UserAttributes, "custom:color") != "red" {
		t.Errorf("%+v", got)
	}
	if _, err := w.visit(w.app, "Okta", "abc", nil); err == nil {
		t.Error("a client that does not name the provider")
	}
	want(t, "too long", errOf(w.visit(app, "Okta", "abc", map[string]string{"color": "magenta"})), "InvalidParameterException", "")
	// The subject is to the letter.
	if other := must(w.visit(app, "Okta", "ABC", nil))(t); other.Sub == u.Sub {
		t.Error("two subjects are one user")
	}
	disable := must(do(w, w.r.AdminDisableUser, w.s.AdminDisableUser, &api.AdminDisableUserInput{UserPoolId: &w.pool, Username: new("Okta_abc")}))
	disable(t)
	want(t, "disabled", errOf(w.visit(app, "Okta", "abc", nil)), "NotAuthorizedException", "User is disabled.")
}

func errOf[T any](_ T, err error) error { return err }

// Nobody becomes somebody who is there by what a provider says: not by address, not by name.
func TestNoTakeover(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*api.CreateUserPoolInput){
		func(in *api.CreateUserPoolInput) { in.UsernameAttributes = []api.UsernameAttributeType{"email"} },
		func(in *api.CreateUserPoolInput) {
			in.AliasAttributes = []api.AliasAttributeType{"email", "preferred_username"}
		},
		func(in *api.CreateUserPoolInput) {
			in.UsernameConfiguration = &api.UsernameConfigurationType{CaseSensitive: new(false)}
		},
	} {
		w := newWorld(t, change)
		mapping := map[string]string{"email": "email", "email_verified": "email_verified", "preferred_username": "name"}
		w.mustProvider("A", mapping)
		w.mustProvider("B", mapping)
		app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"A", "B", "COGNITO"} })
		const mail = "victim@example.com"
		name := mail
		if w.admitsNames() {
			name = "victim"
		}
		native := w.member(name, "email", mail, "email_verified", "true")
		claims := map[string]string{"email": mail, "email_verified": "true", "name": name}
		a := must(w.visit(app, "A", "x", claims))(t)
		b := must(w.visit(app, "B", "x", claims))(t)
		if a.Sub == native || b.Sub == native || a.Sub == b.Sub {
			t.Errorf("%s, %s and %s are one", native, a.Sub, b.Sub)
		}
		// The native user still signs in by the address, and by nobody else's account.
		if got := decoded(t, *w.tokens(w.app, name).AccessToken)["sub"]; got != native {
			t.Errorf("%s signed in", got)
		}
		// The provider's user has no password and gets none.
		want(t, "password", errOf(w.signIn(w.app, a.Username, password)), "NotAuthorizedException", "")
		want(t, "forgotten", errOf(do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.app, Username: &a.Username})),
			"NotAuthorizedException", "User password cannot be reset in the current state.")
	}
}

// admitsNames reports whether usernames are names of their own.
func (w *world) admitsNames() bool {
	var names bool
	if err := w.inside(func(c *scoped) error { names = len(c.Pool.UsernameAttributes) == 0; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return names
}

// A username that would be a provider's user's cannot be taken beforehand.
func TestSquatting(t *testing.T) {
	t.Parallel()
	w, app := federatedWorld(t, nil, "Okta")
	for _, name := range []string{"Okta_abc", "okta_abc"} {
		want(t, name, errOf(w.signUp(name, "a@b.c")), "InvalidParameterException", "Username cannot begin with the name of an identity provider.")
	}
	must(w.signUp("Oktaabc", "a@b.c"))(t)
	must(w.visit(app, "Okta", "abc", nil))(t)
	want(t, "provider in another case", errOf(w.provider(manual("OKTA"))), "DuplicateProviderException", "")
}

func TestTenantOfProvider(t *testing.T) {
	t.Parallel()
	w, _ := federatedWorld(t, tenantTag)
	// A provider cannot say whose a user is; the operator can say whose the provider is.
	in := manual("Acme")
	in.AttributeMapping = map[string]string{"custom:tenant_id": "tenant"}
	want(t, "claim", errOf(w.provider(in)), "InvalidParameterException", "")
	for _, bad := range []map[string]string{
		{"custom:tenant_id": TenantMapping}, {"custom:color": TenantMapping + "red"}, {"custom:none": "x"}, {"sub": "sub"}, {"email": ""}, {"username": "email"},
	} {
		in.AttributeMapping = bad
		want(t, "mapping", errOf(w.provider(in)), "InvalidParameterException", "")
	}
	w.mustProvider("Acme", map[string]string{"custom:tenant_id": TenantMapping + "acme", "email": "email"})
	w.mustProvider("Evil", map[string]string{"custom:tenant_id": TenantMapping + "evil", "email": "email"})
	app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Acme", "Evil"} })
	claims := map[string]string{"email": "ann@acme.com", "tenant": "acme", "custom:tenant_id": "acme", "bulkhead:tenant=acme": "acme"}
	ann := must(w.visit(app, "Acme", "ann", claims))(t)
	eve := must(w.visit(app, "Evil", "ann", claims))(t)
	if ann.Attributes["custom:tenant_id"] != "acme" || eve.Attributes["custom:tenant_id"] != "evil" || ann.Sub == eve.Sub {
		t.Errorf("%v %v", ann.Attributes, eve.Attributes)
	}
	// Linking across tenants is refused, to federated and native users.
	native := w.member("carl", "custom:tenant_id", "acme")
	link := func(to, provider string) error {
		return errOf(do(w, w.r.AdminLinkProviderForUser, w.s.AdminLinkProviderForUser, &api.AdminLinkProviderForUserInput{
			UserPoolId:      &w.pool,
			DestinationUser: &api.ProviderUserIdentifierType{ProviderName: new("Cognito"), ProviderAttributeValue: &to},
			SourceUser:      &api.ProviderUserIdentifierType{ProviderName: &provider, ProviderAttributeName: new("Cognito_Subject"), ProviderAttributeValue: new("carl")},
		}))
	}
	want(t, "link", link("carl", "Evil"), "InvalidParameterException", "The destination user is of another tenant than the provider Evil.")
	want(t, "link", link(ann.Username, "Evil"), "InvalidParameterException", "")
	if err := link("carl", "Acme"); err != nil {
		t.Fatal(err)
	}
	if u := must(w.visit(app, "Acme", "carl", map[string]string{"email": "x@y.z"}))(t); u.Sub != native || u.Attributes["email"] != "" {
		t.Errorf("%+v", u)
	}
	// Whose the provider is changes: its users are nobody's any more, and not the new tenant's.
	w.remap("Acme", map[string]string{"custom:tenant_id": TenantMapping + "evil"})
	for _, id := range []string{"ann", "carl"} {
		want(t, id, errOf(w.visit(app, "Acme", id, nil)), "NotAuthorizedException", "The user is of another tenant than the provider Acme.")
	}
	// Nor does a provider that comes to have the name, without a tenant, inherit them.
	must(do(w, w.r.DeleteIdentityProvider, w.s.DeleteIdentityProvider, &api.DeleteIdentityProviderInput{UserPoolId: &w.pool, ProviderName: new("Acme")}))(t)
	w.mustProvider("Acme", map[string]string{"email": "email"})
	for _, id := range []string{"ann", "carl"} {
		want(t, id, errOf(w.visit(app, "Acme", id, nil)), "NotAuthorizedException", "The user is of another tenant than the provider Acme.")
	}
	w.remap("Acme", map[string]string{"custom:tenant_id": TenantMapping + "acme"})
	if u := must(w.visit(app, "Acme", "ann", nil))(t); u.Sub != ann.Sub {
		t.Error("the tenant's own provider")
	}
}

func (w *world) remap(name string, mapping map[string]string) {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	must(do(w, w.r.UpdateIdentityProvider, w.s.UpdateIdentityProvider, &api.UpdateIdentityProviderInput{
		UserPoolId: &w.pool, ProviderName: &name, AttributeMapping: mapping,
	}))(w.t)
}

// A pool that declares its tenant attribute later holds the providers that are there to it.
func TestTenantDeclaredLater(t *testing.T) {
	t.Parallel()
	w, _ := federatedWorld(t, nil)
	w.mustProvider("Acme", map[string]string{"custom:tenant_id": "tenant"})
	app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Acme"} })
	early := must(w.visit(app, "Acme", "early", nil))(t)
	arn := "arn:aws:cognito-idp:us-east-1:" + testAccount + ":userpool/" + w.pool
	must(do(w, w.r.TagResource, w.s.TagResource, &api.TagResourceInput{ResourceArn: &arn, Tags: tenantTag}))(t)
	want(t, "a claim", errOf(w.visit(app, "Acme", "ann", map[string]string{"tenant": "acme"})), "InvalidParameterException", "")
	w.remap("Acme", map[string]string{"custom:tenant_id": TenantMapping + "acme"})
	if u := must(w.visit(app, "Acme", "early", nil))(t); u.Sub != early.Sub || u.Attributes["custom:tenant_id"] != "acme" {
		t.Errorf("%+v", u.Attributes)
	}
}

// Who was vouched for by another issuer, while the provider's name was nobody's, does not become the tenant's: they may still
// be signed in, and would get its tokens.
func TestTenantOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	w, app := federatedWorld(t, tenantTag, "Acme")
	must(w.visitFrom("https://trial.example.com", app, "Acme", "bob", nil))(t)
	w.remap("Acme", map[string]string{"custom:tenant_id": TenantMapping + "acme"})
	want(t, "another issuer", errOf(w.visit(app, "Acme", "bob", nil)), "NotAuthorizedException", "The user is of another tenant than the provider Acme.")
	if got := attr(w.admin("Acme_bob").UserAttributes, "custom:tenant_id"); got != "" {
		t.Error("became of tenant", got)
	}
}

// An address that becomes a session tag is verified by the pool, not by a provider.
func TestAddressAsTag(t *testing.T) {
	t.Parallel()
	w, _ := federatedWorld(t, map[string]string{userpool.SessionTagsTag: "Email=email"})
	in := manual("Acme")
	want(t, "verified by the provider", errOf(w.provider(in)), "InvalidParameterException", "")
	w.mustProvider("Acme", map[string]string{"email": "email"})
	app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Acme"} })
	u := must(w.visit(app, "Acme", "eve", map[string]string{"email": "victim@example.com", "email_verified": "true"}))(t)
	if u.Attributes["email_verified"] != "false" {
		t.Errorf("%v", u.Attributes)
	}
}

func TestImmutableAndRequired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.Schema = append(in.Schema, api.SchemaAttributeType{Name: new("email"), Required: new(true), AttributeDataType: "String"})
	})
	w.mustProvider("Okta", map[string]string{"email": "email", "custom:tenant_id": "org"})
	app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Okta"} })
	want(t, "required", errOf(w.visit(app, "Okta", "a", nil)), "InvalidParameterException", "attributes required: [email]")
	claims := map[string]string{"email": "a@b.c", "org": "one"}
	must(w.visit(app, "Okta", "a", claims))(t)
	must(w.visit(app, "Okta", "a", claims))(t)
	claims["org"] = "two"
	want(t, "immutable", errOf(w.visit(app, "Okta", "a", claims)), "InvalidParameterException", "user.custom:tenant_id: Attribute cannot be updated.\n")
}

func TestLinking(t *testing.T) {
	t.Parallel()
	w, app := federatedWorld(t, nil, "Okta")
	sub := w.member("carl", "email", "carl@example.com")
	who := func(provider, attribute, value string) *api.ProviderUserIdentifierType {
		return &api.ProviderUserIdentifierType{ProviderName: &provider, ProviderAttributeName: &attribute, ProviderAttributeValue: &value}
	}
	link := func(to, from *api.ProviderUserIdentifierType) error {
		return errOf(do(w, w.r.AdminLinkProviderForUser, w.s.AdminLinkProviderForUser, &api.AdminLinkProviderForUserInput{UserPoolId: &w.pool, DestinationUser: to, SourceUser: from}))
	}
	carl := who("Cognito", "", "carl")
	for name, c := range map[string]struct {
		to, from *api.ProviderUserIdentifierType
		code     string
	}{
		"a native source": {carl, who("Cognito", "Cognito_Subject", "x"), "InvalidParameterException"},
		"no provider":     {carl, who("None", "Cognito_Subject", "x"), "ResourceNotFoundException"},
		"nobody":          {who("Cognito", "", "none"), who("Okta", "Cognito_Subject", "x"), "UserNotFoundException"},
		"by address":      {who("Cognito", "", "carl@example.com"), who("Okta", "Cognito_Subject", "x"), "UserNotFoundException"},
		"not mapped":      {carl, who("Okta", "phone_number", "x"), "InvalidParameterException"},
		"no value":        {carl, who("Okta", "Cognito_Subject", ""), "InvalidParameterException"},
	} {
		want(t, name, link(c.to, c.from), c.code, "")
	}
	// By an attribute: the first who comes with it is the user, unless the provider says that it is not verified.
	if err := link(carl, who("Okta", "email", "carl@example.com")); err != nil {
		t.Fatal(err)
	}
	if u := must(w.visit(app, "Okta", "evil", map[string]string{"email": "carl@example.com", "email_verified": "false"}))(t); u.Sub == sub {
		t.Error("an unverified address")
	}
	u := must(w.visit(app, "Okta", "77", map[string]string{"email": "carl@example.com", "color": "red"}))(t)
	if u.Sub != sub || u.Attributes["custom:color"] != "" || u.Identities[0].UserID != "77" {
		t.Errorf("%+v", u)
	}
	// From then on it is the subject.
	if u := must(w.visit(app, "Okta", "78", map[string]string{"email": "carl@example.com"}))(t); u.Sub == sub {
		t.Error("another subject by the address")
	}
	if u := must(w.visit(app, "Okta", "77", map[string]string{"email": "other@example.com"}))(t); u.Sub != sub {
		t.Error("not by the subject")
	}
	want(t, "merging", link(who("Cognito", "", "Okta_78"), who("Okta", "Cognito_Subject", "77")), "InvalidParameterException",
		"Merging is not currently supported, provide a SourceUser that has not been signed up in order to link")
	for i := range maxIdentities - 1 {
		if err := link(carl, who("Okta", "Cognito_Subject", strings.Repeat("y", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "sixth", link(carl, who("Okta", "Cognito_Subject", "z")), "LimitExceededException", "")
	disable := func(who *api.ProviderUserIdentifierType) error {
		return errOf(do(w, w.r.AdminDisableProviderForUser, w.s.AdminDisableProviderForUser, &api.AdminDisableProviderForUserInput{UserPoolId: &w.pool, User: who}))
	}
	tokens := w.tokens(w.app, "carl")
	if err := disable(who("Okta", "Cognito_Subject", "77")); err != nil {
		t.Fatal(err)
	}
	if u := must(w.visit(app, "Okta", "77", nil))(t); u.Sub == sub {
		t.Error("the link holds")
	}
	want(t, "signed out", errOf(w.getUser(*tokens.AccessToken)), "NotAuthorizedException", "Access Token has been revoked")
	// The identity that a profile was made for.
	if err := disable(who("Okta", "Cognito_Subject", "78")); err != nil {
		t.Fatal(err)
	}
	want(t, "disabled identity", errOf(w.visit(app, "Okta", "78", nil)), "NotAuthorizedException", "")
	// A password that was taken does not come back by mail.
	if err := disable(who("Cognito", "Cognito_Subject", "carl")); err != nil {
		t.Fatal(err)
	}
	want(t, "no password", errOf(w.signIn(w.app, "carl", password)), "NotAuthorizedException", "")
	want(t, "forgotten", errOf(do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.app, Username: new("carl")})), "NotAuthorizedException", "")
	// Who is deleted and comes again is somebody new.
	before := must(w.visit(app, "Okta", "99", nil))(t)
	must(do(w, w.r.AdminDeleteUser, w.s.AdminDeleteUser, &api.AdminDeleteUserInput{UserPoolId: &w.pool, Username: new("Okta_99")}))(t)
	if u := must(w.visit(app, "Okta", "99", nil))(t); u.Sub == before.Sub {
		t.Error("the bond outlived the user")
	}
}

// Nor can it be taken by another of the names that users are found by, nor by a provider whose name holds another's.
func TestSquattingByAlias(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) { in.AliasAttributes = []api.AliasAttributeType{"preferred_username"} })
	w.mustProvider("Okta", nil)
	app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Okta"} })
	w.member("mallory")
	for _, name := range []string{"Okta_abc", "okta_abc"} {
		_, err := do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
			UserPoolId: &w.pool, Username: new("mallory"), UserAttributes: []api.AttributeType{{Name: new("preferred_username"), Value: &name}},
		})
		want(t, name, err, "InvalidParameterException", "Username cannot begin with the name of an identity provider.")
	}
	must(w.visit(app, "Okta", "abc", nil))(t)
	want(t, "provider of two words", errOf(w.provider(manual("O_kta"))), "InvalidParameterException", "")
}

// Somebody's address does not keep a provider's user out, nor does it find the user.
func TestAddressLikeUsername(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) { in.UsernameAttributes = []api.UsernameAttributeType{"email"} })
	w.mustProvider("Okta", nil)
	app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Okta"} })
	must(w.signUp("okta_bob@acme.example", "okta_bob@acme.example"))(t)
	u := must(w.visit(app, "Okta", "bob@acme.example", nil))(t)
	if got := w.admin("Okta_bob@acme.example"); attr(got.UserAttributes, "sub") != u.Sub {
		t.Errorf("%+v", got)
	}
}

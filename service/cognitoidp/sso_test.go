package cognitoidp

import (
	"net/url"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
)

const ssoCallback = "https://app.example.com/cb"

// oauthClient makes an app client for sign-in by the providers.
func (w *world) oauthClient(providers ...string) string {
	w.t.Helper()
	return w.newClient(func(in *api.CreateUserPoolClientInput) {
		in.AllowedOAuthFlowsUserPoolClient, in.AllowedOAuthFlows = new(true), []api.OAuthFlowType{api.OAuthFlowTypeCode}
		in.AllowedOAuthScopes, in.CallbackURLs = []string{"openid"}, []string{ssoCallback}
		in.SupportedIdentityProviders = providers
	})
}

func codeRequest(app string) *login.AuthorizationRequest {
	return &login.AuthorizationRequest{ClientId: &app, RedirectUri: new(ssoCallback), ResponseType: new("code"), State: new("st")}
}

// arrive signs a guest in on the pages and returns the browser's session.
func (w *world) arrive(app, from, id string) (session string) {
	w.t.Helper()
	err := w.inside(func(c *scoped) error {
		p := must(c.loadProvider(from))(w.t)
		a := must((&oauth{w.s}).authorization(c.Ctx, c.Call, &w.pool, codeRequest(app)))(w.t)
		h := &homecoming{app: a.app}
		out, err := a.received(h, &login.ArriveInput{Browser: new("browser")}, c.land(h, &guest{from: p, issuer: "https://idp.example.com", id: id, claims: map[string]string{}}))
		if err == nil {
			session = opt.Value(out.Session)
		}
		return err
	})
	if err != nil || session == "" {
		w.t.Fatal("no session", err)
	}
	return session
}

// remembers reports whether a browser with the session gets a code without another sign-in.
func (w *world) remembers(session string, req *login.AuthorizationRequest) (code bool) {
	w.t.Helper()
	err := w.inside(func(c *scoped) error {
		out, err := (&oauth{w.s}).Authorize(c.Ctx, c.Call, &login.AuthorizeInput{PoolId: &w.pool, Request: req, Session: &session})
		if err == nil {
			code = strings.Contains(opt.Value(out.Location), "code=")
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// Tenants that share a pool have app clients and providers of their own. Who signed in by one tenant's provider is nobody at
// another tenant's client, though the browser's session is the pool's.
func TestSessionAcrossClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) { in.UserPoolTags = tenantTag })
	w.mustProvider("Acme", map[string]string{"custom:tenant_id": TenantMapping + "acme"})
	w.mustProvider("Evil", map[string]string{"custom:tenant_id": TenantMapping + "evil"})
	acme, evil, both, local := w.oauthClient("Acme"), w.oauthClient("Evil"), w.oauthClient("Acme", "Evil", "COGNITO"), w.oauthClient("COGNITO")
	session := w.arrive(evil, "Evil", "mallory")
	with := func(app, provider, identifier string) *login.AuthorizationRequest {
		r := codeRequest(app)
		r.IdentityProvider, r.IdpIdentifier = opt.Present(provider), opt.Present(identifier)
		return r
	}
	for name, c := range map[string]struct {
		req  *login.AuthorizationRequest
		want bool
	}{
		"the same client":             {codeRequest(evil), true},
		"a client of both":            {codeRequest(both), true},
		"asked for the own provider":  {with(both, "Evil", ""), true},
		"another tenant's client":     {codeRequest(acme), false},
		"the pool's own users' alone": {codeRequest(local), false},
		"asked for another provider":  {with(both, "Acme", ""), false},
		"asked for the pool's users":  {with(both, "COGNITO", ""), false},
		"asked for by identifier":     {with(both, "", "acme.example.com"), false},
	} {
		if got := w.remembers(session, c.req); got != c.want {
			t.Errorf("%s: code %v", name, got)
		}
	}
	// A provider that is another tenant's now, or gone, vouches for nobody any more.
	w.remap("Evil", map[string]string{"custom:tenant_id": TenantMapping + "other"})
	if w.remembers(session, codeRequest(evil)) {
		t.Error("the provider is another tenant's")
	}
}

// The pool's own users are not remembered where only those of providers are taken.
func TestLocalSessionAcrossClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustProvider("Acme", nil)
	acme, local, both := w.oauthClient("Acme"), w.oauthClient("COGNITO"), w.oauthClient("Acme", "COGNITO")
	w.member("ann")
	var session string
	err := w.inside(func(c *scoped) error {
		out, err := (&oauth{w.s}).SignIn(c.Ctx, c.Call, &login.SignInInput{
			PoolId: &w.pool, Request: codeRequest(local), Browser: new("b"), Username: new("ann"), Answers: map[string]string{AnswerPassword: password},
		})
		if err == nil {
			session = opt.Value(out.Session)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	asked := codeRequest(both)
	asked.IdentityProvider = new("Acme")
	for name, c := range map[string]struct {
		req  *login.AuthorizationRequest
		want bool
	}{"own": {codeRequest(local), true}, "both": {codeRequest(both), true}, "provider's": {codeRequest(acme), false}, "asked": {asked, false}} {
		if got := w.remembers(session, c.req); got != c.want {
			t.Errorf("%s: code %v", name, got)
		}
	}
}

// What a code that came twice revokes stays revoked for as long as its access tokens would hold, however short the life of
// refresh tokens is.
func TestReplayedCodeStaysRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustProvider("Acme", nil)
	app := w.newClient(func(in *api.CreateUserPoolClientInput) {
		in.AllowedOAuthFlowsUserPoolClient, in.AllowedOAuthFlows = new(true), []api.OAuthFlowType{api.OAuthFlowTypeCode}
		in.AllowedOAuthScopes, in.CallbackURLs, in.SupportedIdentityProviders = []string{"openid"}, []string{ssoCallback}, []string{"Acme"}
		in.RefreshTokenValidity, in.AccessTokenValidity = new(int32(60)), new(int32(60))
		in.TokenValidityUnits = &api.TokenValidityUnitsType{RefreshToken: "minutes", AccessToken: "minutes", IdToken: "minutes"}
		in.IdTokenValidity = new(int32(60))
	})
	session := w.arrive(app, "Acme", "ann")
	// redeem exchanges a code as often as is said, and returns the first access token.
	redeem := func(times int) (access string) {
		t.Helper()
		err := w.inside(func(c *scoped) error {
			o := &oauth{w.s}
			out, err := o.Authorize(c.Ctx, c.Call, &login.AuthorizeInput{PoolId: &w.pool, Request: codeRequest(app), Session: &session})
			if err != nil {
				return err
			}
			u := must(url.Parse(opt.Value(out.Location)))(t)
			for n := range times {
				got, err := o.Token(c.Ctx, c.Call, &login.TokenInput{
					PoolId: &w.pool, ClientId: &app, GrantType: new(tokens.GrantCode), Code: new(u.Query().Get("code")), RedirectUri: new(ssoCallback),
				})
				if n > 0 {
					want(t, "again", err, ErrInvalidGrant, "")
					continue
				}
				if err != nil {
					return err
				}
				access = *got.AccessToken
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return access
	}
	w.now = w.now.Add(55 * time.Minute) // the browser is still remembered
	stolen := redeem(2)
	for _, later := range []time.Duration{0, 10 * time.Minute, 45 * time.Minute} {
		w.now = w.now.Add(later)
		session = w.arrive(app, "Acme", "ann")
		redeem(1) // takes away marks whose time has come
		err := w.inside(func(c *scoped) error {
			return errOf((&oauth{w.s}).UserInfo(c.Ctx, c.Call, &login.UserInfoInput{PoolId: &w.pool, AccessToken: &stolen}))
		})
		want(t, "the token of a code that came twice", err, ErrInvalidToken, "")
	}
}

package app_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// codeTokens signs a user in at a client and exchanges the code.
func (s *site) codeTokens(name, client string) map[string]any {
	s.t.Helper()
	code := s.browser().signIn(name, word, s.request("client_id", client)).Query().Get("code")
	status, out := s.exchange("grant_type", "authorization_code", "client_id", client, "code", code, "redirect_uri", callback, "code_verifier", verifier)
	if status != http.StatusOK {
		s.t.Fatal(status, out)
	}
	return out
}

func (s *site) renew(client string, token any) (int, map[string]any) {
	s.t.Helper()
	text, _ := token.(string)
	return s.exchange("grant_type", "refresh_token", "client_id", client, "refresh_token", text)
}

// told is the status with which userInfo answers to an access token.
func (s *site) told(token any) int {
	s.t.Helper()
	text, _ := token.(string)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+"/oauth2/userInfo", nil)
	s.ok(err)
	r.Header.Set("Authorization", "Bearer "+text)
	return s.browser().do(r).StatusCode
}

// TestRefreshRotation turns refresh tokens in, and one of them twice.
func TestRefreshRotation(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newUser("ada")
	client := s.newClient(func(in *idp.CreateUserPoolClientInput) {
		in.RefreshTokenRotation = &types.RefreshTokenRotationType{Feature: types.FeatureTypeEnabled, RetryGracePeriodSeconds: aws.Int32(0)}
		in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserSrpAuth}
	})
	first, other := s.codeTokens("ada", client), s.codeTokens("ada", client)
	status, second := s.renew(client, first["refresh_token"])
	if status != http.StatusOK || second["refresh_token"] == nil || second["refresh_token"] == first["refresh_token"] {
		t.Fatal(status, second)
	}
	status, third := s.renew(client, second["refresh_token"])
	if status != http.StatusOK || claimsOf(t, third["access_token"])["scope"] != "openid email" || s.told(third["access_token"]) != http.StatusOK {
		t.Fatal(status, third)
	}
	if status, out := s.renew(s.client, third["refresh_token"]); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
		t.Errorf("at another client: HTTP %d %v", status, out)
	}
	if status, out := s.renew(client, first["refresh_token"]); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
		t.Errorf("reuse: HTTP %d %v", status, out)
	}
	// one of the two was stolen, so what came of the sign-in ends for both
	if status, out := s.renew(client, third["refresh_token"]); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
		t.Errorf("the latest after reuse: HTTP %d %v", status, out)
	}
	for name, tokens := range map[string]map[string]any{"first": first, "second": second, "third": third} {
		if got := s.told(tokens["access_token"]); got != http.StatusUnauthorized {
			t.Errorf("%s access token after reuse: HTTP %d", name, got)
		}
	}
	if status, out := s.renew(client, other["refresh_token"]); status != http.StatusOK {
		t.Errorf("another sign-in: HTTP %d %v", status, out)
	}
}

// TestRevoke revokes a refresh token, and tries what must not.
func TestRevoke(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newUser("ada")
	other := s.newClient(func(*idp.CreateUserPoolClientInput) {})
	b, tokens, kept := s.browser(), s.codeTokens("ada", s.client), s.codeTokens("ada", s.client)
	_, renewed := s.renew(s.client, tokens["refresh_token"])
	revoke := func(client string, token any) answer {
		text, _ := token.(string)
		return b.post(s.base+"/oauth2/revoke", url.Values{"client_id": {client}, "token": {text}})
	}
	for name, a := range map[string]answer{
		"no token": revoke(s.client, nil), "no client": revoke("nobody", tokens["refresh_token"]), "access token": revoke(s.client, tokens["access_token"]),
	} {
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: HTTP %d %s", name, a.StatusCode, a.body)
		}
	}
	revoke(other, tokens["refresh_token"])
	if s.told(tokens["access_token"]) != http.StatusOK || s.told(renewed["access_token"]) != http.StatusOK {
		t.Fatal("another client revokes")
	}
	for range 2 {
		if a := revoke(s.client, tokens["refresh_token"]); a.StatusCode != http.StatusOK || a.body != "" {
			t.Errorf("HTTP %d %s", a.StatusCode, a.body)
		}
	}
	for name, token := range map[string]any{"first": tokens["access_token"], "renewed": renewed["access_token"]} {
		if got := s.told(token); got != http.StatusUnauthorized {
			t.Errorf("%s access token: HTTP %d", name, got)
		}
	}
	if status, out := s.renew(s.client, tokens["refresh_token"]); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
		t.Errorf("refresh: HTTP %d %v", status, out)
	}
	if got := s.told(kept["access_token"]); got != http.StatusOK {
		t.Errorf("another sign-in: HTTP %d", got)
	}
}

// TestImplicitGrant gets tokens in the fragment, and no more of them than the grant gives.
func TestImplicitGrant(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newUser("ada")
	client := s.newClient(func(in *idp.CreateUserPoolClientInput) {
		in.AllowedOAuthFlows = []types.OAuthFlowType{types.OAuthFlowTypeImplicit}
	})
	ask := []string{"client_id", client, "response_type", "token", "code_challenge", "", "code_challenge_method", ""}
	b := s.browser()
	to := b.signIn("ada", word, s.request(ask...))
	got, err := url.ParseQuery(to.EscapedFragment())
	s.ok(err)
	if to.RawQuery != "" || got.Get("state") != "st&<4te>" || got.Get("token_type") != "Bearer" || got.Get("expires_in") != "3600" || got.Has("refresh_token") || got.Has("code") {
		t.Fatal(to)
	}
	id, access := claimsOf(t, got.Get("id_token")), claimsOf(t, got.Get("access_token"))
	if id["aud"] != client || id["nonce"] != "n0nce" || id["token_use"] != "id" || access["client_id"] != client || access["scope"] != "openid email" {
		t.Error(id, access)
	}
	if status := s.told(got.Get("access_token")); status != http.StatusOK {
		t.Errorf("userInfo: HTTP %d", status)
	}
	// an error comes in the fragment too, and the client has no other grant
	to = b.sent(b.get(s.base + "/oauth2/authorize?" + s.request(append(ask, "scope", "openid admin")...).Encode()))
	if got, err := url.ParseQuery(to.EscapedFragment()); err != nil || to.RawQuery != "" || got.Get("error") != "invalid_scope" {
		t.Error(to, err)
	}
	to = b.sent(b.get(s.base + "/oauth2/authorize?" + s.request("client_id", client).Encode()))
	if to.Query().Get("error") != "unauthorized_client" || to.Query().Has("code") {
		t.Error(to)
	}
}

// TestLogout ends the browser's session, and sends it only to an address that is the client's to the letter.
func TestLogout(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newUser("ada")
	b := s.browser()
	b.signIn("ada", word, s.request())
	silent := func() url.Values {
		return b.sent(b.get(s.base + "/oauth2/authorize?" + s.request("prompt", "none").Encode())).Query()
	}
	out := func(to string) answer {
		return b.get(s.base + "/logout?" + url.Values{"client_id": {s.client}, "logout_uri": {to}}.Encode())
	}
	for _, uri := range []string{signout + "/", signout + "?x=1", signout + "#x", signout + "/../evil", "HTTPS://app.example.com/bye", callback, "//app.example.com/bye"} {
		if a := out(uri); a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" {
			t.Errorf("%s: HTTP %d to %q", uri, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if !silent().Has("code") {
		t.Fatal("a logout that is refused ends the session")
	}
	there, err := url.Parse(s.base)
	s.ok(err)
	stolen := b.client.Jar.Cookies(there)
	if a := out(signout); a.StatusCode != http.StatusFound || a.Header.Get("Location") != signout {
		t.Fatalf("HTTP %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if got := silent(); got.Get("error") != "login_required" || got.Has("code") {
		t.Error("after the logout: ", got)
	}
	b.client.Jar.SetCookies(there, stolen)
	if got := silent(); got.Get("error") != "login_required" || got.Has("code") {
		t.Error("with the cookies from before: ", got)
	}
}

package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// TestRedirectTricks tries redirect URIs that look like the client's. None may be sent to, and none is told anything.
func TestRedirectTricks(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	b := s.browser()
	for _, uri := range []string{
		callback + "/", callback + "/../evil", callback + "?x=1", callback + "#x", callback + "%2f..", callback + "\r\nSet-Cookie: a=b",
		"https://app.example.com@evil.example/callback", "https://app.example.com.evil.example/callback", "https://APP.example.com/callback",
		"https://app.example.com:443/callback", "http://app.example.com/callback", "//evil.example/callback", "javascript:alert(1)", "https://evil.example",
	} {
		for _, path := range []string{"/oauth2/authorize?", "/login?", "/signup?"} {
			a := b.get(s.base + path + s.request("redirect_uri", uri).Encode())
			if a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" || len(a.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("%s%q: HTTP %d to %q", path, uri, a.StatusCode, a.Header.Get("Location"))
			}
		}
	}
	if a := b.get(s.base + "/logout?client_id=" + s.client + "&logout_uri=https://evil.example"); a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" {
		t.Errorf("logout: HTTP %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
}

// TestCodeAttacks tries codes that were stolen, and leaves out what binds them.
func TestCodeAttacks(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newUser("ada")
	other := s.newClient(func(*idp.CreateUserPoolClientInput) {})
	b := s.browser()
	code := b.signIn("ada", word, s.request()).Query().Get("code")
	good := []string{"grant_type", "authorization_code", "client_id", s.client, "code", code, "redirect_uri", callback, "code_verifier", verifier}
	with := func(name, value string) []string {
		out := append([]string(nil), good...)
		for i := 0; i < len(out); i += 2 {
			if out[i] == name {
				out[i+1] = value
			}
		}
		return out
	}
	for name, form := range map[string][]string{
		"other client": with("client_id", other), "no verifier": with("code_verifier", ""), "wrong verifier": with("code_verifier", strings.Repeat("x", 50)),
		"challenge as verifier": with("code_verifier", challengeOf(verifier)), "other redirect": with("redirect_uri", signout),
		"no redirect": with("redirect_uri", ""), "made up": with("code", "AAAA"), "cut": with("code", code[:len(code)-4]),
	} {
		if status, out := s.exchange(form...); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
			t.Errorf("%s: HTTP %d %v", name, status, out)
		}
	}
	if status, out := s.exchange(append(good, "code", code)...); status != http.StatusBadRequest || out["error"] != "invalid_request" {
		t.Errorf("twice the parameter: HTTP %d %v", status, out)
	}
	status, tokens := s.exchange(good...)
	if status != http.StatusOK {
		t.Fatal(status, tokens)
	}
	if status, out := s.exchange(good...); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
		t.Errorf("again: HTTP %d %v", status, out)
	}
	// the code came twice, so its tokens are void
	if status, out := s.exchange("grant_type", "refresh_token", "client_id", s.client, "refresh_token", tokens["refresh_token"].(string)); status != http.StatusBadRequest {
		t.Errorf("refresh after reuse: HTTP %d %v", status, out)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/oauth2/userInfo", nil)
	s.ok(err)
	r.Header.Set("Authorization", "Bearer "+tokens["access_token"].(string))
	if a := b.do(r); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("access after reuse: HTTP %d %s", a.StatusCode, a.body)
	}
}

// TestChallengeDowngrade tries requests that weaken PKCE; the client hears of them, without a code.
func TestChallengeDowngrade(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	b := s.browser()
	for _, pairs := range [][]string{
		{"code_challenge_method", "plain"}, {"code_challenge_method", ""}, {"code_challenge", ""}, {"code_challenge", "short"}, {"response_type", "token"},
		{"response_type", "id_token"}, {"scope", "openid admin"}, {"scope", "email"}, {"max_age", "-1"}, {"prompt", "none"},
	} {
		to := b.sent(b.get(s.base + "/oauth2/authorize?" + s.request(pairs...).Encode()))
		if strings.Contains(to.String(), "code=") || !strings.HasPrefix(to.String(), callback) || !strings.Contains(to.String(), "error=") {
			t.Errorf("%v: %s", pairs, to)
		}
	}
}

// TestForms tries forms that the browser did not get from here, and looks for what a page could be made to do.
func TestForms(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newUser("ada")
	victim, attacker := s.browser(), s.browser()
	query := s.request("login_hint", `"><script>alert(1)</script>`, "lang", `'"><img src=x>`).Encode()
	page := victim.get(s.base + "/login?" + query)
	if strings.Contains(page.body, "<script") || strings.Contains(page.body, "<img src=x") {
		t.Error("a parameter became markup: ", page.body)
	}
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	csp := page.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("%q lacks %s", csp, part)
		}
	}
	// a form of the attacker's own browser, sent by the victim's
	theirs := attacker.get(s.base + "/login?" + query)
	token := hiddenInput.FindStringSubmatch(theirs.body)
	form := s.request()
	form.Set("username", "ada")
	form.Set("password", word)
	form.Set("form_token", token[2])
	if a := victim.post(s.base+"/login?"+query, form); a.StatusCode != http.StatusForbidden || a.Header.Get("Location") != "" {
		t.Errorf("login CSRF: HTTP %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
}

// TestMachineScopes tries scopes and secrets that a machine does not have.
func TestMachineScopes(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	id, secret := s.newMachine()
	for _, scope := range []string{"orders/delete", "openid", "aws.cognito.signin.user.admin", "orders/read orders/*"} {
		if status, out := s.exchange("grant_type", "client_credentials", "client_id", id, "client_secret", secret, "scope", scope); status != http.StatusBadRequest || out["error"] != "invalid_scope" {
			t.Errorf("%s: HTTP %d %v", scope, status, out)
		}
	}
	if status, out := s.exchange("grant_type", "client_credentials", "client_id", s.client); status != http.StatusBadRequest || out["error"] != "unauthorized_client" {
		t.Errorf("public client: HTTP %d %v", status, out)
	}
	for range 6 {
		if status, out := s.exchange("grant_type", "client_credentials", "client_id", id, "client_secret", "wrong"); status != http.StatusBadRequest || out["error"] != "invalid_client" {
			t.Errorf("wrong secret: HTTP %d %v", status, out)
		}
	}
	if status, _ := s.exchange("grant_type", "client_credentials", "client_id", id, "client_secret", secret); status == http.StatusOK {
		t.Error("guessing a secret is not slowed down")
	}
}

// TestDomain serves a pool at its own host name, and gives a name to one pool only.
func TestDomain(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	ctx := t.Context()
	_, err := s.idp.CreateUserPoolDomain(ctx, &idp.CreateUserPoolDomainInput{UserPoolId: &s.pool, Domain: aws.String("acme")})
	s.ok(err)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/login?"+s.request().Encode(), nil)
	s.ok(err)
	r.Host = "acme.auth.us-east-1.localhost"
	if a := s.browser().do(r); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Sign in") {
		t.Error(a.StatusCode, a.body)
	}
	other, err := s.idp.CreateUserPool(ctx, &idp.CreateUserPoolInput{PoolName: aws.String("Other")})
	s.ok(err)
	// no pool but its own has pages at a domain, where browsers keep the passwords of its users
	for _, host := range []string{"acme.auth.us-east-1.localhost", "acme.auth.us-east-1.localhost:4600", "ACME.auth.us-east-1.localhost.", "nobody.auth.us-east-1.localhost"} {
		for _, pool := range []string{s.pool, *other.UserPool.Id, "-/sign-in"} {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/"+pool+"/login?"+s.request().Encode(), nil)
			s.ok(err)
			r.Host = host
			if a := s.browser().do(r); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s at %s: HTTP %d", pool, host, a.StatusCode)
			}
		}
	}
	for _, domain := range []string{"acme", "aws-login", "Acme", "a.b"} {
		if _, err := s.idp.CreateUserPoolDomain(ctx, &idp.CreateUserPoolDomainInput{UserPoolId: other.UserPool.Id, Domain: &domain}); err == nil {
			t.Errorf("%s is given away", domain)
		}
	}
	if _, err := s.idp.DeleteUserPool(ctx, &idp.DeleteUserPoolInput{UserPoolId: &s.pool}); err == nil {
		t.Error("a pool with a domain is deleted")
	}
}

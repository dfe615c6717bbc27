package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/client"
)

const entry = "/-/sign-in/oauth2/authorize?"

type object = map[string]any

// newRoutedSite is a site with a tenant that nobody is told of, one in the published list, and users.
func newRoutedSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t, func(c *app.Config) {
		c.TenantDomain, c.TrustedProxies = "login.example", []string{"127.0.0.1"}
	})
	s.newUser("ada")
	for _, r := range []object{
		{"TenantId": "acme", "Subdomains": []string{"acme"}, "EmailDomains": []string{"acme.example"}, "Codes": []string{"ACME-2026"}},
		{"TenantId": "globex", "ListedName": "Globex", "Subdomains": []string{"globex"}},
	} {
		s.call(http.MethodPost, "/-/api/v1/tenants", object{"Id": r["TenantId"]}, &object{})
		r["UserPoolId"], r["ClientId"] = s.pool, s.client
		s.call(http.MethodPost, "/-/api/v1/tenant-routes", r, &object{})
	}
	return s
}

func (s *site) call(method, path string, in, out any) {
	s.t.Helper()
	s.ok(client.Do(s.t.Context(), s.root, method, path, in, out))
}

// tenantless is a good request of an application that does not know the tenant.
func (s *site) tenantless(pairs ...string) string {
	return s.request(append([]string{"client_id", ""}, pairs...)...).Encode()
}

// find comes from the application and types what finds the tenant.
func (b *browser) find(typed string, pairs ...string) answer {
	b.t.Helper()
	return b.submit(b.get(b.url+entry+b.tenantless(pairs...)), "typed", typed)
}

// TestRoutedSignIn finds a tenant by each key and signs a user in, with what the application asked for.
func TestRoutedSignIn(t *testing.T) {
	t.Parallel()
	s := newRoutedSite(t)
	for _, typed := range []string{"ada@ACME.example", " acme-2026 "} {
		b := s.browser()
		to := b.sent(b.submit(b.follow(b.find(typed)), "username", "ada", "password", word))
		q := to.Query()
		if !strings.HasPrefix(to.String(), callback+"?") || q.Get("state") != "st&<4te>" || q.Get("client_id") != s.client || !strings.HasSuffix(q.Get("iss"), "/"+s.pool) {
			t.Fatal(to)
		}
		status, tokens := s.exchange("grant_type", "authorization_code", "client_id", s.client, "code", q.Get("code"), "redirect_uri", callback, "code_verifier", verifier)
		if status != http.StatusOK || claimsOf(t, tokens["id_token"])["nonce"] != "n0nce" {
			t.Fatal(status, tokens)
		}
	}
}

// at is a request to a path at a host of the server.
func (b *browser) at(host, path string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
	b.ok(err)
	r.Host = host
	return b.do(r)
}

// TestTenantHosts finds tenants by the host's name; those that everybody may know of have their own pages.
func TestTenantHosts(t *testing.T) {
	t.Parallel()
	s := newRoutedSite(t)
	b := s.browser()
	for host, want := range map[string]string{
		"acme.login.example": "/login?", "nobody.login.example:4600": "/login?", "globex.login.example": "/" + s.pool + "/oauth2/authorize?client_id=" + s.client,
		"ACME.login.example.": "/login?",
	} {
		a := b.at(host, "/oauth2/authorize?"+s.tenantless())
		if a.StatusCode != http.StatusFound || !strings.HasPrefix(a.Header.Get("Location"), want) {
			t.Errorf("%s: HTTP %d to %q", host, a.StatusCode, a.Header.Get("Location"))
		}
	}
	page := b.at("login.example", "/oauth2/authorize?"+s.tenantless())
	if !strings.Contains(page.body, `value="Globex"`) || strings.Contains(page.body, "acme") || strings.Contains(page.body, s.pool) {
		t.Error(page.body)
	}
	for _, host := range []string{"a.b.login.example", "xlogin.example"} {
		if a := b.at(host, "/oauth2/authorize?"+s.tenantless()); a.StatusCode == http.StatusFound || strings.Contains(a.body, "Find your sign-in") {
			t.Errorf("%s: HTTP %d %s", host, a.StatusCode, a.body)
		}
	}
	listed := b.post(b.url+"/-/sign-in/find?"+s.tenantless(), b.formOf(b.get(b.url+entry+s.tenantless()), "listed", "Globex"))
	if to := listed.Header.Get("Location"); !strings.HasPrefix(to, "/"+s.pool+"/oauth2/authorize?") {
		t.Error(listed.StatusCode, to)
	}
	to := b.sent(b.submit(b.follow(b.follow(listed)), "username", "ada", "password", word))
	if to.Query().Get("iss") == "" || to.Query().Get("client_id") != s.client {
		t.Error(to)
	}
}

// formOf is a form with the page's token.
func (b *browser) formOf(page answer, pairs ...string) url.Values {
	form := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(page.body, -1) {
		form.Set(m[1], m[2])
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

var changing = regexp.MustCompile(`(route=|name="form_token" value=")[A-Za-z0-9_-]+`)

// shape is an answer's bytes but for what is random in each: its length is shown in place.
func shape(a answer) string {
	var out strings.Builder
	fmt.Fprintln(&out, a.StatusCode)
	header := a.Header.Clone()
	header.Del("Date")
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(header.Values(name), " | "))
	}
	text := changing.ReplaceAllStringFunc(out.String()+a.body, func(m string) string {
		_, random, _ := strings.Cut(m, "=")
		return m[:strings.LastIndexAny(m, "=\"")+1] + fmt.Sprintf("(%d bytes)", len(random))
	})
	return regexp.MustCompile(`browser-routing=[A-Za-z0-9_-]{43}`).ReplaceAllString(text, "browser-routing=(random)")
}

// said is what a journey tells a reader: where each step leads, and its words.
func said(journey string) string {
	var out strings.Builder
	for _, line := range regexp.MustCompile(`(?m)^== .*|^[0-9]{3}$|^Location: .*|<h1>.*</h1>|<div class="(?:error|notice).*|<form [^?]*|<input [^>]* name="[^"]*`).FindAllString(journey, -1) {
		if _, name, ok := strings.Cut(line, ` name="`); ok {
			line = "input " + name
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// journey is all that somebody without a password can see on the way of one key and username.
func (s *site) journey(from, typed, username string) string {
	s.t.Helper()
	b, out := s.browser(), &strings.Builder{}
	b.from = from
	note := func(what string, a answer) answer {
		fmt.Fprintf(out, "== %s\n%s\n", what, strings.ReplaceAll(shape(a), username, "USERNAME"))
		return a
	}
	hint := []string{"login_hint", "hint"}
	note("entry", b.get(s.url+entry+s.tenantless(hint...)))
	found := note("found", b.find(typed, hint...))
	page := note("sign-in", b.follow(found))
	for i := range 7 { // beyond where guessing locks out
		note(fmt.Sprintf("wrong password %d", i+1), b.submit(page, "username", username, "password", "Wrong-Password-1"))
	}
	to := found.Header.Get("Location")
	forgot := note("forgot", b.get(s.url+strings.Replace(to, "/login?", "/forgotPassword?", 1)))
	for range 7 { // beyond how many codes are sent
		note("code", b.submit(forgot, "username", username))
	}
	sent := b.submit(forgot, "username", username)
	for range 7 {
		note("wrong code", b.submit(sent, "code", "000000", "password", word))
	}
	note("weak password", b.submit(sent, "code", "000000", "password", "x"))
	note("sign-up", b.get(s.url+strings.Replace(to, "/login?", "/signup?", 1)))
	return out.String()
}

// TestRouteTellsNothing goes all ways that are open without a password: there is no difference between a tenant and none,
// whoever the user is and whatever the request.
func TestRouteTellsNothing(t *testing.T) {
	t.Parallel()
	s := newRoutedSite(t)
	ctx := t.Context()
	for _, name := range []string{"dora", "rita", "lena"} {
		s.newUser(name)
	}
	_, err := s.idp.AdminDisableUser(ctx, &idp.AdminDisableUserInput{UserPoolId: &s.pool, Username: aws.String("dora")})
	s.ok(err)
	_, err = s.idp.AdminResetUserPassword(ctx, &idp.AdminResetUserPasswordInput{UserPoolId: &s.pool, Username: aws.String("rita")})
	s.ok(err)
	_, err = s.idp.AdminCreateUser(ctx, &idp.AdminCreateUserInput{UserPoolId: &s.pool, Username: aws.String("inga"), MessageAction: types.MessageActionTypeSuppress})
	s.ok(err)
	want := s.journey("192.0.2.1", "x@nobody.example", "ada")
	file := filepath.Join("testdata", "routed.golden")
	got := said(want)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		s.ok(os.WriteFile(file, []byte(got), 0o600))
	}
	kept, err := os.ReadFile(file)
	s.ok(err)
	if got != string(kept) {
		t.Errorf("%s differs; it would be\n%s", file, got)
	}
	for i, who := range []struct{ typed, username string }{
		{"ACME-2026", "ada"}, {"x@acme.example", "lena"}, {"ACME-2026", "nobody"}, {"ACME-2026", "dora"}, {"ACME-2026", "rita"}, {"ACME-2026", "inga"},
		{"x@nobody.example", "ada"},
	} {
		s.same(who.typed+" "+who.username, s.journey(fmt.Sprint("192.0.2.1", i), who.typed, who.username), want)
	}
	// nor of an app client that names unknown users, or has no sign-in of its own
	flows := map[string][]types.ExplicitAuthFlowsType{
		"192.0.2.21": nil, "192.0.2.22": nil, "192.0.2.23": {types.ExplicitAuthFlowsTypeAllowCustomAuth},
		"192.0.2.24": {types.ExplicitAuthFlowsTypeAllowUserAuth},
	}
	for from, allowed := range flows {
		legacy := from != "192.0.2.22"
		_, err = s.idp.UpdateUserPoolClient(ctx, &idp.UpdateUserPoolClientInput{
			UserPoolId: &s.pool, ClientId: &s.client, AllowedOAuthFlowsUserPoolClient: legacy, AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeCode},
			AllowedOAuthScopes: []string{"openid", "email"}, CallbackURLs: []string{"https://other.example/"}, SupportedIdentityProviders: []string{"COGNITO"},
			PreventUserExistenceErrors: types.PreventUserExistenceErrorTypesLegacy, ExplicitAuthFlows: allowed,
		})
		s.ok(err)
		s.same(fmt.Sprint("unlike client ", allowed), s.journey(from, "ACME-2026", "somebody"), want)
	}
}

// TestRoutedChoice: a pool whose users choose how to sign in would ask them, where nobody's pool asks for the password.
func TestRoutedChoice(t *testing.T) {
	t.Parallel()
	s := newRoutedSite(t)
	ctx := t.Context()
	_, err := s.idp.UpdateUserPool(ctx, &idp.UpdateUserPoolInput{UserPoolId: &s.pool, Policies: &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{
		AllowedFirstAuthFactors: []types.AuthFactorType{types.AuthFactorTypePassword, types.AuthFactorTypeWebAuthn},
	}}})
	s.ok(err)
	_, err = s.idp.UpdateUserPoolClient(ctx, &idp.UpdateUserPoolClientInput{
		UserPoolId: &s.pool, ClientId: &s.client, AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: []types.OAuthFlowType{types.OAuthFlowTypeCode},
		AllowedOAuthScopes: []string{"openid"}, CallbackURLs: []string{callback}, SupportedIdentityProviders: []string{"COGNITO"},
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserAuth},
	})
	s.ok(err)
	s.same("a choice", s.journey("192.0.2.31", "ACME-2026", "ada"), s.journey("192.0.2.32", "x@nobody.example", "ada"))
}

func (s *site) same(what, got, want string) {
	s.t.Helper()
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			s.t.Errorf("%s can be told by line %d: %q, not %q", what, i+1, a[i], b[i])
			return
		}
	}
	if len(a) != len(b) {
		s.t.Errorf("%s can be told by its length", what)
	}
}

// TestRoutedRedirects tries redirect URIs that are not the tenant's client's: nobody is sent there, with the right password
// neither, and without it the page is as any.
func TestRoutedRedirects(t *testing.T) {
	t.Parallel()
	s := newRoutedSite(t)
	b := s.browser()
	for _, uri := range []string{"https://evil.example/", callback + "/", callback + "?x=1", "javascript:alert(1)"} {
		page := b.follow(b.find("ACME-2026", "redirect_uri", uri))
		if a := b.submit(page, "username", "ada", "password", "Wrong-Password-1"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "not right") {
			t.Errorf("%s: HTTP %d %s", uri, a.StatusCode, a.body)
		}
		if a := b.submit(page, "username", "ada", "password", word); a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" || strings.Contains(a.body, "code=") {
			t.Errorf("%s: HTTP %d to %q", uri, a.StatusCode, a.Header.Get("Location"))
		}
	}
	for name, pairs := range map[string][]string{
		"no redirect": {"redirect_uri", ""}, "not one": {"redirect_uri", "/"}, "implicit": {"response_type", "token"}, "plain": {"code_challenge_method", "plain"},
		"no challenge": {"code_challenge", ""},
	} {
		if a := b.get(s.url + entry + s.tenantless(pairs...)); a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" {
			t.Errorf("%s: HTTP %d", name, a.StatusCode)
		}
	}
	// what the client does not allow is told to the client, once its user is known to it
	page := b.follow(b.find("ACME-2026", "scope", "openid admin"))
	if to := b.sent(b.submit(page, "username", "ada", "password", word)); to.Query().Get("error") != "invalid_scope" || to.Query().Get("code") != "" {
		t.Error(to)
	}
	for _, route := range []string{"", "&route=AAAA", "&route=" + strings.Repeat("A", 9000)} {
		page := b.get(s.url + "/-/sign-in/login?" + s.tenantless() + "&route=AAAA")
		if a := b.post(s.url+"/-/sign-in/login?"+s.tenantless()+route, b.formOf(page, "username", "ada", "password", word)); a.Header.Get("Location") != "" || !strings.Contains(a.body, "again") && a.StatusCode != 200 {
			t.Errorf("%.20s: HTTP %d %s", route, a.StatusCode, a.body)
		}
	}
	stranger := s.browser()
	if a := stranger.post(s.url+"/-/sign-in/login?"+s.tenantless()+"&route=A", b.formOf(page)); a.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another browser: HTTP %d", a.StatusCode)
	}
}

// TestRoutedChallenge goes on at the tenant's pool when the password is not all that is asked, and sets a new password by
// mail.
func TestRoutedChallenge(t *testing.T) {
	t.Parallel()
	s := newRoutedSite(t)
	_, err := s.idp.AdminCreateUser(t.Context(), &idp.AdminCreateUserInput{
		UserPoolId: &s.pool, Username: aws.String("inga"), MessageAction: types.MessageActionTypeSuppress, TemporaryPassword: aws.String("Temporary-Word-1"),
	})
	s.ok(err)
	b := s.browser()
	asked := b.submit(b.follow(b.find("ACME-2026")), "username", "inga", "password", "Temporary-Word-1")
	if asked.StatusCode != http.StatusOK || !strings.Contains(asked.body, "Choose a new password") {
		t.Fatal(asked.StatusCode, asked.body)
	}
	if to := b.sent(b.submit(asked, "new_password", word)); to.Query().Get("code") == "" || to.Query().Get("client_id") != s.client {
		t.Error(to)
	}
	found := b.find("ACME-2026")
	forgot := b.get(s.url + strings.Replace(found.Header.Get("Location"), "/login?", "/forgotPassword?", 1))
	sent := b.submit(forgot, "username", "ada")
	done := b.submit(sent, "code", s.codeFor("ada@example.com"), "password", "Another-Word-2")
	page := b.follow(done)
	if !strings.Contains(page.body, "Your password is changed") {
		t.Fatal(page.body)
	}
	if to := b.sent(b.submit(page, "username", "ada", "password", "Another-Word-2")); to.Query().Get("code") == "" {
		t.Error(to)
	}
}

// codeFor waits for the code that the mailbox gets after the answer.
func (s *site) codeFor(address string) string {
	s.t.Helper()
	for range 200 {
		var out struct{ Messages []struct{ Body string } }
		s.call(http.MethodGet, "/-/api/v1/messages?to="+url.QueryEscape(address), nil, &out)
		if len(out.Messages) > 0 {
			return regexp.MustCompile(`[0-9]{6}`).FindString(out.Messages[0].Body)
		}
		select {
		case <-s.t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.t.Fatal("no code came")
	return ""
}

// TestRoutedRate holds one address to a rate.
func TestRoutedRate(t *testing.T) {
	t.Parallel()
	s := newRoutedSite(t)
	b := s.browser()
	page := b.follow(b.find("ACME-2026"))
	for range 150 {
		a := b.submit(page, "username", "nobody", "password", "")
		if a.StatusCode == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("one address may guess without end")
}

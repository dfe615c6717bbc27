package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// TestConsent has a user allow a third party's client what it wants, once, and deny it more.
func TestConsent(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newMachine() // makes the resource server orders
	s.newUser("ada")
	ours := s.client
	s.client = s.newClient(func(in *idp.CreateUserPoolClientInput) {
		in.ClientName, in.AllowedOAuthScopes = aws.String("Partner Tool"), []string{"openid", "email", "orders/read", "orders/write"}
	})
	_, err := s.idp.TagResource(t.Context(), &idp.TagResourceInput{
		ResourceArn: aws.String("arn:aws:cognito-idp:us-east-1:111122223333:userpool/" + s.pool), Tags: map[string]string{"bulkhead:third-party-clients": "other " + s.client},
	})
	s.ok(err)
	b := s.browser()
	first := s.request("scope", "openid email orders/read")
	page := b.submit(b.start(first), "username", "ada", "password", word)
	b.shows(page, http.StatusOK, "Allow access?", "<strong>Partner Tool</strong>", "See your e-mail address", "Orders: Read", "orders/read", "ada", "app.example.com")
	if strings.Contains(page.body, "orders/write") {
		t.Error(page.body)
	}
	b.granted(b.submit(page, "consent", "allow"))
	authorize := func(pairs ...string) answer {
		return b.get(b.base + "/oauth2/authorize?" + s.request(pairs...).Encode())
	}
	b.granted(authorize("scope", "openid orders/read"))             // less than was allowed
	b.granted(authorize("scope", "openid email", "prompt", "none")) // and without a page
	if to := b.sent(authorize("scope", "openid orders/write", "prompt", "none")); to.Query().Get("error") != "consent_required" {
		t.Error(to)
	}
	page = b.shows(authorize("scope", "openid orders/write"), http.StatusOK, "Orders: Write")
	b.shows(b.submit(page), http.StatusOK, "Please fill in every field") // neither
	if to := b.sent(b.submit(page, "consent", "deny")); to.Query().Get("error") != "access_denied" || to.Query().Get("state") != "st&<4te>" || to.Query().Get("code") != "" {
		t.Error(to)
	}
	page = b.shows(authorize("scope", "openid orders/read"), http.StatusOK, "Allow access?") // denied is denied
	b.granted(b.submit(page, "consent", "allow"))
	b.shows(authorize("scope", "openid orders/read", "prompt", "consent"), http.StatusOK, "Allow access?")
	// the operator's own client is asked for nothing
	b.granted(b.get(b.base + "/oauth2/authorize?" + s.request("client_id", ours).Encode()))
}

// TestConsentCannotBeSlipped tries to have a page's consent count for something else.
func TestConsentCannotBeSlipped(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.newMachine()
	s.newUser("ada")
	s.client = s.newClient(func(in *idp.CreateUserPoolClientInput) {
		in.AllowedOAuthScopes = []string{"openid", "orders/read"}
		in.CallbackURLs = append(in.CallbackURLs, "https://app.example.com/other")
	})
	second := s.newClient(func(*idp.CreateUserPoolClientInput) {})
	_, err := s.idp.UpdateUserPool(t.Context(), &idp.UpdateUserPoolInput{UserPoolId: &s.pool, UserPoolTags: map[string]string{"bulkhead:third-party-clients": "*"}})
	s.ok(err)
	b := s.browser()
	page := b.submit(b.start(s.request("scope", "openid")), "username", "ada", "password", word)
	b.shows(page, http.StatusOK, "Allow access?")
	for name, query := range map[string]string{
		"more scopes": s.request("scope", "openid orders/read").Encode(), "another redirect": s.request("scope", "openid", "redirect_uri", "https://app.example.com/other").Encode(),
		"another client": s.request("scope", "openid", "client_id", second).Encode(),
	} {
		slipped := page
		action := formAction.FindStringSubmatch(page.body)[1]
		path, _, _ := strings.Cut(action, "?")
		slipped.body = strings.ReplaceAll(page.body, action, path+"?"+query)
		if a := b.submit(slipped, "consent", "allow"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: HTTP %d to %q", name, a.StatusCode, a.Header.Get("Location"))
		}
	}
	other := s.browser() // another browser, with a form token of its own
	theirs := other.start(s.request("scope", "openid"))
	for _, m := range hiddenInput.FindAllStringSubmatch(page.body, -1) {
		if m[1] == "state" {
			if a := other.submit(theirs, "state", m[2], "consent", "allow"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `role="alert"`) {
				t.Errorf("another browser: HTTP %d to %q", a.StatusCode, a.Header.Get("Location"))
			}
		}
	}
	b.get(b.base + "/logout?client_id=" + s.client + "&logout_uri=" + signout)
	if a := b.submit(page, "consent", "allow"); a.StatusCode == http.StatusFound {
		t.Error("a step outlives the sign-in:", a.Header.Get("Location"))
	}
	_, err = s.idp.AdminUserGlobalSignOut(t.Context(), &idp.AdminUserGlobalSignOutInput{UserPoolId: &s.pool, Username: aws.String("ada")})
	s.ok(err)
}

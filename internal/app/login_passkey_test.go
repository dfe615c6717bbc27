package app_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bulkhead/bulkhead/internal/passkey/passkeytest"
	"github.com/bulkhead/bulkhead/internal/totp"
)

const (
	passkeyHost   = "acme.auth.us-east-1.localhost"
	passkeyOrigin = "http://" + passkeyHost
)

// passkeySite is a pool with a domain whose users may sign in by passkey. It names no relying party: the domain is it.
func passkeySite(t testing.TB) *site {
	s, _ := choosing(t, types.AuthFactorTypeWebAuthn)
	_, err := s.idp.CreateUserPoolDomain(t.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &s.pool, Domain: aws.String("acme"), ManagedLoginVersion: aws.Int32(2)})
	s.ok(err)
	s.newUser("ada")
	return s
}

// atDomain is a browser at the pool's domain.
func (s *site) atDomain() *browser {
	b := s.browser()
	here := *s
	here.base = s.url
	b.site, b.host = &here, passkeyHost
	return b
}

var passkeyOptions = regexp.MustCompile(`data-passkey="[a-z]+" data-options="([^"]*)"`)

// optionsIn reads what a page asks the browser for.
func optionsIn(t testing.TB, a answer) []byte {
	t.Helper()
	m := passkeyOptions.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("HTTP %d asks for no passkey: %s", a.StatusCode, a.body)
	}
	return []byte(html.UnescapeString(m[1]))
}

// savePasskey signs ada in with her password and saves a passkey on the page that offers it.
func (b *browser) savePasskey() *passkeytest.Authenticator {
	b.t.Helper()
	page := b.submit(b.submit(b.start(b.request()), "username", "ada"), "password", word)
	b.shows(page, http.StatusOK, "Save a passkey?", `<script src="/static/passkey.js" defer>`, "Not now")
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "unsafe") {
		b.t.Error(policy)
	}
	a := passkeytest.New(b.t, passkeytest.ES256)
	a.Flags |= passkeytest.UserVerified
	b.granted(b.submit(page, "credential", string(a.Create(optionsIn(b.t, page), passkeyOrigin, passkeytest.Forgery{}))))
	return a
}

// TestPasskeyPages saves a passkey after a sign-in, and signs in by it: by name, and without one.
func TestPasskeyPages(t *testing.T) {
	t.Parallel()
	s := passkeySite(t)
	a := s.atDomain().savePasskey()

	b := s.atDomain()
	page := b.submit(b.start(s.request()), "username", "ada")
	b.shows(page, http.StatusOK, `value="PASSWORD"`, `value="WEB_AUTHN"`)
	page = b.shows(b.submit(page, "select", "WEB_AUTHN"), http.StatusOK, "Use your passkey", "passkey.js")
	b.granted(b.submit(page, "credential", string(a.Get(optionsIn(t, page), passkeyOrigin, passkeytest.Forgery{}))))

	b = s.atDomain()
	page = b.shows(b.start(s.request()), http.StatusOK, "Sign in with a passkey")
	page = b.submit(page, "select", "WEB_AUTHN")
	if options := string(optionsIn(t, page)); strings.Contains(options, `"allowCredentials":[{`) {
		t.Error("the page tells of a user's keys:", options)
	}
	credential := string(a.Get(optionsIn(t, page), passkeyOrigin, passkeytest.Forgery{}))
	b.granted(b.submit(page, "credential", credential))
	b.shows(b.submit(page, "credential", credential), http.StatusOK, "Invalid session") // once

	if a := s.browser().get(s.base + "/login?" + s.request().Encode()); strings.Contains(a.body, "Sign in with a passkey") {
		t.Error("a passkey is offered at an address where browsers have none")
	}
	script := b.get(b.base + "/static/passkey.js")
	if script.StatusCode != http.StatusOK || script.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Error(script.StatusCode, script.Header)
	}
}

// TestPasskeyPageAttacks tries signatures that were made for somebody or something else.
func TestPasskeyPageAttacks(t *testing.T) {
	t.Parallel()
	s := passkeySite(t)
	a := s.atDomain().savePasskey()
	for name, f := range map[string]passkeytest.Forgery{
		"another origin": {Origin: "https://evil.example"}, "another pool's domain": {Origin: "http://other.auth.us-east-1.localhost"},
		"another user": {Handle: []byte("00000000-0000-4000-8000-000000000000")}, "no user": {Handle: []byte{}}, "another key": {ID: []byte("another key of nobody")},
		"spoilt": {Broken: true}, "another challenge": {Challenge: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, "another type": {Type: "webauthn.create"},
	} {
		b := s.atDomain()
		page := b.submit(b.start(s.request()), "select", "WEB_AUTHN")
		refused := b.submit(page, "credential", string(a.Get(optionsIn(t, page), passkeyOrigin, f)))
		b.shows(refused, http.StatusOK, `role="alert"`)
		if refused.Header.Get("Location") != "" {
			t.Errorf("%s: sent to %s", name, refused.Header.Get("Location"))
		}
		again := b.submit(page, "credential", string(a.Get(optionsIn(t, page), passkeyOrigin, passkeytest.Forgery{})))
		if again.StatusCode == http.StatusFound {
			t.Errorf("%s: the challenge holds on", name)
		}
	}
	// what one browser was asked is no use in another
	b, other := s.atDomain(), s.atDomain()
	page := b.submit(b.start(s.request()), "select", "WEB_AUTHN")
	credential := string(a.Get(optionsIn(t, page), passkeyOrigin, passkeytest.Forgery{}))
	theirs := other.submit(other.start(s.request()), "select", "WEB_AUTHN")
	state := hiddenInput.FindAllStringSubmatch(page.body, -1)
	for _, m := range state {
		if m[1] == "state" {
			other.shows(other.submit(theirs, "state", html.UnescapeString(m[2]), "credential", credential), http.StatusOK, `role="alert"`)
		}
	}
}

// TestPasskeyIsOneFactor keeps a user who has to show two from getting in with one key, by name or without.
func TestPasskeyIsOneFactor(t *testing.T) {
	t.Parallel()
	s := passkeySite(t)
	a := s.atDomain().savePasskey()
	s.mfa(types.UserPoolMfaTypeOn, true, false)
	b := s.atDomain()
	page := b.submit(b.start(s.request()), "select", "WEB_AUTHN")
	b.shows(b.submit(page, "credential", string(a.Get(optionsIn(t, page), passkeyOrigin, passkeytest.Forgery{}))), http.StatusOK, "Invalid passkey.")
	page = b.submit(b.start(s.request()), "username", "ada") // the password is all there is to choose
	page = b.submit(page, "password", word)
	secret := secretIn(t, page)
	b.granted(b.submit(page, "app_code", totp.Code(secret, time.Now())))
}

// TestNoPasskeyNow declines a passkey, and adds one later.
func TestNoPasskeyNow(t *testing.T) {
	t.Parallel()
	s := passkeySite(t)
	b := s.atDomain()
	page := b.submit(b.submit(b.start(s.request()), "username", "ada"), "password", word)
	b.shows(page, http.StatusOK, "Save a passkey?")
	b.granted(b.submit(page, "credential", "", "later", "1"))
	page = b.submit(b.submit(b.start(s.request("prompt", "login")), "username", "ada"), "password", word)
	b.granted(page) // not offered again
	page = b.shows(b.get(b.base+"/passkeys/add?"+s.request().Encode()), http.StatusOK, "Save a passkey?")
	a := passkeytest.New(t, passkeytest.ES256)
	forged := b.submit(page, "credential", string(a.Create(optionsIn(t, page), passkeyOrigin, passkeytest.Forgery{Origin: "https://evil.example"})))
	b.shows(forged, http.StatusOK, `role="alert"`)
	b.granted(b.submit(page, "credential", string(a.Create(optionsIn(t, page), passkeyOrigin, passkeytest.Forgery{}))))
	stranger := s.atDomain()
	if to := stranger.get(stranger.base + "/passkeys/add?" + s.request().Encode()).Header.Get("Location"); !strings.HasPrefix(to, "/login?") {
		t.Errorf("who is not signed in is sent to %q", to)
	}
}

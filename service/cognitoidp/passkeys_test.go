package cognitoidp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/passkey"
	"github.com/bulkhead/bulkhead/internal/passkey/passkeytest"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const (
	testParty = "example.com"
	testPage  = "https://login.example.com"
)

// setPasskeys gives the pool settings for passkeys.
func (w *world) setPasskeys(set *userpool.PasskeySettings) {
	w.t.Helper()
	change := func(ctx context.Context, call *pipeline.Call, in *api.UpdateUserPoolInput) (*api.UpdateUserPoolOutput, error) {
		c, err := w.s.in(ctx, call, in.UserPoolId)
		if err == nil {
			err = c.settings().ChangePool(func(p *userpool.Pool) error {
				p.Passkeys, p.Settings.FirstFactors = set, []string{"PASSWORD", "WEB_AUTHN"}
				return nil
			})
		}
		return &api.UpdateUserPoolOutput{}, err
	}
	must(do(w, w.r.UpdateUserPool, change, &api.UpdateUserPoolInput{UserPoolId: &w.pool}))(w.t)
}

// passkeyWorld is a world with passkeys and a user.
func passkeyWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.member("ana")
	w.setPasskeys(&userpool.PasskeySettings{Party: testParty})
	return w
}

func (w *world) startPasskey(token string) (json.RawMessage, error) {
	out, err := do(w, w.r.StartWebAuthnRegistration, w.s.StartWebAuthnRegistration, &api.StartWebAuthnRegistrationInput{AccessToken: &token})
	if err != nil {
		return nil, err
	}
	return out.CredentialCreationOptions, nil
}

func (w *world) completePasskey(token string, credential []byte) error {
	_, err := do(w, w.r.CompleteWebAuthnRegistration, w.s.CompleteWebAuthnRegistration, &api.CompleteWebAuthnRegistrationInput{AccessToken: &token, Credential: credential})
	return err
}

func (w *world) listPasskeys(token string) []api.WebAuthnCredentialDescription {
	w.t.Helper()
	return must(do(w, w.r.ListWebAuthnCredentials, w.s.ListWebAuthnCredentials, &api.ListWebAuthnCredentialsInput{AccessToken: &token}))(w.t).Credentials
}

// addPasskey registers a new key.
func (w *world) addPasskey(token string) *passkeytest.Authenticator {
	w.t.Helper()
	a := passkeytest.New(w.t, passkeytest.ES256)
	options := must(w.startPasskey(token))(w.t)
	if err := w.completePasskey(token, a.Create(options, testPage, passkeytest.Forgery{})); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestPasskeyRegistration(t *testing.T) {
	t.Parallel()
	w := passkeyWorld(t)
	token := *w.tokens(w.app, "ana").AccessToken
	a := w.addPasskey(token)
	list := w.listPasskeys(token)
	if len(list) != 1 {
		t.Fatalf("%d passkeys", len(list))
	}
	id := base64.RawURLEncoding.EncodeToString(a.ID)
	if got := list[0]; *got.CredentialId != id || *got.RelyingPartyId != testParty || *got.AuthenticatorAttachment != "platform" || len(got.AuthenticatorTransports) != 2 {
		t.Errorf("%+v", got)
	}
	var options struct{ ExcludeCredentials []struct{ ID string } }
	if err := json.Unmarshal(must(w.startPasskey(token))(t), &options); err != nil || len(options.ExcludeCredentials) != 1 || options.ExcludeCredentials[0].ID != id {
		t.Errorf("excluded: %+v (%v)", options, err)
	}
	remove := &api.DeleteWebAuthnCredentialInput{AccessToken: &token, CredentialId: &id}
	must(do(w, w.r.DeleteWebAuthnCredential, w.s.DeleteWebAuthnCredential, remove))(t)
	_, err := do(w, w.r.DeleteWebAuthnCredential, w.s.DeleteWebAuthnCredential, remove)
	want(t, "deleting it again", err, "ResourceNotFoundException", "")
	if n := len(w.listPasskeys(token)); n != 0 {
		t.Errorf("%d passkeys are left", n)
	}
}

func TestPasskeyRegistrationAttacks(t *testing.T) {
	t.Parallel()
	w := passkeyWorld(t)
	w.member("bob")
	token, bobs := *w.tokens(w.app, "ana").AccessToken, *w.tokens(w.app, "bob").AccessToken
	elsewhere := *w.tokens(w.quiet, "ana").AccessToken
	for name, tc := range map[string]struct {
		alg  int
		f    passkeytest.Forgery
		code string
	}{
		"another origin":    {passkeytest.ES256, passkeytest.Forgery{Origin: "https://evil.test"}, "WebAuthnOriginNotAllowedException"},
		"another party":     {passkeytest.ES256, passkeytest.Forgery{Party: "evil.test"}, "WebAuthnRelyingPartyMismatchException"},
		"wrong algorithm":   {passkeytest.EdDSA, passkeytest.Forgery{}, "WebAuthnCredentialNotSupportedException"},
		"made up challenge": {passkeytest.ES256, passkeytest.Forgery{Challenge: base64.RawURLEncoding.EncodeToString(make([]byte, 64))}, "WebAuthnChallengeNotFoundException"},
		"no challenge":      {passkeytest.ES256, passkeytest.Forgery{Challenge: "!"}, "WebAuthnChallengeNotFoundException"},
		"bad attestation":   {passkeytest.ES256, passkeytest.Forgery{Packed: true, Broken: true}, "InvalidParameterException"},
		"huge id":           {passkeytest.ES256, passkeytest.Forgery{ID: make([]byte, 2000)}, "InvalidParameterException"},
	} {
		a := passkeytest.New(t, tc.alg)
		err := w.completePasskey(token, a.Create(must(w.startPasskey(token))(t), testPage, tc.f))
		want(t, name, err, tc.code, "")
	}
	want(t, "no credential", w.completePasskey(token, []byte(`{}`)), "InvalidParameterException", "Invalid credential.")
	huge := must(json.Marshal(map[string]string{"id": string(make([]byte, passkey.MaxResponse))}))(t)
	want(t, "a huge answer", w.completePasskey(token, huge), "InvalidParameterException", "Invalid credential.")

	a := passkeytest.New(t, passkeytest.ES256)
	answer := a.Create(must(w.startPasskey(token))(t), testPage, passkeytest.Forgery{})
	want(t, "another user's challenge", w.completePasskey(bobs, answer), "WebAuthnChallengeNotFoundException", "")
	want(t, "another client's challenge", w.completePasskey(elsewhere, answer), "WebAuthnClientMismatchException", "")
	must(true, w.completePasskey(token, answer))(t)
	want(t, "the same answer again", w.completePasskey(token, answer), "WebAuthnChallengeNotFoundException", "")
	same := a.Create(must(w.startPasskey(bobs))(t), testPage, passkeytest.Forgery{})
	want(t, "another user's key", w.completePasskey(bobs, same), "InvalidParameterException", "Invalid credential.")
	_, err := do(w, w.r.DeleteWebAuthnCredential, w.s.DeleteWebAuthnCredential, &api.DeleteWebAuthnCredentialInput{
		AccessToken: &bobs, CredentialId: new(base64.RawURLEncoding.EncodeToString(a.ID)),
	})
	want(t, "deleting another user's key", err, "ResourceNotFoundException", "")

	late := passkeytest.New(t, passkeytest.ES256).Create(must(w.startPasskey(token))(t), testPage, passkeytest.Forgery{})
	w.now = w.now.Add(passkeyLife)
	want(t, "late", w.completePasskey(token, late), "WebAuthnChallengeNotFoundException", "")
}

func TestPasskeySettings(t *testing.T) {
	t.Parallel()
	for party, ok := range map[string]bool{
		"": true, "example.com": true, "login.example.co.uk": true, "localhost": true,
		"com": false, "co.uk": false, "github.io": false, "Example.com": false, "https://example.com": false, "example.com/": false, "-a.com": false,
	} {
		_, err := poolsettings.NewPasskeySettings(party, "preferred", false)
		if (err == nil) != ok {
			t.Errorf("%q: %v", party, err)
		}
	}
	w := newWorld(t)
	w.member("ana")
	token := *w.tokens(w.app, "ana").AccessToken
	_, err := w.startPasskey(token)
	want(t, "without passkeys", err, "WebAuthnNotEnabledException", "")
	w.setPasskeys(nil)
	_, err = w.startPasskey(token)
	want(t, "without settings", err, "WebAuthnConfigurationMissingException", "")
	w.setPasskeys(&userpool.PasskeySettings{})
	_, err = w.startPasskey(token)
	want(t, "without a relying party", err, "WebAuthnConfigurationMissingException", "")
	w.setPasskeys(&userpool.PasskeySettings{Party: testParty, VerifyUser: true})
	a := passkeytest.New(t, passkeytest.ES256)
	err = w.completePasskey(token, a.Create(must(w.startPasskey(token))(t), testPage, passkeytest.Forgery{Clear: passkeytest.UserVerified}))
	want(t, "user not verified", err, "InvalidParameterException", "Invalid credential.")
}

func TestPasskeysAreBounded(t *testing.T) {
	t.Parallel()
	w := passkeyWorld(t)
	token := *w.tokens(w.app, "ana").AccessToken
	for range maxPasskeys {
		w.addPasskey(token)
	}
	a := passkeytest.New(t, passkeytest.ES256)
	err := w.completePasskey(token, a.Create(must(w.startPasskey(token))(t), testPage, passkeytest.Forgery{}))
	want(t, "one too many", err, "LimitExceededException", "")
}

func TestDeletedUserLeavesNoKeys(t *testing.T) {
	t.Parallel()
	w := passkeyWorld(t)
	a := w.addPasskey(*w.tokens(w.app, "ana").AccessToken)
	must(do(w, w.r.AdminDeleteUser, w.s.AdminDeleteUser, &api.AdminDeleteUserInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	w.member("bob")
	w.now = w.now.Add(time.Second)
	bobs := *w.tokens(w.app, "bob").AccessToken
	if err := w.completePasskey(bobs, a.Create(must(w.startPasskey(bobs))(t), testPage, passkeytest.Forgery{})); err != nil {
		t.Errorf("a key whose user is gone: %v", err)
	}
}

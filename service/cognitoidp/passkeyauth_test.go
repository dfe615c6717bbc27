package cognitoidp

import (
	"slices"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/passkey/passkeytest"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// keyed is a world whose client lets users choose, with a user who has a passkey.
func keyed(t testing.TB, set userpool.PasskeySettings) (*world, string, *passkeytest.Authenticator) {
	t.Helper()
	w := newWorld(t)
	w.member("ana")
	set.Party = testParty
	w.setPasskeys(&set)
	app := w.newClient(func(in *api.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = append(slices.Clone(allFlows), "ALLOW_USER_AUTH")
	})
	return w, app, w.addPasskey(*w.tokens(app, "ana").AccessToken)
}

// askPasskey begins a sign-in by passkey.
func (w *world) askPasskey(app, name string) (*api.InitiateAuthOutput, error) {
	return w.initiate(app, "USER_AUTH", map[string]string{"USERNAME": name, "PREFERRED_CHALLENGE": "WEB_AUTHN"})
}

// sendPasskey answers the challenge.
func (w *world) sendPasskey(app, name string, session *string, credential []byte) (*api.RespondToAuthChallengeOutput, error) {
	return w.respond(app, "WEB_AUTHN", session, map[string]string{"USERNAME": name, "CREDENTIAL": string(credential)})
}

// passkeySignIn does both.
func (w *world) passkeySignIn(app, name string, a *passkeytest.Authenticator, f passkeytest.Forgery) (*api.RespondToAuthChallengeOutput, error) {
	w.t.Helper()
	out := must(w.askPasskey(app, name))(w.t)
	if out.ChallengeName != "WEB_AUTHN" {
		w.t.Fatalf("challenge %q", out.ChallengeName)
	}
	return w.sendPasskey(app, name, out.Session, a.Get([]byte(out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"]), testPage, f))
}

func TestPasskeySignIn(t *testing.T) {
	t.Parallel()
	w, app, a := keyed(t, userpool.PasskeySettings{})
	for range 2 {
		out := must(w.passkeySignIn(app, "ana", a, passkeytest.Forgery{}))(t)
		must(w.getUser(*out.AuthenticationResult.AccessToken))(t)
	}
	chosen := must(w.initiate(app, "USER_AUTH", map[string]string{"USERNAME": "ana"}))(t)
	if chosen.ChallengeName != "SELECT_CHALLENGE" || !slices.Contains(chosen.AvailableChallenges, "WEB_AUTHN") {
		t.Fatalf("%s %v", chosen.ChallengeName, chosen.AvailableChallenges)
	}
	next := must(w.respond(app, "SELECT_CHALLENGE", chosen.Session, map[string]string{"USERNAME": "ana", "ANSWER": "WEB_AUTHN"}))(t)
	options := next.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"]
	if !strings.Contains(options, `"rpId":"example.com"`) {
		t.Errorf("options %s", options)
	}
	must(w.sendPasskey(app, "ana", next.Session, a.Get([]byte(options), testPage, passkeytest.Forgery{})))(t)
}

func TestPasskeySignInAttacks(t *testing.T) {
	t.Parallel()
	w, app, a := keyed(t, userpool.PasskeySettings{VerifyUser: true})
	w.member("bob")
	bobs := w.addPasskey(*w.tokens(app, "bob").AccessToken)
	for name, f := range map[string]passkeytest.Forgery{
		"another origin":         {Origin: "https://evil.test"},
		"another party":          {Party: "evil.test"},
		"another challenge":      {Challenge: strings.Repeat("A", 43)},
		"a registration's data":  {Type: "webauthn.create"},
		"wrong signature":        {Broken: true},
		"user not verified":      {Clear: passkeytest.UserVerified},
		"nobody there":           {Clear: passkeytest.UserPresent},
		"a frame of another":     {CrossOrigin: true},
		"another's handle":       {Handle: bobs.Handle},
		"another user's id":      {ID: bobs.ID},
		"a counter that is back": {Stuck: true},
	} {
		if f.Stuck {
			a.Counter = 0
			must(w.passkeySignIn(app, "ana", a, passkeytest.Forgery{}))(t)
		}
		_, err := w.passkeySignIn(app, "ana", a, f)
		want(t, name, err, "NotAuthorizedException", "Invalid passkey.")
		a.Counter += 10
	}
	_, err := w.passkeySignIn(app, "ana", bobs, passkeytest.Forgery{})
	want(t, "another user's key", err, "NotAuthorizedException", "Invalid passkey.")

	out := must(w.askPasskey(app, "ana"))(t)
	answer := a.Get([]byte(out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"]), testPage, passkeytest.Forgery{})
	other := must(w.askPasskey(app, "ana"))(t)
	_, err = w.sendPasskey(app, "ana", other.Session, answer)
	want(t, "an answer to another challenge", err, "NotAuthorizedException", "Invalid passkey.")
	_, err = w.sendPasskey(w.app, "ana", out.Session, answer)
	want(t, "another client's session", err, "NotAuthorizedException", "Invalid session for the user.")
	_, err = w.sendPasskey(app, "bob", out.Session, answer)
	want(t, "as another user", err, "NotAuthorizedException", "Invalid session for the user.")
	for name, text := range map[string]string{"nothing": "{}", "no JSON": "x", "an array": "[]"} {
		_, err = w.sendPasskey(app, "ana", out.Session, []byte(text))
		want(t, name, err, "InvalidParameterException", "Invalid credential.")
	}
	_, err = w.sendPasskey(app, "ana", out.Session, []byte(strings.Repeat("x", maxParameter+1)))
	want(t, "huge", err, "InvalidParameterException", "")
	must(w.sendPasskey(app, "ana", out.Session, answer))(t)
	_, err = w.sendPasskey(app, "ana", out.Session, answer)
	want(t, "the same answer again", err, "NotAuthorizedException", "")
}

func TestPasskeyIsSpentByAWrongAnswer(t *testing.T) {
	t.Parallel()
	w, app, a := keyed(t, userpool.PasskeySettings{})
	out := must(w.askPasskey(app, "ana"))(t)
	options := []byte(out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"])
	_, err := w.sendPasskey(app, "ana", out.Session, a.Get(options, testPage, passkeytest.Forgery{Broken: true}))
	want(t, "wrong", err, "NotAuthorizedException", "Invalid passkey.")
	_, err = w.sendPasskey(app, "ana", out.Session, a.Get(options, testPage, passkeytest.Forgery{}))
	want(t, "then right", err, "NotAuthorizedException", "Invalid session for the user.")
}

func TestWhoHasNoPasskeyIsOfferedNone(t *testing.T) {
	t.Parallel()
	w, app, a := keyed(t, userpool.PasskeySettings{})
	w.member("bob")
	token := *w.tokens(app, "ana").AccessToken
	offered := func(name string) bool {
		out := must(w.initiate(app, "USER_AUTH", map[string]string{"USERNAME": name}))(t)
		return slices.Contains(out.AvailableChallenges, "WEB_AUTHN")
	}
	if !offered("ana") || offered("bob") {
		t.Error("offered to the wrong user")
	}
	w.setPasskeys(&userpool.PasskeySettings{Party: "other.example"})
	if offered("ana") {
		t.Error("offered for another relying party")
	}
	w.setPasskeys(&userpool.PasskeySettings{Party: testParty})
	id := *w.listPasskeys(token)[0].CredentialId
	out := must(w.askPasskey(app, "ana"))(t)
	must(do(w, w.r.DeleteWebAuthnCredential, w.s.DeleteWebAuthnCredential, &api.DeleteWebAuthnCredentialInput{AccessToken: &token, CredentialId: &id}))(t)
	if offered("ana") {
		t.Error("offered after the key was deleted")
	}
	_, err := w.sendPasskey(app, "ana", out.Session, a.Get([]byte(out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"]), testPage, passkeytest.Forgery{}))
	want(t, "a deleted key", err, "NotAuthorizedException", "Invalid passkey.")
}

func TestPasskeyAsTwoFactors(t *testing.T) {
	t.Parallel()
	for name, multi := range map[string]bool{"one factor": false, "two factors": true} {
		w, app, a := keyed(t, userpool.PasskeySettings{MultiFactor: multi})
		must(do(w, w.r.SetUserPoolMfaConfig, w.s.SetUserPoolMfaConfig, &api.SetUserPoolMfaConfigInput{
			UserPoolId: &w.pool, MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: &api.SoftwareTokenMfaConfigType{Enabled: new(true)},
		}))(t)
		out := must(w.askPasskey(app, "ana"))(t)
		if got := out.ChallengeName == "WEB_AUTHN"; got != multi {
			t.Fatalf("%s, where MFA is required: challenge %s", name, out.ChallengeName)
		}
		if !multi {
			continue
		}
		if r := must(w.passkeySignIn(app, "ana", a, passkeytest.Forgery{}))(t); r.AuthenticationResult == nil {
			t.Errorf("%s: challenge %s instead of tokens", name, r.ChallengeName)
		}
		_, err := w.passkeySignIn(app, "ana", a, passkeytest.Forgery{Clear: passkeytest.UserVerified})
		want(t, "user not verified", err, "NotAuthorizedException", "Invalid passkey.")
	}
}

func TestPasskeyBegunBeforeMFA(t *testing.T) {
	t.Parallel()
	w, app, a := keyed(t, userpool.PasskeySettings{})
	out := must(w.askPasskey(app, "ana"))(t)
	must(do(w, w.r.SetUserPoolMfaConfig, w.s.SetUserPoolMfaConfig, &api.SetUserPoolMfaConfigInput{
		UserPoolId: &w.pool, MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: &api.SoftwareTokenMfaConfigType{Enabled: new(true)},
	}))(t)
	r := must(w.sendPasskey(app, "ana", out.Session, a.Get([]byte(out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"]), testPage, passkeytest.Forgery{})))(t)
	if r.AuthenticationResult != nil || r.ChallengeName != "MFA_SETUP" {
		t.Errorf("challenge %q where MFA came to be required", r.ChallengeName)
	}
}

package cognitoidp

import (
	"slices"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
)

func TestAuthenticationEvents(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, allTriggers())
	w.member("ada", "email", "ada@example.com")
	out := must(do(w, w.r.InitiateAuth, w.s.InitiateAuth, &api.InitiateAuthInput{
		ClientId: &w.app, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: map[string]string{"USERNAME": "ada", "PASSWORD": password},
		ClientMetadata: map[string]string{"from": "web"},
	}))(t)
	if got := l.sources(); !slices.Equal(got[len(got)-3:], []string{sourcePreAuthentication, sourcePostAuthentication, tokens.SourceAuthentication}) {
		t.Errorf("events %v", got)
	}
	l.golden(w, sourcePreAuthentication, "PreAuthentication_Authentication")
	// What InitiateAuth is given goes no further than the beginning.
	l.golden(w, sourcePostAuthentication, "PostAuthentication_Authentication")
	l.golden(w, tokens.SourceAuthentication, "TokenGeneration_Authentication.v1")
	l.forget()
	must(w.initiate(w.app, "REFRESH_TOKEN", map[string]string{"REFRESH_TOKEN": *out.AuthenticationResult.RefreshToken}))(t)
	if got := l.sources(); !slices.Equal(got, []string{tokens.SourceRefresh}) {
		t.Errorf("a refresh calls %v", got)
	}
	l.golden(w, tokens.SourceRefresh, "TokenGeneration_RefreshTokens.v1")
}

func TestAnswersToChallengesCarryMetadata(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, allTriggers())
	must(do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{
		UserPoolId: &w.pool, Username: new("ada"), TemporaryPassword: new(password), MessageAction: "SUPPRESS",
	}))(t)
	out := must(w.signIn(w.app, "ada", password))(t)
	must(do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
		ClientId: &w.app, ChallengeName: out.ChallengeName, Session: out.Session, ClientMetadata: map[string]string{"step": "2"},
		ChallengeResponses: map[string]string{"USERNAME": "ada", "NEW_PASSWORD": otherWord},
	}))(t)
	l.golden(w, tokens.SourceNewPassword, "TokenGeneration_NewPasswordChallenge.v1")
	for _, source := range []string{sourcePostAuthentication, tokens.SourceNewPassword} {
		if m, _ := l.last(t, source)["request"].(map[string]any)["clientMetadata"].(map[string]any); m["step"] != "2" {
			t.Errorf("%s: %v", source, m)
		}
	}
}

func TestPreAuthenticationRefuses(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{PreAuthentication: fn(trigger.PreAuthentication)})
	w.member("ada")
	l.refuse(sourcePreAuthentication, "Closed today")
	for _, word := range []string{password, otherWord} { // before anything is checked
		_, err := w.signIn(w.app, "ada", word)
		want(t, "sign in", err, "UserLambdaValidationException", "PreAuthentication failed with error Closed today.")
	}
	_, err := newSRP(w, w.app).begin("ada")
	want(t, "SRP", err, "UserLambdaValidationException", "")
}

// With an app client that hides users, the function is asked for nobody too, and the answers are the same.
func TestPreAuthenticationOfNobody(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{PreAuthentication: fn(trigger.PreAuthentication)})
	w.member("ada")
	_, err := w.signIn(w.app, "nobody", password)
	want(t, "shown", err, "UserNotFoundException", "")
	if got := l.sources(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
	_, err = w.signIn(w.quiet, "nobody", password)
	want(t, "hidden", err, "NotAuthorizedException", "Incorrect username or password.")
	l.golden(w, sourcePreAuthentication, "PreAuthentication_Authentication.nobody")
	_, err = w.signIn(w.quiet, "ada", otherWord)
	want(t, "wrong", err, "NotAuthorizedException", "Incorrect username or password.")
	if req := l.last(t, sourcePreAuthentication)["request"].(map[string]any); req["userNotFound"] != false {
		t.Errorf("%v", req)
	}
}

func TestPostAuthentication(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{PostAuthentication: fn(trigger.PostAuthentication)})
	w.member("ada", "custom:color", "red")
	_, err := w.signIn(w.app, "ada", otherWord)
	want(t, "wrong password", err, "NotAuthorizedException", "")
	if got := l.sources(); len(got) != 0 {
		t.Errorf("a wrong password calls %v", got)
	}
	l.refuse(sourcePostAuthentication, "No")
	_, err = w.signIn(w.app, "ada", password)
	want(t, "refused", err, "UserLambdaValidationException", "PostAuthentication failed with error No.")
	delete(l.raw, sourcePostAuthentication)
	// What the function changed is in the tokens.
	l.answers[sourcePostAuthentication] = func(map[string]any) {
		must(do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
			UserPoolId: &w.pool, Username: new("ada"), UserAttributes: attrs("custom:color", "blue"),
		}))(t)
	}
	if id := decoded(t, *w.tokens(w.app, "ada").IdToken); id["custom:color"] != "blue" {
		t.Errorf("%v", id)
	}
	// Who is disabled while a function runs does not get in.
	for name, op := range map[string]func(){
		"disabled": func() {
			must(do(w, w.r.AdminDisableUser, w.s.AdminDisableUser, &api.AdminDisableUserInput{UserPoolId: &w.pool, Username: new("ada")}))(t)
		},
		"deleted": func() {
			must(do(w, w.r.AdminDeleteUser, w.s.AdminDeleteUser, &api.AdminDeleteUserInput{UserPoolId: &w.pool, Username: new("bob")}))(t)
		},
	} {
		who := map[string]string{"disabled": "ada", "deleted": "bob"}[name]
		if who == "bob" {
			w.member("bob")
		}
		l.answers[sourcePostAuthentication] = func(map[string]any) { op() }
		_, err := w.signIn(w.app, who, password)
		want(t, name, err, "NotAuthorizedException", "")
	}
}

package cognitoidp

import (
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// newChallenged is a world whose functions ask one question, whose answer is blue, and then give tokens.
func newChallenged(t testing.TB) (w *world, l *lambdas, app, quiet string) {
	t.Helper()
	w, l = newTriggered(t, allTriggers())
	flows := []api.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	app = w.newClient(func(in *api.CreateUserPoolClientInput) { in.ExplicitAuthFlows = flows })
	quiet = w.newClient(func(in *api.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows, in.PreventUserExistenceErrors = flows, "ENABLED"
	})
	l.define(func(steps []string) (string, bool, bool) {
		switch {
		case len(steps) > 0 && steps[len(steps)-1] == "CUSTOM_CHALLENGE=true":
			return "", true, false
		case len(steps) >= 3:
			return "", false, true
		case slices.Equal(steps, []string{"SRP_A=true"}):
			return "PASSWORD_VERIFIER", false, false
		}
		return "CUSTOM_CHALLENGE", false, false
	})
	l.answer(sourceCreate, "publicChallengeParameters", map[string]any{"question": "color?"}, "privateChallengeParameters", map[string]any{"answer": "blue"},
		"challengeMetadata", "COLOR")
	l.judge()
	w.member("ada", "email", "ada@example.com")
	return w, l, app, quiet
}

// define answers by the steps so far, each NAME=result.
func (l *lambdas) define(f func(steps []string) (challenge string, issue, fail bool)) {
	l.with(sourceDefine, func(e map[string]any) {
		var steps []string
		for _, s := range e["request"].(map[string]any)["session"].([]any) {
			step := s.(map[string]any)
			result := "=false"
			if step["challengeResult"] == true {
				result = "=true"
			}
			steps = append(steps, step["challengeName"].(string)+result)
		}
		out := e["response"].(map[string]any)
		out["challengeName"], out["issueTokens"], out["failAuthentication"] = f(steps)
	})
}

// judge compares the answer with the private parameters.
func (l *lambdas) judge() {
	l.with(sourceVerify, func(e map[string]any) {
		req := e["request"].(map[string]any)
		e["response"].(map[string]any)["answerCorrect"] = req["challengeAnswer"] == req["privateChallengeParameters"].(map[string]any)["answer"]
	})
}

func (w *world) respondCustom(app string, session *string, name, answer string) (*api.RespondToAuthChallengeOutput, error) {
	return do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
		ClientId: &app, ChallengeName: "CUSTOM_CHALLENGE", Session: session, ClientMetadata: map[string]string{"step": "answer"},
		ChallengeResponses: map[string]string{"USERNAME": name, "ANSWER": answer},
	})
}

func TestCustomAuth(t *testing.T) {
	t.Parallel()
	w, l, app, _ := newChallenged(t)
	out := must(w.initiate(app, "CUSTOM_AUTH", map[string]string{"USERNAME": "ada"}))(t)
	if out.ChallengeName != "CUSTOM_CHALLENGE" || out.ChallengeParameters["question"] != "color?" || out.ChallengeParameters["USERNAME"] != "ada" || out.Session == nil {
		t.Fatalf("%+v", out)
	}
	// The private half is nowhere in the answer.
	if len(out.ChallengeParameters) != 2 || len(*out.Session) > 2048 || strings.Contains(*out.Session, "blue") {
		t.Errorf("%v", out.ChallengeParameters)
	}
	w.app = app
	l.golden(w, sourceDefine, "DefineAuthChallenge_Authentication")
	l.golden(w, sourceCreate, "CreateAuthChallenge_Authentication")
	wrong := must(w.respondCustom(app, out.Session, "ada", "red"))(t)
	if wrong.ChallengeName != "CUSTOM_CHALLENGE" || wrong.AuthenticationResult != nil {
		t.Fatalf("%+v", wrong)
	}
	l.golden(w, sourceVerify, "VerifyAuthChallengeResponse_Authentication")
	l.golden(w, sourceDefine, "DefineAuthChallenge_Authentication.second")
	_, err := w.respondCustom(app, out.Session, "ada", "blue")
	want(t, "the first session again", err, "NotAuthorizedException", "")
	right := must(w.respondCustom(app, wrong.Session, "ada", "blue"))(t)
	if right.AuthenticationResult == nil {
		t.Fatalf("%+v", right)
	}
	if id := decoded(t, *right.AuthenticationResult.IdToken); id["cognito:username"] != "ada" {
		t.Errorf("%v", id)
	}
	must(w.initiate(app, "REFRESH_TOKEN", map[string]string{"REFRESH_TOKEN": *right.AuthenticationResult.RefreshToken}))(t)
}

func TestCustomAuthAfterThePassword(t *testing.T) {
	t.Parallel()
	w, l, app, _ := newChallenged(t)
	c := newSRP(w, app)
	params := map[string]string{"USERNAME": "ada", "CHALLENGE_NAME": "SRP_A", "SRP_A": c.pub.Text(16)}
	begin := func() {
		t.Helper()
		c.out = must(w.initiate(app, "CUSTOM_AUTH", params))(t)
		if c.out.ChallengeName != "PASSWORD_VERIFIER" {
			t.Fatalf("%+v", c.out)
		}
	}
	begin()
	_, err := c.answer(otherWord)
	want(t, "wrong password", err, "NotAuthorizedException", "Incorrect username or password.")
	begin()
	next := must(c.answer(password))(t)
	if next.ChallengeName != "CUSTOM_CHALLENGE" || next.AuthenticationResult != nil {
		t.Fatalf("%+v", next)
	}
	w.app = app
	l.golden(w, sourceCreate, "CreateAuthChallenge_Authentication.password")
	if out := must(w.respondCustom(app, next.Session, "ada", "blue"))(t); out.AuthenticationResult == nil {
		t.Fatalf("%+v", out)
	}
	_, err = w.initiate(app, "CUSTOM_AUTH", map[string]string{"USERNAME": "ada", "CHALLENGE_NAME": "SRP_A"})
	want(t, "no SRP_A", err, "InvalidParameterException", "Missing required parameter SRP_A")
	_, err = w.initiate(app, "CUSTOM_AUTH", map[string]string{"USERNAME": "ada", "CHALLENGE_NAME": "OTHER"})
	want(t, "another first step", err, "InvalidParameterException", "")
}

func TestCustomAuthRefuses(t *testing.T) {
	t.Parallel()
	w, l, app, quiet := newChallenged(t)
	sign := map[string]string{"USERNAME": "ada"}
	_, err := w.initiate(app, "CUSTOM_AUTH", map[string]string{"USERNAME": "nobody"})
	want(t, "nobody", err, "UserNotFoundException", "")
	// With users hidden, nobody is asked the question, and fails whatever the answer and the functions say.
	out := must(w.initiate(quiet, "CUSTOM_AUTH", map[string]string{"USERNAME": "nobody"}))(t)
	w.app = quiet
	l.golden(w, sourceCreate, "CreateAuthChallenge_Authentication.nobody")
	_, err = w.respondCustom(quiet, out.Session, "nobody", "blue")
	want(t, "nobody with the answer", err, "NotAuthorizedException", "Incorrect username or password.")
	l.golden(w, sourceVerify, "VerifyAuthChallengeResponse_Authentication.nobody")
	// A session is its client's, its user's and its challenge's.
	out = must(w.initiate(app, "CUSTOM_AUTH", sign))(t)
	_, err = w.respondCustom(quiet, out.Session, "ada", "blue")
	want(t, "another client", err, "NotAuthorizedException", "Invalid session for the user.")
	w.member("bob")
	_, err = w.respondCustom(app, out.Session, "bob", "blue")
	want(t, "another user", err, "NotAuthorizedException", "Invalid session for the user.")
	w.now = w.now.Add(4 * time.Minute)
	_, err = w.respondCustom(app, out.Session, "ada", "blue")
	want(t, "too late", err, "NotAuthorizedException", "")
	for name, f := range map[string]func([]string) (string, bool, bool){
		"a challenge there is not": func([]string) (string, bool, bool) { return "SMS_MFA", false, false },
		"nothing":                  func([]string) (string, bool, bool) { return "", false, false },
		"a password unasked":       func([]string) (string, bool, bool) { return "PASSWORD_VERIFIER", false, false },
	} {
		l.define(f)
		_, err := w.initiate(app, "CUSTOM_AUTH", sign)
		want(t, name, err, "InvalidLambdaResponseException", "")
	}
	l.define(func([]string) (string, bool, bool) { return "", true, true })
	_, err = w.initiate(app, "CUSTOM_AUTH", sign)
	want(t, "tokens and a refusal", err, "NotAuthorizedException", "Incorrect username or password.")
	l.define(func([]string) (string, bool, bool) { return "CUSTOM_CHALLENGE", false, false })
	l.answer(sourceCreate, "publicChallengeParameters", map[string]any{"x": strings.Repeat("x", maxChallengeDetails)})
	_, err = w.initiate(app, "CUSTOM_AUTH", sign)
	want(t, "a long challenge", err, "InvalidLambdaResponseException", "")
}

// Answers that are wrong lock as wrong passwords do, however often the sign-in begins anew.
func TestCustomAnswersAreNotGuessed(t *testing.T) {
	t.Parallel()
	w, _, app, _ := newChallenged(t)
	var err error
	for range userpool.FreeGuesses + 1 {
		var out *api.InitiateAuthOutput
		if out, err = w.initiate(app, "CUSTOM_AUTH", map[string]string{"USERNAME": "ada"}); err != nil {
			break
		}
		must(w.respondCustom(app, out.Session, "ada", "red"))(t)
	}
	want(t, "locked", err, "NotAuthorizedException", "Password attempts exceeded")
}

// Tokens by the functions' word do not pass over a disabled user or a temporary password.
func TestCustomAuthKeepsToTheUsersStanding(t *testing.T) {
	t.Parallel()
	w, l, app, quiet := newChallenged(t)
	l.define(func([]string) (string, bool, bool) { return "", true, false })
	must(do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{UserPoolId: &w.pool, Username: new("new"), MessageAction: "SUPPRESS"}))(t)
	out := must(w.initiate(app, "CUSTOM_AUTH", map[string]string{"USERNAME": "new"}))(t)
	if out.ChallengeName != "NEW_PASSWORD_REQUIRED" {
		t.Fatalf("%+v", out)
	}
	l.forget()
	done := must(do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
		ClientId: &app, ChallengeName: "NEW_PASSWORD_REQUIRED", Session: out.Session,
		ChallengeResponses: map[string]string{"USERNAME": "new", "NEW_PASSWORD": otherWord},
	}))(t)
	if done.AuthenticationResult == nil || slices.Contains(l.sources(), sourceDefine) {
		t.Errorf("%+v after %v", done, l.sources())
	}
	must(do(w, w.r.AdminDisableUser, w.s.AdminDisableUser, &api.AdminDisableUserInput{UserPoolId: &w.pool, Username: new("ada")}))(t)
	for _, client := range []string{app, quiet} {
		_, err := w.initiate(client, "CUSTOM_AUTH", map[string]string{"USERNAME": "ada"})
		want(t, "disabled", err, "NotAuthorizedException", "User is disabled.")
	}
}

package cognitoidp

import (
	"sync"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const temporary = "Temporary-Pass-1"

// invited makes a user with a temporary password and begins its first sign-in.
func invited(w *world, name string) *api.InitiateAuthOutput {
	w.t.Helper()
	must(do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{
		UserPoolId: &w.pool, Username: &name, TemporaryPassword: new(temporary), MessageAction: "SUPPRESS",
	}))(w.t)
	return must(w.signIn(w.app, name, temporary))(w.t)
}

func (w *world) answerNew(c *api.InitiateAuthOutput, responses map[string]string) (*api.RespondToAuthChallengeOutput, error) {
	responses["USERNAME"] = c.ChallengeParameters["USER_ID_FOR_SRP"]
	return do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
		ClientId: &w.app, ChallengeName: "NEW_PASSWORD_REQUIRED", Session: c.Session, ChallengeResponses: responses,
	})
}

func TestNewPasswordRequired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := invited(w, "ana")
	if c.ChallengeName != "NEW_PASSWORD_REQUIRED" || c.AuthenticationResult != nil || c.ChallengeParameters["requiredAttributes"] != "[]" {
		t.Fatalf("%+v", c)
	}
	_, err := w.answerNew(c, map[string]string{"NEW_PASSWORD": "weak"})
	want(t, "weak", err, "InvalidPasswordException", "")
	_, err = w.answerNew(c, map[string]string{})
	want(t, "none", err, "InvalidParameterException", "Missing required parameter NEW_PASSWORD")
	bad := *c
	bad.Session = new("AAAA")
	_, err = w.answerNew(&bad, map[string]string{"NEW_PASSWORD": otherWord})
	want(t, "made up session", err, "NotAuthorizedException", "Invalid session for the user.")
	out := must(w.answerNew(c, map[string]string{"NEW_PASSWORD": otherWord, "userAttributes.name": "Ana"}))(t)
	if got := decoded(t, *out.AuthenticationResult.IdToken); got["name"] != "Ana" {
		t.Errorf("%v", got)
	}
	_, err = w.answerNew(c, map[string]string{"NEW_PASSWORD": password})
	want(t, "again", err, "NotAuthorizedException", "Invalid session for the user.")
	must(w.signIn(w.app, "ana", otherWord))(t)
	c = invited(w, "bob")
	w.now = w.now.Add(3 * time.Minute)
	_, err = w.answerNew(c, map[string]string{"NEW_PASSWORD": otherWord})
	want(t, "late", err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
	w.now = w.now.AddDate(0, 0, 7)
	_, err = w.signIn(w.app, "bob", temporary)
	want(t, "after a week", err, "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.")
}

func TestFlowsAreTheClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.ExplicitAuthFlows = nil })
	custom := w.newClient(func(in *api.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []api.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH"}
	})
	params := map[string]string{"USERNAME": "ana", "PASSWORD": password, "SRP_A": "5", "REFRESH_TOKEN": "x"}
	for _, tc := range []struct {
		app           string
		flow          api.AuthFlowType
		code, message string
	}{
		{app, "USER_PASSWORD_AUTH", "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"},
		{custom, "USER_SRP_AUTH", "InvalidParameterException", "USER_SRP_AUTH is not enabled for the client."},
		{custom, "REFRESH_TOKEN", "InvalidParameterException", "Auth flow not enabled for this client"},
		{w.app, "ADMIN_USER_PASSWORD_AUTH", "InvalidParameterException", "Initiate Auth method not supported."},
		{w.app, "ADMIN_NO_SRP_AUTH", "InvalidParameterException", "Initiate Auth method not supported."},
		{w.app, "CUSTOM_AUTH", "InvalidParameterException", "Auth flow not enabled for this client"},
		{custom, "CUSTOM_AUTH", "InvalidParameterException", "Custom auth lambda trigger is not configured for the user pool."},
		{w.app, "USER_AUTH", "InvalidParameterException", "USER_AUTH is not enabled for the client."},
	} {
		_, err := w.initiate(tc.app, tc.flow, params)
		want(t, string(tc.flow), err, tc.code, tc.message)
	}
	admin := func(app string) (*api.AdminInitiateAuthOutput, error) {
		return do(w, w.r.AdminInitiateAuth, w.s.AdminInitiateAuth, &api.AdminInitiateAuthInput{
			UserPoolId: &w.pool, ClientId: &app, AuthFlow: "ADMIN_USER_PASSWORD_AUTH", AuthParameters: params,
		})
	}
	must(admin(w.app))(t)
	_, err := admin(app)
	want(t, "admin flow", err, "InvalidParameterException", "Auth flow not enabled for this client")
	for _, p := range []string{"USERNAME", "PASSWORD"} {
		in := map[string]string{"USERNAME": "ana", "PASSWORD": password}
		delete(in, p)
		_, err := w.initiate(w.app, "USER_PASSWORD_AUTH", in)
		want(t, p, err, "InvalidParameterException", "Missing required parameter "+p)
	}
}

func TestLockout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	const wrong, locked = "Incorrect username or password.", "Password attempts exceeded"
	for i := range userpool.FreeGuesses {
		_, err := w.signIn(w.app, "ana", otherWord)
		want(t, "guess", err, "NotAuthorizedException", wrong)
		if i < userpool.FreeGuesses-1 {
			w.now = w.now.Add(time.Millisecond)
		}
	}
	for wait := time.Second; wait < 20*time.Minute; wait *= 2 {
		_, err := w.signIn(w.app, "ana", password)
		want(t, "the right one while locked", err, "NotAuthorizedException", locked)
		w.now = w.now.Add(min(wait, userpool.MaxLockout))
		_, err = w.signIn(w.app, "ana", otherWord)
		want(t, "after "+wait.String(), err, "NotAuthorizedException", wrong)
	}
	w.now = w.now.Add(userpool.MaxLockout)
	must(w.signIn(w.app, "ana", password))(t)
	_, err := w.signIn(w.app, "ana", otherWord)
	want(t, "counts begin anew", err, "NotAuthorizedException", wrong)
	must(w.signIn(w.app, "ana", password))(t)
}

// TestGuessesAtOnce makes many guesses at the same moment: no more than the free ones may learn anything.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	var mu sync.Mutex
	answers := map[string]int{}
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			_, err := w.signIn(w.app, "ana", otherWord)
			mu.Lock()
			defer mu.Unlock()
			answers[err.Error()]++
		})
	}
	wg.Wait()
	if answers["NotAuthorizedException: Incorrect username or password."] != userpool.FreeGuesses {
		t.Errorf("%v", answers)
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	token := *w.tokens(w.app, "ana").AccessToken
	change := func(old, next string) error {
		_, err := do(w, w.r.ChangePassword, w.s.ChangePassword, &api.ChangePasswordInput{AccessToken: &token, PreviousPassword: &old, ProposedPassword: &next})
		return err
	}
	want(t, "weak", change(password, "weak"), "InvalidPasswordException", "")
	for range userpool.FreeGuesses {
		want(t, "wrong", change(otherWord, password), "NotAuthorizedException", "Incorrect username or password.")
	}
	want(t, "locked", change(password, otherWord), "NotAuthorizedException", "Password attempts exceeded")
	w.now = w.now.Add(time.Second)
	if err := change(password, otherWord); err != nil {
		t.Fatal(err)
	}
	must(w.signIn(w.app, "ana", otherWord))(t)
}

func TestAdminResetUserPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true")
	must(do(w, w.r.AdminResetUserPassword, w.s.AdminResetUserPassword, &api.AdminResetUserPasswordInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	for _, flow := range []api.AuthFlowType{"USER_PASSWORD_AUTH", "USER_SRP_AUTH"} {
		_, err := w.initiate(w.app, flow, map[string]string{"USERNAME": "ana", "PASSWORD": password, "SRP_A": "5"})
		want(t, string(flow), err, "PasswordResetRequiredException", "Password reset required for the user")
	}
	must(do(w, w.r.ConfirmForgotPassword, w.s.ConfirmForgotPassword, &api.ConfirmForgotPasswordInput{
		ClientId: &w.app, Username: new("ana"), ConfirmationCode: new(w.code("ana@example.com")), Password: new(otherWord),
	}))(t)
	must(w.signIn(w.app, "ana", otherWord))(t)
}

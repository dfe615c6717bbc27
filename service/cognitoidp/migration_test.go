package cognitoidp

import (
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/functions"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// newMigrating is a world whose function knows ada with the password of the tests.
func newMigrating(t testing.TB, more map[string]any, change ...func(*api.CreateUserPoolInput)) (*world, *lambdas) {
	t.Helper()
	w, l := newTriggered(t, &api.LambdaConfigType{UserMigration: fn(trigger.UserMigration)}, change...)
	answer := func(e map[string]any) {
		req := e["request"].(map[string]any)
		if name := e["userName"]; name != "ada" && name != "ada@example.com" || req["password"] != nil && req["password"] != "short" {
			return // attributes are left out: no such user
		}
		out := e["response"].(map[string]any)
		out["userAttributes"] = map[string]any{"email": "ada@example.com", "email_verified": "true", "custom:tenant_id": "acme"}
		out["messageAction"] = "SUPPRESS"
		for k, v := range more {
			out[k] = v
		}
	}
	l.with(sourceMigrateSignIn, answer)
	l.with(sourceMigrateForgot, answer)
	return w, l
}

func TestMigrationAtSignIn(t *testing.T) {
	t.Parallel()
	w, l := newMigrating(t, map[string]any{"finalUserStatus": "CONFIRMED"})
	// The old password need not be one that the pool would take.
	out := must(do(w, w.r.InitiateAuth, w.s.InitiateAuth, &api.InitiateAuthInput{
		ClientId: &w.app, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: map[string]string{"USERNAME": "ada", "PASSWORD": "short"},
		ClientMetadata: map[string]string{"from": "web"},
	}))(t)
	l.golden(w, sourceMigrateSignIn, "UserMigration_Authentication")
	if id := decoded(t, *out.AuthenticationResult.IdToken); id["custom:tenant_id"] != "acme" || id["email_verified"] != true {
		t.Errorf("%v", id)
	}
	l.forget()
	must(w.signIn(w.app, "ada", "short"))(t)
	_, err := w.signIn(w.app, "ada", password)
	want(t, "another password", err, "NotAuthorizedException", "")
	if got := l.sources(); len(got) != 0 {
		t.Errorf("a user who is there is asked for: %v", got)
	}
	if w.mail("ada@example.com") != "" {
		t.Error("a password was sent")
	}
}

func TestMigrationRefuses(t *testing.T) {
	t.Parallel()
	w, l := newMigrating(t, nil)
	_, err := w.signIn(w.app, "ada", "wrong")
	want(t, "wrong password", err, "UserNotFoundException", "Exception migrating user in app client "+w.app)
	_, err = w.signIn(w.quiet, "ada", "wrong")
	want(t, "hidden", err, "NotAuthorizedException", "Incorrect username or password.")
	l.refuse(sourceMigrateSignIn, "unreachable 10.0.0.7")
	_, err = w.signIn(w.app, "ada", "short")
	want(t, "the function fails", err, "UserNotFoundException", "Exception migrating user in app client "+w.app)
	delete(l.raw, sourceMigrateSignIn)
	l.fail[sourceMigrateSignIn] = functions.ErrTimeout
	_, err = w.signIn(w.app, "ada", "short")
	want(t, "a timeout", err, "UnexpectedLambdaException", "")
	_, err = w.signIn(w.quiet, "ada", "short")
	want(t, "a timeout, hidden", err, "NotAuthorizedException", "Incorrect username or password.")
	// SRP shows no password, so there is nothing to ask with.
	w.now = w.now.Add(time.Hour) // past what the refusals locked
	_, err = newSRP(w, w.app).begin("ada")
	want(t, "SRP", err, "UserNotFoundException", "User does not exist.")
}

// The passwords of the other directory are not to be guessed through this one.
func TestMigrationIsNotAnOracle(t *testing.T) {
	t.Parallel()
	for _, hidden := range []bool{false, true} {
		w, l := newMigrating(t, nil)
		app := w.app
		if hidden {
			app = w.quiet
		}
		for range userpool.FreeGuesses {
			_, err := w.signIn(app, "ada", "wrong")
			if err == nil {
				t.Fatal("got in")
			}
		}
		l.forget()
		_, err := w.signIn(app, "ada", "short")
		want(t, "locked", err, "NotAuthorizedException", "Password attempts exceeded")
		if got := l.sources(); len(got) != 0 {
			t.Errorf("asked all the same: %v", got)
		}
	}
}

func TestMigratedUsersKeepToTheSchema(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]map[string]any{
		"no such attribute": {"userAttributes": map[string]any{"custom:none": "x"}},
		"sub":               {"userAttributes": map[string]any{"sub": "x"}},
		"too long":          {"userAttributes": map[string]any{"custom:color": "crimson"}},
		"a status":          {"finalUserStatus": "ARCHIVED"},
	} {
		w, _ := newMigrating(t, more)
		if _, err := w.signIn(w.app, "ada", "short"); err == nil {
			t.Errorf("%s: got in", name)
		}
		_, err := do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: new("ada")})
		want(t, name, err, "UserNotFoundException", "")
	}
	w, _ := newMigrating(t, map[string]any{"finalUserStatus": "RESET_REQUIRED"})
	_, err := w.signIn(w.app, "ada", "short")
	want(t, "reset", err, "PasswordResetRequiredException", "")
	if u := w.adminGet("ada"); u.UserStatus != "RESET_REQUIRED" {
		t.Errorf("%s", u.UserStatus)
	}
}

// An alias that is somebody's stays theirs unless the function says otherwise; a user asked for by an alias gets a name.
func TestMigrationByAlias(t *testing.T) {
	t.Parallel()
	alias := func(in *api.CreateUserPoolInput) { in.AliasAttributes = []api.AliasAttributeType{"email"} }
	for force, code := range map[bool]string{false: "AliasExistsException", true: ""} {
		w, _ := newMigrating(t, map[string]any{
			"forceAliasCreation": force, "userAttributes": map[string]any{"username": "ada-1", "email": "ada@example.com", "email_verified": "true"},
		}, alias)
		w.member("old", "email", "old@example.com")
		must(do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
			UserPoolId: &w.pool, Username: new("old"), UserAttributes: attrs("email", "ada@example.com", "email_verified", "true"),
		}))(t)
		_, err := w.signIn(w.app, "ada", "short")
		if code != "" {
			want(t, "taken", err, code, "")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if u := w.adminGet("ada@example.com"); *u.Username != "ada-1" {
			t.Errorf("%s", *u.Username)
		}
	}
}

func TestMigrationOfAForgottenPassword(t *testing.T) {
	t.Parallel()
	w, l := newMigrating(t, nil)
	forgot := func(app, name string) error {
		_, err := do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &app, Username: &name, ClientMetadata: map[string]string{"a": "b"}})
		return err
	}
	if err := forgot(w.app, "ada"); err != nil {
		t.Fatal(err)
	}
	l.golden(w, sourceMigrateForgot, "UserMigration_ForgotPassword")
	if u := w.adminGet("ada"); u.UserStatus != "RESET_REQUIRED" {
		t.Errorf("%s", u.UserStatus)
	}
	must(do(w, w.r.ConfirmForgotPassword, w.s.ConfirmForgotPassword, &api.ConfirmForgotPasswordInput{
		ClientId: &w.app, Username: new("ada"), Password: new(otherWord), ConfirmationCode: new(w.code("ada@example.com")),
	}))(t)
	must(w.signIn(w.app, "ada", otherWord))(t)
	want(t, "nobody", forgot(w.app, "bob"), "UserNotFoundException", "")
	// Where users are hidden, nobody may ask as often as a user may, and is answered the same.
	for range messages.MaxCodesSent {
		if err := forgot(w.quiet, "carl"); err != nil {
			t.Fatal(err)
		}
	}
	l.forget()
	want(t, "nobody, too often", forgot(w.quiet, "carl"), "LimitExceededException", "")
	if got := l.sources(); len(got) != 0 {
		t.Errorf("asked all the same: %v", got)
	}
}

func TestPasswordsOfMigrationAreNotPrinted(t *testing.T) {
	t.Parallel()
	w, l := newMigrating(t, nil)
	_, _ = w.signIn(w.app, "ada", "short")
	if text := l.events[0].String(); strings.Contains(text, "short") {
		t.Error(text)
	}
}

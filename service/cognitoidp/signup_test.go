package cognitoidp

import (
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func TestSignUpConfirmSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := must(w.signUp("ana", "ana@example.com"))(t)
	if *out.UserConfirmed || *out.CodeDeliveryDetails.Destination != "a***@e***" || out.CodeDeliveryDetails.DeliveryMedium != "EMAIL" {
		t.Errorf("%+v", out)
	}
	_, err := w.signIn(w.app, "ana", password)
	want(t, "unconfirmed", err, "UserNotConfirmedException", "User is not confirmed.")
	_, err = w.signUp("ana", "other@example.com")
	want(t, "again", err, "UsernameExistsException", "User already exists")
	right := w.code("ana@example.com")
	wrong := "000000"
	if right == wrong {
		wrong = "111111"
	}
	want(t, "wrong code", w.confirm("ana", wrong), "CodeMismatchException", "Invalid verification code provided, please try again.")
	if err := w.confirm("ana", right); err != nil {
		t.Fatal(err)
	}
	want(t, "confirmed twice", w.confirm("ana", right), "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
	got := must(w.getUser(*w.tokens(w.app, "ana").AccessToken))(t)
	if *got.Username != "ana" || len(got.UserAttributes) != 3 || *got.UserAttributes[2].Name != "email_verified" || *got.UserAttributes[2].Value != "true" {
		t.Errorf("%+v", got)
	}
}

func TestCodesExpireAndRunOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.signUp("ana", "ana@example.com"))(t)
	right := w.code("ana@example.com")
	w.now = w.now.Add(messages.SignUpCodeLife)
	want(t, "old code", w.confirm("ana", right), "ExpiredCodeException", "Invalid code provided, please request a code again.")
	resend := func(name string) error {
		_, err := do(w, w.r.ResendConfirmationCode, w.s.ResendConfirmationCode, &api.ResendConfirmationCodeInput{ClientId: &w.app, Username: &name})
		return err
	}
	if err := resend("ana"); err != nil {
		t.Fatal(err)
	}
	right = w.code("ana@example.com")
	wrong := "000000"
	if right == wrong {
		wrong = "111111"
	}
	for range messages.MaxCodesWrong {
		want(t, "guess", w.confirm("ana", wrong), "CodeMismatchException", "")
	}
	const limit = "Attempt limit exceeded, please try after some time."
	want(t, "right after too many", w.confirm("ana", right), "LimitExceededException", limit)
	for range messages.MaxCodesSent - 1 {
		if err := resend("ana"); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "too many sent", resend("ana"), "LimitExceededException", limit)
	want(t, "sending did not win guesses", w.confirm("ana", w.code("ana@example.com")), "LimitExceededException", limit)
	w.now = w.now.Add(messages.CodeWindow)
	if err := w.confirm("ana", w.code("ana@example.com")); err != nil {
		t.Error(err)
	}
	want(t, "confirmed", resend("ana"), "InvalidParameterException", "User is already confirmed.")
	want(t, "nobody", resend("bob"), "UserNotFoundException", "User does not exist.")
}

// TestCodeIsForOneAddress changes the address after the code went out.
func TestCodeIsForOneAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.signUp("ana", "ana@example.com"))(t)
	right := w.code("ana@example.com")
	if err := w.setAdmin("ana", "email", "eve@example.com"); err != nil {
		t.Fatal(err)
	}
	want(t, "another address", w.confirm("ana", right), "ExpiredCodeException", "")
	w.member("bob", "email", "bob@example.com", "email_verified", "true")
	if err := w.setAdmin("bob", "email", "new@example.com"); err != nil {
		t.Fatal(err)
	}
	if id := decoded(t, *w.tokens(w.app, "bob").IdToken); id["email_verified"] != false {
		t.Errorf("an address that an administrator changed is verified: %v", id)
	}
}

func TestSignUpRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	closed := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.AdminCreateUserConfig = &api.AdminCreateUserConfigType{AllowAdminCreateUserOnly: new(true)}
	})
	const conform = "Password did not conform with policy: "
	type req = api.SignUpInput
	for name, tc := range map[string]struct {
		w             *world
		change        func(*req)
		code, message string
	}{
		"no client":     {w, func(r *req) { r.ClientId = new("nosuch") }, "ResourceNotFoundException", "User pool client nosuch does not exist."},
		"closed":        {closed, nil, "NotAuthorizedException", "SignUp is not permitted for this user pool"},
		"no hash":       {w, func(r *req) { r.ClientId = &w.private }, "NotAuthorizedException", "Client " + w.private + " is configured with secret but SECRET_HASH was not received"},
		"wrong hash":    {w, func(r *req) { r.ClientId, r.SecretHash = &w.private, w.hash("bob") }, "NotAuthorizedException", "Unable to verify secret hash for client " + w.private},
		"unasked hash":  {w, func(r *req) { r.SecretHash = w.hash("ana") }, "NotAuthorizedException", ""},
		"short":         {w, func(r *req) { r.Password = new("Aa1-") }, "InvalidPasswordException", conform + "Password not long enough"},
		"no upper case": {w, func(r *req) { r.Password = new("correct-horse-1") }, "InvalidPasswordException", conform + "Password must have uppercase characters"},
		"no lower case": {w, func(r *req) { r.Password = new("CORRECT-HORSE-1") }, "InvalidPasswordException", conform + "Password must have lowercase characters"},
		"no digit":      {w, func(r *req) { r.Password = new("Correct-Horse-") }, "InvalidPasswordException", conform + "Password must have numeric characters"},
		"no symbol":     {w, func(r *req) { r.Password = new("CorrectHorse1") }, "InvalidPasswordException", conform + "Password must have symbol characters"},
		"bad mail":      {w, func(r *req) { r.UserAttributes = attrs("email", "nobody") }, "InvalidParameterException", "Attributes did not conform to the schema: email: Invalid email address format.\n"},
		"verified mail": {w, func(r *req) { r.UserAttributes = attrs("email_verified", "true") }, "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
		"sub":           {w, func(r *req) { r.UserAttributes = attrs("sub", "me") }, "InvalidParameterException", ""},
		"unknown":       {w, func(r *req) { r.UserAttributes = attrs("custom:nosuch", "x") }, "InvalidParameterException", "Attributes did not conform to the schema: custom:nosuch: Attribute does not exist in the schema.\n"},
		"too long":      {w, func(r *req) { r.UserAttributes = attrs("custom:color", "purple") }, "InvalidParameterException", "Attributes did not conform to the schema: custom:color: String must be no longer than 5 characters.\n"},
		"too big":       {w, func(r *req) { r.UserAttributes = attrs("custom:level", "10") }, "InvalidParameterException", ""},
		"twice":         {w, func(r *req) { r.UserAttributes = attrs("name", "a", "name", "b") }, "InvalidParameterException", ""},
	} {
		in := &req{ClientId: &tc.w.app, Username: new("ana"), Password: new(password)}
		if tc.change != nil {
			tc.change(in)
		}
		_, err := do(tc.w, tc.w.r.SignUp, tc.w.s.SignUp, in)
		want(t, name, err, tc.code, tc.message)
	}
	_, err := do(w, w.r.SignUp, w.s.SignUp, &req{ClientId: &w.private, SecretHash: w.hash("ana"), Username: new("ana"), Password: new(password)})
	if err != nil {
		t.Error("with the right hash:", err)
	}
}

func TestForgotPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true")
	w.member("bob", "email", "bob@example.com")
	forgot := func(app, name string) (*api.ForgotPasswordOutput, error) {
		return do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &app, Username: &name})
	}
	reset := func(app, name, code, word string) error {
		_, err := do(w, w.r.ConfirmForgotPassword, w.s.ConfirmForgotPassword, &api.ConfirmForgotPasswordInput{
			ClientId: &app, Username: &name, ConfirmationCode: &code, Password: &word,
		})
		return err
	}
	_, err := forgot(w.app, "bob")
	want(t, "unverified", err, "InvalidParameterException", "Cannot reset password for the user as there is no registered/verified email or phone_number")
	_, err = forgot(w.app, "nobody")
	want(t, "nobody", err, "UserNotFoundException", "")
	must(forgot(w.app, "ana"))(t)
	code := w.code("ana@example.com")
	want(t, "weak", reset(w.app, "ana", code, "weak"), "InvalidPasswordException", "")
	w.now = w.now.Add(messages.ForgotCodeLife)
	want(t, "late", reset(w.app, "ana", code, otherWord), "ExpiredCodeException", "")
	must(forgot(w.app, "ana"))(t)
	code = w.code("ana@example.com")
	if err := reset(w.app, "ana", code, otherWord); err != nil {
		t.Fatal(err)
	}
	want(t, "code used twice", reset(w.app, "ana", code, password), "ExpiredCodeException", "")
	_, err = w.signIn(w.app, "ana", password)
	want(t, "old password", err, "NotAuthorizedException", "Incorrect username or password.")
	must(w.signIn(w.app, "ana", otherWord))(t)
}

// TestNobodyLooksLikeSomebody drives a user and a name that is nobody's through the same steps with a client that hides
// users, and compares what an attacker sees.
func TestNobodyLooksLikeSomebody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true")
	seen := func(name string) []string {
		var log []string
		note := func(err error) {
			if err == nil {
				log = append(log, "ok")
			} else {
				log = append(log, err.Error())
			}
		}
		forgot := func() {
			_, err := do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.quiet, Username: &name})
			note(err)
		}
		confirm := func() {
			_, err := do(w, w.r.ConfirmForgotPassword, w.s.ConfirmForgotPassword, &api.ConfirmForgotPasswordInput{
				ClientId: &w.quiet, Username: &name, ConfirmationCode: new("x23456"), Password: new(otherWord),
			})
			note(err)
		}
		confirm()
		for range messages.MaxCodesSent + 1 {
			forgot()
		}
		for range messages.MaxCodesWrong + 1 {
			confirm()
		}
		for range userpool.FreeGuesses + 2 {
			_, err := w.signIn(w.quiet, name, otherWord)
			note(err)
		}
		_, err := newSRP(w, w.quiet).begin(name)
		note(err)
		w.now = w.now.Add(time.Hour)
		c, err := newSRP(w, w.quiet).begin(name)
		if err == nil {
			_, err = c.answer(password + "x")
		}
		note(err)
		w.now = w.now.Add(-time.Hour)
		return log
	}
	somebody, nobody := seen("ana"), seen("bob")
	for i := range somebody {
		if somebody[i] != nobody[i] {
			t.Errorf("step %d tells them apart: %q and %q", i, somebody[i], nobody[i])
		}
	}
	_, err := w.signIn(w.app, "carl", password)
	want(t, "a client that does not hide users", err, "UserNotFoundException", "User does not exist.")
}

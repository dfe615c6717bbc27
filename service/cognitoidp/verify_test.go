package cognitoidp

import (
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// verifyFirst makes a pool in which addresses are aliases and change only once they are verified.
func verifyFirst(in *api.CreateUserPoolInput) {
	in.AutoVerifiedAttributes = []api.VerifiedAttributeType{"email", "phone_number"}
	in.AliasAttributes = []api.AliasAttributeType{"email"}
	in.UserAttributeUpdateSettings = &api.UserAttributeUpdateSettingsType{
		AttributesRequireVerificationBeforeUpdate: []api.VerifiedAttributeType{"email"},
	}
}

func (w *world) verify(token, name, code string) error {
	_, err := do(w, w.r.VerifyUserAttribute, w.s.VerifyUserAttribute, &api.VerifyUserAttributeInput{AccessToken: &token, AttributeName: &name, Code: &code})
	return err
}

func (w *world) askCode(token, name string) (*api.GetUserAttributeVerificationCodeOutput, error) {
	return do(w, w.r.GetUserAttributeVerificationCode, w.s.GetUserAttributeVerificationCode, &api.GetUserAttributeVerificationCodeInput{AccessToken: &token, AttributeName: &name})
}

// own is an attribute as GetUser shows it.
func (w *world) own(token, name string) string {
	w.t.Helper()
	for _, a := range must(w.getUser(token))(w.t).UserAttributes {
		if *a.Name == name {
			return *a.Value
		}
	}
	return ""
}

func TestVerifyAttribute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana", "email", "ana@example.com")
	token := *w.tokens(w.app, "ana").AccessToken
	sent := must(w.askCode(token, "email"))(t)
	if d := sent.CodeDeliveryDetails; *d.Destination != "a***@e***" || *d.AttributeName != "email" {
		t.Errorf("%+v", d)
	}
	want(t, "wrong", w.verify(token, "email", "x"+w.code("ana@example.com")[1:]), "CodeMismatchException", "")
	if err := w.verify(token, "email", w.code("ana@example.com")); err != nil {
		t.Fatal(err)
	}
	if w.own(token, "email_verified") != "true" {
		t.Error("not verified")
	}
	want(t, "again", w.verify(token, "email", w.code("ana@example.com")), "ExpiredCodeException", "")
	_, err := w.askCode(token, "nickname")
	want(t, "no address", err, "InvalidParameterException", "")
	_, err = w.askCode(token, "phone_number")
	want(t, "none", err, "InvalidParameterException", "")
	// A change sends a code by itself, and a code for the address before it is worth nothing.
	must(w.askCode(token, "email"))(t)
	old := w.code("ana@example.com")
	out := must(do(w, w.r.UpdateUserAttributes, w.s.UpdateUserAttributes, &api.UpdateUserAttributesInput{AccessToken: &token, UserAttributes: attrs("email", "new@example.com")}))(t)
	if len(out.CodeDeliveryDetailsList) != 1 || w.own(token, "email_verified") != "false" {
		t.Errorf("%+v", out)
	}
	if new := w.code("new@example.com"); new != old {
		want(t, "the old address's code", w.verify(token, "email", old), "CodeMismatchException", "")
	}
	if err := w.verify(token, "email", w.code("new@example.com")); err != nil {
		t.Error(err)
	}
}

func TestOldAddressStaysUntilTheNewOneIsVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t, verifyFirst)
	w.member("ana", "email", "ana@example.com", "email_verified", "true")
	token := *w.tokens(w.app, "ana").AccessToken
	if err := w.setOwn(token, "email", "new@example.com"); err != nil {
		t.Fatal(err)
	}
	if w.own(token, "email") != "ana@example.com" || w.own(token, "email_verified") != "true" {
		t.Error("the address changed before it was verified")
	}
	if got := w.named("ana@example.com"); got != "ana" {
		t.Errorf("the old alias is %s", got)
	}
	first := w.code("new@example.com")
	if err := w.setOwn(token, "email", "newer@example.com"); err != nil {
		t.Fatal(err)
	}
	if w.code("newer@example.com") != first {
		want(t, "a code for an address given up", w.verify(token, "email", first), "CodeMismatchException", "")
	}
	if err := w.verify(token, "email", w.code("newer@example.com")); err != nil {
		t.Fatal(err)
	}
	if w.own(token, "email") != "newer@example.com" || w.named("newer@example.com") != "ana" {
		t.Error("not changed")
	}
	// An administrator's change waits too, unless they say that the address is verified.
	if err := w.setAdmin("ana", "email", "admin@example.com"); err != nil {
		t.Fatal(err)
	}
	if w.own(token, "email") != "newer@example.com" {
		t.Error("an administrator's change did not wait")
	}
	must(do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
		UserPoolId: &w.pool, Username: new("ana"), UserAttributes: attrs("email", "sure@example.com", "email_verified", "true"),
	}))(t)
	if w.own(token, "email") != "sure@example.com" {
		t.Error("a verified change waits")
	}
	want(t, "the code of what was overtaken", w.verify(token, "email", w.code("admin@example.com")), "ExpiredCodeException", "")
}

// Nobody comes to be found by another's address: not by asking for it, nor with another's code.
func TestAliasIsNotTakenByVerification(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*api.CreateUserPoolInput){"waiting": verifyFirst, "at once": aliased("email")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, change)
			w.member("ana", "email", "ana@example.com", "email_verified", "true")
			w.member("eve", "email", "eve@example.com", "email_verified", "true")
			eve := *w.tokens(w.app, "eve").AccessToken
			if err := w.setOwn(eve, "email", "ana@example.com"); err != nil {
				t.Fatal(err)
			}
			if w.named("ana@example.com") != "ana" {
				t.Error("eve is found by ana's address")
			}
			want(t, "verified", w.verify(eve, "email", w.code("ana@example.com")), "AliasExistsException", "")
			if w.named("ana@example.com") != "ana" {
				t.Error("eve took ana's address")
			}
			// ana's code is for ana.
			must(w.askCode(*w.tokens(w.app, "ana").AccessToken, "email"))(t)
			if err := w.verify(eve, "email", w.code("ana@example.com")); err == nil {
				t.Error("eve used ana's code")
			}
			// A code for one purpose is none for another.
			must(do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.app, Username: new("ana")}))(t)
			reset := w.code("ana@example.com")
			must(w.askCode(*w.tokens(w.app, "ana").AccessToken, "email"))(t)
			if w.code("ana@example.com") != reset {
				want(t, "a code to reset", w.verify(*w.tokens(w.app, "ana").AccessToken, "email", reset), "CodeMismatchException", "")
			}
		})
	}
}

func TestUserDeletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.UserPoolTags = map[string]string{userpool.TenantAttributeTag: "custom:tenant_id"}
		in.Schema = append(in.Schema, api.SchemaAttributeType{Name: new("name"), Required: new(true)})
		in.Schema[0].Mutable = new(true)
	})
	w.member("ana", "nickname", "a", "name", "Ana", "custom:tenant_id", "acme")
	token := *w.tokens(w.app, "ana").AccessToken
	drop := func(names ...string) error {
		_, err := do(w, w.r.DeleteUserAttributes, w.s.DeleteUserAttributes, &api.DeleteUserAttributesInput{AccessToken: &token, UserAttributeNames: names})
		return err
	}
	if err := drop("nickname"); err != nil || w.own(token, "nickname") != "" {
		t.Errorf("%v", err)
	}
	want(t, "required", drop("name"), "InvalidParameterException", "")
	want(t, "required, by an empty value", w.setOwn(token, "name", ""), "InvalidParameterException", "")
	want(t, "the tenant", drop("custom:tenant_id"), "NotAuthorizedException", unauthorized)
	want(t, "sub", drop("sub"), "InvalidParameterException", "")
	if w.own(token, "custom:tenant_id") != "acme" {
		t.Error("the tenant attribute is gone")
	}
	leave := func() error {
		_, err := do(w, w.r.DeleteUser, w.s.DeleteUser, &api.DeleteUserInput{AccessToken: &token})
		return err
	}
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	want(t, "twice", leave(), "UserNotFoundException", "")
	_, err := w.signIn(w.app, "ana", password)
	want(t, "sign-in", err, "UserNotFoundException", "")
}

func TestUsersKeepANameToSignInWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) { in.UsernameAttributes = []api.UsernameAttributeType{"email"} })
	w.member("ana@example.com", "email", "ana@example.com", "email_verified", "true")
	_, err := do(w, w.r.DeleteUserAttributes, w.s.DeleteUserAttributes, &api.DeleteUserAttributesInput{
		AccessToken: w.tokens(w.app, "ana@example.com").AccessToken, UserAttributeNames: []string{"email"},
	})
	want(t, "the only name", err, "InvalidParameterException", "")
}

func TestPasswordHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.Policies = &api.UserPoolPolicyType{PasswordPolicy: &api.PasswordPolicyType{MinimumLength: new(int32(8)), PasswordHistorySize: new(int32(2))}}
	})
	w.member("ana", "email", "ana@example.com", "email_verified", "true")
	const used = "PasswordHistoryPolicyViolationException"
	change := func(from, to string) error {
		out := must(w.signIn(w.app, "ana", from))(t)
		_, err := do(w, w.r.ChangePassword, w.s.ChangePassword, &api.ChangePasswordInput{
			AccessToken: out.AuthenticationResult.AccessToken, PreviousPassword: &from, ProposedPassword: &to,
		})
		return err
	}
	want(t, "the same", change(password, password), used, "Password has previously been used.")
	if err := change(password, "second-word"); err != nil {
		t.Fatal(err)
	}
	want(t, "the one before", change("second-word", password), used, "")
	// A temporary password is no way around the history, and is not itself remembered.
	setByAdmin := func(word string, permanent bool) error {
		_, err := do(w, w.r.AdminSetUserPassword, w.s.AdminSetUserPassword, &api.AdminSetUserPasswordInput{
			UserPoolId: &w.pool, Username: new("ana"), Password: &word, Permanent: &permanent,
		})
		return err
	}
	if err := setByAdmin("temporary-word", false); err != nil {
		t.Fatal(err)
	}
	choose := func(word string) error {
		step := must(w.signIn(w.app, "ana", "temporary-word"))(t)
		_, err := do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
			ClientId: &w.app, ChallengeName: "NEW_PASSWORD_REQUIRED", Session: step.Session,
			ChallengeResponses: map[string]string{"USERNAME": "ana", "NEW_PASSWORD": word},
		})
		return err
	}
	for _, word := range []string{password, "second-word"} {
		want(t, "after a temporary one", choose(word), used, "")
	}
	if err := choose("third-word"); err != nil {
		t.Fatal(err)
	}
	// Nor is a reset by an administrator, which takes the password away.
	must(do(w, w.r.AdminResetUserPassword, w.s.AdminResetUserPassword, &api.AdminResetUserPasswordInput{UserPoolId: &w.pool, Username: new("ana")}))(t)
	code := w.code("ana@example.com")
	reset := func(code, word string) error {
		_, err := do(w, w.r.ConfirmForgotPassword, w.s.ConfirmForgotPassword, &api.ConfirmForgotPasswordInput{
			ClientId: &w.app, Username: new("ana"), ConfirmationCode: &code, Password: &word,
		})
		return err
	}
	want(t, "without the code, a used one", reset("wrong!", "third-word"), "CodeMismatchException", "")
	want(t, "without the code, another", reset("wrong!", "fourth-word"), "CodeMismatchException", "")
	want(t, "with the code", reset(code, "third-word"), used, "")
	if err := reset(code, password); err != nil {
		t.Errorf("one that is out of the history: %v", err)
	}
}

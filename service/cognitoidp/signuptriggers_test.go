package cognitoidp

import (
	"context"
	"slices"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func TestSignUpEvents(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, allTriggers())
	must(do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{
		ClientId: &w.app, Username: new("ada"), Password: new(password), UserAttributes: attrs("email", "ada@example.com"),
		ValidationData: attrs("captcha", "42"), ClientMetadata: map[string]string{"from": "web"},
	}))(t)
	l.golden(w, sourceSignUp, "PreSignUp_SignUp")
	l.golden(w, "CustomMessage_SignUp", "CustomMessage_SignUp")
	must(do(w, w.r.ResendConfirmationCode, w.s.ResendConfirmationCode, &api.ResendConfirmationCodeInput{ClientId: &w.app, Username: new("ada")}))(t)
	l.golden(w, "CustomMessage_ResendCode", "CustomMessage_ResendCode")
	must(do(w, w.r.ConfirmSignUp, w.s.ConfirmSignUp, &api.ConfirmSignUpInput{
		ClientId: &w.app, Username: new("ada"), ConfirmationCode: new(w.code("ada@example.com")), ClientMetadata: map[string]string{"a": "b"},
	}))(t)
	l.golden(w, sourceConfirmSignUp, "PostConfirmation_ConfirmSignUp")
	must(do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.app, Username: new("ada"), ClientMetadata: map[string]string{"lang": "en"}}))(t)
	l.golden(w, "CustomMessage_ForgotPassword", "CustomMessage_ForgotPassword")
	must(do(w, w.r.ConfirmForgotPassword, w.s.ConfirmForgotPassword, &api.ConfirmForgotPasswordInput{
		ClientId: &w.app, Username: new("ada"), Password: new(otherWord), ConfirmationCode: new(w.code("ada@example.com")),
	}))(t)
	l.golden(w, sourceConfirmForgot, "PostConfirmation_ConfirmForgotPassword")
	must(do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{
		UserPoolId: &w.pool, Username: new("bob"), UserAttributes: attrs("email", "bob@example.com"), ValidationData: attrs("a", "b"),
		DesiredDeliveryMediums: []api.DeliveryMediumType{"EMAIL"},
	}))(t)
	l.golden(w, sourceAdminCreate, "PreSignUp_AdminCreateUser")
	l.golden(w, "CustomMessage_AdminCreateUser", "CustomMessage_AdminCreateUser")
	if strings.Contains(w.mail("bob@example.com"), messages.CodePlaceholder) {
		t.Error("the invitation has no password")
	}
}

// mail is the last message to an address.
func (w *world) mail(to string) string {
	w.t.Helper()
	mail := must(w.box.List(context.Background(), testAccount, testRegion, to))(w.t)
	if len(mail) == 0 {
		return ""
	}
	return mail[len(mail)-1].Subject + "\n" + mail[len(mail)-1].Body
}

func (w *world) adminGet(name string) *api.AdminGetUserOutput {
	w.t.Helper()
	return must(do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: &name}))(w.t)
}

func TestPreSignUpConfirms(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{PreSignUp: fn(trigger.PreSignUp), PostConfirmation: fn(trigger.PostConfirmation)})
	l.answer(sourceSignUp, "autoConfirmUser", true, "autoVerifyEmail", true)
	out := must(w.signUp("ada", "ada@example.com"))(t)
	if !*out.UserConfirmed || out.CodeDeliveryDetails != nil || w.mail("ada@example.com") != "" {
		t.Errorf("%+v", out)
	}
	if got := l.sources(); !slices.Equal(got, []string{sourceSignUp, sourceConfirmSignUp}) {
		t.Errorf("events %v", got)
	}
	u := w.adminGet("ada")
	if u.UserStatus != "CONFIRMED" || trigger.Pairs(u.UserAttributes)["email_verified"] != "true" {
		t.Errorf("%+v", u)
	}
	w.tokens(w.app, "ada")
}

// What the trigger says of a user whom an administrator makes does not confirm the user.
func TestPreSignUpDoesNotConfirmInvitations(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{PreSignUp: fn(trigger.PreSignUp)})
	l.answer(sourceAdminCreate, "autoConfirmUser", true, "autoVerifyEmail", true)
	must(do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{
		UserPoolId: &w.pool, Username: new("bob"), UserAttributes: attrs("email", "bob@example.com"), MessageAction: "SUPPRESS",
	}))(t)
	if u := w.adminGet("bob"); u.UserStatus != "FORCE_CHANGE_PASSWORD" || trigger.Pairs(u.UserAttributes)["email_verified"] == "true" {
		t.Errorf("%+v", u)
	}
	l.refuse(sourceAdminCreate, "not here")
	_, err := do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{UserPoolId: &w.pool, Username: new("carl"), MessageAction: "SUPPRESS"})
	want(t, "refused", err, "UserLambdaValidationException", "PreSignUp failed with error not here.")
}

// The user is confirmed although the function after it fails: the caller learns of the failure.
func TestPostConfirmationFails(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{PostConfirmation: fn(trigger.PostConfirmation)})
	l.refuse(sourceConfirmSignUp, "database down")
	must(w.signUp("ada", "ada@example.com"))(t)
	want(t, "confirm", w.confirm("ada", w.code("ada@example.com")), "UserLambdaValidationException", "PostConfirmation failed with error database down.")
	if u := w.adminGet("ada"); u.UserStatus != "CONFIRMED" {
		t.Errorf("%s", u.UserStatus)
	}
	// A wrong code calls nothing.
	l.forget()
	must(w.signUp("bob", "bob@example.com"))(t)
	want(t, "wrong code", w.confirm("bob", "000000"), "CodeMismatchException", "")
	if got := l.sources(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
}

// S3.13: the post confirmation function writes the tenant with an Admin operation; the user cannot change it.
func TestPostConfirmationWritesTheTenant(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{PostConfirmation: fn(trigger.PostConfirmation)}, func(in *api.CreateUserPoolInput) {
		in.Schema = append(in.Schema, api.SchemaAttributeType{Name: new("org"), AttributeDataType: "String", Mutable: new(true)})
		in.UserPoolTags = map[string]string{userpool.SessionTagsTag: "org=custom:org"}
	})
	l.answers[sourceConfirmSignUp] = func(map[string]any) {
		_, err := do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
			UserPoolId: &w.pool, Username: new("ada"), UserAttributes: attrs("custom:org", "acme"),
		})
		if err != nil {
			t.Error(err)
		}
	}
	must(w.signUp("ada", "ada@example.com"))(t)
	if err := w.confirm("ada", w.code("ada@example.com")); err != nil {
		t.Fatal(err)
	}
	got := w.tokens(w.app, "ada")
	if id := decoded(t, *got.IdToken); id["custom:org"] != "acme" || id[tokens.TagsClaim] == nil {
		t.Errorf("%v", id)
	}
	_, err := do(w, w.r.UpdateUserAttributes, w.s.UpdateUserAttributes, &api.UpdateUserAttributesInput{
		AccessToken: got.AccessToken, UserAttributes: attrs("custom:org", "evil"),
	})
	want(t, "the user changes the tenant", err, "NotAuthorizedException", "")
}

func TestCustomMessages(t *testing.T) {
	t.Parallel()
	w, l := newTriggered(t, &api.LambdaConfigType{CustomMessage: fn(trigger.CustomMessage)})
	const source = "CustomMessage_SignUp"
	l.answer(source, "emailSubject", "Hi", "emailMessage", "Yours: {####}", "smsMessage", "unused")
	must(w.signUp("ada", "ada@example.com"))(t)
	if m := w.mail("ada@example.com"); !strings.HasPrefix(m, "Hi\nYours: ") || sixDigits.FindString(m) == "" {
		t.Errorf("%q", m)
	}
	for name, pairs := range map[string][]any{
		"no code":   {"emailMessage", "Hello"},
		"too long":  {"emailMessage", "{####}" + strings.Repeat("x", messages.MaxEmailMessage)},
		"subject":   {"emailSubject", strings.Repeat("x", messages.MaxEmailSubject+1)},
		"injection": {"emailSubject", "Hi\r\nBcc: all@example.com"},
		"type":      {"emailMessage", 7},
	} {
		l.answer(source, pairs...)
		address := strings.ReplaceAll(name, " ", "") + "@example.com"
		_, err := w.signUp(name[:2]+"x", address)
		want(t, name, err, "InvalidLambdaResponseException", "")
		if m := w.mail(address); m != "" {
			t.Errorf("%s: sent %q", name, m)
		}
	}
	l.answer("CustomMessage_AdminCreateUser", "emailMessage", "{####}")
	_, err := do(w, w.r.AdminCreateUser, w.s.AdminCreateUser, &api.AdminCreateUserInput{
		UserPoolId: &w.pool, Username: new("bob"), UserAttributes: attrs("email", "bob@example.com"), DesiredDeliveryMediums: []api.DeliveryMediumType{"EMAIL"},
	})
	want(t, "an invitation without the name", err, "InvalidLambdaResponseException", "")
}

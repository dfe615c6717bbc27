package cognitoidp

import (
	"context"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
)

func byLink(in *api.CreateUserPoolInput) {
	in.VerificationMessageTemplate = &api.VerificationMessageTemplateType{DefaultEmailOption: "CONFIRM_WITH_LINK"}
}

func (w *world) domain(name string) {
	w.t.Helper()
	must(do(w, w.r.CreateUserPoolDomain, w.s.CreateUserPoolDomain, &api.CreateUserPoolDomainInput{UserPoolId: &w.pool, Domain: &name}))(w.t)
}

// Without a domain nothing is sent, and the refusal is the same for users and for nobody.
func TestLinksNeedDomain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byLink)
	const message = "The user pool confirms users by link and has no domain for the link."
	_, err := w.signUp("ada", "ada@example.com")
	want(t, "sign-up", err, "InvalidParameterException", message)
	w.domain("acme")
	must(w.signUp("ada", "ada@example.com"))(t)
	must(do(w, w.r.DeleteUserPoolDomain, w.s.DeleteUserPoolDomain, &api.DeleteUserPoolDomainInput{UserPoolId: &w.pool, Domain: new("acme")}))(t)
	for _, name := range []string{"ada", "nobody"} {
		_, err := do(w, w.r.ResendConfirmationCode, w.s.ResendConfirmationCode, &api.ResendConfirmationCodeInput{ClientId: &w.quiet, Username: &name})
		want(t, name, err, "InvalidParameterException", message)
	}
}

// Links are for signing up: other mail of the same pool has codes.
func TestLinksAreForSignUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, byLink)
	w.domain("acme")
	last := func(to string) messages.Message {
		mail := must(w.box.List(context.Background(), testAccount, testRegion, to))(t)
		return mail[len(mail)-1]
	}
	must(w.signUp("ada", "ada@example.com"))(t)
	if m := last("ada@example.com"); m.Subject != messages.DefaultLinkSubject || !strings.Contains(m.Body, "/confirmUser?client_id="+w.app+"&confirmation_code=") || strings.Contains(m.Body, "##") {
		t.Errorf("%q %q", m.Subject, m.Body)
	}
	w.member("bob", "email", "bob@example.com", "email_verified", "true")
	must(do(w, w.r.ForgotPassword, w.s.ForgotPassword, &api.ForgotPasswordInput{ClientId: &w.app, Username: new("bob")}))(t)
	if m := last("bob@example.com"); m.Subject != messages.DefaultCodeSubject || strings.Contains(m.Body, "confirmUser") {
		t.Errorf("%q %q", m.Subject, m.Body)
	}
}

// The custom message trigger may word the link, but what it answers has a link or a code.
func TestLinksByTrigger(t *testing.T) {
	t.Parallel()
	for text, sends := range map[string]bool{
		"<b>{##Go & see##}</b>": true, "{####}": true, "nothing": false, "{##}": false,
	} {
		w, l := newTriggered(t, &api.LambdaConfigType{CustomMessage: fn(trigger.CustomMessage)}, byLink)
		w.domain("acme")
		l.answer("CustomMessage_SignUp", "emailMessage", text)
		if _, err := w.signUp("ada", "ada@example.com"); (err == nil) != sends {
			t.Errorf("%s: %v", text, err)
		}
	}
	plain, l := newTriggered(t, &api.LambdaConfigType{CustomMessage: fn(trigger.CustomMessage)})
	l.answer("CustomMessage_SignUp", "emailMessage", "{##Go##}")
	if _, err := plain.signUp("ada", "ada@example.com"); err == nil {
		t.Error("a link that leads nowhere, in a pool that confirms by code")
	}
}

package cognitoidp

import (
	"slices"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
)

// newVisited is a world with a provider Acme, functions, and a client of both.
func newVisited(t testing.TB, config *api.LambdaConfigType) (*world, *lambdas, string) {
	t.Helper()
	w, l := newTriggered(t, config, func(in *api.CreateUserPoolInput) { in.UserPoolTags = tenantTag })
	w.mustProvider("Acme", nil)
	return w, l, w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Acme", "COGNITO"} })
}

func TestInboundFederation(t *testing.T) {
	t.Parallel()
	w, l, app := newVisited(t, &api.LambdaConfigType{InboundFederation: &api.InboundFederationLambdaType{LambdaArn: fn(trigger.InboundFederation), LambdaVersion: "V1_0"}})
	said := map[string]string{"sub": "1", "email": "ada@acme.example", "color": "red"}
	u := must(w.visit(app, "Acme", "1", said))(t)
	if u.Attributes["email"] != "ada@acme.example" || u.Attributes["custom:color"] != "red" {
		t.Errorf("a function that returns nothing changed %v", u.Attributes)
	}
	w.app = app
	l.golden(w, sourceInbound, "InboundFederation_ExternalProvider")
	// What it returns takes the place of all; it names the user and the tenant of nobody.
	l.answer(sourceInbound, "userAttributesToMap", map[string]any{"sub": "2", "color": "blue", "tenant_id": "evil", "custom:tenant_id": "evil"})
	again := must(w.visit(app, "Acme", "1", said))(t)
	if again.Sub != u.Sub || again.Attributes["custom:color"] != "blue" || again.Attributes["custom:tenant_id"] != "" {
		t.Errorf("%s: %v", again.Sub, again.Attributes)
	}
	l.answer(sourceInbound, "userAttributesToMap", map[string]any{"email": 7})
	_, err := w.visit(app, "Acme", "1", said)
	want(t, "a number", err, "InvalidLambdaResponseException", "")
	l.refuse(sourceInbound, "not ours")
	_, err = w.visit(app, "Acme", "3", said)
	want(t, "refused", err, "UserLambdaValidationException", "InboundFederation failed with error not ours.")
}

func TestTriggersOfGuests(t *testing.T) {
	t.Parallel()
	w, l, app := newVisited(t, &api.LambdaConfigType{
		PreSignUp: fn(trigger.PreSignUp), PostConfirmation: fn(trigger.PostConfirmation), PreAuthentication: fn(trigger.PreAuthentication),
		PostAuthentication: fn(trigger.PostAuthentication),
	})
	said := map[string]string{"email": "ada@acme.example", "email_verified": "false"}
	l.answer(sourceExternal, "autoVerifyEmail", true, "autoConfirmUser", true)
	// The post confirmation function writes what the arrival then has.
	l.answers[sourceConfirmSignUp] = func(map[string]any) {
		must(do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
			UserPoolId: &w.pool, Username: new("Acme_1"), UserAttributes: attrs("custom:color", "green"),
		}))(t)
	}
	u := must(w.visit(app, "Acme", "1", said))(t)
	if u.Status != api.UserStatusTypeExternalProvider || u.Attributes["email_verified"] != "true" || u.Attributes["custom:color"] != "green" {
		t.Errorf("%s %v", u.Status, u.Attributes)
	}
	w.app = app
	l.golden(w, sourceExternal, "PreSignUp_ExternalProvider")
	if got := l.sources(); !slices.Equal(got, []string{sourceExternal, sourceConfirmSignUp, sourcePostAuthentication}) {
		t.Errorf("at first %v", got)
	}
	l.forget()
	must(w.visit(app, "Acme", "1", said))(t)
	if got := l.sources(); !slices.Equal(got, []string{sourcePreAuthentication, sourcePostAuthentication}) {
		t.Errorf("later %v", got)
	}
	l.refuse(sourcePreAuthentication, "suspended")
	_, err := w.visit(app, "Acme", "1", said)
	want(t, "suspended", err, "UserLambdaValidationException", "PreAuthentication failed with error suspended.")
	l.refuse(sourceExternal, "no guests")
	_, err = w.visit(app, "Acme", "2", said)
	want(t, "refused", err, "UserLambdaValidationException", "PreSignUp failed with error no guests.")
	_, err = do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: new("Acme_2")})
	want(t, "the profile", err, "UserNotFoundException", "")
}

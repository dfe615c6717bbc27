package cognitoidp

import (
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func aliased(names ...api.AliasAttributeType) func(*api.CreateUserPoolInput) {
	return func(in *api.CreateUserPoolInput) { in.AliasAttributes = names }
}

func (w *world) named(name string) string {
	w.t.Helper()
	return *must(do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: &name}))(w.t).Username
}

// A user who takes another's sub, address or username for a preferred_username must not be found in the other's place:
// an administrator would put the wrong one into a group, and a code for the other's password would be sent to the wrong one.
func TestAliasIsNobodyElsesName(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]api.AliasAttributeType{
		"email first": {"email", "preferred_username"}, "email last": {"preferred_username", "email"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, aliased(order...))
			sub := w.member("ana", "email", "ana@example.com", "email_verified", "true", "preferred_username", "annie")
			w.member("eve")
			token := *w.tokens(w.app, "eve").AccessToken
			for other, code := range map[string]string{
				sub: "AliasExistsException", "ana": "AliasExistsException", "annie": "AliasExistsException",
				"ana@example.com": "InvalidParameterException",
			} {
				want(t, "as a user", w.setOwn(token, "preferred_username", other), code, "")
				want(t, "by an administrator", w.setAdmin("eve", "preferred_username", other), code, "")
				if got := w.named(other); got != "ana" {
					t.Errorf("%s is %s", other, got)
				}
			}
			if err := w.setOwn(token, "preferred_username", "eve"); err != nil {
				t.Errorf("one's own username: %v", err)
			}
		})
	}
	t.Run("no alias", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		sub := w.member("ana")
		w.member("eve")
		if err := w.setOwn(*w.tokens(w.app, "eve").AccessToken, "preferred_username", sub); err != nil {
			t.Error(err)
		}
		if got := w.named(sub); got != "ana" {
			t.Errorf("%s is %s", sub, got)
		}
	})
}

// What becomes a session tag decides whose data a session reaches: no user may choose it, whatever attribute it is.
func TestSessionTagsAreNotTheUsersToChoose(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.UserPoolTags = map[string]string{userpool.SessionTagsTag: "TenantID=nickname Mail=email"}
	})
	principal := func(name string) map[string]any {
		t.Helper()
		tags, _ := decoded(t, *w.tokens(w.app, name).IdToken)[tokens.TagsClaim].(map[string]any)
		p, _ := tags["principal_tags"].(map[string]any)
		return p
	}
	_, err := do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{
		ClientId: &w.app, Username: new("eve"), Password: new(password), UserAttributes: attrs("nickname", "globex"),
	})
	want(t, "sign-up", err, "NotAuthorizedException", unauthorized)
	w.member("ana", "nickname", "acme", "email", "ana@example.com", "email_verified", "true")
	token := *w.tokens(w.app, "ana").AccessToken
	want(t, "update", w.setOwn(token, "nickname", "globex"), "NotAuthorizedException", unauthorized)
	if p := principal("ana"); len(p) != 2 {
		t.Errorf("tags %v", p)
	}
	// An address is its user's to change, and stands for the user only when it was shown to be theirs.
	if err := w.setOwn(token, "email", "boss@globex.example"); err != nil {
		t.Fatal(err)
	}
	if p := principal("ana"); len(p) != 1 || p["Mail"] != nil {
		t.Errorf("tags with an unverified address: %v", p)
	}
}

// A challenge that a temporary password led to ends with that password: an administrator who sets another one because the
// first leaked must not be overtaken by whoever has it.
func TestNewPasswordSessionEndsWithItsPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana")
	temporary := func(text string) {
		must(do(w, w.r.AdminSetUserPassword, w.s.AdminSetUserPassword, &api.AdminSetUserPasswordInput{
			UserPoolId: &w.pool, Username: new("ana"), Password: &text,
		}))(t)
	}
	temporary("Leaked-Word-1")
	old := must(w.signIn(w.app, "ana", "Leaked-Word-1"))(t)
	temporary("Fresh-Word-2")
	answer := func(session *string) error {
		_, err := do(w, w.r.RespondToAuthChallenge, w.s.RespondToAuthChallenge, &api.RespondToAuthChallengeInput{
			ClientId: &w.app, ChallengeName: "NEW_PASSWORD_REQUIRED", Session: session,
			ChallengeResponses: map[string]string{"USERNAME": "ana", "NEW_PASSWORD": otherWord},
		})
		return err
	}
	want(t, "the leaked password's session", answer(old.Session), "NotAuthorizedException", "")
	if err := answer(must(w.signIn(w.app, "ana", "Fresh-Word-2"))(t).Session); err != nil {
		t.Error(err)
	}
}

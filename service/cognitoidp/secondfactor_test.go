package cognitoidp

import (
	"slices"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// TestTemporaryPasswordDoesNotMoveTheSecondFactor holds that who knows a temporary password alone cannot have the codes of a second
// factor sent elsewhere: attributes come with the new password, before any second factor was shown.
func TestTemporaryPasswordDoesNotMoveTheSecondFactor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mode api.UserPoolMfaType
		has  []string // besides FORCE_CHANGE_PASSWORD
		on   bool     // whether SMS is turned on
		set  []string
	}{
		"another number":          {"OPTIONAL", []string{"phone_number", "+15550100"}, true, []string{"phone_number", "+15550666"}},
		"another address":         {"ON", []string{"email", "ana@example.com"}, false, []string{"email", "eve@example.com"}},
		"one more to choose from": {"ON", []string{"phone_number", "+15550100"}, false, []string{"email", "eve@example.com"}},
		"none":                    {"OPTIONAL", []string{"phone_number", "+15550100"}, true, []string{"phone_number", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := withMFA(t, tc.mode)
			w.member("ana", tc.has...)
			if tc.on {
				must(do(w, w.r.AdminSetUserMFAPreference, w.s.AdminSetUserMFAPreference, &api.AdminSetUserMFAPreferenceInput{
					UserPoolId: &w.pool, Username: new("ana"), SMSMfaSettings: &api.SMSMfaSettingsType{Enabled: new(true)},
				}))(t)
			}
			must(do(w, w.r.AdminSetUserPassword, w.s.AdminSetUserPassword, &api.AdminSetUserPasswordInput{
				UserPoolId: &w.pool, Username: new("ana"), Password: new(temporary),
			}))(t)
			c := must(w.signIn(w.app, "ana", temporary))(t)
			_, err := w.answerNew(c, map[string]string{"NEW_PASSWORD": otherWord, "userAttributes." + tc.set[0]: tc.set[1]})
			want(t, "moved", err, "NotAuthorizedException", "")
			// What it is already may be said again, as clients do that send back all they were shown.
			out := must(w.answerNew(c, map[string]string{"NEW_PASSWORD": otherWord, "userAttributes." + tc.has[0]: tc.has[1], "userAttributes.name": "Ana"}))(t)
			if out.AuthenticationResult != nil || !slices.Contains([]api.ChallengeNameType{"SMS_MFA", "EMAIL_OTP"}, out.ChallengeName) {
				t.Errorf("%+v", out)
			}
		})
	}
}

// TestAnswersAtOnceAreFew holds that of many answers given at once the operator's functions judge no more than of as many given one
// after the other: each counts as wrong until it is judged.
func TestAnswersAtOnceAreFew(t *testing.T) {
	t.Parallel()
	const many = 4 * userpool.FreeGuesses
	t.Run("custom challenges", func(t *testing.T) {
		t.Parallel()
		w, l, app, _ := newChallenged(t)
		var sessions []*string
		for range many {
			sessions = append(sessions, must(w.initiate(app, "CUSTOM_AUTH", map[string]string{"USERNAME": "ada"}))(t).Session)
		}
		judged := 0
		judge := func(map[string]any) {
			if judged++; judged < many {
				l.mu.Unlock()
				_, _ = w.respondCustom(app, sessions[judged], "ada", "red")
				l.mu.Lock()
			}
		}
		l.with(sourceVerify, judge)
		_, _ = w.respondCustom(app, sessions[0], "ada", "red")
		if judged > userpool.FreeGuesses {
			t.Errorf("%d answers were judged", judged)
		}
	})
	t.Run("passwords of another directory", func(t *testing.T) {
		t.Parallel()
		w, l := newMigrating(t, nil)
		judged := 0
		l.with(sourceMigrateSignIn, func(map[string]any) {
			if judged++; judged < many {
				l.mu.Unlock()
				_, _ = w.signIn(w.app, "ada", "wrong")
				l.mu.Lock()
			}
		})
		_, _ = w.signIn(w.app, "ada", "wrong")
		if judged > userpool.FreeGuesses {
			t.Errorf("%d passwords were judged", judged)
		}
	})
	t.Run("a right one is no failure", func(t *testing.T) {
		t.Parallel()
		w, _, app, _ := newChallenged(t)
		for range many {
			out := must(w.initiate(app, "CUSTOM_AUTH", map[string]string{"USERNAME": "ada"}))(t)
			must(w.respondCustom(app, out.Session, "ada", "blue"))(t)
		}
	})
}

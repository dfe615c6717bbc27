package cognitoidp

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const attributePrefix = "userAttributes."

func newPasswordResponders() map[api.ChallengeNameType]responder {
	return map[api.ChallengeNameType]responder{api.ChallengeNameTypeNewPasswordRequired: (*attempt).newPassword}
}

// newPasswordGate asks a user with a temporary password for another.
func (a *attempt) newPasswordGate(v *arrival) (*outcome, error) {
	u := v.user
	if u.Status != api.UserStatusTypeForceChangePassword {
		return nil, nil
	}
	if !u.TemporaryUntil.IsZero() && !a.Call.Now.Before(u.TemporaryUntil) {
		return nil, api.NewNotAuthorizedException("Temporary password has expired and must be reset by an administrator.")
	}
	has, needs := map[string]string{}, []string{}
	for name, value := range u.Attributes {
		if userpool.MayRead(a.app, name) {
			has[name] = value
		}
	}
	for i := range a.Pool.Schema {
		if s := &a.Pool.Schema[i]; s.Required && s.Name != "sub" && u.Attributes[s.Name] == "" {
			needs = append(needs, attributePrefix+s.Name)
		}
	}
	hasText, err := json.Marshal(has)
	if err != nil {
		return nil, fault.Wrap(err, "encode attributes")
	}
	needsText, err := json.Marshal(needs)
	if err != nil {
		return nil, fault.Wrap(err, "encode attributes")
	}
	return a.ask(api.ChallengeNameTypeNewPasswordRequired, v.passage, nil, map[string]string{
		"USER_ID_FOR_SRP": u.Username, "userAttributes": string(hasText), "requiredAttributes": string(needsText),
	})
}

// newPassword answers NEW_PASSWORD_REQUIRED.
func (a *attempt) newPassword(sessionText *string) (*outcome, error) {
	s, t, err := a.resume(api.ChallengeNameTypeNewPasswordRequired, sessionText)
	if err != nil {
		return nil, err
	}
	password, err := a.param("NEW_PASSWORD")
	if err != nil {
		return nil, err
	}
	if t.user == nil {
		return nil, refusal.BadSession()
	}
	if err := a.CheckNewPassword(t.user, password); err != nil {
		return nil, err
	}
	verifier, err := a.SealPassword(t.user, password)
	if err != nil {
		return nil, err
	}
	v := &arrival{passage: s.pass(string(api.ChallengeNameTypeNewPasswordRequired))}
	err = a.Update(func(rec *store.Records) (err error) {
		if v.user, err = a.choose(rec, s, t.user, verifier); err != nil {
			return err
		}
		v.Mark = verifierMark(v.user)
		v.groups, err = a.MembershipOf(rec, v.user)
		return err
	})
	return a.onward(v, err)
}

// choose makes the password permanent, with the attributes that came along.
func (a *attempt) choose(rec *store.Records, s *session, checked *userpool.User, verifier []byte) (*userpool.User, error) {
	if err := a.use(rec, s); err != nil {
		return nil, err
	}
	before, err := store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, s.Sub))
	if err != nil {
		return nil, err
	}
	if !s.holdsFor(before) || !sameVerifier(before, checked) || before.Status != api.UserStatusTypeForceChangePassword {
		return nil, refusal.BadSession()
	}
	u := before.Clone()
	if err := a.Pool.SetAttributes(u, userpool.Writer{Client: a.app}, a.givenAttributes()); err != nil {
		return nil, err
	}
	if err := a.keepsFactors(s, before, u); err != nil {
		return nil, err
	}
	if err := a.Pool.RequireAttributes(u); err != nil {
		return nil, err
	}
	a.Pool.SetPassword(u, verifier)
	u.Status, u.Modified = api.UserStatusTypeConfirmed, a.Call.Now
	return u, a.Pool.SaveUser(rec, before, u, false)
}

// keepsFactors refuses an address that comes with the new password where codes of a second factor go, or would go: nobody has
// shown that factor yet, and who was given a temporary password must not choose where the code is sent.
func (a *attempt) keepsFactors(s *session, before, u *userpool.User) error {
	if s.secondFactor() || len(a.Pool.SecondFactors(before)) == 0 {
		return nil
	}
	for _, f := range userpool.Factors {
		if name := userpool.AddressOf(f); name != "" && u.Attributes[name] != before.Attributes[name] {
			return api.NewNotAuthorizedException("Cannot modify an already provided %s", name)
		}
	}
	return nil
}

func (a *attempt) givenAttributes() []api.AttributeType {
	var out []api.AttributeType
	for _, k := range slices.Sorted(maps.Keys(a.params)) {
		if name, ok := strings.CutPrefix(k, attributePrefix); ok {
			out = append(out, api.AttributeType{Name: new(name), Value: new(a.params[k])})
		}
	}
	return out
}

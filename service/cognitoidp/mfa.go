package cognitoidp

import (
	"encoding/json"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// secondFactorGate asks for a second factor, for the choice of one, or in a pool that requires one to set one up.
func (a *attempt) secondFactorGate(v *arrival) (*outcome, error) {
	if v.secondFactor() {
		return nil, nil
	}
	choices := a.Pool.SecondFactors(v.user)
	switch {
	case len(choices) == 1:
		return a.askFactor(v, choices[0])
	case slices.Contains(choices, v.user.MFA.Preferred):
		return a.askFactor(v, v.user.MFA.Preferred)
	case len(choices) > 1:
		return a.askChoice(v, choices)
	case a.Pool.MFA.Effective() == api.UserPoolMfaTypeOn:
		return a.askSetup(v)
	}
	return nil, nil
}

// secondFactor reports whether the passage has shown one, or a device that stands in for it.
func (p *passage) secondFactor() bool {
	return p.passed(stepSecond) || p.passed(stepTrustedDevice)
}

// stepSecond is passed by any second factor. The challenge of codes by mail is also one of a first factor, so its name
// alone does not tell.
const stepSecond = "second factor"

func (a *attempt) askFactor(v *arrival, f userpool.Factor) (*outcome, error) {
	if f == userpool.FactorTOTP {
		return a.askToken(v)
	}
	return a.askCode(v, f, messages.Destination{Attribute: userpool.AddressOf(f), Address: v.user.Attributes[userpool.AddressOf(f)]}, false)
}

// list is a list of factors as parameters of challenges hold it.
func list(fs []userpool.Factor) (string, error) {
	text, err := json.Marshal(fs)
	return string(text), fault.Doing(err, "encode factors")
}

func (a *attempt) askChoice(v *arrival, choices []userpool.Factor) (*outcome, error) {
	text, err := list(choices)
	if err != nil {
		return nil, err
	}
	return a.ask(api.ChallengeNameTypeSelectMfaType, v.passage, nil, map[string]string{
		"MFAS_CAN_CHOOSE": text, "USER_ID_FOR_SRP": v.user.Username,
	})
}

func mfaResponders() map[api.ChallengeNameType]responder {
	return map[api.ChallengeNameType]responder{
		api.ChallengeNameTypeSelectMfaType:    (*attempt).selectFactor,
		api.ChallengeNameTypeSmsMfa:           codeResponder(userpool.FactorSMS, "SMS_MFA_CODE"),
		api.ChallengeNameTypeEmailOtp:         codeResponder(userpool.FactorEmail, "EMAIL_OTP_CODE"),
		api.ChallengeNameTypeSoftwareTokenMfa: (*attempt).respondToken,
		api.ChallengeNameTypeMfaSetup:         (*attempt).respondSetup,
	}
}

// selectFactor answers SELECT_MFA_TYPE. The choice is checked against what the user has now.
func (a *attempt) selectFactor(session *string) (*outcome, error) {
	s, _, err := a.resume(api.ChallengeNameTypeSelectMfaType, session)
	if err != nil {
		return nil, err
	}
	answer, err := a.param("ANSWER")
	if err != nil {
		return nil, err
	}
	v := &arrival{passage: s.passage}
	err = a.Update(func(rec *store.Records) (err error) {
		if v.user, err = a.holder(rec, s); err != nil {
			return err
		}
		if !slices.Contains(a.Pool.SecondFactors(v.user), userpool.Factor(answer)) {
			return api.NewMFAMethodNotFoundException("The MFA method %s is not available.", shortened(answer))
		}
		return a.use(rec, s)
	})
	if err != nil {
		return nil, err
	}
	if err := userpool.Standing(v.user); err != nil {
		return nil, err
	}
	return a.askFactor(v, userpool.Factor(answer))
}

// shortened is what somebody sent, as far as a message shows it.
func shortened(text string) string {
	const most = 32
	if len(text) > most {
		return text[:most]
	}
	return text
}

// holder loads the user of a session, as whom it must still hold.
func (a *attempt) holder(rec *store.Records, s *session) (*userpool.User, error) {
	u, err := store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, s.Sub))
	if err == nil && !s.holdsFor(u) {
		err = refusal.BadSession()
	}
	return u, err
}

// settleCode checks the answer to a challenge that can be guessed. A wrong answer counts against the user, apart from
// wrong passwords: knowing the password must not win more guesses. It leaves the session as it is, for people mistype; a
// right one spends it. check may be called again, and has no user for a session of nobody.
func (a *attempt) settleCode(s *session, steps []string, check func(rec *store.Records, u *userpool.User) (bool, error), then func(rec *store.Records, u *userpool.User) (*userpool.User, error)) (*arrival, error) {
	v := &arrival{passage: s.passage}
	for _, step := range steps {
		v.passage = v.pass(step)
	}
	var refused error
	err := a.Update(func(rec *store.Records) (err error) {
		refused = nil
		if v.user, err = a.tried(rec, s); err != nil {
			return err
		}
		right, err := check(rec, v.user)
		if err != nil {
			return err
		}
		if !right || v.user == nil {
			refused = wrongCode()
			return a.Failed(rec, userpool.CodesOf(s.Who))
		}
		if err := a.use(rec, s); err != nil {
			return err
		}
		if then != nil {
			if v.user, err = then(rec, v.user); err != nil {
				return err
			}
		}
		if v.groups, err = a.MembershipOf(rec, v.user); err != nil {
			return err
		}
		return a.Forget(rec, userpool.CodesOf(s.Who))
	})
	if err == nil {
		err = refused
	}
	return v, err
}

// tried loads the user of a session that is answered with a code; nil for nobody's.
func (a *attempt) tried(rec *store.Records, s *session) (u *userpool.User, err error) {
	if s.Sub != "" {
		if u, err = a.holder(rec, s); err != nil {
			return nil, err
		}
	}
	if _, found, err := rec.Get(a.Pool.SpentKey(userpool.SpentSession, s.ID)); err != nil || found {
		return nil, orBadSession(err)
	}
	return u, a.GuardCodes(rec, s.Who)
}

func orBadSession(err error) error {
	if err == nil {
		err = refusal.BadSession()
	}
	return err
}

func wrongCode() *fault.Error {
	return api.NewCodeMismatchException("Invalid code or auth state for the user.")
}

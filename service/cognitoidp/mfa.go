package cognitoidp

import (
	"encoding/json"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// factor is a second factor, by the name of its challenge.
type factor = api.ChallengeNameType

const (
	factorSMS   = api.ChallengeNameTypeSmsMfa
	factorTOTP  = api.ChallengeNameTypeSoftwareTokenMfa
	factorEmail = api.ChallengeNameTypeEmailOtp
)

// factors are all second factors, in the order in which they are listed.
var factors = []factor{factorSMS, factorTOTP, factorEmail}

// userMFA is what a user has turned on.
type userMFA struct {
	// On are the factors turned on.
	On []factor
	// Preferred is one of them, or empty.
	Preferred factor
	// Token is true once an authenticator app was verified. Its secret is a record of its own.
	Token bool
}

func (m *userMFA) on(f factor) bool { return slices.Contains(m.On, f) }

// with returns the settings with a factor turned on or off. Settings of users are shared with cached copies, so the list
// is never changed in place.
func (m userMFA) with(f factor, on bool) userMFA {
	var next []factor
	for _, known := range factors {
		if known == f && on || known != f && m.on(known) {
			next = append(next, known)
		}
	}
	m.On = next
	if !m.on(m.Preferred) {
		m.Preferred = ""
	}
	return m
}

// address is the attribute that a factor's codes go to, or "".
func addressOf(f factor) string {
	switch f {
	case factorSMS, api.ChallengeNameTypeSmsOtp:
		return "phone_number"
	case factorEmail:
		return "email"
	}
	return ""
}

// usable reports whether the user could answer the factor's challenge in this pool.
func (p *pool) usable(u *user, f factor) bool {
	if !p.MFA.has(f) {
		return false
	}
	if f == factorTOTP {
		return u.MFA.Token
	}
	return u.Attributes[addressOf(f)] != ""
}

// secondFactors are those of which the user has to show one: the ones turned on, or in a pool that requires a second
// factor the addresses that the user has, verified or not. What is turned on comes first, so that no address stands in for
// an authenticator app.
func (p *pool) secondFactors(u *user) []factor {
	mode := p.MFA.mode()
	if mode == api.UserPoolMfaTypeOff {
		return nil
	}
	var on, implied []factor
	for _, f := range factors {
		switch {
		case !p.usable(u, f):
		case u.MFA.on(f):
			on = append(on, f)
		case f != factorTOTP:
			implied = append(implied, f)
		}
	}
	if len(on) == 0 && mode == api.UserPoolMfaTypeOn {
		return implied
	}
	return on
}

// secondFactorGate asks for a second factor, for the choice of one, or in a pool that requires one to set one up.
func (a *attempt) secondFactorGate(v *arrival) (*outcome, error) {
	if v.secondFactor() {
		return nil, nil
	}
	choices := a.pool.secondFactors(v.user)
	switch {
	case len(choices) == 1:
		return a.askFactor(v, choices[0])
	case slices.Contains(choices, v.user.MFA.Preferred):
		return a.askFactor(v, v.user.MFA.Preferred)
	case len(choices) > 1:
		return a.askChoice(v, choices)
	case a.pool.MFA.mode() == api.UserPoolMfaTypeOn:
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

func (a *attempt) askFactor(v *arrival, f factor) (*outcome, error) {
	if f == factorTOTP {
		return a.askToken(v)
	}
	return a.askCode(v, f, destination{addressOf(f), v.user.Attributes[addressOf(f)]}, false)
}

// list is a list of factors as parameters of challenges hold it.
func list(fs []factor) (string, error) {
	text, err := json.Marshal(fs)
	return string(text), fault.Doing(err, "encode factors")
}

func (a *attempt) askChoice(v *arrival, choices []factor) (*outcome, error) {
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
		api.ChallengeNameTypeSmsMfa:           codeResponder(factorSMS, "SMS_MFA_CODE"),
		api.ChallengeNameTypeEmailOtp:         codeResponder(factorEmail, "EMAIL_OTP_CODE"),
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
	err = a.update(func(rec *store.Records) (err error) {
		if v.user, err = a.holder(rec, s); err != nil {
			return err
		}
		if !slices.Contains(a.pool.secondFactors(v.user), factor(answer)) {
			return api.NewMFAMethodNotFoundException("The MFA method %s is not available.", shortened(answer))
		}
		return a.use(rec, s)
	})
	if err != nil {
		return nil, err
	}
	if err := standing(v.user); err != nil {
		return nil, err
	}
	return a.askFactor(v, factor(answer))
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
func (a *attempt) holder(rec *store.Records, s *session) (*user, error) {
	u, err := store.Load[user](rec, userKey(a.pool.ID, s.Sub))
	if err == nil && !s.holdsFor(u) {
		err = refusal.BadSession()
	}
	return u, err
}

// settleCode checks the answer to a challenge that can be guessed. A wrong answer counts against the user, apart from
// wrong passwords: knowing the password must not win more guesses. It leaves the session as it is, for people mistype; a
// right one spends it. check may be called again, and has no user for a session of nobody.
func (a *attempt) settleCode(s *session, steps []string, check func(rec *store.Records, u *user) (bool, error), then func(rec *store.Records, u *user) (*user, error)) (*arrival, error) {
	v := &arrival{passage: s.passage}
	for _, step := range steps {
		v.passage = v.pass(step)
	}
	var refused error
	err := a.update(func(rec *store.Records) (err error) {
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
			return a.failed(rec, codesOf(s.Who))
		}
		if err := a.use(rec, s); err != nil {
			return err
		}
		if then != nil {
			if v.user, err = then(rec, v.user); err != nil {
				return err
			}
		}
		if v.groups, err = a.membershipOf(rec, v.user); err != nil {
			return err
		}
		return a.forget(rec, codesOf(s.Who))
	})
	if err == nil {
		err = refused
	}
	return v, err
}

// tried loads the user of a session that is answered with a code; nil for nobody's.
func (a *attempt) tried(rec *store.Records, s *session) (u *user, err error) {
	if s.Sub != "" {
		if u, err = a.holder(rec, s); err != nil {
			return nil, err
		}
	}
	if _, found, err := rec.Get(a.pool.spentKey(spentSession, s.ID)); err != nil || found {
		return nil, orBadSession(err)
	}
	return u, a.guardCodes(rec, s.Who)
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

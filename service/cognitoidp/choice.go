package cognitoidp

import (
	"context"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Choice-based sign-in, the flow USER_AUTH ("Authentication flows", Amazon Cognito Developer Guide): who signs in is told
// by what, and chooses.

// firstFactor is one choice, by the name of its challenge.
type firstFactor struct {
	// allowed is its name in a pool's sign-in policy.
	allowed api.AuthFactorType
	// usable reports whether a user could answer it.
	usable func(s *Service, p *userpool.Pool, u *userpool.User) bool
	// strong is true for those that may be offered to a user who has to show a second factor: passwords, which lead on to
	// it, and what is two factors in one.
	strong func(p *userpool.Pool, u *userpool.User) bool
	// begin takes the step after the choice. used is the session that the choice was made in, which the step spends; nil
	// if none was.
	begin func(a *attempt, t *candidate, used *session) (*outcome, error)
}

// firstFactors are all that are served.
func firstFactors() map[api.ChallengeNameType]firstFactor {
	always := func(*userpool.Pool, *userpool.User) bool { return true }
	never := func(*userpool.Pool, *userpool.User) bool { return false }
	hasPassword := func(_ *Service, _ *userpool.Pool, u *userpool.User) bool { return u.Verifier != nil }
	verified := func(attribute string) func(*Service, *userpool.Pool, *userpool.User) bool {
		return func(_ *Service, _ *userpool.Pool, u *userpool.User) bool {
			return u.Attributes[attribute] != "" && u.Attributes[userpool.VerifiedFlag(attribute)] == "true"
		}
	}
	code := func(challenge api.ChallengeNameType) func(*attempt, *candidate, *session) (*outcome, error) {
		return func(a *attempt, t *candidate, used *session) (*outcome, error) {
			return a.chooseCode(t, challenge, used)
		}
	}
	return map[api.ChallengeNameType]firstFactor{
		api.ChallengeNameTypePassword:    {api.AuthFactorTypePassword, hasPassword, always, (*attempt).choosePassword},
		api.ChallengeNameTypePasswordSrp: {api.AuthFactorTypePassword, hasPassword, always, (*attempt).chooseSRP},
		api.ChallengeNameTypeEmailOtp:    {api.AuthFactorTypeEmailOtp, verified("email"), never, code(api.ChallengeNameTypeEmailOtp)},
		api.ChallengeNameTypeWebAuthn:    passkeyFactor(),
		api.ChallengeNameTypeSmsOtp:      {api.AuthFactorTypeSmsOtp, verified("phone_number"), never, code(api.ChallengeNameTypeSmsOtp)},
	}
}

func choiceFlows() map[api.AuthFlowType]flow {
	return map[api.AuthFlowType]flow{api.AuthFlowTypeUserAuth: {allows: (*attempt).allowsChoice, begin: (*attempt).withChoice}}
}

func choiceResponders() map[api.ChallengeNameType]responder {
	out := map[api.ChallengeNameType]responder{
		api.ChallengeNameTypeSelectChallenge: (*attempt).selectChallenge,
		api.ChallengeNameTypeSmsOtp:          codeResponder(api.ChallengeNameTypeSmsOtp, "SMS_OTP_CODE"),
	}
	for _, challenge := range []api.ChallengeNameType{api.ChallengeNameTypePassword, api.ChallengeNameTypePasswordSrp} {
		out[challenge] = func(a *attempt, session *string) (*outcome, error) {
			s, t, err := a.resume(challenge, session)
			if err != nil {
				return nil, err
			}
			return a.engine.firstFactors[challenge].begin(a, t, s)
		}
	}
	return out
}

func (a *attempt) allowsChoice() error {
	if !a.app.Allows("ALLOW_USER_AUTH") {
		return refusal.Invalid("USER_AUTH is not enabled for the client.")
	}
	return nil
}

// configured are the first factors by which a user could sign in.
func (s *Service) configured(p *userpool.Pool, u *userpool.User) []api.ChallengeNameType {
	var out []api.ChallengeNameType
	two := p.MustShowTwo(u)
	for name, f := range s.engine.firstFactors {
		if p.Settings.Begins(f.allowed) && f.usable(s, p, u) && (!two || f.strong(p, u)) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// offered are the choices of a candidate. Nobody is offered what a user with such a name would be.
func (a *attempt) offered(t *candidate) ([]api.ChallengeNameType, error) {
	if t.user != nil {
		return a.configured(a.Pool, t.user), nil
	}
	to, err := a.messages().Pretended(t.name)
	if err != nil {
		return nil, err
	}
	like := &userpool.User{Verifier: []byte{}, Attributes: map[string]string{to.Attribute: to.Address, userpool.VerifiedFlag(to.Attribute): "true"}}
	return a.configured(a.Pool, like), nil
}

// withChoice begins a sign-in: with the preferred factor if the user has it, else with the choice.
func (a *attempt) withChoice(session *string) (*outcome, error) {
	if opt.Value(session) != "" {
		return a.afterSignUp(session)
	}
	name, err := a.name()
	if err != nil {
		return nil, err
	}
	t, err := a.look(name)
	if err != nil {
		return nil, err
	}
	if err := a.ready(t); err != nil {
		return nil, err
	}
	choices, err := a.offered(t)
	if err != nil {
		return nil, err
	}
	if preferred := api.ChallengeNameType(a.params["PREFERRED_CHALLENGE"]); slices.Contains(choices, preferred) {
		return a.engine.firstFactors[preferred].begin(a, t, nil)
	}
	p, err := a.choicePassage(t)
	if err != nil {
		return nil, err
	}
	o, err := a.ask(api.ChallengeNameTypeSelectChallenge, p, nil, map[string]string{})
	if err != nil {
		return nil, err
	}
	o.available = choices
	return o, nil
}

func (a *attempt) choicePassage(t *candidate) (passage, error) {
	shown, err := a.shownName(t)
	return a.passageOf(t, api.AuthFlowTypeUserAuth, shown), err
}

// passageOrNew goes on with the passage of a session, or begins one.
func (a *attempt) passageOrNew(t *candidate, used *session) (passage, error) {
	if used != nil {
		return used.passage, nil
	}
	return a.choicePassage(t)
}

// selectChallenge answers SELECT_CHALLENGE. The choice is checked against what the user has now.
func (a *attempt) selectChallenge(session *string) (*outcome, error) {
	s, t, err := a.resume(api.ChallengeNameTypeSelectChallenge, session)
	if err != nil {
		return nil, err
	}
	answer, err := a.param("ANSWER")
	if err != nil {
		return nil, err
	}
	choices, err := a.offered(t)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(choices, api.ChallengeNameType(answer)) {
		return nil, refusal.Invalid("The challenge %s is not available.", shortened(answer))
	}
	return a.engine.firstFactors[api.ChallengeNameType(answer)].begin(a, t, s)
}

// spendNow spends the session of a step that settles nothing else in a transaction.
func (a *attempt) spendNow(s *session) error {
	if s == nil {
		return nil
	}
	return a.Update(func(rec *store.Records) error { return a.use(rec, s) })
}

// choosePassword checks the password that came with the choice, or asks for it.
func (a *attempt) choosePassword(t *candidate, used *session) (*outcome, error) {
	p, err := a.passageOrNew(t, used)
	if err != nil {
		return nil, err
	}
	password := a.params[paramPassword]
	if password == "" {
		return a.askPassword(api.ChallengeNameTypePassword, p, used)
	}
	ok, err := a.PasswordMatches(t.user, t.name, password)
	if err != nil {
		return nil, err
	}
	return a.settlePassword(t, ok, p, used)
}

func (a *attempt) askPassword(challenge api.ChallengeNameType, p passage, used *session) (*outcome, error) {
	if err := a.spendNow(used); err != nil {
		return nil, err
	}
	return a.ask(challenge, p, nil, map[string]string{"USERNAME": p.Name, "USER_ID_FOR_SRP": p.Name})
}

// chooseSRP goes on by SRP, or asks for the client's public value.
func (a *attempt) chooseSRP(t *candidate, used *session) (*outcome, error) {
	p, err := a.passageOrNew(t, used)
	if err != nil {
		return nil, err
	}
	srpA := a.params[paramSRPA]
	if srpA == "" {
		return a.askPassword(api.ChallengeNameTypePasswordSrp, p, used)
	}
	if err := a.spendNow(used); err != nil {
		return nil, err
	}
	return a.beginSRP(t, srpA, p)
}

// chooseCode sends a code.
func (a *attempt) chooseCode(t *candidate, challenge api.ChallengeNameType, used *session) (*outcome, error) {
	p, err := a.passageOrNew(t, used)
	if err != nil {
		return nil, err
	}
	v := &arrival{passage: p, user: t.user}
	to := messages.Destination{Attribute: userpool.AddressOf(challenge)}
	if t.user == nil {
		if to, err = a.messages().Pretended(t.name); err != nil {
			return nil, err
		}
	} else {
		if err := userpool.Standing(t.user); err != nil {
			if !a.app.HideUsers {
				return nil, err
			}
			v.user = nil // nothing is sent, and nothing tells
		}
		to.Address = t.user.Attributes[to.Attribute]
	}
	if err := a.spendNow(used); err != nil {
		return nil, err
	}
	return a.askCode(v, challenge, to, true)
}

// GetUserAuthFactors implements api.Service.
func (s *Service) GetUserAuthFactors(ctx context.Context, call *pipeline.Call, in *api.GetUserAuthFactorsInput) (*api.GetUserAuthFactorsOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	u, err := userpool.Read(b, b.User)
	if err != nil {
		return nil, err
	}
	out := &api.GetUserAuthFactorsOutput{Username: new(u.Username)}
	out.UserMFASettingList, out.PreferredMfaSetting, _ = u.MFA.Describe()
	for _, name := range s.configured(b.Pool, u) {
		if f := s.engine.firstFactors[name].allowed; !slices.Contains(out.ConfiguredUserAuthFactors, f) {
			out.ConfiguredUserAuthFactors = append(out.ConfiguredUserAuthFactors, f)
		}
	}
	return out, nil
}

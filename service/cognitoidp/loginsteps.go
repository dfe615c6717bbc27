package cognitoidp

import (
	"encoding/json"
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The steps of a sign-in on the pages. Most are the challenges of the API, asked and answered in its words. Here is what
// pages do differently: which flow they begin, that they take a step for the user where there is nothing to choose, and
// that an authenticator app is set up within the sign-in.

// Parameters of challenges that pages show and the API has not.
const (
	// ParamChoices lists the first factors that SELECT_CHALLENGE offers, as JSON.
	ParamChoices = "CHALLENGES"
	// ParamCanSetup lists the second factors that MFA_SETUP offers, as JSON. It is the API's.
	ParamCanSetup = "MFAS_CAN_SETUP"
	// ParamSecret is the secret for an authenticator app, in base 32, of the step StepSetupApp.
	ParamSecret = "SECRET_CODE"
)

// StepSetupApp is the step after MFA_SETUP in which an authenticator app shows that it has its secret: the answer
// AnswerUserCode is a code of the app.
const StepSetupApp = string(setupAssociated)

// StepAnyPasskey asks for a signature by a passkey that says whose it is.
const StepAnyPasskey = string(stepAnyPasskey)

// The answers that the API's challenges do not have.
const (
	// AnswerUserCode is a code of an authenticator app that is being set up.
	AnswerUserCode = "USER_CODE"
	// AnswerEmail and AnswerPhone are addresses for MFA_SETUP.
	AnswerEmail = "EMAIL"
	AnswerPhone = "PHONE_NUMBER"
)

// The values of GetPage's Flow.
const (
	// FlowPassword asks for the name and the password at once.
	FlowPassword = "password"
	// FlowChoice asks for the name first, and then offers the first factors that are the user's.
	FlowChoice = "choice"
	// FlowCustom asks for the name first, and then what the pool's functions ask.
	FlowCustom = "custom"
)

// pageFlow is how sign-ins of the app client's users begin on the pages: by choice if the pool has something to choose
// from and the app client allows it, and by custom challenges if it allows nothing else. Where the tenant was found first
// the password has come already.
func (a *authorization) pageFlow() string {
	passwords := []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"}
	custom := a.app.Allows("ALLOW_CUSTOM_AUTH") || slices.Contains(a.app.Flows, "CUSTOM_AUTH_FLOW_ONLY")
	switch {
	case opt.Value(a.req.Routed) == "" && a.app.Allows("ALLOW_USER_AUTH") && len(a.Pool.Settings.FirstFactors) > 1:
		return FlowChoice
	case custom && !slices.ContainsFunc(passwords, a.app.Allows) && trigger.FunctionOf(a.Pool, trigger.DefineAuthChallenge) != "":
		return FlowCustom
	}
	return FlowPassword
}

var pageFlows = map[string]api.AuthFlowType{
	FlowPassword: api.AuthFlowTypeUserPasswordAuth, FlowChoice: api.AuthFlowTypeUserAuth, FlowCustom: api.AuthFlowTypeCustomAuth,
}

// step takes the sign-in one step further.
func (a *authorization) step(at *loginStep, answers map[string]string) (*outcome, error) {
	params := map[string]string{}
	maps.Copy(params, answers)
	params[paramUsername] = at.Username
	t := &attempt{scoped: a.scoped, app: a.app, channel: channelLogin, params: params}
	o, err := t.stepFrom(at, pageFlows[a.pageFlow()])
	if err != nil {
		return nil, err
	}
	at.Username = params[paramUsername] // a passkey may have told it
	return t.onlyWay(o)
}

func (a *attempt) stepFrom(at *loginStep, flow api.AuthFlowType) (*outcome, error) {
	switch at.Challenge {
	case "":
		if flow == api.AuthFlowTypeUserAuth && at.Username == "" && a.params[paramAnswer] == string(api.ChallengeNameTypeWebAuthn) {
			return a.watched(a.askAnyPasskey)
		}
		return a.begin(flow, nil)
	case stepAnyPasskey:
		return a.watched(func() (*outcome, error) { return a.verifyAnyPasskey(at.Session) })
	case setupAsked:
		return a.chooseSetup(at.Session)
	case setupAssociated:
		return a.endSetup(at.Session)
	}
	return a.answer(at.Challenge, at.Session)
}

// onlyWay takes the next step for the user if it is a choice of one.
func (a *attempt) onlyWay(o *outcome) (*outcome, error) {
	switch o.challenge {
	case api.ChallengeNameTypeSelectChallenge:
		return a.onlyChoice(o)
	case setupAsked:
		var can []userpool.Factor
		if err := json.Unmarshal([]byte(o.params[ParamCanSetup]), &can); err == nil && len(can) == 1 && can[0] == userpool.FactorTOTP {
			return a.beginApp(o.session)
		}
	}
	return o, nil
}

// onlyChoice puts the first factors among the challenge's parameters. SRP is for scripts: pages ask for the password.
func (a *attempt) onlyChoice(o *outcome) (*outcome, error) {
	choices := slices.DeleteFunc(slices.Clone(o.available), func(c api.ChallengeNameType) bool { return c == api.ChallengeNameTypePasswordSrp })
	switch len(choices) {
	case 0:
		return nil, api.NewNotAuthorizedException("There is no way for this user to sign in here.")
	case 1:
		a.params[paramAnswer] = string(choices[0])
		return a.answer(api.ChallengeNameTypeSelectChallenge, o.session)
	}
	text, err := list(choices)
	if err != nil {
		return nil, err
	}
	o.params[ParamChoices] = text
	return o, nil
}

// chooseSetup answers MFA_SETUP: with the choice of a factor, or with the address for one.
func (a *attempt) chooseSetup(session *string) (*outcome, error) {
	if a.params[AnswerEmail] != "" || a.params[AnswerPhone] != "" {
		return a.answer(setupAsked, session)
	}
	switch choice := userpool.Factor(a.params[paramAnswer]); {
	case choice == userpool.FactorTOTP:
		return a.beginApp(session)
	case slices.Contains(userpool.Factors, choice) && a.Pool.MFA.Has(choice): // the session holds on: the address is asked for
		text, err := list([]userpool.Factor{choice})
		return &outcome{challenge: setupAsked, session: session, params: map[string]string{ParamCanSetup: text}}, err
	}
	return nil, refusal.Missing(paramAnswer)
}

// beginApp makes the secret for an authenticator app.
func (a *attempt) beginApp(session *string) (*outcome, error) {
	made, err := a.associate(session)
	if err != nil {
		return nil, err
	}
	return &outcome{challenge: setupAssociated, session: made.Session, params: map[string]string{ParamSecret: *made.SecretCode}}, nil
}

// endSetup checks a code of the app, and goes on with the sign-in.
func (a *attempt) endSetup(session *string) (*outcome, error) {
	code, err := a.param(AnswerUserCode)
	if err != nil {
		return nil, err
	}
	done, err := a.verifyAssociated(session, code, "")
	if err != nil {
		return nil, err
	}
	return a.answer(setupAsked, done.Session)
}

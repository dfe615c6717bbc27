package cognitoidp

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Sign-in by challenges of the operator's own ("Custom authentication challenge Lambda triggers", Amazon Cognito Developer
// Guide). After each step the define function says what is next: another challenge, tokens or a refusal. The create
// function makes a challenge, the verify function judges the answer.
//
// Tokens that the define function asks for come only after what the pool asks of everybody: the user's standing, a new
// password, a second factor. Wrong answers count as wrong passwords do, so that a code is not guessed in many sign-ins.

const (
	sourceDefine = "DefineAuthChallenge_Authentication"
	sourceCreate = "CreateAuthChallenge_Authentication"
	sourceVerify = "VerifyAuthChallengeResponse_Authentication"

	// stepCustom is that the define function asked for tokens.
	stepCustom = "CUSTOM_AUTH"

	paramChallengeName = "CHALLENGE_NAME"
	paramAnswer        = "ANSWER"
	challengeSRPA      = "SRP_A" // the first step of a sign-in that begins with the password
)

// Bounds of a sign-in by custom challenges: its steps, and what the create function gives for the client and for the
// verify function, in bytes of JSON.
const (
	maxCustomSteps      = 32
	maxChallengeDetails = 16 << 10
)

// stepResult is a step as the functions see it.
type stepResult struct {
	Name     string  `json:"challengeName"`
	Result   bool    `json:"challengeResult"`
	Metadata *string `json:"challengeMetadata,omitempty"`
}

// customState is what the server keeps of such a sign-in between two steps, sealed: the client holds its id alone.
type customState struct {
	Steps    []stepResult
	Private  map[string]string
	Metadata *string
}

// customRecord is the state at rest.
type customRecord struct{ Sealed []byte }

func customFlows() map[api.AuthFlowType]flow {
	return map[api.AuthFlowType]flow{
		api.AuthFlowTypeCustomAuth: {allows: (*attempt).allowsCustom, begin: (*attempt).withCustom, then: (*attempt).afterCustomStep},
	}
}

func customResponders() map[api.ChallengeNameType]responder {
	return map[api.ChallengeNameType]responder{api.ChallengeNameTypeCustomChallenge: (*attempt).answerCustom}
}

func (a *attempt) allowsCustom() error {
	if !a.app.Allows("ALLOW_CUSTOM_AUTH") && !slices.Contains(a.app.Flows, "CUSTOM_AUTH_FLOW_ONLY") {
		return flowNotEnabled()
	}
	return nil
}

// withCustom begins a sign-in by custom challenges, with the password first if the client sends SRP_A.
func (a *attempt) withCustom(*string) (*outcome, error) {
	if trigger.FunctionOf(a.Pool, trigger.DefineAuthChallenge) == "" {
		return nil, refusal.Invalid("Custom auth lambda trigger is not configured for the user pool.")
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
	if t.user != nil && !a.app.HideUsers {
		if err := userpool.Standing(t.user); err != nil {
			return nil, err
		}
	}
	shown, err := a.shownName(t)
	if err != nil {
		return nil, err
	}
	st := &customState{}
	switch a.params[paramChallengeName] {
	case "":
	case challengeSRPA:
		if _, err := a.param(paramSRPA); err != nil {
			return nil, err
		}
		st.Steps = []stepResult{{Name: challengeSRPA, Result: true}}
	default:
		return nil, refusal.Invalid("%s can only be %s.", paramChallengeName, challengeSRPA)
	}
	return a.define(t, a.passageOf(t, api.AuthFlowTypeCustomAuth, shown), st)
}

// afterCustomStep is asked when a step that is not the functions' own was passed: the password, or what the gates ask.
func (a *attempt) afterCustomStep(v *arrival) (*outcome, error) {
	if v.passed(stepCustom) {
		return nil, nil
	}
	st, err := a.customState(v.Custom)
	if err != nil {
		return nil, err
	}
	st.Steps = append(st.Steps, stepResult{Name: string(api.ChallengeNameTypePasswordVerifier), Result: true})
	return a.define(&candidate{user: v.user, name: v.Name, who: v.Who}, v.passage, st)
}

type customRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	ChallengeName  string            `json:"challengeName,omitempty"` // create alone
	Session        []stepResult      `json:"session"`
	// UserNotFound is there with app clients that hide users.
	UserNotFound   *bool             `json:"userNotFound,omitempty"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

func (a *attempt) customRequest(t *candidate, st *customState) customRequest {
	req := customRequest{UserAttributes: map[string]string{}, Session: st.Steps, ClientMetadata: a.around.meta}
	if req.Session == nil {
		req.Session = []stepResult{}
	}
	if t.user != nil {
		req.UserAttributes = trigger.AttributesOf(t.user)
	}
	if a.app.HideUsers {
		req.UserNotFound = new(t.user == nil)
	}
	return req
}

// define asks what is next.
func (a *attempt) define(t *candidate, p passage, st *customState) (*outcome, error) {
	if len(st.Steps) > maxCustomSteps {
		return nil, refusal.BadCredentials()
	}
	var next struct {
		Challenge *string `json:"challengeName"`
		Issue     *bool   `json:"issueTokens"`
		Fail      *bool   `json:"failAuthentication"`
	}
	o := trigger.Occasion{At: trigger.DefineAuthChallenge, Source: sourceDefine, Client: a.app.ID, Name: p.Name}
	if err := a.triggers.Invoke(a.Request, o, a.customRequest(t, st), &next); err != nil {
		return nil, err
	}
	challenge := api.ChallengeNameType(opt.Value(next.Challenge))
	switch {
	case opt.Value(next.Fail):
		return nil, refusal.BadCredentials()
	case opt.Value(next.Issue):
		return a.customPassed(t, p)
	case challenge == api.ChallengeNameTypeCustomChallenge:
		return a.createChallenge(t, p, st)
	case challenge == api.ChallengeNameTypePasswordVerifier && len(st.Steps) == 1 && st.Steps[0].Name == challengeSRPA:
		return a.customSRP(t, st)
	}
	return nil, trigger.BadResponse("the challenge %.64q cannot come next", challenge)
}

// customPassed goes on with a user for whom the define function asks for tokens. Nobody gets none, whatever it says.
func (a *attempt) customPassed(t *candidate, p passage) (*outcome, error) {
	if t.user == nil {
		return nil, refusal.BadCredentials()
	}
	v := &arrival{passage: p.pass(stepCustom)}
	err := a.View(func(rec *store.Records) (err error) {
		if v.user, err = store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, t.user.Sub)); err != nil {
			return err
		}
		if !p.holdsFor(v.user) {
			return refusal.BadSession()
		}
		v.groups, err = a.MembershipOf(rec, v.user)
		return err
	})
	return a.onward(v, err)
}

// customSRP asks for the password by SRP.
func (a *attempt) customSRP(t *candidate, st *customState) (*outcome, error) {
	srpA, err := a.param(paramSRPA)
	if err != nil {
		return nil, err
	}
	if t.custom, err = a.keepCustom(st); err != nil {
		return nil, err
	}
	shown, err := a.shownName(t)
	if err != nil {
		return nil, err
	}
	return a.beginSRP(t, srpA, a.passageOf(t, api.AuthFlowTypeCustomAuth, shown))
}

// createChallenge has the create function make a challenge and gives its public half to the client. The private half
// stays here.
func (a *attempt) createChallenge(t *candidate, p passage, st *customState) (*outcome, error) {
	if trigger.FunctionOf(a.Pool, trigger.CreateAuthChallenge) == "" || trigger.FunctionOf(a.Pool, trigger.VerifyAuthChallenge) == "" {
		return nil, refusal.Invalid("Custom auth lambda trigger is not configured for the user pool.")
	}
	var made struct {
		Public   map[string]string `json:"publicChallengeParameters"`
		Private  map[string]string `json:"privateChallengeParameters"`
		Metadata *string           `json:"challengeMetadata"`
	}
	req := a.customRequest(t, st)
	req.ChallengeName = string(api.ChallengeNameTypeCustomChallenge)
	o := trigger.Occasion{At: trigger.CreateAuthChallenge, Source: sourceCreate, Client: a.app.ID, Name: p.Name}
	if err := a.triggers.Invoke(a.Request, o, req, &made); err != nil {
		return nil, err
	}
	for _, part := range []any{made.Public, []any{made.Private, made.Metadata}} {
		if text, err := json.Marshal(part); err != nil || len(text) > maxChallengeDetails {
			return nil, trigger.BadResponse("the challenge is longer than %d bytes", maxChallengeDetails)
		}
	}
	id, err := a.keepCustom(&customState{Steps: st.Steps, Private: made.Private, Metadata: made.Metadata})
	if err != nil {
		return nil, err
	}
	p.Custom = id
	params := maps.Clone(made.Public)
	if params == nil {
		params = map[string]string{}
	}
	params[paramUsername] = p.Name
	return a.ask(api.ChallengeNameTypeCustomChallenge, p, nil, params)
}

type verifyRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	Private        map[string]string `json:"privateChallengeParameters"`
	Answer         string            `json:"challengeAnswer"`
	UserNotFound   *bool             `json:"userNotFound,omitempty"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// answerCustom has the verify function judge an answer. The session is spent before it is asked, so one challenge is
// answered once however many answers come at the same time. The answer counts as a wrong one until it is found right: of
// many sign-ins that are answered at once, no more are judged than one after the other would be. A right answer forgets
// nothing else: it may be one of many that are asked.
func (a *attempt) answerCustom(sessionText *string) (*outcome, error) {
	s, t, err := a.resume(api.ChallengeNameTypeCustomChallenge, sessionText)
	if err != nil {
		return nil, err
	}
	answer, err := a.param(paramAnswer)
	if err != nil {
		return nil, err
	}
	st, err := a.customState(s.Custom)
	if err != nil {
		return nil, err
	}
	err = a.Update(func(rec *store.Records) error {
		if err := a.use(rec, s); err != nil {
			return err
		}
		return a.Reserve(rec, t.who)
	})
	if err != nil {
		return nil, err
	}
	base := a.customRequest(t, st)
	var verdict struct {
		Correct *bool `json:"answerCorrect"`
	}
	err = a.triggers.Invoke(a.Request, trigger.Occasion{At: trigger.VerifyAuthChallenge, Source: sourceVerify, Client: a.app.ID, Name: s.Name},
		verifyRequest{base.UserAttributes, st.Private, answer, base.UserNotFound, base.ClientMetadata}, &verdict)
	if err != nil {
		return nil, err
	}
	if opt.Value(verdict.Correct) {
		if err := a.Update(func(rec *store.Records) error { return a.Release(rec, t.who) }); err != nil {
			return nil, err
		}
	}
	steps := append(slices.Clone(st.Steps), stepResult{string(api.ChallengeNameTypeCustomChallenge), opt.Value(verdict.Correct), st.Metadata})
	return a.define(t, s.passage, &customState{Steps: steps})
}

func customBinding(id string) []byte { return []byte("custom/" + id) }

// keepCustom stores a state under a new id for as long as a session lasts.
func (a *attempt) keepCustom(st *customState) (string, error) {
	text, err := json.Marshal(st)
	if err != nil {
		return "", fault.Wrap(err, "encode a sign-in")
	}
	id := uuid.NewString()
	sealed, err := a.Keyring.Seal(keyring.AuthSession, a.Pool.Scope(), text, customBinding(id))
	if err != nil {
		return "", fault.Wrap(err, "seal a sign-in")
	}
	until := a.newSession(passage{}, nil).Expires
	return id, a.Update(func(rec *store.Records) error {
		if err := store.Save(rec, a.Pool.SpentKey(userpool.SpentCustom, id), &customRecord{sealed}); err != nil {
			return err
		}
		return a.Expire(rec, userpool.SpentCustom, id, until)
	})
}

// customState reads a state back. The session that named it has its own expiry.
func (a *attempt) customState(id string) (*customState, error) {
	r, err := userpool.Read(a, func(rec *store.Records) (*customRecord, error) {
		return store.Load[customRecord](rec, a.Pool.SpentKey(userpool.SpentCustom, id))
	})
	if err != nil {
		return nil, err
	}
	if id == "" || r == nil {
		return nil, refusal.BadSession()
	}
	text, err := a.Keyring.Open(keyring.AuthSession, a.Pool.Scope(), r.Sealed, customBinding(id))
	if err != nil {
		return nil, fault.Wrap(err, "open a sign-in")
	}
	var st customState
	return &st, fault.Doing(json.Unmarshal(text, &st), "read a sign-in")
}

package cognitoidp

import (
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The course of a sign-in ("Authentication with Amazon Cognito user pools", Amazon Cognito Developer Guide):
//
//	flow ──> challenges of the flow ──> next: standing ─> flow's own ─> gates ─> finish
//	          ^                           │                              │
//	          └──────── session ──────────┴──────── session ─────────────┘
//
// A flow begins it. What a step has shown is added to the passage, and next alone decides what follows: another challenge,
// whose session carries the passage sealed, or the end. Each challenge has one responder, which opens the session of its
// kind, checks the answer, adds to the passage and calls next.
//
// To add a first factor: a flow in a table of its own file, listed in flows. To add a challenge: a responder in a table of
// its own file, listed in responders. To ask for something after the first factor: a gate. Triggers hang in points.go.

// flow is a way to begin a sign-in.
type flow struct {
	// allows says whether the app client may use the flow through the attempt's channel, in AWS's words if not. The
	// sign-in pages are not asked.
	allows func(a *attempt) error
	// begin takes the first step. The session is one that an earlier operation gave; most flows take none.
	begin func(a *attempt, session *string) (*outcome, error)
	// then is asked after each step whether the flow itself has another challenge, before any gate; nil for flows that
	// one passed challenge completes.
	then func(a *attempt, v *arrival) (*outcome, error)
}

// responder takes the answer to one challenge.
type responder func(a *attempt, session *string) (*outcome, error)

// engine holds the tables.
type engine struct {
	flows      map[api.AuthFlowType]flow
	responders map[api.ChallengeNameType]responder
	// firstFactors are the choices of the flow USER_AUTH.
	firstFactors map[api.ChallengeNameType]firstFactor
	// gates are asked in order; the first that has something to ask is the next challenge.
	gates []demand
}

// demand is what is asked of a user whose first factor is complete: it returns nil when the passage has met it.
type demand func(a *attempt, v *arrival) (*outcome, error)

// newEngine puts the tables of all files together.
func newEngine() *engine {
	e := &engine{flows: map[api.AuthFlowType]flow{}, responders: map[api.ChallengeNameType]responder{}}
	for _, table := range []map[api.AuthFlowType]flow{
		passwordFlows(), srpFlows(), choiceFlows(), refreshFlows(), customFlows(),
	} {
		maps.Copy(e.flows, table)
	}
	for _, table := range []map[api.ChallengeNameType]responder{
		srpResponders(), choiceResponders(), newPasswordResponders(), mfaResponders(), deviceResponders(), customResponders(),
		passkeyResponders(),
	} {
		maps.Copy(e.responders, table)
	}
	e.firstFactors = firstFactors()
	e.gates = []demand{
		(*attempt).newPasswordGate, (*attempt).trustedDeviceGate, (*attempt).secondFactorGate, (*attempt).deviceGate,
	}
	return e
}

// passage is how far a sign-in has come. It travels in the session, sealed, so everything in it was put there by this
// server for this pool and app client.
type passage struct {
	Flow api.AuthFlowType
	Sub  string // empty for a name that is nobody's
	Name string // as the challenges call the user
	Who  string // whose guesses count
	// Epoch is the user's, so that signing out ends sign-ins under way too.
	Epoch uint32
	// Mark stands for the password that was shown, so that replacing it ends the sign-in; nil if none was.
	Mark []byte
	// Passed are the challenges and factors passed so far, in order.
	Passed []string
	// Device is the DEVICE_KEY that came with the first step.
	Device string
	// Custom is the id of the state of a sign-in by custom challenges.
	Custom string `json:",omitempty"`
}

func (p *passage) passed(step string) bool { return slices.Contains(p.Passed, step) }

// pass adds a step. Passages are values: one that other steps may still be made from is not changed.
func (p passage) pass(step string) passage {
	p.Passed = append(slices.Clip(p.Passed), step)
	return p
}

// arrival is a user on the way in.
type arrival struct {
	passage
	user   *userpool.User
	groups userpool.Membership
}

// begin starts a sign-in.
func (a *attempt) begin(name api.AuthFlowType, session *string) (*outcome, error) {
	f, ok := a.engine.flows[name]
	if !ok {
		return nil, refusal.NotServed("The authentication flow " + string(name))
	}
	if a.channel != channelLogin {
		if err := f.allows(a); err != nil {
			return nil, err
		}
	}
	return a.watched(func() (*outcome, error) { return f.begin(a, session) })
}

// answer takes the answer to a challenge.
func (a *attempt) answer(challenge api.ChallengeNameType, session *string) (*outcome, error) {
	r, ok := a.engine.responders[challenge]
	if !ok {
		return nil, refusal.NotServed("The challenge " + string(challenge))
	}
	return a.watched(func() (*outcome, error) { return r(a, session) })
}

// next decides what follows a step that was passed. It is the only way to the end of a sign-in.
func (a *attempt) next(v *arrival) (*outcome, error) {
	if err := userpool.Standing(v.user); err != nil {
		return nil, err
	}
	if then := a.engine.flows[v.Flow].then; then != nil {
		if o, err := then(a, v); o != nil || err != nil {
			return o, err
		}
	}
	for _, g := range a.engine.gates {
		if o, err := g(a, v); o != nil || err != nil {
			return o, err
		}
	}
	return a.finish(v)
}

// finish ends a sign-in: with tokens at the API, with the arrival for the sign-in pages.
func (a *attempt) finish(v *arrival) (*outcome, error) {
	if err := a.afterAuthentication(v); err != nil {
		return nil, err
	}
	in := a.tokens().NewSignIn(v.user)
	fresh, err := a.placeDevice(v, &in)
	if err != nil {
		return nil, err
	}
	switch a.channel {
	case channelLogin:
		return &outcome{arrival: v, signIn: in}, nil
	case channelAPI, channelAdmin:
		tokens, err := a.tokens().Issue(&tokens.Issuance{
			App: a.app, User: v.user, Groups: v.groups, SignIn: in, Source: v.tokenSource(), Meta: a.around.meta, Refresh: true,
		})
		if err == nil {
			tokens.NewDeviceMetadata = fresh
		}
		return &outcome{tokens: tokens, params: map[string]string{}}, err
	default:
		return nil, refusal.BadSession()
	}
}

// ask makes the outcome that is a challenge. State is what its responder needs to know again.
func (a *attempt) ask(challenge api.ChallengeNameType, p passage, state []byte, params map[string]string) (*outcome, error) {
	sealed, err := a.sealSession(string(challenge), a.newSession(p, state))
	if err != nil {
		return nil, err
	}
	return &outcome{challenge: challenge, params: params, session: new(a.wrapSession(sealed))}, nil
}

package cognitoidp

import (
	"net/url"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
)

// Between a sign-in and the answer to the app client, pages may have something left to ask: consent to what a third
// party's client wants, or whether to save a passkey. The browser is remembered by then; what it holds for these steps is
// the sealed step alone.

// The steps after a sign-in.
const (
	// StepConsent asks whether the app client may have what it wants: the answer AnswerConsent is ConsentAllow or
	// ConsentDeny.
	StepConsent = "CONSENT"
	// StepSavePasskey offers to save a passkey: the answer AnswerCredential is what the browser made for the parameter
	// ParamCreation, and without it nothing is saved.
	StepSavePasskey = "SAVE_PASSKEY"
)

// Parameters and answers of these steps.
const (
	// ParamScopes are the scopes that are asked for, as a JSON list of ConsentScope.
	ParamScopes = "SCOPES"
	// ParamName is what the user signs in with.
	ParamName = "NAME"
	// ParamCreation are the options for a new passkey, and ParamRequest those for a signature by one, as browsers take them.
	ParamCreation = "CREDENTIAL_CREATION_OPTIONS"
	ParamRequest  = paramRequestOptions

	AnswerConsent    = "CONSENT"
	AnswerCredential = paramCredential
	// AnswerLater tells that the browser's user does not want to be offered a passkey now.
	AnswerLater = "LATER"

	ConsentAllow = "allow"
	ConsentDeny  = "deny"
)

// arrivalLife is how long the steps after a sign-in may take.
const arrivalLife = 10 * time.Minute

// onward is a user who is signed in at a browser, on the way to the app client.
type onward struct {
	*authorization
	visitor *visitor
	// browser is the browser's secret, base where it sees the pool's endpoints.
	browser, base string
	// done are the steps that are behind.
	done []string
}

// proceed asks what is left to ask, or gives the client what it wants.
func (o *onward) proceed() (*login.SignInOutput, error) {
	gates := []struct {
		step api.ChallengeNameType
		ask  func() (map[string]string, error)
	}{{StepConsent, o.consentGate}, {StepSavePasskey, o.passkeyGate}}
	for _, g := range gates {
		if slices.Contains(o.done, string(g.step)) {
			continue
		}
		params, err := g.ask()
		if err != nil {
			return nil, err
		}
		if params != nil {
			return o.ask(g.step, params)
		}
	}
	location, err := o.grant(o.visitor.user, o.visitor.groups, o.visitor.session.At)
	return &login.SignInOutput{Location: &location}, err
}

// ask makes a step.
func (o *onward) ask(step api.ChallengeNameType, params map[string]string) (*login.SignInOutput, error) {
	state, err := o.sealText(keyring.LoginSession, &loginStep{
		Challenge: step, Arrived: o.visitor.session, Done: o.done, Scopes: o.scopes, Redirect: o.redirect, Until: o.Call.Now.Add(arrivalLife),
	}, aboutBrowser(o.app, o.browser))
	return &login.SignInOutput{Challenge: new(string(step)), Parameters: params, State: &state}, err
}

// arrivedStep takes the answer to one of these steps. The request must be the one that the step was asked for.
func (a *authorization) arrivedStep(at *loginStep, in *login.SignInInput, browser, base string) (*login.SignInOutput, error) {
	if !a.Call.Now.Before(at.Until) || !slices.Equal(at.Scopes, a.scopes) || at.Redirect != a.redirect {
		return nil, refusal.BadSession()
	}
	v, err := a.visitorOf(at.Arrived)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, refusal.BadSession()
	}
	o := &onward{a, v, browser, base, append(slices.Clip(at.Done), string(at.Challenge))}
	switch at.Challenge {
	case StepConsent:
		if refused, err := o.takeConsent(in.Answers[AnswerConsent]); refused != nil || err != nil {
			return refused, err
		}
	case StepSavePasskey:
		if credential := in.Answers[AnswerCredential]; credential != "" {
			if err := o.bearer().completeRegistration([]byte(credential)); err != nil {
				return nil, err
			}
		}
	default:
		return nil, refusal.BadSession()
	}
	return o.proceed()
}

// visitorOf returns the user of a session; nil if that sign-in is over.
func (a *authorization) visitorOf(s *loginSession) (v *visitor, err error) {
	err = a.View(func(rec *store.Records) error {
		over, err := a.loggedOut(rec, s)
		if err != nil || over {
			return err
		}
		u, err := a.signedIn(rec, s.Sub, s.Epoch, "")
		if err != nil || u == nil {
			return err
		}
		good, err := a.serves(rec, s, u)
		if err != nil || !good {
			return err
		}
		m, err := a.MembershipOf(rec, u)
		v = &visitor{u, m, s}
		return err
	})
	return v, err
}

// bearer is the user of the session as one who manages their own account.
func (o *onward) bearer() *bearer {
	s := o.visitor.session
	return &bearer{o.scoped, &tokens.Held{Request: o.tokens(), App: o.app, Claims: &tokens.Claims{Sub: s.Sub, Issued: s.At.Unix() + 1}}}
}

// passkeyGate offers a user without one to save a passkey, where the pool takes passkeys and the browser would make one.
func (o *onward) passkeyGate() (map[string]string, error) {
	u := o.visitor.user
	party := o.partyID(o.Pool)
	at, err := url.Parse(o.base)
	if err != nil || u.Status != api.UserStatusTypeConfirmed || !o.Pool.Settings.Begins(api.AuthFactorTypeWebAuthn) || !within(at.Hostname(), party) {
		return nil, nil //nolint:nilerr,nilnil // nowhere to save one for
	}
	if u.Passkeys[party] > 0 {
		return nil, nil
	}
	return o.passkeyStep()
}

func (o *onward) passkeyStep() (map[string]string, error) {
	options, err := o.bearer().startRegistration()
	return map[string]string{ParamCreation: string(options), ParamName: o.visitor.user.Username}, err
}

// within reports whether pages of the host may use keys of the relying party.
func within(host, party string) bool {
	return party != "" && (host == party || strings.HasSuffix(host, "."+party))
}

// addPasskey is the page on which a user who is signed in saves another passkey ("Passkeys", Amazon Cognito Developer
// Guide). The sign-in must be a recent one: whoever finds an open browser must not come away with a key.
func (o *onward) addPasskey() (*login.SignInOutput, error) {
	if o.Call.Now.Sub(o.visitor.session.At) > arrivalLife {
		return &login.SignInOutput{}, nil
	}
	o.done = append(o.done, StepConsent)
	if needed, err := o.consentNeeded(); err != nil || needed {
		return nil, orConsent(err)
	}
	params, err := o.passkeyStep()
	if err != nil {
		return nil, err
	}
	return o.ask(StepSavePasskey, params)
}

func orConsent(err error) error {
	if err == nil {
		err = oauthError(ErrConsentRequired, "The user has not consented.")
	}
	return err
}

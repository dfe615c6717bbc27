package cognitoidp

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// The lengths of codes: those that sign in by themselves are longer than those beside a password.
const (
	firstFactorDigits  = 8
	secondFactorDigits = 6
)

// The default texts of codes to sign in with ("Configuring MFA", Amazon Cognito Developer Guide).
const (
	defaultSignInSubject = "Your authentication code"
	defaultSignInBody    = "Your authentication code is " + messages.CodePlaceholder + "."
)

// sent is the state of a challenge whose code was sent. The session is sealed, so the code is as secret in it as in the
// store, and ends with it.
type sent struct {
	Code string
	To   string // the address, which must still be the user's
	// First is true when the code is a first factor.
	First bool
	// Set is an attribute that a right code shows to be the user's, and turns the factor on; or "".
	Set string
}

// askCode sends a code and asks for it. For nobody it does all but send.
func (a *attempt) askCode(v *arrival, challenge api.ChallengeNameType, to messages.Destination, first bool) (*outcome, error) {
	return a.askSent(v, challenge, to, sent{To: to.Address, First: first})
}

func (a *attempt) askSent(v *arrival, challenge api.ChallengeNameType, to messages.Destination, state sent) (*outcome, error) {
	if err := a.countSent(v.Who); err != nil {
		return nil, err
	}
	state.Code = newDigits(secondFactorDigits)
	if state.First {
		state.Code = newDigits(firstFactorDigits)
	}
	if v.user != nil {
		n := messages.Notice{Event: messages.ForAuthentication, Client: a.app.ID, Meta: a.around.meta, Quiet: state.First && a.app.HideUsers}
		if err := a.messages().Send(n, v.user, to, signInTemplate(a.Pool, to.Medium()), state.Code); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(state)
	if err != nil {
		return nil, fault.Wrap(err, "encode the state of a challenge")
	}
	return a.ask(challenge, v.passage, text, map[string]string{
		"USER_ID_FOR_SRP": v.Name, "CODE_DELIVERY_DELIVERY_MEDIUM": string(to.Medium()), "CODE_DELIVERY_DESTINATION": messages.Mask(to.Address),
	})
}

// newDigits makes a code.
func newDigits(n int) string {
	most := 1
	for range n {
		most *= 10
	}
	return fmt.Sprintf("%0*d", n, random.Int(most))
}

func signInTemplate(p *userpool.Pool, m api.DeliveryMediumType) messages.Template {
	if m == api.DeliveryMediumTypeSms {
		var own *string
		if p.MFA.SMS != nil {
			own = p.MFA.SMS.Message
		}
		return messages.Template{Body: messages.FirstOf(own, new(defaultSignInBody))}
	}
	e := p.MFA.Email
	if e == nil {
		e = &api.EmailMfaConfigType{}
	}
	return messages.Template{Subject: messages.FirstOf(e.Subject, new(defaultSignInSubject)), Body: messages.FirstOf(e.Message, new(defaultSignInBody))}
}

// codeResponder answers a challenge with a code that was sent.
func codeResponder(challenge api.ChallengeNameType, parameter string) responder {
	return func(a *attempt, session *string) (*outcome, error) {
		s, _, err := a.resume(challenge, session)
		if err != nil {
			return nil, err
		}
		given, err := a.param(parameter)
		if err != nil {
			return nil, err
		}
		var state sent
		if err := json.Unmarshal(s.State, &state); err != nil {
			return nil, fault.Wrap(err, "read the state of a challenge")
		}
		v, err := a.settleCode(s, state.steps(challenge), func(_ *store.Records, u *userpool.User) (bool, error) {
			return subtle.ConstantTimeCompare([]byte(state.Code), []byte(given)) == 1 && state.holds(u, challenge), nil
		}, func(rec *store.Records, u *userpool.User) (*userpool.User, error) {
			return a.shown(rec, u, challenge, &state)
		})
		return a.onward(v, err)
	}
}

func (t *sent) steps(challenge api.ChallengeNameType) []string {
	if t.First {
		return []string{string(challenge)}
	}
	return []string{string(challenge), stepSecond}
}

// holds reports whether the address is still the user's: a code says nothing of one that came in its place.
func (t *sent) holds(u *userpool.User, challenge api.ChallengeNameType) bool {
	return t.Set != "" || u != nil && u.Attributes[userpool.AddressOf(challenge)] == t.To
}

// shown gives the user the address that a right code has shown to be theirs, where one was to be set up.
func (a *attempt) shown(rec *store.Records, before *userpool.User, challenge api.ChallengeNameType, t *sent) (*userpool.User, error) {
	if t.Set == "" {
		return before, nil
	}
	u := before.Clone()
	if err := a.setUp(u, t); err != nil {
		return nil, err
	}
	u.Put(userpool.VerifiedFlag(t.Set), "true")
	u.MFA, u.Modified = u.MFA.With(challenge, true), a.Call.Now
	return u, a.Pool.SaveUser(rec, before, u, false)
}

// countSent counts a code that is about to be sent, for a name that is nobody's as for a user.
func (a *attempt) countSent(who string) error {
	return a.Update(func(rec *store.Records) error {
		k := a.Pool.SpentKey(userpool.SpentSent, who)
		n, err := store.Load[userpool.Tally](rec, k)
		if err != nil {
			return err
		}
		now := a.Call.Now
		if n == nil || now.Sub(n.Since) >= userpool.SentWindow {
			n = &userpool.Tally{Since: now}
		}
		if n.Count++; n.Count > userpool.MaxSentCode {
			return refusal.TooManyRequests()
		}
		if err := store.Save(rec, k, n); err != nil {
			return err
		}
		return a.Expire(rec, userpool.SpentSent, who, n.Since.Add(userpool.SentWindow))
	})
}

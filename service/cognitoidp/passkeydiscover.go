package cognitoidp

import (
	"bytes"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/passkey"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// stepAnyPasskey is a step of the pages: a signature by whatever key of the pool the browser's user chooses, which says
// who they are (discoverable credentials; section 7.2 step 6 of Web Authentication).
const stepAnyPasskey = api.ChallengeNameTypeWebAuthn + "/any"

// askAnyPasskey asks for it.
func (a *attempt) askAnyPasskey() (*outcome, error) {
	party, err := a.party()
	if err != nil {
		return nil, err
	}
	challenge, err := passkey.NewChallenge()
	if err != nil {
		return nil, fault.Wrap(err, "make a challenge")
	}
	options, err := party.Request(challenge, nil)
	if err != nil {
		return nil, fault.Wrap(err, "make options")
	}
	return a.ask(stepAnyPasskey, passage{Flow: api.AuthFlowTypeUserAuth}, challenge, map[string]string{paramRequestOptions: string(options)})
}

// verifyAnyPasskey takes the signature. From where its key says whose it is, it goes the way of a user who gave their name.
func (a *attempt) verifyAnyPasskey(session *string) (*outcome, error) {
	s, err := a.sessionFrom(stepAnyPasskey, session)
	if err != nil {
		return nil, err
	}
	text, err := a.param(paramCredential)
	if err != nil {
		return nil, err
	}
	answer, err := passkey.ParseAssertion([]byte(text))
	if err != nil {
		return nil, passkeyFault(err)
	}
	u, err := a.ownerOf(answer)
	if err != nil {
		return nil, err
	}
	if u == nil {
		if err := a.spendNow(s); err != nil {
			return nil, err
		}
		return nil, badPasskey()
	}
	a.params[paramUsername] = u.Username
	t, err := a.look(u.Username)
	if err != nil {
		return nil, err
	}
	if err := a.ready(t); err != nil {
		return nil, err
	}
	f := a.engine.firstFactors[api.ChallengeNameTypeWebAuthn]
	if a.Pool.MustShowTwo(u) && !f.strong(a.Pool, u) {
		return nil, badPasskey() // as it would not be offered to the user by name
	}
	s.passage = a.passageOf(t, api.AuthFlowTypeUserAuth, u.Username)
	return a.takePasskey(s, t.user, answer)
}

// ownerOf finds the user of the key that an answer says it is of; nil if there is none, or another than the key says.
func (a *attempt) ownerOf(answer *passkey.Assertion) (u *userpool.User, err error) {
	err = a.View(func(rec *store.Records) error {
		owner, err := store.Load[userpool.Ref](rec, userpool.PasskeyOwnerKey(a.Pool.ID, passkeyName(answer.ID())))
		if err != nil || owner == nil || !bytes.Equal(answer.Handle(), []byte(owner.Sub)) {
			return err
		}
		u, err = store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, owner.Sub))
		return err
	})
	return u, err
}

package cognitoidp

import (
	"errors"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/passkey"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Names of a passkey's parameters.
const (
	paramRequestOptions = "CREDENTIAL_REQUEST_OPTIONS"
	paramCredential     = "CREDENTIAL"
)

// factorPasskey is the step that a passkey passes.
const factorPasskey = string(api.ChallengeNameTypeWebAuthn)

// passkeyFactor is the first factor WEB_AUTHN. Where the pool says so, a key that verified its user is two factors.
func passkeyFactor() firstFactor {
	return firstFactor{
		allowed: api.AuthFactorTypeWebAuthn,
		usable:  func(s *Service, p *userpool.Pool, u *userpool.User) bool { return u.Passkeys[s.partyID(p)] > 0 },
		strong:  func(p *userpool.Pool, _ *userpool.User) bool { return passkeysAlone(p) },
		begin:   (*attempt).choosePasskey,
	}
}

func passkeyResponders() map[api.ChallengeNameType]responder {
	return map[api.ChallengeNameType]responder{api.ChallengeNameTypeWebAuthn: (*attempt).verifyPasskey}
}

// choosePasskey asks for a signature by one of the user's keys.
func (a *attempt) choosePasskey(t *candidate, used *session) (*outcome, error) {
	p, err := a.passageOrNew(t, used)
	if err != nil {
		return nil, err
	}
	if t.user == nil {
		return nil, refusal.BadSession() // nobody is offered this choice
	}
	if err := userpool.Standing(t.user); err != nil {
		return nil, err
	}
	party, err := a.party()
	if err != nil {
		return nil, err
	}
	keys, err := userpool.Read(a, func(rec *store.Records) ([]passkey.Key, error) {
		return passkeysOf(a.Pool, rec, t.user.Sub, party.ID)
	})
	if err == nil {
		err = a.spendNow(used)
	}
	if err != nil {
		return nil, err
	}
	challenge, err := passkey.NewChallenge()
	if err != nil {
		return nil, fault.Wrap(err, "make a challenge")
	}
	options, err := party.Request(challenge, keys)
	if err != nil {
		return nil, fault.Wrap(err, "make options")
	}
	return a.ask(api.ChallengeNameTypeWebAuthn, p, challenge, map[string]string{paramRequestOptions: string(options)})
}

// verifyPasskey answers WEB_AUTHN. Whatever comes of it, the challenge is spent: it is checked once.
func (a *attempt) verifyPasskey(session *string) (*outcome, error) {
	s, t, err := a.resume(api.ChallengeNameTypeWebAuthn, session)
	if err != nil {
		return nil, err
	}
	text, err := a.param(paramCredential)
	if err != nil {
		return nil, err
	}
	if t.user == nil {
		return nil, refusal.BadSession()
	}
	answer, err := passkey.ParseAssertion([]byte(text))
	if err != nil {
		return nil, passkeyFault(err)
	}
	return a.takePasskey(s, t.user, answer)
}

// takePasskey goes on with a user whose key signed the session's challenge.
func (a *attempt) takePasskey(s *session, u *userpool.User, answer *passkey.Assertion) (*outcome, error) {
	used, verified, refused, err := a.checkPasskey(u, s, answer)
	if err != nil {
		return nil, err
	}
	v := &arrival{passage: s.pass(factorPasskey)}
	if verified && passkeysAlone(a.Pool) {
		v.passage = v.pass(stepSecond)
	}
	if refused == nil {
		refused, err = a.admitPasskey(s, used, v)
	} else {
		err = a.spendNow(s)
	}
	if err == nil {
		err = refused
	}
	return a.onward(v, err)
}

// checkPasskey checks a signature by one of the user's keys. refused says what the caller is told of one that does not hold;
// err is for what went wrong here.
func (a *attempt) checkPasskey(u *userpool.User, s *session, answer *passkey.Assertion) (used *passkey.Key, verified bool, refused, err error) {
	party, err := a.party()
	if err != nil {
		return nil, false, nil, err
	}
	keys, err := userpool.Read(a, func(rec *store.Records) ([]passkey.Key, error) {
		return passkeysOf(a.Pool, rec, u.Sub, party.ID)
	})
	if err != nil {
		return nil, false, nil, err
	}
	leave, err := a.Work.Enter(a.Ctx)
	if err != nil {
		return nil, false, nil, err
	}
	defer leave()
	used, verified, err = party.Verify(passkeyUser(u), s.State, answer, keys)
	for _, told := range []error{passkey.ErrChallenge, passkey.ErrOrigin, passkey.ErrParty, passkey.ErrRefused, passkey.ErrMalformed} {
		if errors.Is(err, told) {
			return nil, false, badPasskey(), nil
		}
	}
	return used, verified, nil, fault.Doing(err, "check a passkey")
}

// badPasskey refuses a signature. It does not say what was wrong: the operations that answer challenges have no faults of
// passkeys in their model.
func badPasskey() *fault.Error { return api.NewNotAuthorizedException("Invalid passkey.") }

// admitPasskey spends the session, moves the key's counter on and loads its user. Of two answers at once by one counter the
// second is refused, as it would have been after the first.
func (a *attempt) admitPasskey(s *session, used *passkey.Key, v *arrival) (refused, err error) {
	err = a.Update(func(rec *store.Records) (err error) {
		refused = nil
		if err := a.use(rec, s); err != nil {
			return err
		}
		if err := a.Guard(rec, s.Who); err != nil {
			return err
		}
		if v.user, err = store.Load[userpool.User](rec, userpool.UserKey(a.Pool.ID, s.Sub)); err != nil {
			return err
		}
		if !s.holdsFor(v.user) {
			return refusal.BadSession()
		}
		k := passkeyKey(a.Pool.ID, s.Sub, used.ID)
		known, err := store.Load[passkeyRecord](rec, k)
		if err != nil {
			return err
		}
		if known == nil || used.Counter != 0 && used.Counter <= known.Counter {
			refused = badPasskey()
			return nil
		}
		if _, err := a.knownDevice(rec, v); err != nil {
			return err
		}
		known.Counter, known.Used = used.Counter, a.Call.Now
		if v.groups, err = a.MembershipOf(rec, v.user); err != nil {
			return err
		}
		return store.Save(rec, k, known)
	})
	return refused, err
}

package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/totp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// What a session of MFA_SETUP has come to: asked for, an app given its secret, the app verified. Each is of a kind of its
// own, so that none does for another.
const (
	setupAsked      = api.ChallengeNameTypeMfaSetup
	setupAssociated = api.ChallengeNameTypeMfaSetup + "/associated"
	setupVerified   = api.ChallengeNameTypeMfaSetup + "/verified"
)

// askSetup asks a user without a second factor to set one up, in a pool that requires one.
func (a *attempt) askSetup(v *arrival) (*outcome, error) {
	var can []userpool.Factor
	for _, f := range userpool.Factors {
		if a.Pool.MFA.Has(f) {
			can = append(can, f)
		}
	}
	text, err := list(can)
	if err != nil {
		return nil, err
	}
	return a.ask(setupAsked, v.passage, nil, map[string]string{"MFAS_CAN_SETUP": text, "USER_ID_FOR_SRP": v.Name})
}

// resumeSetup finds the sign-in that a session of MFA_SETUP is of. AssociateSoftwareToken and VerifySoftwareToken name
// neither pool nor app client: the session says both, in front of what is sealed for them.
func (s *Service) resumeSetup(ctx context.Context, call *pipeline.Call, text *string) (*attempt, error) {
	if text == nil {
		return nil, refusal.Invalid("Either AccessToken or Session must be given.")
	}
	id, ch, _, ok := unwrapSession(*text)
	if !ok {
		return nil, refusal.BadSession()
	}
	c, app, err := s.clientOf(ctx, call, &id)
	if err != nil {
		return nil, err
	}
	return &attempt{scoped: c, app: app, channel: ch}, nil
}

// settingUp loads the user of a session of MFA_SETUP, who must still be without a second factor: a session that somebody
// kept must not add theirs to the user's own.
func (a *attempt) settingUp(rec *store.Records, s *session) (*userpool.User, error) {
	u, err := a.tried(rec, s)
	if err != nil {
		return nil, err
	}
	if u == nil || len(a.Pool.SecondFactors(u)) > 0 {
		return nil, refusal.BadSession()
	}
	return u, userpool.Standing(u)
}

// associate gives the user of the session a secret.
func (a *attempt) associate(text *string) (*api.AssociateSoftwareTokenOutput, error) {
	if err := a.tokensServed(); err != nil {
		return nil, err
	}
	s, err := a.sessionFrom(setupAsked, text)
	if err != nil {
		return nil, err
	}
	err = a.Update(func(rec *store.Records) error {
		if _, err := a.settingUp(rec, s); err != nil {
			return err
		}
		return a.use(rec, s)
	})
	if err != nil {
		return nil, err
	}
	secret := totp.NewSecret()
	next, err := a.moveSetup(setupAssociated, s.passage, secret)
	if err != nil {
		return nil, err
	}
	return &api.AssociateSoftwareTokenOutput{SecretCode: new(totp.Encode(secret)), Session: next}, nil
}

func (a *attempt) moveSetup(kind api.ChallengeNameType, p passage, state []byte) (*string, error) {
	o, err := a.ask(kind, p, state, nil)
	if err != nil {
		return nil, err
	}
	return o.session, nil
}

// verifyAssociated puts the secret of a session in use when the code is of it.
func (a *attempt) verifyAssociated(text *string, code, name string) (*api.VerifySoftwareTokenOutput, error) {
	if err := a.tokensServed(); err != nil {
		return nil, err
	}
	s, err := a.sessionFrom(setupAssociated, text)
	if err != nil {
		return nil, err
	}
	sealed, err := a.sealToken(s.Sub, s.State)
	if err != nil {
		return nil, err
	}
	var refused error
	err = a.Update(func(rec *store.Records) error {
		refused = nil
		before, err := a.settingUp(rec, s)
		if err != nil {
			return err
		}
		step, ok := totp.Check(s.State, code, a.Call.Now, 0)
		if !ok {
			refused = tokenMismatch()
			return a.Failed(rec, userpool.CodesOf(s.Who))
		}
		if err := a.use(rec, s); err != nil {
			return err
		}
		u := before.Clone()
		u.MFA.Token, u.Modified = true, a.Call.Now
		u.MFA = u.MFA.With(userpool.FactorTOTP, true)
		if err := a.Pool.SaveUser(rec, before, u, false); err != nil {
			return err
		}
		return store.Save(rec, userpool.TokenKey(a.Pool.ID, u.Sub), &softwareToken{Sealed: sealed, Step: step, Name: name})
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	next, err := a.moveSetup(setupVerified, s.passage, nil)
	return &api.VerifySoftwareTokenOutput{Status: api.VerifySoftwareTokenResponseTypeSuccess, Session: next}, err
}

// respondSetup answers MFA_SETUP: with the session of an app that was verified, or with an address that codes are to go
// to.
func (a *attempt) respondSetup(session *string) (*outcome, error) {
	switch email, phone := a.params[AnswerEmail], a.params[AnswerPhone]; {
	case email != "":
		return a.setupByCode(session, userpool.FactorEmail, email)
	case phone != "" && a.channel == channelLogin: // the API has no such answer
		return a.setupByCode(session, userpool.FactorSMS, phone)
	}
	s, _, err := a.resume(setupVerified, session)
	if err != nil {
		return nil, err
	}
	v, err := a.settleCode(s, []string{string(userpool.FactorTOTP), stepSecond}, func(_ *store.Records, u *userpool.User) (bool, error) {
		return u.MFA.Has(userpool.FactorTOTP), nil // VerifySoftwareToken made the session for a right code
	}, nil)
	return a.onward(v, err)
}

// setupByCode sends a code to the address that a user without any gives. The address becomes the user's when the code
// comes back.
func (a *attempt) setupByCode(session *string, by userpool.Factor, address string) (*outcome, error) {
	s, _, err := a.resume(setupAsked, session)
	if err != nil {
		return nil, err
	}
	if !a.Pool.MFA.Has(by) {
		return nil, api.NewMFAMethodNotFoundException("The MFA method %s is not available.", by)
	}
	state := sent{To: address, Set: userpool.AddressOf(by)}
	v := &arrival{passage: s.passage}
	err = a.Update(func(rec *store.Records) (err error) {
		if v.user, err = a.settingUp(rec, s); err != nil {
			return err
		}
		if err := a.setUp(v.user.Clone(), &state); err != nil {
			return err
		}
		return a.use(rec, s)
	})
	if err != nil {
		return nil, err
	}
	return a.askSent(v, by, messages.Destination{Attribute: state.Set, Address: state.To}, state)
}

// setUp gives the user the address of a factor, as far as the app client may write it.
func (a *attempt) setUp(u *userpool.User, t *sent) error {
	if len(a.Pool.SecondFactors(u)) > 0 {
		return refusal.BadSession()
	}
	return a.Pool.SetAttributes(u, userpool.Writer{Client: a.app}, []api.AttributeType{{Name: &t.Set, Value: &t.To}})
}

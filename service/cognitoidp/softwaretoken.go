package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/totp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// softwareToken is the authenticator app of a user.
type softwareToken struct {
	// Sealed is the secret of the app that was verified, Pending that of one which is yet to be.
	Sealed, Pending []byte
	// Step is the last step a code was used of: codes hold once.
	Step int64
	// Name is what the user calls it.
	Name string
}

// maxTokenName bounds what a user calls an app.
const maxTokenName = 256

func (c *scoped) sealToken(sub string, secret []byte) ([]byte, error) {
	sealed, err := c.Keyring.Seal(keyring.SoftwareToken, c.Pool.Scope(), secret, []byte(sub))
	return sealed, fault.Doing(err, "seal a software token")
}

func (c *scoped) openToken(sub string, sealed []byte) ([]byte, error) {
	secret, err := c.Keyring.Open(keyring.SoftwareToken, c.Pool.Scope(), sealed, []byte(sub))
	return secret, fault.Doing(err, "open a software token")
}

// AssociateSoftwareToken implements api.Service. With an access token the new secret waits beside the one in use; with the
// session of MFA_SETUP it travels in the session, and nothing is stored before a code shows that an app has it.
func (s *Service) AssociateSoftwareToken(ctx context.Context, call *pipeline.Call, in *api.AssociateSoftwareTokenInput) (*api.AssociateSoftwareTokenOutput, error) {
	if in.AccessToken == nil {
		a, err := s.resumeSetup(ctx, call, in.Session)
		if err != nil {
			return nil, err
		}
		return a.associate(in.Session)
	}
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := b.tokensServed(); err != nil {
		return nil, err
	}
	secret := totp.NewSecret()
	pending, err := b.sealToken(b.Claims.Sub, secret)
	if err != nil {
		return nil, err
	}
	err = b.Update(func(rec *store.Records) error {
		u, err := b.User(rec)
		if err != nil {
			return err
		}
		k := userpool.TokenKey(b.Pool.ID, u.Sub)
		t, err := store.Load[softwareToken](rec, k)
		if err != nil {
			return err
		}
		if t == nil {
			t = &softwareToken{}
		}
		t.Pending = pending
		return store.Save(rec, k, t)
	})
	if err != nil {
		return nil, err
	}
	return &api.AssociateSoftwareTokenOutput{SecretCode: new(totp.Encode(secret))}, nil
}

func (c *scoped) tokensServed() error {
	if !c.Pool.MFA.Has(userpool.FactorTOTP) {
		return api.NewSoftwareTokenMFANotFoundException("Software Token MFA has not been enabled by the userPool.")
	}
	return nil
}

// VerifySoftwareToken implements api.Service.
func (s *Service) VerifySoftwareToken(ctx context.Context, call *pipeline.Call, in *api.VerifySoftwareTokenInput) (*api.VerifySoftwareTokenOutput, error) {
	if in.AccessToken != nil && in.Session != nil {
		return nil, refusal.Invalid("Only one of AccessToken and Session can be given.")
	}
	name := opt.Value(in.FriendlyDeviceName)
	if len(name) > maxTokenName {
		return nil, refusal.Invalid("FriendlyDeviceName is too long.")
	}
	if in.AccessToken == nil {
		a, err := s.resumeSetup(ctx, call, in.Session)
		if err != nil {
			return nil, err
		}
		return a.verifyAssociated(in.Session, opt.Value(in.UserCode), name)
	}
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := b.tokensServed(); err != nil {
		return nil, err
	}
	if err := b.verifyPending(opt.Value(in.UserCode), name); err != nil {
		return nil, err
	}
	return &api.VerifySoftwareTokenOutput{Status: api.VerifySoftwareTokenResponseTypeSuccess}, nil
}

// verifyPending puts the pending secret in use when the code is of it. In a pool that requires a second factor it is
// turned on with that; elsewhere the user does so by SetUserMFAPreference.
func (b *bearer) verifyPending(code, name string) error {
	var refused error
	err := b.Change(func(rec *store.Records, u *userpool.User) error {
		refused = nil
		k := userpool.TokenKey(b.Pool.ID, u.Sub)
		t, err := store.Load[softwareToken](rec, k)
		if err != nil {
			return err
		}
		if t == nil || t.Pending == nil {
			return api.NewSoftwareTokenMFANotFoundException("Software token not found.")
		}
		if err := b.GuardCodes(rec, u.Sub); err != nil {
			return err
		}
		secret, err := b.openToken(u.Sub, t.Pending)
		if err != nil {
			return err
		}
		step, ok := totp.Check(secret, code, b.Call.Now, 0)
		if !ok {
			refused = tokenMismatch()
			return b.Failed(rec, userpool.CodesOf(u.Sub))
		}
		u.MFA.Token = true
		if b.Pool.MFA.Effective() == api.UserPoolMfaTypeOn {
			u.MFA = u.MFA.With(userpool.FactorTOTP, true)
		}
		if err := b.Forget(rec, userpool.CodesOf(u.Sub)); err != nil {
			return err
		}
		return store.Save(rec, k, &softwareToken{Sealed: t.Pending, Step: step, Name: name})
	})
	if err == nil {
		err = refused
	}
	return err
}

func tokenMismatch() *fault.Error {
	return api.NewEnableSoftwareTokenMFAException("Code mismatch")
}

// askToken asks for a code of the user's app.
func (a *attempt) askToken(v *arrival) (*outcome, error) {
	params := map[string]string{"USER_ID_FOR_SRP": v.Name}
	err := a.View(func(rec *store.Records) error {
		t, err := store.Load[softwareToken](rec, userpool.TokenKey(a.Pool.ID, v.user.Sub))
		if t != nil && t.Name != "" {
			params["FRIENDLY_DEVICE_NAME"] = t.Name
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.ask(userpool.FactorTOTP, v.passage, nil, params)
}

// respondToken answers SOFTWARE_TOKEN_MFA.
func (a *attempt) respondToken(session *string) (*outcome, error) {
	s, _, err := a.resume(userpool.FactorTOTP, session)
	if err != nil {
		return nil, err
	}
	code, err := a.param("SOFTWARE_TOKEN_MFA_CODE")
	if err != nil {
		return nil, err
	}
	v, err := a.settleCode(s, []string{string(userpool.FactorTOTP), stepSecond}, func(rec *store.Records, u *userpool.User) (bool, error) {
		return a.takeToken(rec, u, code)
	}, nil)
	return a.onward(v, err)
}

// takeToken checks a code of the user's app and keeps that it was used.
func (c *scoped) takeToken(rec *store.Records, u *userpool.User, code string) (bool, error) {
	if u == nil {
		return false, nil
	}
	k := userpool.TokenKey(c.Pool.ID, u.Sub)
	t, err := store.Load[softwareToken](rec, k)
	if err != nil {
		return false, err
	}
	if t == nil || t.Sealed == nil {
		return false, api.NewSoftwareTokenMFANotFoundException("Software token not found.")
	}
	secret, err := c.openToken(u.Sub, t.Sealed)
	if err != nil {
		return false, err
	}
	step, ok := totp.Check(secret, code, c.Call.Now, t.Step)
	if !ok {
		return false, nil
	}
	t.Step = step
	return true, store.Save(rec, k, t)
}

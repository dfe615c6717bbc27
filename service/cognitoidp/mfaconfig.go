package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// poolMFA is what a pool says of second factors. UpdateUserPool changes its mode alone; a mode that an update does not name
// stays, for no pool is to lose its second factor by a setting that was left out.
type poolMFA struct {
	Mode api.UserPoolMfaType // empty is OFF
	// SMS, TOTP and Email are the factors that are set up; nil for those that are not.
	SMS   *smsMFA
	TOTP  *bool
	Email *api.EmailMfaConfigType
}

// smsMFA is a pool's second factor by SMS. What it is sent by is a setting of the pool (settings.SMS).
type smsMFA struct{ Message *string }

// mode is OFF unless the pool says otherwise.
func (m *poolMFA) mode() api.UserPoolMfaType {
	if m.Mode == "" {
		return api.UserPoolMfaTypeOff
	}
	return m.Mode
}

// has reports whether the factor is set up in the pool.
func (m *poolMFA) has(f factor) bool {
	switch f {
	case factorSMS:
		return m.SMS != nil
	case factorTOTP:
		return m.TOTP != nil && *m.TOTP
	case factorEmail:
		return m.Email != nil
	}
	return false
}

// changeMode sets the mode for CreateUserPool and UpdateUserPool. A pool that can send SMS has SMS as its second factor
// unless it has others.
func (p *pool) changeMode(mode api.UserPoolMfaType) error {
	if mode == "" {
		return nil
	}
	if mode != api.UserPoolMfaTypeOff && !p.MFA.any() {
		if p.Settings.SMS == nil {
			return refusal.Invalid("SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
		}
		p.MFA.SMS = &smsMFA{}
	}
	if mode == api.UserPoolMfaTypeOff {
		p.MFA.TOTP = nil
	}
	p.MFA.Mode = mode
	return p.checkMFA(&p.MFA)
}

func (m *poolMFA) any() bool {
	for _, f := range factors {
		if m.has(f) {
			return true
		}
	}
	return false
}

// SetUserPoolMfaConfig implements api.Service. Factors that are not named are not set up any more; the mode and the
// configuration of passkeys stay unless they are named.
func (s *Service) SetUserPoolMfaConfig(ctx context.Context, call *pipeline.Call, in *api.SetUserPoolMfaConfigInput) (*api.SetUserPoolMfaConfigOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var out *api.GetUserPoolMfaConfigOutput
	err = c.changePool(func(p *pool) error {
		if err := p.setMFA(in); err != nil {
			return err
		}
		out = p.describeMFA()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return new(api.SetUserPoolMfaConfigOutput(*out)), nil
}

func (p *pool) setMFA(in *api.SetUserPoolMfaConfigInput) error {
	next := poolMFA{Mode: p.MFA.Mode, Email: in.EmailMfaConfiguration}
	if in.MfaConfiguration != "" {
		next.Mode = in.MfaConfiguration
	}
	keys := p.Passkeys
	if k := in.WebAuthnConfiguration; k != nil {
		var err error
		multi := k.FactorConfiguration == api.WebAuthnFactorConfigurationTypeMultiFactorWithUserVerification
		if keys, err = newPasskeySettings(opt.Value(k.RelyingPartyId), string(k.UserVerification), multi); err != nil {
			return err
		}
	}
	if t := in.SoftwareTokenMfaConfiguration; t != nil {
		next.TOTP = new(opt.Value(t.Enabled))
	}
	sms := p.Settings.SMS
	if m := in.SmsMfaConfiguration; m != nil {
		next.SMS = &smsMFA{m.SmsAuthenticationMessage}
		if m.SmsConfiguration != nil {
			sms = m.SmsConfiguration
		}
		if sms == nil {
			return refusal.Invalid("SMS configuration is required to set up SMS MFA.")
		}
	}
	if err := p.checkMFA(&next); err != nil {
		return err
	}
	p.MFA, p.Settings.SMS, p.Passkeys = next, sms, keys
	return nil
}

// checkMFA checks the factors against the mode and the pool ("Adding MFA to a user pool" and "SMS and email message MFA",
// Amazon Cognito Developer Guide).
func (p *pool) checkMFA(m *poolMFA) error {
	switch {
	case m.mode() == api.UserPoolMfaTypeOff && m.has(factorTOTP):
		return refusal.Invalid("Invalid MFA configuration given, can't turn off MFA and configure an MFA together.")
	case m.mode() != api.UserPoolMfaTypeOff && !m.any():
		return refusal.Invalid("Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration.")
	case m.Mode == api.UserPoolMfaTypeOn && p.Settings.passwordless():
		return refusal.Invalid("MFA cannot be required in a user pool whose sign-in policy has factors other than PASSWORD.")
	}
	if m.Email == nil {
		return nil
	}
	if p.Settings.Tier == api.UserPoolTierTypeLite {
		return api.NewFeatureUnavailableInTierException("Email MFA is not available in the LITE tier.")
	}
	if e := p.Settings.Email; e == nil || e.EmailSendingAccount != api.EmailSendingAccountTypeDeveloper {
		return refusal.Invalid("Email MFA requires an email configuration with the sending account DEVELOPER.")
	}
	return nil
}

// GetUserPoolMfaConfig implements api.Service.
func (s *Service) GetUserPoolMfaConfig(ctx context.Context, call *pipeline.Call, in *api.GetUserPoolMfaConfigInput) (*api.GetUserPoolMfaConfigOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return c.pool.describeMFA(), nil
}

func (p *pool) describeMFA() *api.GetUserPoolMfaConfigOutput {
	out := &api.GetUserPoolMfaConfigOutput{
		MfaConfiguration: p.MFA.mode(), EmailMfaConfiguration: p.MFA.Email, WebAuthnConfiguration: p.Passkeys.describe(),
	}
	if p.MFA.SMS != nil {
		out.SmsMfaConfiguration = &api.SmsMfaConfigType{SmsAuthenticationMessage: p.MFA.SMS.Message, SmsConfiguration: p.Settings.SMS}
	}
	if p.MFA.TOTP != nil {
		out.SoftwareTokenMfaConfiguration = &api.SoftwareTokenMfaConfigType{Enabled: new(*p.MFA.TOTP)}
	}
	return out
}

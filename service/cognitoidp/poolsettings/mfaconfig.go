package poolsettings

import (
	"context"
	"regexp"

	"golang.org/x/net/publicsuffix"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// changeMode sets the mode for CreateUserPool and UpdateUserPool. A pool that can send SMS has SMS as its second factor
// unless it has others.
func changeMode(p *userpool.Pool, mode api.UserPoolMfaType) error {
	if mode == "" {
		return nil
	}
	if mode != api.UserPoolMfaTypeOff && !anyMFA(&p.MFA) {
		if p.Settings.SMS == nil {
			return refusal.Invalid("SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
		}
		p.MFA.SMS = &userpool.SMSMFA{}
	}
	if mode == api.UserPoolMfaTypeOff {
		p.MFA.TOTP = nil
	}
	p.MFA.Mode = mode
	return checkMFA(p, &p.MFA)
}

func anyMFA(m *userpool.PoolMFA) bool {
	for _, f := range userpool.Factors {
		if m.Has(f) {
			return true
		}
	}
	return false
}

// SetUserPoolMfaConfig implements api.Service. Factors that are not named are not set up any more; the mode and the
// configuration of passkeys stay unless they are named.
func (s *Administrator) SetUserPoolMfaConfig(ctx context.Context, call *pipeline.Call, in *api.SetUserPoolMfaConfigInput) (*api.SetUserPoolMfaConfigOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var out *api.GetUserPoolMfaConfigOutput
	err = c.ChangePool(func(p *userpool.Pool) error {
		if err := setMFA(p, in); err != nil {
			return err
		}
		out = describeMFA(p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return new(api.SetUserPoolMfaConfigOutput(*out)), nil
}

func setMFA(p *userpool.Pool, in *api.SetUserPoolMfaConfigInput) error {
	next := userpool.PoolMFA{Mode: p.MFA.Mode, Email: in.EmailMfaConfiguration}
	if in.MfaConfiguration != "" {
		next.Mode = in.MfaConfiguration
	}
	keys := p.Passkeys
	if k := in.WebAuthnConfiguration; k != nil {
		var err error
		multi := k.FactorConfiguration == api.WebAuthnFactorConfigurationTypeMultiFactorWithUserVerification
		if keys, err = NewPasskeySettings(opt.Value(k.RelyingPartyId), string(k.UserVerification), multi); err != nil {
			return err
		}
	}
	if t := in.SoftwareTokenMfaConfiguration; t != nil {
		next.TOTP = new(opt.Value(t.Enabled))
	}
	sms := p.Settings.SMS
	if m := in.SmsMfaConfiguration; m != nil {
		next.SMS = &userpool.SMSMFA{Message: m.SmsAuthenticationMessage}
		if m.SmsConfiguration != nil {
			sms = m.SmsConfiguration
		}
		if sms == nil {
			return refusal.Invalid("SMS configuration is required to set up SMS MFA.")
		}
	}
	if err := checkMFA(p, &next); err != nil {
		return err
	}
	p.MFA, p.Settings.SMS, p.Passkeys = next, sms, keys
	return nil
}

// checkMFA checks the factors against the mode and the pool ("Adding MFA to a user pool" and "SMS and email message MFA",
// Amazon Cognito Developer Guide).
func checkMFA(p *userpool.Pool, m *userpool.PoolMFA) error {
	switch {
	case m.Effective() == api.UserPoolMfaTypeOff && m.Has(userpool.FactorTOTP):
		return refusal.Invalid("Invalid MFA configuration given, can't turn off MFA and configure an MFA together.")
	case m.Effective() != api.UserPoolMfaTypeOff && !anyMFA(m):
		return refusal.Invalid("Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration.")
	case m.Mode == api.UserPoolMfaTypeOn && p.Settings.Passwordless():
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
func (s *Administrator) GetUserPoolMfaConfig(ctx context.Context, call *pipeline.Call, in *api.GetUserPoolMfaConfigInput) (*api.GetUserPoolMfaConfigOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return describeMFA(c.Pool), nil
}

func describeMFA(p *userpool.Pool) *api.GetUserPoolMfaConfigOutput {
	out := &api.GetUserPoolMfaConfigOutput{
		MfaConfiguration: p.MFA.Effective(), EmailMfaConfiguration: p.MFA.Email, WebAuthnConfiguration: describePasskeys(p.Passkeys),
	}
	if p.MFA.SMS != nil {
		out.SmsMfaConfiguration = &api.SmsMfaConfigType{SmsAuthenticationMessage: p.MFA.SMS.Message, SmsConfiguration: p.Settings.SMS}
	}
	if p.MFA.TOTP != nil {
		out.SoftwareTokenMfaConfiguration = &api.SoftwareTokenMfaConfigType{Enabled: new(*p.MFA.TOTP)}
	}
	return out
}

// partyForm is a domain name in lower case, as browsers write it.
var partyForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

const (
	maxParty       = 127
	localParty     = "localhost"
	verifyRequired = "required"
)

// NewPasskeySettings reads a pool's settings for passkeys. A public suffix is no relying party: browsers refuse it, and keys
// for it would serve everybody's pages.
func NewPasskeySettings(party, verification string, multiFactor bool) (*userpool.PasskeySettings, error) {
	if party != "" {
		if len(party) > maxParty || !partyForm.MatchString(party) {
			return nil, refusal.Invalid("RelyingPartyId is not a valid domain.")
		}
		if suffix, _ := publicsuffix.PublicSuffix(party); suffix == party && party != localParty {
			return nil, refusal.Invalid("RelyingPartyId cannot be a public suffix.")
		}
	}
	return &userpool.PasskeySettings{Party: party, VerifyUser: verification == verifyRequired, MultiFactor: multiFactor}, nil
}

// describePasskeys is how GetUserPoolMfaConfig shows the settings.
func describePasskeys(s *userpool.PasskeySettings) *api.WebAuthnConfigurationType {
	if s == nil {
		return nil
	}
	out := &api.WebAuthnConfigurationType{
		RelyingPartyId: opt.Present(s.Party), UserVerification: api.UserVerificationTypePreferred,
		FactorConfiguration: api.WebAuthnFactorConfigurationTypeSingleFactor,
	}
	if s.VerifyUser {
		out.UserVerification = api.UserVerificationTypeRequired
	}
	if s.MultiFactor {
		out.FactorConfiguration = api.WebAuthnFactorConfigurationTypeMultiFactorWithUserVerification
	}
	return out
}

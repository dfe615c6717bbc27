package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// preference is what a request says of one factor; nil where it says nothing.
type preference struct {
	factor        userpool.Factor
	on, preferred *bool
}

func preferences(sms *api.SMSMfaSettingsType, token *api.SoftwareTokenMfaSettingsType, email *api.EmailMfaSettingsType) []preference {
	var out []preference
	if sms != nil {
		out = append(out, preference{userpool.FactorSMS, sms.Enabled, sms.PreferredMfa})
	}
	if token != nil {
		out = append(out, preference{userpool.FactorTOTP, token.Enabled, token.PreferredMfa})
	}
	if email != nil {
		out = append(out, preference{userpool.FactorEmail, email.Enabled, email.PreferredMfa})
	}
	return out
}

// SetUserMFAPreference implements api.Service.
func (s *Service) SetUserMFAPreference(ctx context.Context, call *pipeline.Call, in *api.SetUserMFAPreferenceInput) (*api.SetUserMFAPreferenceOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if in.WebAuthnMfaSettings != nil {
		return nil, refusal.NotServed("WebAuthnMfaSettings")
	}
	err = b.Change(func(_ *store.Records, u *userpool.User) error {
		return prefer(b.Pool, u, preferences(in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings), false)
	})
	if err != nil {
		return nil, err
	}
	return &api.SetUserMFAPreferenceOutput{}, nil
}

// AdminSetUserMFAPreference implements api.Service.
func (s *Service) AdminSetUserMFAPreference(ctx context.Context, call *pipeline.Call, in *api.AdminSetUserMFAPreferenceInput) (*api.AdminSetUserMFAPreferenceOutput, error) {
	if in.WebAuthnMfaSettings != nil {
		return nil, refusal.NotServed("WebAuthnMfaSettings")
	}
	err := s.adminChange(ctx, call, in.UserPoolId, in.Username, func(c *scoped, u *userpool.User) error {
		return prefer(c.Pool, u, preferences(in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings), true)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminSetUserMFAPreferenceOutput{}, nil
}

// prefer changes what a user has turned on.
func prefer(p *userpool.Pool, u *userpool.User, given []preference, admin bool) error {
	next, preferred := u.MFA, 0
	for _, g := range given {
		on := opt.Value(g.on) || g.on == nil && next.Has(g.factor)
		if err := checkPreference(p, u, g.factor, on, admin); err != nil {
			return err
		}
		next = next.With(g.factor, on)
		switch {
		case opt.Value(g.preferred) && !on:
			return refusal.Invalid("%s cannot be the preferred MFA because it is not enabled.", g.factor)
		case opt.Value(g.preferred):
			preferred++
			next.Preferred = g.factor
		case g.preferred != nil && next.Preferred == g.factor:
			next.Preferred = ""
		}
	}
	if preferred > 1 {
		return refusal.Invalid("Only one MFA method can be preferred.")
	}
	u.MFA = next
	return nil
}

// checkPreference refuses a factor that the user could not answer, and that users themselves turn one off that they have
// to have. An administrator may: that is how a user who lost a phone sets up another.
func checkPreference(p *userpool.Pool, u *userpool.User, f userpool.Factor, on, admin bool) error {
	if !on {
		if !admin && p.MFA.Effective() == api.UserPoolMfaTypeOn && u.MFA.Has(f) {
			return refusal.Invalid("%s cannot be turned off because the user pool requires MFA.", f)
		}
		return nil
	}
	switch {
	case f == userpool.FactorTOTP && !u.MFA.Token:
		return refusal.Invalid("User has not verified software token mfa")
	case f != userpool.FactorTOTP && u.Attributes[userpool.AddressOf(f)] == "":
		return refusal.Invalid("User does not have delivery config set to turn on %s", f)
	case !p.MFA.Has(f):
		return refusal.Invalid("%s is not enabled for the user pool.", f)
	}
	return nil
}

// SetUserSettings implements api.Service: what there was before SetUserMFAPreference, for SMS alone.
func (s *Service) SetUserSettings(ctx context.Context, call *pipeline.Call, in *api.SetUserSettingsInput) (*api.SetUserSettingsOutput, error) {
	b, err := s.bearerOf(ctx, call, in.AccessToken)
	if err != nil {
		return nil, err
	}
	err = b.Change(func(_ *store.Records, u *userpool.User) error { return setOptions(b.Pool, u, in.MFAOptions, false) })
	if err != nil {
		return nil, err
	}
	return &api.SetUserSettingsOutput{}, nil
}

// AdminSetUserSettings implements api.Service.
func (s *Service) AdminSetUserSettings(ctx context.Context, call *pipeline.Call, in *api.AdminSetUserSettingsInput) (*api.AdminSetUserSettingsOutput, error) {
	err := s.adminChange(ctx, call, in.UserPoolId, in.Username, func(c *scoped, u *userpool.User) error {
		return setOptions(c.Pool, u, in.MFAOptions, true)
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminSetUserSettingsOutput{}, nil
}

// setOptions turns SMS on, or off for an empty list.
func setOptions(p *userpool.Pool, u *userpool.User, options []api.MFAOptionType, admin bool) error {
	for _, o := range options {
		if opt.Value(o.AttributeName) != "phone_number" || o.DeliveryMedium != api.DeliveryMediumTypeSms {
			return refusal.Invalid("Invalid MFA options: only SMS to phone_number can be set.")
		}
	}
	return prefer(p, u, []preference{{factor: userpool.FactorSMS, on: new(len(options) > 0)}}, admin)
}

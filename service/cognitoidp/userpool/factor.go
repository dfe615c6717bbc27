package userpool

import (
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// Factor is a second factor, by the name of its challenge.
type Factor = api.ChallengeNameType

// The second factors.
const (
	FactorSMS   = api.ChallengeNameTypeSmsMfa
	FactorTOTP  = api.ChallengeNameTypeSoftwareTokenMfa
	FactorEmail = api.ChallengeNameTypeEmailOtp
)

// Factors are all second factors, in the order in which they are listed.
var Factors = []Factor{FactorSMS, FactorTOTP, FactorEmail}

// UserMFA is what a user has turned on.
type UserMFA struct {
	// On are the factors turned on.
	On []Factor
	// Preferred is one of them, or empty.
	Preferred Factor
	// Token is true once an authenticator app was verified. Its secret is a record of its own.
	Token bool
}

// Has reports whether the user has turned the factor on.
func (m *UserMFA) Has(f Factor) bool { return slices.Contains(m.On, f) }

// With returns the settings with a factor turned on or off. Settings of users are shared with cached copies, so the list
// is never changed in place.
func (m UserMFA) With(f Factor, on bool) UserMFA {
	var next []Factor
	for _, known := range Factors {
		if known == f && on || known != f && m.Has(known) {
			next = append(next, known)
		}
	}
	m.On = next
	if !m.Has(m.Preferred) {
		m.Preferred = ""
	}
	return m
}

// AddressOf is the attribute that a factor's codes go to, or "".
func AddressOf(f Factor) string {
	switch f {
	case FactorSMS, api.ChallengeNameTypeSmsOtp:
		return "phone_number"
	case FactorEmail:
		return "email"
	}
	return ""
}

// usable reports whether the user could answer the factor's challenge in this pool.
func (p *Pool) usable(u *User, f Factor) bool {
	if !p.MFA.Has(f) {
		return false
	}
	if f == FactorTOTP {
		return u.MFA.Token
	}
	return u.Attributes[AddressOf(f)] != ""
}

// SecondFactors are those of which the user has to show one: the ones turned on, or in a pool that requires a second
// factor the addresses that the user has, verified or not. What is turned on comes first, so that no address stands in for
// an authenticator app.
func (p *Pool) SecondFactors(u *User) []Factor {
	mode := p.MFA.Effective()
	if mode == api.UserPoolMfaTypeOff {
		return nil
	}
	var on, implied []Factor
	for _, f := range Factors {
		switch {
		case !p.usable(u, f):
		case u.MFA.Has(f):
			on = append(on, f)
		case f != FactorTOTP:
			implied = append(implied, f)
		}
	}
	if len(on) == 0 && mode == api.UserPoolMfaTypeOn {
		return implied
	}
	return on
}

// PoolMFA is what a pool says of second factors. UpdateUserPool changes its mode alone; a mode that an update does not name
// stays, for no pool is to lose its second factor by a setting that was left out.
type PoolMFA struct {
	Mode api.UserPoolMfaType // empty is OFF
	// SMS, TOTP and Email are the factors that are set up; nil for those that are not.
	SMS   *SMSMFA
	TOTP  *bool
	Email *api.EmailMfaConfigType
}

// SMSMFA is a pool's second factor by SMS. What it is sent by is a setting of the pool (settings.SMS).
type SMSMFA struct{ Message *string }

// Effective is OFF unless the pool says otherwise.
func (m *PoolMFA) Effective() api.UserPoolMfaType {
	if m.Mode == "" {
		return api.UserPoolMfaTypeOff
	}
	return m.Mode
}

// Has reports whether the factor is set up in the pool.
func (m *PoolMFA) Has(f Factor) bool {
	switch f {
	case FactorSMS:
		return m.SMS != nil
	case FactorTOTP:
		return m.TOTP != nil && *m.TOTP
	case FactorEmail:
		return m.Email != nil
	}
	return false
}

// Describe is what GetUser and AdminGetUser show of a user's factors.
func (m *UserMFA) Describe() (list []string, preferred *string, options []api.MFAOptionType) {
	if m.Has(FactorSMS) {
		options = []api.MFAOptionType{{DeliveryMedium: api.DeliveryMediumTypeSms, AttributeName: new("phone_number")}}
	}
	return Texts(m.On), opt.Present(string(m.Preferred)), options
}

// PasskeysAt keeps the number of the user's keys for a relying party, which says whether a key can be chosen to sign in with.
// Users are shared with cached copies, so the map is never changed in place.
func (u *User) PasskeysAt(party string, by int) {
	next := maps.Clone(u.Passkeys)
	if next == nil {
		next = map[string]int{}
	}
	if next[party] += by; next[party] <= 0 {
		delete(next, party)
	}
	u.Passkeys = next
}

// PasskeySettings are a pool's for passkeys ("WebAuthnConfigurationType", Amazon Cognito user pools API reference).
type PasskeySettings struct {
	// Party is the relying party's id; empty for the pool's own domain.
	Party string
	// VerifyUser asks for keys that verify their user.
	VerifyUser bool
	// MultiFactor lets a key that verified its user stand in for MFA.
	MultiFactor bool
}

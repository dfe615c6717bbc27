package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// What the operations of second factors and of sign-in without the flows need.

const openBySession = "authorized by the session of a sign-in"

// forSession lets the holder of a session act; the pool is that of the app client whose session it is.
func (r *Requirements) forSession(s *authz.Scope, text *string) authz.Requirement {
	id, _, _, ok := unwrapSession(opt.Value(text))
	if !ok {
		return authz.Failed(refusal.BadSession())
	}
	return r.forClient(s, openBySession, &id)
}

// SetUserPoolMfaConfig implements api.Requirements.
func (r *Requirements) SetUserPoolMfaConfig(s *authz.Scope, in *api.SetUserPoolMfaConfigInput) authz.Requirement {
	return r.on(s, "SetUserPoolMfaConfig", in.UserPoolId, nil)
}

// GetUserPoolMfaConfig implements api.Requirements.
func (r *Requirements) GetUserPoolMfaConfig(s *authz.Scope, in *api.GetUserPoolMfaConfigInput) authz.Requirement {
	return r.on(s, "GetUserPoolMfaConfig", in.UserPoolId, nil)
}

// AdminSetUserMFAPreference implements api.Requirements.
func (r *Requirements) AdminSetUserMFAPreference(s *authz.Scope, in *api.AdminSetUserMFAPreferenceInput) authz.Requirement {
	return r.on(s, "AdminSetUserMFAPreference", in.UserPoolId, nil)
}

// AdminSetUserSettings implements api.Requirements.
func (r *Requirements) AdminSetUserSettings(s *authz.Scope, in *api.AdminSetUserSettingsInput) authz.Requirement {
	return r.on(s, "AdminSetUserSettings", in.UserPoolId, nil)
}

// SetUserMFAPreference implements api.Requirements.
func (r *Requirements) SetUserMFAPreference(s *authz.Scope, in *api.SetUserMFAPreferenceInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// SetUserSettings implements api.Requirements.
func (r *Requirements) SetUserSettings(s *authz.Scope, in *api.SetUserSettingsInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// GetUserAuthFactors implements api.Requirements.
func (r *Requirements) GetUserAuthFactors(s *authz.Scope, in *api.GetUserAuthFactorsInput) authz.Requirement {
	return r.forToken(s, in.AccessToken)
}

// AssociateSoftwareToken implements api.Requirements.
func (r *Requirements) AssociateSoftwareToken(s *authz.Scope, in *api.AssociateSoftwareTokenInput) authz.Requirement {
	if in.AccessToken == nil {
		return r.forSession(s, in.Session)
	}
	return r.forToken(s, in.AccessToken)
}

// VerifySoftwareToken implements api.Requirements.
func (r *Requirements) VerifySoftwareToken(s *authz.Scope, in *api.VerifySoftwareTokenInput) authz.Requirement {
	if in.AccessToken == nil {
		return r.forSession(s, in.Session)
	}
	return r.forToken(s, in.AccessToken)
}

// GetTokensFromRefreshToken implements api.Requirements.
func (r *Requirements) GetTokensFromRefreshToken(s *authz.Scope, in *api.GetTokensFromRefreshTokenInput) authz.Requirement {
	return r.forClient(s, openByRefresh, in.ClientId)
}

package cognitoidp

import (
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// oauthRequirements says why the operations need no permission.
type oauthRequirements struct{ s *Service }

func (r *oauthRequirements) forPool(s *authz.Scope, reason string, id *string) authz.Requirement {
	p, err := r.s.FactsOf(s.Context, opt.Value(id))
	if err != nil {
		return authz.Failed(err)
	}
	if p == nil {
		return authz.Anonymous(reason, home(s, ""))
	}
	return authz.Anonymous(reason, resourceOf(p))
}

// Why operations of managed login need no permission.
const (
	openByClient  = "authorized by what an app client lets anybody do"
	openBySecret  = "authorized by the app client's secret, and by a code or refresh token"
	openByBrowser = "authorized by the browser's sealed session"
	openByMail    = "authorized by the code in a user's mail"
)

// Authorize implements login.Requirements.
func (r *oauthRequirements) Authorize(s *authz.Scope, in *login.AuthorizeInput) authz.Requirement {
	return r.forPool(s, openByBrowser, in.PoolId)
}

// GetPage implements login.Requirements.
func (r *oauthRequirements) GetPage(s *authz.Scope, in *login.GetPageInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

// SignIn implements login.Requirements.
func (r *oauthRequirements) SignIn(s *authz.Scope, in *login.SignInInput) authz.Requirement {
	return r.forPool(s, openByPassword, in.PoolId)
}

// Token implements login.Requirements.
func (r *oauthRequirements) Token(s *authz.Scope, in *login.TokenInput) authz.Requirement {
	return r.forPool(s, openBySecret, in.PoolId)
}

// UserInfo implements login.Requirements.
func (r *oauthRequirements) UserInfo(s *authz.Scope, in *login.UserInfoInput) authz.Requirement {
	return r.forPool(s, openByToken, in.PoolId)
}

// RevokeToken implements login.Requirements.
func (r *oauthRequirements) RevokeToken(s *authz.Scope, in *login.RevokeTokenInput) authz.Requirement {
	return r.forPool(s, openByRefresh, in.PoolId)
}

// Logout implements login.Requirements.
func (r *oauthRequirements) Logout(s *authz.Scope, in *login.LogoutInput) authz.Requirement {
	return r.forPool(s, openByBrowser, in.PoolId)
}

// SignUp implements login.Requirements.
func (r *oauthRequirements) SignUp(s *authz.Scope, in *login.SignUpInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

// ConfirmSignUp implements login.Requirements.
func (r *oauthRequirements) ConfirmSignUp(s *authz.Scope, in *login.ConfirmSignUpInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

// ConfirmByLink implements login.Requirements.
func (r *oauthRequirements) ConfirmByLink(s *authz.Scope, in *login.ConfirmByLinkInput) authz.Requirement {
	return r.forPool(s, openByMail, in.PoolId)
}

// ResendCode implements login.Requirements.
func (r *oauthRequirements) ResendCode(s *authz.Scope, in *login.ResendCodeInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

// ForgotPassword implements login.Requirements.
func (r *oauthRequirements) ForgotPassword(s *authz.Scope, in *login.ForgotPasswordInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

// ResetPassword implements login.Requirements.
func (r *oauthRequirements) ResetPassword(s *authz.Scope, in *login.ResetPasswordInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

// GetStyle implements login.Requirements.
func (r *oauthRequirements) GetStyle(s *authz.Scope, in *login.GetStyleInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

// GetAsset implements login.Requirements.
func (r *oauthRequirements) GetAsset(s *authz.Scope, in *login.GetAssetInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

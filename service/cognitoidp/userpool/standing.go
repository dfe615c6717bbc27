package userpool

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Standing says why a user may not sign in whatever they show.
func Standing(u *User) error {
	if u.Disabled {
		return refusal.UserDisabled()
	}
	switch u.Status {
	case api.UserStatusTypeConfirmed, api.UserStatusTypeForceChangePassword:
		return nil
	case api.UserStatusTypeUnconfirmed:
		return api.NewUserNotConfirmedException("User is not confirmed.")
	case api.UserStatusTypeResetRequired:
		return ResetRequired()
	default:
		return refusal.BadCredentials()
	}
}

// StandingGuest says why a user may not sign in by a provider. The state of a password does not matter to it.
func StandingGuest(u *User) error {
	switch {
	case u.Disabled:
		return refusal.UserDisabled()
	case u.Status == api.UserStatusTypeUnconfirmed:
		return api.NewUserNotConfirmedException("User is not confirmed.")
	}
	return nil
}

// StandingSignedIn says why a user who signed in may not go on. Who has an identity at a provider may have come by it.
func (u *User) StandingSignedIn() error {
	waits := u.Status == api.UserStatusTypeExternalProvider || u.Status == api.UserStatusTypeForceChangePassword
	if waits && len(u.Identities) > 0 {
		return StandingGuest(u)
	}
	return Standing(u)
}

// ResetRequired says that the user has to choose a new password.
func ResetRequired() *fault.Error {
	return api.NewPasswordResetRequiredException("Password reset required for the user")
}

// Package refusal holds the refusals that several operations of user pools share, in the service's own words. None says
// more than AWS does.
package refusal

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// PoolNotFound says that there is no user pool with the id, or none that the caller may know of.
func PoolNotFound(id string) *fault.Error {
	return api.NewResourceNotFoundException("User pool %s does not exist.", id)
}

// ClientNotFound says that there is no app client with the id.
func ClientNotFound(id string) *fault.Error {
	return api.NewResourceNotFoundException("User pool client %s does not exist.", id)
}

// UserNotFound says that the pool has no such user. Where app clients hide users it is not told.
func UserNotFound() *fault.Error { return api.NewUserNotFoundException("User does not exist.") }

// BadCredentials says that a username or what proves it is wrong, and not which.
func BadCredentials() *fault.Error {
	return api.NewNotAuthorizedException("Incorrect username or password.")
}

// UserDisabled says that an administrator disabled the user.
func UserDisabled() *fault.Error { return api.NewNotAuthorizedException("User is disabled.") }

// LockedOut says that too many passwords were wrong.
func LockedOut() *fault.Error { return api.NewNotAuthorizedException("Password attempts exceeded") }

// AttemptLimit says that too much was sent or tried within the hour.
func AttemptLimit() *fault.Error {
	return api.NewLimitExceededException("Attempt limit exceeded, please try after some time.")
}

// CodeMismatch says that a code is wrong.
func CodeMismatch() *fault.Error {
	return api.NewCodeMismatchException("Invalid verification code provided, please try again.")
}

// CodeExpired says that a code is too old, was used, or was never sent.
func CodeExpired() *fault.Error {
	return api.NewExpiredCodeException("Invalid code provided, please request a code again.")
}

// BadSession says that a challenge's session is none of the server's, or not one for this answer.
func BadSession() *fault.Error {
	return api.NewNotAuthorizedException("Invalid session for the user.")
}

// SessionExpired says that a challenge was answered too late.
func SessionExpired() *fault.Error {
	return api.NewNotAuthorizedException("Invalid session for the user, session is expired.")
}

// BadRefreshToken says that a refresh token is none of the app client's.
func BadRefreshToken() *fault.Error { return api.NewNotAuthorizedException("Invalid Refresh Token") }

// RefreshTokenRevoked says that the sign-in of a refresh token was revoked.
func RefreshTokenRevoked() *fault.Error {
	return api.NewNotAuthorizedException("Refresh Token has been revoked")
}

// BadAccessToken says that an access token is not one that the server signed for this use.
func BadAccessToken() *fault.Error { return api.NewNotAuthorizedException("Invalid Access Token") }

// AccessTokenRevoked says that the sign-in of an access token was revoked, or its user signed out everywhere.
func AccessTokenRevoked() *fault.Error {
	return api.NewNotAuthorizedException("Access Token has been revoked")
}

// AccessTokenExpired says that the time of an access token is over.
func AccessTokenExpired() *fault.Error {
	return api.NewNotAuthorizedException("Access Token has expired")
}

// UnauthorizedWrite says that the app client may not set an attribute.
func UnauthorizedWrite() *fault.Error {
	return api.NewNotAuthorizedException("A client attempted to write unauthorized attribute")
}

// Invalid says what is wrong with a parameter.
func Invalid(format string, args ...any) *fault.Error {
	return api.NewInvalidParameterException(format, args...)
}

// Missing says which parameter is not there.
func Missing(parameter string) *fault.Error {
	return Invalid("Missing required parameter %s", parameter)
}

// TooManyRequests says that the server sheds load.
func TooManyRequests() *fault.Error { return api.NewTooManyRequestsException("Too many requests") }

// NotServed refuses a setting that would be a promise nobody keeps: MFA that is not asked for, a trigger that never runs.
func NotServed(what string) *fault.Error {
	return fault.New(fault.Unsupported, "%s is not supported yet.", what)
}

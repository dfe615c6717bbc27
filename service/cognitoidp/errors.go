package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// The refusals that several operations share, in the service's own words. None says more than AWS does.

func poolNotFound(id string) *fault.Error {
	return api.NewResourceNotFoundException("User pool %s does not exist.", id)
}

func clientNotFound(id string) *fault.Error {
	return api.NewResourceNotFoundException("User pool client %s does not exist.", id)
}

func userNotFound() *fault.Error { return api.NewUserNotFoundException("User does not exist.") }

func badCredentials() *fault.Error {
	return api.NewNotAuthorizedException("Incorrect username or password.")
}

func userDisabled() *fault.Error { return api.NewNotAuthorizedException("User is disabled.") }

func lockedOut() *fault.Error { return api.NewNotAuthorizedException("Password attempts exceeded") }

func attemptLimit() *fault.Error {
	return api.NewLimitExceededException("Attempt limit exceeded, please try after some time.")
}

func codeMismatch() *fault.Error {
	return api.NewCodeMismatchException("Invalid verification code provided, please try again.")
}

func codeExpired() *fault.Error {
	return api.NewExpiredCodeException("Invalid code provided, please request a code again.")
}

func badSession() *fault.Error {
	return api.NewNotAuthorizedException("Invalid session for the user.")
}

func sessionExpired() *fault.Error {
	return api.NewNotAuthorizedException("Invalid session for the user, session is expired.")
}

func badRefreshToken() *fault.Error { return api.NewNotAuthorizedException("Invalid Refresh Token") }

func refreshTokenRevoked() *fault.Error {
	return api.NewNotAuthorizedException("Refresh Token has been revoked")
}

func badAccessToken() *fault.Error { return api.NewNotAuthorizedException("Invalid Access Token") }

func accessTokenRevoked() *fault.Error {
	return api.NewNotAuthorizedException("Access Token has been revoked")
}

func accessTokenExpired() *fault.Error {
	return api.NewNotAuthorizedException("Access Token has expired")
}

func unauthorizedWrite() *fault.Error {
	return api.NewNotAuthorizedException("A client attempted to write unauthorized attribute")
}

func invalid(format string, args ...any) *fault.Error {
	return api.NewInvalidParameterException(format, args...)
}

func missing(parameter string) *fault.Error {
	return invalid("Missing required parameter %s", parameter)
}

func tooManyRequests() *fault.Error { return api.NewTooManyRequestsException("Too many requests") }

// notServed refuses a setting that would be a promise nobody keeps: MFA that is not asked for, a trigger that never runs.
func notServed(what string) *fault.Error {
	return fault.New(fault.Unsupported, "%s is not supported yet.", what)
}

package cognitoidentity

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// The refusals, in the service's own words.

func poolNotFound(id string) *fault.Error {
	return api.NewResourceNotFoundException("IdentityPool '%s' not found.", id)
}

func identityNotFound(id string) *fault.Error {
	return api.NewResourceNotFoundException("Identity '%s' not found.", id)
}

func noGuests() *fault.Error {
	return api.NewNotAuthorizedException("Unauthenticated access is not supported for this identity pool.")
}

func unsupportedProvider() *fault.Error {
	return api.NewNotAuthorizedException("Token is not from a supported provider of this identity pool.")
}

func badLogin(why string) *fault.Error {
	return api.NewNotAuthorizedException("Invalid login token. %s", why)
}

func forbidden(identity string) *fault.Error {
	return api.NewNotAuthorizedException("Access to Identity '%s' is forbidden.", identity)
}

func loginsDiffer() *fault.Error {
	return api.NewNotAuthorizedException("Logins don't match. Please include at least one valid login for this identity or identity pool.")
}

func badRoles() *fault.Error {
	return api.NewInvalidIdentityPoolConfigurationException("Invalid identity pool configuration. Check assigned IAM roles for this pool.")
}

func linkedElsewhere() *fault.Error {
	return api.NewResourceConflictException("Login is already linked to another account.")
}

func registeredElsewhere() *fault.Error {
	return api.NewDeveloperUserAlreadyRegisteredException("The developer user identifier is already registered with another identity.")
}

func classicFlowOff() *fault.Error {
	return invalid("Basic (classic) flow is not enabled, please use enhanced flow.")
}

func invalid(format string, args ...any) *fault.Error {
	return api.NewInvalidParameterException(format, args...)
}

// notServed refuses a setting that would be a promise nobody keeps.
func notServed(what string) *fault.Error {
	return fault.New(fault.Unsupported, "%s is not supported yet.", what)
}

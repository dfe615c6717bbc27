package kms

import (
	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/fault"
)

func noKey(name string) error { return api.NewNotFoundException("Key '%s' does not exist", name) }

func noAlias(name string) error { return api.NewNotFoundException("Alias %s is not found.", name) }

func pendingDeletion(name string) error {
	return api.NewKMSInvalidStateException("%s is pending deletion.", name)
}

// badCiphertext tells nothing of why: a wrong context and a changed byte look alike.
func badCiphertext() *fault.Error { return api.NewInvalidCiphertextException("") }

func wrongKey() error {
	return api.NewIncorrectKeyException("The key ID in the request does not identify a CMK that can perform this operation.")
}

func invalid(format string, args ...any) error { return fault.New(fault.Validation, format, args...) }

func unsupported(format string, args ...any) error {
	return api.NewUnsupportedOperationException(format, args...)
}

// wouldSucceed is the answer to a dry run that is allowed.
func wouldSucceed() error {
	return api.NewDryRunOperationException("The request would have succeeded, but the DryRun option is set.")
}

// moved is the answer to a request whose alias was given another key while it was authorized.
func moved() error {
	return fault.New(fault.Unavailable, "The alias was changed by another request. Try again.")
}

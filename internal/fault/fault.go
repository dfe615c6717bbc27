// Package fault holds the one error type of the server: what went wrong, in the terms of the service that says it.
// Only the protocol layer turns it into wire codes and statuses.
package fault

import (
	"errors"
	"fmt"
)

// Class says which of the errors common to all AWS services a fault is. The wire code of a class depends on the
// protocol ("Common Errors" of each service's API reference). The zero value is an unclassified, internal failure.
type Class uint8

// The classes.
const (
	// Internal is a failure of the server. Its cause is logged and never sent.
	Internal Class = iota
	// Modeled is an error that the operation's model declares; Code names its shape.
	Modeled
	// AccessDenied is a refusal by policy or guard.
	AccessDenied
	// MissingAuthentication is a request without a signature for an operation that needs one.
	MissingAuthentication
	// IncompleteSignature is an authorization header or query that lacks parts or cannot be parsed.
	IncompleteSignature
	// InvalidSignature is a signature that does not match the request.
	InvalidSignature
	// UnknownAccessKey is an access key id or session token that is not known or not valid.
	UnknownAccessKey
	// ExpiredToken is a session token past its expiry.
	ExpiredToken
	// RequestExpired is a signing time outside of the accepted window.
	RequestExpired
	// Validation is an input that breaks a constraint of the model.
	Validation
	// Serialization is a body that cannot be decoded.
	Serialization
	// UnknownOperation is an operation that no service here has.
	UnknownOperation
	// Unsupported is an operation or option that AWS has and this server does not (yet).
	Unsupported
	// Throttling is a request refused because of its rate.
	Throttling
	// Unavailable is a server that is draining or cannot reach its store.
	Unavailable
	// TooLarge is a body over the limit of its protocol or service.
	TooLarge
	// MethodNotAllowed is an HTTP method that no operation at this path has.
	MethodNotAllowed
)

// Error is a fault. Build one with New, Of or a generated constructor; the zero value reads as an internal failure.
type Error struct {
	Class Class
	// Code is the model's name of the error shape ("ResourceNotFoundException") when Class is Modeled. For other
	// classes it overrides the class's code when not empty.
	Code string
	// Status overrides the HTTP status of the class when not zero.
	Status int
	// Message is sent to the caller. It must hold no secret and nothing of another tenant.
	Message string
	// Shape is the generated error structure with members beyond the message, or nil.
	Shape any
	// Cause is for the log only.
	Cause error
}

// New makes a fault of a class with a formatted message.
func New(c Class, format string, args ...any) *Error {
	return &Error{Class: c, Message: fmt.Sprintf(format, args...)}
}

// Of makes a modeled fault: code is the shape's name in the service's model.
func Of(code, format string, args ...any) *Error {
	return &Error{Class: Modeled, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an internal failure that keeps its cause for the log.
func Wrap(cause error, doing string) *Error {
	return &Error{Class: Internal, Cause: fmt.Errorf("%s: %w", doing, cause)}
}

// Doing is Wrap for an error that may be nil, and is nil then.
func Doing(err error, doing string) error {
	if err == nil {
		return nil
	}
	return Wrap(err, doing)
}

// With returns e with its cause set.
func (e *Error) With(cause error) *Error {
	e.Cause = cause
	return e
}

// Error implements error. It includes the cause, so it is for logs, not for callers.
func (e *Error) Error() string {
	s := e.Code
	if s == "" {
		s = e.Class.String()
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// From returns err as a fault; what is none becomes an internal failure with err as its cause. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return &Error{Class: Internal, Cause: err}
}

// Text is what is told of an error in the message of another: a fault's message without its class and cause, or the text of an error
// that is no fault.
func Text(err error) string {
	var f *Error
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}

// Is reports whether err is a modeled fault with the code.
func Is(err error, code string) bool {
	var f *Error
	return errors.As(err, &f) && f.Code == code
}

// IsClass reports whether err is a fault of the class.
func IsClass(err error, c Class) bool {
	var f *Error
	return errors.As(err, &f) && f.Class == c
}

var classNames = [...]string{
	"Internal", "Modeled", "AccessDenied", "MissingAuthentication", "IncompleteSignature", "InvalidSignature",
	"UnknownAccessKey", "ExpiredToken", "RequestExpired", "Validation", "Serialization", "UnknownOperation",
	"Unsupported", "Throttling", "Unavailable", "TooLarge", "MethodNotAllowed",
}

// String returns the name of the class.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

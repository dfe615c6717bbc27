// Package functions invokes functions by their ARNs and waits for their answers: those of an outside endpoint that
// speaks the Lambda Invoke API (Lambda). A Caller keeps slow and failing functions from taking the server down with them.
package functions

import (
	"context"
	"errors"
	"fmt"
)

// Why an invocation has no answer. Errors of an Invoker wrap one of these; any other error is a failure of the way there.
var (
	// ErrThrottled is returned when the function, or this server on its behalf, takes no more calls at present.
	ErrThrottled = errors.New("functions: throttled")
	// ErrNotFound is returned for a function that does not exist.
	ErrNotFound = errors.New("functions: no such function")
	// ErrTimeout is returned when no answer came in time. The function may have run.
	ErrTimeout = errors.New("functions: timed out")
	// ErrDenied is returned when the function may not be invoked: by this server, or on behalf of the account.
	ErrDenied = errors.New("functions: denied")
	// ErrTooLarge is returned for a payload or an answer that is over its bound.
	ErrTooLarge = errors.New("functions: too large")
	// ErrNotConfigured is returned where no functions can be invoked at all.
	ErrNotConfigured = errors.New("functions: this server has no --functions-endpoint, so that it can invoke no function")
)

// Request is one invocation. Its payload can hold passwords: it is never logged, and prints without it.
type Request struct {
	// Account is on whose behalf the function is invoked, 12 digits.
	Account string
	// Function is its ARN, with or without a version or alias.
	Function string
	// Payload is the event, JSON.
	Payload []byte
}

// String names the invocation without its payload.
func (r Request) String() string { return fmt.Sprintf("%s for %s", r.Function, r.Account) }

// GoString implements fmt.GoStringer.
func (r Request) GoString() string { return r.String() }

// Result is a function's answer.
type Result struct {
	// Payload is what the function returned, or what it failed with: {"errorMessage": …, "errorType": …}.
	Payload []byte
	// Failed is true if the function ran and failed.
	Failed bool
}

// Invoker invokes functions.
type Invoker interface {
	// Invoke runs the function once and waits for its answer, until ctx ends (ErrTimeout). A function that fails is a
	// Result, not an error. It never retries by itself. It is safe for concurrent use.
	Invoke(ctx context.Context, r Request) (Result, error)
}

// None invokes nothing.
type None struct{}

// Invoke implements Invoker: ErrNotConfigured.
func (None) Invoke(context.Context, Request) (Result, error) { return Result{}, ErrNotConfigured }

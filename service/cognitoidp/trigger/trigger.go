// Package trigger calls the functions that a pool names for points of its users' lives, and says what their answers may be
// ("Customizing user pool workflows with Lambda triggers", Amazon Cognito Developer Guide).
package trigger

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"unicode/utf8"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/functions"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// event is what a function is called with ("User pool Lambda trigger common parameters"). Its request can hold passwords
// and codes: it is never logged.
type event struct {
	Version       string        `json:"version"`
	Region        string        `json:"region"`
	UserPoolID    string        `json:"userPoolId"`
	UserName      string        `json:"userName,omitempty"`
	CallerContext callerContext `json:"callerContext"`
	TriggerSource string        `json:"triggerSource"`
	Request       any           `json:"request"`
	Response      any           `json:"response"`
}

type callerContext struct {
	SDKVersion string `json:"awsSdkVersion"`
	ClientID   string `json:"clientId"`
}

const (
	// unknownSDK is what events say of the caller's SDK: its User-Agent is nobody's word to act on.
	unknownSDK = "aws-sdk-unknown-unknown"
	// NoClient is the app client of events that come of no app client's request.
	NoClient = "CLIENT_ID_NOT_APPLICABLE"
	// maxTriggerError bounds what a function's error says to the caller, in bytes.
	maxTriggerError = 1024
)

// Caller calls the functions of pools.
type Caller struct {
	// Functions invokes them.
	Functions functions.Invoker
}

// Occasion is what a trigger is called for.
type Occasion struct {
	At      Point
	Source  string // triggerSource
	Client  string // the app client's id, "" for none
	Name    string // userName
	Version string // of the event, "" is 1
}

// Empty is a response without fields.
type Empty struct{}

// Invoke calls the pool's function for the occasion and reads the response that it leaves in the event into response,
// whose value before is what the function finds there. It is called outside of transactions: what the function took its
// time for, and may have changed itself, is to be read again.
func (k *Caller) Invoke(c *userpool.Request, o Occasion, request, response any) error {
	client := o.Client
	if client == "" {
		client = NoClient
	}
	version := o.Version
	if version == "" {
		version = "1"
	}
	payload, err := json.Marshal(event{
		Version: version, Region: c.Pool.Region, UserPoolID: c.Pool.ID, UserName: o.Name,
		CallerContext: callerContext{unknownSDK, client}, TriggerSource: o.Source, Request: request, Response: response,
	})
	if err != nil {
		return fault.Wrap(err, "encode an event")
	}
	out, err := k.Functions.Invoke(c.Ctx, functions.Request{Account: c.Pool.Account, Function: FunctionOf(c.Pool, o.At), Payload: payload})
	switch {
	case err != nil:
		return notInvoked(o.At, err)
	case out.Failed:
		return api.NewUserLambdaValidationException("%s failed with error %s.", o.At, errorMessage(out.Payload))
	}
	return readResponse(out.Payload, response)
}

// readResponse reads what a function returned: the event with its response.
func readResponse(payload []byte, response any) error {
	var back struct {
		Response json.RawMessage `json:"response"`
	}
	if json.Unmarshal(payload, &back) != nil || len(back.Response) == 0 || string(back.Response) == "null" {
		return Unrecognizable()
	}
	if json.Unmarshal(back.Response, response) != nil {
		return Unrecognizable()
	}
	return nil
}

// Unrecognizable says that a function returned something else than its event.
func Unrecognizable() *fault.Error {
	return api.NewInvalidLambdaResponseException("Unrecognizable lambda output")
}

// BadResponse says what of a function's response cannot be taken.
func BadResponse(format string, args ...any) *fault.Error {
	return api.NewInvalidLambdaResponseException("Invalid lambda function output : "+format, args...)
}

// notInvoked says why a function could not be asked, in AWS's words.
func notInvoked(t Point, err error) *fault.Error {
	why := "due to configuration"
	switch {
	case errors.Is(err, functions.ErrNotConfigured):
		why = "since this server was started without --functions-endpoint"
	case errors.Is(err, functions.ErrTimeout):
		why = "due to error Socket timeout while invoking Lambda function"
	case errors.Is(err, functions.ErrThrottled):
		why = "due to error TooManyRequestsException"
	case errors.Is(err, functions.ErrNotFound):
		why = "due to error ResourceNotFoundException"
	case errors.Is(err, functions.ErrDenied):
		why = "due to error AccessDeniedException"
	case errors.Is(err, functions.ErrTooLarge):
		why = "due to error RequestTooLargeException"
	}
	return api.NewUnexpectedLambdaException("%s invocation failed %s.", t, why).With(err)
}

// errorMessage is what a function failed with, on one bounded line.
func errorMessage(payload []byte) string {
	var failure struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(payload, &failure) != nil || failure.Message == "" {
		return "unknown"
	}
	text := strings.Join(strings.Fields(failure.Message), " ")
	for len(text) > maxTriggerError {
		_, n := utf8.DecodeLastRuneInString(text[:maxTriggerError+1])
		text = text[:maxTriggerError+1-n]
	}
	return strings.TrimSuffix(text, ".")
}

// AttributesOf are a user's attributes as events show them.
func AttributesOf(u *userpool.User) map[string]string {
	out := maps.Clone(u.Attributes)
	if out == nil {
		out = map[string]string{}
	}
	out["sub"] = u.Sub
	if u.Status != "" {
		out["cognito:user_status"] = string(u.Status)
	}
	return out
}

// Pairs makes a map of a list of attributes; nil for none.
func Pairs(list []api.AttributeType) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := map[string]string{}
	for i := range list {
		out[opt.Value(list[i].Name)] = opt.Value(list[i].Value)
	}
	return out
}

package login

import (
	"strings"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// said is what a user is told of an error: no more than the API would tell.
func said(f *fault.Error) string {
	switch f.Code {
	case "UserNotFoundException":
		return "There is no account with this name."
	case "UsernameExistsException":
		return "An account with this name exists already."
	case "CodeMismatchException", "EnableSoftwareTokenMFAException":
		return "The code is not right. Please try again."
	case "ExpiredCodeException":
		return "The code is not right or has expired. Please ask for a new one."
	case "LimitExceededException", "TooManyRequestsException", "TooManyFailedAttemptsException":
		return "There were too many attempts. Please wait a while and try again."
	case "CodeDeliveryFailureException":
		return "The code could not be sent. Please try again later."
	}
	switch {
	case f.Class == fault.Modeled && !strings.HasPrefix(f.Message, "Missing required parameter"):
		return f.Message
	case f.Class == fault.Modeled || f.Class == fault.Validation || f.Class == fault.Serialization:
		return "Please fill in every field, and check what you entered."
	default:
		return "The service cannot answer at the moment. Please try again later."
	}
}

// customLabel makes words of a custom attribute's name.
func customLabel(name string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(name, "custom:"), func(r rune) bool { return r == '_' || r == '-' })
	text := strings.Join(words, " ")
	if text == "" {
		return name
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

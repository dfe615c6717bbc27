package protocol

import (
	"net/http"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// Resolved is a fault in the terms of the wire.
type Resolved struct {
	WireError
	Message string
	// Shape is the error's name in the service's model, or "" for an error common to all services.
	Shape string
}

// Side is the query protocol's and restXml's Type: "Sender" or "Receiver".
func (r Resolved) Side() string {
	if r.Status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

// jsonCommon are the codes of the JSON protocols ("Common Errors" of the API references of DynamoDB and KMS; the
// statuses are what DynamoDB and KMS answer, which differ from the statuses of that page).
var jsonCommon = map[fault.Class]WireError{
	fault.Internal:              {"InternalFailure", 500},
	fault.AccessDenied:          {"AccessDeniedException", 400},
	fault.MissingAuthentication: {"MissingAuthenticationTokenException", 400},
	fault.IncompleteSignature:   {"IncompleteSignatureException", 400},
	fault.InvalidSignature:      {"InvalidSignatureException", 400},
	fault.UnknownAccessKey:      {"UnrecognizedClientException", 400},
	fault.ExpiredToken:          {"ExpiredTokenException", 400},
	fault.RequestExpired:        {"InvalidSignatureException", 400},
	fault.Validation:            {"ValidationException", 400},
	fault.Serialization:         {"SerializationException", 400},
	fault.UnknownOperation:      {"UnknownOperationException", 400},
	fault.Unsupported:           {"NotImplemented", 501},
	fault.Throttling:            {"ThrottlingException", 400},
	fault.Unavailable:           {"ServiceUnavailableException", 503},
	fault.TooLarge:              {"RequestEntityTooLarge", 413},
	fault.MethodNotAllowed:      {"MethodNotAllowedException", 405},
}

// queryCommon are the codes of the query protocol ("Common Errors" of the API references of IAM and STS).
var queryCommon = map[fault.Class]WireError{
	fault.Internal:              {"InternalFailure", 500},
	fault.AccessDenied:          {"AccessDenied", 403},
	fault.MissingAuthentication: {"MissingAuthenticationToken", 403},
	fault.IncompleteSignature:   {"IncompleteSignature", 400},
	fault.InvalidSignature:      {"SignatureDoesNotMatch", 403},
	fault.UnknownAccessKey:      {"InvalidClientTokenId", 403},
	fault.ExpiredToken:          {"ExpiredToken", 403},
	fault.RequestExpired:        {"SignatureDoesNotMatch", 403},
	fault.Validation:            {"ValidationError", 400},
	fault.Serialization:         {"MalformedInput", 400},
	fault.UnknownOperation:      {"InvalidAction", 400},
	fault.Unsupported:           {"NotImplemented", 501},
	fault.Throttling:            {"Throttling", 400},
	fault.Unavailable:           {"ServiceUnavailable", 503},
	fault.TooLarge:              {"RequestEntityTooLarge", 413},
	fault.MethodNotAllowed:      {"MethodNotAllowed", 405},
}

// restCommon are the codes of restJson1 (those of API Gateway's and Lambda's own APIs).
var restCommon = map[fault.Class]WireError{
	fault.Internal:              {"InternalFailure", 500},
	fault.AccessDenied:          {"AccessDeniedException", 403},
	fault.MissingAuthentication: {"MissingAuthenticationTokenException", 403},
	fault.IncompleteSignature:   {"IncompleteSignatureException", 400},
	fault.InvalidSignature:      {"InvalidSignatureException", 403},
	fault.UnknownAccessKey:      {"UnrecognizedClientException", 403},
	fault.ExpiredToken:          {"ExpiredTokenException", 403},
	fault.RequestExpired:        {"InvalidSignatureException", 403},
	fault.Validation:            {"ValidationException", 400},
	fault.Serialization:         {"SerializationException", 400},
	fault.UnknownOperation:      {"UnknownOperationException", 404},
	fault.Unsupported:           {"NotImplemented", 501},
	fault.Throttling:            {"ThrottlingException", 429},
	fault.Unavailable:           {"ServiceUnavailableException", 503},
	fault.TooLarge:              {"RequestEntityTooLargeException", 413},
	fault.MethodNotAllowed:      {"MethodNotAllowedException", 405},
}

// xmlCommon are the codes of restXml (Amazon S3 API Reference, "Error responses").
var xmlCommon = map[fault.Class]WireError{
	fault.Internal:              {"InternalError", 500},
	fault.AccessDenied:          {"AccessDenied", 403},
	fault.MissingAuthentication: {"AccessDenied", 403},
	fault.IncompleteSignature:   {"AuthorizationHeaderMalformed", 400},
	fault.InvalidSignature:      {"SignatureDoesNotMatch", 403},
	fault.UnknownAccessKey:      {"InvalidAccessKeyId", 403},
	fault.ExpiredToken:          {"ExpiredToken", 400},
	fault.RequestExpired:        {"RequestTimeTooSkewed", 403},
	fault.Validation:            {"InvalidArgument", 400},
	fault.Serialization:         {"MalformedXML", 400},
	fault.UnknownOperation:      {"MethodNotAllowed", 405},
	fault.Unsupported:           {"NotImplemented", 501},
	fault.Throttling:            {"SlowDown", 503},
	fault.Unavailable:           {"ServiceUnavailable", 503},
	fault.TooLarge:              {"EntityTooLarge", 400},
	fault.MethodNotAllowed:      {"MethodNotAllowed", 405},
}

var commonOf = map[string]map[fault.Class]WireError{
	"awsJson1_0": jsonCommon, "awsJson1_1": jsonCommon, "awsQuery": queryCommon, "restJson1": restCommon, "restXml": xmlCommon,
}

// internalMessage is all that a caller learns of a failure of the server.
const internalMessage = "The request processing has failed because of an unknown error, exception or failure."

// Resolve finds the code, status and message of a fault. A fault that the service's model does not declare is an internal
// failure, so that no code leaves the server that its clients do not know.
func Resolve(s *Service, f *fault.Error) Resolved {
	r := Resolved{Message: f.Message}
	if f.Class == fault.Modeled {
		if e, ok := s.Errors[f.Code]; ok {
			r.WireError, r.Shape = e, f.Code
		} else {
			return resolveClass(s, fault.Internal, Resolved{Message: internalMessage})
		}
	} else {
		if f.Class == fault.Internal {
			r.Message = internalMessage
		}
		r = resolveClass(s, f.Class, r)
		if f.Code != "" {
			r.Code = f.Code
		}
	}
	if f.Status != 0 {
		r.Status = f.Status
	}
	return r
}

func resolveClass(s *Service, c fault.Class, r Resolved) Resolved {
	common := commonOf[s.Protocol.Name()]
	e, ok := common[c]
	if !ok {
		e, r.Message = common[fault.Internal], internalMessage
	}
	if o := s.Common[c]; o.Code != "" {
		e.Code = o.Code
	}
	if o := s.Common[c]; o.Status != 0 {
		e.Status = o.Status
	}
	r.WireError = e
	if _, ok := s.Errors[e.Code]; ok {
		r.Shape = e.Code // a service that models the common error names it in its own namespace
	}
	return r
}

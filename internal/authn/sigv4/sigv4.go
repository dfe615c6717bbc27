// Package sigv4 verifies AWS Signature Version 4 on the server's side ("Signature Version 4 for API requests", IAM User
// Guide), in the header and the presigned query form. Parse reads the claim of a request from its headers only; a
// Verifier then checks it against the body and the caller's secret without allocating.
package sigv4

import (
	"time"
)

// The fixed words of the protocol.
const (
	// Algorithm is the only signing algorithm that is verified.
	Algorithm = "AWS4-HMAC-SHA256"
	// AlgorithmV4A is the asymmetric variant, which is recognised and refused.
	AlgorithmV4A = "AWS4-ECDSA-P256-SHA256"
	// UnsignedPayload stands in for the hash of the body where a service allows it.
	UnsignedPayload = "UNSIGNED-PAYLOAD"
	// MaxExpires is the longest life of a presigned request ("X-Amz-Expires": seven days).
	MaxExpires = 604800 * time.Second

	terminator = "aws4_request"
	isoBasic   = "20060102T150405Z"
)

// Signature is what a request says about its own signature. Nothing in it is verified: use it for routing only. It
// shares memory with the request's headers.
type Signature struct {
	// AccessKeyID names the credential that signed.
	AccessKeyID string
	// Date is the day of the credential scope, YYYYMMDD.
	Date string
	// Region and Service are the rest of the credential scope.
	Region, Service string
	// SessionToken is the X-Amz-Security-Token sent along, or "".
	SessionToken string
	// Time is when the request says it was signed.
	Time time.Time
	// Presigned is true for the query form.
	Presigned bool
	// Expires is X-Amz-Expires of the query form; zero if it was not sent.
	Expires time.Duration

	scope         string // date/region/service/aws4_request
	timestamp     string // Time in basic ISO 8601; "" when it came from a Date header of another form
	signedHeaders string
	payload       string // x-amz-content-sha256
	mac           [32]byte
	amzSent       int  // x-amz-* headers of the request
	macOK         bool // mac is 64 digits of lower-case hexadecimal
	hasExpires    bool
	tokenInHeader bool
	dateInHeader  bool   // timestamp is the X-Amz-Date header
	cacheKey      string // what repeats of a signature: see plan
	plan          *plan  // if it was seen before
}

// rules are the differences between services.
type rules struct {
	// skew is how far the signing time may be from the server's.
	skew time.Duration
	// rawPath: the path is signed as it was sent, encoded once and not normalised.
	rawPath bool
	// unsignedPayload: the body need not be part of the signature.
	unsignedPayload bool
	// contentHash: x-amz-content-sha256 is required in the header form, and is what is signed.
	contentHash bool
}

var (
	// "Signing and authenticating REST requests" (Amazon S3): within 15 minutes; "Create a signed AWS API request":
	// S3 neither normalises nor double-encodes the path.
	s3Rules = rules{skew: 15 * time.Minute, rawPath: true, unsignedPayload: true, contentHash: true}
	// "Troubleshoot Signature Version 4 signing for AWS API requests": five minutes.
	otherRules = rules{skew: 5 * time.Minute}
)

func rulesOf(service string) *rules {
	switch service {
	case "s3", "s3express", "s3-object-lambda", "s3-outposts":
		return &s3Rules
	}
	return &otherRules
}

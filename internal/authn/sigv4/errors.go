package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
)

func errMissing() *fault.Error {
	return fault.New(fault.MissingAuthentication, "Request is missing Authentication Token")
}

func errMismatch() *fault.Error {
	return fault.New(fault.InvalidSignature, "The request signature we calculated does not match the signature you "+
		"provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

func incomplete(format string, args ...any) *fault.Error {
	return fault.New(fault.IncompleteSignature, format, args...)
}

func errUnsigned(header string) *fault.Error {
	return fault.New(fault.InvalidSignature, "'%s' must be a 'SignedHeader' in the AWS Authorization.", header)
}

func errBothForms() *fault.Error {
	return incomplete("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query " +
		"string parameter or the Authorization header should be specified")
}

// errScopeDate is AWS's answer when the day of the scope is not that of the signing time.
func errScopeDate(sig *Signature) *fault.Error {
	return fault.New(fault.InvalidSignature, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "+
		"of date from HTTP: '%s' != '%s', from '%s'.", sig.Date, sig.Time.Format("20060102"), sig.Time.Format(isoBasic))
}

func minutes(d time.Duration) int { return int(d / time.Minute) }

func errExpired(sig *Signature, r *rules, now time.Time) *fault.Error {
	if r == &s3Rules {
		return errTooSkewed()
	}
	return fault.New(fault.RequestExpired, "Signature expired: %s is now earlier than %s (%s - %d min.)",
		sig.Time.Format(isoBasic), now.Add(-r.skew).Format(isoBasic), now.Format(isoBasic), minutes(r.skew))
}

func errNotYet(sig *Signature, r *rules, now time.Time) *fault.Error {
	if r == &s3Rules && !sig.Presigned {
		return errTooSkewed()
	}
	return fault.New(fault.RequestExpired, "Signature not yet current: %s is still later than %s (%s + %d min.)",
		sig.Time.Format(isoBasic), now.Add(r.skew).Format(isoBasic), now.Format(isoBasic), minutes(r.skew))
}

func errTooSkewed() *fault.Error {
	e := fault.New(fault.RequestExpired, "The difference between the request time and the current time is too large.")
	e.Code = "RequestTimeTooSkewed"
	return e
}

func errPresignExpired(sig *Signature, r *rules, now time.Time) *fault.Error {
	if r == &s3Rules {
		e := fault.New(fault.RequestExpired, "Request has expired")
		e.Code = "AccessDenied"
		return e
	}
	return fault.New(fault.RequestExpired, "Signature expired: %s is now earlier than %s (%s - %d min.)",
		sig.Time.Format(isoBasic), now.Add(-sig.Expires).Format(isoBasic), now.Format(isoBasic), minutes(sig.Expires))
}

// missingParts collects what an Authorization header lacks, in AWS's order and words. The header is sent back hashed,
// as AWS does, so that it does not end in logs of the caller.
type missingParts struct{ b strings.Builder }

func (m *missingParts) add(s string) {
	m.b.WriteString(s)
	m.b.WriteByte(' ')
}

func (m *missingParts) err(header string) *fault.Error {
	if m.b.Len() == 0 {
		return nil
	}
	sum := sha256.Sum256([]byte(header))
	return incomplete("%s(Hashed with SHA-256 and encoded with Base64) Authorization=%s", m.b.String(),
		base64.StdEncoding.EncodeToString(sum[:]))
}

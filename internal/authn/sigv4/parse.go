package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// Bounds of what Parse looks at. The whole header block is bounded by the server already.
const (
	maxCredential    = 512
	maxSignedHeaders = 8 << 10
)

// Parse reads the signature that a request claims, from its headers and query only. Without any it is
// MissingAuthentication; what cannot be read, is there twice, or is in both forms is IncompleteSignature.
func Parse(r *http.Request) (Signature, error) {
	var sig Signature
	auth := r.Header["Authorization"]
	inQuery := strings.Contains(r.URL.RawQuery, "X-Amz-") && hasAuthQuery(r.URL.RawQuery)
	var err *fault.Error
	switch {
	case len(auth) > 1:
		err = incomplete("Authorization header must not be repeated.")
	case len(auth) == 1 && inQuery:
		err = errBothForms()
	case len(auth) == 1:
		err = sig.parseHeader(r, auth[0])
	case inQuery:
		err = sig.parseQuery(r)
	default:
		err = errMissing()
	}
	if err != nil {
		return Signature{}, err
	}
	return sig, nil
}

func (sig *Signature) parseHeader(r *http.Request, auth string) *fault.Error {
	alg, rest, ok := strings.Cut(auth, " ")
	switch {
	case alg == AlgorithmV4A:
		return incomplete("Unsupported AWS 'algorithm': '%s'. Only '%s' is supported.", AlgorithmV4A, Algorithm)
	case alg != Algorithm && !strings.HasPrefix(alg, "AWS"):
		return errMissing()
	case alg != Algorithm:
		return incomplete("Unsupported AWS 'algorithm': '%.64s'. Only '%s' is supported.", alg, Algorithm)
	case !ok:
		rest = ""
	}
	var credential, signature string
	for rest = strings.TrimSpace(rest); rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		part, rest = strings.TrimSpace(part), strings.TrimSpace(rest)
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return incomplete("'%.128s' not a valid key=value pair (missing equal-sign) in Authorization header.", part)
		}
		var dst *string
		switch name {
		case "Credential":
			dst = &credential
		case "SignedHeaders":
			dst = &sig.signedHeaders
		case "Signature":
			dst = &signature
		default:
			return incomplete("'%.128s' is not a valid parameter of the Authorization header.", name)
		}
		if *dst != "" {
			return incomplete("Authorization header must not repeat '%s' parameter.", name)
		}
		*dst = value
	}
	if err := sig.headerDate(r); err != nil {
		return err
	}
	if credential == "" || signature == "" || sig.signedHeaders == "" || sig.Time.IsZero() {
		return errHeaderLacks(auth, credential, signature, sig)
	}
	if err := sig.headerExtras(r); err != nil {
		return err
	}
	sig.setMAC(signature)
	return sig.setCredential(credential)
}

func errHeaderLacks(auth, credential, signature string, sig *Signature) *fault.Error {
	var m missingParts
	if credential == "" {
		m.add("Authorization header requires 'Credential' parameter.")
	}
	if signature == "" {
		m.add("Authorization header requires 'Signature' parameter.")
	}
	if sig.signedHeaders == "" {
		m.add("Authorization header requires 'SignedHeaders' parameter.")
	}
	if sig.Time.IsZero() {
		m.add("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return m.err(auth)
}

// single returns the one value of a header, "" if it is absent.
func single(r *http.Request, canonical string) (string, *fault.Error) {
	switch v := r.Header[canonical]; len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", incomplete("%s header must not be repeated.", canonical)
}

// headerDate takes the signing time from X-Amz-Date, else from Date ("Elements of an AWS API request signature").
func (sig *Signature) headerDate(r *http.Request) *fault.Error {
	s, err := single(r, "X-Amz-Date")
	if err != nil {
		return err
	}
	if s != "" {
		return sig.setTime(s, "X-Amz-Date")
	}
	if s, err = single(r, "Date"); err != nil || s == "" {
		return err
	}
	if t, perr := http.ParseTime(s); perr == nil {
		sig.Time = t.UTC()
		return nil
	}
	return sig.setTime(s, "Date")
}

func (sig *Signature) headerExtras(r *http.Request) (err *fault.Error) {
	if sig.SessionToken, err = single(r, "X-Amz-Security-Token"); err != nil {
		return err
	}
	sig.tokenInHeader = sig.SessionToken != ""
	sig.payload, err = single(r, "X-Amz-Content-Sha256")
	return err
}

func (sig *Signature) setTime(s, from string) *fault.Error {
	t, ok := parseISO(s)
	if !ok {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '%.64s'. See http://en.wikipedia.org/wiki/ISO_8601 (%s)",
			s, from)
	}
	sig.Time, sig.timestamp = t, s
	return nil
}

// parseISO parses YYYYMMDDTHHMMSSZ and nothing else.
func parseISO(s string) (time.Time, bool) {
	if len(s) != len(isoBasic) || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	num := func(i, j int) int {
		n := 0
		for ; i < j; i++ {
			c := s[i] - '0'
			if c > 9 {
				return -1 << 20
			}
			n = n*10 + int(c)
		}
		return n
	}
	y, mo, d, h, mi, se := num(0, 4), num(4, 6), num(6, 8), num(9, 11), num(11, 13), num(13, 15)
	if y < 1 || mo < 1 || mo > 12 || d < 1 || h < 0 || h > 23 || mi < 0 || mi > 59 || se < 0 || se > 59 {
		return time.Time{}, false
	}
	t := time.Date(y, time.Month(mo), d, h, mi, se, 0, time.UTC)
	return t, t.Day() == d // the 31st of a month of 30 days is refused, not moved
}

func (sig *Signature) setMAC(s string) {
	if len(s) != 64 {
		return
	}
	for i := 0; i < 64; i += 2 {
		hi, lo := unhexLower(s[i]), unhexLower(s[i+1])
		if hi|lo > 15 {
			return
		}
		sig.mac[i/2] = hi<<4 | lo
	}
	sig.macOK = true
}

func unhexLower(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

func (sig *Signature) setCredential(s string) *fault.Error {
	if len(s) > maxCredential {
		return incomplete("Credential is longer than %d characters.", maxCredential)
	}
	var ok [4]bool
	var rest, end string
	sig.AccessKeyID, rest, ok[0] = strings.Cut(s, "/")
	sig.scope = rest
	sig.Date, rest, ok[1] = strings.Cut(rest, "/")
	sig.Region, rest, ok[2] = strings.Cut(rest, "/")
	sig.Service, end, ok[3] = strings.Cut(rest, "/")
	if ok != [4]bool{true, true, true, true} || strings.Contains(end, "/") || sig.AccessKeyID == "" {
		return incomplete("Credential must have exactly 5 slash-delimited elements, "+
			"e.g. keyid/date/region/service/term, got '%.128s'", s)
	}
	if end != terminator {
		return fault.New(fault.InvalidSignature, "Credential should be scoped with a valid terminator: '%s', not '%.64s'.",
			terminator, end)
	}
	if !plain(sig.AccessKeyID) || !plain(sig.Service) {
		return incomplete("Credential contains characters that are not allowed.")
	}
	if !plain(sig.Region) {
		return fault.New(fault.InvalidSignature, "Credential should be scoped to a valid region.")
	}
	return nil
}

// plain reports whether s is a non-empty word of letters, digits, dash and underscore.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	return s != ""
}

// The query parameters of a presigned request, in the order of AWS's complaints.
const (
	qAlgorithm = iota
	qCredential
	qSignature
	qSignedHeaders
	qDate
	qExpires
	qToken
	qContent
	qCount
)

var queryNames = [qCount]string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders",
	"X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token", "X-Amz-Content-Sha256"}

// hasAuthQuery reports whether the query tries to authenticate: any of the parameters that only signing uses.
func hasAuthQuery(raw string) bool {
	for raw != "" {
		var p string
		p, raw, _ = strings.Cut(raw, "&")
		name, _, _ := strings.Cut(p, "=")
		switch name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			return true
		}
	}
	return false
}

func (sig *Signature) parseQuery(r *http.Request) *fault.Error {
	var q [qCount]string
	var seen [qCount]bool
	for raw := r.URL.RawQuery; raw != ""; {
		var p string
		p, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(p, "=")
		for i, want := range queryNames {
			if name != want {
				continue
			}
			v, err := url.QueryUnescape(value)
			if err != nil || seen[i] {
				return incomplete("AWS query-string parameter '%s' must be sent once and be encoded correctly.", want)
			}
			q[i], seen[i] = v, true
		}
	}
	return sig.fromQuery(r, &q, &seen)
}

func (sig *Signature) fromQuery(r *http.Request, q *[qCount]string, seen *[qCount]bool) *fault.Error {
	if q[qAlgorithm] == AlgorithmV4A || seen[qAlgorithm] && q[qAlgorithm] != Algorithm {
		return incomplete("Unsupported AWS 'algorithm': '%.64s'. Only '%s' is supported.", q[qAlgorithm], Algorithm)
	}
	var m missingParts
	for i := qAlgorithm; i <= qDate; i++ {
		if q[i] == "" {
			m.add("AWS query-string parameters must include '" + queryNames[i] + "'.")
		}
	}
	if err := m.err(r.URL.RawQuery); err != nil {
		return err
	}
	sig.Presigned, sig.signedHeaders = true, q[qSignedHeaders]
	if err := sig.headerExtras(r); err != nil {
		return err
	}
	if seen[qToken] && sig.tokenInHeader || seen[qContent] && sig.payload != "" {
		return errBothForms()
	}
	if seen[qToken] {
		sig.SessionToken = q[qToken]
	}
	if seen[qContent] {
		sig.payload = q[qContent]
	}
	if err := sig.setTime(q[qDate], "X-Amz-Date"); err != nil {
		return err
	}
	sig.setMAC(q[qSignature])
	if err := sig.setCredential(q[qCredential]); err != nil {
		return err
	}
	return sig.setExpires(q[qExpires], seen[qExpires])
}

func (sig *Signature) setExpires(s string, sent bool) *fault.Error {
	bad := func(msg string) *fault.Error {
		e := incomplete("%s", msg)
		if rulesOf(sig.Service) == &s3Rules {
			e.Code = "AuthorizationQueryParametersError"
		}
		return e
	}
	if !sent {
		if rulesOf(sig.Service) == &s3Rules {
			return bad("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
				"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || s[0] == '+':
		return bad("X-Amz-Expires should be a number")
	case n < 0:
		return bad("X-Amz-Expires must be non-negative")
	case n > int64(MaxExpires/time.Second):
		return bad("X-Amz-Expires must be less than a week (in seconds); " +
			"that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	sig.hasExpires, sig.Expires = true, time.Duration(n)*time.Second
	return nil
}

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
//
// Verifier.Parse does the same, and faster for clients that it has seen.
func Parse(r *http.Request) (Signature, error) { return parse(r, nil) }

// Parse is the function Parse, which knows the signatures that v verified before.
func (v *Verifier) Parse(r *http.Request) (Signature, error) { return parse(r, v.plans) }

func parse(r *http.Request, plans *planCache) (sig Signature, _ error) {
	h := scan(r.Header)
	sig.amzSent = h.amz
	auth := h.auth
	inQuery := strings.Contains(r.URL.RawQuery, "X-Amz-") && hasAuthQuery(r.URL.RawQuery)
	var err *fault.Error
	switch {
	case len(auth) > 1:
		err = incomplete("Authorization header must not be repeated.")
	case len(auth) == 1 && inQuery:
		err = errBothForms()
	case len(auth) == 1:
		err = sig.parseHeader(&h, auth[0], plans)
	case inQuery:
		err = sig.parseQuery(r, &h)
	default:
		err = errMissing()
	}
	if err != nil {
		return Signature{}, err
	}
	return sig, nil
}

func (sig *Signature) parseHeader(h *heads, auth string, plans *planCache) *fault.Error {
	if n := len(auth) - 64; n > 0 && strings.HasSuffix(auth[:n], "Signature=") {
		sig.cacheKey = auth[:n]
		if p := plans.find(sig.cacheKey); p != nil {
			p.fill(sig)
			sig.setMAC(auth[n:])
			return sig.headerRest(h, auth, auth[n:])
		}
	}
	return sig.parseAuthorization(h, auth)
}

func (sig *Signature) parseAuthorization(h *heads, auth string) *fault.Error {
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
	sig.scope = credential
	if err := sig.headerRest(h, auth, signature); err != nil {
		return err
	}
	sig.setMAC(signature)
	return sig.setCredential(credential)
}

// headerRest reads the headers beside Authorization, and complains about all that is missing at once.
func (sig *Signature) headerRest(h *heads, auth, signature string) *fault.Error {
	if err := sig.headerDate(h); err != nil {
		return err
	}
	if sig.scope == "" || signature == "" || sig.signedHeaders == "" || sig.Time.IsZero() {
		return errHeaderLacks(auth, signature, sig)
	}
	return sig.headerExtras(h)
}

func errHeaderLacks(auth, signature string, sig *Signature) *fault.Error {
	var m missingParts
	if sig.scope == "" {
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

// heads are the headers that signing uses, found in one pass.
type heads struct {
	auth, amzDate, date, token, content []string
	amz                                 int // how many x-amz-* headers there are
}

func scan(h http.Header) (out heads) {
	for name, v := range h {
		if len(v) == 0 {
			continue
		}
		if isAmz(name) {
			out.amz++
		}
		switch name {
		case "Authorization":
			out.auth = v
		case "X-Amz-Date":
			out.amzDate = v
		case "Date":
			out.date = v
		case "X-Amz-Security-Token":
			out.token = v
		case "X-Amz-Content-Sha256":
			out.content = v
		}
	}
	return out
}

// single returns the one value of a header, "" if it is absent.
func single(v []string, name string) (string, *fault.Error) {
	switch len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", incomplete("%s header must not be repeated.", name)
}

// headerDate takes the signing time from X-Amz-Date, else from Date ("Elements of an AWS API request signature").
func (sig *Signature) headerDate(h *heads) *fault.Error {
	s, err := single(h.amzDate, "X-Amz-Date")
	if err != nil {
		return err
	}
	if s != "" {
		sig.dateInHeader = true
		return sig.setTime(s, "X-Amz-Date")
	}
	if s, err = single(h.date, "Date"); err != nil || s == "" {
		return err
	}
	if t, perr := http.ParseTime(s); perr == nil {
		sig.Time = t.UTC()
		return nil
	}
	return sig.setTime(s, "Date")
}

func (sig *Signature) headerExtras(h *heads) (err *fault.Error) {
	if sig.SessionToken, err = single(h.token, "X-Amz-Security-Token"); err != nil {
		return err
	}
	sig.tokenInHeader = sig.SessionToken != ""
	sig.payload, err = single(h.content, "X-Amz-Content-Sha256")
	return err
}

func (sig *Signature) setTime(s, from string) *fault.Error {
	t, ok := time.Time{}, false
	if sig.plan != nil {
		t, ok = sig.plan.time(s)
	}
	if !ok {
		t, ok = parseISO(s)
	}
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
	y, mo, d := pair(s, 0)*100+pair(s, 2), pair(s, 4), pair(s, 6)
	h, mi, se := pair(s, 9), pair(s, 11), pair(s, 13)
	if y < 1 || mo < 1 || mo > 12 || d < 1 || h < 0 || h > 23 || mi < 0 || mi > 59 || se < 0 || se > 59 {
		return time.Time{}, false
	}
	t := time.Date(y, time.Month(mo), d, h, mi, se, 0, time.UTC)
	return t, t.Day() == d // the 31st of a month of 30 days is refused, not moved
}

// pair reads two digits; it is far below zero for what is no number.
func pair(s string, i int) int {
	a, b := s[i]-'0', s[i+1]-'0'
	if a > 9 || b > 9 {
		return -1 << 20
	}
	return int(a)*10 + int(b)
}

// time is parseISO for a time of the plan's day.
func (p *plan) time(s string) (time.Time, bool) {
	if len(s) != len(isoBasic) || s[8] != 'T' || s[15] != 'Z' || s[:8] != p.date {
		return time.Time{}, false
	}
	h, mi, se := pair(s, 9), pair(s, 11), pair(s, 13)
	if h < 0 || h > 23 || mi < 0 || mi > 59 || se < 0 || se > 59 {
		return time.Time{}, false
	}
	return time.Unix(p.midnight+int64(h*3600+mi*60+se), 0).UTC(), true
}

func (sig *Signature) setMAC(s string) {
	if len(s) != 64 {
		return
	}
	bad := byte(0)
	for i := range sig.mac {
		hi, lo := lowerHex[s[2*i]], lowerHex[s[2*i+1]]
		bad |= hi | lo
		sig.mac[i] = hi<<4 | lo
	}
	sig.macOK = bad < 16
}

// lowerHex has the value of each lower-case hexadecimal digit and 0xff for what is none.
var lowerHex = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	return t
}()

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
		if c := s[i]; !safe[c] || c == '.' || c == '~' {
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

func (sig *Signature) parseQuery(r *http.Request, h *heads) *fault.Error {
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
	return sig.fromQuery(r, h, &q, &seen)
}

func (sig *Signature) fromQuery(r *http.Request, h *heads, q *[qCount]string, seen *[qCount]bool) *fault.Error {
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
	if err := sig.headerExtras(h); err != nil {
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
	sig.cacheKey = q[qCredential]
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

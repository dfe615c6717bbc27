package sigv4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
)

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func sortedJoin(q string) string {
	p := strings.Split(q, "&")
	slices.SortFunc(p, func(a, b string) int {
		an, av, _ := strings.Cut(a, "=")
		bn, bv, _ := strings.Cut(b, "=")
		if c := strings.Compare(an, bn); c != 0 {
			return c
		}
		return strings.Compare(av, bv)
	})
	return strings.Join(p, "&")
}

// signed makes a request of AWS's Go signer, in the header form, as it arrives.
func signed(t testing.TB, service, method, rawURL, body string, token string, edit func(*http.Request)) *http.Request {
	t.Helper()
	r := clientRequest(t, method, rawURL, edit)
	hash := sha256Hex(body)
	if service == "s3" {
		if r.Header.Get("X-Amz-Content-Sha256") == "" {
			r.Header.Set("X-Amz-Content-Sha256", hash)
		}
		hash = r.Header.Get("X-Amz-Content-Sha256")
	}
	err := v4.NewSigner(pathAsS3(service)).SignHTTP(context.Background(), creds(token), r, hash, service, "us-east-1", testTime)
	if err != nil {
		t.Fatal(err)
	}
	return wire(t, r, []byte(body))
}

func pathAsS3(service string) func(*v4.SignerOptions) {
	return func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }
}

func creds(token string) aws.Credentials {
	return aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret, SessionToken: token}
}

func clientRequest(t testing.TB, method, rawURL string, edit func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, rawURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(r)
	}
	return r
}

func presigned(t testing.TB, service, rawURL, hash, token string, edit func(*http.Request)) *http.Request {
	t.Helper()
	r := clientRequest(t, "GET", rawURL, edit)
	u, h, err := v4.NewSigner(pathAsS3(service)).PresignHTTP(context.Background(), creds(token), r, hash, service,
		"us-east-1", testTime)
	if err != nil {
		t.Fatal(err)
	}
	out := clientRequest(t, "GET", u, nil)
	for k, v := range h {
		if k != "Host" {
			out.Header[k] = v
		}
	}
	return wire(t, out, nil)
}

var roundTrips = []struct{ service, method, url, body string }{
	{"dynamodb", "POST", "http://localhost:4600/", `{"TableName":"t"}`},
	{"sts", "POST", "https://sts.us-east-1.amazonaws.com/", "Action=GetCallerIdentity&Version=2011-06-15"},
	{"lambda", "GET", "http://h/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1/policy?Qualifier=a%2Fb&z=&a=1&a=0", ""},
	{"lambda", "GET", "http://h/a%20b/c+d/%E1%88%B4?x=a+b&y=%2B&z=~*'()", ""},
	{"s3", "PUT", "http://bucket.h/a//b/../c%20d/%2F%2B%C3%A9?tagging", "hello"},
	{"s3", "GET", "http://h/bucket/key?prefix=a%2F&list-type=2", ""},
}

func TestRoundTripHeader(t *testing.T) {
	t.Parallel()
	v := newTestVerifier(testTime)
	for _, c := range roundTrips {
		for _, token := range []string{"", "tok/en+=="} {
			t.Run(c.service+c.url+token, func(t *testing.T) {
				t.Parallel()
				r := signed(t, c.service, c.method, c.url, c.body, token, func(r *http.Request) {
					r.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
					r.Header.Set("Content-Type", "application/x-amz-json-1.0")
					r.Header.Add("X-Many", "  a   b ")
					r.Header.Add("X-Many", "c")
				})
				if err := verify(v, r, []byte(c.body)); err != nil {
					t.Fatal(err)
				}
				wantFault(t, verify(v, r, []byte(c.body+" ")), fault.InvalidSignature, "")
			})
		}
	}
}

func TestRoundTripPresigned(t *testing.T) {
	t.Parallel()
	v := newTestVerifier(testTime.Add(4 * time.Minute))
	for _, c := range roundTrips {
		if c.method != "GET" && c.service != "sts" {
			continue
		}
		for _, token := range []string{"", "tok/en+=="} {
			hash := sha256Hex("")
			if c.service == "s3" {
				hash = UnsignedPayload
			}
			u := c.url
			if strings.Contains(u, "?") {
				u += "&"
			} else {
				u += "?"
			}
			r := presigned(t, c.service, u+"X-Amz-Expires=300", hash, token, nil)
			if err := verify(v, r, nil); err != nil {
				t.Fatalf("%s: %v", c.url, err)
			}
			late := newTestVerifier(testTime.Add(301 * time.Second))
			wantFault(t, verify(late, r, nil), fault.RequestExpired, "")
		}
	}
}

func TestUnsignedPayload(t *testing.T) {
	t.Parallel()
	v := newTestVerifier(testTime)
	unsigned := func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", UnsignedPayload) }
	if err := verify(v, signed(t, "s3", "PUT", "http://h/b/k", "x", "", unsigned), []byte("anything")); err != nil {
		t.Fatal(err)
	}
	r := clientRequest(t, "POST", "http://h/", unsigned)
	if err := v4.NewSigner().SignHTTP(t.Context(), creds(""), r, UnsignedPayload, "dynamodb", "us-east-1", testTime); err != nil {
		t.Fatal(err)
	}
	wantFault(t, verify(v, r, nil), fault.InvalidSignature, "The request signature we calculated does not match")

	r = signed(t, "s3", "PUT", "http://h/b/k", "x", "", nil)
	wantFault(t, verify(v, r, []byte("y")), fault.InvalidSignature, "'x-amz-content-sha256' header does not match")
	r = signed(t, "s3", "PUT", "http://h/b/k", "x", "", nil)
	r.Header.Del("X-Amz-Content-Sha256")
	wantFault(t, verify(v, r, []byte("x")), fault.InvalidSignature, "")
}

func TestTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service string
		now     time.Duration
		class   fault.Class
		text    string
	}{
		{"dynamodb", 5 * time.Minute, 0, ""},
		{"dynamodb", -5 * time.Minute, 0, ""},
		{"dynamodb", 9 * time.Minute, fault.RequestExpired,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T124000Z (20150830T124500Z - 5 min.)"},
		{"dynamodb", -9 * time.Minute, fault.RequestExpired,
			"Signature not yet current: 20150830T123600Z is still later than 20150830T123200Z (20150830T122700Z + 5 min.)"},
		{"s3", 15 * time.Minute, 0, ""},
		{"s3", 15*time.Minute + time.Second, fault.RequestExpired, "RequestTimeTooSkewed"},
		{"s3", -15*time.Minute - time.Second, fault.RequestExpired, "too large"},
	} {
		err := verify(newTestVerifier(testTime.Add(c.now)), signed(t, c.service, "GET", "http://h/b", "", "", nil), nil)
		if c.text == "" {
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			continue
		}
		wantFault(t, err, c.class, c.text)
	}
}

const goodAuth = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
	"SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

func TestRefusals(t *testing.T) {
	t.Parallel()
	ok := http.Header{"Authorization": {goodAuth}, "X-Amz-Date": {"20150830T123600Z"}}
	auth := func(old, now string) http.Header {
		h := ok.Clone()
		h["Authorization"] = []string{strings.Replace(goodAuth, old, now, 1)}
		return h
	}
	with := func(k string, v ...string) http.Header {
		h := ok.Clone()
		if h[k] = v; v == nil {
			delete(h, k)
		}
		return h
	}
	for name, c := range map[string]struct {
		h     http.Header
		query string
		class fault.Class
		text  string
	}{
		"none":         {http.Header{}, "", fault.MissingAuthentication, "Request is missing Authentication Token"},
		"bearer":       {http.Header{"Authorization": {"Bearer x"}}, "", fault.MissingAuthentication, ""},
		"empty":        {http.Header{"Authorization": {""}}, "", fault.MissingAuthentication, ""},
		"two":          {with("Authorization", goodAuth, goodAuth), "", fault.IncompleteSignature, "repeated"},
		"two dates":    {with("X-Amz-Date", "20150830T123600Z", "20150830T123600Z"), "", fault.IncompleteSignature, "X-Amz-Date"},
		"two tokens":   {with("X-Amz-Security-Token", "a", "b"), "", fault.IncompleteSignature, "X-Amz-Security-Token"},
		"both forms":   {ok, "X-Amz-Signature=x", fault.IncompleteSignature, "Only one auth mechanism"},
		"v4a":          {auth("AWS4-HMAC-SHA256", AlgorithmV4A), "", fault.IncompleteSignature, "AWS4-ECDSA-P256-SHA256"},
		"alg":          {auth("AWS4-HMAC-SHA256", "AWS4-HMAC-MD5"), "", fault.IncompleteSignature, "Unsupported AWS 'algorithm'"},
		"bare":         {with("Authorization", "AWS4-HMAC-SHA256"), "", fault.IncompleteSignature, "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. (Hashed"},
		"no date":      {with("X-Amz-Date"), "", fault.IncompleteSignature, "requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		"pair":         {auth("Signature=", "Signature"), "", fault.IncompleteSignature, "missing equal-sign"},
		"unknown part": {auth("Signature=", "Signatur="), "", fault.IncompleteSignature, "not a valid parameter"},
		"repeated":     {auth("Signature=", "Signature=a, Signature="), "", fault.IncompleteSignature, "repeat"},
		"date form":    {with("X-Amz-Date", "2015-08-30T12:36:00Z"), "", fault.IncompleteSignature, "ISO-8601"},
		"day":          {with("X-Amz-Date", "20150831T123600Z"), "", fault.InvalidSignature, "'20150830' != '20150831', from '20150831T123600Z'."},
		"short scope":  {auth("/service", ""), "", fault.IncompleteSignature, "exactly 5 slash-delimited elements"},
		"long scope":   {auth("/service", "/service/x"), "", fault.IncompleteSignature, "exactly 5"},
		"terminator":   {auth("aws4_request", "aws4_reques"), "", fault.InvalidSignature, "valid terminator: 'aws4_request', not 'aws4_reques'."},
		"region":       {auth("us-east-1", ""), "", fault.InvalidSignature, "Credential should be scoped to a valid region."},
		"key":          {auth("AKIDEXAMPLE", "AKIDEXAMPLF"), "", fault.UnknownAccessKey, "The security token included in the request is invalid."},
		"no host":      {auth("host;", ""), "", fault.InvalidSignature, "'Host' or ':authority' must be a 'SignedHeader'"},
		"unsigned":     {with("X-Amz-Target", "a"), "", fault.InvalidSignature, "'X-Amz-Target' must be a 'SignedHeader'"},
		"unsorted":     {auth("host;x-amz-date", "x-amz-date;host"), "", fault.InvalidSignature, ""},
		"twice signed": {auth("host;", "host;host;"), "", fault.InvalidSignature, ""},
		"upper signed": {auth("host;", "Host;"), "", fault.InvalidSignature, ""},
		"absent":       {auth("host;", "host;x-absent;"), "", fault.InvalidSignature, ""},
		"upper hex":    {auth("5fa00fa", "5FA00FA"), "", fault.InvalidSignature, ""},
		"short hex":    {auth("5fa00fa", ""), "", fault.InvalidSignature, ""},
		"bad escape":   {ok, "a=%zz", fault.InvalidSignature, ""},
		"presign bare": {http.Header{}, "X-Amz-Algorithm=AWS4-HMAC-SHA256", fault.IncompleteSignature, "X-Amz-Credential"},
		"presign twice": {http.Header{}, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Algorithm=AWS4-HMAC-SHA256",
			fault.IncompleteSignature, "once"},
		"presign v4a": {http.Header{}, "X-Amz-Algorithm=" + AlgorithmV4A, fault.IncompleteSignature, "Unsupported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &http.Request{Method: "GET", Host: "example.amazonaws.com", Header: c.h, URL: &url.URL{Path: "/", RawQuery: c.query}}
			wantFault(t, verify(newTestVerifier(testTime), r, nil), c.class, c.text)
		})
	}
}

func TestScopeChecks(t *testing.T) {
	t.Parallel()
	r := &http.Request{Method: "GET", Host: "example.amazonaws.com", URL: &url.URL{Path: "/"},
		Header: http.Header{"Authorization": {goodAuth}, "X-Amz-Date": {"20150830T123600Z"}}}
	sig, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	v := newTestVerifier(testTime)
	if _, err = v.Verify(t.Context(), r, &sig, nil, "service"); err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(t.Context(), r, &sig, nil, "sts")
	wantFault(t, err, fault.InvalidSignature, "Credential should be scoped to correct service: 'sts'.")
	v.region = func(string) bool { return false }
	_, err = v.Verify(t.Context(), r, &sig, nil, "")
	wantFault(t, err, fault.InvalidSignature, "Credential should be scoped to a valid region.")
}

func TestDateHeader(t *testing.T) {
	t.Parallel()
	r := &http.Request{Method: "GET", Host: "h", URL: &url.URL{Path: "/"},
		Header: http.Header{"Date": {"Sun, 30 Aug 2015 12:36:00 GMT"}}}
	creq := "GET\n/\n\ndate:Sun, 30 Aug 2015 12:36:00 GMT\nhost:h\n\ndate;host\n" + sha256Hex("")
	mac := textbookMAC(testSecret, "20150830", "us-east-1", "sts",
		"AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/sts/aws4_request\n"+sha256Hex(creq))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request,"+
		"SignedHeaders=date;host,Signature="+mac)
	if err := verify(newTestVerifier(testTime), r, nil); err != nil {
		t.Fatal(err)
	}
}

func TestPresignedExpires(t *testing.T) {
	t.Parallel()
	for expires, text := range map[string]string{
		"604801": "X-Amz-Expires must be less than a week", "-1": "X-Amz-Expires must be non-negative",
		"x": "X-Amz-Expires should be a number", "": "should be a number", "+5": "should be a number",
	} {
		r := presigned(t, "s3", "http://h/b/k?X-Amz-Expires=5", UnsignedPayload, "", nil)
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Expires=5", "X-Amz-Expires="+url.QueryEscape(expires), 1)
		wantFault(t, verify(newTestVerifier(testTime), r, nil), fault.IncompleteSignature, text)
	}
	r := presigned(t, "s3", "http://h/b/k?X-Amz-Expires=604800", UnsignedPayload, "", nil)
	if err := verify(newTestVerifier(testTime.Add(MaxExpires)), r, nil); err != nil {
		t.Fatal(err)
	}
	wantFault(t, verify(newTestVerifier(testTime.Add(MaxExpires+time.Second)), r, nil), fault.RequestExpired, "Request has expired")
}

// TestMutation changes every byte of what is signed, one at a time, and every time it must be refused.
func TestMutation(t *testing.T) {
	t.Parallel()
	const body = `{"TableName":"t"}`
	v := newTestVerifier(testTime)
	base := signed(t, "dynamodb", "POST", "http://localhost:4600/pa/th?q1=v1&q2=v2", body, "tok", func(r *http.Request) {
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	})
	if err := verify(v, base, []byte(body)); err != nil {
		t.Fatal(err)
	}
	sigAt := strings.Index(base.Header.Get("Authorization"), "Signature=") + len("Signature=")
	fields := map[string]struct {
		get func(*http.Request) string
		set func(*http.Request, string)
		off int
	}{
		"method": {func(r *http.Request) string { return r.Method }, func(r *http.Request, s string) { r.Method = s }, 0},
		"path":   {func(r *http.Request) string { return r.URL.Path }, func(r *http.Request, s string) { r.URL.Path = s }, 1},
		"query":  {func(r *http.Request) string { return r.URL.RawQuery }, func(r *http.Request, s string) { r.URL.RawQuery = s }, 0},
		"host":   {func(r *http.Request) string { return r.Host }, func(r *http.Request, s string) { r.Host = s }, 0},
	}
	for _, h := range []string{"X-Amz-Target", "Content-Type", "X-Amz-Date", "X-Amz-Security-Token", "Authorization"} {
		off := 0
		if h == "Authorization" {
			off = sigAt
		}
		fields[h] = struct {
			get func(*http.Request) string
			set func(*http.Request, string)
			off int
		}{func(r *http.Request) string { return r.Header.Get(h) }, func(r *http.Request, s string) { r.Header.Set(h, s) }, off}
	}
	for name, f := range fields {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := f.get(base)
			for i := f.off; i < len(s); i++ {
				for _, x := range []byte{1, 2, 0x20, 0x80} {
					r := base.Clone(context.Background())
					b := []byte(s)
					b[i] ^= x
					f.set(r, string(b))
					if err := verify(v, r, []byte(body)); err == nil {
						t.Fatalf("%s %q accepted for %q", name, b, s)
					}
				}
			}
		})
	}
	for i := range body {
		b := []byte(body)
		b[i] ^= 1
		if verify(v, base, b) == nil {
			t.Fatalf("body %q accepted", b)
		}
	}
}

func TestKeyCache(t *testing.T) {
	t.Parallel()
	secret := []byte(testSecret)
	var calls int
	v := NewVerifier(Options{
		CacheSize: planShards * 2,
		Now:       func() time.Time { return testTime },
		Lookup: func(_ context.Context, id, token string) ([]byte, *authn.Principal, error) {
			calls++
			if id != testKey {
				return nil, nil, fault.New(fault.UnknownAccessKey, "The security token included in the request is invalid.")
			}
			return secret, &authn.Principal{Kind: authn.User}, nil
		},
	})
	r := signed(t, "sts", "GET", "http://h/", "", "", nil)
	if err := verify(v, r, nil); err != nil || v.plans.len() != 1 {
		t.Fatalf("%v, %d keys", err, v.plans.len())
	}
	// A new secret for the same key id must not meet the old derived key.
	secret = []byte("another secret")
	wantFault(t, verify(v, r, nil), fault.InvalidSignature, "")
	secret = nil
	wantFault(t, verify(v, r, nil), fault.UnknownAccessKey, "")
	secret = []byte(testSecret)
	if err := verify(v, r, nil); err != nil || calls != 4 {
		t.Fatalf("%v after %d look-ups", err, calls)
	}
	// Refused signatures leave nothing behind, and the cache stays bounded.
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testKey, "AKIDOTHER", 1))
	wantFault(t, verify(v, r, nil), fault.UnknownAccessKey, "")
	if v.plans.len() != 1 {
		t.Fatalf("%d keys", v.plans.len())
	}
	for i := range 100 {
		v.plans.put(fmt.Sprint(i), &plan{})
	}
	if n := v.plans.len(); n > planShards*2 {
		t.Fatalf("%d keys kept", n)
	}
}

func TestVerifyDoesNotAllocate(t *testing.T) {
	v := newTestVerifier(testTime)
	r, body := benchRequest(t)
	n := testing.AllocsPerRun(200, func() {
		if err := verify(v, r, body); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 && !raceEnabled {
		t.Fatalf("%v allocations", n)
	}
}

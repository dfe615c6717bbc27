package pipeline

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What browsers ask before they let a page call an API.
func TestPreflight(t *testing.T) {
	t.Parallel()
	const sdk = "amz-sdk-invocation-id,amz-sdk-request,authorization,content-type,x-amz-date,x-amz-security-token,x-amz-target,x-amz-user-agent"
	for name, c := range map[string]struct{ path, asked, allowed string }{
		"the SDK":                {"/", sdk, sdk},
		"amazon-cognito":         {"/", "cache-control,content-type,x-amz-target,x-amz-user-agent", "cache-control,content-type,x-amz-target,x-amz-user-agent"},
		"any case and spaces":    {"/", "Content-Type, X-Amz-Target", "content-type,x-amz-target"},
		"nothing":                {"/", "", ""},
		"a path":                 {"/v1/things/a", "authorization", "authorization"},
		"no operation's path":    {"/nowhere", "authorization", "authorization"},
		"what proxies say":       {"/", "x-forwarded-for,x-forwarded-proto,forwarded,authorization", "authorization"},
		"cookies":                {"/", "cookie,authorization", "authorization"},
		"a wildcard":             {"/", "*,authorization", "authorization"},
		"no name":                {"/", "x-amz-a b,x-amz-\r\nset-cookie: a,x-amz-é,x-amz-date", "x-amz-date"},
		"more than clients have": {"/", strings.Repeat("x-amz-a,", 300), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "http://127.0.0.1:4600"+c.path, nil)
			r.Header.Set("Origin", "https://app.example.com")
			r.Header.Set("Access-Control-Request-Method", "POST")
			if c.asked != "" {
				r.Header.Set("Access-Control-Request-Headers", c.asked)
			}
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			h := rec.Header()
			if rec.Code != http.StatusOK || rec.Body.Len() != 0 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Max-Age") != "172800" ||
				h.Get("Access-Control-Allow-Methods") != "GET,POST,PUT,PATCH,DELETE" {
				t.Error(rec.Code, rec.Body, h)
			}
			if got := h.Get("Access-Control-Allow-Headers"); got != c.allowed {
				t.Errorf("headers %q", got)
			}
			if h["Access-Control-Allow-Credentials"] != nil || len(w.stages) != 0 {
				t.Error(h, w.stages)
			}
		})
	}
}

// Pages of every origin read answers and refusals alike, and never with credentials that a browser adds by itself.
func TestAnswersToPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user, origin, method string
		status               int
	}{
		"an answer":             {"able", "https://app.example.com", "", 200},
		"a refusal":             {"", "https://app.example.com", "", 400},
		"a page without origin": {"able", "null", "", 200},
		"no page":               {"able", "", "", 200},
		"OPTIONS of no browser": {"", "", http.MethodOptions, 405},
		"OPTIONS of a page that asks for nothing": {"", "https://app.example.com", http.MethodOptions, 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.request(c.user, "Read", `{"Name":"x"}`)
			if c.method != "" {
				r.Method = c.method
			}
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			a := w.send(r)
			allowed, exposed := "*", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date,"+EventIDHeader
			if c.origin == "" {
				allowed, exposed = "", ""
			}
			if a.status != c.status || a.header.Get("Access-Control-Allow-Origin") != allowed || a.header.Get("Access-Control-Expose-Headers") != exposed ||
				a.header["Access-Control-Allow-Credentials"] != nil {
				t.Error(a.status, a.body, a.header)
			}
		})
	}
}

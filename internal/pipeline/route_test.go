package pipeline

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/protocol"
)

// Where requests go: by target, by the credential scope, by host, by version and by path.
func TestRoutes(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	type call struct {
		method, url, body    string
		target, kind, signed string // headers; the service that the request is signed for
	}
	for name, c := range map[string]struct {
		call call
		// op is the operation it went to, code why it was refused, status with it; said is in the answer.
		op, code string
		status   int
		said     string
	}{
		"target":                        {call{"POST", "/", `{"Name":"x"}`, "Fake_2020.Read", "", "fake"}, "Read", "", 200, `"x"`},
		"target, long":                  {call{"POST", "/", `{"Name":"x"}`, "com.example.Fake_2020.Read", "", "fake"}, "Read", "", 200, `"x"`},
		"target, unknown prefix":        {call{"POST", "/", `{}`, "Fake_2019.Read", "", "fake"}, "", "UnknownOperationException", 400, ""},
		"target, no prefix":             {call{"POST", "/", `{}`, "Read", "", "fake"}, "", "UnknownOperationException", 400, ""},
		"target, another case":          {call{"POST", "/", `{}`, "Fake_2020.read", "", "fake"}, "", "UnknownOperationException", 400, ""},
		"target, not supported":         {call{"POST", "/", `{}`, "Fake_2020.Later", "", "fake"}, "", "NotImplemented", 501, "Fake Later is not supported"},
		"target, GET":                   {call{"GET", "/", "", "Fake_2020.Read", "", "fake"}, "", "MethodNotAllowedException", 405, ""},
		"target, signed for another":    {call{"POST", "/", `{}`, "Fake_2020.Read", "", "query"}, "Read", "InvalidSignatureException", 400, ""},
		"scope, POST":                   {call{"POST", "/", "Action=Ask&Version=2020-01-01", "", form, "query"}, "Ask", "", 200, ""},
		"scope, GET":                    {call{"GET", "/?Action=Ask&Version=2020-01-01", "", "", "", "query"}, "Ask", "", 200, ""},
		"scope, POST with a query":      {call{"POST", "/?Action=Ask", "Version=2020-01-01", "", form, "query"}, "", "InvalidAction", 400, "Missing Action"},
		"scope of nobody":               {call{"POST", "/", "Action=Ask", "", form, "nothing"}, "", "InvalidAction", 400, "No operation is at this path"},
		"scope, not supported":          {call{"POST", "/", "Action=Later", "", form, "query"}, "", "NotImplemented", 501, "Query Later is not supported"},
		"scope, unknown":                {call{"POST", "/", "Action=Nope", "", form, "query"}, "", "InvalidAction", 400, "Could not find operation Nope for version 2020-01-01"},
		"scope, two actions":            {call{"POST", "/", "Action=Ask&Action=Nope", "", form, "query"}, "", "MalformedInput", 400, ""},
		"scope, of a JSON service":      {call{"POST", "/", "Action=Read", "", form, "fake"}, "", "UnknownOperationException", 400, ""},
		"the scope over the version":    {call{"POST", "/", "Action=Open&Version=2021-01-01", "", form, "query"}, "", "InvalidAction", 400, ""},
		"unsigned, by version in body":  {call{"POST", "http://query.example.com/", "Action=Open&Version=2021-01-01", "", form, ""}, "Open", "", 200, ""},
		"unsigned, by version in query": {call{"GET", "/?Action=Open&Version=2021-01-01", "", "", "", ""}, "Open", "", 200, ""},
		"unsigned, by host":             {call{"POST", "http://query2.us-east-1.example.com/", "Action=Open", "", form, ""}, "Open", "", 200, ""},
		"unsigned, of a signed one":     {call{"POST", "http://query.example.com/", "Action=Ask", "", form, ""}, "Ask", "MissingAuthenticationToken", 403, ""},
		"unsigned, nowhere":             {call{"GET", "/", "", "", "", ""}, "", "InvalidAction", 400, ""},
		"path":                          {call{"GET", "/v1/things/a", "", "", "", "rest"}, "GetThing", "", 200, "map[Id:a]"},
		"path, encoded slash":           {call{"GET", "/v1/things/a%2Fb", "", "", "", "rest"}, "GetThing", "", 200, "map[Id:a/b]"},
		"path, encoded parts":           {call{"PUT", "/v1/things/a%2Fparts%2Fc/parts/%2e%2e", "", "", "", "rest"}, "PutPart", "", 201, "map[Id:a/parts/c Part:..]"},
		"path, an empty label":          {call{"GET", "/v1/things/", "", "", "", "rest"}, "", "UnknownOperationException", 404, ""},
		"path, longer":                  {call{"GET", "/v1/things/a/b", "", "", "", "rest"}, "", "UnknownOperationException", 404, ""},
		"path, trailing slash":          {call{"GET", "/v1/things/a/", "", "", "", "rest"}, "", "UnknownOperationException", 404, ""},
		"path, another method":          {call{"DELETE", "/v1/things/a", "", "", "", "rest"}, "", "MethodNotAllowedException", 405, "DELETE"},
		"path, signed for another":      {call{"GET", "/v1/things/a", "", "", "", "fake"}, "GetThing", "InvalidSignatureException", 403, ""},
		"path, unsigned":                {call{"GET", "/v1/things/a", "", "", "", ""}, "GetThing", "MissingAuthenticationTokenException", 403, ""},
		"a target over a path":          {call{"POST", "/v1/things/a", `{"Name":"x"}`, "Fake_2020.Read", "", "fake"}, "Read", "", 200, `"x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if strings.HasPrefix(c.call.url, "/") {
				c.call.url = "http://127.0.0.1:4600" + c.call.url
			}
			r := httptest.NewRequestWithContext(t.Context(), c.call.method, c.call.url, strings.NewReader(c.call.body))
			if c.call.target != "" {
				r.Header.Set("X-Amz-Target", c.call.target)
			}
			if c.call.kind != "" {
				r.Header.Set("Content-Type", c.call.kind)
			}
			if c.call.signed != "" {
				w.sign(r, "able", c.call.signed, c.call.body)
			}
			a := w.send(r)
			if a.status != c.status || a.code != c.code || !strings.Contains(a.body, c.said) {
				t.Errorf("got %d %q: %s", a.status, a.code, a.body)
			}
			if e := w.last(); e.name != c.op {
				t.Errorf("went to %q", e.name)
			}
		})
	}
}

// Bodies are bounded before they are read and while they are.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	over := strings.Repeat(" ", int(fakeAPI.Protocol.MaxBody())+1)
	for name, length := range map[string]int64{"announced": int64(len(over)), "not announced": -1} {
		r := w.request("able", "Write", "{}")
		r.Body = http.NoBody
		if length < 0 {
			r.Body = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(over)).Body
		}
		r.ContentLength = length
		if a := w.send(r); a.status != http.StatusRequestEntityTooLarge || w.ran("decode") || w.ran("authenticate") {
			t.Error(name, a.status, a.code, w.stages)
		}
	}
}

// A server with operations that are there twice, or not complete, does not start.
func TestNewRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.op(Spec{Service: fakeAPI, Name: "Read", Kind: Management}, decodeJSON)
	for name, s := range map[string][]Service{
		"service twice":   {{API: fakeAPI}, {API: fakeAPI}},
		"operation twice": {{API: fakeAPI, Ops: []Op{read, read}}},
		"without a kind":  {{API: fakeAPI, Ops: []Op{w.op(Spec{Service: fakeAPI, Name: "Read"}, decodeJSON)}}},
		"zero operation":  {{API: fakeAPI, Ops: []Op{{}}}},
		"target twice":    {{API: fakeAPI}, {API: &protocol.Service{Name: "b", TargetPrefixes: fakeAPI.TargetPrefixes, Protocol: fakeAPI.Protocol}}},
		"version twice":   {{API: queryAPI}, {API: &protocol.Service{Name: "b", APIVersion: queryAPI.APIVersion, Protocol: queryAPI.Protocol}}},
	} {
		c := w.Config
		c.Services = s
		if _, err := New(c); err == nil {
			t.Error(name, "is taken")
		}
	}
	for name, edit := range map[string]func(*Config){
		"verifier": func(c *Config) { c.Verifier = nil }, "engine": func(c *Config) { c.Engine = nil }, "audit": func(c *Config) { c.Audit = nil },
		"sealer": func(c *Config) { c.Sealer = nil }, "log": func(c *Config) { c.Log = nil },
	} {
		c := w.Config
		edit(&c)
		if _, err := New(c); err == nil {
			t.Error("starts without", name)
		}
	}
}

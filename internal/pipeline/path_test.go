package pipeline

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// The stages of a request, by the kind of its operation.
func TestStages(t *testing.T) {
	t.Parallel()
	for op, want := range map[string][]string{
		"Write": {"authenticate", "decode", "require", "authorize", "intent", "execute", "encode"},
		"Read":  {"authenticate", "decode", "require", "authorize", "execute", "append", "encode"},
		"Put":   {"authenticate", "decode", "require", "authorize", "execute", "queue", "encode"},
		"Get":   {"authenticate", "decode", "require", "authorize", "execute", "queue", "encode"},
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.send(w.request("able", op, `{"Name":"x"}`))
			if a.status != http.StatusOK || a.said != "x" {
				t.Fatal(a)
			}
			if !slices.Equal(w.stages, want) {
				t.Errorf("got  %v\nwant %v", w.stages, want)
			}
			if e := w.last(); e.name != op || e.source != "fake.amazonaws.com" || e.effect != "Allow" || e.account != account || e.key != "AKIAable" {
				t.Errorf("recorded %+v", e)
			}
		})
	}
}

// The outcome of a write is durable before anything of it is told.
func TestOutcomeBeforeAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.send(w.request("able", "Write", `{"Name":"x"}`))
	text := w.stored(a)
	for _, want := range []string{`"eventName":"Write"`, `"requestID":"` + a.header.Get("X-Amzn-Requestid") + `"`, "arn:aws:fake:::thing/x", "Allow"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	w.handle = func(context.Context, *Call, *input) (*output, error) { return nil, fault.Of("FakeException", "no") }
	a = w.send(w.request("able", "Write", `{"Name":"x"}`))
	if text := w.stored(a); a.code != "FakeException" || !strings.Contains(text, `"errorCode":"FakeException"`) {
		t.Error(a, text)
	}
}

// What cannot be recorded is not done, and what was done is not said to be unless it is recorded.
func TestAuditFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		op, fail string
		user     string
		executed bool
	}{
		"the intent of a write":            {"Write", "intent", "able", false},
		"a read":                           {"Read", "append", "able", true},
		"data":                             {"Get", "queue", "able", true},
		"data written":                     {"Put", "queue", "able", true},
		"a denial":                         {"Write", "append", "banned", false},
		"a refusal":                        {"Write", "queue", "nobody", false},
		"the outcome of a write":           {"Write", "outcome", "able", true},
		"a call that nobody needs to sign": {"Open", "intent", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fail = c.fail
			if c.fail == "outcome" {
				w.handle = func(ctx context.Context, _ *Call, in *input) (*output, error) {
					return &output{in.Name}, w.log.Close(ctx) // so that the outcome cannot be written any more
				}
			}
			a := w.send(w.request(c.user, c.op, `{"Name":"x"}`))
			if a.status != http.StatusInternalServerError || a.code != "InternalFailure" || strings.Contains(a.body, "disk") || a.said != "" {
				t.Error(a)
			}
			if w.ran("execute") != c.executed {
				t.Error("executed:", w.ran("execute"))
			}
		})
	}
}

// Every refusal is recorded, as far as it is known what was refused.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const body = `{"Name":"x"}`
	for name, c := range map[string]struct {
		request            func(*world) *http.Request
		code               string
		op, effect, caller string
		decoded            bool
	}{
		"changed body": {func(w *world) *http.Request {
			r := w.request("able", "Write", body)
			r.Body = http.NoBody
			r.ContentLength = 0
			return r
		}, "InvalidSignatureException", "Write", "", "", false},
		"unknown key":         {func(w *world) *http.Request { return w.request("nobody", "Write", body) }, "UnrecognizedClientException", "Write", "", "", false},
		"unsigned":            {func(w *world) *http.Request { return w.request("", "Write", body) }, "MissingAuthenticationTokenException", "Write", "", "", false},
		"unknown operation":   {func(w *world) *http.Request { return w.request("able", "Nope", body) }, "UnknownOperationException", "", "", "", false},
		"not supported":       {func(w *world) *http.Request { return w.request("able", "Later", body) }, "NotImplemented", "", "", "", false},
		"malformed body":      {func(w *world) *http.Request { return w.request("able", "Write", "{") }, "SerializationException", "Write", "", "able", true},
		"malformed, unsigned": {func(w *world) *http.Request { return w.request("", "Write", "{") }, "MissingAuthenticationTokenException", "Write", "", "", false},
		"denied":              {func(w *world) *http.Request { return w.request("banned", "Write", body) }, "AccessDeniedException", "Write", "ExplicitDeny", "banned", true},
		"not allowed":         {func(w *world) *http.Request { return w.request("bound", "Write", body) }, "AccessDeniedException", "Write", "ImplicitDeny", "bound", true},
		"signed for another service": {func(w *world) *http.Request {
			r := w.request("", "Write", body)
			w.sign(r, "able", "query", body)
			return r
		}, "InvalidSignatureException", "Write", "", "", false},
		"another host": {func(w *world) *http.Request {
			r := w.request("able", "Write", body)
			r.Host = "else"
			return r
		}, "InvalidSignatureException", "Write", "", "", false},
		"two targets": {func(w *world) *http.Request {
			r := w.request("able", "Write", body)
			r.Header.Add("X-Amz-Target", "Fake_2020.Read")
			return r
		}, "UnknownOperationException", "", "", "", false},
		"compressed": {func(w *world) *http.Request {
			r := w.request("able", "Write", body)
			r.Header.Set("Content-Encoding", "gzip")
			return r
		}, "SerializationException", "Write", "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.send(c.request(w))
			if a.code != c.code || a.status < 400 {
				t.Fatalf("got %d %s: %s, want %s", a.status, a.code, a.body, c.code)
			}
			if w.ran("execute") || w.ran("intent") || w.ran("decode") != c.decoded {
				t.Error(w.stages)
			}
			e := w.last()
			if len(w.events) != 1 || e.name != c.op || e.effect != c.effect || e.code == "" || e.id.String() != a.header.Get(EventIDHeader) {
				t.Errorf("recorded %+v", w.events)
			}
			if c.caller == "" && e.arn != "" || c.caller != "" && !strings.HasSuffix(e.arn, "user/"+c.caller) {
				t.Errorf("recorded the caller %q", e.arn)
			}
			if strings.Contains(e.message, "Encoded") {
				t.Error("the log has the encoded explanation:", e.message)
			}
		})
	}
}

// A failure inside tells the caller nothing of the inside, and is recorded like any other.
func TestFailuresInside(t *testing.T) {
	t.Parallel()
	const inside = "row 7 of acme is damaged"
	for name, handle := range map[string]func(context.Context, *Call, *input) (*output, error){
		"panic": func(context.Context, *Call, *input) (*output, error) { panic(inside) },
		"error": func(context.Context, *Call, *input) (*output, error) { return nil, errors.New(inside) },
		"wrapped": func(context.Context, *Call, *input) (*output, error) {
			return nil, fault.Wrap(errors.New(inside), "read")
		},
		"nothing at all": func(context.Context, *Call, *input) (*output, error) { return nil, nil },
		"unknown code":   func(context.Context, *Call, *input) (*output, error) { return nil, fault.Of("Nope", inside) },
		"nil map": func(context.Context, *Call, *input) (*output, error) {
			var m map[string]int
			m[inside] = 1 //nolint:staticcheck // the panic is the test
			return nil, nil
		},
	} {
		for _, op := range []string{"Write", "Read", "Get"} {
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.handle = handle
				a := w.send(w.request("able", op, `{"Name":"x"}`))
				if a.status != http.StatusInternalServerError || a.code != "InternalFailure" {
					t.Error(a)
				}
				if strings.Contains(a.body, "row 7") || strings.Contains(a.body, ".go") || strings.Contains(a.body, "goroutine") {
					t.Error("tells of the inside:", a.body)
				}
				if op == "Get" {
					if e := w.last(); e.name != op || e.code == "" {
						t.Errorf("recorded %+v", e)
					}
				} else if text := w.stored(a); !strings.Contains(text, `"errorCode"`) || strings.Contains(text, "goroutine") {
					t.Error(text)
				}
				w.handle = func(_ context.Context, _ *Call, in *input) (*output, error) { return &output{in.Name}, nil }
				if a := w.send(w.request("able", op, `{"Name":"y"}`)); a.said != "y" {
					t.Error("and then:", a)
				}
			})
		}
	}
	t.Run("panic before the operation", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.require = func(*authz.Scope, *input) authz.Requirement { panic(inside) }
		a := w.send(w.request("able", "Write", `{"Name":"x"}`))
		if a.code != "InternalFailure" || strings.Contains(a.body, "row 7") || w.ran("execute") || w.last().code == "" {
			t.Error(a, w.stages)
		}
	})
}

// No requirement is no permission.
func TestZeroRequirement(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]authz.Requirement{
		"zero": {}, "no checks": authz.RequireChecks(), "failed": authz.Failed(nil), "anonymous for no reason": authz.Anonymous("", authz.Resource{}),
	} {
		for _, user := range []string{"able", ""} {
			t.Run(name+" "+user, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.require = func(*authz.Scope, *input) authz.Requirement { return r }
				if a := w.send(w.request(user, "Open", `{"Name":"x"}`)); a.status < 400 || w.ran("execute") || len(w.events) != 1 {
					t.Error(a, w.stages)
				}
			})
		}
	}
}

// A row that the guard keeps back is a denial, recorded as a hole in the policies.
func TestGuardAtExecution(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handle = func(context.Context, *Call, *input) (*output, error) {
		return nil, fault.New(fault.AccessDenied, "row of globex").With(authz.ErrForeignRow)
	}
	a := w.send(w.request("able", "Get", `{"Name":"x"}`))
	if a.code != "AccessDeniedException" || !strings.Contains(a.body, "the guard keeps other tenants' rows") || strings.Contains(a.body, "globex") {
		t.Error(a)
	}
	if e := w.last(); e.effect != "GuardDeny" || e.guard == "" || e.code == "" {
		t.Errorf("recorded %+v", e)
	}
}

// Operations without a signature are for those whose requirement says so; with one, it must hold.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handle = func(_ context.Context, c *Call, _ *input) (*output, error) {
		if c.Caller.Kind != authn.Anonymous || c.Account != account || c.Region != region || !c.Grant.Valid() {
			t.Errorf("%+v", c)
		}
		return &output{"open"}, nil
	}
	if a := w.send(w.request("", "Open", `{}`)); a.said != "open" {
		t.Error(a)
	}
	r := w.request("able", "Open", `{}`)
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=0", 1)[:len(r.Header.Get("Authorization"))])
	if a := w.send(r); a.code != "InvalidSignatureException" {
		t.Error(a)
	}
	// what the model leaves unsigned, but the service does not
	w.require = func(*authz.Scope, *input) authz.Requirement {
		return authz.Authenticated("test", authz.Resource{ARN: "*", Account: account})
	}
	if a := w.send(w.request("", "Open", `{}`)); a.code != "MissingAuthenticationTokenException" {
		t.Error(a)
	}
}

// Every answer names its request and its audit event.
func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	for _, r := range []*http.Request{
		w.request("able", "Write", `{"Name":"x"}`), w.request("able", "Write", `{`), w.request("", "Nope", ``), w.request("nobody", "Get", `{}`),
	} {
		a := w.send(r)
		for _, name := range []string{"X-Amzn-Requestid", EventIDHeader} {
			v := a.header.Get(name)
			if len(v) != 36 || v[14] != '4' || seen[v] || len(a.header.Values(name)) != 1 {
				t.Errorf("%s: %q", name, a.header.Values(name))
			}
			seen[v] = true
		}
		if e := w.last(); e.by != "intent" && e.id.String() != a.header.Get(EventIDHeader) {
			t.Errorf("recorded %s, answered %s", e.id, a.header.Get(EventIDHeader))
		}
	}
}

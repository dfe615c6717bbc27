package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/sigv4"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/awsjson"
	"github.com/bulkhead/bulkhead/internal/protocol/awsquery"
	"github.com/bulkhead/bulkhead/internal/protocol/restjson"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
	secret  = "not-a-secret-but-long-enough-for-a-test!"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// The services of the tests: one for each way that requests are routed.
var (
	fakeAPI = &protocol.Service{
		Name: "fake", ID: "Fake", EventSource: "fake.amazonaws.com", TargetPrefixes: []string{"Fake_2020", "com.example.Fake_2020"},
		Protocol: awsjson.V11, Unsupported: []string{"Later"},
		Errors: map[string]protocol.WireError{"FakeException": {Code: "FakeException", Status: 400}},
	}
	queryAPI = &protocol.Service{
		Name: "query", ID: "Query", EventSource: "query.amazonaws.com", APIVersion: "2020-01-01", Protocol: awsquery.Protocol,
		Unsupported: []string{"Later"},
	}
	query2API = &protocol.Service{
		Name: "query2", ID: "Query2", EventSource: "query2.amazonaws.com", APIVersion: "2021-01-01", Protocol: awsquery.Protocol,
	}
	restAPI = &protocol.Service{Name: "rest", ID: "Rest", EventSource: "rest.amazonaws.com", Protocol: restjson.Protocol}
)

type input struct{ Name string }

type output struct{ Said string }

// AppendJSON implements awsjson.Output.
func (o *output) AppendJSON(b []byte) []byte { return fmt.Appendf(b, `{"Said":%q}`, o.Said) }

// world is a server over services whose one handler a test gives.
type world struct {
	*Server
	t      testing.TB
	log    *audit.Log
	users  map[string]string // policy by user name
	handle func(context.Context, *Call, *input) (*output, error)
	// require, if set, replaces the requirement of an operation.
	require func(*authz.Scope, *input) authz.Requirement

	mu     sync.Mutex
	stages []string
	events []recorded
	// fail names the auditor's method that fails.
	fail string
}

// recorded is what an Auditor was given.
type recorded struct {
	by, name, source, effect, code, message, account, arn, key, invokedBy, guard string
	id                                                                           audit.ID
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, users: map[string]string{
		"able":  `{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}]}`,
		"bound": `{"Version":"2012-10-17","Statement":[{"Sid":"Outer","Effect":"Allow","Action":"fake:Call","Resource":"*"}]}`,
		"banned": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
			`{"Sid":"Ban","Effect":"Deny","Action":"*:Write","Resource":"*"}]}`,
	}}
	w.handle = func(_ context.Context, c *Call, in *input) (*output, error) { return &output{in.Name}, nil }
	ring := keyringtest.New(t, 'k')
	backend, log := memkv.New(), slog.New(slog.DiscardHandler)
	var err error
	w.log, err = audit.Open(t.Context(), backend, audit.Options{Keys: ring, NodeID: "n", Logger: log, Strict: true, Prefix: []byte{1}})
	w.ok(err)
	w.Server, err = New(Config{
		Services: w.services(), Engine: authz.NewEngine(w, ""), Audit: w, Account: account, Region: region,
		Verifier: sigv4.NewVerifier(sigv4.Options{Lookup: w.lookup, Now: func() time.Time { return now }}),
		Sealer:   authz.NewMessages(ring), Log: log, Now: func() time.Time { return now },
	})
	w.ok(err)
	t.Cleanup(func() {
		_ = w.log.Close(context.Background()) // a test may have closed it
		_ = backend.Close()
	})
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stage(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stages = append(w.stages, name)
}

// lookup knows each user by an access key id made of its name.
func (w *world) lookup(_ context.Context, id, _ string) ([]byte, *authn.Principal, error) {
	w.stage("authenticate")
	name := strings.TrimPrefix(id, "AKIA")
	if _, ok := w.users[name]; !ok {
		return nil, nil, fault.New(fault.UnknownAccessKey, "The security token included in the request is invalid.")
	}
	return []byte(secret), &authn.Principal{
		Kind: authn.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: "AIDA" + name, Name: name,
		AccessKeyID: strings.Clone(id),
	}, nil
}

// Policies implements authz.Directory.
func (w *world) Policies(ctx context.Context, p *authn.Principal) (*authz.PrincipalPolicies, error) {
	w.stage("authorize")
	if p.Kind == authn.Anonymous {
		return authztest.Directory{}.Policies(ctx, p)
	}
	return authztest.Directory{w.users[p.Name]}.Policies(ctx, p)
}

// record notes an event and fails if it is to.
func (w *world) record(by string, e *audit.Event) error {
	w.stage(by)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, recorded{
		by: by, name: e.Name, source: e.Source, effect: e.Decision.Effect, code: e.ErrorCode, message: e.ErrorMessage, account: e.Account,
		arn: e.Identity.ARN, key: e.Identity.AccessKeyID, invokedBy: e.Identity.InvokedBy, guard: e.Decision.Guard, id: e.ID,
	})
	if w.fail == by {
		return fmt.Errorf("%w: the disk is full", audit.ErrUnavailable)
	}
	return nil
}

// Append implements Auditor.
func (w *world) Append(ctx context.Context, e *audit.Event) error {
	if err := w.record("append", e); err != nil {
		return err
	}
	return w.log.Append(ctx, e)
}

// Queue implements Auditor.
func (w *world) Queue(ctx context.Context, e *audit.Event) error {
	if err := w.record("queue", e); err != nil {
		return err
	}
	return w.log.Queue(ctx, e)
}

// Intent implements Auditor.
func (w *world) Intent(ctx context.Context, e *audit.Event) (*audit.Ticket, error) {
	if err := w.record("intent", e); err != nil {
		return nil, err
	}
	return w.log.Intent(ctx, e)
}

// op is an operation whose stages are noted.
func (w *world) op(s Spec, decode func(*protocol.Request, *input) error) Op {
	return NewOp(s,
		func(r *protocol.Request, in *input) error {
			w.stage("decode")
			return decode(r, in)
		},
		func(s2 *authz.Scope, in *input) authz.Requirement {
			w.stage("require")
			if w.require != nil {
				return w.require(s2, in)
			}
			if s.Unsigned {
				return authz.Anonymous("test", authz.Resource{ARN: "*", Account: s2.Account})
			}
			return authz.Require(s.Service.Name+":"+s.Name, authz.Resource{ARN: "arn:aws:fake:::thing/" + in.Name, Account: account, Region: region}, nil)
		},
		func(ctx context.Context, c *Call, in *input) (*output, error) {
			w.stage("execute")
			return w.handle(ctx, c, in)
		},
		func(r *protocol.Response, out *output) error {
			w.stage("encode")
			return awsjson.Encode[output](fakeAPI)(r, out)
		})
}

func decodeJSON(r *protocol.Request, in *input) error {
	if err := json.Unmarshal(r.Body, in); err != nil {
		return fault.New(fault.Serialization, "bad JSON").With(err)
	}
	return nil
}

func decodeLabels(r *protocol.Request, in *input) error {
	in.Name = fmt.Sprint(r.Labels)
	return nil
}

func decodeNothing(*protocol.Request, *input) error { return nil }

func (w *world) services() []Service {
	spec := func(s *protocol.Service, name string, kind Kind, write bool) Spec {
		return Spec{Service: s, Name: name, Kind: kind, Write: write}
	}
	open, openQuery, rest := spec(fakeAPI, "Open", Management, true), spec(query2API, "Open", Management, false), spec(restAPI, "GetThing", Management, false)
	open.Unsigned, openQuery.Unsigned = true, true
	rest.Method, rest.Path = http.MethodGet, "/v1/things/{Id}"
	part := rest
	part.Name, part.Method, part.Path, part.Status = "PutPart", http.MethodPut, "/v1/things/{Id}/parts/{Part}", http.StatusCreated
	return []Service{
		{API: fakeAPI, Ops: []Op{
			w.op(spec(fakeAPI, "Write", Management, true), decodeJSON), w.op(spec(fakeAPI, "Read", Management, false), decodeJSON),
			w.op(spec(fakeAPI, "Put", Data, true), decodeJSON), w.op(spec(fakeAPI, "Get", Data, false), decodeJSON),
			w.op(spec(fakeAPI, "Call", Management, false), decodeJSON), w.op(open, decodeJSON),
		}},
		{API: queryAPI, Ops: []Op{w.op(spec(queryAPI, "Ask", Management, false), decodeNothing)}},
		{API: query2API, Ops: []Op{w.op(openQuery, decodeNothing)}},
		{API: restAPI, Ops: []Op{w.op(rest, decodeLabels), w.op(part, decodeLabels)}},
	}
}

// request is a request of the fake service as JSON, signed by a user unless it is "".
func (w *world) request(user, operation, body string) *http.Request {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://127.0.0.1/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "Fake_2020."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	w.sign(r, user, "fake", body)
	return r
}

func (w *world) sign(r *http.Request, user, service, body string) {
	w.t.Helper()
	if user == "" {
		return
	}
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: "AKIA" + user, SecretAccessKey: secret}
	w.ok(v4.NewSigner().SignHTTP(w.t.Context(), creds, r, hex.EncodeToString(sum[:]), service, region, now))
}

// answer is what a request led to.
type answer struct {
	status           int
	code, said, body string
	header           http.Header
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	a := answer{status: rec.Code, body: rec.Body.String(), header: rec.Header()}
	var m struct {
		Type string `json:"__type"`
		Said string
	}
	switch {
	case json.Unmarshal(rec.Body.Bytes(), &m) == nil:
		a.code, a.said = m.Type[strings.LastIndexByte(m.Type, '#')+1:], m.Said
		if e := rec.Header().Get("X-Amzn-Errortype"); e != "" {
			a.code, _, _ = strings.Cut(e, ":")
		}
	case bytes.Contains(rec.Body.Bytes(), []byte("<Code>")):
		_, after, _ := strings.Cut(a.body, "<Code>")
		a.code, _, _ = strings.Cut(after, "</Code>")
	default:
		w.t.Fatalf("HTTP %d: %s", rec.Code, a.body)
	}
	return a
}

// last is the event recorded last.
func (w *world) last() recorded {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		w.t.Fatal("nothing was recorded")
	}
	return w.events[len(w.events)-1]
}

func (w *world) ran(stage string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.stages {
		if s == stage {
			return true
		}
	}
	return false
}

// stored is the event in the log that an answer names.
func (w *world) stored(a answer) string {
	w.t.Helper()
	id := a.header.Get(EventIDHeader)
	found, _, err := w.log.Lookup(w.t.Context(), audit.Query{Account: account, Filter: audit.Filter{EventID: id}})
	w.ok(err)
	if len(found) != 1 {
		w.t.Fatalf("%d events have the id %s", len(found), id)
	}
	return string(found[0].JSON)
}

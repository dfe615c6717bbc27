package cognitoidp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/functions"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
)

const functionPrefix = "arn:aws:lambda:us-east-1:" + testAccount + ":function:"

// lambdas are functions of a test. One without an answer returns the event as it came.
type lambdas struct {
	mu      sync.Mutex
	events  []functions.Request
	answers map[string]func(response map[string]any) // by trigger source; changes the response
	whole   map[string]func(event map[string]any)    // by trigger source; changes the event
	raw     map[string]functions.Result              // by trigger source; instead of an event
	fail    map[string]error
}

func (l *lambdas) Invoke(_ context.Context, r functions.Request) (functions.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var e map[string]any
	if err := json.Unmarshal(r.Payload, &e); err != nil {
		return functions.Result{}, err
	}
	source := e["triggerSource"].(string)
	l.events = append(l.events, r)
	if err := l.fail[source]; err != nil {
		return functions.Result{}, err
	}
	if raw, ok := l.raw[source]; ok {
		return raw, nil
	}
	if f := l.answers[source]; f != nil {
		f(e["response"].(map[string]any))
	}
	if f := l.whole[source]; f != nil {
		f(e)
	}
	out, err := json.Marshal(e)
	return functions.Result{Payload: out}, err
}

// answer has a trigger source set fields of its response, in pairs.
func (l *lambdas) answer(source string, pairs ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[source] = func(response map[string]any) {
		for i := 0; i < len(pairs); i += 2 {
			response[pairs[i].(string)] = pairs[i+1]
		}
	}
}

// with has a trigger source change its event.
func (l *lambdas) with(source string, f func(event map[string]any)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole[source] = f
}

// refuse has a trigger source raise an error.
func (l *lambdas) refuse(source, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raw[source] = functions.Result{Failed: true, Payload: []byte(`{"errorMessage":"` + message + `","errorType":"Exception","stackTrace":["secret"]}`)}
}

// last is the last event of a source.
func (l *lambdas) last(t testing.TB, source string) map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.events) - 1; i >= 0; i-- {
		var e map[string]any
		if err := json.Unmarshal(l.events[i].Payload, &e); err != nil {
			t.Fatal(err)
		}
		if e["triggerSource"] == source {
			return e
		}
	}
	t.Fatalf("no event %s", source)
	return nil
}

func (l *lambdas) sources() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.events {
		var e struct{ TriggerSource string }
		_ = json.Unmarshal(r.Payload, &e)
		out = append(out, e.TriggerSource)
	}
	return out
}

func (l *lambdas) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = nil
}

// fn is the ARN of a function named after its trigger.
func fn(t trigger.Point) *string { return new(functionPrefix + string(t)) }

// allTriggers sets every trigger but those that take a message over.
func allTriggers() *api.LambdaConfigType {
	return &api.LambdaConfigType{
		PreSignUp: fn(trigger.PreSignUp), PostConfirmation: fn(trigger.PostConfirmation), PreAuthentication: fn(trigger.PreAuthentication),
		PostAuthentication: fn(trigger.PostAuthentication), DefineAuthChallenge: fn(trigger.DefineAuthChallenge),
		CreateAuthChallenge: fn(trigger.CreateAuthChallenge), VerifyAuthChallengeResponse: fn(trigger.VerifyAuthChallenge),
		UserMigration: fn(trigger.UserMigration), CustomMessage: fn(trigger.CustomMessage), PreTokenGeneration: fn(trigger.PreTokenGeneration),
	}
}

// newTriggered is a world with triggers and the functions behind them.
func newTriggered(t testing.TB, l *api.LambdaConfigType, change ...func(*api.CreateUserPoolInput)) (*world, *lambdas) {
	t.Helper()
	w := newWorld(t, append(change, func(in *api.CreateUserPoolInput) { in.LambdaConfig = l })...)
	f := &lambdas{whole: map[string]func(map[string]any){}, answers: map[string]func(map[string]any){}, raw: map[string]functions.Result{}, fail: map[string]error{}}
	w.s.triggers.Functions = f
	return w, f
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// golden compares the last event of a source with testdata/events/<name>.json.
func (l *lambdas) golden(w *world, source, name string) {
	w.t.Helper()
	l.goldenOf(w, source, name, func(map[string]any) {})
}

// goldenOf is golden with what differs from run to run hidden first.
func (l *lambdas) goldenOf(w *world, source, name string, hide func(event map[string]any)) {
	w.t.Helper()
	e := l.last(w.t, source)
	hide(e)
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		w.t.Fatal(err)
	}
	for from, to := range map[string]string{w.pool: "us-east-1_EXAMPLE", w.app: "app", w.quiet: "quiet", w.private: "private"} {
		text = bytes.ReplaceAll(text, []byte(from), []byte(to))
	}
	text = append(uuids.ReplaceAll(text, []byte("<uuid>")), '\n')
	file := filepath.Join("testdata", "events", name+".json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Equal(have, text) {
		w.t.Errorf("%s (UPDATE_GOLDEN=1 renews it):\n%s\nwant:\n%s", file, text, have)
	}
}

func TestLambdaConfig(t *testing.T) {
	t.Parallel()
	key := new("arn:aws:kms:us-east-1:" + testAccount + ":key/1234abcd")
	v2 := func(a *string) *api.PreTokenGenerationVersionConfigType {
		return &api.PreTokenGenerationVersionConfigType{LambdaArn: a, LambdaVersion: "V2_0"}
	}
	for name, tc := range map[string]struct {
		in   *api.LambdaConfigType
		tier api.UserPoolTierType
		want string
	}{
		"none":                   {&api.LambdaConfigType{}, "", ""},
		"all":                    {allTriggers(), "", ""},
		"a version or an alias":  {&api.LambdaConfigType{PreSignUp: new(functionPrefix + "f:live")}, "", ""},
		"no function":            {&api.LambdaConfigType{PreSignUp: new("arn:aws:sqs:us-east-1:" + testAccount + ":queue")}, "", "InvalidParameterException"},
		"a path":                 {&api.LambdaConfigType{PreSignUp: new(functionPrefix + "../../x")}, "", "InvalidParameterException"},
		"no name":                {&api.LambdaConfigType{PreSignUp: new(functionPrefix)}, "", "InvalidParameterException"},
		"both the same":          {&api.LambdaConfigType{PreTokenGeneration: fn("a"), PreTokenGenerationConfig: v2(fn("a"))}, "", ""},
		"both, and not the same": {&api.LambdaConfigType{PreTokenGeneration: fn("a"), PreTokenGenerationConfig: v2(fn("b"))}, "", "InvalidParameterException"},
		"version 2 in lite":      {&api.LambdaConfigType{PreTokenGenerationConfig: v2(fn("a"))}, "LITE", "FeatureUnavailableInTierException"},
		"version 1 in lite":      {&api.LambdaConfigType{PreTokenGeneration: fn("a")}, "LITE", ""},
		"a sender without a key": {&api.LambdaConfigType{CustomEmailSender: &api.CustomEmailLambdaVersionConfigType{LambdaArn: fn("a"), LambdaVersion: "V1_0"}}, "", "InvalidParameterException"},
		"a key without a sender": {&api.LambdaConfigType{KMSKeyID: key}, "", ""},
		"an inbound that is no function": {&api.LambdaConfigType{InboundFederation: &api.InboundFederationLambdaType{LambdaArn: key, LambdaVersion: "V1_0"}}, "",
			"InvalidParameterException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := trigger.NewConfig(tc.in, tc.tier); tc.want != "" {
				want(t, name, err, tc.want, "")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLambdaConfigIsShownAndReplaced(t *testing.T) {
	t.Parallel()
	w, _ := newTriggered(t, &api.LambdaConfigType{
		PreSignUp: fn(trigger.PreSignUp), PreTokenGenerationConfig: &api.PreTokenGenerationVersionConfigType{LambdaArn: fn(trigger.PreTokenGeneration), LambdaVersion: "V3_0"},
	})
	show := func() *api.LambdaConfigType {
		return must(do(w, w.r.DescribeUserPool, w.s.DescribeUserPool, &api.DescribeUserPoolInput{UserPoolId: &w.pool}))(t).UserPool.LambdaConfig
	}
	if l := show(); *l.PreSignUp != *fn(trigger.PreSignUp) || *l.PreTokenGeneration != *fn(trigger.PreTokenGeneration) || l.PreTokenGenerationConfig.LambdaVersion != "V3_0" {
		t.Errorf("%+v", l)
	}
	must(do(w, w.r.UpdateUserPool, w.s.UpdateUserPool, &api.UpdateUserPoolInput{UserPoolId: &w.pool}))(t)
	if l := show(); *l != (api.LambdaConfigType{}) {
		t.Errorf("%+v outlives an update without it", l)
	}
}

func TestFunctionsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	const source = sourceSignUp
	for name, tc := range map[string]struct {
		set     func(*lambdas)
		code    string
		message string
	}{
		"not configured": {func(l *lambdas) { l.fail[source] = functions.ErrNotConfigured }, "UnexpectedLambdaException",
			"PreSignUp invocation failed since this server was started without --functions-endpoint."},
		"timeout":   {func(l *lambdas) { l.fail[source] = functions.ErrTimeout }, "UnexpectedLambdaException", "PreSignUp invocation failed due to error Socket timeout while invoking Lambda function."},
		"throttled": {func(l *lambdas) { l.fail[source] = functions.ErrThrottled }, "UnexpectedLambdaException", "PreSignUp invocation failed due to error TooManyRequestsException."},
		"not found": {func(l *lambdas) { l.fail[source] = functions.ErrNotFound }, "UnexpectedLambdaException", "PreSignUp invocation failed due to error ResourceNotFoundException."},
		"denied":    {func(l *lambdas) { l.fail[source] = functions.ErrDenied }, "UnexpectedLambdaException", "PreSignUp invocation failed due to error AccessDeniedException."},
		"other":     {func(l *lambdas) { l.fail[source] = errors.New("dial 10.0.0.1") }, "UnexpectedLambdaException", "PreSignUp invocation failed due to configuration."},
		"raises":    {func(l *lambdas) { l.refuse(source, "No.") }, "UserLambdaValidationException", "PreSignUp failed with error No."},
		"fails without words": {func(l *lambdas) { l.raw[source] = functions.Result{Failed: true, Payload: []byte("null")} }, "UserLambdaValidationException",
			"PreSignUp failed with error unknown."},
		"returns nothing":        {func(l *lambdas) { l.raw[source] = functions.Result{Payload: []byte("null")} }, "InvalidLambdaResponseException", "Unrecognizable lambda output"},
		"returns no JSON":        {func(l *lambdas) { l.raw[source] = functions.Result{Payload: []byte("{")} }, "InvalidLambdaResponseException", "Unrecognizable lambda output"},
		"returns no response":    {func(l *lambdas) { l.raw[source] = functions.Result{Payload: []byte("{}")} }, "InvalidLambdaResponseException", "Unrecognizable lambda output"},
		"returns another type":   {func(l *lambdas) { l.answer(source, "autoConfirmUser", "yes") }, "InvalidLambdaResponseException", "Unrecognizable lambda output"},
		"verifies what is none":  {func(l *lambdas) { l.answer(source, "autoVerifyPhone", true) }, "InvalidLambdaResponseException", ""},
		"returns another scalar": {func(l *lambdas) { l.raw[source] = functions.Result{Payload: []byte(`"ok"`)} }, "InvalidLambdaResponseException", "Unrecognizable lambda output"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, l := newTriggered(t, &api.LambdaConfigType{PreSignUp: fn(trigger.PreSignUp)})
			tc.set(l)
			_, err := w.signUp("ada", "ada@example.com")
			want(t, name, err, tc.code, tc.message)
			// Whatever went wrong, nobody was made.
			_, err = do(w, w.r.AdminGetUser, w.s.AdminGetUser, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: new("ada")})
			want(t, "the user", err, "UserNotFoundException", "")
		})
	}
}

// Without any functions, a pool with triggers fails closed.
func TestTriggersWithoutFunctionsFailClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.LambdaConfig = &api.LambdaConfigType{PreAuthentication: fn(trigger.PreAuthentication)}
	})
	w.member("ada")
	_, err := w.signIn(w.app, "ada", password)
	want(t, "sign in", err, "UnexpectedLambdaException", "PreAuthentication invocation failed since this server was started without --functions-endpoint.")
}

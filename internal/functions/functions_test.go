package functions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/awsclient"
)

const (
	account  = "111122223333"
	function = "arn:aws:lambda:us-east-1:111122223333:function:f"
)

// fake is an Invoker made of a function.
type fake func(ctx context.Context, r Request) (Result, error)

func (f fake) Invoke(ctx context.Context, r Request) (Result, error) { return f(ctx, r) }

func TestRequestsPrintWithoutTheirPayload(t *testing.T) {
	t.Parallel()
	r := Request{Account: account, Function: function, Payload: []byte("hunter2")}
	for _, text := range []string{fmt.Sprint(r), fmt.Sprintf("%+v", r), fmt.Sprintf("%#v", r)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%q holds the payload", text)
		}
	}
}

func TestWhoseFunctionsMayBeInvoked(t *testing.T) {
	t.Parallel()
	ok := fake(func(context.Context, Request) (Result, error) { return Result{}, nil })
	c := NewCaller(ok, Limits{}, map[string][]string{account: {"999988887777"}})
	for _, tc := range []struct {
		account, function string
		want              error
	}{
		{account, function, nil},
		{account, "arn:aws:lambda:us-east-1:999988887777:function:f:live", nil},
		{account, "arn:aws:lambda:us-east-1:444455556666:function:f", ErrDenied},
		{"444455556666", "arn:aws:lambda:us-east-1:999988887777:function:f", ErrDenied},
		{"", "arn:aws:lambda:us-east-1::function:f", ErrDenied},
		{account, "arn:aws:sqs:us-east-1:111122223333:f", ErrDenied},
		{account, "f", ErrDenied},
	} {
		if _, err := c.Invoke(t.Context(), Request{Account: tc.account, Function: tc.function}); !errors.Is(err, tc.want) {
			t.Errorf("%s for %s: %v, want %v", tc.function, tc.account, err, tc.want)
		}
	}
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 1}, {ErrThrottled, 3}, {ErrTimeout, 3}, {errors.New("refused"), 3}, {ErrNotFound, 1}, {ErrDenied, 1}, {ErrTooLarge, 1},
		{ErrNotConfigured, 1},
	} {
		n := 0
		c := NewCaller(fake(func(context.Context, Request) (Result, error) { n++; return Result{}, tc.err }), Limits{}, nil)
		_, err := c.Invoke(t.Context(), Request{Account: account, Function: function})
		if !errors.Is(err, tc.err) || n != tc.want {
			t.Errorf("%v: %d attempts and %v, want %d", tc.err, n, err, tc.want)
		}
	}
}

func TestAnAttemptEnds(t *testing.T) {
	t.Parallel()
	n := 0
	c := NewCaller(fake(func(ctx context.Context, _ Request) (Result, error) {
		n++
		<-ctx.Done()
		return Result{}, ctx.Err()
	}), Limits{Timeout: time.Millisecond}, nil)
	if _, err := c.Invoke(t.Context(), Request{Account: account, Function: function}); !errors.Is(err, ErrTimeout) || n != 3 {
		t.Errorf("%v after %d attempts", err, n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	n = 0
	if _, err := c.Invoke(gone, Request{Account: account, Function: function}); !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("a caller who is gone: %v after %d attempts", err, n)
	}
}

// A function that hangs takes its own places and no others.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limits Limits
		r      Request
		want   error
	}{
		"the same function":             {Limits{PerFunction: 1}, Request{Account: account, Function: function}, ErrThrottled},
		"another function":              {Limits{PerFunction: 1}, Request{Account: account, Function: function + "2"}, nil},
		"another one, account is full":  {Limits{PerAccount: 1}, Request{Account: account, Function: function + "2"}, ErrThrottled},
		"another account":               {Limits{PerAccount: 1}, Request{Account: "444455556666", Function: strings.ReplaceAll(function, account, "444455556666")}, nil},
		"another account, all are full": {Limits{Total: 1}, Request{Account: "444455556666", Function: strings.ReplaceAll(function, account, "444455556666")}, ErrThrottled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hangs, release := make(chan struct{}), make(chan struct{})
			first := true
			c := NewCaller(fake(func(context.Context, Request) (Result, error) {
				if first {
					first = false
					close(hangs)
					<-release
				}
				return Result{}, nil
			}), tc.limits, nil)
			done := make(chan error)
			go func() {
				_, err := c.Invoke(context.Background(), Request{Account: account, Function: function})
				done <- err
			}()
			<-hangs
			if _, err := c.Invoke(t.Context(), tc.r); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			close(release)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if len(c.functions) != 0 || len(c.accounts) != 0 || c.total != 0 {
				t.Errorf("%d functions, %d accounts, %d running are left", len(c.functions), len(c.accounts), c.total)
			}
		})
	}
}

func TestAFunctionRests(t *testing.T) {
	t.Parallel()
	var answer = ErrTimeout
	n := 0
	c := NewCaller(fake(func(context.Context, Request) (Result, error) { n++; return Result{}, answer }), Limits{Attempts: 1, Trip: 2}, nil)
	now := time.Unix(1_790_000_000, 0)
	c.now = func() time.Time { return now }
	invoke := func(what string, want error, calls int) {
		t.Helper()
		n = 0
		if _, err := c.Invoke(t.Context(), Request{Account: account, Function: function}); !errors.Is(err, want) || n != calls {
			t.Errorf("%s: %v with %d calls, want %v with %d", what, err, n, want, calls)
		}
	}
	invoke("first", ErrTimeout, 1)
	invoke("second", ErrTimeout, 1)
	answer = nil
	invoke("resting", ErrTimeout, 0)
	now = now.Add(11 * time.Second)
	invoke("after the rest", nil, 1)
	invoke("well again", nil, 1)
}

func TestLambda(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	var got *http.Request
	var body string
	status, headers, answer := 200, map[string]string{}, `{"ok":true}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		for k, v := range headers {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	l, err := NewLambda(t.Context(), awsclient.Endpoint{URL: s.URL, Region: "eu-west-1", AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	req := Request{Account: account, Function: function, Payload: []byte(`{"a":1}`)}
	out, err := l.Invoke(t.Context(), req)
	if err != nil || string(out.Payload) != answer || out.Failed {
		t.Fatalf("%s %v %v", out.Payload, out.Failed, err)
	}
	if got.URL.Path != "/2015-03-31/functions/"+function+"/invocations" || body != `{"a":1}` || got.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" {
		t.Errorf("%s %s %s", got.URL.Path, body, got.Header)
	}
	if a := got.Header.Get("Authorization"); !strings.Contains(a, "AKIAEXAMPLE/") || !strings.Contains(a, "/eu-west-1/lambda/") {
		t.Errorf("signature %s", a)
	}
	headers["X-Amz-Function-Error"] = "Unhandled"
	if out, err = l.Invoke(t.Context(), req); err != nil || !out.Failed {
		t.Errorf("a function that fails: %v %v", out.Failed, err)
	}
	headers = map[string]string{}
	for _, tc := range []struct {
		status      int
		code, where string
		want        error
	}{
		{429, "TooManyRequestsException", "", ErrThrottled}, {404, "ResourceNotFoundException", "", ErrNotFound},
		{403, "AccessDeniedException", "", ErrDenied}, {404, "", "", ErrNotFound}, {401, "", "", ErrDenied}, {429, "", "", ErrThrottled},
		{413, "RequestTooLargeException", "", ErrTooLarge},
	} {
		status, headers = tc.status, map[string]string{"X-Amzn-Errortype": tc.code}
		if _, err := l.Invoke(t.Context(), req); !errors.Is(err, tc.want) {
			t.Errorf("%d %s: %v, want %v", tc.status, tc.code, err, tc.want)
		}
	}
	// A payload must not follow a redirection to elsewhere.
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the payload went elsewhere") }))
	t.Cleanup(elsewhere.Close)
	status, headers = 307, map[string]string{"Location": elsewhere.URL}
	if _, err := l.Invoke(t.Context(), req); err == nil {
		t.Error("a redirection is an answer")
	}
	status, headers, answer = 200, nil, `"`+strings.Repeat("x", MaxResponse)+`"`
	if _, err := l.Invoke(t.Context(), req); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an answer without end: %v", err)
	}
	req.Payload = make([]byte, MaxRequest+1)
	if _, err := l.Invoke(t.Context(), req); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a payload without end: %v", err)
	}
}

func TestLambdaTimesOut(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	l, err := NewLambda(t.Context(), awsclient.Endpoint{URL: s.URL, Region: "us-east-1", AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	c := NewCaller(l, Limits{Timeout: 20 * time.Millisecond}, nil)
	if _, err := c.Invoke(t.Context(), Request{Account: account, Function: function}); !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
}

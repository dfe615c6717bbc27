package tableengine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/awsclient"
)

func serve(t *testing.T, timeout time.Duration, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := New(t.Context(), Config{Endpoint: awsclient.Endpoint{URL: server.URL, Region: "eu-central-1", AccessKeyID: "AKIDENGINE", SecretAccessKey: "s"}, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCallSignsAndSendsTheBytes(t *testing.T) {
	t.Parallel()
	const body = `{"Item":{"n":{"N":"1.50"}}}`
	c := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		auth := r.Header.Get("Authorization")
		if err != nil || string(got) != body || r.Header.Get("X-Amz-Target") != "DynamoDB_20120810.PutItem" ||
			!strings.Contains(auth, "Credential=AKIDENGINE/") || !strings.Contains(auth, "/eu-central-1/dynamodb/aws4_request") {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = w.Write([]byte(`{"ok":1}`))
	})
	if out, err := c.Call(t.Context(), "PutItem", []byte(body)); err != nil || string(out) != `{"ok":1}` {
		t.Errorf("%s %v", out, err)
	}
}

func TestErrorsOfTheEngine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status        int
		body          string
		code, message string
	}{
		"namespace": {400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}`, "ResourceNotFoundException", "no"},
		"bare":      {400, `{"__type":"ValidationException","Message":"bad"}`, "ValidationException", "bad"},
		"no JSON":   {502, `<html>`, "", "<html>"},
		"redirect":  {307, ``, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					t.Error("a redirect was followed")
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			})
			_, err := c.Call(t.Context(), "GetItem", nil)
			var e *Error
			if !errors.As(err, &e) || e.Status != test.status || e.Code != test.code || e.Message != test.message {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestLongAnswersAreCutOff(t *testing.T) {
	t.Parallel()
	c := serve(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		part := make([]byte, 1<<20)
		for range MaxAnswer>>20 + 1 {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	if _, err := c.Call(t.Context(), "Scan", nil); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// TestBreaker: an engine that does not answer is not asked any more, and callers that go away do not count.
func TestBreaker(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	down := make(chan struct{})
	c := serve(t, 20*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		select {
		case <-down:
		case <-r.Context().Done():
		}
	})
	defer close(down)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * breakAfter {
		if _, err := c.Call(gone, "GetItem", nil); !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	}
	for range breakAfter {
		if _, err := c.Call(t.Context(), "GetItem", nil); !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	}
	before := asked.Load()
	if before == 0 {
		t.Fatal("the engine was never asked")
	}
	if _, err := c.Call(t.Context(), "GetItem", nil); !errors.Is(err, ErrUnavailable) || asked.Load() != before {
		t.Errorf("the engine is asked while the breaker is open: %v", err)
	}
}

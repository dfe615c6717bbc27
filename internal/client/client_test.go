package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func configure(url string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(url + "/"), Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token"),
	}
}

// A request is signed for the service and carries its input; the answer is decoded.
func TestDo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if auth := r.Header.Get("Authorization"); !strings.Contains(auth, "Credential=AKIDEXAMPLE/") || !strings.Contains(auth, "/us-east-1/bulkhead/aws4_request") {
			t.Error(auth)
		}
		if r.Header.Get("X-Amz-Security-Token") != "token" || r.Header.Get("Content-Type") != "application/json" {
			t.Error(r.Header)
		}
		fmt.Fprintf(w, `{"Method":%q,"Path":%q,"Body":%q}`, r.Method, r.URL.Path, body) //nolint:errcheck // the client notices
	}))
	defer server.Close()
	for _, c := range []struct {
		in   any
		want string
	}{{map[string]string{"Id": "acme"}, `{"Id":"acme"}`}, {nil, ""}} {
		var out struct{ Method, Path, Body string }
		if err := Do(t.Context(), configure(server.URL), http.MethodPost, "/-/x", c.in, &out); err != nil {
			t.Fatal(err)
		}
		if out.Method != http.MethodPost || out.Path != "/-/x" || out.Body != c.want {
			t.Errorf("%+v", out)
		}
	}
}

// What is not a success is an Error with what the server said, whatever sent it.
func TestDoFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header, body string
		status       int
		want         Error
	}{
		"modeled":      {"TenantNotFoundException:http://example.com/", `{"Message":"There is none."}`, 404, Error{404, "TenantNotFoundException", "There is none."}},
		"lower case":   {"X", `{"message":"m"}`, 400, Error{400, "X", "m"}},
		"of a proxy":   {"", "<html>", 502, Error{502, "", "<html>"}},
		"nothing":      {"", "", 500, Error{500, "", ""}},
		"not modified": {"", "", 304, Error{304, "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Amzn-Errortype", c.header)
				w.WriteHeader(c.status)
				io.WriteString(w, c.body) //nolint:errcheck // the client notices
			}))
			defer server.Close()
			var got *Error
			if err := Do(t.Context(), configure(server.URL), http.MethodGet, "/", nil, nil); !errors.As(err, &got) || *got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	var got *Error
	err := Do(t.Context(), configure("http://127.0.0.1:1"), http.MethodGet, "/", nil, nil)
	if errors.As(err, &got) || err == nil || !strings.Contains(err.Error(), "is the server running") {
		t.Error(err)
	}
	cfg := configure("http://127.0.0.1:1")
	cfg.Credentials = credentials.NewStaticCredentialsProvider("", "", "")
	if err := Do(t.Context(), cfg, http.MethodGet, "/", nil, nil); err == nil || !strings.Contains(err.Error(), "find credentials") {
		t.Error(err)
	}
}

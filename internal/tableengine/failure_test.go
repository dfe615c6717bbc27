package tableengine

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/bulkhead/bulkhead/internal/awsclient"
)

// hang answers nothing until the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a server sees a client go only after that
	<-r.Context().Done()
}

// hijack takes the connection over after the request was read, writes raw bytes and closes it.
func hijack(t *testing.T, raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte(raw))
		_ = conn.Close()
	}
}

// Whatever an engine does instead of answering, a request is sent once: of a write nobody knows whether it happened.
func TestNoAnswerIsUnavailableAndSentOnce(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"slow":            hang,
		"cut off":         hijack(t, ""),
		"cut off in body": hijack(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"It"),
		"no HTTP":         hijack(t, "SSH-2.0-OpenSSH_9.9\r\n"),
		"endless headers": hijack(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*maxHeaders)+"\r\n\r\n{}"),
		"slow body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"Item":`))
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		},
		"wrong checksum": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Crc32", "1")
			_, _ = w.Write([]byte(`{}`))
		},
		"checksum that is none": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Crc32", "-1")
			_, _ = w.Write([]byte(`{}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			c := serve(t, 200*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.GetItem" { // which opens the connection that is kept
					_, _ = w.Write([]byte(`{}`))
					return
				}
				asked.Add(1)
				h(w, r)
			})
			if _, err := c.Call(t.Context(), "GetItem", []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			if out, err := c.Call(t.Context(), "UpdateItem", []byte(`{}`)); !errors.Is(err, ErrUnavailable) || out != nil {
				t.Errorf("%s %v", out, err)
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// An answer with its checksum is taken as it is, and one that is packed although nobody asked for it is not unpacked.
func TestChecksum(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, body := range [][]byte{[]byte(`{"ok":1}`), packed.Bytes()} {
		c := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") == "gzip" {
				t.Error("packed answers are asked for")
			}
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE(body)))
			_, _ = w.Write(body)
		})
		if out, err := c.Call(t.Context(), "GetItem", nil); err != nil || !bytes.Equal(out, body) {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	}
}

// TestTLS: an engine is believed by the system's roots or those of AWS_CA_BUNDLE, and by no others.
func TestTLS(t *testing.T) { //nolint:paralleltest // it sets the environment
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	call := func() error {
		c, err := New(t.Context(), Config{Endpoint: awsclient.Endpoint{URL: server.URL, Region: "eu-central-1", AccessKeyID: "AKIDENGINE", SecretAccessKey: "s"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Call(t.Context(), "GetItem", nil)
		return err
	}
	if err := call(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, block, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if err := call(); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
}

// renewed are credentials of which each fetch gives others.
type renewed struct{ n atomic.Int32 }

// Retrieve implements aws.CredentialsProvider.
func (r *renewed) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: fmt.Sprintf("AKID%d", r.n.Add(1)), SecretAccessKey: "s"}, nil
}

// Credentials that the engine calls expired are fetched anew for the next request.
func TestExpiredCredentials(t *testing.T) {
	t.Parallel()
	c := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "Credential=AKID1/") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security token included in the request is expired"}`))
			return
		}
		_, _ = w.Write([]byte(`{}`))
	})
	c.creds = aws.NewCredentialsCache(&renewed{})
	var e *Error
	if _, err := c.Call(t.Context(), "GetItem", nil); !errors.As(err, &e) || e.Code != "ExpiredTokenException" {
		t.Error(err)
	}
	if _, err := c.Call(t.Context(), "GetItem", nil); err != nil {
		t.Error(err)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	c := serve(t, 0, func(w http.ResponseWriter, _ *http.Request) {
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{}`))
	})
	var got []Outcome
	c.observe = func(operation string, o Outcome, took time.Duration) {
		if operation != "GetItem" || took <= 0 {
			t.Error(operation, took)
		}
		got = append(got, o)
	}
	for _, status = range []int{200, 400, 307, 503, 0} {
		_, _ = c.Call(t.Context(), "GetItem", nil)
	}
	if want := []Outcome{Answered, Refused, Failed, Failed, Unavailable}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error(got)
	}
}

// Package hostile sends the server what no client of good will would, and checks that it refuses in AWS's terms.
package hostile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/bulkhead/bulkhead/internal/app"
)

const (
	region   = "us-east-1"
	rootID   = "AKIAHOSTILETESTSROOT"
	rootPass = "not-a-secret-but-long-enough-for-a-test!"
)

var server *httptest.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	c := app.DefaultConfig()
	c.Data, c.Store, c.Logger = dir, "memory", slog.New(slog.DiscardHandler)
	c.RootAccessKeyID, c.RootSecretAccessKey = rootID, rootPass
	a, err := app.Open(context.Background(), c)
	if err != nil {
		panic(err)
	}
	server = httptest.NewServer(a.Handler())
	code := m.Run()
	server.Close()
	if err := a.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// target is an operation to send bodies to.
type target struct {
	name, service, method, path string
	header                      map[string]string
}

var targets = []target{
	{"awsJson1_0", "dynamodb", http.MethodPost, "/", map[string]string{
		"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.PutItem",
	}},
	{"awsJson1_1", "kms", http.MethodPost, "/", map[string]string{
		"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.CreateKey",
	}},
	{"awsQuery", "sts", http.MethodPost, "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
	{"restJson1", "bulkhead", http.MethodPost, "/-/api/v1/tenants", map[string]string{"Content-Type": "application/json"}},
}

// request is a signed request with the body.
func (t *target) request(tb testing.TB, body []byte) *http.Request {
	tb.Helper()
	req, err := http.NewRequest(t.method, server.URL+t.path, bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	for k, v := range t.header {
		req.Header.Set(k, v)
	}
	sign(tb, req, t.service, body)
	return req
}

func sign(tb testing.TB, req *http.Request, service string, body []byte) {
	tb.Helper()
	sum := sha256.Sum256(body)
	creds := aws.Credentials{AccessKeyID: rootID, SecretAccessKey: rootPass}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, req, hex.EncodeToString(sum[:]), service, region, time.Now()); err != nil {
		tb.Fatal(err)
	}
}

// send returns the status and body of the answer.
func send(tb testing.TB, req *http.Request) (int, string) {
	tb.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	if resp.Header.Get("X-Amzn-Requestid") == "" {
		tb.Error("the answer has no request id")
	}
	return resp.StatusCode, string(b)
}

package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
)

const (
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var testTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func newTestVerifier(now time.Time) *Verifier {
	secret, p := []byte(testSecret), &authn.Principal{Kind: authn.User, Account: "111122223333"}
	return NewVerifier(Options{
		Now: func() time.Time { return now },
		Lookup: func(_ context.Context, id, _ string) ([]byte, *authn.Principal, error) {
			if id != testKey {
				return nil, nil, fault.New(fault.UnknownAccessKey, "The security token included in the request is invalid.")
			}
			return secret, p, nil
		},
	})
}

func hmacSum(key []byte, s string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(s))
	return m.Sum(nil)
}

// textbookMAC is the signature of a string to sign, step by step as AWS's guide has it.
func textbookMAC(secret, date, region, service, sts string) string {
	k := hmacSum([]byte("AWS4"+secret), date)
	k = hmacSum(k, region)
	k = hmacSum(k, service)
	k = hmacSum(k, "aws4_request")
	return hex.EncodeToString(hmacSum(k, sts))
}

// readRequest parses a request as the server does.
func readRequest(t testing.TB, text string) (*http.Request, []byte) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\r\n\r\n")))
	if err != nil {
		t.Fatalf("request: %v\n%s", err, text)
	}
	return r, []byte(body)
}

// wire writes a client's request and reads it again as a server.
func wire(t testing.TB, r *http.Request, body []byte) *http.Request {
	t.Helper()
	var b bytes.Buffer
	c := r.Clone(context.Background())
	c.Body, c.ContentLength, c.GetBody = nil, 0, nil
	if len(body) > 0 {
		c.Body, c.ContentLength = http.NoBody, 0
	}
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	out, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		t.Fatal(err)
	}
	out.ContentLength = int64(len(body))
	return out
}

func verify(v *Verifier, r *http.Request, body []byte) error {
	sig, err := v.Parse(r)
	if err != nil {
		return err
	}
	_, err = v.Verify(context.Background(), r, &sig, body, "")
	return err
}

func wantFault(t *testing.T, err error, class fault.Class, text string) {
	t.Helper()
	if !fault.IsClass(err, class) || !strings.Contains(err.Error(), text) {
		t.Fatalf("got %v, want class %v with %q", err, class, text)
	}
}

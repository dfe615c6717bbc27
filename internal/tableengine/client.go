// Package tableengine is the client of an outside table engine: any endpoint that speaks DynamoDB's API (AWS itself, ScyllaDB
// Alternator, DynamoDB Local). It signs and sends requests as they are and knows nothing of what is in them.
package tableengine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/sony/gobreaker/v2"

	"github.com/bulkhead/bulkhead/internal/awsclient"
)

// Bounds of one exchange. DynamoDB's largest requests and answers are pages of 16 MB (API reference, "BatchGetItem" and
// "BatchWriteItem"), which base64 and JSON make larger.
const (
	// MaxAnswer is the longest answer in bytes that is read.
	MaxAnswer = 64 << 20
	// DefaultTimeout is how long an exchange takes at most.
	DefaultTimeout = 10 * time.Second

	maxInFlight  = 512             // exchanges at once; more wait
	breakAfter   = 8               // exchanges in a row without an answer
	breakFor     = 5 * time.Second // before one is tried again
	maxErrorText = 2048            // of what is kept of an error, in bytes
	maxHeaders   = 64 << 10        // of an answer, in bytes
)

// Config says where the engine is.
type Config struct {
	Endpoint awsclient.Endpoint
	// Timeout bounds one exchange; 0 is DefaultTimeout.
	Timeout time.Duration
	// Observe is told of each Call what came of it and how long it took, its wait for a place among them; nil tells nobody. It is
	// called from many goroutines.
	Observe func(operation string, o Outcome, took time.Duration)
}

// Outcome is what came of a Call.
type Outcome string

// The outcomes.
const (
	Answered    Outcome = "answered"    // 200
	Refused     Outcome = "refused"     // an error about the request, 4xx
	Failed      Outcome = "failed"      // any other answer
	Unavailable Outcome = "unavailable" // none, or none that can be read
)

// staleCredentials are errors by which an engine says that the credentials of a request are good no more: new ones are fetched for the
// next ("Error handling with DynamoDB").
var staleCredentials = []string{"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"}

// ErrUnavailable is the cause of exchanges that had no answer: the engine is not reached, does not answer in time, or failed so
// often that it is not asked for some seconds.
var ErrUnavailable = errors.New("tableengine: the engine does not answer")

// Error is an error that the engine answered.
type Error struct {
	// Status is the HTTP status, Code the name of the error without its namespace, "" if the answer has none.
	Status        int
	Code, Message string
	// Body is the whole answer, which holds an error's other members.
	Body []byte
}

// Error implements error, for logs: messages of an engine are not shown to callers as they are.
func (e *Error) Error() string {
	return fmt.Sprintf("tableengine: %d %s: %s", e.Status, e.Code, e.Message)
}

// Client sends requests to an engine. It is safe for concurrent use.
type Client struct {
	endpoint, region string
	creds            aws.CredentialsProvider
	signer           *v4.Signer
	http             *http.Client
	timeout          time.Duration
	slots            chan struct{}
	breaker          *gobreaker.CircuitBreaker[*answer]
	observe          func(operation string, o Outcome, took time.Duration)
}

type answer struct {
	status int
	body   []byte
}

// New returns the client of an engine. It connects when it is first used.
func New(ctx context.Context, c Config) (*Client, error) {
	conf, hc, err := c.Endpoint.Configure(ctx, func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxResponseHeaderBytes = maxInFlight, maxInFlight, maxHeaders
		t.DisableCompression = true // checksums are of the bytes as they are sent
	})
	if err != nil {
		return nil, fmt.Errorf("tableengine: %w", err)
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return &Client{
		endpoint: strings.TrimSuffix(c.Endpoint.URL, "/") + "/", region: c.Endpoint.Region, creds: conf.Credentials, signer: v4.NewSigner(),
		timeout: timeout, slots: make(chan struct{}, maxInFlight), observe: c.Observe,
		http: hc,
		breaker: gobreaker.NewCircuitBreaker[*answer](gobreaker.Settings{
			Name: "tables", Timeout: breakFor, MaxRequests: 1,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= breakAfter },
			// A caller who goes away says nothing about the engine.
			IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, context.Canceled) },
		}),
	}, nil
}

// Call sends one request of DynamoDB's JSON protocol and returns the answer's body. An error that the engine answered is an *Error;
// others have the cause ErrUnavailable. A write that ends so may have happened.
func (c *Client) Call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	began := time.Now()
	out, err := c.call(ctx, operation, body)
	if c.observe != nil {
		c.observe(operation, outcomeOf(err), time.Since(began))
	}
	return out, err
}

func outcomeOf(err error) Outcome {
	var e *Error
	switch {
	case err == nil:
		return Answered
	case !errors.As(err, &e):
		return Unavailable
	case e.Status >= 400 && e.Status < 500:
		return Refused
	}
	return Failed
}

func (c *Client) call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: too many requests wait for it: %w", ErrUnavailable, ctx.Err())
	}
	got, err := c.breaker.Execute(func() (*answer, error) { return c.exchange(ctx, operation, body) })
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, operation, err)
	}
	if got.status != http.StatusOK {
		e := errorOf(got)
		if cache, ok := c.creds.(*aws.CredentialsCache); ok && slices.Contains(staleCredentials, e.Code) {
			cache.Invalidate()
		}
		return nil, e
	}
	return got.body, nil
}

func (c *Client) exchange(ctx context.Context, operation string, body []byte) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	creds, err := c.creds.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, creds, r, hex.EncodeToString(sum[:]), "dynamodb", c.region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > MaxAnswer:
		return nil, errors.New("the answer is too long")
	}
	if err := checkSum(resp.Header.Get("X-Amz-Crc32"), b); err != nil {
		return nil, err
	}
	return &answer{resp.StatusCode, b}, nil
}

// checkSum compares an answer with its CRC-32, if it has one (API reference, "DynamoDB low-level API": x-amz-crc32).
func checkSum(said string, body []byte) error {
	if said == "" {
		return nil
	}
	want, err := strconv.ParseUint(said, 10, 32)
	if err != nil || uint32(want) != crc32.ChecksumIEEE(body) {
		return errors.New("the answer does not have the checksum that it says")
	}
	return nil
}

// errorOf reads an error ("Error components", Amazon DynamoDB Developer Guide).
func errorOf(a *answer) *Error {
	var doc struct {
		Type    string `json:"__type"`
		Message string // "message" too: names are compared without case
	}
	e := &Error{Status: a.status, Body: a.body}
	if err := json.Unmarshal(a.body, &doc); err != nil {
		e.Message = string(a.body[:min(len(a.body), maxErrorText)])
		return e
	}
	_, code, qualified := strings.Cut(doc.Type, "#")
	if !qualified {
		code = doc.Type
	}
	e.Code, e.Message = code, doc.Message
	return e
}

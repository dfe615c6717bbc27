package functions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/bulkhead/bulkhead/internal/awsclient"
)

// Bounds of payloads in bytes. Lambda takes and gives up to 6 MB ("Lambda quotas", AWS Lambda Developer Guide); nothing
// that this server sends or reads comes near that.
const (
	MaxRequest  = 1 << 20
	MaxResponse = 1 << 20
)

// Lambda invokes functions by the Invoke API ("Invoke", AWS Lambda API Reference), synchronously and without their logs.
type Lambda struct{ client *lambda.Client }

// NewLambda returns an Invoker for the endpoint of a Lambda Invoke API, AWS's own or another's. It connects when it first invokes.
func NewLambda(ctx context.Context, e awsclient.Endpoint) (*Lambda, error) {
	conf, hc, err := e.Configure(ctx, func(t *http.Transport) { t.MaxIdleConnsPerHost = 64 })
	if err != nil {
		return nil, fmt.Errorf("functions: %w", err)
	}
	conf.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // the Caller retries
	hc.Transport = bounded{hc.Transport}
	return &Lambda{lambda.NewFromConfig(conf, func(o *lambda.Options) { o.BaseEndpoint, o.HTTPClient = &e.URL, hc })}, nil
}

// bounded fails the reading of answers that are over MaxResponse.
type bounded struct{ to http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.to.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, MaxResponse}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// Invoke implements Invoker.
func (l *Lambda) Invoke(ctx context.Context, r Request) (Result, error) {
	if len(r.Payload) > MaxRequest {
		return Result{}, ErrTooLarge
	}
	out, err := l.client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &r.Function, Payload: r.Payload, InvocationType: types.InvocationTypeRequestResponse, LogType: types.LogTypeNone,
	})
	if err != nil {
		return Result{}, classify(ctx, err)
	}
	return Result{Payload: out.Payload, Failed: out.FunctionError != nil}, nil
}

// classify gives an error of the SDK its meaning.
func classify(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	if errors.Is(err, ErrTooLarge) {
		return ErrTooLarge
	}
	means := map[string]error{
		"TooManyRequestsException": ErrThrottled, "ThrottlingException": ErrThrottled, "EC2ThrottledException": ErrThrottled,
		"ResourceNotFoundException": ErrNotFound, "AccessDeniedException": ErrDenied, "UnrecognizedClientException": ErrDenied,
		"InvalidSignatureException": ErrDenied, "ExpiredTokenException": ErrDenied, "RequestTooLargeException": ErrTooLarge,
	}
	var api smithy.APIError
	if errors.As(err, &api) && means[api.ErrorCode()] != nil {
		return fmt.Errorf("%w: %w", means[api.ErrorCode()], err)
	}
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) {
		switch resp.HTTPStatusCode() {
		case http.StatusTooManyRequests:
			return fmt.Errorf("%w: %w", ErrThrottled, err)
		case http.StatusNotFound:
			return fmt.Errorf("%w: %w", ErrNotFound, err)
		case http.StatusForbidden, http.StatusUnauthorized:
			return fmt.Errorf("%w: %w", ErrDenied, err)
		}
	}
	return fmt.Errorf("functions: invoke: %w", err)
}

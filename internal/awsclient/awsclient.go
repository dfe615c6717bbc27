// Package awsclient configures clients of outside servers that speak an AWS API: a function service, an object storage, a table engine.
package awsclient

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
)

// dialTimeout bounds how long a connection takes.
const dialTimeout = 3 * time.Second

// Endpoint is an outside server, and how requests to it are signed.
type Endpoint struct {
	// URL is the server's base URL. Region is that of the signatures.
	URL, Region string
	// AccessKeyID, SecretAccessKey and SessionToken sign the requests; without them the SDK's default chain does.
	AccessKeyID, SecretAccessKey, SessionToken string
}

// Configure returns the SDK's configuration for the endpoint, and the HTTP client to use with it in place of the configuration's: that
// one follows no redirect, so that requests go nowhere but to the endpoint. tune changes its transport before the roots of AWS_CA_BUNDLE
// are added. The SDK logs nothing, for requests hold what tenants keep. Nothing is connected yet.
func (e Endpoint) Configure(ctx context.Context, tune func(*http.Transport)) (aws.Config, *http.Client, error) {
	load := []func(*config.LoadOptions) error{
		config.WithRegion(e.Region), config.WithLogger(logging.Nop{}),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).WithTransportOptions(tune)),
	}
	if e.AccessKeyID != "" {
		load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(e.AccessKeyID, e.SecretAccessKey, e.SessionToken)))
	}
	conf, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, nil, fmt.Errorf("awsclient: configure the client of %s: %w", e.URL, err)
	}
	built, ok := conf.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		return aws.Config{}, nil, fmt.Errorf("awsclient: the client of %s is a %T", e.URL, conf.HTTPClient)
	}
	return conf, &http.Client{
		Transport: built.GetTransport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

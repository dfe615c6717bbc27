package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/app"
)

// remote is how commands reach a running server.
type remote struct {
	endpoint, region, data string
	json                   bool
}

func (r *remote) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&r.endpoint, "endpoint", env("AWS_ENDPOINT_URL", "http://127.0.0.1:4600"), "the server's URL (AWS_ENDPOINT_URL)")
	f.StringVar(&r.region, "region", env("AWS_REGION", env("AWS_DEFAULT_REGION", "us-east-1")), "region (AWS_REGION)")
	f.StringVar(&r.data, "data", env("BULKHEAD_DATA", "data"),
		"the server's data directory, whose root credentials are used if the environment has none")
	f.BoolVar(&r.json, "json", false, "print JSON")
}

func env(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

// config loads credentials as the AWS CLI does, else the root credentials in the data directory.
func (r *remote) config(ctx context.Context) (aws.Config, error) {
	cfg, err := loadConfig(ctx, r.region, r.data, config.WithBaseEndpoint(r.endpoint))
	if err != nil {
		return cfg, err
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, usageError{fmt.Errorf("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or point --data at "+
			"the server's data directory: %w", err)}
	}
	return cfg, nil
}

// loadConfig is for clients of a server with its data in that directory, which may not exist.
func loadConfig(ctx context.Context, region, data string, opts ...func(*config.LoadOptions) error) (aws.Config, error) {
	opts = append(opts, config.WithRegion(region))
	file := app.RootCredentialsFile(data)
	_, missing := os.Stat(file)
	if missing == nil && os.Getenv("AWS_ACCESS_KEY_ID") == "" && os.Getenv("AWS_PROFILE") == "" &&
		os.Getenv("AWS_SHARED_CREDENTIALS_FILE") == "" {
		opts = append(opts, config.WithSharedCredentialsFiles([]string{file}), config.WithSharedConfigFiles(nil))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return cfg, fmt.Errorf("load credentials: %w", err)
	}
	return cfg, nil
}

// print writes v as JSON, or for people by show.
func (r *remote) print(w io.Writer, v any, show func(io.Writer) error) error {
	if !r.json {
		return show(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

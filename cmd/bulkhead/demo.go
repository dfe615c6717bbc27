package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/demo"
)

// errCrossed ends the demo with exit status 1.
var errCrossed = errors.New("the demo found something that should not be; see the table")

func newDemo() *cobra.Command {
	c := app.DefaultConfig()
	c.Listen, c.Data, c.LogLevel = "127.0.0.1:0", "", "error"
	var keep, asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See two tenants kept apart at every level",
		Long: "Start a server, build the chain from sign-in to data for two tenants with the public AWS SDK, and try from each to\n" +
			"reach the other's data at every level. The exit status is 1 if anything crossed.",
		Example: "  bulkhead demo\n  bulkhead demo --keep --listen 127.0.0.1:4600\n  bulkhead demo --json --store postgres://localhost/bulkhead",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settle(cmd); err != nil {
				return err
			}
			secretsFromEnv(&c)
			return runDemo(cmd, c, keep, asJSON)
		},
	}
	serverFlags(cmd.Flags(), &c)
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the server up and say how to reach it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func runDemo(cmd *cobra.Command, c app.Config, keep, asJSON bool) (err error) {
	ctx := cmd.Context()
	if c.Logger, err = app.NewLogger(os.Stderr, c.LogLevel, c.LogFormat); err != nil {
		return usageError{err}
	}
	clean, err := demoData(&c)
	if err != nil {
		return err
	}
	if !keep {
		defer func() { err = errors.Join(err, clean()) }()
	}
	if err := c.Validate(); err != nil {
		return usageError{err}
	}
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close(context.WithoutCancel(ctx))) }()
	l, err := c.OpenListener(ctx)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.Serve(serving, l) }()
	defer func() { stop(); err = errors.Join(err, <-done) }()
	o := demo.Options{Endpoint: "http://" + l.Addr().String(), Region: c.Region, Progress: func(step string) {
		fmt.Fprintln(os.Stderr, "·", step) // progress only
	}}
	if o.AccessKeyID, o.SecretAccessKey = c.RootAccessKeyID, c.RootSecretAccessKey; o.AccessKeyID == "" {
		if o.AccessKeyID, o.SecretAccessKey, err = app.ReadRootCredentials(ctx, c.Data); err != nil {
			return err
		}
	}
	if err := showDemo(cmd, o, asJSON); err != nil && !keep || ctx.Err() != nil {
		return err
	}
	if keep {
		fmt.Fprintf(os.Stderr, "\nThe server is up. Reach it with\n\n  export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_SHARED_CREDENTIALS_FILE=%s\n\n"+
			"read the codes that it sends with 'bulkhead mail --url', and stop it with Ctrl-C.\n", o.Endpoint, c.Region, app.RootCredentialsFile(c.Data)) // for people
		<-ctx.Done()
	}
	return nil
}

func showDemo(cmd *cobra.Command, o demo.Options, asJSON bool) error {
	result, err := demo.Run(cmd.Context(), o)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		err = e.Encode(result)
	} else {
		fmt.Fprintln(w) //nolint:errcheck // Table says it
		err = result.Table(w)
	}
	if err == nil && (result.Crossed > 0 || result.Broken > 0) {
		err = errCrossed
	}
	return err
}

// demoData chooses the data directory: a temporary one, or, for a store that outlives the demo, one that does as well,
// since it holds the store's root key.
func demoData(c *app.Config) (clean func() error, err error) {
	none := func() error { return nil }
	if c.Data != "" {
		return none, nil
	}
	if c.Store != "pebble" && c.Store != "memory" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, usageError{fmt.Errorf("give the demo a directory for the root key with --data: %w", err)}
		}
		sum := sha256.Sum256([]byte(c.Store))
		c.Data = filepath.Join(cache, "bulkhead", "demo-"+hex.EncodeToString(sum[:8]))
		return none, nil
	}
	if c.Data, err = os.MkdirTemp("", "bulkhead-demo-"); err != nil {
		return nil, err
	}
	return func() error { return os.RemoveAll(c.Data) }, nil
}

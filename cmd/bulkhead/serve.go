package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/app"
)

func newServe() *cobra.Command {
	c := app.DefaultConfig()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server. One port serves all services. The first start makes the root key, the default account and its\n" +
			"root access key, which is taken from BULKHEAD_ROOT_ACCESS_KEY_ID and BULKHEAD_ROOT_SECRET_ACCESS_KEY or written to\n" +
			"DIR/root-credentials. Each flag can also be set by an environment variable (--tls-cert is BULKHEAD_TLS_CERT) or in a\n" +
			"YAML file (--config); the command line wins over the environment, the environment over the file.\n" +
			"GOGC and GOMEMLIMIT are Go's; without either, the server lets 64 to 256 MiB more garbage gather than Go's\n" +
			"default, a 32nd part of the memory there is.",
		Example: "  bulkhead serve --data ./data\n" +
			"  bulkhead serve --listen :443 --tls-cert cert.pem --tls-key key.pem --store postgres://db/bulkhead",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settle(cmd); err != nil {
				return err
			}
			secretsFromEnv(&c)
			return serve(cmd.Context(), c)
		},
	}
	serverFlags(cmd.Flags(), &c)
	return cmd
}

func serve(ctx context.Context, c app.Config) (err error) {
	if c.Logger, err = app.NewLogger(os.Stderr, c.LogLevel, c.LogFormat); err != nil {
		return usageError{err}
	}
	if err := c.Validate(); err != nil {
		return usageError{err}
	}
	release := app.ReserveHeap()
	defer release()
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close(context.WithoutCancel(ctx))) }()
	l, err := c.OpenListener(ctx)
	if err != nil {
		return err
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	c.Logger.Info("serving", "endpoint", fmt.Sprintf("%s://%s", scheme, l.Addr()), "store", storeKind(c.Store))
	if c.KeepsMail() {
		c.Logger.Info("codes and invitations stay in the server; 'bulkhead mail --url' gives a link to read them")
	}
	return a.Serve(ctx, l)
}

// storeKind is the store without what a URL may hold of secrets.
func storeKind(s string) string {
	if s == "pebble" || s == "memory" {
		return s
	}
	return "postgres"
}

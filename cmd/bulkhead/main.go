// Command bulkhead keeps the tenants of a SaaS apart: one server for identity, policy, data, keys and audit that speaks
// the AWS APIs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitFailure = 1 // the command ran and did not succeed
	exitUsage   = 2 // the command line or configuration is wrong
)

// usageError is a mistake in how the command was called.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	ran := false
	noteRuns(root, &ran)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "bulkhead:", err)
	if !ran || errors.As(err, &usageError{}) {
		return exitUsage
	}
	return exitFailure
}

// noteRuns has every command say that it began to run: an error from before is one in the command line.
func noteRuns(cmd *cobra.Command, ran *bool) {
	if begin := cmd.RunE; begin != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*ran = true
			return begin(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		noteRuns(sub, ran)
	}
}

// showHelp is what a command does that only has others below it. Without it cobra would answer a mistyped one with help
// and success.
func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bulkhead",
		Short: "Keep the tenants of a SaaS apart, at every level, behind the AWS APIs",
		Long: "Bulkhead is one server for the identity, policies, data, keys and audit log of a multi-tenant SaaS. It speaks\n" +
			"the AWS APIs: point AWS_ENDPOINT_URL at it and use the AWS CLI and SDKs as they are.",
		Example: "  bulkhead demo                       see two tenants kept apart, in seconds\n" +
			"  bulkhead serve --data ./data        run the server on 127.0.0.1:4600\n" +
			"  bulkhead tenant create acme         onboard a tenant",
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs, RunE: showHelp,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, c.CommandPath())}
	})
	root.AddCommand(newServe(), newDemo(), newTenant(), newPool(), newStore(), newAccount(), newAudit(), newMail(), newBench())
	return root
}

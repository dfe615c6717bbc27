package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/client"
)

func newPool() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use: "pool", Short: "Look after user pools", Args: cobra.NoArgs, RunE: showHelp,
		Example: "  bulkhead pool rotate-keys us-east-1_AbCdEfGhI",
	}
	r.flags(cmd)
	cmd.AddCommand(newPoolRotateKeys(r))
	return cmd
}

func newPoolRotateKeys(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "rotate-keys ID", Short: "Give a user pool new signing keys",
		Long: "The new keys are published at once, in the pool's jwks.json, and sign from ten minutes later. The old ones stay\n" +
			"published, and tokens under them good, until the last of these has expired. Printed are the ids of all keys that\n" +
			"are published then, the new ones first.",
		Example: "  bulkhead pool rotate-keys us-east-1_AbCdEfGhI\n  bulkhead pool rotate-keys us-east-1_AbCdEfGhI --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
			}
			var out struct {
				KeyIDs []string `json:"KeyIds"`
			}
			path := "/-/api/v1/user-pools/" + url.PathEscape(args[0]) + "/rotate-keys"
			if err := client.Do(cmd.Context(), cfg, http.MethodPost, path, nil, &out); err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), out, func(w io.Writer) error {
				for _, id := range out.KeyIDs {
					if _, err := fmt.Fprintln(w, id); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

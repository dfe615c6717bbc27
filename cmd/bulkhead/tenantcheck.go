package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/client"
)

// findingView is a finding as the API shows it.
type findingView struct {
	Severity, Code, Resource, Problem, Remedy string
}

func newTenantCheck(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Look for settings that let tenants cross; fails if there are errors", Args: cobra.NoArgs,
		Example: "  bulkhead tenant check --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
			}
			found, err := findings(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if err := r.print(cmd.OutOrStdout(), found, func(w io.Writer) error { return showFindings(w, found) }); err != nil {
				return err
			}
			return countErrors(found)
		},
	}
}

// countErrors returns an error if a finding is one.
func countErrors(found []findingView) error {
	n := 0
	for _, f := range found {
		if f.Severity == "ERROR" {
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("the check found %d errors", n)
	}
	return nil
}

func findings(ctx context.Context, cfg aws.Config) ([]findingView, error) {
	all := []findingView{}
	for _, of := range []string{"user-pools", "identity-pools"} {
		for token := ""; ; {
			q := url.Values{"of": {of}}
			if token != "" {
				q.Set("nextToken", token)
			}
			var page struct {
				Findings  []findingView
				NextToken string
			}
			if err := client.Do(ctx, cfg, http.MethodGet, "/-/api/v1/tenant-check?"+q.Encode(), nil, &page); err != nil {
				return nil, err
			}
			all = append(all, page.Findings...)
			if token = page.NextToken; token == "" {
				break
			}
		}
	}
	return all, nil
}

func showFindings(w io.Writer, found []findingView) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(w, "No findings.")
		return err
	}
	for _, f := range found {
		if _, err := fmt.Fprintf(w, "%s %s\n  %s\n  %s\n  %s\n", f.Severity, f.Code, f.Resource, f.Problem, f.Remedy); err != nil {
			return err
		}
	}
	return nil
}

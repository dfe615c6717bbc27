package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/spf13/cobra"
)

func newAccount() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use: "account", Short: "Make and list accounts", Args: cobra.NoArgs, RunE: showHelp,
		Example: "  bulkhead account create --name staging --email staging@example.com\n  bulkhead account list --json",
	}
	r.flags(cmd)
	cmd.AddCommand(newAccountCreate(r), newAccountList(r))
	return cmd
}

func newAccountCreate(r *remote) *cobra.Command {
	var name, email, role string
	cmd := &cobra.Command{
		Use: "create", Short: "Make an account, with a role by which the management account administers it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
			}
			in := &organizations.CreateAccountInput{AccountName: &name, Email: &email}
			if role != "" {
				in.RoleName = &role
			}
			st, err := createAccount(cmd.Context(), organizations.NewFromConfig(cfg), in)
			if err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), st, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "account %s (%s)\n", aws.ToString(st.AccountId), name)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the account")
	cmd.Flags().StringVar(&email, "email", "", "e-mail address of its owner, one for each account")
	cmd.Flags().StringVar(&role, "role", "", "name of the administrators' role (default OrganizationAccountAccessRole)")
	for _, f := range []string{"name", "email"} {
		if err := cmd.MarkFlagRequired(f); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return cmd
}

// createAccount waits until the account is made or has failed.
func createAccount(ctx context.Context, c *organizations.Client, in *organizations.CreateAccountInput) (*types.CreateAccountStatus, error) {
	out, err := c.CreateAccount(ctx, in)
	if err != nil {
		return nil, err
	}
	st := out.CreateAccountStatus
	for st.State == types.CreateAccountStateInProgress {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		now, err := c.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: st.Id})
		if err != nil {
			return nil, err
		}
		st = now.CreateAccountStatus
	}
	if st.State != types.CreateAccountStateSucceeded {
		return nil, errors.New("the account was not made: " + string(st.FailureReason))
	}
	return st, nil
}

func newAccountList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List accounts", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
			}
			all := []types.Account{}
			pages := organizations.NewListAccountsPaginator(organizations.NewFromConfig(cfg), &organizations.ListAccountsInput{})
			for pages.HasMorePages() {
				page, err := pages.NextPage(cmd.Context())
				if err != nil {
					return err
				}
				all = append(all, page.Accounts...)
			}
			return r.print(cmd.OutOrStdout(), all, func(w io.Writer) error { return showAccounts(w, all) })
		},
	}
}

func showAccounts(w io.Writer, accounts []types.Account) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tNAME\tSTATUS\tEMAIL") //nolint:errcheck // Flush says it
	for _, a := range accounts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", aws.ToString(a.Id), aws.ToString(a.Name), a.Status, aws.ToString(a.Email)) //nolint:errcheck // Flush says it
	}
	return t.Flush()
}

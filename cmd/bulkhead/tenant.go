package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/client"
)

// tenantsPath is the resource of tenants in Bulkhead's own API.
const tenantsPath = "/-/api/v1/tenants"

// tenantView is a tenant as the API shows it.
type tenantView struct {
	ID         string            `json:"Id"`
	Name       string            `json:",omitempty"`
	Tier       string            `json:",omitempty"`
	Status     string            `json:",omitempty"`
	KeyArn     string            `json:",omitempty"`
	AliasName  string            `json:",omitempty"`
	UserPoolID string            `json:"UserPoolId,omitempty"`
	GroupName  string            `json:",omitempty"`
	CreatedAt  any               `json:",omitempty"`
	Tags       map[string]string `json:",omitempty"`
	Steps      []stepView        `json:",omitempty"`
}

type stepView struct {
	Name   string
	Done   bool
	Reason string `json:",omitempty"`
}

func newTenant() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "tenant",
		Short: "Onboard, list and off-board tenants",
		Example: "  bulkhead tenant create acme --user-pool us-east-1_AbCdEfGhI\n" +
			"  bulkhead tenant list --json\n  bulkhead tenant delete acme --pending-days 7",
		Args: cobra.NoArgs, RunE: showHelp,
	}
	r.flags(cmd)
	cmd.AddCommand(newTenantCreate(r), newTenantList(r), newTenantShow(r), newTenantDelete(r), newTenantCheck(r), newTenantRoute(r))
	return cmd
}

func newTenantCreate(r *remote) *cobra.Command {
	in := map[string]any{}
	var name, tier, pool, alias string
	var tags map[string]string
	cmd := &cobra.Command{
		Use:   "create ID",
		Short: "Make a tenant's key, alias and group; goes on where an earlier try stopped",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in["Id"] = args[0]
			for k, v := range map[string]string{"Name": name, "Tier": tier, "UserPoolId": pool, "KeyAliasTemplate": alias} {
				if v != "" {
					in[k] = v
				}
			}
			if len(tags) > 0 {
				in["Tags"] = tags
			}
			return r.tenant(cmd, http.MethodPost, tenantsPath, in)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "name for people")
	f.StringVar(&tier, "tier", "", "POOL, SILO or MIXED")
	f.StringVar(&pool, "user-pool", "", "id of the user pool in which the tenant gets a group")
	f.StringVar(&alias, "key-alias", "", "form of the key's alias (default alias/customer-${tenant})")
	f.StringToStringVar(&tags, "tag", nil, "key=value, repeatable")
	return cmd
}

func newTenantShow(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a tenant", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.tenant(cmd, http.MethodGet, tenantsPath+"/"+url.PathEscape(args[0]), nil)
		},
	}
}

func newTenantDelete(r *remote) *cobra.Command {
	var days int
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Remove a tenant's alias and group, and schedule its key for deletion", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := tenantsPath + "/" + url.PathEscape(args[0])
			if days != 0 {
				path += fmt.Sprintf("?pendingWindowInDays=%d", days)
			}
			return r.tenant(cmd, http.MethodDelete, path, nil)
		},
	}
	cmd.Flags().IntVar(&days, "pending-days", 0, "days until the key is deleted, 7 to 30 (default 30)")
	return cmd
}

// tenant calls an operation that answers with one tenant and prints it.
func (r *remote) tenant(cmd *cobra.Command, method, path string, in any) error {
	cfg, err := r.config(cmd.Context())
	if err != nil {
		return err
	}
	var out struct{ Tenant tenantView }
	if err := client.Do(cmd.Context(), cfg, method, path, in, &out); err != nil {
		return err
	}
	return r.print(cmd.OutOrStdout(), out.Tenant, func(w io.Writer) error { return showTenants(w, []tenantView{out.Tenant}) })
}

func newTenantList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List tenants", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
			}
			all, err := listTenants(cmd, cfg)
			if err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), all, func(w io.Writer) error { return showTenants(w, all) })
		},
	}
}

func listTenants(cmd *cobra.Command, cfg aws.Config) ([]tenantView, error) {
	all, token := []tenantView{}, ""
	for {
		path := tenantsPath
		if token != "" {
			path += "?nextToken=" + url.QueryEscape(token)
		}
		var page struct {
			Tenants   []tenantView
			NextToken string
		}
		if err := client.Do(cmd.Context(), cfg, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		all, token = append(all, page.Tenants...), page.NextToken
		if token == "" {
			return all, nil
		}
	}
}

func showTenants(w io.Writer, tenants []tenantView) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSTATUS\tTIER\tALIAS\tKEY\tGROUP") //nolint:errcheck // Flush says it
	for _, v := range tenants {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Status, v.Tier, v.AliasName, v.KeyArn, v.GroupName) //nolint:errcheck // Flush says it
	}
	return t.Flush()
}

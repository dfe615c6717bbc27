package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/client"
)

// routesPath is the resource of tenants' routes in Bulkhead's own API.
const routesPath = "/-/api/v1/tenant-routes"

// routeView is a route as the API shows it.
type routeView struct {
	TenantID     string   `json:"TenantId,omitempty"`
	UserPoolID   string   `json:"UserPoolId"`
	ClientID     string   `json:"ClientId"`
	ProviderName string   `json:",omitempty"`
	Domain       string   `json:",omitempty"`
	ListedName   string   `json:",omitempty"`
	Subdomains   []string `json:",omitempty"`
	EmailDomains []string `json:",omitempty"`
	Codes        []string `json:",omitempty"`
}

func newTenantRoute(r *remote) *cobra.Command {
	cmd := &cobra.Command{
		Use: "route", Short: "Say by which subdomain, mail domain, code or name users find a tenant's sign-in",
		Example: "  bulkhead tenant route create acme --user-pool us-east-1_AbCdEfGhI --client 1example23456789 \\\n" +
			"    --subdomain acme --email-domain acme.example --code ACME-2026\n  bulkhead tenant route list",
		Args: cobra.NoArgs, RunE: showHelp,
	}
	cmd.AddCommand(
		r.saveRoute("create", "Make a tenant's route", http.MethodPost), r.saveRoute("set", "Set a tenant's route anew, as a whole", http.MethodPut),
		&cobra.Command{
			Use: "show ID", Short: "Show a tenant's route", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return r.route(cmd, http.MethodGet, routesPath+"/"+url.PathEscape(args[0]), nil)
			},
		},
		&cobra.Command{
			Use: "delete ID", Short: "Remove a tenant's route; the tenant stays", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				cfg, err := r.config(cmd.Context())
				if err != nil {
					return err
				}
				return client.Do(cmd.Context(), cfg, http.MethodDelete, routesPath+"/"+url.PathEscape(args[0]), nil, nil)
			},
		},
		&cobra.Command{Use: "list", Short: "List routes", Args: cobra.NoArgs, RunE: r.listRoutes})
	return cmd
}

func (r *remote) saveRoute(use, short, method string) *cobra.Command {
	var in routeView
	cmd := &cobra.Command{
		Use: use + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := routesPath
			if in.TenantID = args[0]; method == http.MethodPut {
				path, in.TenantID = path+"/"+url.PathEscape(args[0]), ""
			}
			return r.route(cmd, method, path, in)
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.UserPoolID, "user-pool", "", "id of the user pool")
	f.StringVar(&in.ClientID, "client", "", "id of the app client")
	f.StringVar(&in.ProviderName, "provider", "", "identity provider that users are sent to straight away")
	f.StringVar(&in.Domain, "domain", "", "host of the sign-in pages")
	f.StringVar(&in.ListedName, "listed-name", "", "name in the list that anybody may see and choose from")
	f.StringSliceVar(&in.Subdomains, "subdomain", nil, "subdomain that leads to the tenant, repeatable")
	f.StringSliceVar(&in.EmailDomains, "email-domain", nil, "mail domain that leads to the tenant, repeatable")
	f.StringSliceVar(&in.Codes, "code", nil, "code that leads to the tenant, repeatable")
	for _, name := range []string{"user-pool", "client"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is above
		}
	}
	return cmd
}

// route calls an operation that answers with one route and prints it.
func (r *remote) route(cmd *cobra.Command, method, path string, in any) error {
	cfg, err := r.config(cmd.Context())
	if err != nil {
		return err
	}
	var out struct{ TenantRoute routeView }
	if err := client.Do(cmd.Context(), cfg, method, path, in, &out); err != nil {
		return err
	}
	return r.print(cmd.OutOrStdout(), out.TenantRoute, func(w io.Writer) error { return showRoutes(w, []routeView{out.TenantRoute}) })
}

func (r *remote) listRoutes(cmd *cobra.Command, _ []string) error {
	cfg, err := r.config(cmd.Context())
	if err != nil {
		return err
	}
	all, token := []routeView{}, ""
	for {
		path := routesPath
		if token != "" {
			path += "?nextToken=" + url.QueryEscape(token)
		}
		var page struct {
			TenantRoutes []routeView
			NextToken    string
		}
		if err := client.Do(cmd.Context(), cfg, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		if all, token = append(all, page.TenantRoutes...), page.NextToken; token == "" {
			return r.print(cmd.OutOrStdout(), all, func(w io.Writer) error { return showRoutes(w, all) })
		}
	}
}

func showRoutes(w io.Writer, routes []routeView) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TENANT\tPOOL\tCLIENT\tSUBDOMAINS\tEMAIL DOMAINS\tCODES\tLISTED AS") //nolint:errcheck // Flush says it
	for _, v := range routes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.TenantID, v.UserPoolID, v.ClientID, strings.Join(v.Subdomains, ","), //nolint:errcheck // Flush says it
			strings.Join(v.EmailDomains, ","), strings.Join(v.Codes, ","), v.ListedName)
	}
	return t.Flush()
}

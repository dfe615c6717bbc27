package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/client"
)

// messageView is a message of a user pool as the API shows it.
type messageView struct {
	Time                 float64
	UserPoolID           string `json:"UserPoolId"`
	Medium, To, Username string
	Subject              string `json:",omitempty"`
	Body                 string
}

func newMail() *cobra.Command {
	r := &remote{}
	var to string
	var link bool
	cmd := &cobra.Command{
		Use: "mail", Short: "Read the codes and invitations that user pools sent, on a server that keeps them", Args: cobra.NoArgs,
		Example: "  bulkhead mail --to ana@example.com\n  bulkhead mail --url",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
			}
			if link {
				return r.mailLink(cmd, cfg)
			}
			path := "/-/api/v1/messages"
			if to != "" {
				path += "?to=" + url.QueryEscape(to)
			}
			var out struct{ Messages []messageView }
			if err := client.Do(cmd.Context(), cfg, http.MethodGet, path, nil, &out); err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), out.Messages, func(w io.Writer) error {
				for _, m := range out.Messages {
					at := time.UnixMilli(int64(m.Time * 1000)).UTC().Format(time.DateTime)
					if _, err := fmt.Fprintf(w, "%s  %s  %s  %s\n  %s\n", at, m.UserPoolID, m.To, m.Subject, m.Body); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&link, "url", false, "print a link to the page of the mailbox: it opens once, within a minute")
	cmd.Flags().StringVar(&to, "to", "", "only messages to this address")
	return cmd
}

// mailLink asks for a link to the mailbox's page and prints it.
func (r *remote) mailLink(cmd *cobra.Command, cfg aws.Config) error {
	var out struct{ Path string }
	if err := client.Do(cmd.Context(), cfg, http.MethodPost, "/-/api/v1/mailbox/links", map[string]any{}, &out); err != nil {
		return err
	}
	link := map[string]string{"Url": strings.TrimSuffix(r.endpoint, "/") + out.Path}
	return r.print(cmd.OutOrStdout(), link, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, link["Url"])
		return err
	})
}

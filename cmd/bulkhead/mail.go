package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

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
	cmd := &cobra.Command{
		Use: "mail", Short: "Read the codes and invitations that user pools sent, on a server that keeps them", Args: cobra.NoArgs,
		Example: "  bulkhead mail --to ana@example.com",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
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
	cmd.Flags().StringVar(&to, "to", "", "only messages to this address")
	return cmd
}

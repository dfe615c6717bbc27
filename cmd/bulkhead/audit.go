package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/client"
)

// auditPath is the resource of the audit log in Bulkhead's own API.
const auditPath = "/-/api/v1/audit/"

// tailEvery is how often a tail asks for new events; tailOverlap how far back it asks each time, since events of several
// nodes may come in late.
const (
	tailEvery   = 500 * time.Millisecond
	tailOverlap = 2 * time.Second
	// tailPage is how many events are asked for at once.
	tailPage = 1000
)

// errTampered ends verify with exit status 1.
var errTampered = errors.New("the audit log is not what was written")

func newAudit() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use: "audit", Short: "Follow and verify the audit log", Args: cobra.NoArgs, RunE: showHelp,
		Example: "  bulkhead audit tail --tenant acme\n  bulkhead audit anchors > anchors.txt\n" +
			"  bulkhead audit verify --anchors anchors.txt\n  bulkhead audit verify --offline --data ./data",
	}
	r.flags(cmd)
	cmd.AddCommand(newAuditTail(r), newAuditVerify(r), newAuditAnchors(r))
	return cmd
}

// eventView is an audit event as the API shows it: what the line for people needs, and all of it as text.
type eventView struct {
	ID                             string `json:"Id"`
	Time                           float64
	Name, Source, Tenant, Username string
	Event                          string
}

func (e *eventView) at() time.Time { return time.UnixMilli(int64(e.Time * 1000)) }

func newAuditTail(r *remote) *cobra.Command {
	var tenant string
	var since time.Duration
	var once bool
	cmd := &cobra.Command{
		Use: "tail", Short: "Show events as they come, of one tenant or all; with --json, each whole", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
			}
			t := &tail{remote: r, cfg: cfg, tenant: tenant, seen: map[string]time.Time{}, w: cmd.OutOrStdout()}
			return t.run(cmd.Context(), time.Now().Add(-since), once)
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "only events of requests made for this tenant")
	cmd.Flags().DurationVar(&since, "since", 0, "begin this long ago")
	cmd.Flags().BoolVar(&once, "once", false, "end when all events so far are shown")
	return cmd
}

// tail shows each event once.
type tail struct {
	*remote
	cfg    aws.Config
	tenant string
	seen   map[string]time.Time
	w      io.Writer
}

func (t *tail) run(ctx context.Context, from time.Time, once bool) error {
	began := time.Now()
	for {
		events, err := t.page(ctx, from)
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // interrupted, which is how following ends
			}
			return err
		}
		// Each look at the log is an event of its own, so that "so far" must end where this began.
		fresh := 0
		for i := range events {
			e := &events[i]
			if _, again := t.seen[e.ID]; again {
				continue
			}
			if once && e.at().After(began) {
				continue
			}
			fresh++
			t.seen[e.ID] = e.at()
			if err := t.show(e); err != nil {
				return err
			}
			if late := e.at().Add(-tailOverlap); late.After(from) {
				from = late
			}
		}
		t.forget(from)
		if fresh > 0 {
			continue
		}
		if n := len(events); n == tailPage && (!once || !events[n-1].at().After(began)) {
			// More events than fit on a page within the overlap: go on after them.
			from = from.Add(time.Millisecond)
			if last := events[n-1].at(); last.After(from) {
				from = last
			}
			continue
		}
		if once {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tailEvery):
		}
	}
}

// forget drops what will not be asked for again.
func (t *tail) forget(before time.Time) {
	for id, at := range t.seen {
		if at.Before(before.Add(-time.Second)) {
			delete(t.seen, id)
		}
	}
}

func (t *tail) page(ctx context.Context, from time.Time) ([]eventView, error) {
	q := url.Values{"start": {from.UTC().Format(time.RFC3339Nano)}, "maxResults": {strconv.Itoa(tailPage)}}
	if t.tenant != "" {
		q.Set("tenant", t.tenant)
	}
	var out struct{ Events []eventView }
	err := client.Do(ctx, t.cfg, http.MethodGet, auditPath+"events?"+q.Encode(), nil, &out)
	return out.Events, err
}

func (t *tail) show(e *eventView) error {
	if t.json {
		_, err := fmt.Fprintln(t.w, e.Event)
		return err
	}
	var more struct {
		ErrorCode           string
		AdditionalEventData struct{ Decision, Policy, Statement, Guard string }
	}
	if err := json.Unmarshal([]byte(e.Event), &more); err != nil {
		return err
	}
	d := more.AdditionalEventData
	_, err := fmt.Fprintf(t.w, "%s  %-12s %-28s %-24s %-13s %s %s %s %s\n", e.at().UTC().Format("15:04:05.000"), or(e.Tenant, "-"),
		or(e.Username, "-"), e.Name, d.Decision, d.Policy, d.Statement, d.Guard, more.ErrorCode)
	return err
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// verdict is what verify found, as the API shows it.
type verdict struct {
	Ok                                   bool // the API's name
	Chains, Records, Gaps, Open, Pending uint64
	Problems                             []string
}

func newAuditVerify(r *remote) *cobra.Command {
	c := app.DefaultConfig()
	var offline bool
	var anchors string
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that no event was removed, added or changed; the exit status is 1 if one was", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kept, err := readAnchors(anchors)
			if err != nil {
				return usageError{err}
			}
			var v *verdict
			if offline {
				c.Data = r.data
				v, err = verifyOffline(cmd, c, kept)
			} else {
				v, err = r.verify(cmd.Context(), kept)
			}
			if err != nil {
				return err
			}
			if err := r.print(cmd.OutOrStdout(), v, v.show); err != nil {
				return err
			}
			if !v.Ok {
				return errTampered
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "read the store itself instead of asking a running server")
	cmd.Flags().StringVar(&c.Store, "store", c.Store, "with --offline: pebble (in --data) or postgres://…")
	cmd.Flags().StringVar(&anchors, "anchors", "", "file of anchors kept from earlier, one a line, which the log must still contain")
	return cmd
}

func (r *remote) verify(ctx context.Context, anchors []string) (*verdict, error) {
	cfg, err := r.config(ctx)
	if err != nil {
		return nil, err
	}
	v := &verdict{}
	return v, client.Do(ctx, cfg, http.MethodPost, auditPath+"verify", map[string]any{"Anchors": anchors}, v)
}

func verifyOffline(cmd *cobra.Command, c app.Config, anchors []string) (v *verdict, err error) {
	secretsFromEnv(&c)
	if c.Logger, err = app.NewLogger(os.Stderr, "error", "text"); err != nil {
		return nil, err
	}
	report, err := app.VerifyAudit(cmd.Context(), c, anchors, func(records uint64) {
		fmt.Fprintf(os.Stderr, "\r%d records", records) // progress only
	})
	if err != nil {
		return nil, err
	}
	v = &verdict{Ok: report.OK(), Chains: report.Chains, Records: report.Records, Gaps: report.Gaps, Open: report.Open, Pending: report.Pending}
	for _, p := range report.Problems {
		v.Problems = append(v.Problems, p.String())
	}
	return v, nil
}

func (v *verdict) show(w io.Writer) error {
	for _, p := range v.Problems {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	word := "whole"
	if !v.Ok {
		word = "NOT WHOLE"
	}
	_, err := fmt.Fprintf(w, "%s: %d events in %d chains, %d marked gaps, %d chains open, %d intents pending\n",
		word, v.Records, v.Chains, v.Gaps, v.Open, v.Pending)
	return err
}

func newAuditAnchors(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "anchors", Short: "Print where the log ends now, to be kept elsewhere and given to verify later", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := r.config(cmd.Context())
			if err != nil {
				return err
			}
			var out struct{ Anchors []string }
			if err := client.Do(cmd.Context(), cfg, http.MethodGet, auditPath+"anchors", nil, &out); err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), out.Anchors, func(w io.Writer) error {
				for _, a := range out.Anchors {
					if _, err := fmt.Fprintln(w, a); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/client"
)

// checkpointsPath is the resource of checkpoints in Bulkhead's own API.
const checkpointsPath = "/-/api/v1/store/checkpoints"

func newStore() *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{
		Use: "store", Short: "Copy the embedded store to PostgreSQL while the server runs", Args: cobra.NoArgs, RunE: showHelp,
		Example: "  bulkhead store copy --to postgres://bulkhead@db.internal/bulkhead",
	}
	r.flags(cmd)
	cmd.AddCommand(newStoreCopy(r))
	return cmd
}

func newStoreCopy(r *remote) *cobra.Command {
	var to string
	var offline, wait bool
	cmd := &cobra.Command{
		Use:   "copy",
		Short: "Copy the embedded store to a PostgreSQL-compatible server; goes on where an earlier try stopped",
		Long: "Copies the embedded store of --data to an empty PostgreSQL database, run on the server's machine.\n\n" +
			"While the server runs, it copies a checkpoint of the store and then what changes, until little is left. Then the\n" +
			"server has to stop, for as long as the last changes take and the comparison of all pairs. After that the embedded\n" +
			"store is retired; start the server with --store and the URL. The root key stays the same: keep --data.\n\n" +
			"A URL with a password is better given by BULKHEAD_COPY_TO than on the command line, which others can see.",
		Example: "  bulkhead store copy --to postgres://bulkhead@db.internal/bulkhead\n" +
			"  bulkhead store copy --offline --data /var/lib/bulkhead --to postgres://bulkhead@db.internal/bulkhead",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return usageError{errors.New("no target: set --to, or BULKHEAD_COPY_TO")}
			}
			return r.copyStore(cmd, to, offline, wait)
		},
	}
	cmd.Flags().StringVar(&to, "to", env("BULKHEAD_COPY_TO", ""), "postgres:// URL of an empty database (BULKHEAD_COPY_TO)")
	cmd.Flags().BoolVar(&offline, "offline", false, "no server is running")
	cmd.Flags().BoolVar(&wait, "wait", true, "wait for the server to stop; without it, end there, to be run again")
	return cmd
}

func (r *remote) copyStore(cmd *cobra.Command, to string, offline, wait bool) error {
	c := app.DefaultConfig()
	c.Data = r.data
	bar := &progressBar{w: cmd.ErrOrStderr()}
	s := app.StoreCopy{Config: c, To: to, Progress: bar.show}
	if !offline {
		cfg, err := r.config(cmd.Context())
		if err != nil {
			return err
		}
		s.Checkpoint = func(ctx context.Context) (string, error) {
			var out struct{ Checkpoint string }
			err := client.Do(ctx, cfg, http.MethodPost, checkpointsPath, nil, &out)
			return out.Checkpoint, err
		}
		s.Stop = func(ctx context.Context) error { return awaitStop(ctx, bar, r.data, wait) }
	}
	pairs, err := s.Run(cmd.Context())
	bar.end()
	if err != nil {
		return err
	}
	return r.print(cmd.OutOrStdout(), map[string]any{"Pairs": pairs, "Verified": true}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d pairs copied and verified.\nStart the server with --store and the URL of the copy; keep --data %s, which holds the root key.\n",
			pairs, r.data)
		return err
	})
}

// errServerRuns ends a copy that shall not wait.
var errServerRuns = errors.New("all but the latest changes are copied: stop the server and run the same command again")

// stopPoll is how often the lock of the data directory is tried.
const stopPoll = 200 * time.Millisecond

// awaitStop returns when no server uses the data directory.
func awaitStop(ctx context.Context, bar *progressBar, data string, wait bool) error {
	for told := false; app.InUse(data); told = true {
		if !wait {
			return errServerRuns
		}
		if !told {
			bar.end()
			_, _ = fmt.Fprintln(bar.w, "All but the latest changes are copied. Stop the server now; the rest follows.")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(stopPoll):
		}
	}
	return nil
}

// progressBar shows one step at a time: as a bar in a terminal, else a line now and then.
type progressBar struct {
	w    io.Writer
	step string
	last time.Time
	open bool
}

const barWidth = 30

func (b *progressBar) show(step string, done, total int64) {
	tty := false
	if f, ok := b.w.(*os.File); ok {
		info, err := f.Stat()
		tty = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	every := 10 * time.Second
	if tty {
		every = 100 * time.Millisecond
	}
	if step == b.step && time.Since(b.last) < every && (total == 0 || done < total) {
		return
	}
	b.step, b.last = step, time.Now()
	text := fmt.Sprintf("%-12s %d pairs", step, done)
	if total > 0 {
		n := int(min(done, total) * barWidth / total)
		text = fmt.Sprintf("%-12s [%s%s] %3d %% of %d pairs", step, strings.Repeat("#", n), strings.Repeat(".", barWidth-n), min(done, total)*100/total, total)
	}
	if tty {
		_, _ = fmt.Fprintf(b.w, "\r\033[K%s", text) // progress only
		b.open = true
		return
	}
	_, _ = fmt.Fprintln(b.w, text)
}

// end leaves the line of a bar.
func (b *progressBar) end() {
	if b.open {
		_, _ = fmt.Fprintln(b.w)
		b.open = false
	}
}

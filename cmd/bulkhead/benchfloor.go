package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/bench"
)

func newBenchFloor() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use: "floor", Short: "Run the bare HTTP server that bench tables --floor measures", Args: cobra.NoArgs,
		Long: "Serve HTTP with Go's net/http and do nothing: read each request and give the answer that bench tables has had from the first\n" +
			"endpoint. It is what any server costs at least that speaks HTTP this way. Run it as a process of its own, so that its CPU\n" +
			"time can be told from the client's.",
		Example: "  bulkhead bench floor --listen 127.0.0.1:4704 &\n" +
			"  bulkhead bench tables --endpoint http://127.0.0.1:4600 --floor http://127.0.0.1:4704 --pid floor=$!",
		RunE: func(cmd *cobra.Command, _ []string) error { return serveFloor(cmd, listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:4704", "address")
	return cmd
}

// serveFloor prints its URL and serves.
func serveFloor(cmd *cobra.Command, listen string) error {
	l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", listen)
	if err != nil {
		return usageError{err}
	}
	release := app.ReserveHeap() // the collector's settings are those of serve
	defer release()
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), "http://"+l.Addr().String()); err != nil {
		return errors.Join(err, l.Close())
	}
	return bench.ServeFloor(cmd.Context(), l)
}

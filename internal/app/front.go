package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/bulkhead/bulkhead/internal/peer"
)

// validateNetwork checks what says who connects and where operators do.
func (c *Config) validateNetwork() error {
	if _, err := peer.Parse(c.TrustedProxies); err != nil {
		return fmt.Errorf("--trusted-proxies: %w", err)
	}
	if c.OpsListen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.OpsListen); err != nil {
		return fmt.Errorf("--ops-listen %q is not host:port", c.OpsListen)
	}
	return nil
}

// localOnly answers requests from this machine: metrics tell of the business of every tenant.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !peer.Local(r) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// opsHandler is what operators' machines ask: health and metrics.
func (a *App) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /-/readyz", a.ready)
	mux.Handle("GET /-/metrics", a.metrics.handler())
	return mux
}

// serveOps serves the operators' address, if there is one, until the returned function is called.
func (a *App) serveOps(ctx context.Context) (stop func() error, err error) {
	if a.config.OpsListen == "" {
		return func() error { return nil }, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.config.OpsListen)
	if err != nil {
		return nil, fmt.Errorf("listen on --ops-listen %s: %w", a.config.OpsListen, err)
	}
	srv := a.server(a.opsHandler())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	a.log.Info("serving operators", "address", l.Addr().String())
	return func() error {
		err := srv.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

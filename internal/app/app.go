package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/authn/sigv4"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/peer"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/tenant"
	"github.com/bulkhead/bulkhead/service/bulkhead"
	"github.com/bulkhead/bulkhead/service/bulkhead/mailpage"
	"github.com/bulkhead/bulkhead/service/cognitoidentity"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/login"
)

// App is a running server without its listener.
type App struct {
	config  Config
	log     *slog.Logger
	backend kv.DB
	db      *store.DB
	keys    *keyring.Keyring
	ids     *tenant.Language
	catalog *identity.Catalog
	sealer  *session.Sealer
	audit   *audit.Log
	// pools and identities are the issuers of this server.
	pools      *cognitoidp.Service
	identities *cognitoidentity.Service
	metrics    *metrics
	mux        *http.ServeMux
	proxies    peer.Proxies
	api        http.Handler
	login      *login.Handler
	draining   atomic.Bool
	// closers end what was opened, last first.
	closers []func(context.Context) error
}

// Open puts a server together from a valid configuration. Close it when done.
func Open(ctx context.Context, c Config) (*App, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &App{config: c, log: c.Logger, metrics: newMetrics()}
	for _, step := range []func(context.Context) error{a.openKeys, a.openStore, a.openIdentity, a.openAudit, a.openAPI} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, a.Close(context.WithoutCancel(ctx)))
		}
	}
	return a, nil
}

// closeTimeout bounds Close: with a store that does not answer, the audit log cannot be ended in order.
const closeTimeout = 15 * time.Second

// Close ends everything in the reverse order of its making: the audit log is written before the store closes.
func (a *App) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i](ctx))
	}
	a.closers = nil
	return errors.Join(errs...)
}

func (a *App) onClose(f func(context.Context) error) { a.closers = append(a.closers, f) }

func (a *App) openKeys(ctx context.Context) error {
	if err := os.MkdirAll(a.config.Data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := a.lockData(); err != nil {
		return err
	}
	return a.loadKeys(ctx, true)
}

// readKeys opens the root key of data that exists.
func (a *App) readKeys(ctx context.Context) error {
	if a.config.Store == "pebble" {
		if err := a.lockData(); err != nil {
			return err
		}
	}
	return a.loadKeys(ctx, false)
}

func (a *App) loadKeys(ctx context.Context, create bool) error {
	o := keyring.Options{File: filepath.Join(a.config.Data, "root.key"), Create: create}
	if a.config.RootKey != "" {
		o = keyring.Options{Env: a.config.RootKey}
	}
	var err error
	a.keys, err = keyring.Open(ctx, o)
	return err
}

func (a *App) openStore(ctx context.Context) error {
	backend, err := OpenStore(ctx, &a.config, a.log)
	if err != nil {
		return err
	}
	if a.config.backend != nil {
		backend = a.config.backend(backend)
	}
	a.backend = backend
	a.onClose(func(context.Context) error { return backend.Close() })
	if err := refuseCopies(ctx, backend); err != nil {
		return err
	}
	a.db = store.New(backend)
	a.onClose(func(context.Context) error { a.db.Close(); return nil })
	if err := store.CheckKey(ctx, backend, a.keys); err != nil {
		return fmt.Errorf("the store in use was written under another root key than the one in %s or BULKHEAD_ROOT_KEY: %w",
			a.config.Data, err)
	}
	return nil
}

func (a *App) openIdentity(ctx context.Context) error {
	var err error
	if a.ids, err = tenant.NewLanguage(a.config.TenantPattern); err != nil {
		return err
	}
	a.catalog, err = identity.New(identity.Config{
		DB: a.db, Keyring: a.keys, TenantTags: a.config.TenantTags, Tenants: a.ids, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.onClose(func(context.Context) error { a.catalog.Close(); return nil })
	if err := a.openAccount(ctx); err != nil {
		return err
	}
	a.catalog.Start()
	return a.openSessions()
}

func (a *App) openSessions() error {
	ring := session.Options{TenantOf: a.catalog.Tenants().Of}
	for i, id := range a.keys.IDs() {
		k, err := a.keys.KeyOf(id, keyring.SessionToken, keyring.Scope{})
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(id, 16, 32)
		if err != nil {
			return fmt.Errorf("root key id: %w", err)
		}
		key := session.Key{ID: uint32(n), Secret: [32]byte(k.Bytes())}
		if i == 0 {
			ring.Current = key
		} else {
			ring.Old = append(ring.Old, key)
		}
	}
	var err error
	a.sealer, err = session.NewSealer(ring)
	return err
}

func (a *App) openAudit(ctx context.Context) error {
	log, err := audit.Open(ctx, a.backend, audit.Options{
		Keys: a.keys, NodeID: a.config.NodeID, Strict: a.config.Audit == "strict", Logger: a.log, Prefix: []byte{store.SpaceAudit},
	})
	if err != nil {
		return err
	}
	a.audit = log
	a.onClose(log.Close)
	return nil
}

// lookup finds the secret and the principal behind an access key.
func (a *App) lookup(ctx context.Context, accessKeyID, token string) ([]byte, *authn.Principal, error) {
	if session.IsTemporary(accessKeyID) {
		p, secret, err := a.sealer.Open(token, accessKeyID, time.Now())
		return secret, p, err
	}
	if token != "" {
		return nil, nil, errUnknownKey()
	}
	cred, err := a.catalog.Credentials(ctx, accessKeyID)
	if err != nil {
		return nil, nil, err
	}
	if cred == nil {
		return nil, nil, errUnknownKey()
	}
	return cred.Secret, cred.Principal, nil
}

func errUnknownKey() error {
	return fault.New(fault.UnknownAccessKey, "The security token included in the request is invalid.")
}

func (a *App) openAPI(ctx context.Context) error {
	services, err := a.services(ctx)
	if err != nil {
		return err
	}
	tracer, stop, err := newTracer(ctx, a.config.OTLPEndpoint, a.config.NodeID)
	if err != nil {
		return err
	}
	if stop != nil {
		a.onClose(stop)
	}
	org, err := a.catalog.Organization(ctx)
	if err != nil {
		return err
	}
	api, err := pipeline.New(pipeline.Config{
		Services: services, Verifier: sigv4.NewVerifier(sigv4.Options{Lookup: a.lookup, Region: regionPattern.MatchString}),
		Engine: authz.NewEngine(a.catalog, org.ID), Audit: a.audit, Account: a.config.Account, Region: a.config.Region,
		Sealer: authz.NewMessages(a.keys), Log: a.log, Observe: a.metrics.observe, Used: a.catalog.Used, Tracer: tracer, Now: a.config.now,
	})
	if err != nil {
		return err
	}
	a.api = api
	if a.proxies, err = peer.Parse(a.config.TrustedProxies); err != nil {
		return err
	}
	a.login = login.New(login.Config{
		Server: api, Pools: a.pools, Suffix: a.config.LoginSuffix, Secure: strings.HasPrefix(a.config.IssuerURL, "https://"),
		TenantDomain: a.config.TenantDomain,
	})
	a.mux = http.NewServeMux()
	a.mux.Handle("/", api)
	a.mux.HandleFunc("GET /-/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	a.mux.HandleFunc("GET /-/readyz", a.ready)
	if a.config.OpsListen == "" {
		a.mux.Handle("GET /-/metrics", localOnly(a.metrics.handler()))
	}
	mail, err := mailpage.New(api, a.log)
	if err != nil {
		return err
	}
	a.mux.Handle("GET "+bulkhead.MailPath, mail)
	a.mux.Handle("GET "+bulkhead.MailPath+"/", mail)
	a.mux.Handle("GET /{pool}/.well-known/", a.pools.Handler())
	return nil
}

// Handler is the server's handler.
func (a *App) Handler() http.Handler {
	return a.proxies.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pages := a.login.Match(r); pages != nil {
			pages.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodPost || r.Method == http.MethodOptions { // nothing but the APIs takes them, and their paths are not to be cleaned
			a.api.ServeHTTP(w, r)
			return
		}
		a.mux.ServeHTTP(w, r)
	}))
}

// ready answers whether requests can be served: the store answers and the server is not draining.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	if a.draining.Load() {
		answer(w, http.StatusServiceUnavailable, "draining")
		return
	}
	err := a.backend.View(r.Context(), func(r kv.Reader) error {
		_, _, err := r.Get([]byte{0})
		return err
	})
	if err != nil {
		a.log.Error("not ready", "error", err)
		answer(w, http.StatusServiceUnavailable, "the store does not answer")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text) //nolint:errcheck // the client is gone if this fails
}

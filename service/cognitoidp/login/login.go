// Package login serves the OAuth 2 and OpenID Connect endpoints of user pools and the pages of managed login ("User pool
// endpoints and managed login reference", Amazon Cognito Developer Guide).
//
// It holds no data and decides nothing: each request runs operations of package api/login through the pipeline, which
// authorizes and audits them. What is its own is HTTP: parameters, cookies, headers and pages.
//
// A pool's endpoints are at its domains, and under /<pool id>/ at the server's own address for clients that cannot resolve
// subdomains.
package login

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
)

// Config is what a Handler needs.
type Config struct {
	// Server runs the operations.
	Server *pipeline.Server
	// Pools finds the pool of a request.
	Pools *cognitoidp.Service
	// Suffix is that of the server's own domains: "<prefix>.auth.<region>.<suffix>".
	Suffix string
	// Secure is true when browsers come by HTTPS although the server does not end it itself.
	Secure bool
	// TenantDomain is the host, in lower case, at which users find their tenant's sign-in, and below which each subdomain is a
	// tenant's. "" has the pages at RoutingPath alone.
	TenantDomain string
}

// Handler serves the endpoints of all pools.
type Handler struct {
	Config
	cross *http.CrossOriginProtection
}

// New returns a Handler.
func New(c Config) *Handler { return &Handler{Config: c, cross: http.NewCrossOriginProtection()} }

// request is a request to one pool's endpoints.
type request struct {
	*Handler
	w    http.ResponseWriter
	r    *http.Request
	pool tokens.Site
	call *pipeline.Call
	// base is where the pool's endpoints are: "" at its domain, else "/<pool id>".
	base string
	path string // below base
	// pages are what is served there.
	pages map[string]endpoint
	// subdomain is the tenant's, at a host that names one.
	subdomain string
	// held is the browser's secret, where the request goes on under another pool's name than it came.
	held string
}

var poolForm = regexp.MustCompile(`^[a-z]{2}(?:-[a-z]+)+-[0-9]_[A-Za-z0-9]{1,64}$`)

// Match returns what serves the request, or nil if it is for none of the endpoints here.
func (h *Handler) Match(r *http.Request) http.Handler {
	if r.Header.Get("X-Amz-Target") != "" || strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-") {
		return nil
	}
	if first, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); ok && poolForm.MatchString(first) {
		if strings.HasPrefix(rest, ".well-known/") {
			return nil
		}
		return h.at(func(ctx context.Context) (tokens.Site, bool, error) { return h.byPath(ctx, r.Host, first) }, "/"+first, "/"+rest)
	}
	if f := h.finder(r); f != nil {
		return f
	}
	name, region, ok := h.domain(r.Host)
	if !ok || region == "" && !served(r.URL.Path) {
		return nil
	}
	find := func(ctx context.Context) (tokens.Site, bool, error) { return h.byDomain(ctx, name, region) }
	if region == "" { // the server may have names that are no pool's
		if _, found, err := find(r.Context()); err == nil && !found {
			return nil
		}
	}
	return h.at(find, "", r.URL.Path)
}

// byDomain finds the pool at one of the server's own domains in a region, or at a custom domain.
func (h *Handler) byDomain(ctx context.Context, name, region string) (tokens.Site, bool, error) {
	p, found, err := h.Pools.SiteByDomain(ctx, name)
	return p, found && (region == "" || p.Region == region), err
}

// byPath finds a pool by its id in the path. At a pool's domain there is no other pool: its pages would have the domain's
// name, and what browsers keep for it, passwords and passkeys, would be offered to whoever owns the other pool.
func (h *Handler) byPath(ctx context.Context, host, id string) (tokens.Site, bool, error) {
	if taken, err := h.atPool(ctx, host); err != nil || taken {
		return tokens.Site{}, false, err
	}
	return h.Pools.SiteByPool(ctx, id)
}

// atPool reports whether a host is a pool's domain, or one that could be.
func (h *Handler) atPool(ctx context.Context, host string) (bool, error) {
	name, region, ok := h.domain(host)
	if !ok || region != "" {
		return ok, nil
	}
	_, taken, err := h.byDomain(ctx, name, region)
	return taken, err
}

// served reports whether a pool has an endpoint at the path.
func served(path string) bool {
	_, ok := endpoints[path]
	return ok || strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/asset/")
}

// domain reads the Host header: the prefix and region of one of the server's own domains, or a custom one with region "".
// ok is false for the server's other names and for addresses.
func (h *Handler) domain(host string) (name, region string, ok bool) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if rest, own := strings.CutSuffix(host, "."+h.Suffix); own {
		prefix, region, ok := strings.Cut(rest, ".auth.")
		return prefix, region, ok && prefix != "" && !strings.Contains(prefix, ".")
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || !strings.Contains(host, ".") {
		return "", "", false
	}
	return host, "", true
}

// at serves a request at a place, once the pool there is found.
func (h *Handler) at(find func(context.Context) (tokens.Site, bool, error), base, path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{Handler: h, w: w, r: r, base: base, path: path, pages: endpoints}
		q.protect()
		pool, found, err := find(r.Context())
		switch {
		case err != nil:
			q.plainError(http.StatusServiceUnavailable)
		case !found:
			q.plainError(http.StatusNotFound)
		default:
			q.pool, q.call = pool, h.Server.Anonymous(r)
			q.r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			q.route()
		}
	})
}

// maxBody bounds what a form may hold, in bytes.
const maxBody = 256 << 10

// endpoint is what serves one path.
type endpoint struct {
	get, post func(*request)
	// open endpoints are for clients rather than browsers: scripts of every origin may call them.
	open bool
}

// pathAddPasskey is where users who are signed in save another passkey ("Passkeys", Amazon Cognito Developer Guide).
const pathAddPasskey = "/passkeys/add"

// endpoints are all paths of a pool.
var endpoints = map[string]endpoint{}

func init() { //nolint:gochecknoinits // the table and its functions refer to each other
	endpoints = map[string]endpoint{
		"/oauth2/authorize":      {get: (*request).authorize},
		"/oauth2/token":          {post: (*request).token, open: true},
		"/oauth2/userInfo":       {get: (*request).userInfo, post: (*request).userInfo, open: true},
		"/oauth2/revoke":         {post: (*request).revoke, open: true},
		"/logout":                {get: (*request).logout},
		"/oauth2/idpresponse":    {get: (*request).idpResponse, post: (*request).idpResponse},
		"/saml2/idpresponse":     {post: (*request).samlResponse},
		"/saml2/logout":          {get: (*request).samlLogout, post: (*request).samlLogout},
		pathAddPasskey:           {get: (*request).authorize},
		"/login":                 {get: (*request).showLogin, post: (*request).signIn},
		"/signup":                {get: (*request).showSignUp, post: (*request).signUp},
		"/confirmUser":           {get: (*request).showConfirm, post: (*request).confirm},
		"/resendcode":            {post: (*request).resend},
		"/forgotPassword":        {get: (*request).showForgot, post: (*request).forgot},
		"/confirmForgotPassword": {get: (*request).showReset, post: (*request).reset},
	}
}

func (q *request) route() {
	if name, ok := strings.CutPrefix(q.path, "/static/"); ok {
		q.static(name)
		return
	}
	if name, ok := strings.CutPrefix(q.path, "/asset/"); ok {
		q.asset(name)
		return
	}
	e, ok := q.pages[q.path]
	if !ok {
		q.plainError(http.StatusNotFound)
		return
	}
	if e.open && q.preflight() {
		return
	}
	serve := e.get
	switch q.r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		serve = e.post
	default:
		serve = nil
	}
	if serve == nil {
		q.plainError(http.StatusMethodNotAllowed)
		return
	}
	serve(q)
}

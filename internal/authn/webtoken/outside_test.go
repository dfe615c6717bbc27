package webtoken

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/outside"
)

// idp is an outside issuer whose answers a test sets.
type idp struct {
	*httptest.Server
	mu    sync.Mutex
	doc   func() string
	jwks  http.HandlerFunc
	hits  atomic.Int64
	clock atomic.Int64
	v     *Verifier
}

func (p *idp) now() time.Time { return time.Unix(p.clock.Load(), 0) }

func newIDP(t *testing.T, edit func(*Options)) *idp {
	t.Helper()
	p := &idp{}
	p.clock.Store(now.Unix())
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.hits.Add(1)
		p.mu.Lock()
		doc, jwks := p.doc, p.jwks
		p.mu.Unlock()
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprint(w, doc()) //nolint:errcheck // the client notices
		case "/jwks":
			jwks(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(p.Close)
	p.doc = func() string { return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, p.URL, p.URL+"/jwks") }
	p.serve(jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "k1", Algorithm: "RS256", Use: "sig"})
	o := Options{AllowPrivate: true, Now: p.now, TLS: p.Client().Transport.(*http.Transport).TLSClientConfig}
	if edit != nil {
		edit(&o)
	}
	p.v = New(o)
	return p
}

func (p *idp) set(doc func() string, jwks http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if doc != nil {
		p.doc = doc
	}
	if jwks != nil {
		p.jwks = jwks
	}
}

func (p *idp) serve(keys ...jose.JSONWebKey) {
	p.set(nil, func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: keys}); err != nil {
			panic(err)
		}
	})
}

func (p *idp) advance(d time.Duration) { p.clock.Add(int64(d / time.Second)) }

func (p *idp) token(t *testing.T, key any, kid string) string {
	t.Helper()
	head := map[string]any{}
	if kid != "" {
		head["kid"] = kid
	}
	at := p.now()
	return sign(t, jose.RS256, key, head, payload(t, map[string]any{"iss": p.URL, "iat": at.Unix(), "exp": at.Add(24 * time.Hour).Unix()}))
}

func (p *idp) verify(t *testing.T, token string) error {
	t.Helper()
	_, err := p.v.Verify(t.Context(), token, p.URL, []string{aud})
	return err
}

func TestOutside(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	token := p.token(t, rsaKey, "k1")
	for range 3 {
		if err := p.verify(t, token); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.verify(t, p.token(t, rsaKey, "")); err != nil { // without a kid, the only key
		t.Fatal(err)
	}
	if n := p.hits.Load(); n != 2 {
		t.Fatalf("%d requests", n)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	old := p.token(t, rsaKey, "k1")
	if err := p.verify(t, old); err != nil {
		t.Fatal(err)
	}
	p.serve(jose.JSONWebKey{Key: &rsaKey2.PublicKey, KeyID: "k2"})
	fresh := p.token(t, rsaKey2, "k2")
	if err := p.verify(t, fresh); !fault.Is(err, badID) { // within a minute of the last fetch: no other one
		t.Fatal(err)
	}
	for i := range 50 { // nor for any number of invented kids
		if err := p.verify(t, p.token(t, rsaKey, fmt.Sprint("x", i))); !fault.Is(err, badID) {
			t.Fatal(err)
		}
	}
	if n := p.hits.Load(); n != 2 {
		t.Fatalf("%d requests", n)
	}
	p.advance(refreshWait)
	if err := p.verify(t, fresh); err != nil {
		t.Fatal(err)
	}
	if err := p.verify(t, old); !fault.Is(err, badID) { // the key it was kept under is gone
		t.Fatal(err)
	}
}

func TestStaleWhileError(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	token := p.token(t, rsaKey, "k1")
	if err := p.verify(t, token); err != nil {
		t.Fatal(err)
	}
	p.set(nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	p.advance(keysTTL + keysStale - time.Second)
	if err := p.verify(t, token); err != nil {
		t.Fatal(err)
	}
	p.advance(time.Second)
	if err := p.verify(t, token); !fault.Is(err, comms) {
		t.Fatal(err)
	}
}

func TestBadIssuers(t *testing.T) {
	t.Parallel()
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) } //nolint:errcheck // the client notices
	}
	other := httptest.NewTLSServer(text(`{"keys":[]}`))
	t.Cleanup(other.Close)
	small := `{"kty":"RSA","kid":"k1","e":"AQAB","n":"` + b64(strings.Repeat("\xc1", 64)) + `"}`
	for name, c := range map[string]struct {
		doc  func(p *idp) string
		jwks http.HandlerFunc
	}{
		"other issuer":  {doc: func(p *idp) string { return fmt.Sprintf(`{"issuer":"%s/","jwks_uri":"%s/jwks"}`, p.URL, p.URL) }},
		"no issuer":     {doc: func(p *idp) string { return fmt.Sprintf(`{"jwks_uri":"%s/jwks"}`, p.URL) }},
		"not JSON":      {doc: func(*idp) string { return "<html>" }},
		"http keys":     {doc: func(p *idp) string { return fmt.Sprintf(`{"issuer":%q,"jwks_uri":"http://h/jwks"}`, p.URL) }},
		"file keys":     {doc: func(p *idp) string { return fmt.Sprintf(`{"issuer":%q,"jwks_uri":"file:///etc/passwd"}`, p.URL) }},
		"no keys":       {jwks: text(`{"keys":[]}`)},
		"garbage":       {jwks: text("\x00\x01")},
		"garbage keys":  {jwks: text(`{"keys":[1,null,{},{"kty":"RSA"},{"kty":"oct","k":"AAAA","kid":"k1"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`)},
		"weak key":      {jwks: text(`{"keys":[` + small + `]}`)},
		"too many keys": {jwks: text(`{"keys":[` + strings.Repeat("{},", 200) + `{}]}`)},
		"huge":          {jwks: text(`{"keys":[]` + strings.Repeat(" ", outside.MaxDocument) + `}`)},
		"not found":     {jwks: http.NotFound},
		"redirect": {jwks: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusFound)
		}},
		"redirect to itself": {jwks: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/jwks", http.StatusFound) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newIDP(t, nil)
			if c.doc != nil {
				p.set(func() string { return c.doc(p) }, nil)
			}
			p.set(nil, c.jwks)
			if err := p.verify(t, p.token(t, rsaKey, "k1")); !fault.Is(err, comms) {
				t.Fatal(err)
			}
			if n := p.hits.Load(); n > 2+outside.MaxRedirects {
				t.Fatalf("%d requests", n)
			}
		})
	}
}

func TestGarbageBesideAGoodKey(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	k, err := jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "k1"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	p.set(nil, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"new"},%s,{"kty":"oct","k":"AAAA","kid":"k1"}]}`, k) //nolint:errcheck // the client notices
	})
	if err := p.verify(t, p.token(t, rsaKey, "k1")); err != nil {
		t.Fatal(err)
	}
}

func TestSlowIssuer(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	release := make(chan struct{})
	p.set(nil, func(w http.ResponseWriter, _ *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	token := p.token(t, rsaKey, "k1")
	go func() {
		_, err := p.v.Verify(ctx, token, p.URL, []string{aud})
		done <- err
	}()
	cancel() // the caller leaves; the fetch has a time-out of its own
	if err := <-done; !fault.Is(err, comms) {
		t.Fatal(err)
	}
}

func TestPrivateAddressRefused(t *testing.T) {
	t.Parallel()
	p := newIDP(t, func(o *Options) { o.AllowPrivate = false })
	if err := p.verify(t, p.token(t, rsaKey, "k1")); !fault.Is(err, comms) || !strings.Contains(err.Error(), "not public") {
		t.Fatal(err)
	}
	if p.hits.Load() != 0 {
		t.Fatal("connected")
	}
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	p := newIDP(t, func(o *Options) { o.TLS = &tls.Config{} })
	p.Config.ErrorLog = nil
	if err := p.verify(t, p.token(t, rsaKey, "k1")); !fault.Is(err, comms) {
		t.Fatal(err)
	}
}

func TestExpiredTokenCausesNoFetch(t *testing.T) {
	t.Parallel()
	p := newIDP(t, nil)
	token := p.token(t, rsaKey, "k1")
	p.advance(25 * time.Hour)
	if err := p.verify(t, token); !fault.Is(err, exp) || p.hits.Load() != 0 {
		t.Fatal(err, p.hits.Load())
	}
}

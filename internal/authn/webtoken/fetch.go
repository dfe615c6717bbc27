package webtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Bounds of what an outside issuer may make us do.
const (
	maxDocument  = 256 << 10
	maxKeys      = 100 // "Creating OpenID Connect (OIDC) identity providers": at most 100 keys
	maxRedirects = 3
	fetchTimeout = 5 * time.Second
)

// refused are the address ranges that are no places on the public internet beyond what netip itself knows (IANA IPv4 and
// IPv6 Special-Purpose Address Registries), with those that embed an IPv4 address.
var refused = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("fec0::/10"),
}

// public reports whether a is an address on the public internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range refused {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// errAddress is a refused address; it says nothing of what is there.
var errAddress = errors.New("the address is not public")

// onlyPublic is called with the address that is about to be connected, after the name was resolved: what the name
// resolved to a moment earlier does not matter.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr()) {
		return errAddress
	}
	return nil
}

// client makes the HTTP client for outside issuers. It uses no proxy of the environment: a proxy would connect for us,
// past the check of the address.
func client(o *Options) *http.Client {
	d := &net.Dialer{Timeout: fetchTimeout}
	if !o.AllowPrivate {
		d.Control = onlyPublic
	}
	return &http.Client{
		Timeout: fetchTimeout,
		Transport: &http.Transport{
			DialContext:            d.DialContext,
			TLSClientConfig:        o.TLS,
			TLSHandshakeTimeout:    fetchTimeout,
			ResponseHeaderTimeout:  fetchTimeout,
			MaxResponseHeaderBytes: 32 << 10,
			MaxConnsPerHost:        4,
			MaxIdleConns:           16,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects || r.URL.Scheme != via[0].URL.Scheme || r.URL.Host != via[0].URL.Host {
				return errors.New("redirect to another place")
			}
			return nil
		},
	}
}

// checkURL accepts https URLs of a host, without user, query or fragment.
func (v *Verifier) checkURL(s string, query bool) error {
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("parse URL: %w", err)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !v.o.AllowHTTP) {
		return errors.New("the URL is not https")
	}
	if u.Host == "" || u.User != nil || u.Opaque != "" || strings.Contains(s, "#") || !query && strings.Contains(s, "?") {
		return errors.New("the URL has parts that are not allowed")
	}
	return nil
}

func (v *Verifier) get(ctx context.Context, u string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	resp, err := v.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch: status %d", resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	if len(b) > maxDocument {
		return nil, fmt.Errorf("fetch: the document is over %d bytes", maxDocument)
	}
	return b, nil
}

// fetchKeys gets the keys of an issuer by discovery (OpenID Connect Discovery 1.0 section 4).
func (v *Verifier) fetchKeys(ctx context.Context, issuer string) ([]jose.JSONWebKey, error) {
	if err := v.checkURL(issuer, false); err != nil {
		return nil, err
	}
	doc, err := v.get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	var conf struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(doc, &conf); err != nil {
		return nil, fmt.Errorf("discovery document: %w", err)
	}
	if conf.Issuer != issuer {
		return nil, errors.New("the discovery document is of another issuer")
	}
	if err := v.checkURL(conf.JWKS, true); err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	set, err := v.get(ctx, conf.JWKS)
	if err != nil {
		return nil, err
	}
	return parseKeySet(set)
}

// parseKeySet reads a JWK set and leaves out what is no public signature key that we know (RFC 7517 section 5).
func parseKeySet(b []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set: more than %d keys", maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" || !strong(k.Key) {
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no usable key")
	}
	return keys, nil
}

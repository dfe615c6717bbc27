// Package outside talks to places on the network that somebody else named: a tenant's identity provider, an issuer of
// tokens, a document by its URL. What such a place can make the server do is bounded: where it connects to (public
// addresses only, judged as it connects), how long it waits and how much it reads.
package outside

import (
	"context"
	"crypto/tls"
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
)

// Bounds of what an outside place may make us do.
const (
	// MaxDocument is the most that is read of an answer, in bytes.
	MaxDocument = 256 << 10
	// MaxRedirects is how many redirects are followed, all within the same scheme and host.
	MaxRedirects = 3
	// Timeout bounds each part of a request, and the whole of it.
	Timeout = 5 * time.Second
)

// Options configure a Client. The zero value allows the least.
type Options struct {
	// AllowPrivate permits connections to private, loopback and link-local addresses.
	AllowPrivate bool
	// AllowHTTP permits URLs without TLS.
	AllowHTTP bool
	// TLS is the client's configuration; nil is the system's.
	TLS *tls.Config
}

// Client makes requests to places that somebody else named. It is safe for concurrent use.
type Client struct {
	allowHTTP bool
	http      *http.Client
}

// Answer is what a place answered.
type Answer struct {
	// Status is the HTTP status, Type the Content-Type.
	Status int
	Type   string
	// Body is the whole body, of at most MaxDocument bytes.
	Body []byte
}

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

// Public reports whether a is an address on the public internet.
func Public(a netip.Addr) bool {
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
	if err != nil || !Public(ap.Addr()) {
		return errAddress
	}
	return nil
}

// New makes a client. It uses no proxy of the environment: a proxy would connect for us, past the check of the address.
func New(o Options) *Client {
	d := &net.Dialer{Timeout: Timeout}
	if !o.AllowPrivate {
		d.Control = onlyPublic
	}
	return &Client{allowHTTP: o.AllowHTTP, http: &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DialContext:            d.DialContext,
			TLSClientConfig:        o.TLS,
			TLSHandshakeTimeout:    Timeout,
			ResponseHeaderTimeout:  Timeout,
			MaxResponseHeaderBytes: 32 << 10,
			MaxConnsPerHost:        4,
			MaxIdleConns:           16,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > MaxRedirects || r.URL.Scheme != via[0].URL.Scheme || r.URL.Host != via[0].URL.Host {
				return errors.New("redirect to another place")
			}
			return nil
		},
	}}
}

// CheckURL accepts https URLs of a host, without user and fragment, and with a query only if query is true.
func (c *Client) CheckURL(s string, query bool) error {
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("parse URL: %w", err)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !c.allowHTTP) {
		return errors.New("the URL is not https")
	}
	if u.Host == "" || u.User != nil || u.Opaque != "" || strings.Contains(s, "#") || !query && strings.Contains(s, "?") {
		return errors.New("the URL has parts that are not allowed")
	}
	return nil
}

// Secure reports whether places must be https.
func (c *Client) Secure() bool { return !c.allowHTTP }

// Get reads a document. An answer that is not 200 is an error.
func (c *Client) Get(ctx context.Context, u, accept string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Accept", accept)
	a, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("fetch: status %d", a.Status)
	}
	return a.Body, nil
}

// Do makes a request, of whose URL CheckURL is true, and reads the answer whole.
func (c *Client) Do(r *http.Request) (*Answer, error) {
	if err := c.CheckURL(r.URL.String(), true); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", withoutURL(err))
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", withoutURL(err))
	}
	if len(b) > MaxDocument {
		return nil, fmt.Errorf("fetch: the document is over %d bytes", MaxDocument)
	}
	return &Answer{Status: resp.StatusCode, Type: resp.Header.Get("Content-Type"), Body: b}, nil
}

// withoutURL takes the URL out of an error: its query can hold what logs must not.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Package peer tells who sent a request: the address of the client, and whether it came over TLS, when the server is
// behind proxies that the operator trusts to say so.
package peer

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose X-Forwarded-For and X-Forwarded-Proto headers are believed. The zero value believes
// nobody.
type Proxies []netip.Prefix

// Parse reads networks in CIDR form, or single addresses.
func Parse(list []string) (Proxies, error) {
	var out Proxies
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return nil, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("%q is every address: whoever connects could say it is somebody else", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func (p Proxies) trusts(a netip.Addr) bool {
	for _, n := range p {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// maxHops bounds how much of X-Forwarded-For is read.
const maxHops = 32

// Handler gives requests that come through trusted proxies the address of their client: from then on it is the request's
// RemoteAddr. The header is read from the right, and what is left of the first address that is not trusted is ignored,
// since whoever sent it could have made it up.
func (p Proxies) Handler(next http.Handler) http.Handler {
	if len(p) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := addrOf(r.RemoteAddr)
		if !from.IsValid() || !p.trusts(from) {
			next.ServeHTTP(w, r)
			return
		}
		client := p.client(from, r.Header.Values("X-Forwarded-For"))
		ctx := context.WithValue(r.Context(), forwarded{}, strings.EqualFold(last(r.Header.Values("X-Forwarded-Proto")), "https"))
		r = r.WithContext(ctx)
		r.RemoteAddr = net.JoinHostPort(client.String(), "0")
		next.ServeHTTP(w, r)
	})
}

// client walks the hops from the nearest on.
func (p Proxies) client(nearest netip.Addr, headers []string) netip.Addr {
	hops := strings.Split(strings.Join(headers, ","), ",")
	at := nearest
	for i := len(hops) - 1; i >= 0 && len(hops)-i <= maxHops; i-- {
		a := addrOf(strings.TrimSpace(hops[i]))
		if !a.IsValid() {
			return at
		}
		at = a
		if !p.trusts(a) {
			return at
		}
	}
	return at
}

// last is what the nearest proxy said.
func last(values []string) string {
	all := strings.Join(values, ",")
	return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
}

// addrOf reads an address with a port or without; the zero Addr if there is none.
func addrOf(text string) netip.Addr {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

type forwarded struct{}

// Secure reports whether the client sent the request over TLS: to this server, or to a trusted proxy that says so.
func Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	secure, _ := r.Context().Value(forwarded{}).(bool)
	return secure
}

// Addr is the address of the client; the zero Addr if it has none.
func Addr(r *http.Request) netip.Addr { return addrOf(r.RemoteAddr) }

// Local reports whether the request was sent on this machine, and by no proxy that passes on those of others.
func Local(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip", "X-Forwarded-Host"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return Addr(r).IsLoopback()
}

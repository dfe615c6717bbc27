// Package limit holds rate limits by key: a client's address, a pool, a recipient.
package limit

import (
	"net/netip"
	"sync"
	"time"
)

// Limiter lets each key act at a rate, with a burst (the generic cell rate algorithm: one time a key is all that it
// keeps). It remembers a bounded number of keys: the ones used last, at least maxKeys of them. A nil Limiter allows all.
type Limiter struct {
	every time.Duration
	slack time.Duration

	mu         sync.Mutex
	young, old map[string]time.Time // when the key's burst would be whole again
}

// maxKeys bounds a generation of keys, some 100 bytes each.
const maxKeys = 1 << 16

// New returns a Limiter that allows one event a key in every period, and bursts of so many.
func New(every time.Duration, burst int) *Limiter {
	return &Limiter{every: every, slack: every * time.Duration(burst-1), young: map[string]time.Time{}}
}

// Allow reports whether the key may act now, and counts it if so.
func (l *Limiter) Allow(key string, now time.Time) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.young[key]
	if !ok {
		at = l.old[key]
	}
	if at.Before(now) {
		at = now
	}
	if at.Sub(now) > l.slack {
		return false
	}
	if len(l.young) >= maxKeys {
		l.young, l.old = map[string]time.Time{}, l.young
	}
	l.young[key] = at.Add(l.every)
	return true
}

// Client is the key of a client's address: for IPv6 its /64, of which one client has all.
func Client(a netip.Addr) string {
	a = a.Unmap()
	if !a.Is6() {
		return a.String()
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a.String()
	}
	return p.String()
}

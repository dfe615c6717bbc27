package userpool

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/store"
)

// Kinds of what is spent.
const (
	SpentSession = "session" // a challenge that was answered
	SpentOrigin  = "origin"  // a sign-in that was revoked
	SpentGuess   = "guess"   // failed sign-ins, which are forgotten in time
	SpentCode    = "code"    // a code for nobody
	SpentCustom  = "custom"  // the state of a sign-in by custom challenges
	SpentDevice  = "device"  // a device that was forgotten
	SpentFamily  = "family"  // where the rotation of refresh tokens is
	SpentSent    = "sent"    // codes to sign in with that were sent
)

// sweepSize is how many records past their time one write takes away: more than it adds.
const sweepSize = 4

// SpentKey is where something spent of a kind is, by its id.
func (p *Pool) SpentKey(kind, id string) store.Key {
	switch kind {
	case SpentGuess, SpentSent, SpentFamily:
		return InPool(p.ID, kind, id)
	case SpentCode:
		sub, purpose, _ := strings.Cut(id, "/")
		return CodeKey(p.ID, sub, purpose)
	}
	return InPool(p.ID, "spent", kind, id)
}

func (p *Pool) expiryKey(at time.Time, kind, id string) store.Key {
	return InPool(p.ID, "expiry", fmt.Sprintf("%012d", at.Unix()), kind, id)
}

// Spend marks an id as used up until it would have expired, and reports whether it was not marked before.
func (c *Request) Spend(rec *store.Records, kind, id string, until time.Time) (fresh bool, err error) {
	k := c.Pool.SpentKey(kind, id)
	if _, found, err := rec.Get(k); err != nil || found {
		return false, err
	}
	if err := store.Save(rec, k, &spent{until}); err != nil {
		return false, err
	}
	return true, c.Expire(rec, kind, id, until)
}

// Expire has a record taken away some time after `until`, and takes away a few whose time has come.
func (c *Request) Expire(rec *store.Records, kind, id string, until time.Time) error {
	if err := rec.Set(c.Pool.expiryKey(until, kind, id), nil); err != nil {
		return err
	}
	var due []store.Key
	err := rec.Scan(InPool(c.Pool.ID, "expiry"), nil, func(k store.Key, _ []byte) bool {
		parts := k.Parts()
		if len(parts) != 6 || parts[3] >= fmt.Sprintf("%012d", c.Call.Now.Unix()) || len(due) == sweepSize {
			return false
		}
		due = append(due, slices.Clone(k))
		return true
	})
	for i := 0; i < len(due) && err == nil; i++ {
		err = c.sweep(rec, due[i])
	}
	return err
}

// sweep takes away what an expiry stands for, unless it was prolonged since.
func (c *Request) sweep(rec *store.Records, expiry store.Key) error {
	parts := expiry.Parts()
	kind, id := parts[4], parts[5]
	k := c.Pool.SpentKey(kind, id)
	over := true
	switch kind {
	case SpentGuess:
		g, err := store.Load[guesses](rec, k)
		if err != nil {
			return err
		}
		over = g == nil || g.forgotten(c.Call.Now, id)
	case SpentSent:
		n, err := store.Load[Tally](rec, k)
		if err != nil {
			return err
		}
		over = n == nil || c.Call.Now.Sub(n.Since) >= SentWindow
	}
	if over {
		if err := rec.Delete(k); err != nil {
			return err
		}
	}
	return rec.Delete(expiry)
}

// Revoked reports whether a sign-in was revoked.
func (c *Request) Revoked(rec *store.Records, origin string) (bool, error) {
	if origin == "" {
		return false, nil
	}
	_, found, err := rec.Get(c.Pool.SpentKey(SpentOrigin, origin))
	return found, err
}

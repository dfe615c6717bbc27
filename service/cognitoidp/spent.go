package cognitoidp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/store"
)

// Kinds of what is spent.
const (
	spentSession = "session" // a challenge that was answered
	spentOrigin  = "origin"  // a sign-in that was revoked
	spentGuess   = "guess"   // failed sign-ins, which are forgotten in time
	spentCode    = "code"    // a code for nobody
	spentCustom  = "custom"  // the state of a sign-in by custom challenges
	spentDevice  = "device"  // a device that was forgotten
	spentFamily  = "family"  // where the rotation of refresh tokens is
	spentSent    = "sent"    // codes to sign in with that were sent
)

// sweepSize is how many records past their time one write takes away: more than it adds.
const sweepSize = 4

func (p *pool) spentKey(kind, id string) store.Key {
	switch kind {
	case spentGuess, spentSent, spentFamily:
		return inPool(p.ID, kind, id)
	case spentCode:
		sub, purpose, _ := strings.Cut(id, "/")
		return codeKey(p.ID, sub, purpose)
	}
	return inPool(p.ID, "spent", kind, id)
}

func (p *pool) expiryKey(at time.Time, kind, id string) store.Key {
	return inPool(p.ID, "expiry", fmt.Sprintf("%012d", at.Unix()), kind, id)
}

// spend marks an id as used up until it would have expired, and reports whether it was not marked before.
func (c *Request) spend(rec *store.Records, kind, id string, until time.Time) (fresh bool, err error) {
	k := c.pool.spentKey(kind, id)
	if _, found, err := rec.Get(k); err != nil || found {
		return false, err
	}
	if err := store.Save(rec, k, &spent{until}); err != nil {
		return false, err
	}
	return true, c.expire(rec, kind, id, until)
}

// expire has a record taken away some time after `until`, and takes away a few whose time has come.
func (c *Request) expire(rec *store.Records, kind, id string, until time.Time) error {
	if err := rec.Set(c.pool.expiryKey(until, kind, id), nil); err != nil {
		return err
	}
	var due []store.Key
	err := rec.Scan(inPool(c.pool.ID, "expiry"), nil, func(k store.Key, _ []byte) bool {
		parts := k.Parts()
		if len(parts) != 6 || parts[3] >= fmt.Sprintf("%012d", c.call.Now.Unix()) || len(due) == sweepSize {
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
	k := c.pool.spentKey(kind, id)
	over := true
	switch kind {
	case spentGuess:
		g, err := store.Load[guesses](rec, k)
		if err != nil {
			return err
		}
		over = g == nil || g.forgotten(c.call.Now, id)
	case spentSent:
		n, err := store.Load[tally](rec, k)
		if err != nil {
			return err
		}
		over = n == nil || c.call.Now.Sub(n.Since) >= sentWindow
	}
	if over {
		if err := rec.Delete(k); err != nil {
			return err
		}
	}
	return rec.Delete(expiry)
}

// revoked reports whether a sign-in was revoked.
func (c *Request) revoked(rec *store.Records, origin string) (bool, error) {
	if origin == "" {
		return false, nil
	}
	_, found, err := rec.Get(c.pool.spentKey(spentOrigin, origin))
	return found, err
}

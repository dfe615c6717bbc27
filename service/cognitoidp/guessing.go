package cognitoidp

import (
	"encoding/hex"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Lock-out on guessing ("Lockout behavior for failed sign-in attempts", Amazon Cognito Developer Guide): the n-th failure
// locks for 2^(n-5) seconds, at most about 15 minutes, and 15 quiet minutes forget all.
const (
	freeGuesses = 5
	maxLockout  = 15 * time.Minute
	quiet       = 15 * time.Minute
)

func (g *guesses) locked(now time.Time) bool { return g != nil && now.Before(g.Until) }

func (g *guesses) forgotten(now time.Time, who string) bool {
	return now.Sub(later(g.Last, g.Until)) >= quietOf(who)
}

// codesQuiet is how long it takes to forget wrong codes. A code has six digits where a password has many, so guesses at
// them are to stay few in a day as well.
const codesQuiet = 24 * time.Hour

const codesMark = "/codes"

// codesOf is under what wrong codes of somebody are counted: apart from wrong passwords, which a right one forgets.
func codesOf(who string) string { return who + codesMark }

func quietOf(who string) time.Duration {
	if strings.HasSuffix(who, codesMark) {
		return codesQuiet
	}
	return quiet
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func lockout(failed int) time.Duration {
	if failed < freeGuesses {
		return 0
	}
	if shift := failed - freeGuesses; shift < 10 {
		return min(time.Second<<shift, maxLockout)
	}
	return maxLockout
}

// who is whose guesses are counted: the user by any of its names, or a name that is nobody's, which locks just the same.
func (c *Request) who(u *user, name string) (string, error) {
	if u != nil {
		return u.Sub, nil
	}
	seed, err := c.decoySeed("guess", name)
	return hex.EncodeToString(seed[:16:16]), err
}

// guard returns NotAuthorizedException while the user is locked out. It is asked again in the transaction that records
// the outcome, so that guesses made at the same moment count one after the other.
func (c *Request) guard(rec *store.Records, who string) error {
	g, err := store.Load[guesses](rec, c.pool.spentKey(spentGuess, who))
	if err == nil && g.locked(c.call.Now) {
		err = refusal.LockedOut()
	}
	return err
}

// guardCodes returns NotAuthorizedException while wrong codes have locked the user out of challenges that ask for one.
func (c *Request) guardCodes(rec *store.Records, who string) error {
	g, err := store.Load[guesses](rec, c.pool.spentKey(spentGuess, codesOf(who)))
	if err == nil && g.locked(c.call.Now) {
		err = api.NewNotAuthorizedException("Code attempts exceeded")
	}
	return err
}

// failed counts a wrong password, or for codesOf a wrong code.
func (c *Request) failed(rec *store.Records, who string) error {
	k := c.pool.spentKey(spentGuess, who)
	g, err := store.Load[guesses](rec, k)
	if err != nil {
		return err
	}
	now := c.call.Now
	if g == nil || g.forgotten(now, who) {
		g = &guesses{}
	}
	g.Failed++
	g.Last, g.Until = now, now.Add(lockout(g.Failed))
	if err := store.Save(rec, k, g); err != nil {
		return err
	}
	return c.expire(rec, spentGuess, who, g.Until.Add(quietOf(who)))
}

// reserve counts a guess whose outcome somebody else is yet to tell, outside of a transaction, as a failure; release takes it
// back. While guesses are locked out it refuses.
func (c *Request) reserve(rec *store.Records, who string) error {
	if err := c.guard(rec, who); err != nil {
		return err
	}
	return c.failed(rec, who)
}

// release takes a guess back that was right.
func (c *Request) release(rec *store.Records, who string) error {
	k := c.pool.spentKey(spentGuess, who)
	g, err := store.Load[guesses](rec, k)
	if err != nil || g == nil {
		return err
	}
	if g.Failed--; g.Failed <= 0 {
		return rec.Delete(k)
	}
	g.Until = g.Last.Add(lockout(g.Failed))
	if g.Failed < freeGuesses {
		g.Until = time.Time{}
	}
	return store.Save(rec, k, g)
}

// forget forgets the failures of a user who signed in.
func (c *Request) forget(rec *store.Records, who string) error {
	k := c.pool.spentKey(spentGuess, who)
	if _, found, err := rec.Get(k); err != nil || !found {
		return err
	}
	return rec.Delete(k)
}

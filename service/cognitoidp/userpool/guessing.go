package userpool

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
	FreeGuesses = 5
	MaxLockout  = 15 * time.Minute
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

// CodesOf is under what wrong codes of somebody are counted: apart from wrong passwords, which a right one forgets.
func CodesOf(who string) string { return who + codesMark }

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
	if failed < FreeGuesses {
		return 0
	}
	if shift := failed - FreeGuesses; shift < 10 {
		return min(time.Second<<shift, MaxLockout)
	}
	return MaxLockout
}

// Who is whose guesses are counted: the user by any of its names, or a name that is nobody's, which locks just the same.
func (c *Request) Who(u *User, name string) (string, error) {
	if u != nil {
		return u.Sub, nil
	}
	seed, err := c.DecoySeed("guess", name)
	return hex.EncodeToString(seed[:16:16]), err
}

// Guard returns NotAuthorizedException while the user is locked out. It is asked again in the transaction that records
// the outcome, so that guesses made at the same moment count one after the other.
func (c *Request) Guard(rec *store.Records, who string) error {
	g, err := store.Load[guesses](rec, c.Pool.SpentKey(SpentGuess, who))
	if err == nil && g.locked(c.Call.Now) {
		err = refusal.LockedOut()
	}
	return err
}

// GuardCodes returns NotAuthorizedException while wrong codes have locked the user out of challenges that ask for one.
func (c *Request) GuardCodes(rec *store.Records, who string) error {
	g, err := store.Load[guesses](rec, c.Pool.SpentKey(SpentGuess, CodesOf(who)))
	if err == nil && g.locked(c.Call.Now) {
		err = api.NewNotAuthorizedException("Code attempts exceeded")
	}
	return err
}

// Failed counts a wrong password, or for CodesOf a wrong code.
func (c *Request) Failed(rec *store.Records, who string) error {
	k := c.Pool.SpentKey(SpentGuess, who)
	g, err := store.Load[guesses](rec, k)
	if err != nil {
		return err
	}
	now := c.Call.Now
	if g == nil || g.forgotten(now, who) {
		g = &guesses{}
	}
	g.Failed++
	g.Last, g.Until = now, now.Add(lockout(g.Failed))
	if err := store.Save(rec, k, g); err != nil {
		return err
	}
	return c.Expire(rec, SpentGuess, who, g.Until.Add(quietOf(who)))
}

// Reserve counts a guess whose outcome somebody else is yet to tell, outside of a transaction, as a failure; release takes it
// back. While guesses are locked out it refuses.
func (c *Request) Reserve(rec *store.Records, who string) error {
	if err := c.Guard(rec, who); err != nil {
		return err
	}
	return c.Failed(rec, who)
}

// Release takes a guess back that was right.
func (c *Request) Release(rec *store.Records, who string) error {
	k := c.Pool.SpentKey(SpentGuess, who)
	g, err := store.Load[guesses](rec, k)
	if err != nil || g == nil {
		return err
	}
	if g.Failed--; g.Failed <= 0 {
		return rec.Delete(k)
	}
	g.Until = g.Last.Add(lockout(g.Failed))
	if g.Failed < FreeGuesses {
		g.Until = time.Time{}
	}
	return store.Save(rec, k, g)
}

// Forget forgets the failures of a user who signed in.
func (c *Request) Forget(rec *store.Records, who string) error {
	k := c.Pool.SpentKey(SpentGuess, who)
	if _, found, err := rec.Get(k); err != nil || !found {
		return err
	}
	return rec.Delete(k)
}

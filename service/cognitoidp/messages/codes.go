package messages

import (
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// How long codes hold ("Quotas in Amazon Cognito", validity of codes) and how often they are sent and may be guessed
// wrong in an hour: five wrong guesses of a million codes an hour.
const (
	SignUpCodeLife = 24 * time.Hour
	ForgotCodeLife = time.Hour
	CodeWindow     = time.Hour
	MaxCodesSent   = 5
	MaxCodesWrong  = 5
	codeDigits     = 6
)

func codeLife(purpose string) time.Duration {
	if purpose == userpool.CodeSignUp || strings.HasPrefix(purpose, userpool.CodeVerify) {
		return SignUpCodeLife
	}
	return ForgotCodeLife
}

// NewCode makes a code for the user and returns it, or LimitExceededException after too many of them in an hour. Only
// the last one made holds.
func (c *Request) NewCode(rec *store.Records, u *userpool.User, purpose string, to Destination) (string, error) {
	k := userpool.CodeKey(c.Pool.ID, u.Sub, purpose)
	old, err := store.Load[userpool.Code](rec, k)
	if err != nil {
		return "", err
	}
	now := c.Call.Now
	next := userpool.Code{Expires: now.Add(codeLife(purpose)), Target: to.Attribute, Address: to.Address, Since: now}
	if old != nil && now.Sub(old.Since) < CodeWindow {
		next.Sent, next.Failed, next.Since = old.Sent, old.Failed, old.Since
	}
	if next.Sent++; next.Sent > MaxCodesSent {
		return "", refusal.AttemptLimit()
	}
	plain := fmt.Sprintf("%0*d", codeDigits, random.Int(1e6))
	if next.Sealed, err = c.Keyring.Seal(keyring.ConfirmationCode, c.Pool.Scope(), []byte(plain), []byte(u.Sub+"/"+purpose)); err != nil {
		return "", fault.Wrap(err, "seal a code")
	}
	return plain, store.Save(rec, k, &next)
}

// UseCode checks a code and takes it away if it is right. It returns the attribute that the code was sent to.
// A wrong guess must be kept although the operation fails: the caller commits the transaction and returns `refused`.
func (c *Request) UseCode(rec *store.Records, u *userpool.User, purpose, given string) (target string, refused, err error) {
	have, refused, err := c.tryCode(rec, u, purpose, given)
	if refused != nil || err != nil {
		return "", refused, err
	}
	// The counts stay, so that using a code does not win another round of guesses.
	have.Sealed = nil
	return have.Target, nil, store.Save(rec, userpool.CodeKey(c.Pool.ID, u.Sub, purpose), have)
}

// tryCode is UseCode but that a code that is right stays.
func (c *Request) tryCode(rec *store.Records, u *userpool.User, purpose, given string) (have *userpool.Code, refused, err error) {
	k := userpool.CodeKey(c.Pool.ID, u.Sub, purpose)
	if have, err = store.Load[userpool.Code](rec, k); err != nil {
		return nil, nil, err
	}
	now := c.Call.Now
	if have == nil || have.Sealed == nil {
		return nil, refusal.CodeExpired(), nil
	}
	if now.Sub(have.Since) >= CodeWindow {
		have.Since, have.Failed, have.Sent = now, 0, 0
	}
	if have.Failed >= MaxCodesWrong {
		return nil, refusal.AttemptLimit(), nil
	}
	// A code shows that its user reads what is sent to one address; it says nothing of another that came in its place.
	if !now.Before(have.Expires) || have.Address != AddressFor(u, purpose, have.Target) {
		return nil, refusal.CodeExpired(), nil
	}
	plain, err := c.Keyring.Open(keyring.ConfirmationCode, c.Pool.Scope(), have.Sealed, []byte(u.Sub+"/"+purpose))
	if err != nil {
		return nil, nil, fault.Wrap(err, "open a code")
	}
	if subtle.ConstantTimeCompare(plain, []byte(given)) != 1 {
		have.Failed++
		return nil, refusal.CodeMismatch(), store.Save(rec, k, have)
	}
	return have, nil, nil
}

// AddressFor is the address that a code of the purpose speaks of: one that waits for verification goes before the one
// that it is to replace, and only where the code is to verify it.
func AddressFor(u *userpool.User, purpose, attribute string) string {
	if next := u.Pending[attribute]; next != "" && strings.HasPrefix(purpose, userpool.CodeVerify) {
		return next
	}
	return u.Attributes[attribute]
}

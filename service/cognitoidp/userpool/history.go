package userpool

import (
	"slices"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/srp"
)

// CheckNewPassword checks a password that a user, who has shown to be one, is to have: against the pool's policy and the
// user's history ("Password reuse prevention", Amazon Cognito Developer Guide). Callers have checked what lets the caller set it
// before: whoever may ask this learns which passwords the user had.
func (c *Request) CheckNewPassword(u *User, password string) error {
	if err := c.Pool.Settings.Password.Check(password); err != nil {
		return err
	}
	used, err := c.usedBefore(u, password)
	if err == nil && used {
		err = api.NewPasswordHistoryPolicyViolationException("Password has previously been used.")
	}
	return err
}

// usedBefore reports whether the password is one of the user's last. Only verifiers are kept, each with a salt of its
// own, so each costs the work of a sign-in.
func (c *Request) usedBefore(u *User, password string) (bool, error) {
	most := int(c.Pool.Settings.Password.History)
	if most == 0 {
		return false, nil
	}
	leave, err := c.store.Work.Enter(c.Ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	used := false
	for _, sealed := range u.lastPasswords(most) {
		plain, err := c.store.Keyring.Open(keyring.Verifier, c.Pool.Scope(), sealed, []byte(u.Sub))
		if err != nil {
			return false, fault.Wrap(err, "open a verifier")
		}
		v, err := srp.ParseVerifier(plain)
		if err != nil {
			return false, fault.Wrap(err, "read a verifier")
		}
		used = v.Matches(c.Pool.SRPName(), u.Username, password) || used
	}
	return used, nil
}

// lastPasswords are the sealed verifiers of the last passwords that the user chose, at most so many.
func (u *User) lastPasswords(most int) [][]byte {
	var out [][]byte
	if u.Verifier != nil && u.TemporaryUntil.IsZero() {
		out = append(out, u.Verifier)
	}
	out = append(out, u.History...)
	return out[:min(most, len(out))]
}

// SetPassword puts a verifier in the place of the one before, which joins the history; nil takes the password away. A
// temporary password is nobody's choice and is not remembered.
func (p *Pool) SetPassword(u *User, verifier []byte) {
	u.History = slices.Clone(u.lastPasswords(int(p.Settings.Password.History)))
	u.Verifier, u.TemporaryUntil = verifier, time.Time{}
}

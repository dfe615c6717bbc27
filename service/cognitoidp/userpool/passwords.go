package userpool

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"unicode/utf8"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/srp"
)

// PasswordPolicy is what a pool asks of passwords ("PasswordPolicyType", Amazon Cognito user pools API reference).
type PasswordPolicy struct {
	MinimumLength                  int32
	Upper, Lower, Numbers, Symbols bool
	TemporaryDays                  int32
	// History is how many passwords, the one in use among them, a new one must differ from; 0 for none.
	History int32
}

// The longest password is PasswordType's; a temporary one holds for a week unless the pool says otherwise.
const (
	maxPasswordLength  = 256
	defaultTemporary   = 7
	passwordSymbols    = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-" //nolint:gosec // which characters count as symbols
	lowerLetters       = "abcdefghijkmnopqrstuvwxyz"
	upperLetters       = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	digits             = "23456789"
	invitationSymbols  = "!@#%&*?"
	minInvitation      = 12
	passwordNonConform = "Password did not conform with policy: "
)

// DefaultPasswordPolicy is that of a pool made without one.
func DefaultPasswordPolicy() PasswordPolicy {
	return PasswordPolicy{MinimumLength: 8, Upper: true, Lower: true, Numbers: true, Symbols: true, TemporaryDays: defaultTemporary}
}

// NewPasswordPolicy reads a pool's password policy.
func NewPasswordPolicy(in *api.UserPoolPolicyType) (PasswordPolicy, error) {
	if in == nil || in.PasswordPolicy == nil {
		return DefaultPasswordPolicy(), nil
	}
	p := in.PasswordPolicy
	out := PasswordPolicy{
		MinimumLength: 8, Upper: opt.Value(p.RequireUppercase), Lower: opt.Value(p.RequireLowercase),
		Numbers: opt.Value(p.RequireNumbers), Symbols: opt.Value(p.RequireSymbols), TemporaryDays: defaultTemporary,
	}
	if p.MinimumLength != nil {
		out.MinimumLength = *p.MinimumLength
	}
	if p.TemporaryPasswordValidityDays != nil && *p.TemporaryPasswordValidityDays != 0 {
		out.TemporaryDays = *p.TemporaryPasswordValidityDays
	}
	out.History = opt.Value(p.PasswordHistorySize)
	return out, nil
}

// Check returns InvalidPasswordException for a password that the policy does not allow, in AWS's order and words.
func (p PasswordPolicy) Check(password string) error {
	var wrong string
	switch {
	case utf8.RuneCountInString(password) < int(p.MinimumLength):
		wrong = "Password not long enough"
	case len(password) > maxPasswordLength:
		wrong = "Password too long"
	case p.Upper && !strings.ContainsFunc(password, func(r rune) bool { return r >= 'A' && r <= 'Z' }):
		wrong = "Password must have uppercase characters"
	case p.Lower && !strings.ContainsFunc(password, func(r rune) bool { return r >= 'a' && r <= 'z' }):
		wrong = "Password must have lowercase characters"
	case p.Numbers && !strings.ContainsAny(password, "0123456789"):
		wrong = "Password must have numeric characters"
	case p.Symbols && !strings.ContainsAny(password, passwordSymbols+" "):
		wrong = "Password must have symbol characters"
	case strings.TrimSpace(password) != password:
		wrong = "Password must not begin or end with a space"
	default:
		return nil
	}
	return api.NewInvalidPasswordException(passwordNonConform+"%s", wrong)
}

// Temporary makes a password that any policy allows.
func (p PasswordPolicy) Temporary() string {
	n := max(minInvitation, int(p.MinimumLength))
	all := lowerLetters + upperLetters + digits + invitationSymbols
	b := []byte{random.Pick(lowerLetters), random.Pick(upperLetters), random.Pick(digits), random.Pick(invitationSymbols)}
	for len(b) < n {
		b = append(b, random.Pick(all))
	}
	for i := len(b) - 1; i > 0; i-- {
		j := random.Int(i + 1)
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// SRPName is the pool's id after the underscore, as SRP hashes it.
func (p *Pool) SRPName() string {
	_, name, _ := strings.Cut(p.ID, "_")
	return name
}

// Scope is what secrets of the pool are sealed for.
func (p *Pool) Scope() keyring.Scope { return keyring.Scope{Account: p.Account, Name: p.ID} }

// SealPassword makes what is kept of a user's password. The username is part of it, so a user is never renamed.
func (c *Request) SealPassword(u *User, password string) ([]byte, error) {
	leave, err := c.store.Work.Enter(c.Ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	v := srp.NewVerifier(c.Pool.SRPName(), u.Username, password)
	sealed, err := c.store.Keyring.Seal(keyring.Verifier, c.Pool.Scope(), v.Bytes(), []byte(u.Sub))
	return sealed, fault.Doing(err, "seal a verifier")
}

// VerifierOf returns what to check a password of u against: a decoy for a user who does not exist or has no password,
// so that both take the same course.
func (c *Request) VerifierOf(u *User, name string) (v srp.Verifier, decoy bool, err error) {
	if u == nil || u.Verifier == nil {
		seed, err := c.DecoySeed("verifier", name)
		if err != nil {
			return v, true, err
		}
		return srp.Decoy(seed), true, nil
	}
	plain, err := c.store.Keyring.Open(keyring.Verifier, c.Pool.Scope(), u.Verifier, []byte(u.Sub))
	if err != nil {
		return v, false, fault.Wrap(err, "open a verifier")
	}
	if v, err = srp.ParseVerifier(plain); err != nil {
		return v, false, fault.Wrap(err, "read a verifier")
	}
	return v, false, nil
}

// DecoySeed is a value that only the server can tell for a name, the same each time.
func (c *Request) DecoySeed(what, name string) ([]byte, error) {
	key, err := c.store.Keyring.Key(keyring.Verifier, keyring.Scope{Account: c.Pool.Account, Name: c.Pool.ID + "/decoy"})
	if err != nil {
		return nil, fault.Wrap(err, "derive a key")
	}
	defer key.Wipe()
	h := hmac.New(sha256.New, key.Bytes())
	h.Write([]byte(what + "\x00" + c.Pool.Fold(name)))
	return h.Sum(nil), nil
}

// PasswordMatches checks a password in plain, with the cost of one whether there is a user or not.
func (c *Request) PasswordMatches(u *User, name, password string) (bool, error) {
	leave, err := c.store.Work.Enter(c.Ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	v, decoy, err := c.VerifierOf(u, name)
	if err != nil {
		return false, err
	}
	if u != nil {
		name = u.Username
	}
	return v.Matches(c.Pool.SRPName(), name, password) && !decoy, nil
}

// Package srp is the server's side of the Secure Remote Password protocol 6a as Amazon Cognito speaks it: the 3072-bit
// group of RFC 5054 with SHA-256, hashes over integers in signed form, and a claim that is signed with a key of 16 bytes
// derived by HKDF. Amplify, amazon-cognito-identity-js and pycognito sign in against it unchanged.
//
// What the server keeps of a password is a Verifier, from which the password can be guessed offline as from any unsalted
// secret hashed once: the protocol fixes the hash, so no slow one can take its place. Callers therefore seal verifiers
// under a key that is not stored beside them.
//
// Arithmetic is math/big's, which does not promise constant time. Exponents that last (x, derived from a password) go
// through a table walk with operands of equal length at each step; the others (b, u) are new for every attempt. Constant
// time throughout (filippo.io/bigmod) was measured at 1.9 times the cost of a power, and would make sign-ins, which anybody
// may ask for, that much easier a way to exhaust the server.
package srp

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"
)

const (
	// SaltSize is the length of a salt, in bytes.
	SaltSize = 16
	// KeySize is the length of the key that signs a claim, in bytes.
	KeySize = 16
	// VerifierSize is the length of an encoded Verifier, in bytes.
	VerifierSize = SaltSize + elementSize
	// StateSize is the length of an encoded State, in bytes.
	StateSize = 2*elementSize + exponentSize

	keyInfo = "Caldera Derived Key"
	// maxHexA bounds SRP_A as text: an element with the zero bytes that clients may put before it.
	maxHexA = 2 * (elementSize + 1)
)

// ErrPublicValue is returned for a client's A that is no number from 1 to N-1. A = 0 mod N would make the session key
// known without the password (RFC 5054 section 2.5.4).
var ErrPublicValue = errors.New("srp: the client's public value is not in the group")

// ErrEncoding is returned for bytes that no Verifier or State was encoded to.
var ErrEncoding = errors.New("srp: malformed encoding")

// Verifier is what a server keeps in place of a password: the salt and v = g^x mod N.
type Verifier struct {
	salt [SaltSize]byte
	v    *big.Int
}

// NewVerifier makes the verifier of a password under a new salt. pool is the user pool's id after the underscore;
// username is the one that the challenge will name as USER_ID_FOR_SRP.
func NewVerifier(pool, username, password string) Verifier {
	var salt [SaltSize]byte
	rand.Read(salt[:]) // never fails (crypto/rand)
	return derive(fit(salt), pool, username, password)
}

// fit clears the sign of a salt and makes sure that no leading byte is zero, so that every client hashes the same bytes,
// whether it treats the salt as text, as a number or as a signed one.
func fit(salt [SaltSize]byte) [SaltSize]byte {
	salt[0] = salt[0]&0x3f | 0x40
	return salt
}

func derive(salt [SaltSize]byte, pool, username, password string) Verifier {
	inner := sha256.Sum256([]byte(pool + username + ":" + password))
	h := sha256.New()
	h.Write(salt[:])
	h.Write(inner[:])
	return Verifier{salt, base().power(h.Sum(nil))}
}

// Decoy returns the verifier of a user who does not exist: the same one for the same seed, and no password matches it
// that anybody knows. The seed must be secret (a keyed hash of the user's name).
func Decoy(seed []byte) Verifier {
	stretched := sha256.Sum256(append([]byte("salt\x00"), seed...))
	exponent := sha256.Sum256(append([]byte("x\x00"), seed...))
	return Verifier{fit([SaltSize]byte(stretched[:SaltSize])), base().power(exponent[:])}
}

// ClientVerifier is a verifier that a client computed for itself, of big-endian numbers: devices choose their own secrets.
// Zero bytes before the salt, which clients add to keep it positive, are dropped. ErrEncoding is returned for a salt of
// more than SaltSize bytes or none, and for what is no number from 2 to N-2: those are powers that anybody can compute.
func ClientVerifier(salt, v []byte) (Verifier, error) {
	out := Verifier{v: new(big.Int).SetBytes(v)}
	number := bytes.TrimLeft(salt, "\x00")
	if len(number) == 0 || len(number) > SaltSize || len(v) > elementSize+1 {
		return Verifier{}, fmt.Errorf("%w: a salt of %d bytes or a verifier of %d", ErrEncoding, len(salt), len(v))
	}
	copy(out.salt[SaltSize-len(number):], number)
	edge := new(big.Int).Sub(groupN, big.NewInt(1))
	if out.v.Cmp(big.NewInt(1)) <= 0 || out.v.Cmp(edge) >= 0 {
		return Verifier{}, fmt.Errorf("%w: a verifier is not in the group", ErrEncoding)
	}
	return out, nil
}

// Salt is the salt in hexadecimal, as the challenge parameter SALT.
func (v Verifier) Salt() string { return hex.EncodeToString(v.salt[:]) }

// Matches reports whether the verifier is that of the password. The zero Verifier matches nothing.
func (v Verifier) Matches(pool, username, password string) bool {
	if v.v == nil {
		return false
	}
	got, want := derive(v.salt, pool, username, password).Bytes(), v.Bytes()
	return subtle.ConstantTimeCompare(got, want) == 1
}

// Bytes encodes the verifier. It is as good as a hash of the password: seal it.
func (v Verifier) Bytes() []byte {
	b := make([]byte, VerifierSize)
	copy(b, v.salt[:])
	v.v.FillBytes(b[SaltSize:])
	return b
}

// ParseVerifier reads what Bytes wrote.
func ParseVerifier(b []byte) (Verifier, error) {
	if len(b) != VerifierSize {
		return Verifier{}, fmt.Errorf("%w: a verifier has %d bytes, not %d", ErrEncoding, VerifierSize, len(b))
	}
	v := Verifier{[SaltSize]byte(b[:SaltSize]), new(big.Int).SetBytes(b[SaltSize:])}
	if !inGroup(v.v) {
		return Verifier{}, fmt.Errorf("%w: a verifier is not in the group", ErrEncoding)
	}
	return v, nil
}

func inGroup(n *big.Int) bool { return n.Sign() > 0 && n.Cmp(groupN) < 0 }

// String shows that there is a verifier, not which.
func (Verifier) String() string { return "[verifier]" }

// GoString implements fmt.GoStringer.
func (Verifier) GoString() string { return "[verifier]" }

// State is the server's half of one sign-in: the client's A, the server's B and its secret b. It is secret.
type State struct {
	a, pub *big.Int
	b      [exponentSize]byte
}

// Begin answers a client's A, in hexadecimal, with a new state and the server's B, in hexadecimal.
func Begin(v Verifier, srpA string) (State, string, error) {
	a, err := parseA(srpA)
	if err != nil {
		return State{}, "", err
	}
	s := State{a: a}
	for {
		rand.Read(s.b[:]) // never fails (crypto/rand)
		if s.pub = public(v, s.b[:]); s.pub.Sign() != 0 {
			return s, s.pub.Text(16), nil
		}
	}
}

func parseA(text string) (*big.Int, error) {
	if len(text) == 0 || len(text) > maxHexA || !isHex(text) {
		return nil, ErrPublicValue
	}
	a, ok := new(big.Int).SetString(text, 16)
	if !ok || !inGroup(a) {
		return nil, ErrPublicValue
	}
	return a, nil
}

// isHex keeps out the signs and underscores that big.Int reads.
func isHex(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < '0' || c > '9' || s[i] != c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// public is B = k·v + g^b mod N.
func public(v Verifier, b []byte) *big.Int {
	pub := new(big.Int).Mul(groupK, v.v)
	pub.Add(pub, base().power(b))
	return pub.Mod(pub, groupN)
}

// Key is the key that a client which knows the password signs its claim with: HKDF of S = (A·v^u)^b.
func (s State) Key(v Verifier) ([]byte, error) {
	u := hashInt(signed(s.a), signed(s.pub))
	if u.Sign() == 0 {
		return nil, ErrPublicValue
	}
	secret := new(big.Int).Exp(v.v, u, groupN)
	secret = mulMod(secret, s.a)
	secret.Exp(secret, new(big.Int).SetBytes(s.b[:]), groupN)
	return deriveKey(secret, u)
}

func deriveKey(secret, u *big.Int) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, signed(secret), signed(u), keyInfo, KeySize)
	if err != nil {
		return nil, fmt.Errorf("srp: %w", err)
	}
	return key, nil
}

// Bytes encodes the state. Seal it before it leaves the server.
func (s State) Bytes() []byte {
	out := make([]byte, StateSize)
	s.a.FillBytes(out[:elementSize])
	s.pub.FillBytes(out[elementSize:][:elementSize])
	copy(out[2*elementSize:], s.b[:])
	return out
}

// ParseState reads what Bytes wrote.
func ParseState(b []byte) (State, error) {
	if len(b) != StateSize {
		return State{}, fmt.Errorf("%w: a state has %d bytes, not %d", ErrEncoding, StateSize, len(b))
	}
	s := State{
		a:   new(big.Int).SetBytes(b[:elementSize]),
		pub: new(big.Int).SetBytes(b[elementSize:][:elementSize]),
		b:   [exponentSize]byte(b[2*elementSize:]),
	}
	if !inGroup(s.a) || !inGroup(s.pub) {
		return State{}, fmt.Errorf("%w: %w", ErrEncoding, ErrPublicValue)
	}
	return s, nil
}

// String shows that there is a state, not which.
func (State) String() string { return "[srp state]" }

// GoString implements fmt.GoStringer.
func (State) GoString() string { return "[srp state]" }

// Claim is PASSWORD_CLAIM_SIGNATURE's content: what a client signs with the session key.
type Claim struct {
	// Pool is the user pool's id after the underscore; User is USER_ID_FOR_SRP.
	Pool, User string
	// SecretBlock is the decoded PASSWORD_CLAIM_SECRET_BLOCK.
	SecretBlock []byte
	// Timestamp is TIMESTAMP as the client sent it.
	Timestamp string
}

// Sign returns the signature of the claim: HMAC-SHA-256 over its parts.
func (c Claim) Sign(key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(c.Pool))
	h.Write([]byte(c.User))
	h.Write(c.SecretBlock)
	h.Write([]byte(c.Timestamp))
	return h.Sum(nil)
}

// Verify reports, in constant time, whether the signature is the claim's.
func (c Claim) Verify(key, signature []byte) bool { return hmac.Equal(c.Sign(key), signature) }

// timeLayout is "EEE MMM d HH:mm:ss 'UTC' yyyy" in English.
const timeLayout = "Mon Jan 2 15:04:05 UTC 2006"

// ParseTimestamp reads a claim's timestamp ("Sat Nov 7 09:05:03 UTC 2026"). It does not judge its age: users' clocks are
// often wrong, and what keeps a claim from being sent again is that a challenge expires and is answered once.
func ParseTimestamp(s string) (time.Time, error) {
	t, err := time.Parse(timeLayout, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: TIMESTAMP is not of the form %q", ErrEncoding, timeLayout)
	}
	return t, nil
}

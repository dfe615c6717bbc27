// Package totp makes and checks the codes of authenticator apps: time-based one-time passwords of six digits, by HMAC-SHA-1
// in steps of 30 seconds (RFC 6238, RFC 4226 section 5), as every such app supports them.
package totp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, and all that many apps know; HMAC does not rest on its collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

const (
	// Digits is the length of a code.
	Digits = 6
	// SecretSize is the length of new secrets in bytes.
	SecretSize = 32
	// step is how long each code holds, in seconds.
	step = 30
	// skew is how many steps the app's clock may be off, either way (RFC 6238 section 5.2 recommends one).
	skew = 1
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewSecret makes a secret.
func NewSecret() []byte {
	b := make([]byte, SecretSize)
	rand.Read(b) // never fails (crypto/rand)
	return b
}

// Encode is a secret as people type it into an app: base32 without padding.
func Encode(secret []byte) string { return encoding.EncodeToString(secret) }

// Decode reads what Encode returned.
func Decode(text string) ([]byte, error) { return encoding.DecodeString(text) }

// Code is the code at a time.
func Code(secret []byte, at time.Time) string { return codeOf(secret, at.Unix()/step) }

func codeOf(secret []byte, counter int64) string {
	h := hmac.New(sha1.New, secret)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(counter)))
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&0xf:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", Digits, n%1_000_000)
}

// Check reports whether a code holds at a time, and the step it is of. Steps up to and including `after` are refused, so a
// caller who keeps the step that Check returned refuses a code that was used already, and all before it (RFC 6238 section
// 5.2). The first time, after is 0.
func Check(secret []byte, code string, at time.Time, after int64) (used int64, ok bool) {
	now := at.Unix() / step
	for c := now - skew; c <= now+skew; c++ {
		same := subtle.ConstantTimeCompare([]byte(codeOf(secret, c)), []byte(code)) == 1
		if same && c > after && !ok {
			used, ok = c, true
		}
	}
	return used, ok
}

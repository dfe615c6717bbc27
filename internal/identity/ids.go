package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"math/big"
)

// The prefixes of unique ids ("IAM identifiers", IAM User Guide).
const (
	UserPrefix   = "AIDA"
	GroupPrefix  = "AGPA"
	RolePrefix   = "AROA"
	PolicyPrefix = "ANPA"
)

// NewID makes a unique id: the prefix and 17 characters of A-Z and 2-7.
func NewID(prefix string) string {
	var b [11]byte
	rand.Read(b[:])
	return prefix + base32.StdEncoding.EncodeToString(b[:])[:17]
}

// NewSecret makes a secret access key: 40 characters of base64, 240 random bits.
func NewSecret() string {
	var b [30]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// NewAccount makes a random account id of 12 digits that does not begin with 0.
func NewAccount() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000_000_000))
	if err != nil {
		return "", err
	}
	return n.Add(n, big.NewInt(100_000_000_000)).String(), nil
}

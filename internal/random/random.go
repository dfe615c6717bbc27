// Package random draws numbers and texts that nobody can foretell.
package random

import (
	"crypto/rand"
	"fmt"
	"math/big"
)

// Alphanumeric are the letters and digits of ASCII.
const Alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// Int is uniform in [0, n), which must not be empty.
func Int(n int) int {
	v, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(fmt.Sprintf("random: no randomness: %v", err)) // crypto/rand never fails
	}
	return int(v.Int64())
}

// Pick is one of the bytes of from, which must not be empty.
func Pick(from string) byte { return from[Int(len(from))] }

// Text is n bytes of from, each drawn by itself.
func Text(from string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = Pick(from)
	}
	return string(b)
}

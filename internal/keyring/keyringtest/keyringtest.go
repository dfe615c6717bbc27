// Package keyringtest makes keyrings for tests.
package keyringtest

import (
	"bytes"
	"testing"

	"github.com/bulkhead/bulkhead/internal/keyring"
)

// New returns a keyring with one root, which the seed determines.
func New(t testing.TB, seed byte) *keyring.Keyring {
	t.Helper()
	root, err := keyring.NewMaterial(bytes.Repeat([]byte{seed}, keyring.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.New([]keyring.Material{root})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

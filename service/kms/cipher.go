package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"sync"
	"time"

	"github.com/bulkhead/bulkhead/internal/keyring"
)

// messageLabel separates the keys of messages from anything else that may be derived of a material.
const messageLabel = "bulkhead/kms/message/v1\x00"

// cipherKey derives the key of each message from a material and the message's salt, with HMAC-SHA256 as a key derivation
// function (NIST SP 800-108), so that the number of messages under one key is not bounded by GCM's 96-bit nonce.
type cipherKey struct{ macs sync.Pool }

// newCipherKey takes the material, which it wipes.
func newCipherKey(key []byte) (*cipherKey, error) {
	if len(key) != keyring.KeySize {
		return nil, fmt.Errorf("kms: a material has %d bytes, not %d", len(key), keyring.KeySize)
	}
	m, err := keyring.NewMaterial(key)
	clear(key)
	if err != nil {
		return nil, err
	}
	return &cipherKey{sync.Pool{New: func() any { return hmac.New(sha256.New, m.Bytes()) }}}, nil
}

// aead is AES-256-GCM under the key of the message with the salt.
func (k *cipherKey) aead(salt []byte) (cipher.AEAD, error) {
	mac := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(messageLabel))
	mac.Write(salt)
	var sum [sha256.Size]byte
	defer clear(sum[:])
	block, err := aes.NewCipher(mac.Sum(sum[:0]))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func materialScope(r ref) keyring.Scope {
	return keyring.Scope{Account: r.account, Name: r.region + "/" + r.id}
}

// aad binds sealed material to its place among the key's materials.
func (m *material) aad() []byte {
	return []byte(strconv.FormatUint(uint64(m.Version), 10) + "/" + m.ID)
}

// newMaterial makes the material of a version and seals it.
func newMaterial(ring *keyring.Keyring, r ref, version uint32, now time.Time) (material, error) {
	var id, key [keyring.KeySize]byte
	rand.Read(id[:])
	rand.Read(key[:])
	defer clear(key[:])
	m := material{Version: version, ID: hex.EncodeToString(id[:]), Since: now}
	var err error
	m.Sealed, err = ring.Seal(keyring.KMSMaterial, materialScope(r), key[:], m.aad())
	return m, err
}

package kms

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// A ciphertext blob is
//
//	magic 4 | account 8 | key id 16 | material version 4 | salt 16 | nonce 12 | AES-256-GCM ciphertext and tag
//
// with big-endian numbers. The header up to the nonce, the key's ARN and the encryption context are authenticated.
const (
	blobMagic  = "\x01BKM" // the first byte is the version of the format
	keyIDSize  = 16
	saltSize   = 16
	nonceSize  = 12
	tagSize    = 16
	saltAt     = len(blobMagic) + 8 + keyIDSize + 4
	nonceAt    = saltAt + saltSize
	boxAt      = nonceAt + nonceSize
	maxAccount = 999_999_999_999
)

// header is what a ciphertext blob says of itself.
type header struct {
	account, id string
	version     uint32
}

// parseBlob reads the header of a ciphertext blob. It returns false for anything that Encrypt never makes.
func parseBlob(b []byte) (header, bool) {
	if len(b) < boxAt+tagSize || string(b[:len(blobMagic)]) != blobMagic {
		return header{}, false
	}
	account := binary.BigEndian.Uint64(b[len(blobMagic):])
	if account > maxAccount {
		return header{}, false
	}
	h := header{account: fmt.Sprintf("%012d", account), version: binary.BigEndian.Uint32(b[saltAt-4:])}
	h.id = formatID([keyIDSize]byte(b[len(blobMagic)+8:]))
	return h, true
}

// newBlob begins a blob with a fresh salt and nonce, with room for a plaintext.
func newBlob(r ref, version uint32, room int) ([]byte, error) {
	account, err := strconv.ParseUint(r.account, 10, 64)
	if err != nil {
		return nil, err
	}
	id, err := parseID(r.id)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, boxAt+room+tagSize)
	b = append(b, blobMagic...)
	b = binary.BigEndian.AppendUint64(b, account)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint32(b, version)
	b = b[:boxAt]
	rand.Read(b[saltAt:])
	return b, nil
}

// formatID writes 16 bytes as a UUID.
func formatID(id [keyIDSize]byte) string {
	var b [36]byte
	hex.Encode(b[:8], id[:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:], id[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

func parseID(s string) (id [keyIDSize]byte, err error) {
	if !isUUID(s) {
		return id, fmt.Errorf("kms: %q is no key id", s)
	}
	var digits [2 * keyIDSize]byte
	n := 0
	for i := range len(s) {
		if s[i] != '-' {
			digits[n] = s[i]
			n++
		}
	}
	_, err = hex.Decode(id[:], digits[:])
	return id, err
}

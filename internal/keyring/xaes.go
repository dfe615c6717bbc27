package keyring

import (
	"crypto/aes"
	"crypto/cipher"
)

// nonceSize is 192 bits, so that random nonces never repeat under one key however many messages it seals. Plain GCM's
// 96 bits allow 2³² messages a key (NIST SP 800-38D section 8.3), which session tokens alone reach within weeks.
const nonceSize = 24

const (
	tagSize   = 16
	gcmNonce  = 12
	blockSize = aes.BlockSize
)

// xaes is XAES-256-GCM (C2SP): each message is sealed by AES-256-GCM with a key derived from the first half of the
// nonce by NIST SP 800-108r1's counter mode over AES-CMAC.
type xaes struct {
	block cipher.Block
	k1    [blockSize]byte // CMAC's subkey for a full last block
}

func newXAES(key []byte) (*xaes, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	x := &xaes{block: b}
	b.Encrypt(x.k1[:], x.k1[:])
	var msb byte
	for i := blockSize - 1; i >= 0; i-- {
		x.k1[i], msb = x.k1[i]<<1|msb, x.k1[i]>>7
	}
	x.k1[blockSize-1] ^= msb * 0b10000111
	return x, nil
}

// message returns the AEAD of one message; it takes the second half of the nonce.
func (x *xaes) message(nonce []byte) (cipher.AEAD, error) {
	var k [2 * blockSize]byte
	defer clear(k[:])
	for half := range 2 {
		m := k[half*blockSize:][:blockSize]
		m[1], m[2] = byte(half+1), 'X'
		copy(m[4:], nonce[:gcmNonce])
		for i := range m {
			m[i] ^= x.k1[i]
		}
		x.block.Encrypt(m, m)
	}
	b, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

package sigv4

import (
	"crypto/sha256"
	"encoding"
	"hash"
)

// digest is SHA-256 as the standard library has it: its state can be saved and restored without allocation.
type digest interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

func newDigest() digest {
	d, ok := sha256.New().(digest)
	if !ok {
		panic("sigv4: crypto/sha256 cannot save its state")
	}
	return d
}

// stateSize is room for one saved SHA-256 state.
const stateSize = 128

// macKey is an HMAC-SHA256 key as the two hash states that follow its padded blocks (RFC 2104).
type macKey struct {
	inner, outer   [stateSize]byte
	nInner, nOuter int
}

// set makes k the key. Keys longer than a block are hashed first.
func (k *macKey) set(d digest, key []byte) error {
	var block [sha256.BlockSize]byte
	if len(key) > len(block) {
		sum := sha256.Sum256(key)
		copy(block[:], sum[:])
	} else {
		copy(block[:], key)
	}
	save := func(dst *[stateSize]byte, n *int, pad byte) error {
		var b [sha256.BlockSize]byte
		for i := range b {
			b[i] = block[i] ^ pad
		}
		d.Reset()
		d.Write(b[:])
		out, err := d.AppendBinary(dst[:0])
		*n = len(out)
		return err
	}
	if err := save(&k.inner, &k.nInner, 0x36); err != nil {
		return err
	}
	return save(&k.outer, &k.nOuter, 0x5c)
}

// sum puts the HMAC of msg into out[:0].
func (k *macKey) sum(d digest, out *[32]byte, msg []byte) error {
	if err := d.UnmarshalBinary(k.inner[:k.nInner]); err != nil {
		return err
	}
	d.Write(msg)
	d.Sum(out[:0])
	if err := d.UnmarshalBinary(k.outer[:k.nOuter]); err != nil {
		return err
	}
	d.Write(out[:])
	d.Sum(out[:0])
	return nil
}

// deriveKey sets k to the signing key of a scope ("Derive a signing key").
func (k *macKey) deriveKey(d digest, secret []byte, date, region, service string) error {
	var out [32]byte
	key := append([]byte("AWS4"), secret...)
	defer clear(key)
	for _, part := range [...]string{date, region, service, terminator} {
		if err := k.set(d, key); err != nil {
			return err
		}
		if err := k.sum(d, &out, []byte(part)); err != nil {
			return err
		}
		key = append(key[:0], out[:]...)
	}
	return k.set(d, key)
}

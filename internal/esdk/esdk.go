// Package esdk writes messages in the format of the AWS Encryption SDK, which its libraries decrypt in every language
// ("AWS Encryption SDK message format reference", AWS Encryption SDK Developer Guide). It writes one form of them: message
// version 2, AES-256-GCM with key commitment and without a signature (suite 0x0478), in one frame.
package esdk

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

const (
	version     = 2
	suite       = 0x0478 // AES-256-GCM, HKDF-SHA512, key commitment
	idSize      = 32
	keySize     = 32
	nonceSize   = 12
	framed      = 2
	frameLength = 4096
	finalFrame  = 0xFFFFFFFF
	frameAAD    = "AWSKMSEncryptionClient Final Frame"
	providerKMS = "aws-kms"
)

// DataKey is what a message is encrypted under: a key of KMS's GenerateDataKey, 32 bytes, and the same key encrypted under
// the KMS key that KeyARN names. Its plaintext is secret: it prints without it.
type DataKey struct {
	KeyARN               string
	Plaintext, Encrypted []byte
}

// String names the key without its plaintext.
func (k DataKey) String() string { return "data key under " + k.KeyARN }

// GoString implements fmt.GoStringer.
func (k DataKey) GoString() string { return k.String() }

// Encrypt returns plaintext, at most 4096 bytes, as a message. The context must be the one that the data key was made with,
// and is readable in the message. Keys are derived anew for each message, so that a data key serves for many of them.
func Encrypt(k DataKey, context map[string]string, plaintext []byte) ([]byte, error) {
	if len(k.Plaintext) != keySize || len(plaintext) > frameLength {
		return nil, fmt.Errorf("esdk: a data key of %d bytes and a plaintext of %d", len(k.Plaintext), len(plaintext))
	}
	id := make([]byte, idSize)
	rand.Read(id) // never fails (crypto/rand)
	key, commitment, err := derive(k.Plaintext, id)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	out, err := header(k, context, id, commitment)
	if err != nil {
		return nil, err
	}
	out = gcm.Seal(out, make([]byte, nonceSize), nil, out) // the tag of the header, under the nonce of frame 0
	return appendFrame(out, gcm, id, plaintext), nil
}

// derive makes the key of one message and what commits the message to it.
func derive(dataKey, id []byte) (key, commitment []byte, err error) {
	prk, err := hkdf.Extract(sha512.New, dataKey, id)
	if err != nil {
		return nil, nil, err
	}
	defer clear(prk)
	info := binary.BigEndian.AppendUint16(nil, suite)
	if key, err = hkdf.Expand(sha512.New, prk, string(info)+"DERIVEKEY", keySize); err != nil {
		return nil, nil, err
	}
	commitment, err = hkdf.Expand(sha512.New, prk, "COMMITKEY", keySize)
	return key, commitment, err
}

// header is the message's header without its tag.
func header(k DataKey, context map[string]string, id, commitment []byte) ([]byte, error) {
	aad, err := encodeContext(context)
	if err != nil {
		return nil, err
	}
	b := []byte{version}
	b = binary.BigEndian.AppendUint16(b, suite)
	b = append(b, id...)
	if b, err = appendField(b, aad); err != nil {
		return nil, err
	}
	b = binary.BigEndian.AppendUint16(b, 1) // encrypted data keys
	for _, field := range [][]byte{[]byte(providerKMS), []byte(k.KeyARN), k.Encrypted} {
		if b, err = appendField(b, field); err != nil {
			return nil, err
		}
	}
	b = append(b, framed)
	b = binary.BigEndian.AppendUint32(b, frameLength)
	return append(b, commitment...), nil
}

func encodeContext(context map[string]string) (b []byte, err error) {
	if len(context) == 0 {
		return nil, nil
	}
	if len(context) > math.MaxUint16 {
		return nil, errors.New("esdk: a context of too many pairs")
	}
	b = binary.BigEndian.AppendUint16(nil, uint16(len(context)))
	for _, name := range slices.Sorted(maps.Keys(context)) {
		for _, field := range []string{name, context[name]} {
			if b, err = appendField(b, []byte(field)); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// appendField appends a field after its length in two bytes.
func appendField(b, field []byte) ([]byte, error) {
	if len(field) > math.MaxUint16 {
		return nil, fmt.Errorf("esdk: a field of %d bytes", len(field))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(field))), field...), nil
}

// appendFrame appends the body: one frame, number 1, which is also its nonce.
func appendFrame(b []byte, gcm cipher.AEAD, id, plaintext []byte) []byte {
	const number = 1
	nonce := binary.BigEndian.AppendUint32(make([]byte, nonceSize-4), number)
	aad := append(slices.Clone(id), frameAAD...)
	aad = binary.BigEndian.AppendUint32(aad, number)
	aad = binary.BigEndian.AppendUint64(aad, uint64(len(plaintext)))
	b = binary.BigEndian.AppendUint32(b, finalFrame)
	b = binary.BigEndian.AppendUint32(b, number)
	b = append(b, nonce...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(plaintext)))
	return gcm.Seal(b, nonce, plaintext, aad)
}

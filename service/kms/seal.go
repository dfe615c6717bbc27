package kms

import (
	"encoding/binary"
	"slices"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// Limits of the encryption context, which AWS only bounds by the size of the request: in bytes, keys and values together,
// and in pairs, so that a request cannot make its own decision slow.
const (
	maxContextBytes = 8192
	maxContextPairs = 256
)

func checkContext(context map[string]string) error {
	n := 0
	for k, v := range context {
		n += len(k) + len(v)
	}
	if n > maxContextBytes || len(context) > maxContextPairs {
		return invalid("EncryptionContext exceeds the limit of %d bytes or %d pairs", maxContextBytes, maxContextPairs)
	}
	return nil
}

// aad is what a blob's ciphertext is bound to: its header, the key's ARN and the encryption context whatever its order.
// Every part is preceded by its length, so that no two contexts read alike.
func aad(head []byte, keyARN string, context map[string]string) []byte {
	names := make([]string, 0, len(context))
	n := len(head) + len(keyARN) + 12
	for k, v := range context {
		names = append(names, k)
		n += len(k) + len(v) + 8
	}
	slices.Sort(names)
	b := make([]byte, 0, n)
	b = appendSized(b, string(head))
	b = appendSized(b, keyARN)
	b = binary.BigEndian.AppendUint32(b, uint32(len(names)))
	for _, k := range names {
		b = appendSized(b, k)
		b = appendSized(b, context[k])
	}
	return b
}

func appendSized(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// seal encrypts under the key's current material.
func (s *Service) seal(f *facts, plaintext []byte, context map[string]string) ([]byte, error) {
	if err := checkContext(context); err != nil {
		return nil, err
	}
	m := f.record.current()
	k, err := s.cipher(f, m.Version)
	if err != nil {
		return nil, fault.Wrap(err, "open key material")
	}
	b, err := newBlob(f.ref, m.Version, len(plaintext))
	if err != nil {
		return nil, fault.Wrap(err, "make a ciphertext blob")
	}
	gcm, err := k.aead(b[saltAt:nonceAt])
	if err != nil {
		return nil, fault.Wrap(err, "make a message key")
	}
	return gcm.Seal(b, b[nonceAt:boxAt], plaintext, aad(b[:nonceAt], f.arn, context)), nil
}

// open decrypts what seal made under any material of the key, and says which. The error is InvalidCiphertextException for
// all else, and IncorrectKeyException for a blob of another key.
func (s *Service) open(f *facts, blob []byte, context map[string]string) (plaintext []byte, m *material, err error) {
	if err := checkContext(context); err != nil {
		return nil, nil, err
	}
	h, ok := parseBlob(blob)
	if !ok {
		return nil, nil, badCiphertext()
	}
	if h.account != f.ref.account || h.id != f.ref.id {
		return nil, nil, wrongKey()
	}
	k, err := s.cipher(f, h.version)
	if err != nil {
		return nil, nil, fault.Wrap(err, "open key material")
	}
	if k == nil {
		return nil, nil, badCiphertext()
	}
	gcm, err := k.aead(blob[saltAt:nonceAt])
	if err != nil {
		return nil, nil, fault.Wrap(err, "make a message key")
	}
	plaintext, err = gcm.Open([]byte{}, blob[nonceAt:boxAt], blob[boxAt:], aad(blob[:nonceAt], f.arn, context))
	if err != nil {
		return nil, nil, badCiphertext().With(err)
	}
	for i := range f.record.Materials {
		if f.record.Materials[i].Version == h.version {
			m = &f.record.Materials[i]
		}
	}
	return plaintext, m, nil
}

// onlySymmetric refuses the algorithms of asymmetric keys.
func onlySymmetric(a api.EncryptionAlgorithmSpec) error {
	if a == "" || a == api.EncryptionAlgorithmSpecSymmetricDefault {
		return nil
	}
	return api.NewInvalidKeyUsageException("The encryption algorithm %s is not valid for a key with the key spec SYMMETRIC_DEFAULT.", a)
}

// noTokens refuses grant tokens: without grants there is none that is valid.
func noTokens(tokens []string) error {
	if len(tokens) > 0 {
		return api.NewInvalidGrantTokenException("The grant token is not valid.")
	}
	return nil
}

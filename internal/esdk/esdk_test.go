package esdk

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The format is also checked by AWS's own library: test/conformance/python/test_triggers.py decrypts such messages with it.

var testKey = DataKey{KeyARN: "arn:aws:kms:us-east-1:111122223333:key/k", Plaintext: bytes.Repeat([]byte{7}, 32), Encrypted: []byte("encrypted")}

// reader takes a message apart by the format's description.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) number(size int) (n int) {
	for _, b := range r.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

func (r *reader) field() string { return string(r.take(r.number(2))) }

func decrypt(k DataKey, message []byte) (plaintext []byte, context map[string]string, err error) {
	r := &reader{message}
	if r.number(1) != 2 || r.number(2) != 0x0478 {
		return nil, nil, errors.New("another version or suite")
	}
	id := r.take(32)
	context = map[string]string{}
	aad := &reader{[]byte(r.field())}
	if len(aad.b) > 0 {
		for range aad.number(2) {
			name := aad.field()
			context[name] = aad.field()
		}
	}
	if r.number(2) != 1 || r.field() != "aws-kms" || r.field() != k.KeyARN || r.field() != string(k.Encrypted) {
		return nil, nil, errors.New("another data key")
	}
	if r.number(1) != 2 || r.number(4) != 4096 {
		return nil, nil, errors.New("not framed")
	}
	prk, err := hkdf.Extract(sha512.New, k.Plaintext, id)
	if err != nil {
		return nil, nil, err
	}
	commitment, err := hkdf.Expand(sha512.New, prk, "COMMITKEY", 32)
	if err != nil || !bytes.Equal(commitment, r.take(32)) {
		return nil, nil, errors.Join(errors.New("not committed to the key"), err)
	}
	key, err := hkdf.Expand(sha512.New, prk, "\x04\x78DERIVEKEY", 32)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, err
	}
	head := message[:len(message)-len(r.b)]
	if _, err := gcm.Open(nil, make([]byte, 12), r.take(16), head); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	if r.number(4) != 0xFFFFFFFF || r.number(4) != 1 {
		return nil, nil, errors.New("not one frame")
	}
	nonce := r.take(12)
	n := r.number(4)
	bodyAAD := append(bytes.Clone(id), "AWSKMSEncryptionClient Final Frame\x00\x00\x00\x01"...)
	bodyAAD = binary.BigEndian.AppendUint64(bodyAAD, uint64(n))
	if plaintext, err = gcm.Open(nil, nonce, r.b, bodyAAD); err != nil {
		return nil, nil, fmt.Errorf("body: %w", err)
	}
	return plaintext, context, nil
}

func TestEncrypt(t *testing.T) {
	t.Parallel()
	for _, context := range []map[string]string{nil, {"userpool-id": "p"}, {"b": "2", "a": "1"}} {
		for _, text := range []string{"", "123456", strings.Repeat("x", 4096)} {
			m, err := Encrypt(testKey, context, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			got, about, err := decrypt(testKey, m)
			if err != nil || string(got) != text || len(about) != len(context) {
				t.Fatalf("%q %v %v", got, about, err)
			}
			for k, v := range context {
				if about[k] != v {
					t.Errorf("%s: %q, want %q", k, about[k], v)
				}
			}
			other := testKey
			other.Plaintext = bytes.Repeat([]byte{8}, 32)
			if _, _, err := decrypt(other, m); err == nil {
				t.Error("opens under another key")
			}
			again, err := Encrypt(testKey, context, []byte(text))
			if err != nil || bytes.Equal(m, again) {
				t.Error("two messages are the same")
			}
		}
	}
}

// Every byte of a message is authenticated.
func TestTampering(t *testing.T) {
	t.Parallel()
	m, err := Encrypt(testKey, map[string]string{"userpool-id": "p"}, []byte("123456"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range m {
		bad := bytes.Clone(m)
		bad[i] ^= 1
		func() {
			defer func() { _ = recover() }() // lengths that lead past the end
			if _, _, err := decrypt(testKey, bad); err == nil {
				t.Errorf("byte %d can be changed", i)
			}
		}()
	}
}

func TestWhatCannotBeEncrypted(t *testing.T) {
	t.Parallel()
	short := testKey
	short.Plaintext = short.Plaintext[:16]
	long := testKey
	long.Encrypted = make([]byte, 1<<16)
	for name, err := range map[string]error{
		"a short key": func() error { _, err := Encrypt(short, nil, nil); return err }(),
		"a long text": func() error { _, err := Encrypt(testKey, nil, make([]byte, 4097)); return err }(),
		"a long key":  func() error { _, err := Encrypt(long, nil, nil); return err }(),
		"a long pair": func() error {
			_, err := Encrypt(testKey, map[string]string{"a": strings.Repeat("x", 1<<16)}, nil)
			return err
		}(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDataKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{fmt.Sprint(testKey), fmt.Sprintf("%+v", testKey), fmt.Sprintf("%#v", testKey)} {
		if strings.Contains(text, "7") && !strings.Contains(text, "data key under") || strings.Contains(text, "encrypted") {
			t.Errorf("%s", text)
		}
	}
}

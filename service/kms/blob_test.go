package kms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authz"
)

func FuzzParseBlob(f *testing.F) {
	r := ref{accountB, region, "01234567-89ab-4cde-8f01-23456789abcd"}
	b, err := newBlob(r, 7, 16)
	if err != nil {
		f.Fatal(err)
	}
	whole := append(b, make([]byte, tagSize+1)...)
	f.Add(whole)
	f.Add(whole[:boxAt+tagSize-1])
	f.Add([]byte(blobMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := parseBlob(b)
		if !ok {
			return
		}
		again, err := newBlob(ref{h.account, region, h.id}, h.version, 0)
		if err != nil || !bytes.Equal(again[:saltAt], b[:saltAt]) {
			t.Errorf("%x reads as %+v", b[:saltAt], h)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add("alias/x")
	f.Add("arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-4cde-8f01-23456789abcd")
	f.Add("arn:aws:kms:eu-central-1:111111111111:alias/x")
	f.Fuzz(func(t *testing.T, s string) {
		n := parseName(s, accountA, region)
		if missing(n) == nil {
			t.Errorf("%q has no error", s)
		}
		if n.form == byKey && !isUUID(n.id) {
			t.Errorf("%q is no key id", n.id)
		}
		if again := parseName(n.arn(), accountA, region); (n.form == byKey || n.form == byAlias) &&
			(again.form != n.form || again.id != n.id || again.account != n.account) && s[0] != 'a' {
			t.Errorf("%q and its ARN %q differ", s, n.arn())
		}
	})
}

func TestNewID(t *testing.T) {
	t.Parallel()
	id := uuid.NewString()
	raw, err := parseID(id)
	if err != nil || formatID(raw) != id || id[14] != '4' || uuid.NewString() == id {
		t.Errorf("%q %v", id, err)
	}
}

func TestAADIsInjective(t *testing.T) {
	t.Parallel()
	type input struct {
		head, arn string
		context   map[string]string
	}
	seen := map[string]input{}
	for _, in := range []input{
		{"h", "arn", nil}, {"ha", "rn", nil}, {"", "harn", nil}, {"g", "arn", nil}, {"h", "arm", nil},
		{"h", "arn", map[string]string{"": ""}}, {"h", "arn", map[string]string{"a": "b"}}, {"h", "arn", map[string]string{"ab": ""}},
		{"h", "arn", map[string]string{"a": "1\x00\x00\x00\x01b2", "c": "3"}}, {"h", "arn", map[string]string{"a": "1", "b": "2\x00\x00\x00\x01c3"}},
	} {
		got := string(aad([]byte(in.head), in.arn, in.context))
		if other, ok := seen[got]; ok {
			t.Errorf("%+v and %+v are bound alike", in, other)
		}
		seen[got] = in
	}
}

func TestSaltMakesTheMessageKey(t *testing.T) {
	t.Parallel()
	k, err := newCipherKey(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	one, err := k.aead(bytes.Repeat([]byte{1}, saltSize))
	if err != nil {
		t.Fatal(err)
	}
	two, err := k.aead(bytes.Repeat([]byte{2}, saltSize))
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, nonceSize)
	box := one.Seal(nil, nonce, []byte("x"), nil)
	if _, err := two.Open(nil, nonce, box, nil); err == nil {
		t.Error("two salts make one key")
	}
	if _, err := newCipherKey(make([]byte, 16)); err == nil {
		t.Error("a short material is taken")
	}
}

// BenchmarkEncrypt compares the operation, requirement and decision included, with its handler and with bare AES-256-GCM
// under a fresh key, which is what it cannot be faster than.
func BenchmarkEncrypt(b *testing.B) {
	w := newWorld(b)
	k := w.createKey("")
	in := &api.EncryptInput{
		KeyId: k.Arn, Plaintext: make([]byte, 400), EncryptionContext: map[string]string{"tenant_id": "acme"},
	}
	c, err := authorize(w, w.root(), authz.Read, (*requirements).Encrypt, in)
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	b.Run("handler", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.svc.Encrypt(ctx, c, in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("requirement", func(b *testing.B) {
		b.ReportAllocs()
		r, scope := &requirements{w.svc}, &authz.Scope{Context: ctx, Account: accountA, Region: region, Caller: w.root(), Now: w.now}
		for b.Loop() {
			if r.Encrypt(scope, in).Err() != nil {
				b.Fatal("failed")
			}
		}
	})
	b.Run("data key", func(b *testing.B) {
		b.ReportAllocs()
		in := &api.GenerateDataKeyInput{KeyId: k.Arn, KeySpec: api.DataKeySpecAes256, EncryptionContext: in.EncryptionContext}
		for b.Loop() {
			if _, err := w.svc.GenerateDataKey(ctx, c, in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		key, nonce := make([]byte, 32), make([]byte, 12)
		for b.Loop() {
			block, err := aes.NewCipher(key)
			if err != nil {
				b.Fatal(err)
			}
			gcm, err := cipher.NewGCM(block)
			if err != nil {
				b.Fatal(err)
			}
			gcm.Seal(nil, nonce, in.Plaintext, nil)
		}
	})
}

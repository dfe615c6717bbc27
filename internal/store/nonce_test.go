package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"math"
	"sync"
	"testing"
)

func newTestKey(t *testing.T) *DataKey {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return NewDataKey(KeyID{1}, aead)
}

// No two messages of a key have one nonce, whichever way and by how many at once they are sealed, and however often the key is loaded: under
// one nonce AES-GCM gives away what is sealed, and how to forge it.
func TestNoncesServeOnce(t *testing.T) {
	t.Parallel()
	key := newTestKey(t)
	const each = 500
	sealed := make([][][]byte, 4)
	var wg sync.WaitGroup
	for i := range sealed {
		wg.Go(func() {
			k := key
			if i == 3 {
				k = newTestKey(t) // loaded again
			}
			for n := range each {
				plain := appendRow(nil, []byte("Sacme#1"), bytes.Repeat([]byte("v"), n))
				var b []byte
				if n%2 == 0 {
					b = k.seal([]byte("place"), plain)
				} else {
					b = k.sealIn(append(k.room(len(plain)), plain...), []byte("place"))
				}
				sealed[i] = append(sealed[i], b)
				if got, err := key.open(nil, []byte("place"), b); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%d bytes open as %d, %v", len(plain), len(got), err)
				}
				if _, err := key.open(nil, []byte("elsewhere"), b); err == nil {
					t.Error("what was sealed opens at another place")
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, all := range sealed {
		for _, b := range all {
			nonce := string(b[sealedHead-12 : sealedHead])
			if seen[nonce] {
				t.Fatalf("the nonce %x serves twice", nonce)
			}
			seen[nonce] = true
		}
	}
}

// The count of messages ends, and the nonces begin anew with other random bytes.
func TestNoncesBeginAnew(t *testing.T) {
	t.Parallel()
	k := newTestKey(t)
	k.nonce[8], k.nonce[9], k.nonce[10], k.nonce[11] = 0xff, 0xff, 0xff, 0xfe
	before := k.nonce
	last := k.next()
	after := k.next()
	if !bytes.Equal(before[:8], last[:8]) || !bytes.Equal(last[8:], bytes.Repeat([]byte{0xff}, 4)) {
		t.Errorf("nonce %d is %x", uint32(math.MaxUint32), last)
	}
	if bytes.Equal(last[:8], after[:8]) || !bytes.Equal(after[8:], make([]byte, 4)) {
		t.Errorf("after %x comes %x", last, after)
	}
}

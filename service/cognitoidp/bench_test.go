package cognitoidp

import (
	"testing"

	"github.com/bulkhead/bulkhead/internal/jose"
)

// BenchmarkTokens and BenchmarkRawSigning are the two sides of the aim for tokens: all that comes with them against the
// two signatures alone.
func BenchmarkTokens(b *testing.B) {
	w := newWorld(b)
	w.member("ana", "email", "ana@example.com")
	w.group("acme", "", nil, "ana")
	token := *w.tokens(w.app, "ana").RefreshToken
	for b.Loop() {
		if _, err := w.refresh(w.app, token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRawSigning(b *testing.B) {
	keys, claims := testRSA(), []byte(`{"sub":"u"}`)
	for b.Loop() {
		for i := range 2 {
			if _, err := jose.Sign(keys[i], "k", claims); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkPasswordSignIn(b *testing.B) {
	w := newWorld(b)
	w.member("ana")
	for b.Loop() {
		if _, err := w.signIn(w.app, "ana", password); err != nil {
			b.Fatal(err)
		}
	}
}

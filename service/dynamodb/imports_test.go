package dynamodb

import (
	"strings"
	"testing"
)

// FuzzListToken opens what callers send as a token of ListImports.
func FuzzListToken(f *testing.F) {
	f.Add(strings.Repeat("0", 112))
	f.Fuzz(func(t *testing.T, token string) {
		if got := fromHex(&token); got == nil {
			t.Fatal("a token is no token")
		}
		back := fromHex(inHex(&token))
		if strings.TrimRight(token, ".") != *back {
			t.Fatalf("%q comes back as %q", token, *back)
		}
	})
}

package random_test

import (
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/random"
)

func TestText(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		text := random.Text("abc", 40)
		if len(text) != 40 || strings.Trim(text, "abc") != "" {
			t.Fatalf("%q is not 40 letters of abc", text)
		}
		if seen[text] {
			t.Fatalf("%q came twice", text)
		}
		seen[text] = true
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 1000 {
		n := random.Int(4)
		if n < 0 || n > 3 {
			t.Fatalf("%d is not below 4", n)
		}
		seen[n] = true
	}
	if len(seen) != 4 {
		t.Errorf("of 4 numbers only %d came up", len(seen))
	}
}

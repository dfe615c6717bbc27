package arch

import (
	"os"
	"strings"
	"testing"
)

// A number of a decision is given once, and the list of them has each.
func TestDecisions(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("../../docs/adr")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("../../docs/adr/README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, f := range files {
		number, _, ok := strings.Cut(f.Name(), "-")
		if !ok {
			continue
		}
		if other := names[number]; other != "" {
			t.Errorf("%s and %s have one number", other, f.Name())
		}
		if names[number] = f.Name(); !strings.Contains(string(list), "("+f.Name()+")") {
			t.Errorf("docs/adr/README.md does not list %s", f.Name())
		}
	}
	if len(names) == 0 {
		t.Error("there are no decisions")
	}
}

package codegen_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/codegen"
)

// TestUnsupportedShrinks holds the operations that are not served against the list in the tree. Lines may be deleted
// from it, never added, but when a new release of the models brings operations.
func TestUnsupportedShrinks(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, service := range services(t) {
		m, f, err := codegen.Load(models, service)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range slices.Sorted(slices.Values(m.Unsupported)) {
			fmt.Fprintf(&b, "%s:%s\n", f.SigningName, op)
		}
	}
	path := filepath.Join("testdata", "unsupported.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have := strings.Fields(b.String())
	listed := strings.Fields(string(want))
	for _, op := range have {
		if !slices.Contains(listed, op) {
			t.Errorf("%s is not served any more: the list only shrinks", op)
		}
	}
	for _, op := range listed {
		if !slices.Contains(have, op) {
			t.Errorf("%s is served: delete its line from %s", op, path)
		}
	}
}

var models = filepath.Join("..", "..", "models")

func services(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(models, "*.ops.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no models: %v", err)
	}
	names := make([]string, len(found))
	for i, path := range found {
		names[i] = strings.TrimSuffix(filepath.Base(path), ".ops.json")
	}
	return names
}

// TestModelsHoldFactsOnly refuses text of the service's documentation in a model.
func TestModelsHoldFactsOnly(t *testing.T) {
	t.Parallel()
	for _, service := range services(t) {
		raw, err := os.ReadFile(filepath.Join(models, service+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{`"documentation"`, `"deprecatedMessage"`, "<p>"} {
			if strings.Contains(string(raw), word) {
				t.Errorf("%s.json holds %s", service, word)
			}
		}
	}
}

// TestPatterns compiles every pattern of the models, those of outputs included, and says which need a patch.
func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, service := range services(t) {
		m, _, err := codegen.Load(models, service)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(m.Shapes)) {
			if s := m.Shapes[name]; s.Pattern != "" {
				if _, err := codegen.RE2(s); err != nil {
					t.Errorf("%s: the pattern of %s needs a patch: %v", service, name, err)
				}
			}
		}
	}
}

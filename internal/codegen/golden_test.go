package codegen_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bulkhead/bulkhead/internal/codegen"
)

var update = flag.Bool("update", false, "write the golden files")

// variants are the two test models in the five protocols.
var variants = []struct {
	model, pkg, protocol, version string
}{
	{"rpc", "json10", "json", "1.0"},
	{"rpc", "json11", "json", "1.1"},
	{"rpc", "query", "query", ""},
	{"rest", "restjson", "rest-json", ""},
	{"rest", "restxml", "rest-xml", ""},
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		t.Run(v.pkg, func(t *testing.T) {
			t.Parallel()
			m, f, err := codegen.Load(filepath.Join("testdata", "models"), v.model)
			if err != nil {
				t.Fatal(err)
			}
			m.Metadata.Protocol, m.Metadata.JSONVersion, f.Package = v.protocol, v.version, v.pkg
			files, err := codegen.Generate(m, f)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join("testdata", "api", v.pkg)
			if *update {
				write(t, dir, files)
			}
			found, err := filepath.Glob(filepath.Join(dir, "*.gen.go"))
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != len(files) {
				t.Errorf("%d golden files, %d generated: run go test ./internal/codegen -update", len(found), len(files))
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				want, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(files[name], want) {
					t.Errorf("%s/%s differs from its golden file: run go test ./internal/codegen -update and read the diff", dir, name)
				}
			}
		})
	}
}

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, src := range files {
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFresh fails when a generated file of the tree is stale, and shows on the way that two runs write the same.
func TestFresh(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	for range 2 {
		files, err := codegen.Tree(filepath.Join(root, "models"))
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil || !bytes.Equal(have, want) {
				t.Errorf("%s is stale: run go generate ./internal/codegen (%v)", name, err)
			}
		}
	}
}

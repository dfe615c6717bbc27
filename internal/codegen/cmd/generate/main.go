// Command generate writes the packages under api and docs/coverage.md from the models. With --check it writes nothing
// and fails when a file is not what it would write.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/bulkhead/bulkhead/internal/codegen"
)

func main() {
	root := flag.String("root", ".", "root of the source tree")
	check := flag.Bool("check", false, "fail when a generated file is stale; write nothing")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	want, err := codegen.Tree(filepath.Join(root, "models"))
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(root, "api", "*", "*.gen.go"))
	if err != nil {
		return err
	}
	var stale []string
	for _, path := range old {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if _, ok := want[filepath.ToSlash(rel)]; ok {
			continue
		}
		stale = append(stale, rel)
		if !check {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		path := filepath.Join(root, filepath.FromSlash(name))
		have, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && bytes.Equal(have, want[name]) {
			continue
		}
		stale = append(stale, name)
		if check {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // source directories are world-readable
			return err
		}
		if err := os.WriteFile(path, want[name], 0o644); err != nil { //nolint:gosec // source files are world-readable
			return err
		}
	}
	if check && len(stale) > 0 {
		return fmt.Errorf("stale, run go generate ./internal/codegen: %v", stale)
	}
	return nil
}

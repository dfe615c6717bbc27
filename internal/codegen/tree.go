package codegen

import (
	"fmt"
	"path/filepath"
	"strings"
)

//go:generate go run ./cmd/generate --root ../..

// Tree returns every generated file, by its path from the root of the tree.
func Tree(models string) (map[string][]byte, error) {
	found, err := filepath.Glob(filepath.Join(models, "*.ops.json"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no models in %s", models)
	}
	files := map[string][]byte{}
	var services []coverage
	for _, path := range found {
		service := strings.TrimSuffix(filepath.Base(path), ".ops.json")
		m, f, err := Load(models, service)
		if err != nil {
			return nil, err
		}
		out, err := Generate(m, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", service, err)
		}
		for name, src := range out {
			files["api/"+f.Package+"/"+name] = src
		}
		services = append(services, coverage{service, m, f})
	}
	files["docs/coverage.md"] = writeCoverage(services)
	return files, nil
}

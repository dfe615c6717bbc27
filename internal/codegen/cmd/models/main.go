// Command models writes models/<service>.json from the service descriptions of botocore, whose release models/SOURCE
// pins:
//
//	pip download --no-deps --no-binary :none: botocore==<version>; unzip; go run ./internal/codegen/cmd/models --botocore DIR
//
// DIR is botocore's data directory. Operations are served if models/<service>.ops.json names them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead/bulkhead/internal/codegen"
)

func main() {
	data := flag.String("botocore", "", "botocore's data directory")
	dir := flag.String("models", "models", "directory of the models")
	flag.Parse()
	if err := run(*data, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "models:", err)
		os.Exit(1)
	}
}

func run(data, dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, "*.ops.json"))
	if err != nil {
		return err
	}
	for _, path := range found {
		service := strings.TrimSuffix(filepath.Base(path), ".ops.json")
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var facts codegen.Facts
		if err := json.Unmarshal(raw, &facts); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if facts.Own {
			continue
		}
		out, err := codegen.Strip(data, service, facts.Operations)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, service+".json"), out, 0o644); err != nil { //nolint:gosec // source files are world-readable
			return err
		}
	}
	return nil
}

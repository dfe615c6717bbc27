package main

import (
	"fmt"
	"os"
	"strings"
)

// readAnchors reads a file of anchors, one a line; no name is no anchors.
func readAnchors(name string) ([]string, error) {
	if name == "" {
		return []string{}, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read anchors: %w", err)
	}
	return strings.Fields(string(b)), nil
}

package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
	"github.com/bulkhead/bulkhead/internal/kv/pgkv"
)

// OpenStore opens the backend that the configuration names.
func OpenStore(ctx context.Context, c *Config, log *slog.Logger) (kv.DB, error) {
	switch {
	case c.Store == "pebble":
		dir := filepath.Join(c.Data, "pebble")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
		return pebblekv.Open(dir, pebblekv.Options{Logger: log})
	case c.Store == "memory":
		return memkv.New(), nil
	case strings.HasPrefix(c.Store, "postgres://"), strings.HasPrefix(c.Store, "postgresql://"):
		return pgkv.Open(ctx, c.Store, pgkv.Options{})
	}
	return nil, fmt.Errorf("--store %q is none of pebble, memory and postgres://…", c.Store)
}

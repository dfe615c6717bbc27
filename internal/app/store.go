package app

import (
	"context"
	"errors"
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

// embeddedDir is where the embedded store is in the data directory.
const embeddedDir = "pebble"

// OpenStore opens the backend that the configuration names.
func OpenStore(ctx context.Context, c *Config, log *slog.Logger) (kv.DB, error) {
	switch {
	case c.Store == "pebble":
		dir := filepath.Join(c.Data, embeddedDir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
		cache, err := c.storeCache()
		if err != nil {
			return nil, err
		}
		return pebblekv.Open(dir, pebblekv.Options{Logger: log, CacheSize: cache})
	case c.Store == "memory":
		return memkv.New(), nil
	case isPostgres(c.Store):
		return pgkv.Open(ctx, c.Store, pgkv.Options{})
	}
	return nil, c.validateStore()
}

// validateStore refuses a store that is none. It says nothing of what is in it, which may be a mistyped URL with a
// password.
func (c *Config) validateStore() error {
	if c.Store == "pebble" || c.Store == "memory" || isPostgres(c.Store) {
		return nil
	}
	return errors.New("--store is none of pebble, memory and postgres://…")
}

func isPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

package pebblekv_test

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/kvtest"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, dir string, o pebblekv.Options) *pebblekv.DB {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet
	}
	o.CacheSize = 1 << 20
	db, err := pebblekv.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestContract(t *testing.T) {
	t.Parallel()
	t.Run("disk", func(t *testing.T) {
		t.Parallel()
		kvtest.Run(t, func(t *testing.T) kv.DB { return open(t, t.TempDir(), pebblekv.Options{}) })
	})
	t.Run("small tables", func(t *testing.T) {
		t.Parallel()
		kvtest.Run(t, func(t *testing.T) kv.DB {
			return open(t, "db", pebblekv.Options{FS: vfs.NewMem(), MemTableSize: 128 << 10})
		})
	})
}

package pebblekv

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bulkhead/bulkhead/internal/kv"
)

var _ kv.Checkpointer = (*DB)(nil)

// Checkpoint implements kv.Checkpointer. The files of the store are linked, not copied; all commits that were visible before the
// call are in it.
func (db *DB) Checkpoint(ctx context.Context, dir string) error {
	e, err := db.enter(ctx)
	if err != nil {
		return err
	}
	defer e.gate.Exit()
	if err := e.pdb.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("pebblekv: make a checkpoint in %s: %w", dir, err)
	}
	return nil
}

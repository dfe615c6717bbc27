package pebblekv

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// crowded is the context of a transaction that waits where others are favoured without end: as one ends, the next has its reservation.
type crowded struct {
	context.Context
	db    *DB
	key   []byte
	waits int
	give  context.CancelFunc
}

func (c *crowded) reserve() {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	last := c.db.reserved
	c.db.reserved = &reservation{points: map[uint32]struct{}{slotOf(c.key): {}}, done: make(chan struct{})}
	if last != nil {
		close(last.done)
	}
}

// Done is asked for by who begins to wait. It gives up the transaction that waits for all of them.
func (c *crowded) Done() <-chan struct{} {
	c.waits++
	c.reserve()
	if c.waits > 10*waits {
		c.give()
	}
	return c.Context.Done()
}

// Who writes without reading waits for some that are favoured, and not for all that come.
func TestWaitsForTheFavouredEnd(t *testing.T) {
	t.Parallel()
	db, err := Open("db", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, give := context.WithCancel(t.Context())
	defer give()
	c := &crowded{Context: ctx, db: db, key: []byte("hot"), give: give}
	c.reserve()
	err = db.Update(c, func(tx kv.Tx) error { return tx.Set(c.key, []byte("written")) })
	if err != nil || c.waits != waits {
		t.Errorf("it waited %d times: %v", c.waits, err)
	}
}

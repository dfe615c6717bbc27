// Package gate counts the running transactions of a store, so that Close can refuse new ones and wait for the rest.
package gate

import (
	"sync"
	"sync/atomic"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// Gate admits transactions until it is closed. Make it with New. Unlike a read-write lock it lets a transaction start
// within another while Close waits (it is refused, not blocked).
type Gate struct {
	running atomic.Int64
	closed  atomic.Bool
	once    sync.Once
	drained chan struct{}
}

// New returns an open gate.
func New() *Gate { return &Gate{drained: make(chan struct{})} }

// Enter admits a transaction, which must call Exit, or returns kv.ErrClosed.
func (g *Gate) Enter() error {
	g.running.Add(1)
	if g.closed.Load() {
		g.Exit()
		return kv.ErrClosed
	}
	return nil
}

// Exit ends what Enter admitted.
func (g *Gate) Exit() {
	if g.running.Add(-1) == 0 && g.closed.Load() {
		g.once.Do(func() { close(g.drained) })
	}
}

// Close refuses further transactions and returns when the running ones have ended. A second Close returns kv.ErrClosed.
func (g *Gate) Close() error {
	if !g.closed.CompareAndSwap(false, true) {
		return kv.ErrClosed
	}
	if g.running.Load() == 0 {
		g.once.Do(func() { close(g.drained) })
	}
	<-g.drained
	return nil
}

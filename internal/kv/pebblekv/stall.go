package pebblekv

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// Limits beyond which new transactions wait for Pebble's background work.
const (
	maxMemTables = 4 // times the size of one: small ones are left to pile up until they fill a table
	maxSublevels = 20
)

// stall holds transactions back while flushes and compactions are behind.
type stall struct {
	active  atomic.Bool
	kicks   chan struct{}
	stopped chan struct{}
	wg      sync.WaitGroup

	mu   sync.Mutex
	gone chan struct{} // closed at the end of the current stall
}

func (s *stall) init() {
	s.kicks = make(chan struct{}, 1)
	s.stopped = make(chan struct{})
	s.gone = make(chan struct{})
}

// kick has the state looked at again. Pebble calls it with its locks held.
func (s *stall) kick() {
	select {
	case s.kicks <- struct{}{}:
	default:
	}
}

// watch follows the state of pdb until stop.
func (s *stall) watch(pdb *pebble.DB, maxMemory uint64) {
	s.wg.Go(func() {
		for {
			select {
			case <-s.stopped:
				return
			case <-s.kicks:
			}
			m := pdb.Metrics()
			s.set(m.MemTable.Size > maxMemory || m.Levels[0].Sublevels > maxSublevels)
		}
	})
}

func (s *stall) set(active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active.Load() && !active {
		close(s.gone)
		s.gone = make(chan struct{})
	}
	s.active.Store(active)
}

// stop ends watch. It must be called before the store that is watched is closed.
func (s *stall) stop() {
	close(s.stopped)
	s.wg.Wait()
}

// admit waits for the end of a stall, for ctx, or for broken.
func (s *stall) admit(ctx context.Context, broken <-chan struct{}) error {
	for s.active.Load() {
		s.mu.Lock()
		gone := s.gone
		s.mu.Unlock()
		if !s.active.Load() {
			return nil
		}
		select {
		case <-gone:
		case <-broken:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

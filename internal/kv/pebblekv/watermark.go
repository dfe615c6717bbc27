package pebblekv

import (
	"context"
	"sync"
	"sync/atomic"
)

// watermark is a number that only grows and that can be waited for.
type watermark struct {
	value   atomic.Uint64
	waiting atomic.Int64

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when value grows while somebody waits
}

func (w *watermark) init() { w.changed = make(chan struct{}) }

func (w *watermark) load() uint64 { return w.value.Load() }

// advance raises the value to at least n.
func (w *watermark) advance(n uint64) {
	for {
		old := w.value.Load()
		if old >= n {
			return
		}
		if w.value.CompareAndSwap(old, n) {
			break
		}
	}
	if w.waiting.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

// wait returns true once the value is at least n, and false if broken closes first. An error is that of ctx.
func (w *watermark) wait(ctx context.Context, n uint64, broken <-chan struct{}) (bool, error) {
	if w.value.Load() >= n {
		return true, nil
	}
	w.waiting.Add(1)
	defer w.waiting.Add(-1)
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		// Looked at after changed was taken and waiting was raised: an advance after this closes changed.
		if w.value.Load() >= n {
			return true, nil
		}
		select {
		case <-changed:
		case <-broken:
			return w.value.Load() >= n, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

package pebblekv

import "github.com/bulkhead/bulkhead/internal/kv"

// A transaction that has met conflicts again and again could run alone, and every commit of the store would wait for it. Before that it is
// favoured: what its last runs have read is reserved while it runs once more, and only commits that would write there wait. Whether it may
// commit is still decided by validation, so that a reservation which is too small costs another run and no more.

const (
	// favoured is how often a transaction runs with a reservation before it runs alone: it may read something else each time.
	favoured = 3
	// reservable is how many ranges are reserved at most. A transaction that has read more runs alone.
	reservable = 64
	// waits is how many reservations a commit waits for at most. Who writes without reading meets no conflict, is never favoured, and
	// would wait for as long as others are, one after the other.
	waits = 3
)

// reservation is what nobody else writes while a transaction runs.
type reservation struct {
	points map[uint32]struct{} // slots of keys
	spans  []span
	done   chan struct{} // closed when it ends; guarded by DB.mu, as all of it is while it is DB.reserved
}

// add reserves what t has read, beside what is reserved already. It is false if that is too much. The tx keeps nothing that it has read
// once it is released, so ranges are taken over: tx.scanBase has made them for it.
func (r *reservation) add(t *tx) bool {
	if len(r.spans)+len(t.spans) > reservable {
		return false
	}
	for _, s := range t.points {
		r.points[s] = struct{}{}
	}
	r.spans = append(r.spans, t.spans...)
	return true
}

// forbids reports whether t would write what is reserved.
func (r *reservation) forbids(t *tx) bool {
	for _, op := range t.writes.Ops() {
		if _, ok := r.points[slotOf(op.Key)]; ok {
			return true
		}
		for _, s := range r.spans {
			if s.contains(op.Key) {
				return true
			}
		}
	}
	return false
}

// runFavoured runs fn while what r holds is reserved for it. One transaction at a time is favoured.
func (db *DB) runFavoured(t *tx, r *reservation, fn func(kv.Tx) error) (*pending, error) {
	select {
	case db.turn <- struct{}{}:
	case <-t.ctx.Done():
		return nil, t.ctx.Err()
	}
	defer func() { <-db.turn }()
	done := make(chan struct{})
	db.mu.Lock()
	r.done, db.reserved = done, r // every commit from here on looks at it
	db.mu.Unlock()
	defer func() {
		db.mu.Lock()
		db.reserved = nil
		db.mu.Unlock()
		close(done)
	}()
	if err := fn(t); err != nil || t.writes.Len() == 0 {
		return nil, err
	}
	return db.commit(t, r)
}

// admitted returns with db.mu held once nothing that t writes is reserved for another transaction, or it has waited for enough of them; or
// with an error and without it. own is t's reservation, nil for none.
func (db *DB) admitted(t *tx, own *reservation) error {
	db.mu.Lock()
	for n := 0; n < waits; n++ {
		r := db.reserved
		if r == nil || r == own || !r.forbids(t) {
			break
		}
		stale, done := db.recent.changed(t), r.done
		db.mu.Unlock()
		if stale { // it need not wait to hear that it has to run again
			return errConflict
		}
		select {
		case <-done:
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
		db.mu.Lock()
	}
	return nil
}

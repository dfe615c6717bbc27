package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// Other nodes' changes are looked for this often, and caches are no longer trusted when looking has failed for
// epochTrust: a change is then seen within epochTrust or not served from a cache at all.
const (
	epochPoll  = 200 * time.Millisecond
	epochTrust = 900 * time.Millisecond
)

type epochKey struct{ service, account string }

// epochs counts the changes to facts that are cached, for each service and account.
type epochs struct {
	db      kv.DB
	counts  sync.Map // epochKey → *atomic.Uint64
	fresh   atomic.Int64
	seen    map[string]uint64 // key → stamp, by the poller only
	stop    context.CancelFunc
	stopped chan struct{}
}

func newEpochs(db kv.DB) *epochs {
	e := &epochs{db: db, seen: map[string]uint64{}}
	if !db.Shared() {
		return e
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.stop, e.stopped = cancel, make(chan struct{})
	go e.follow(ctx)
	return e
}

func (e *epochs) close() {
	if e.stop != nil {
		e.stop()
		<-e.stopped
	}
}

func (e *epochs) count(k epochKey) *atomic.Uint64 {
	if c, ok := e.counts.Load(k); ok {
		return c.(*atomic.Uint64)
	}
	c, _ := e.counts.LoadOrStore(k, new(atomic.Uint64))
	return c.(*atomic.Uint64)
}

// now returns the epoch, or false when changes of other nodes may have gone unseen.
func (e *epochs) now(k epochKey) (uint64, bool) {
	if e.stop != nil && time.Now().UnixNano()-e.fresh.Load() > int64(epochTrust) {
		return 0, false
	}
	// What nothing was changed in has no count: account ids come with requests that nobody has authenticated yet, so a
	// question must not cost memory.
	if c, ok := e.counts.Load(k); ok {
		return c.(*atomic.Uint64).Load(), true
	}
	return 0, true
}

// bump drops what this node has cached of the keys.
func (e *epochs) bump(keys []epochKey) {
	for _, k := range keys {
		e.count(k).Add(1)
	}
}

// mark writes, in the transaction of the change, what other nodes look for: a random stamp, so that no read is needed.
func (e *epochs) mark(w kv.Tx, keys []epochKey) error {
	if e.stop == nil {
		return nil
	}
	for _, k := range keys {
		var stamp [8]byte
		rand.Read(stamp[:])
		if err := w.Set(append([]byte{spaceEpochs}, K(k.service, k.account)...), stamp[:]); err != nil {
			return err
		}
	}
	return nil
}

func (e *epochs) follow(ctx context.Context) {
	defer close(e.stopped)
	tick := time.NewTicker(epochPoll)
	defer tick.Stop()
	for {
		e.poll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// poll bumps what other nodes marked since the last poll. A failure leaves fresh behind, and caches distrusted.
func (e *epochs) poll(ctx context.Context) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, epochTrust)
	defer cancel()
	err := e.db.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Prefix([]byte{spaceEpochs}), func(k, v []byte) bool {
			stamp := binary.BigEndian.Uint64(append(make([]byte, 0, 8), v...))
			if old, ok := e.seen[string(k)]; !ok || old != stamp {
				e.seen[string(k)] = stamp
				if parts := Key(k[1:]).Parts(); len(parts) == 2 {
					e.bump([]epochKey{{parts[0], parts[1]}})
				}
			}
			return true
		})
	})
	if err == nil {
		e.fresh.Store(began.UnixNano())
	}
}

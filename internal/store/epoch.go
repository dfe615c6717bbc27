package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
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
	counts  sync.Map // epochKey → *epochCount
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

// epochCount is the epoch of a service's facts in an account. Coming counts this node's transactions that change the facts
// and may be seen already although the epoch is still the old one.
type epochCount struct{ epoch, coming atomic.Uint64 }

func (e *epochs) count(k epochKey) *epochCount {
	if c, ok := e.counts.Load(k); ok {
		return c.(*epochCount)
	}
	c, _ := e.counts.LoadOrStore(k, new(epochCount))
	return c.(*epochCount)
}

// now returns the epoch, or false when changes of other nodes may have gone unseen.
func (e *epochs) now(k epochKey) (uint64, bool) {
	if e.stop != nil && time.Now().UnixNano()-e.fresh.Load() > int64(epochTrust) {
		return 0, false
	}
	// What nothing was changed in has no count: account ids come with requests that nobody has authenticated yet, so a
	// question must not cost memory.
	if c, ok := e.counts.Load(k); ok {
		return c.(*epochCount).epoch.Load(), true
	}
	return 0, true
}

// bump drops what this node has cached of the keys.
func (e *epochs) bump(keys []epochKey) {
	for _, k := range keys {
		e.count(k).epoch.Add(1)
	}
}

// announce says before a commit what it will change; announced is what was said before earlier attempts at it.
func (e *epochs) announce(announced, keys []epochKey) []epochKey {
	for _, k := range keys {
		if !slices.Contains(announced, k) {
			announced = append(announced, k)
			e.count(k).coming.Add(1)
		}
	}
	return announced
}

// settle ends what was announced, once the epochs are new or it is known that nothing was committed.
func (e *epochs) settle(announced []epochKey) {
	for _, k := range announced {
		e.count(k).coming.Add(^uint64(0))
	}
}

// unchanged reports whether nothing that can be seen so far has changed the facts since the epoch was this one. It never
// is certain of that where other nodes write.
func (e *epochs) unchanged(k epochKey, epoch uint64) bool {
	if e.stop != nil {
		return false
	}
	c, ok := e.counts.Load(k)
	if !ok {
		return epoch == 0
	}
	// The order matters: a change that is no longer coming has made its epoch before it said so.
	return c.(*epochCount).coming.Load() == 0 && c.(*epochCount).epoch.Load() == epoch
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

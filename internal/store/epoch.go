package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strconv"
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

// epochKey names cached facts: those of a service in an account, or a part of them.
type epochKey struct {
	service, account string
	// part is 0 for all of them, else the number of a part.
	part uint16
}

// parts bounds what is remembered, and polled on a shared store, for each service and account: a change in one of many
// resources drops what is cached of it and of one in parts of the others.
const parts = 256

// partKey is the key of the facts about one resource.
func partKey(service, account, resource string) epochKey {
	h := fnv.New32a()
	_, _ = h.Write([]byte(resource)) // never fails (hash.Hash)
	return epochKey{service, account, uint16(h.Sum32()%parts) + 1}
}

// whole is the key of all facts of the service and account.
func (k epochKey) whole() epochKey { return epochKey{service: k.service, account: k.account} }

// mark is where other nodes look for changes.
func (k epochKey) mark() []byte {
	at := K(k.service, k.account)
	if k.part != 0 {
		at = K(k.service, k.account, strconv.Itoa(int(k.part)))
	}
	return append([]byte{spaceEpochs}, at...)
}

// epochKeyOf reads a key that mark made.
func epochKeyOf(b []byte) (epochKey, bool) {
	words := Key(b[1:]).Parts()
	if len(words) == 2 {
		return epochKey{service: words[0], account: words[1]}, true
	}
	if len(words) != 3 {
		return epochKey{}, false
	}
	n, err := strconv.ParseUint(words[2], 10, 16)
	return epochKey{words[0], words[1], uint16(n)}, err == nil
}

// epochs counts the changes to facts that are cached, for each service and account.
type epochs struct {
	db      kv.DB
	counts  sync.Map                  // epochKey → *epochCount
	fresh   atomic.Pointer[time.Time] // when the last poll that succeeded began
	seen    map[string]uint64         // key → stamp, by the poller only
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
	if e.stop != nil && !trusted(e.fresh.Load(), time.Now()) {
		return 0, false
	}
	// What nothing was changed in has no count: account ids come with requests that nobody has authenticated yet, so a
	// question must not cost memory.
	n := e.epochOf(k)
	if k.part != 0 {
		n += e.epochOf(k.whole()) // neither ever falls, so that the sum tells of a change in either
	}
	return n, true
}

// trusted reports whether what was polled at a time may still be taken for all that other nodes have changed. Both clocks must say so: the
// wall clock can be set back, and the monotonic one stands still while a machine is suspended.
func trusted(polled *time.Time, now time.Time) bool {
	if polled == nil {
		return false
	}
	wall := now.Round(0).Sub(polled.Round(0))
	return now.Sub(*polled) <= epochTrust && 0 <= wall && wall <= epochTrust
}

func (e *epochs) epochOf(k epochKey) uint64 {
	if c, ok := e.counts.Load(k); ok {
		return c.(*epochCount).epoch.Load()
	}
	return 0
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
	n, settled := e.settled(k)
	if k.part != 0 && settled {
		var all uint64
		all, settled = e.settled(k.whole())
		n += all
	}
	return settled && n == epoch
}

// settled returns the epoch, false while a change is coming. The order matters: a change that is no longer coming has made
// its epoch before it said so.
func (e *epochs) settled(k epochKey) (epoch uint64, ok bool) {
	c, ok := e.counts.Load(k)
	if !ok {
		return 0, true
	}
	coming := c.(*epochCount).coming.Load()
	return c.(*epochCount).epoch.Load(), coming == 0
}

// mark writes, in the transaction of the change, what other nodes look for: a random stamp, so that no read is needed.
func (e *epochs) mark(w kv.Tx, keys []epochKey) error {
	if e.stop == nil {
		return nil
	}
	for _, k := range keys {
		var stamp [8]byte
		rand.Read(stamp[:])
		if err := w.Set(k.mark(), stamp[:]); err != nil {
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

// poll bumps what other nodes marked since the last poll. A failure leaves fresh behind, and caches distrusted; a store that a newer
// program has opened fails from then on.
func (e *epochs) poll(ctx context.Context) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, epochTrust)
	defer cancel()
	if m, ok := e.db.(kv.Marked); ok && m.CheckMark(ctx) != nil {
		return
	}
	err := e.db.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Prefix([]byte{spaceEpochs}), func(k, v []byte) bool {
			stamp := binary.BigEndian.Uint64(append(make([]byte, 0, 8), v...))
			if old, ok := e.seen[string(k)]; !ok || old != stamp {
				e.seen[string(k)] = stamp
				if changed, ok := epochKeyOf(k); ok {
					e.bump([]epochKey{changed})
				}
			}
			return true
		})
	})
	if err == nil {
		e.fresh.Store(&began)
	}
}

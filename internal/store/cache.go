package store

import (
	"container/list"
	"sync"
)

// Cache keeps facts that were read from the store until a transaction says Records.Changed of their service and account.
// It is bounded and safe for concurrent use.
type Cache[K comparable, V any] struct {
	db      *DB
	service string
	size    int

	mu      sync.Mutex
	entries map[K]*list.Element
	recent  list.List // of *entry[K, V], most recent first
}

type entry[K comparable, V any] struct {
	key   K
	of    epochKey
	epoch uint64
	value V
}

// NewCache returns a cache of at most size facts of a service.
func NewCache[K comparable, V any](db *DB, service string, size int) *Cache[K, V] {
	return &Cache[K, V]{db: db, service: service, size: size, entries: map[K]*list.Element{}}
}

// Get returns the fact at key of the account, from load if it is not cached or may have changed. Errors are not kept.
func (c *Cache[K, V]) Get(account string, key K, load func() (V, error)) (V, error) {
	return c.get(epochKey{service: c.service, account: account}, key, load)
}

// GetIn is Get for a fact about one resource of the account. It is dropped by Records.ChangedIn of that resource, and by
// Changed.
func (c *Cache[K, V]) GetIn(account, resource string, key K, load func() (V, error)) (V, error) {
	return c.get(partKey(c.service, account, resource), key, load)
}

func (c *Cache[K, V]) get(of epochKey, key K, load func() (V, error)) (V, error) {
	epoch, sure := c.db.epochs.now(of)
	if sure {
		if v, ok := c.lookup(key, of, epoch); ok {
			return v, nil
		}
	}
	v, err := load()
	if err == nil && sure {
		c.keep(&entry[K, V]{key, of, epoch, v})
	}
	return v, err
}

// Peek returns the fact at key of the account if it is cached and up to date: changes of other nodes are seen within a second.
func (c *Cache[K, V]) Peek(account string, key K) (v V, ok bool) {
	of := epochKey{service: c.service, account: account}
	epoch, sure := c.db.epochs.now(of)
	if !sure {
		return v, false
	}
	return c.lookup(key, of, epoch)
}

// Held is a cached fact with its epoch. The zero Held holds nothing.
type Held[V any] struct {
	Value V
	key   epochKey
	epoch uint64
	ok    bool
}

// Held returns the fact at key of the account if it is cached. Ask before a transaction, and Held.In at its end.
func (c *Cache[K, V]) Held(account string, key K) (h Held[V]) {
	h.key = epochKey{service: c.service, account: account}
	var sure bool
	if h.epoch, sure = c.db.epochs.now(h.key); sure {
		h.Value, h.ok = c.lookup(key, h.key, h.epoch)
	}
	return h
}

// OK reports whether the fact was cached.
func (h *Held[V]) OK() bool { return h.ok }

// Alone reports whether no other node writes, so that Held.In may be true.
func (db *DB) Alone() bool { return !db.kv.Shared() }

// In reports whether the fact is the one that the transaction reads, which began after the cache was asked. It is true of
// all that the transaction has read so far and of nothing that it reads later, so ask last: some backends take a snapshot
// at the first read. Why it is so: a change that the snapshot holds was announced before it could be seen, so that by now
// it is still coming or has made an epoch after the fact's, unless it was committed before the fact was read. And what
// the fact holds had been committed, durably, before the transaction began. False where other nodes write.
//
// A writing transaction commits later than it reads: it has to Depend on the records that the fact was made of, too.
func (h *Held[V]) In(tx *Tx) bool { return h.ok && tx.epochs.unchanged(h.key, h.epoch) }

func (c *Cache[K, V]) lookup(key K, of epochKey, epoch uint64) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[key]
	if el == nil {
		return v, false
	}
	e := el.Value.(*entry[K, V])
	if e.of != of || e.epoch != epoch {
		return v, false
	}
	c.recent.MoveToFront(el)
	return e.value, true
}

func (c *Cache[K, V]) keep(e *entry[K, V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el := c.entries[e.key]; el != nil {
		el.Value = e
		c.recent.MoveToFront(el)
		return
	}
	c.entries[e.key] = c.recent.PushFront(e)
	if c.recent.Len() > c.size {
		last := c.recent.Back()
		c.recent.Remove(last)
		delete(c.entries, last.Value.(*entry[K, V]).key)
	}
}

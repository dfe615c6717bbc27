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
	key     K
	account string
	epoch   uint64
	value   V
}

// NewCache returns a cache of at most size facts of a service.
func NewCache[K comparable, V any](db *DB, service string, size int) *Cache[K, V] {
	return &Cache[K, V]{db: db, service: service, size: size, entries: map[K]*list.Element{}}
}

// Get returns the fact at key of the account, from load if it is not cached or may have changed. Errors are not kept.
func (c *Cache[K, V]) Get(account string, key K, load func() (V, error)) (V, error) {
	epoch, sure := c.db.epochs.now(epochKey{c.service, account})
	if sure {
		if v, ok := c.lookup(key, account, epoch); ok {
			return v, nil
		}
	}
	v, err := load()
	if err == nil && sure {
		c.keep(&entry[K, V]{key, account, epoch, v})
	}
	return v, err
}

func (c *Cache[K, V]) lookup(key K, account string, epoch uint64) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[key]
	if el == nil {
		return v, false
	}
	e := el.Value.(*entry[K, V])
	if e.account != account || e.epoch != epoch {
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

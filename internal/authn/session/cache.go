package session

import (
	"hash/maphash"
	"strings"
	"sync"

	"github.com/bulkhead/bulkhead/internal/authn"
)

// opened is a token that was opened before.
type opened struct {
	p      *authn.Principal
	secret []byte
}

const cacheShards = 16

// entryOverhead stands for the memory of an entry beside its text: the principal's is about as large again.
const entryOverhead = 512

// tokenCache holds opened tokens under their whole text, so a hit is as good as opening. It is bounded by bytes.
type tokenCache struct {
	seed   maphash.Seed
	max    int // bytes in each shard
	shards [cacheShards]struct {
		mu   sync.RWMutex
		m    map[string]*opened
		size int
	}
}

func newTokenCache(size int) *tokenCache {
	c := &tokenCache{seed: maphash.MakeSeed(), max: size / cacheShards}
	for i := range c.shards {
		c.shards[i].m = make(map[string]*opened)
	}
	return c
}

// shard looks at the nonce's part of the text only, which is random.
func (c *tokenCache) shard(token string) int {
	if len(token) > headerLen {
		token = token[:headerLen]
	}
	return int(maphash.String(c.seed, token) % cacheShards)
}

func (c *tokenCache) get(token string) *opened {
	s := &c.shards[c.shard(token)]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[token]
}

func cost(token string) int { return 2*len(token) + entryOverhead }

func (c *tokenCache) put(token string, e *opened) {
	n := cost(token)
	if n > c.max {
		return
	}
	s := &c.shards[c.shard(token)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.m[token]; ok {
		return
	}
	for old := range s.m { // the map's order is random, and a token costs a few microseconds to open again
		if s.size+n <= c.max {
			break
		}
		delete(s.m, old)
		s.size -= cost(old)
	}
	s.m[strings.Clone(token)] = e
	s.size += n
}

func (c *tokenCache) drop(token string) {
	s := &c.shards[c.shard(token)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.m[token]; ok {
		delete(s.m, token)
		s.size -= cost(token)
	}
}

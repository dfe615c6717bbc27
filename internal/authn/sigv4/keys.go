package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"hash"
	"hash/maphash"
	"strings"
	"sync"
)

// digest is SHA-256 as the standard library has it: its state can be saved and restored without allocation.
type digest interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

func newDigest() digest {
	d, ok := sha256.New().(digest)
	if !ok {
		panic("sigv4: crypto/sha256 cannot save its state")
	}
	return d
}

// stateSize is room for one saved SHA-256 state.
const stateSize = 128

// macKey is an HMAC-SHA256 key as the two hash states that follow its padded blocks (RFC 2104).
type macKey struct {
	inner, outer   [stateSize]byte
	nInner, nOuter int
}

// set makes k the key. Keys longer than a block are hashed first.
func (k *macKey) set(d digest, key []byte) error {
	var block [sha256.BlockSize]byte
	if len(key) > len(block) {
		sum := sha256.Sum256(key)
		copy(block[:], sum[:])
	} else {
		copy(block[:], key)
	}
	save := func(dst *[stateSize]byte, n *int, pad byte) error {
		var b [sha256.BlockSize]byte
		for i := range b {
			b[i] = block[i] ^ pad
		}
		d.Reset()
		d.Write(b[:])
		out, err := d.AppendBinary(dst[:0])
		*n = len(out)
		return err
	}
	if err := save(&k.inner, &k.nInner, 0x36); err != nil {
		return err
	}
	return save(&k.outer, &k.nOuter, 0x5c)
}

// sum puts the HMAC of msg into out[:0].
func (k *macKey) sum(d digest, out *[32]byte, msg []byte) error {
	if err := d.UnmarshalBinary(k.inner[:k.nInner]); err != nil {
		return err
	}
	d.Write(msg)
	d.Sum(out[:0])
	if err := d.UnmarshalBinary(k.outer[:k.nOuter]); err != nil {
		return err
	}
	d.Write(out[:])
	d.Sum(out[:0])
	return nil
}

// deriveKey sets k to the signing key of a scope ("Derive a signing key").
func (k *macKey) deriveKey(d digest, secret []byte, date, region, service string) error {
	var out [32]byte
	key := append([]byte("AWS4"), secret...)
	defer clear(key)
	for _, part := range [...]string{date, region, service, terminator} {
		if err := k.set(d, key); err != nil {
			return err
		}
		if err := k.sum(d, &out, []byte(part)); err != nil {
			return err
		}
		key = append(key[:0], out[:]...)
	}
	return k.set(d, key)
}

// scopeKey names a derived key.
type scopeKey struct{ id, date, region, service string }

// derived is a signing key and the secret it came from: an entry counts only for the very same secret, so a rotated or
// re-made secret never meets an old key.
type derived struct {
	secret []byte
	key    macKey
}

const keyShards = 16

// keyCache holds the signing keys of callers that were verified before, at most shardMax in each shard.
type keyCache struct {
	seed     maphash.Seed
	shardMax int
	shards   [keyShards]struct {
		mu sync.RWMutex
		m  map[scopeKey]*derived
	}
}

func newKeyCache(size int) *keyCache {
	c := &keyCache{seed: maphash.MakeSeed(), shardMax: max(1, size/keyShards)}
	for i := range c.shards {
		c.shards[i].m = make(map[scopeKey]*derived)
	}
	return c
}

func (c *keyCache) shard(id string) int { return int(maphash.String(c.seed, id) % keyShards) }

func (c *keyCache) get(k scopeKey, secret []byte) *derived {
	s := &c.shards[c.shard(k.id)]
	s.mu.RLock()
	d := s.m[k]
	s.mu.RUnlock()
	if d == nil || subtle.ConstantTimeCompare(d.secret, secret) != 1 {
		return nil
	}
	return d
}

// put keeps a key. When a shard is full an arbitrary entry leaves it: the map's order is random, and a key costs
// only a few microseconds to derive again.
func (c *keyCache) put(k scopeKey, d *derived) {
	k = scopeKey{strings.Clone(k.id), strings.Clone(k.date), strings.Clone(k.region), strings.Clone(k.service)}
	s := &c.shards[c.shard(k.id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	for old := range s.m {
		if len(s.m) < c.shardMax {
			break
		}
		delete(s.m, old)
	}
	s.m[k] = d
}

func (c *keyCache) len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.m)
		s.mu.RUnlock()
	}
	return n
}

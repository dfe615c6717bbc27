package policy

import (
	"strings"
	"unicode"
)

// Context holds the condition keys of a request. Keys compare case-insensitively, tag keys and encryption context keys
// in them included; values are exact. The zero Context is empty. It is not safe for concurrent writes; once filled it
// may be read from many goroutines.
type Context struct {
	hashes  []uint64
	entries []contextEntry
	values  []string
}

type contextEntry struct {
	key        string
	start, end int
}

// Set gives a key its values, replacing those it had. A key without values is absent. The values are copied.
func (c *Context) Set(key string, values ...string) {
	h := hashFold(key)
	i := c.find(h, key)
	if len(values) == 0 {
		if i >= 0 {
			c.hashes = append(c.hashes[:i], c.hashes[i+1:]...)
			c.entries = append(c.entries[:i], c.entries[i+1:]...)
		}
		return
	}
	start := len(c.values)
	c.values = append(c.values, values...)
	e := contextEntry{key, start, len(c.values)}
	if i >= 0 {
		c.entries[i] = e
		return
	}
	c.hashes = append(c.hashes, h)
	c.entries = append(c.entries, e)
}

// Get returns the values of a key; ok is false if the key is absent. The values must not be changed.
func (c *Context) Get(key string) (values []string, ok bool) {
	values = c.lookup(hashFold(key), key)
	return values, values != nil
}

// Len returns the number of keys.
func (c *Context) Len() int {
	if c == nil {
		return 0
	}
	return len(c.entries)
}

// Each calls f for every key in the order they were first set, until f returns false.
func (c *Context) Each(f func(key string, values []string) bool) {
	if c == nil {
		return
	}
	for _, e := range c.entries {
		if !f(e.key, c.values[e.start:e.end:e.end]) {
			return
		}
	}
}

// Reset empties the context and keeps its memory for the next request.
func (c *Context) Reset() {
	clear(c.values)
	clear(c.entries)
	c.hashes, c.entries, c.values = c.hashes[:0], c.entries[:0], c.values[:0]
}

// CopyFrom makes c hold what from does. They share nothing that Set changes.
func (c *Context) CopyFrom(from *Context) {
	c.Reset()
	c.hashes = append(c.hashes, from.hashes...)
	c.entries = append(c.entries, from.entries...)
	c.values = append(c.values, from.values...)
}

// lookup returns the values of the key with the hash, nil if it is absent.
func (c *Context) lookup(h uint64, key string) []string {
	i := c.find(h, key)
	if i < 0 {
		return nil
	}
	e := &c.entries[i]
	return c.values[e.start:e.end:e.end]
}

func (c *Context) find(h uint64, key string) int {
	if c == nil {
		return -1
	}
	for i, x := range c.hashes {
		if x == h && (c.entries[i].key == key || strings.EqualFold(c.entries[i].key, key)) {
			return i
		}
	}
	return -1
}

// hashFold hashes s so that strings equal under strings.EqualFold hash alike. It only narrows a search: what it finds
// is always compared, so a collision costs time and never a decision.
func hashFold(s string) uint64 {
	h, ascii := hashLower(s)
	if !ascii {
		h, _ = hashLower(strings.Map(foldRune, s))
	}
	return h
}

// hashLower hashes eight bytes a step, each with the bit set that makes an ASCII letter lower-case.
func hashLower(s string) (h uint64, ascii bool) {
	const (
		multiplier = 0x9e3779b97f4a7c15
		lowerCase  = 0x2020202020202020
		highBits   = 0x8080808080808080
	)
	h = uint64(len(s)) * multiplier
	var seen uint64
	for len(s) >= 8 {
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		seen |= x
		h = (h ^ (x | lowerCase)) * multiplier
		h ^= h >> 32
		s = s[8:]
	}
	var x uint64
	for i := 0; i < len(s); i++ {
		x = x<<8 | uint64(s[i])
	}
	seen |= x
	h = (h ^ (x | lowerCase)) * multiplier
	return h ^ h>>32, seen&highBits == 0
}

// foldRune returns the same rune for all runes that strings.EqualFold holds equal, lower case where they are ASCII.
func foldRune(r rune) rune {
	least := r
	for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
		least = min(least, x)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

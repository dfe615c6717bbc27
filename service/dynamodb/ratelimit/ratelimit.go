// Package ratelimit keeps the capacity of tables, of indexes and of tenants in tables: how much of a rate is left at a time ("Burst and
// adaptive capacity", DynamoDB Developer Guide). Whose limit is asked for, and what a request that is over it is told, is the caller's.
//
// It is pure: it imports nothing of the module.
package ratelimit

import (
	"sync"
	"time"
)

// burst is how long unused capacity is kept (DynamoDB Developer Guide, "Burst and adaptive capacity").
const burst = 300 * time.Second

// Key names a bucket: of a table, of an index, or of a tenant in a table.
type Key struct {
	// ID is that of the table or the index, Tenant the tenant's if Tenants is true: "" is a tenant too.
	ID, Tenant string
	Tenants    bool
	// Write parts what is written from what is read.
	Write bool
}

// bucket is what is left of a rate at a time. It may be below zero: what a request takes is known when it was done, so that one
// is let in while there is anything left, and the next ones wait until its debt is paid.
type bucket struct {
	level float64
	at    time.Time
}

// Buckets are those of this node; the zero value is ready. They remember at least 65,536 of those used last; one that is forgotten is
// full again.
type Buckets struct {
	mu         sync.Mutex
	young, old map[Key]bucket
}

// maxBuckets bounds a generation of buckets, some 150 bytes each.
const maxBuckets = 1 << 16

// Level returns what the bucket holds now, under its rate in units a second.
func (b *Buckets) Level(k Key, rate float64, now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.filled(k, rate, now).level
}

func (b *Buckets) filled(k Key, rate float64, now time.Time) bucket {
	most := rate * burst.Seconds()
	x, ok := b.young[k]
	if !ok {
		x, ok = b.old[k]
	}
	if !ok {
		return bucket{most, now}
	}
	if past := now.Sub(x.at); past > 0 { // requests come in any order
		x.level, x.at = x.level+rate*past.Seconds(), now
	}
	x.level = min(x.level, most)
	return x
}

// Take takes units out of the bucket, if need be more than there are.
func (b *Buckets) Take(k Key, rate, units float64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.filled(k, rate, now)
	x.level -= units
	if b.young == nil || len(b.young) >= maxBuckets {
		b.young, b.old = map[Key]bucket{}, b.young
	}
	b.young[k] = x
}

package ratelimit

import (
	"fmt"
	"testing"
	"time"
)

// Buckets are bounded in number, and a clock that goes back gives nothing.
func TestBuckets(t *testing.T) {
	t.Parallel()
	var b Buckets
	now := time.Unix(1_700_000_000, 0)
	k := Key{ID: "t"}
	b.Take(k, 1, 300, now)
	if got := b.Level(k, 1, now.Add(-time.Hour)); got != 0 {
		t.Errorf("an hour ago: %v", got)
	}
	if got := b.Level(k, 1, now.Add(time.Hour)); got != 300 {
		t.Errorf("in an hour: %v", got)
	}
	for i := range 3 * maxBuckets {
		b.Take(Key{ID: fmt.Sprint(i)}, 1, 1, now)
		if i%1000 == 0 {
			b.Take(k, 1, 0, now)
		}
	}
	if n := len(b.young) + len(b.old); n > 2*maxBuckets {
		t.Errorf("%d buckets", n)
	}
	if got := b.Level(k, 1, now); got != 0 {
		t.Errorf("one that is in use was forgotten: %v", got)
	}
}

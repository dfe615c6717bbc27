package bench

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets whose bounds are some 3 % apart: exact to a µs below 32 µs, and up to an hour.
type histogram struct {
	counts [subBuckets * 28]uint32
	total  uint64
}

// subBuckets is how many buckets a power of two has.
const subBuckets = 32

func bucketOf(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < subBuckets {
		return int(us)
	}
	e := bits.Len64(us) - bits.Len64(subBuckets) // how far to shift until it is in [subBuckets, 2·subBuckets)
	return min(e*subBuckets+int(us>>e), len(histogram{}.counts)-1)
}

// lower is the least duration in a bucket.
func lower(bucket int) time.Duration {
	if bucket < 2*subBuckets {
		return time.Duration(bucket) * time.Microsecond
	}
	e := bucket/subBuckets - 1
	return time.Duration(uint64(bucket-e*subBuckets)<<e) * time.Microsecond
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.total++
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
}

// quantile is the duration that q of all are not above, as the middle of its bucket; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q * float64(h.total))
	var seen uint64
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen > rank || seen == h.total {
			return (lower(i) + lower(i+1)) / 2
		}
	}
	return lower(len(h.counts))
}

package pipeline

import (
	"sync"
	"time"
)

// Refusals of requests without a verified caller are audited one by one up to this rate, in events a second, with a burst.
// Beyond it they are counted, and the next event says how many: whoever has no credentials must not fill the disk.
const (
	floodRate  = 50
	floodBurst = 1000
)

// flood is a token bucket. The zero flood is full.
type flood struct {
	mu      sync.Mutex
	spent   float64 // tokens missing
	last    time.Time
	dropped int
}

// admit reports whether the refusal gets an event of its own, and if so how many got none since the last that did.
func (f *flood) admit(now time.Time) (dropped int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if elapsed := now.Sub(f.last); elapsed > 0 {
		f.spent = max(0, f.spent-elapsed.Seconds()*floodRate)
		f.last = now
	}
	if f.spent+1 > floodBurst {
		f.dropped++
		return 0, false
	}
	f.spent++
	dropped, f.dropped = f.dropped, 0
	return dropped, true
}

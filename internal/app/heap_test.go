package app

import (
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"testing"
)

// goal is the size of the heap at which the next collection ends.
func goal() uint64 {
	debug.FreeOSMemory() // collects
	s := []runtimemetrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	runtimemetrics.Read(s)
	return s[0].Value.Uint64()
}

func TestReserveHeap(t *testing.T) {
	for _, c := range []struct {
		name, gogc, limit string
		more              bool
	}{
		{name: "default", more: true},
		{name: "GOGC of the operator", gogc: "100"},
		{name: "GOMEMLIMIT of the operator", limit: "4GiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOGC", c.gogc)
			t.Setenv("GOMEMLIMIT", c.limit)
			before := goal()
			release := ReserveHeap()
			// it rises by twice that; the rest is room for what else the tests do
			if got := goal() >= before+heapReserve; got != c.more {
				t.Errorf("the reserve is held: %v, want %v", got, c.more)
			}
			release()
		})
	}
}

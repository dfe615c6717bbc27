package app

import (
	"os"
	"runtime"
)

// heapReserve is how much more than the collector's own rule would allow may be allocated between two collections.
const heapReserve = 64 << 20

// ReserveHeap makes garbage collections rarer until release is called, unless the operator governs the collector by GOGC
// or GOMEMLIMIT. The live heap of a server with an embedded store is small, since its caches are not in it, so that by
// default it is collected many times a second under load. The reserve is memory that is never touched and so costs
// nothing itself; the collector counts it as live and waits for as much garbage again. A greater percentage would do the
// same for a small heap, but would let one of gigabytes (the store in memory) grow manyfold; this adds heapReserve at most.
func ReserveHeap() (release func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	reserve := make([]byte, heapReserve)
	return func() { runtime.KeepAlive(reserve) }
}

package app

import (
	"os"
	"runtime"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// How much more than the collector's own rule would allow may be allocated between two collections, in bytes: this part of the
// memory that the process may use, within these bounds.
const (
	heapReservePart = 32
	heapReserve     = 64 << 20
	maxHeapReserve  = 256 << 20
)

// memory is how many bytes the process may use: its cgroup's limit, else what the machine has.
var memory = memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)

// part is a part of the memory that a process may use, from least to most bytes: least if it is not known.
func part(memory memlimit.Provider, divisor, least, most uint64) int64 {
	n, err := memory()
	if err != nil {
		return int64(least)
	}
	return int64(min(max(n/divisor, least), most))
}

// ReserveHeap makes garbage collections rarer until release is called, unless the operator governs the collector by GOGC
// or GOMEMLIMIT. The live heap of a server with an embedded store is small, since its caches are not in it, so that by
// default it is collected many times a second under load. The reserve is memory that is never touched and so costs
// nothing itself; the collector counts it as live and waits for as much garbage again. A greater percentage would do the
// same for a small heap, but would let one of gigabytes (the store in memory) grow manyfold; this adds maxHeapReserve at most.
// With ten thousand tenants' sessions and keys in caches there is more to mark each time, so that a larger machine gives more.
func ReserveHeap() (release func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	reserve := make([]byte, part(memory, heapReservePart, heapReserve, maxHeapReserve))
	return func() { runtime.KeepAlive(reserve) }
}

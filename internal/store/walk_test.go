package store

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// A pause lies at least half way, before what is shown again, and says no more of a key than what divides it from one that is
// many rows away.
func TestWalkPauses(t *testing.T) {
	t.Parallel()
	const base = "base"
	var keys [][]byte
	for i := range 2000 {
		keys = append(keys, fmt.Appendf(nil, "%s%04d-%08x", base, i, i*2654435761))
	}
	for _, reverse := range []bool{false, true} {
		in := slices.Clone(keys)
		if reverse {
			slices.Reverse(in)
		}
		w := &walk{base: len(base), reverse: reverse, left: 1000 * (passing + 20), mid: 500 * (passing + 20)}
		shown := 0
		for i, k := range in {
			if i%7 == 3 {
				w.show(k)
				continue
			}
			p := w.pass(k, 20)
			if p == nil {
				continue
			}
			at := append([]byte(base), p.At...)
			before := 0
			for j, k := range in {
				if reverse == (bytes.Compare(k, at) < 0) {
					break
				}
				if before++; j%7 == 3 {
					shown++
				}
			}
			if before < 500 || before > i || len(p.At) > 3 || p.Shown != shown {
				t.Errorf("after %d rows the pause is at %q, behind %d with %d shown; it says %d", i, at, before, shown, p.Shown)
			}
			shown = -1
			break
		}
		if shown != -1 {
			t.Error("no pause")
		}
	}
}

// How much is passed over is drawn for each request: a fixed number would say where others' rows are to who moves a scan's beginning.
func TestWalksDiffer(t *testing.T) {
	t.Parallel()
	r := &rows{tx: &Tx{}}
	drawn := map[int]bool{}
	for range 64 {
		n := r.drawWalk()
		if n < DefaultWalk || n >= 2*DefaultWalk {
			t.Fatalf("a walk of %d bytes", n)
		}
		drawn[n] = true
	}
	if len(drawn) < 32 {
		t.Errorf("64 walks have %d lengths", len(drawn))
	}
	if w := r.newWalk(1, false, false); w.left < DefaultWalk || w.mid != w.left/2 {
		t.Errorf("a walk of %d bytes, half way at %d", w.left, w.mid)
	}
}

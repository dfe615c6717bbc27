package kvtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
)

var isolation = []test{
	{"view is a snapshot", viewIsSnapshot},
	{"lost update", lostUpdate},
	{"write skew", writeSkew},
	{"phantom", phantom},
	{"phantom of a bounded scan", phantomBounded},
	{"read only update is consistent", readOnlyUpdate},
	{"transfers keep the sum", transfers},
	{"contention ends", contentionEnds},
}

// interleave gives other the chance to finish in the middle of a transaction. A backend that runs transactions one
// after the other cannot let it, so the wait has an end; the outcome that is checked is the same either way.
func interleave(other <-chan struct{}) {
	select {
	case <-other:
	case <-time.After(20 * time.Millisecond):
	}
}

// together starts fn once, whatever the number of calls, and returns a channel closed at its end.
func together(once *sync.Once, done chan struct{}, fn func()) <-chan struct{} {
	once.Do(func() {
		go func() {
			defer close(done)
			fn()
		}()
	})
	return done
}

// race runs first with other started in its middle (first calls the function it is given between reads and writes) and
// waits for both.
func race(t *testing.T, db kv.DB, first func(kv.Tx, func()) error, other func(kv.Tx) error) {
	t.Helper()
	var once sync.Once
	done := make(chan struct{})
	errOther := make(chan error, 1)
	update(t, db, func(tx kv.Tx) error {
		return first(tx, func() {
			interleave(together(&once, done, func() { errOther <- db.Update(context.WithoutCancel(t.Context()), other) }))
		})
	})
	if err := <-errOther; err != nil {
		t.Fatalf("other Update: %v", err)
	}
}

func viewIsSnapshot(t *testing.T, db kv.DB) {
	set(t, db, "a", "1", "b", "1", "c", "1")
	view(t, db, func(r kv.Reader) error {
		if got, err := get(r, "a"); err != nil || got != "1" {
			t.Errorf("a is %q, %v", got, err)
		}
		update(t, db, func(tx kv.Tx) error {
			if err := tx.Set([]byte("b"), []byte("2")); err != nil {
				return err
			}
			if err := tx.Set([]byte("bb"), []byte("2")); err != nil {
				return err
			}
			return tx.Delete([]byte("c"))
		})
		if got, err := get(r, "b"); err != nil || got != "1" {
			t.Errorf("a view sees a later write: b is %q, %v", got, err)
		}
		return wantScan(r, kv.Range{}, pair{"a", "1"}, pair{"b", "1"}, pair{"c", "1"})
	})
	// And a view that begins after an Update has returned sees it.
	view(t, db, func(r kv.Reader) error {
		return wantScan(r, kv.Range{}, pair{"a", "1"}, pair{"b", "2"}, pair{"bb", "2"})
	})
}

func lostUpdate(t *testing.T, db kv.DB) {
	set(t, db, "n", "1")
	race(t, db,
		func(tx kv.Tx, pause func()) error {
			n, err := counter(tx, "n")
			if err != nil {
				return err
			}
			pause()
			return setCounter(tx, "n", n+1)
		},
		func(tx kv.Tx) error {
			n, err := counter(tx, "n")
			if err != nil {
				return err
			}
			return setCounter(tx, "n", n+10)
		})
	wantValue(t, db, "n", "12")
}

func writeSkew(t *testing.T, db kv.DB) {
	// Two doctors on call; each leaves if the other stays.
	set(t, db, "alice", "on", "bob", "on")
	leave := func(tx kv.Tx, me, other string, pause func()) error {
		state, err := get(tx, other)
		if err != nil {
			return err
		}
		pause()
		if state != "on" {
			return nil
		}
		return tx.Set([]byte(me), []byte("off"))
	}
	race(t, db,
		func(tx kv.Tx, pause func()) error { return leave(tx, "alice", "bob", pause) },
		func(tx kv.Tx) error { return leave(tx, "bob", "alice", func() {}) })
	view(t, db, func(r kv.Reader) error {
		a, err := get(r, "alice")
		if err != nil {
			return err
		}
		b, err := get(r, "bob")
		if err == nil && a == "off" && b == "off" {
			t.Error("write skew: both left")
		}
		return err
	})
}

// claim writes key unless the range holds a pair.
func claim(tx kv.Tx, rng kv.Range, key string, pause func()) error {
	got, err := collect(tx, rng)
	if err != nil {
		return err
	}
	pause()
	if len(got) > 0 {
		return nil
	}
	return tx.Set([]byte(key), []byte("x"))
}

func phantom(t *testing.T, db kv.DB) {
	for _, reverse := range []bool{false, true} {
		prefix := fmt.Sprintf("room-%v/", reverse)
		rng := kv.Prefix([]byte(prefix))
		rng.Reverse = reverse
		race(t, db,
			func(tx kv.Tx, pause func()) error { return claim(tx, rng, prefix+"a", pause) },
			func(tx kv.Tx) error { return claim(tx, rng, prefix+"b", func() {}) })
		view(t, db, func(r kv.Reader) error {
			got, err := collect(r, rng)
			if err == nil && len(got) != 1 {
				t.Errorf("reverse=%v: both claimed the room: %q", reverse, got)
			}
			return err
		})
	}
}

// phantomBounded: a scan stopped at a pair depends on what lies before that pair.
func phantomBounded(t *testing.T, db kv.DB) {
	set(t, db, "q/m", "0")
	first := func(tx kv.Tx, reverse bool) (string, error) {
		rng := kv.Prefix([]byte("q/"))
		rng.Reverse, rng.Limit = reverse, 1
		var key string
		err := tx.Scan(rng, func(k, _ []byte) bool {
			key = string(k)
			return false
		})
		return key, err
	}
	for _, tc := range []struct {
		reverse    bool
		other, out string
	}{{false, "q/a", "out/forward"}, {true, "q/z", "out/reverse"}} {
		race(t, db,
			func(tx kv.Tx, pause func()) error {
				k, err := first(tx, tc.reverse)
				if err != nil {
					return err
				}
				pause()
				return tx.Set([]byte(tc.out), []byte(k))
			},
			// Its own read of the output makes the order visible: whoever is second sees the first.
			func(tx kv.Tx) error {
				seen, err := get(tx, tc.out)
				if err != nil {
					return err
				}
				return tx.Set([]byte(tc.other), []byte(seen))
			})
		view(t, db, func(r kv.Reader) error {
			out, err := get(r, tc.out)
			if err != nil {
				return err
			}
			seen, err := get(r, tc.other)
			if err == nil && out == "q/m" && seen == "-" {
				t.Errorf("reverse=%v: neither transaction saw the other", tc.reverse)
			}
			return err
		})
	}
}

func readOnlyUpdate(t *testing.T, db kv.DB) {
	set(t, db, "a", "0", "b", "0")
	hammer(t, 4, 25, func(ctx context.Context, worker, i int) error {
		if worker%2 == 0 {
			return db.Update(ctx, func(tx kv.Tx) error {
				n, err := counter(tx, "a")
				if err != nil {
					return err
				}
				return firstError(setCounter(tx, "a", n+1), setCounter(tx, "b", n+1))
			})
		}
		return db.Update(ctx, func(tx kv.Tx) error {
			a, err := counter(tx, "a")
			if err != nil {
				return err
			}
			b, err := counter(tx, "b")
			if err == nil && a != b {
				return fmt.Errorf("torn read: a=%d b=%d", a, b)
			}
			return err
		})
	})
}

// hammer runs fn n times in each of so many workers and fails the test on the first error.
func hammer(t *testing.T, workers, n int, fn func(ctx context.Context, worker, i int) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range n {
				if err := fn(ctx, w, i); err != nil {
					t.Errorf("worker %d, step %d: %v", w, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func transfers(t *testing.T, db kv.DB) {
	const accounts, each, workers = 5, 100, 8
	name := func(i int) string { return fmt.Sprintf("account/%d", i) }
	var pairs []string
	for i := range accounts {
		pairs = append(pairs, name(i), fmt.Sprint(each))
	}
	set(t, db, pairs...)
	sum := func(r kv.Reader) error {
		total := 0
		err := r.Scan(kv.Prefix([]byte("account/")), func(_, v []byte) bool {
			var n int
			if _, err := fmt.Sscan(string(v), &n); err != nil {
				t.Errorf("value %q: %v", v, err)
			}
			total += n
			return true
		})
		if err == nil && total != accounts*each {
			return fmt.Errorf("sum is %d, want %d", total, accounts*each)
		}
		return err
	}
	hammer(t, workers, 20, func(ctx context.Context, worker, i int) error {
		switch {
		case worker == 0:
			return db.View(ctx, sum)
		case worker == 1 && i%2 == 0:
			return db.Update(ctx, func(tx kv.Tx) error { return sum(tx) })
		}
		from, to := rand.IntN(accounts), rand.IntN(accounts)
		return db.Update(ctx, func(tx kv.Tx) error {
			f, err := counter(tx, name(from))
			if err != nil || f == 0 {
				return err
			}
			if err := setCounter(tx, name(from), f-1); err != nil {
				return err
			}
			n, err := counter(tx, name(to))
			if err != nil {
				return err
			}
			return setCounter(tx, name(to), n+1)
		})
	})
	view(t, db, sum)
}

// contentionEnds: all transactions want the same key, some of them hold it long and read much, and each must end.
func contentionEnds(t *testing.T, db kv.DB) {
	const workers, n = 16, 6
	hammer(t, workers, n, func(ctx context.Context, worker, i int) error {
		if worker > 1 {
			return add(ctx, db, "hot", 1)
		}
		return db.Update(ctx, func(tx kv.Tx) error {
			if _, err := collect(tx, kv.Range{}); err != nil {
				return err
			}
			v, err := counter(tx, "hot")
			if err != nil {
				return err
			}
			time.Sleep(time.Millisecond) // a long transaction, which optimistic backends would starve
			return setCounter(tx, "hot", v+1)
		})
	})
	wantValue(t, db, "hot", fmt.Sprint(workers*n))
}

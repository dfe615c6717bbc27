package sim

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/overlay"
)

// rowsSpace is the first byte of the keys of rows (package store): the faults are in transactions that write those.
const rowsSpace = 0x20

// faulty is a store with a fault, once it is armed.
type faulty struct {
	kv.DB
	armed atomic.Bool
	// commit applies the writes of a transaction that read from a snapshot, by whichever mistake.
	commit func(f *faulty, ctx context.Context, ops []overlay.Op) error

	mu   sync.Mutex
	late []overlay.Op
}

// draft is a transaction that reads from a snapshot and keeps its writes to itself.
type draft struct {
	kv.Reader
	writes overlay.Writes
}

func (d *draft) Get(key []byte) ([]byte, bool, error) {
	if op, ok := d.writes.Get(key); ok {
		return op.Value, !op.Deleted, nil
	}
	return d.Reader.Get(key)
}

func (d *draft) Scan(r kv.Range, yield func(key, value []byte) bool) error {
	return d.writes.Scan(r, d.Reader.Scan, yield)
}

func (d *draft) Set(key, value []byte) error { return d.writes.Set(key, value) }

func (d *draft) Delete(key []byte) error {
	d.writes.Delete(key)
	return nil
}

// Update runs what writes rows in a snapshot, and applies it as commit does.
func (f *faulty) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if !f.armed.Load() {
		return f.DB.Update(ctx, fn)
	}
	var d draft
	err := f.View(ctx, func(r kv.Reader) error {
		d = draft{Reader: r}
		return fn(&d)
	})
	if err != nil {
		return err
	}
	for _, op := range d.writes.Ops() {
		if op.Key[0] == rowsSpace {
			return f.commit(f, ctx, d.writes.Ops())
		}
	}
	return f.DB.Update(ctx, fn)
}

// apply makes writes without a look at what was read.
func (f *faulty) apply(ctx context.Context, ops []overlay.Op) error {
	return f.DB.Update(ctx, func(tx kv.Tx) error {
		for _, op := range ops {
			var err error
			if op.Deleted {
				err = tx.Delete(op.Key)
			} else {
				err = tx.Set(op.Key, op.Value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// faults are what a store could do wrong.
var faults = map[string]func(*faulty, context.Context, []overlay.Op) error{
	"none": nil,
	"no conflict is noticed": func(f *faulty, ctx context.Context, ops []overlay.Op) error {
		runtime.Gosched()
		return f.apply(ctx, ops)
	},
	"a transaction is applied in two": func(f *faulty, ctx context.Context, ops []overlay.Op) error {
		f.mu.Lock() // one at a time: only readers see halves
		defer f.mu.Unlock()
		for _, op := range ops {
			if err := f.apply(ctx, []overlay.Op{op}); err != nil {
				return err
			}
			runtime.Gosched()
		}
		return nil
	},
	"a write is acknowledged before it is made": func(f *faulty, ctx context.Context, ops []overlay.Op) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		now := f.late
		f.late = ops // which the next one makes
		return f.apply(ctx, now)
	},
	"a write is acknowledged and not made": func(f *faulty, ctx context.Context, ops []overlay.Op) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.late) == 0 {
			f.late = ops
			return nil
		}
		return f.apply(ctx, ops)
	},
}

// The check of histories finds what a store does wrong, and finds nothing wrong with the same store without a fault.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	const tries = 20 // mostly one is enough
	for name, commit := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &faulty{commit: commit}
			endpoint, _ := inside(t, settings{Data: t.TempDir(), Store: "memory", backend: func(db kv.DB) kv.DB {
				f.DB = db
				return f
			}})
			cfg := as(t, endpoint, rootUser)
			ddb := dynamodb.NewFromConfig(cfg)
			makeRegisters(t, ddb, false)
			f.armed.Store(commit != nil)
			found := false
			for try := 0; try < tries && !found && (commit != nil || try < 2); try++ {
				h := &history{began: time.Now()}
				h.run(t, []aws.Config{cfg}, uint64(try)+1, false, func() {})
				if commit == nil {
					h.check(t)
				} else {
					result, _ := h.linearizable(faultLimit)
					found = result == porcupine.Illegal
				}
				f.mu.Lock()
				f.late = nil
				f.mu.Unlock()
				f.empty(t)
			}
			if found != (commit != nil) {
				t.Errorf("found: %v", found)
			}
		})
	}
}

// empty removes all rows, as every history begins without.
func (f *faulty) empty(t *testing.T) {
	t.Helper()
	err := f.DB.Update(t.Context(), func(tx kv.Tx) error {
		var keys [][]byte
		err := tx.Scan(kv.Prefix([]byte{rowsSpace}), func(k, _ []byte) bool {
			keys = append(keys, append([]byte{}, k...))
			return true
		})
		for _, k := range keys {
			if err == nil {
				err = tx.Delete(k)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

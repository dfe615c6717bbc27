package audit

import (
	"context"
	"runtime"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

func BenchmarkEncode(b *testing.B) {
	e := samples(b)["data"]
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = appendPayload(buf[:0], e)
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkQueue is what a data event costs its request, beside what the committer spends on the other core.
func BenchmarkQueue(b *testing.B) {
	db := memkv.New()
	o := options(b)
	o.MaxQueue = 1 << 30
	l := openLog(b, db, o)
	// The committer is kept from running, so that only the caller is measured.
	l.crash()
	l.failed, l.cur = nil, &batch{data: make([]byte, 0, 1<<20), ops: make([]op, 0, 1<<12)}
	e := samples(b)["data"]
	b.ReportAllocs()
	for b.Loop() {
		e.ID = ID{}
		if err := l.Queue(context.Background(), e); err != nil {
			b.Fatal(err)
		}
		if len(l.cur.ops) == 1<<10 {
			l.cur.data, l.cur.ops = l.cur.data[:0], l.cur.ops[:0]
		}
	}
}

// BenchmarkCommit is what the committer spends on an event: hashing, MAC and index entries.
func BenchmarkCommit(b *testing.B) {
	l := openLog(b, memkv.New(), options(b))
	l.crash()
	payload := appendPayload(nil, samples(b)["data"])
	batch := &batch{data: payload}
	for range 1000 {
		batch.ops = append(batch.ops, op{end: len(payload)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := l.build(batch, running); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}

// BenchmarkAppend32 appends management events from 32 goroutines, on a store that syncs, beside the floor: one bare
// write of the same size a transaction.
func BenchmarkAppend32(b *testing.B) {
	b.Run("log", func(b *testing.B) {
		l, sample := openLog(b, pebble(b), options(b)), *event(b, 1)
		writers(b, func() error {
			e := sample
			return l.Append(context.Background(), &e)
		})
		closeLog(b, l)
	})
	b.Run("floor", func(b *testing.B) {
		db := pebble(b)
		v := appendPayload(nil, event(b, 1))
		writers(b, func() error {
			id := NewID()
			return db.Update(context.Background(), func(tx kv.Tx) error { return tx.Set(id[:], v) })
		})
	})
}

func writers(b *testing.B, do func() error) {
	b.SetParallelism((32 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(); err != nil {
				b.Error(err)
			}
		}
	})
}

func pebble(b *testing.B) kv.DB {
	b.Helper()
	db, err := pebblekv.Open(b.TempDir(), pebblekv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db
}

package audit

import (
	"context"
	"testing"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
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

func BenchmarkAppend32(b *testing.B) {
	l := openLog(b, memkv.New(), options(b))
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		e := event(b, 1)
		for pb.Next() {
			e.ID = ID{}
			if err := l.Append(context.Background(), e); err != nil {
				b.Error(err)
			}
		}
	})
	closeLog(b, l)
}

// BenchmarkBareUpdate32 is the floor of BenchmarkAppend32: one write of the same size a transaction.
func BenchmarkBareUpdate32(b *testing.B) {
	db := memkv.New()
	v := appendPayload(nil, event(b, 1))
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := NewID()
			if err := db.Update(context.Background(), func(tx kv.Tx) error { return tx.Set(id[:], v) }); err != nil {
				b.Error(err)
			}
		}
	})
}

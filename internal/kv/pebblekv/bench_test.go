package pebblekv_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

const benchKeys = 20000

func benchKey(i int) []byte { return fmt.Appendf(nil, "item/%032x/%08d", 7, i%benchKeys) }

var benchValue = make([]byte, 400)

// openBare opens Pebble with the settings that pebblekv uses and nothing around it.
func openBare(b *testing.B) *pebble.DB {
	b.Helper()
	o := &pebble.Options{MemTableSize: 32 << 20, CacheSize: 64 << 20, FormatMajorVersion: pebble.FormatValueSeparation, Logger: silent{}}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(b.TempDir(), o)
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

type silent struct{}

func (silent) Infof(string, ...any)              {}
func (silent) Errorf(string, ...any)             {}
func (silent) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func openBench(b *testing.B) *pebblekv.DB {
	b.Helper()
	db, err := pebblekv.Open(b.TempDir(), pebblekv.Options{Logger: quiet})
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

// run spreads b.N calls of fn over so many goroutines.
func run(b *testing.B, concurrency int, fn func(i int) error) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range concurrency {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				if err := fn(i * 7919); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkUpdate compares a transaction of one Get and one Set with Pebble's bare synced write, and with a bare Get and
// write, which is the same work without isolation. Run it with -count to get
// interleaved pairs, and compare the medians; absolute figures depend on the disk.
func BenchmarkUpdate(b *testing.B) {
	for _, c := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("bare/%d", c), func(b *testing.B) {
			db := openBare(b)
			run(b, c, func(i int) error { return db.Set(benchKey(i), benchValue, pebble.Sync) })
		})
		b.Run(fmt.Sprintf("bareget/%d", c), func(b *testing.B) {
			db := openBare(b)
			run(b, c, func(i int) error {
				k := benchKey(i)
				if _, closer, err := db.Get(k); err == nil {
					if err := closer.Close(); err != nil {
						return err
					}
				} else if !errors.Is(err, pebble.ErrNotFound) {
					return err
				}
				return db.Set(k, benchValue, pebble.Sync)
			})
		})
		b.Run(fmt.Sprintf("kv/%d", c), func(b *testing.B) {
			db := openBench(b)
			run(b, c, func(i int) error {
				k := benchKey(i)
				return db.Update(context.Background(), func(tx kv.Tx) error {
					if _, _, err := tx.Get(k); err != nil {
						return err
					}
					return tx.Set(k, benchValue)
				})
			})
		})
	}
}

// BenchmarkGet compares a View of one Get with Pebble's bare Get.
func BenchmarkGet(b *testing.B) {
	for _, c := range []int{1, 32} {
		b.Run(fmt.Sprintf("bare/%d", c), func(b *testing.B) {
			db := openBare(b)
			batch := db.NewBatch()
			for i := range benchKeys {
				if err := batch.Set(benchKey(i), benchValue, nil); err != nil {
					b.Fatal(err)
				}
			}
			if err := batch.Commit(pebble.Sync); err != nil {
				b.Fatal(err)
			}
			if err := db.Flush(); err != nil {
				b.Fatal(err)
			}
			run(b, c, func(i int) error {
				_, closer, err := db.Get(benchKey(i))
				if err != nil {
					return err
				}
				return closer.Close()
			})
		})
		b.Run(fmt.Sprintf("kv/%d", c), func(b *testing.B) {
			dir := b.TempDir()
			db := open(b, dir, pebblekv.Options{})
			err := db.Update(b.Context(), func(tx kv.Tx) error {
				for i := range benchKeys {
					if err := tx.Set(benchKey(i), benchValue); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			// Opening again writes the log out as tables, as the bare store has them.
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
			db, err = pebblekv.Open(dir, pebblekv.Options{Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := db.Close(); err != nil {
					b.Error(err)
				}
			})
			run(b, c, func(i int) error {
				k := benchKey(i)
				return db.View(context.Background(), func(r kv.Reader) error {
					_, ok, err := r.Get(k)
					if err == nil && !ok {
						b.Error("absent")
					}
					return err
				})
			})
		})
	}
}

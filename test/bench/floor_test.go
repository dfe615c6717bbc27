package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// httpFloor serves the answer, byte for byte but for the date, with a net/http handler that reads the body, runs work
// and does nothing else. It returns the address.
func httpFloor(b *testing.B, answer *conn, work func(body []byte) error) string {
	b.Helper()
	parsed, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(append(bytes.Clone(answer.head), answer.body...))), nil)
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Clone(answer.body)
	header := parsed.Header
	header.Del("Date")
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second, WriteTimeout: 120 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent, err := io.ReadAll(r.Body)
			if err == nil && work != nil {
				err = work(sent)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			h := w.Header()
			for k, v := range header {
				h[k] = v
			}
			w.Write(body) //nolint:errcheck // the client notices
		}),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	b.Cleanup(func() {
		if err := srv.Close(); err != nil {
			b.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

type silent struct{}

func (silent) Infof(string, ...any)              {}
func (silent) Errorf(string, ...any)             {}
func (silent) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// store is a bare Pebble with the server's settings and as many rows of the same size.
type store struct {
	db   *pebble.DB
	next atomic.Int64
}

// warmup is how many rows fill the memory tables once.
const warmup = 80_000

var value = bytes.Repeat([]byte("v"), 450)

func rowKey(i int64) []byte { return fmt.Appendf(nil, "%032x/order#%06d", i%items, i%items) }

func (w *bed) bareStore(b *testing.B) *store {
	b.Helper()
	dir, err := w.tempDir()
	if err != nil {
		b.Fatal(err)
	}
	// of the cache, Pebble gives three memory tables away
	o := &pebble.Options{MemTableSize: 32 << 20, CacheSize: (64 + 3*32) << 20, FormatMajorVersion: pebble.FormatValueSeparation, Logger: silent{}}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	s := &store{db: db}
	// as in the server that has run for a while: rows are in tables, and logs are used again instead of grown
	for range 2 {
		for i := range int64(warmup) {
			if err := db.Set(rowKey(i), value, pebble.NoSync); err != nil {
				b.Fatal(err)
			}
		}
		if err := db.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func (s *store) put() error { return s.db.Set(rowKey(s.next.Add(1)*7919), value, pebble.Sync) }

func (s *store) get() error {
	v, closer, err := s.db.Get(rowKey(s.next.Add(1) * 7919))
	if err != nil {
		return err
	}
	if len(v) != len(value) {
		return errors.New("a row of another size")
	}
	return closer.Close()
}

// bare is a side that runs fn in so many goroutines of this process.
func bare(name string, goroutines int, fn func() error) side {
	return side{name, func(d time.Duration) (done, error) {
		var (
			count   atomic.Int64
			failure atomic.Pointer[error]
			wg      sync.WaitGroup
		)
		start := time.Now()
		for range goroutines {
			wg.Go(func() {
				n := int64(0)
				for ; failure.Load() == nil && time.Since(start) < d; n++ {
					if err := fn(); err != nil {
						failure.Store(&err)
					}
				}
				count.Add(n)
			})
		}
		wg.Wait()
		if e := failure.Load(); e != nil {
			return done{}, *e
		}
		return done{int(count.Load()), time.Since(start)}, nil
	}}
}

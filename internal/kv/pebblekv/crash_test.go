package pebblekv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

// childDir names, in the environment of a child process, the directory it shall write to until it is killed.
const childDir = "BULKHEAD_TEST_PEBBLEKV_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		writeForever(dir)
		return
	}
	os.Exit(m.Run())
}

// ledger is the set of transactions that a crash must not take back.
type ledger struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (l *ledger) add(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		l.ids = map[string]bool{}
	}
	l.ids[id] = true
}

func (l *ledger) copy() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := make(map[string]bool, len(l.ids))
	for id := range l.ids {
		c[id] = true
	}
	return c
}

// writePair is a transaction whose halves are far apart, and which also counts all of its kind.
func writePair(ctx context.Context, db kv.DB, id string) error {
	return db.Update(ctx, func(tx kv.Tx) error {
		n, _, err := tx.Get([]byte("m/count/" + id[:1]))
		if err != nil {
			return err
		}
		var count int
		if n != nil {
			if _, err := fmt.Sscan(string(n), &count); err != nil {
				return err
			}
		}
		return errors.Join(
			tx.Set([]byte("a/"+id), []byte(id)),
			tx.Set([]byte("z/"+id), []byte(id)),
			tx.Set([]byte("m/count/"+id[:1]), fmt.Append(nil, count+1)))
	})
}

// pairs returns the transactions found in the store and fails the test for each that is half there.
func pairs(t *testing.T, db kv.DB) map[string]bool {
	t.Helper()
	found := map[string]int{}
	err := db.View(t.Context(), func(r kv.Reader) error {
		count := func(k, _ []byte) bool {
			found[string(k[2:])]++
			return true
		}
		return errors.Join(r.Scan(kv.Prefix([]byte("a/")), count), r.Scan(kv.Prefix([]byte("z/")), count))
	})
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string]bool{}
	for id, n := range found {
		if n != 2 {
			t.Errorf("transaction %s is half applied", id)
		}
		whole[id] = true
	}
	return whole
}

func wantAll(t *testing.T, want, got map[string]bool, what string) {
	t.Helper()
	for id := range want {
		if !got[id] {
			t.Errorf("transaction %s was %s and is lost", id, what)
		}
	}
}

func closeDB(t *testing.T, db *pebblekv.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestCrash stops the machine at random moments: what was acknowledged, and what a View has shown, is there after,
// whatever part of the unsynced data the disk has kept.
func TestCrash(t *testing.T) {
	t.Parallel()
	const workers, crashes = 8, 12
	fs := vfs.NewCrashableMem()
	db := open(t, "db", pebblekv.Options{FS: fs})
	var acked, seen ledger
	var progress atomic.Int64
	moved := make(chan struct{}, 1)
	stop := make(chan struct{})
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := 0; !stopped(); i++ {
				id := fmt.Sprintf("%d-%d", w, i)
				if err := writePair(context.Background(), db, id); err != nil {
					t.Error(err)
					return
				}
				acked.add(id)
				progress.Add(1)
				select {
				case moved <- struct{}{}:
				default:
				}
			}
		})
	}
	wg.Go(func() {
		for !stopped() {
			for id := range pairs(t, db) {
				seen.add(id)
			}
		}
	})
	for range crashes {
		for next := progress.Load() + rand.Int64N(100); progress.Load() < next; {
			<-moved
		}
		wantAcked, wantSeen := acked.copy(), seen.copy()
		clone := fs.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: rand.IntN(101),
			RNG:                 rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		})
		after := open(t, "db", pebblekv.Options{FS: clone})
		got := pairs(t, after)
		wantAll(t, wantAcked, got, "acknowledged")
		wantAll(t, wantSeen, got, "seen by a View")
		closeDB(t, after)
	}
	close(stop)
	wg.Wait()
	closeDB(t, db)
}

// writeForever is the child of TestKill: it prints the transactions that were acknowledged.
func writeForever(dir string) {
	db, err := pebblekv.Open(dir, pebblekv.Options{Logger: quiet})
	if err != nil {
		log.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", w, os.Getpid(), i)
				if err := writePair(context.Background(), db, id); err != nil {
					log.Fatal(err)
				}
				mu.Lock()
				fmt.Println(id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestKill kills a process that writes (SIGKILL), twice on the same directory.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acked := map[string]bool{}
	for range 2 {
		limit := 200 + rand.IntN(800)
		for _, id := range killAfter(t, dir, limit) {
			acked[id] = true
		}
		db := open(t, dir, pebblekv.Options{})
		wantAll(t, acked, pairs(t, db), "acknowledged")
		closeDB(t, db)
	}
}

// killAfter starts a writer, kills it after so many acknowledgements and returns all of them. While it runs, the
// directory must be refused to this process.
func killAfter(t *testing.T, dir string, limit int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line that the kill has cut short tells nothing
		}
		ids = append(ids, strings.TrimSuffix(line, "\n"))
		if len(ids) == 1 {
			if _, err := pebblekv.Open(dir, pebblekv.Options{Logger: quiet}); err == nil || !strings.Contains(err.Error(), "another process") {
				t.Errorf("a second process opened the directory: %v", err)
			}
		}
		if len(ids) == limit {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The error says that the child was killed.
	if err := cmd.Wait(); err == nil || len(ids) < limit {
		t.Fatalf("the child ended by itself after %d transactions", len(ids))
	}
	return ids
}

// TestTornLog damages the end of the log as a crash can. Garbage after the last record loses nothing. A log cut short
// (which only happens to data that was not synced, and so not acknowledged; here the cut goes further) loses the last
// transactions and never one before another that stays. The same holds for a damaged last record, or Open refuses.
func TestTornLog(t *testing.T) {
	t.Parallel()
	const n = 200
	dir := t.TempDir()
	db := open(t, dir, pebblekv.Options{})
	for i := range n {
		if err := writePair(t.Context(), db, fmt.Sprintf("0-%04d", i)); err != nil {
			t.Fatal(err)
		}
	}
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil { // as a machine that stops here leaves it
		t.Fatal(err)
	}
	closeDB(t, db)
	end := logEnd(t, crashed)

	for _, tc := range []struct {
		name    string
		damage  func(f *os.File) error
		atLeast int // transactions that must be there
		refusal bool
	}{
		{"untouched", func(*os.File) error { return nil }, n, false},
		{"garbage after", func(f *os.File) error { return writeRandom(f, end, 1000) }, n, false},
		{"zeros after", func(f *os.File) error { _, err := f.WriteAt(make([]byte, 70000), end); return err }, n, false},
		{"cut by 1 byte", func(f *os.File) error { return f.Truncate(end - 1) }, n - 1, false},
		{"cut by 40 bytes", func(f *os.File) error { return f.Truncate(end - 40) }, n - 2, false},
		{"cut by half", func(f *os.File) error { return f.Truncate(end / 2) }, 1, false},
		{"last bytes damaged", func(f *os.File) error { return writeRandom(f, end-20, 20) }, n - 2, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(crashed)); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(logFile(t, dir), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(tc.damage(f), f.Close()); err != nil {
				t.Fatal(err)
			}
			db, err := pebblekv.Open(dir, pebblekv.Options{Logger: quiet})
			if err != nil {
				if !tc.refusal {
					t.Fatal(err)
				}
				return
			}
			defer closeDB(t, db)
			got := pairs(t, db)
			for i := range len(got) {
				if !got[fmt.Sprintf("0-%04d", i)] {
					t.Errorf("%d transactions are there, but number %d is not", len(got), i)
				}
			}
			if len(got) < tc.atLeast {
				t.Errorf("%d transactions are there, want at least %d", len(got), tc.atLeast)
			}
		})
	}
}

// logFile returns the path of the log that was written last.
func logFile(t *testing.T, dir string) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log: %v", err)
	}
	return logs[len(logs)-1]
}

// logEnd returns the offset after the last byte of the log that is not zero.
func logEnd(t *testing.T, dir string) int64 {
	t.Helper()
	b, err := os.ReadFile(logFile(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(strings.TrimRight(string(b), "\x00")))
}

func writeRandom(w io.WriterAt, off int64, n int) error {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.IntN(255) + 1)
	}
	_, err := w.WriteAt(b, off)
	return err
}

package pebblekv_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

// faultFS is a file system of which inject has operations fail. errorfs leaves out files that are used again, which Pebble's logs are.
type faultFS struct {
	*errorfs.FS
	inject errorfs.InjectorFunc
}

func newFaultFS(fs vfs.FS, inject errorfs.InjectorFunc) *faultFS {
	return &faultFS{errorfs.Wrap(fs, inject), inject}
}

func (fs *faultFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldname, newname, c)
	if err != nil {
		return nil, err
	}
	return errorfs.WrapFile(f, errorfs.InjectorFunc(func(op errorfs.Op) error {
		op.Path = newname
		return fs.inject(op)
	})), nil
}

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

func isManifest(name string) bool { return strings.HasPrefix(filepath.Base(name), "MANIFEST") }

func isSync(k errorfs.OpKind) bool {
	return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo
}

// faults are the ways in which the disk fails.
var faults = []struct {
	name string
	hits func(op errorfs.Op) bool
	// large has the writers write so much that tables are written.
	large bool
}{
	{"fsync of the log", func(op errorfs.Op) bool { return isSync(op.Kind) && isLog(op.Path) }, false},
	{"write to the log", func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite && isLog(op.Path) }, false},
	{"new log", func(op errorfs.Op) bool {
		return (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite) && isLog(op.Path)
	}, true},
	{"new table", func(op errorfs.Op) bool { return op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") }, true},
	{"write to a table", func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst") }, true},
	{"fsync of a table", func(op errorfs.Op) bool { return isSync(op.Kind) && strings.HasSuffix(op.Path, ".sst") }, true},
	{"write to the manifest", func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite && isManifest(op.Path) }, true},
	{"fsync of the manifest", func(op errorfs.Op) bool { return isSync(op.Kind) && isManifest(op.Path) }, true},
	{"all writes and new files", func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite
	}, false},
}

// TestDiskFails: from the failure on the store refuses writes and answers reads, with all that was acknowledged and
// nothing that a crash could take back; and after the crash and a repair of the disk, it goes on from there.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	for _, tc := range faults {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
			t.Run(tc.name+"/"+errno.Error(), func(t *testing.T) {
				t.Parallel()
				mem := vfs.NewCrashableMem()
				var failing atomic.Bool
				fs := newFaultFS(mem, func(op errorfs.Op) error {
					if failing.Load() && tc.hits(op) {
						return errno
					}
					return nil
				})
				db := open(t, "db", pebblekv.Options{FS: fs, MemTableSize: 1 << 20})
				acked := writeUntilFailure(t, db, tc.large, func() { failing.Store(true) })
				checkReadOnly(t, db, errno)
				shown := pairs(t, db)
				wantAll(t, acked, shown, "acknowledged")

				crashed := mem.CrashClone(vfs.CrashCloneCfg{})
				closeDB(t, db)
				after := open(t, "db", pebblekv.Options{FS: crashed})
				wantAll(t, shown, pairs(t, after), "shown by the read-only store")
				if err := writePair(t.Context(), after, "9-after"); err != nil {
					t.Errorf("after the repair: %v", err)
				}
				closeDB(t, after)

				// The process may also end without a crash of the machine.
				failing.Store(false)
				again := open(t, "db", pebblekv.Options{FS: fs})
				wantAll(t, shown, pairs(t, again), "shown by the read-only store")
				closeDB(t, again)
			})
		}
	}
}

// writeUntilFailure has concurrent writers write; the disk begins to fail after a while. It returns what was
// acknowledged when all of them have been refused.
func writeUntilFailure(t *testing.T, db kv.DB, large bool, fail func()) map[string]bool {
	t.Helper()
	var acked ledger
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if w == 0 && i == 10 {
					fail()
				}
				if i > 100000 {
					t.Error("the failure is not noticed")
					return
				}
				id := fmt.Sprintf("%d-%d", w, i)
				err := writePair(context.Background(), db, id)
				if err == nil && large {
					err = db.Update(context.Background(), func(tx kv.Tx) error {
						return tx.Set([]byte("m/large/"+id), make([]byte, 32<<10))
					})
				}
				if err != nil {
					if !errors.Is(err, kv.ErrReadOnly) {
						t.Errorf("writer: %v, want ErrReadOnly", err)
					}
					return
				}
				acked.add(id)
			}
		})
	}
	wg.Wait()
	return acked.copy()
}

func checkReadOnly(t *testing.T, db kv.DB, errno syscall.Errno) {
	t.Helper()
	err := writePair(t.Context(), db, "8-late")
	if !errors.Is(err, kv.ErrReadOnly) || !errors.Is(err, errno) {
		t.Errorf("Update: %v, want ErrReadOnly and %v", err, errno)
	}
	if errors.Is(err, kv.ErrUnknownOutcome) {
		t.Errorf("Update that was not tried: %v", err)
	}
	if err := db.Update(t.Context(), func(tx kv.Tx) error {
		_, _, err := tx.Get([]byte("a"))
		return err
	}); err != nil {
		t.Errorf("Update that only reads: %v", err)
	}
}

// TestDiskFailsWhileOpening: the error is returned, and the directory is free after.
func TestDiskFailsWhileOpening(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	for n := int32(1); ; n++ {
		var op atomic.Int32
		fs := newFaultFS(mem, func(o errorfs.Op) error {
			if (isSync(o.Kind) || o.Kind == errorfs.OpCreate || o.Kind == errorfs.OpFileWrite) && op.Add(1) == n {
				return syscall.EIO
			}
			return nil
		})
		db, err := pebblekv.Open("db", pebblekv.Options{FS: fs, Logger: quiet})
		if err == nil {
			hit := op.Load() >= n
			closeDB(t, db)
			if !hit {
				break
			}
			continue // an operation that Pebble can do without
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatalf("Open with operation %d failing: %v", n, err)
		}
	}
	closeDB(t, open(t, "db", pebblekv.Options{FS: mem}))
}

func TestFormatVersionIsChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closeDB(t, open(t, dir, pebblekv.Options{}))
	tamper := func(fn func(*pebble.DB) error) {
		t.Helper()
		db, err := pebble.Open(dir, &pebble.Options{Logger: silent{}, FormatMajorVersion: pebble.FormatValueSeparation})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(fn(db), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(want string) {
		t.Helper()
		_, err := pebblekv.Open(dir, pebblekv.Options{Logger: quiet})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v, want %q", err, want)
		}
	}
	mark := func(version string) {
		t.Helper()
		tamper(func(db *pebble.DB) error { return db.Set([]byte("meta/format"), []byte(version), pebble.Sync) })
	}
	mark(strconv.Itoa(kv.Format + 1))
	refused(fmt.Sprintf("the store has format version %d, and this program knows none after %d: a newer Bulkhead wrote to it", kv.Format+1, kv.Format))
	mark("0")
	refused("which no Bulkhead wrote")
	mark("one")
	refused(`format version "one", which no Bulkhead wrote`)
	mark("1")
	closeDB(t, open(t, dir, pebblekv.Options{}))
	tamper(func(db *pebble.DB) error {
		v, closer, err := db.Get([]byte("meta/format"))
		if err != nil {
			return err
		}
		if string(v) != strconv.Itoa(kv.Format) {
			t.Errorf("an older store that was opened has format version %s", v) // a program of before would not refuse it
		}
		return closer.Close()
	})
	tamper(func(db *pebble.DB) error {
		return errors.Join(db.Delete([]byte("meta/format"), pebble.Sync), db.Set([]byte("foreign"), nil, pebble.Sync))
	})
	refused("not a store of this program")
}

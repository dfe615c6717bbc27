package pebblekv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guardFS turns a disk that fails to write into a store that is read-only, in place of Pebble's answers, which are to
// exit the process, to panic with its locks held, or to retry for ever.
//
// The first error of a write, a sync or a new file while the store is open freezes the files: nothing the engine does
// changes them any more. It is told that its log and manifest are fine, so that it goes on until it can be closed;
// nothing it commits from then on is acknowledged, as committers ask failed after their sync. New files other than logs
// are refused. frozen then shows the files as they were durable, with what was written and not synced to a log or the
// manifest cut off, for a read-only engine to be opened on.
type guardFS struct {
	vfs.FS
	onFail func() // must not block

	armed   atomic.Bool
	bad     atomic.Bool
	broken  chan struct{} // closed at the failure
	retired chan struct{} // closed when the failed engine is about to be closed

	ops sync.RWMutex // read-held over each change of the directory

	mu    sync.Mutex
	err   error
	files map[string]*progress // logs and manifests opened for writing
}

// progress is how far a file has been written and synced, in bytes.
type progress struct{ written, synced atomic.Int64 }

var errFrozen = errors.New("pebblekv: not changing files after a write failure")

func newGuardFS(fs vfs.FS, onFail func()) *guardFS {
	return &guardFS{
		FS: fs, onFail: onFail,
		broken: make(chan struct{}), retired: make(chan struct{}),
		files: make(map[string]*progress),
	}
}

// arm ends the opening of the store, in which errors are returned as they are.
func (g *guardFS) arm() { g.armed.Store(true) }

func (g *guardFS) isArmed() bool { return g.armed.Load() }

// failed reports whether the disk has failed.
func (g *guardFS) failed() bool { return g.bad.Load() }

// cause returns the error that froze the files.
func (g *guardFS) cause() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// retire lets go of what waits in Create. Call it once, before closing the engine.
func (g *guardFS) retire() { close(g.retired) }

// fail freezes the files because of err and reports whether they are frozen; they are not while the store opens.
func (g *guardFS) fail(err error) bool {
	if !g.armed.Load() {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
		g.bad.Store(true)
		close(g.broken)
		g.onFail()
	}
	return true
}

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

func isManifest(name string) bool { return strings.HasPrefix(filepath.Base(name), "MANIFEST-") }

// track wraps f, which was opened for writing.
func (g *guardFS) track(name string, f vfs.File) vfs.File {
	if !isLog(name) && !isManifest(name) {
		return &guardFile{File: f, g: g}
	}
	p := new(progress)
	g.mu.Lock()
	g.files[name] = p
	g.mu.Unlock()
	return &guardFile{File: f, g: g, progress: p, pretend: true}
}

// refuse answers a request for a new file after the failure. It waits until the engine is about to be closed, because
// Pebble would try again without pause.
func (g *guardFS) refuse(name string) (vfs.File, error) {
	if isLog(name) {
		return discardFile{}, nil
	}
	<-g.retired
	return nil, errFrozen
}

func (g *guardFS) create(name string, open func() (vfs.File, error)) (vfs.File, error) {
	g.ops.RLock()
	if g.failed() {
		g.ops.RUnlock()
		return g.refuse(name)
	}
	f, err := open()
	g.ops.RUnlock()
	if err == nil {
		return g.track(name, f), nil
	}
	if g.fail(fmt.Errorf("create %s: %w", name, err)) {
		return g.refuse(name)
	}
	return nil, err
}

// Create implements vfs.FS.
func (g *guardFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.create(name, func() (vfs.File, error) { return g.FS.Create(name, c) })
}

// ReuseForWrite implements vfs.FS.
func (g *guardFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.create(newname, func() (vfs.File, error) { return g.FS.ReuseForWrite(oldname, newname, c) })
	if err == nil {
		g.mu.Lock()
		delete(g.files, oldname)
		g.mu.Unlock()
	}
	return f, err
}

// OpenReadWrite implements vfs.FS.
func (g *guardFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.create(name, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, opts...) })
}

// OpenDir implements vfs.FS.
func (g *guardFS) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardFile{File: f, g: g, pretend: true}, nil
}

func (g *guardFS) change(what string, op func() error) error {
	g.ops.RLock()
	defer g.ops.RUnlock()
	if g.failed() {
		return errFrozen
	}
	err := op()
	if err != nil {
		g.fail(fmt.Errorf("%s: %w", what, err))
	}
	return err
}

// Link implements vfs.FS.
func (g *guardFS) Link(oldname, newname string) error {
	return g.change("link "+newname, func() error { return g.FS.Link(oldname, newname) })
}

// Rename implements vfs.FS.
func (g *guardFS) Rename(oldname, newname string) error {
	return g.change("rename "+newname, func() error { return g.FS.Rename(oldname, newname) })
}

// MkdirAll implements vfs.FS.
func (g *guardFS) MkdirAll(dir string, perm os.FileMode) error {
	return g.change("mkdir "+dir, func() error { return g.FS.MkdirAll(dir, perm) })
}

// Remove implements vfs.FS. A failing removal loses nothing, so it does not freeze the files.
func (g *guardFS) Remove(name string) error {
	g.ops.RLock()
	defer g.ops.RUnlock()
	if g.failed() {
		return nil
	}
	err := g.FS.Remove(name)
	if err == nil {
		g.mu.Lock()
		delete(g.files, name)
		g.mu.Unlock()
	}
	return err
}

// RemoveAll implements vfs.FS.
func (g *guardFS) RemoveAll(name string) error {
	g.ops.RLock()
	defer g.ops.RUnlock()
	if g.failed() {
		return nil
	}
	return g.FS.RemoveAll(name)
}

// Unwrap implements vfs.FS.
func (g *guardFS) Unwrap() vfs.FS { return g.FS }

// guardFile is a file or directory that was opened for writing or syncing.
type guardFile struct {
	vfs.File
	g        *guardFS
	progress *progress
	pretend  bool // after the failure, writes and syncs are dropped and said to have succeeded
}

// outcome is what a write or sync that failed with err, or was not tried, returns.
func (f *guardFile) outcome(what string, err error) error {
	if err != nil && !f.g.fail(fmt.Errorf("%s: %w", what, err)) {
		return err
	}
	if f.pretend {
		return nil
	}
	if err == nil {
		err = errFrozen
	}
	return err
}

func (f *guardFile) write(write func() (int, error), size int) (int, error) {
	if f.g.failed() {
		return size, f.outcome("write", nil)
	}
	n, err := write()
	if f.progress != nil {
		f.progress.written.Add(int64(n))
	}
	if err == nil {
		return n, nil
	}
	if err = f.outcome("write", err); err == nil {
		n = size
	}
	return n, err
}

// Write implements vfs.File.
func (f *guardFile) Write(p []byte) (int, error) {
	return f.write(func() (int, error) { return f.File.Write(p) }, len(p))
}

// WriteAt implements vfs.File.
func (f *guardFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(func() (int, error) { return f.File.WriteAt(p, off) }, len(p))
}

func (f *guardFile) sync(sync func() (full bool, err error)) (bool, error) {
	if f.g.failed() {
		return true, f.outcome("sync", nil)
	}
	var written int64
	if f.progress != nil {
		written = f.progress.written.Load()
	}
	full, err := sync()
	if err != nil {
		return full, f.outcome("sync", err)
	}
	if full && f.progress != nil {
		f.progress.synced.Store(written)
	}
	return full, nil
}

// Sync implements vfs.File.
func (f *guardFile) Sync() error {
	_, err := f.sync(func() (bool, error) { return true, f.File.Sync() })
	return err
}

// SyncData implements vfs.File.
func (f *guardFile) SyncData() error {
	_, err := f.sync(func() (bool, error) { return true, f.File.SyncData() })
	return err
}

// SyncTo implements vfs.File.
func (f *guardFile) SyncTo(length int64) (bool, error) {
	return f.sync(func() (bool, error) { return f.File.SyncTo(length) })
}

// Preallocate implements vfs.File. It is an optimization, so its failure is nobody's business.
func (f *guardFile) Preallocate(offset, length int64) error {
	if f.g.failed() {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

// discardFile is a log begun after the failure.
type discardFile struct{}

func (discardFile) Close() error                           { return nil }
func (discardFile) Read([]byte) (int, error)               { return 0, errFrozen }
func (discardFile) ReadAt([]byte, int64) (int, error)      { return 0, errFrozen }
func (discardFile) Write(p []byte) (int, error)            { return len(p), nil }
func (discardFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (discardFile) Preallocate(int64, int64) error         { return nil }
func (discardFile) Stat() (vfs.FileInfo, error)            { return discardFile{}, nil }
func (discardFile) Sync() error                            { return nil }
func (discardFile) SyncTo(int64) (bool, error)             { return true, nil }
func (discardFile) SyncData() error                        { return nil }
func (discardFile) Prefetch(int64, int64) error            { return nil }
func (discardFile) Fd() uintptr                            { return vfs.InvalidFd }

// The rest is discardFile as its own vfs.FileInfo: an empty file.

func (discardFile) Name() string           { return "" }
func (discardFile) Size() int64            { return 0 }
func (discardFile) Mode() os.FileMode      { return 0 }
func (discardFile) ModTime() time.Time     { return time.Time{} }
func (discardFile) IsDir() bool            { return false }
func (discardFile) Sys() any               { return nil }
func (discardFile) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

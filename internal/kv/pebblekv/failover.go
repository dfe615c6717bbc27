package pebblekv

import (
	"errors"
	"io"
	"maps"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fail is told by guardFS that the disk has failed. Pebble's locks may be held, so the work is done elsewhere.
func (db *DB) fail() {
	db.life.Lock()
	defer db.life.Unlock()
	if db.closing {
		close(db.switched)
		return
	}
	db.failover.Go(db.replace)
}

// replace puts a read-only engine on the durable state in place of the one whose disk failed.
func (db *DB) replace() {
	db.log.Error("the store is read-only from now on: writing to its disk failed", "dir", db.dir, "error", db.fs.cause())
	old := db.engine.Load()
	e, err := db.openEngine(db.fs.frozen(), nil, true)
	if err != nil {
		db.log.Error("the store could not be reopened for reading", "dir", db.dir, "error", err)
	} else {
		// The new engine keeps the directory's lock: it is what other processes must stay away from.
		e.lock, e.readOnly, old.lock = old.lock, true, nil
	}
	db.engine.Store(e)
	close(db.switched)
	if err := db.closeEngine(old); err != nil {
		db.log.Error("closing the failed engine", "dir", db.dir, "error", err)
	}
}

// frozen returns the files of a failed store as they are durable, for reading.
func (g *guardFS) frozen() vfs.FS {
	g.ops.Lock() // whoever was about to change the directory has done so
	defer g.ops.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	return &frozenFS{FS: g.FS, files: maps.Clone(g.files)}
}

// frozenFS shows each tracked file up to where it was synced, and changes nothing.
type frozenFS struct {
	vfs.FS
	files map[string]*progress
}

func (f *frozenFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, opts...)
	if p := f.files[name]; err == nil && p != nil {
		file = &cutFile{File: file, size: p.synced.Load()}
	}
	return file, err
}

// Lock does nothing: the engine that failed, or the one in its place, holds the lock of the directory.
func (f *frozenFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (f *frozenFS) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return nil, errFrozen }

func (f *frozenFS) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, errFrozen
}

func (f *frozenFS) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, errFrozen
}

func (f *frozenFS) Link(string, string) error          { return errFrozen }
func (f *frozenFS) Rename(string, string) error        { return errFrozen }
func (f *frozenFS) Remove(string) error                { return errFrozen }
func (f *frozenFS) RemoveAll(string) error             { return errFrozen }
func (f *frozenFS) MkdirAll(string, os.FileMode) error { return errFrozen }
func (f *frozenFS) Unwrap() vfs.FS                     { return f.FS }

// cutFile is the first size bytes of a file.
type cutFile struct {
	vfs.File
	off, size int64
}

func (f *cutFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.off)
	f.off += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (f *cutFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.size {
		return 0, io.EOF
	}
	if int64(len(p)) <= f.size-off {
		return f.File.ReadAt(p, off)
	}
	n, err := f.File.ReadAt(p[:f.size-off], off)
	if err == nil {
		err = io.EOF
	}
	return n, err
}

func (f *cutFile) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return cutInfo{info, f.size}, nil
}

type cutInfo struct {
	vfs.FileInfo
	size int64
}

func (i cutInfo) Size() int64 { return i.size }

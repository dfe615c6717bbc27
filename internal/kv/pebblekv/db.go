// Package pebblekv keeps a kv.DB in a directory, by Pebble: the embedded default. One process at a time owns the
// directory.
//
// Transactions are optimistic: each reads from a snapshot, buffers its writes, and commits under one short lock if nothing
// it read has changed since; after a few conflicts what it reads is kept from others' writes, at last it runs alone. The lock
// is not held over the fsync of the write-ahead log, so concurrent transactions share fsyncs. A commit is therefore visible
// shortly before it is durable; whoever read it in that time waits for the fsync before View or Update returns.
//
// If writing to the disk fails (full disk, failing fsync), the store stops accepting writes and answers reads from what was
// durable at that moment; see guardFS.
package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// attempts is how often a transaction runs optimistically before it is favoured.
const attempts = 3

// DefaultCacheSize is the size of the block cache unless Options say otherwise, in bytes.
const DefaultCacheSize = 64 << 20

// DefaultMemTableSize is how much of the latest writes is gathered in memory, unless Options say otherwise, in bytes.
const DefaultMemTableSize = 32 << 20

// memTablesAtOnce is how many memory tables there are at once while writes do not outrun the disk.
const memTablesAtOnce = 3

// Options of a store. The zero value is ready for use.
type Options struct {
	// FS is where the files are; nil is the operating system's.
	FS vfs.FS
	// Logger receives Pebble's errors and the reason when the store turns read-only; nil is slog.Default.
	Logger *slog.Logger
	// CacheSize is the size of the block cache in bytes; 0 is DefaultCacheSize.
	CacheSize int64
	// MemTableSize is how much of the latest writes is gathered in memory before it is written as a table, in bytes; 0
	// is DefaultMemTableSize. A few times as much may be in memory.
	MemTableSize uint64
}

// DB is a kv.DB in a directory.
type DB struct {
	dir   string
	log   *slog.Logger
	fs    *guardFS
	cache *pebble.Cache

	memTable uint64 // size in bytes

	engine   atomic.Pointer[engine] // replaced once, by a read-only one, after a failure; nil if that could not be opened
	closed   atomic.Bool
	life     sync.Mutex // orders a failure of the disk and Close
	closing  bool
	failover sync.WaitGroup
	switched chan struct{} // closed when a failover has replaced engine

	// mu serializes commits: it is held over validation and the application to Pebble's memory, and over the whole of
	// a transaction that runs alone; never over an fsync.
	mu      sync.Mutex
	issued  atomic.Uint64 // sequence number of the latest commit that may be visible; stored before it is
	applied atomic.Uint64 // sequence number of the latest commit that is visible; stored after it is
	durable watermark     // sequence number up to which all commits are durable
	recent  history
	// reserved is what the transaction that is favoured has read, nil if there is none; mu guards it. turn is held by that transaction.
	reserved *reservation
	turn     chan struct{}

	stall stall
}

var _ kv.DB = (*DB)(nil)

// Open opens the store in dir, creating it if there is none. It fails if another process has it open, and if a
// newer program wrote to it (kv.Format).
func Open(dir string, o Options) (opened *DB, err error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.CacheSize == 0 {
		o.CacheSize = DefaultCacheSize
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = DefaultMemTableSize
	}
	// Pebble takes memory tables out of the cache: the one being written, those being flushed, one kept for the next.
	cache := pebble.NewCache(o.CacheSize + memTablesAtOnce*int64(o.MemTableSize))
	db := &DB{dir: dir, log: o.Logger, cache: cache, memTable: o.MemTableSize, switched: make(chan struct{}), turn: make(chan struct{}, 1)}
	db.fs = newGuardFS(o.FS, db.fail)
	db.durable.init()
	db.stall.init()
	defer func() {
		if err != nil {
			db.cache.Unref()
		}
	}()
	if err := o.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("pebblekv: create %s: %w", dir, err)
	}
	lock, err := pebble.LockDirectory(dir, db.fs)
	if err != nil {
		return nil, fmt.Errorf("pebblekv: cannot lock %s (does another process have it open?): %w", dir, err)
	}
	e, err := db.openEngine(db.fs, lock, false)
	if err == nil {
		err = checkFormat(e.pdb)
		if err != nil {
			err = errors.Join(err, e.pdb.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pebblekv: open %s: %w", dir, err), lock.Close())
	}
	e.lock = lock
	db.engine.Store(e)
	db.stall.watch(e.pdb, maxMemTables*o.MemTableSize)
	db.fs.arm()
	return db, nil
}

// Shared is false: the directory has one owner.
func (db *DB) Shared() bool { return false }

// Close implements kv.DB. A second Close returns kv.ErrClosed.
func (db *DB) Close() error {
	if !db.closed.CompareAndSwap(false, true) {
		return kv.ErrClosed
	}
	db.life.Lock()
	db.closing = true
	db.life.Unlock()
	db.failover.Wait()
	var err error
	if e := db.engine.Load(); e != nil {
		err = db.closeEngine(e)
	}
	db.cache.Unref()
	if err != nil {
		return fmt.Errorf("pebblekv: close %s: %w", db.dir, err)
	}
	return nil
}

// closeEngine waits for the engine's transactions and closes it.
func (db *DB) closeEngine(e *engine) error {
	err := e.gate.Close()
	if !e.readOnly {
		db.stall.stop()
		db.fs.retire()
	}
	err = errors.Join(err, e.pdb.Close())
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close())
	}
	return err
}

// enter returns the engine to read from, which the caller must exit.
func (db *DB) enter(ctx context.Context) (*engine, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for !db.closed.Load() {
		if db.fs.failed() {
			// What is visible in the failing engine need not be durable; its replacement shows what is.
			select {
			case <-db.switched:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		e := db.engine.Load()
		if e == nil {
			return nil, fmt.Errorf("pebblekv: %w, and it could not be reopened for reading", kv.ErrReadOnly)
		}
		if e.gate.Enter() == nil {
			return e, nil
		}
	}
	return nil, kv.ErrClosed
}

// View implements kv.DB.
func (db *DB) View(ctx context.Context, fn func(kv.Reader) error) error {
	e, err := db.enter(ctx)
	if err != nil {
		return err
	}
	defer e.gate.Exit()
	_, err = db.view(ctx, e, fn, false)
	return err
}

// ViewRerun implements kv.Rerunner: it does without a snapshot for those that read one key.
func (db *DB) ViewRerun(ctx context.Context, fn func(kv.Reader) error) error {
	e, err := db.enter(ctx)
	if err != nil {
		return err
	}
	defer e.gate.Exit()
	doomed, err := db.view(ctx, e, fn, true)
	if doomed {
		_, err = db.view(ctx, e, fn, false)
	}
	return err
}

// view runs fn once. It is doomed if no snapshot agrees with what fn has read, which there always is one that does without rerun.
func (db *DB) view(ctx context.Context, e *engine, fn func(kv.Reader) error, rerun bool) (doomed bool, err error) {
	r := newReader(ctx, db, e)
	defer r.release()
	r.rerun = rerun
	if err = fn(r); r.doomed { // whatever fn has made of it
		return true, nil
	}
	return false, r.settle(err)
}

// Update implements kv.DB.
func (db *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	var how course
	for {
		retry, err := db.attempt(ctx, fn, &how)
		if !retry {
			return err
		}
	}
}

// course is what has become of the attempts at a transaction so far.
type course struct {
	conflicts int
	// keep is what a favoured attempt reserves, nil before. alone is true once that is too much, or has not helped.
	keep  *reservation
	alone bool
}

// conflict notes that t has met a conflict.
func (c *course) conflict(t *tx) {
	if c.conflicts++; c.conflicts < attempts {
		return
	}
	if c.keep == nil {
		c.keep = &reservation{points: map[uint32]struct{}{}}
	}
	c.alone = c.conflicts >= attempts+favoured || !c.keep.add(t)
}

var errConflict = errors.New("pebblekv: conflict")

// attempt runs fn once and commits. retry is true if it met a conflict, which it cannot when it runs alone.
func (db *DB) attempt(ctx context.Context, fn func(kv.Tx) error, how *course) (retry bool, err error) {
	e, err := db.enter(ctx)
	if err != nil {
		return false, err
	}
	defer e.gate.Exit()
	if err := db.stall.admit(ctx, db.fs.broken); err != nil {
		return false, err
	}
	t := newTx(ctx, db, e)
	defer t.release()
	var c *pending
	switch {
	case how.alone:
		c, err = db.runAlone(t, fn)
	case how.keep != nil:
		c, err = db.runFavoured(t, how.keep, fn)
	default:
		if err = fn(t); err == nil && t.writes.Len() > 0 {
			c, err = db.commit(t, nil)
		}
	}
	switch {
	case errors.Is(err, errConflict) || t.doomed: // doomed: whatever fn has made of it
		how.conflict(t)
		return true, nil
	case err != nil || c == nil:
		return false, t.settle(err)
	default:
		t.end() // a snapshot that outlives the fsync costs every compaction
		return false, db.await(c)
	}
}

func (db *DB) runAlone(t *tx, fn func(kv.Tx) error) (*pending, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := fn(t); err != nil || t.writes.Len() == 0 {
		return nil, err
	}
	return db.commitLocked(t, t.batch(), false)
}

// commit commits t if nothing that it has read has changed. own is its reservation, nil for none.
func (db *DB) commit(t *tx, own *reservation) (*pending, error) {
	b := t.batch()
	if err := db.admitted(t, own); err != nil {
		return nil, discard(b, err)
	}
	defer db.mu.Unlock()
	return db.commitLocked(t, b, true)
}

// pending is a commit that is visible and not yet durable.
type pending struct {
	batch *pebble.Batch
	seq   uint64
}

func (db *DB) commitLocked(t *tx, b *pebble.Batch, validate bool) (*pending, error) {
	err := t.ctx.Err()
	switch {
	case err != nil:
	case db.fs.failed():
		err = db.readOnly()
	case validate && db.recent.changed(t):
		err = errConflict
	}
	if err != nil {
		return nil, discard(b, err)
	}
	seq := db.issued.Load() + 1
	db.issued.Store(seq)
	db.recent.record(seq, t)
	if err := t.e.pdb.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		// Pebble refuses a batch only for reasons that do not depend on its content (store closed, no log).
		return nil, fmt.Errorf("pebblekv: apply: %w", err)
	}
	db.applied.Store(seq)
	return &pending{b, seq}, nil
}

// await returns when the commit is durable, or what became of it otherwise.
func (db *DB) await(c *pending) error {
	err := c.batch.SyncWait()
	if err != nil || db.fs.failed() {
		// guardFS answers a failing log with success so that Pebble stays alive, and says so before it does.
		return errors.Join(db.readOnly(), kv.ErrUnknownOutcome, err)
	}
	db.durable.advance(c.seq)
	return c.batch.Close()
}

func (db *DB) readOnly() error {
	return fmt.Errorf("pebblekv: %w: %w", kv.ErrReadOnly, db.fs.cause())
}

// discard closes a batch that was not applied and returns err as it is unless that failed as well.
func discard(b *pebble.Batch, err error) error {
	if closing := b.Close(); closing != nil {
		return errors.Join(err, closing)
	}
	return err
}

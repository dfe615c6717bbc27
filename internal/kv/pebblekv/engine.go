package pebblekv

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/gate"
)

// Keys in Pebble begin with the space they are in: the caller's, or this package's own.
const (
	spaceUser = 'k'
	spaceEnd  = 'k' + 1
)

var formatKey = []byte("meta/format")

// blockSize is the size of blocks in the files, in bytes. A file is written and read block by block, by a system call each, which is
// two fifths of what compactions cost with Pebble's 4 KB; a Get reads a block for a row.
const blockSize = 8 << 10

// engine is an open Pebble store and the transactions that run on it.
type engine struct {
	pdb      *pebble.DB
	gate     *gate.Gate
	lock     *pebble.Lock
	readOnly bool
}

// openEngine opens Pebble. Some failures of the disk make Pebble panic with the error (or call Fatalf, which does so
// here); while nothing is open yet they are errors like others. What the runtime panics with stays a panic.
func (db *DB) openEngine(fs vfs.FS, lock *pebble.Lock, readOnly bool) (e *engine, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			panic(p)
		case error:
			e, err = nil, p
		default:
			panic(p)
		}
	}()
	logger := &logger{log: db.log, fs: db.fs}
	o := &pebble.Options{
		FS:       fs,
		Lock:     lock,
		ReadOnly: readOnly,
		Cache:    db.cache,
		Logger:   logger,
		// Pinned, so that an upgrade of the library does not make the store unreadable to the release before.
		FormatMajorVersion: pebble.FormatValueSeparation,
		MemTableSize:       db.memTable,
		// Pebble would stall a commit while it holds the commit lock, for ever if the disk does not recover. So it
		// never stalls; stall does the same before the lock, and ends when the store fails or the caller gives up.
		MemTableStopWritesThreshold: 1 << 20,
		L0StopWritesThreshold:       1 << 20,
		EventListener:               db.listener(logger),
	}
	for i := range o.Levels {
		o.Levels[i].BlockSize = blockSize
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	pdb, err := pebble.Open(db.dir, o)
	if err != nil {
		return nil, err
	}
	return &engine{pdb: pdb, gate: gate.New()}, nil
}

func (db *DB) listener(l *logger) *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { l.Errorf("background error: %v", err) },
		DataCorruption:  func(info pebble.DataCorruptionInfo) { l.Errorf("data corruption: %v", info) },
		WALCreated:      func(pebble.WALCreateInfo) { db.stall.kick() },
		FlushEnd:        func(pebble.FlushInfo) { db.stall.kick() },
		CompactionEnd:   func(pebble.CompactionInfo) { db.stall.kick() },
	}
}

// checkFormat refuses a store of an unknown version, and marks one that is new or of a version before this one.
func checkFormat(pdb *pebble.DB) error {
	v, closer, err := pdb.Get(formatKey)
	if errors.Is(err, pebble.ErrNotFound) {
		it, err := pdb.NewIter(nil)
		if err != nil {
			return err
		}
		populated := it.First()
		if err := it.Close(); err != nil {
			return err
		}
		if populated {
			return errors.New("not a store of this program: it has content but no format version")
		}
		return markFormat(pdb)
	}
	if err != nil {
		return err
	}
	mark := string(v)
	if err := closer.Close(); err != nil {
		return err
	}
	version, err := strconv.Atoi(mark)
	if err != nil {
		return fmt.Errorf("the store has format version %q, which no Bulkhead wrote", mark)
	}
	raise, err := kv.CheckFormat(version)
	if err != nil || !raise {
		return err
	}
	return markFormat(pdb)
}

func markFormat(pdb *pebble.DB) error {
	return pdb.Set(formatKey, strconv.AppendInt(nil, kv.Format, 10), pebble.Sync)
}

// logger passes Pebble's log on. Pebble calls Fatalf where it cannot go on and does not expect it to return.
type logger struct {
	log *slog.Logger
	fs  *guardFS
}

// Infof drops Pebble's chronicle of flushes and compactions; the metrics tell it better.
func (l *logger) Infof(string, ...any) {}

// Errorf logs an error that Pebble works around.
func (l *logger) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf decides what an unrecoverable error means. While the store opens, it fails Open. After the disk has failed, it is
// a consequence: the engine cannot change its files any more, its commits are not acknowledged and it is being
// replaced, so it may stumble on. Anything else is a broken invariant, and stopping at once is the only safe answer.
func (l *logger) Fatalf(format string, args ...any) {
	err := fatalError{fmt.Sprintf("pebble: "+format, args...), args}
	if l.fs.failed() {
		l.log.Error("after the disk failed: " + err.Error())
		return
	}
	if l.fs.isArmed() {
		l.log.Error("fatal: " + err.Error())
	}
	panic(err)
}

// fatalError is a message of Pebble that keeps the errors within it.
type fatalError struct {
	text string
	args []any
}

func (e fatalError) Error() string { return e.text }

// Unwrap returns the arguments of the message that are errors.
func (e fatalError) Unwrap() []error {
	var errs []error
	for _, a := range e.args {
		if err, ok := a.(error); ok {
			errs = append(errs, err)
		}
	}
	return errs
}

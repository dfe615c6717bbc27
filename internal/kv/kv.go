// Package kv is ordered bytes with serializable transactions: what every backend offers and all that the rest of the
// server knows of storage. The contract below is checked on each backend by package kvtest.
package kv

import (
	"context"
	"errors"

	"github.com/bulkhead/bulkhead/internal/keyorder"
)

// Limits that hold on every backend (PostgreSQL's index entries bound the key).
const (
	// MaxKey is the longest key, in bytes.
	MaxKey = 2048
	// MaxValue is the longest value, in bytes.
	MaxValue = 1 << 20
)

// ErrTooLarge is returned by Set for a key or value over the limits, and for an empty key.
var ErrTooLarge = errors.New("kv: key or value too large")

// ErrClosed is returned by every call on a closed DB.
var ErrClosed = errors.New("kv: closed")

// ErrReadOnly is returned once a backend has stopped accepting writes after a failure of its disk; reads go on.
// A write that was in flight at the failure returns ErrReadOnly together with ErrUnknownOutcome; any other was not applied.
var ErrReadOnly = errors.New("kv: store is read-only after a write failure")

// DB is a store of ordered bytes.
type DB interface {
	// View runs fn on one consistent snapshot. What fn has read is durable when View returns nil: a crash after
	// that cannot take back anything it saw. fn must not keep the Reader.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in a serializable transaction and commits it durably: when Update returns nil, all writes of
	// fn survive a crash; when it returns an error, none is ever seen (but see ErrUnknownOutcome). fn may run several
	// times when transactions conflict, so it must have no effect but through the Tx; and it must start no other
	// transaction, which might wait for this one. An error from fn is returned as it is and rolls back. Conflicts never
	// surface; a transaction always ends, whatever the contention, unless ctx ends before.
	Update(ctx context.Context, fn func(Tx) error) error

	// Shared reports whether other processes may write to the same data (PostgreSQL), so that caches must look.
	Shared() bool

	// Close waits for running transactions and releases the store. Calls after it return ErrClosed.
	Close() error
}

// ErrUnknownOutcome is returned by Update when the connection to a remote backend broke, or the disk failed, while it
// committed: the transaction was applied whole or not at all, and only a later read can tell (for a failed disk, one
// after the store was opened anew).
var ErrUnknownOutcome = errors.New("kv: commit outcome unknown")

// Reader reads within one snapshot. It is not safe for concurrent use.
type Reader interface {
	// Get returns the value at key, or nil and false. The slice is valid until the transaction ends and must not be
	// changed.
	Get(key []byte) ([]byte, bool, error)

	// Scan calls yield for the keys of r in order (descending if r.Reverse) until yield returns false. Key and
	// value are valid only during the call. A Tx sees the writes it made before the scan began, none made during it.
	Scan(r Range, yield func(key, value []byte) bool) error
}

// Tx reads and writes. Its reads see its own writes.
type Tx interface {
	Reader
	// Set stores value at key. It copies both.
	Set(key, value []byte) error
	// Delete removes key if it is there.
	Delete(key []byte) error
}

// Giver is implemented by a Tx that can take what it is given without copying it.
type Giver interface {
	// Give is Set of slices that nobody changes until Update has returned.
	Give(key, value []byte) error
}

// Give stores value at key in tx. Neither may be changed until Update has returned.
func Give(tx Tx, key, value []byte) error {
	if g, ok := tx.(Giver); ok {
		return g.Give(key, value)
	}
	return tx.Set(key, value)
}

// Depender is implemented by a Tx that can depend on a key without reading it, where no other process writes.
type Depender interface {
	// Depend has the transaction run again if another changes the key between this one's first read and its commit. What was
	// there before, the caller knows from elsewhere.
	Depend(key []byte)
}

// Rerunner is implemented by a DB that has a cheaper View for those whose fn may run again.
type Rerunner interface {
	// ViewRerun is View; fn may run several times, and only the last of its outcomes counts.
	ViewRerun(ctx context.Context, fn func(Reader) error) error
}

// ViewRerun is View of a store for a fn that may run several times, and has no effect but its last.
func ViewRerun(ctx context.Context, db DB, fn func(Reader) error) error {
	if r, ok := db.(Rerunner); ok {
		return r.ViewRerun(ctx, fn)
	}
	return db.View(ctx, fn)
}

// Range is a half-open interval of keys [Start, End). A nil Start is the first key, a nil End is after the last.
type Range struct {
	Start, End []byte
	Reverse    bool
	// Limit is a hint of how many pairs the caller will take; 0 is no hint. It never cuts a scan short.
	Limit int
}

// Prefix returns the range of all keys that begin with p.
func Prefix(p []byte) Range { return Range{Start: p, End: keyorder.PrefixEnd(p)} }

// Checkpointer is implemented by a DB that can leave a copy of itself, as of now, in a directory that is not there yet. The copy
// is a store of the same kind. It takes little time and, as long as neither changes, little space.
type Checkpointer interface {
	Checkpoint(ctx context.Context, dir string) error
}

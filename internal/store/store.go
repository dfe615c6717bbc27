// Package store opens views of the data that are bound to a Grant: a handler reads and writes what its request was
// authorized for, and nothing else. It is the only user of package kv but for the audit log, which is no handler's.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// ErrNotGranted is the cause of the internal failure a handler gets that opens what its grant does not cover. It is a
// bug in the service, never the caller's fault.
var ErrNotGranted = errors.New("store: the grant does not cover this view")

// DB gives grant-bound access to a kv.DB.
type DB struct {
	kv     kv.DB
	epochs *epochs
	// keys is set once, while work in the background may have begun.
	keys atomic.Pointer[DataKeys]
	walk int // LimitWalk; 0 is DefaultWalk
}

// New returns a DB over a backend. Close it before the backend.
func New(backend kv.DB) *DB {
	return &DB{kv: backend, epochs: newEpochs(backend)}
}

// Close stops following other nodes' changes.
func (db *DB) Close() { db.epochs.close() }

// View runs fn with views of one snapshot.
func (db *DB) View(ctx context.Context, g authz.Grant, fn func(*Tx) error) error {
	if !g.Valid() {
		return notGranted("a view without a grant")
	}
	return db.view(ctx, access{grant: g}, fn)
}

// ViewRerun is View for a fn that may run several times and of which only the last run counts: some backends read one row
// cheaper then.
func (db *DB) ViewRerun(ctx context.Context, g authz.Grant, fn func(*Tx) error) error {
	if !g.Valid() {
		return notGranted("a view without a grant")
	}
	return db.fetching(ctx, func(q *asked) error {
		return fromKV(kv.ViewRerun(ctx, db.kv, db.viewing(access{grant: g}, q, fn)))
	})
}

// Update runs fn with writable views of one transaction. fn may run several times. It needs a grant that was made for a
// writing operation.
func (db *DB) Update(ctx context.Context, g authz.Grant, fn func(*Tx) error) error {
	if !g.Valid() || !g.CanWrite() {
		return notGranted("an update without a writing grant")
	}
	return db.update(ctx, access{grant: g}, fn)
}

func (db *DB) view(ctx context.Context, a access, fn func(*Tx) error) error {
	return db.fetching(ctx, func(q *asked) error {
		return fromKV(db.kv.View(ctx, db.viewing(a, q, fn)))
	})
}

func (db *DB) viewing(a access, q *asked, fn func(*Tx) error) func(kv.Reader) error {
	return func(r kv.Reader) error {
		q.wants = nil
		return fn(&Tx{access: a, r: r, epochs: db.epochs, keys: q, wants: &q.wants, walk: db.walk})
	}
}

func (db *DB) update(ctx context.Context, a access, fn func(*Tx) error) error {
	return db.fetching(ctx, func(q *asked) error { return db.updateOnce(ctx, a, q, fn) })
}

func (db *DB) updateOnce(ctx context.Context, a access, q *asked, fn func(*Tx) error) error {
	var changed []epochKey
	err := db.kv.Update(ctx, func(w kv.Tx) error {
		q.wants = nil
		tx := &Tx{access: a, r: w, w: w, epochs: db.epochs, keys: q, wants: &q.wants, walk: db.walk}
		err := fn(tx)
		if len(q.wants) > 0 {
			err = errWantKeys // whatever came of it: rows that were left out may matter
		}
		if err == nil {
			err = db.epochs.mark(w, tx.changed)
		}
		if err == nil {
			changed = db.epochs.announce(changed, tx.changed)
		}
		return err
	})
	unknown := errors.Is(err, kv.ErrUnknownOutcome)
	if err == nil || unknown {
		db.epochs.bump(changed)
	}
	if !unknown { // else the change may be seen at any time, and is never settled
		db.epochs.settle(changed)
	}
	return fromKV(err)
}

// fromKV turns the failures of a backend into faults; all others pass.
func fromKV(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kv.ErrTooLarge):
		return fault.New(fault.Validation, "A name or value in the request is too long.").With(err)
	case errors.Is(err, kv.ErrClosed), errors.Is(err, kv.ErrReadOnly):
		return fault.New(fault.Unavailable, "The store is not available.").With(err)
	}
	return err
}

func notGranted(what string) error {
	return &fault.Error{Class: fault.Internal, Cause: fmt.Errorf("%w: %s", ErrNotGranted, what)}
}

// access is what a transaction may open: by a grant, or for the system before there is one.
type access struct {
	grant  authz.Grant
	system string // service whose records the system reads; "" with a grant
}

func (a access) service() string {
	if a.system != "" {
		return a.system
	}
	return a.grant.Service()
}

func (a access) covers(account, region string) bool {
	return a.system != "" || a.grant.Covers(account, region)
}

// Tx opens views within one transaction or snapshot.
type Tx struct {
	access  access
	r       kv.Reader
	w       kv.Tx
	changed []epochKey
	epochs  *epochs
	// keys are the data keys of sealed tables, and wants those that the transaction lacks.
	keys  DataKeys
	wants *[]KeyWant
	walk  int
}

// Home is the view of the records where the grant's first resource is.
func (tx *Tx) Home() (*Records, error) {
	account, region := tx.access.grant.Home()
	return tx.Records(account, region)
}

// Records is the view of the service's records in an account and region ("" for global services).
func (tx *Tx) Records(account, region string) (*Records, error) {
	if account == "" || !tx.access.covers(account, region) {
		return nil, notGranted(fmt.Sprintf("%s records of account %q region %q", tx.access.service(), account, region))
	}
	return tx.records(account, region)
}

// Directory is the view of the service's records that belong to no account: where to find what (a client id's pool).
// It must hold nothing that is a tenant's.
func (tx *Tx) Directory() (*Records, error) { return tx.records("", "") }

func (tx *Tx) records(account, region string) (*Records, error) {
	space, ok := spaces[tx.access.service()]
	if !ok {
		return nil, notGranted("unknown service " + tx.access.service())
	}
	prefix := append(make([]byte, 0, 64), spaceRecords, space)
	prefix = appendPart(appendPart(prefix, account), region)
	return &Records{tx: tx, prefix: prefix, account: account}, nil
}

// Spaces of keys. The first byte says what a key holds; numbers are on disk and never change.
const (
	spaceRecords byte = 0x10
	spaceRows    byte = 0x20
	spaceIndex   byte = 0x21
	spaceChanges byte = 0x22
	spaceLast    byte = 0x23
	spaceBackups byte = 0x24
	spaceEpochs  byte = 0x30
	// SpaceAudit is the first byte of the audit log's keys.
	SpaceAudit byte = 0x40
)

// spaces are the second byte of records' keys. Numbers are on disk: only ever add.
var spaces = map[string]byte{
	"iam":              1,
	"sts":              2,
	"organizations":    3,
	"dynamodb":         4,
	"kms":              5,
	"cognito-idp":      6,
	"cognito-identity": 7,
	"cloudtrail":       8,
	"bulkhead":         9,
}

// Package memkv keeps a kv.DB in memory, for tests. Updates run one after the other; views run on an immutable version
// of the tree and block nobody. Nothing survives the process.
package memkv

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/gate"
	"github.com/bulkhead/bulkhead/internal/kv/overlay"
)

// DB is a kv.DB in memory. Make it with New.
type DB struct {
	gate   *gate.Gate
	root   atomic.Pointer[node]
	writer chan struct{} // holds one token; who has it may replace root
	inside sync.Map      // ids of goroutines that run an Update
}

// ErrNested is returned for a transaction within an Update of the same goroutine: on PostgreSQL it waits for itself.
var ErrNested = errors.New("memkv: a transaction within an Update")

var _ kv.DB = (*DB)(nil)

// New returns an empty store.
func New() *DB {
	db := &DB{gate: gate.New(), writer: make(chan struct{}, 1)}
	db.writer <- struct{}{}
	return db
}

// Shared is false: no other process sees this memory.
func (db *DB) Shared() bool { return false }

// Close implements kv.DB. A second Close returns kv.ErrClosed.
func (db *DB) Close() error { return db.gate.Close() }

func (db *DB) begin(ctx context.Context) error {
	if err := db.gate.Enter(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		db.gate.Exit()
		return err
	}
	return nil
}

// enter marks the goroutine as within an Update. Tests run on this backend, so that they find what would hang on
// others.
func (db *DB) enter() (leave func(), err error) {
	id := goroutine()
	if _, nested := db.inside.LoadOrStore(id, nil); nested {
		return nil, ErrNested
	}
	return func() { db.inside.Delete(id) }, nil
}

// goroutine is the number of the calling goroutine, which only its stack trace tells.
func goroutine() string {
	var b [32]byte
	text := b[len("goroutine "):runtime.Stack(b[:], false)]
	id, _, _ := bytes.Cut(text, []byte(" "))
	return string(id)
}

// View implements kv.DB.
func (db *DB) View(ctx context.Context, fn func(kv.Reader) error) error {
	if _, nested := db.inside.Load(goroutine()); nested {
		return ErrNested
	}
	if err := db.begin(ctx); err != nil {
		return err
	}
	defer db.gate.Exit()
	return fn(&tx{ctx: ctx, root: db.root.Load()})
}

// Update implements kv.DB. It must not be called from within a transaction.
func (db *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	leave, err := db.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := db.begin(ctx); err != nil {
		return err
	}
	defer db.gate.Exit()
	select {
	case <-db.writer:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { db.writer <- struct{}{} }()
	t := &tx{ctx: ctx, root: db.root.Load()}
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	root := t.root
	for _, op := range t.writes.Ops() {
		if op.Deleted {
			root = remove(root, op.Key)
		} else {
			root = insert(root, op.Key, op.Value)
		}
	}
	db.root.Store(root)
	return nil
}

// tx is a Reader and a Tx over one version of the tree.
type tx struct {
	ctx    context.Context
	root   *node
	writes overlay.Writes
}

func (t *tx) Get(key []byte) ([]byte, bool, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, false, err
	}
	if op, ok := t.writes.Get(key); ok {
		return op.Value, !op.Deleted, nil
	}
	value, ok := get(t.root, key)
	return value, ok, nil
}

func (t *tx) Scan(r kv.Range, yield func(key, value []byte) bool) error {
	return t.writes.Scan(r, t.scanTree, yield)
}

func (t *tx) scanTree(r kv.Range, yield func(key, value []byte) bool) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	var err error
	walk(t.root, r, func(key, value []byte) bool {
		if err = t.ctx.Err(); err != nil {
			return false
		}
		return yield(key, value)
	})
	return err
}

func (t *tx) Set(key, value []byte) error { return t.writes.Set(key, value) }

func (t *tx) Delete(key []byte) error {
	t.writes.Delete(key)
	return nil
}

// Depend implements kv.Depender: one transaction writes at a time, so that nobody else can.
func (t *tx) Depend([]byte) {}

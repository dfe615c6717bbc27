package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/overlay"
)

// maxPinned is how many values a transaction leaves where Pebble has them; further ones are copied.
const maxPinned = 32

// reader is a kv.Reader on a snapshot that is taken at the first read, or at the second if it may run again.
type reader struct {
	ctx    context.Context
	db     *DB
	e      *engine
	snap   *pebble.Snapshot
	pinned []io.Closer
	keyBuf []byte
	endBuf []byte
	cutBuf []byte
	opts   pebble.IterOptions

	start uint64 // every commit up to this one is in the snapshot
	upper uint64 // no commit after this one is
	wait  uint64 // the commit that must be durable before the transaction returns, 0 if none

	rerun  bool   // whoever reads may run again
	direct bool   // the first read was of the latest state, without a snapshot
	slot   uint32 // of the key of that read, if it was a Get
	ranged bool   // it was a Scan
	spanOf span   // its range, in spanBuf
	doomed bool   // no snapshot fits that read any more

	spanBuf []byte
}

var readers = sync.Pool{New: func() any { return new(reader) }}

func newReader(ctx context.Context, db *DB, e *engine) *reader {
	r := readers.Get().(*reader)
	r.ctx, r.db, r.e = ctx, db, e
	return r
}

func (r *reader) release() {
	r.end()
	readers.Put(r)
}

// end lets go of the snapshot and of what has been read.
func (r *reader) end() {
	for i, c := range r.pinned {
		if err := c.Close(); err != nil {
			r.db.log.Error("pebble: closing a value", "error", err)
		}
		r.pinned[i] = nil
	}
	if r.snap != nil {
		if err := r.snap.Close(); err != nil {
			r.db.log.Error("pebble: closing a snapshot", "error", err)
		}
	}
	*r = reader{pinned: r.pinned[:0], keyBuf: r.keyBuf[:0], endBuf: r.endBuf[:0], cutBuf: r.cutBuf[:0], spanBuf: r.spanBuf[:0]}
}

func (r *reader) begin() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.snap == nil {
		// The order matters: start is a lower and upper is an upper bound of what the snapshot holds.
		r.start = r.db.applied.Load()
		r.snap = r.e.pdb.NewSnapshot()
		r.setUpper()
	}
	return nil
}

func (r *reader) setUpper() {
	if !r.e.readOnly { // that one shows durable commits only
		r.upper = r.db.issued.Load()
	}
}

// Get implements kv.Reader.
func (r *reader) Get(key []byte) ([]byte, bool, error) {
	v, ok, err := r.get(key)
	if err == nil && r.unsettled() {
		r.depend(r.db.recent.latest[slotOf(key)].Load())
	}
	return v, ok, err
}

func (r *reader) get(key []byte) ([]byte, bool, error) {
	if r.direct || r.snap != nil || !r.rerun {
		if err := r.fit(); err != nil {
			return nil, false, err
		}
		return r.getFrom(r.snap, key)
	}
	return r.getDirect(key)
}

// getDirect reads key as of the transaction's start. Most transactions read one key, so the first Get does without a snapshot;
// the next read takes one, which fits if nothing has written the first key since.
func (r *reader) getDirect(key []byte) ([]byte, bool, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, false, err
	}
	// In this order, as in begin.
	r.direct, r.slot, r.start = true, slotOf(key), r.db.applied.Load()
	v, ok, err := r.getFrom(r.e.pdb, key)
	r.setUpper()
	return v, ok, err
}

// fit makes sure that there is a snapshot, which agrees with a direct read before.
func (r *reader) fit() error {
	if r.doomed {
		return errConflict
	}
	start := r.start
	if err := r.begin(); err != nil || !r.direct {
		return err
	}
	r.direct, r.start = false, start
	if r.written(start) {
		r.doomed = true
		return errConflict
	}
	return nil
}

// written reports whether a commit after start that the snapshot may hold has written what was read directly.
func (r *reader) written(start uint64) bool {
	if r.ranged {
		return r.db.recent.touched(r.spanOf, start, r.db.issued.Load())
	}
	return r.db.recent.latest[r.slot].Load() > start
}

// iterate returns an iterator: of the snapshot or, for the first read of a transaction that may run again, of the latest state. That is
// to Scan what getDirect is to Get.
func (r *reader) iterate(rng kv.Range) (*pebble.Iterator, error) {
	if r.direct || r.snap != nil || !r.rerun {
		if err := r.fit(); err != nil {
			return nil, err
		}
		return r.snap.NewIterWithContext(r.ctx, r.bounds(rng))
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	// In this order, as in begin. The iterator shows what was visible when it was made.
	r.direct, r.ranged, r.start = true, true, r.db.applied.Load()
	r.setSpan(span{rng.Start, rng.End})
	it, err := r.e.pdb.NewIterWithContext(r.ctx, r.bounds(rng))
	r.setUpper()
	return it, err
}

// setSpan notes what a direct Scan reads, in memory of the reader's own.
func (r *reader) setSpan(s span) {
	r.spanBuf = append(append(r.spanBuf[:0], s.start...), s.end...)
	n := len(s.start)
	r.spanOf = span{}
	if s.start != nil {
		r.spanOf.start = r.spanBuf[:n:n]
	}
	if s.end != nil {
		r.spanOf.end = r.spanBuf[n:]
	}
}

func (r *reader) getFrom(from pebble.Reader, key []byte) ([]byte, bool, error) {
	r.keyBuf = append(append(r.keyBuf[:0], spaceUser), key...)
	v, closer, err := from.Get(r.keyBuf)
	if err != nil {
		if errors.Is(err, pebble.ErrNotFound) {
			return nil, false, nil
		}
		return nil, false, err
	}
	if len(r.pinned) < maxPinned {
		r.pinned = append(r.pinned, closer)
		return v[:len(v):len(v)], true, nil
	}
	v = append(make([]byte, 0, len(v)), v...)
	return v, true, closer.Close()
}

// unsettled reports whether the snapshot may hold commits that are not durable.
func (r *reader) unsettled() bool { return r.upper > r.db.durable.load() }

// depend notes that what was read may come from commit seq.
func (r *reader) depend(seq uint64) {
	if seq > r.db.durable.load() {
		// A commit after upper is not in the snapshot, but one before it, now hidden by it, may be.
		r.wait = max(r.wait, min(seq, r.upper))
	}
}

// Scan implements kv.Reader.
func (r *reader) Scan(rng kv.Range, yield func(key, value []byte) bool) error {
	_, err := r.scan(rng, yield)
	return err
}

// scan returns the part of rng that it went through.
func (r *reader) scan(rng kv.Range, yield func(key, value []byte) bool) (span, error) {
	seen := span{rng.Start, rng.End}
	if overlay.Empty(rng) {
		return seen, r.fit()
	}
	it, err := r.iterate(rng)
	if err != nil {
		return seen, err
	}
	for ok := first(it, rng.Reverse); ok; ok = next(it, rng.Reverse) {
		if err = r.ctx.Err(); err != nil {
			break
		}
		var value []byte
		if value, err = it.ValueAndErr(); err != nil {
			break
		}
		key := it.Key()[1:]
		if !yield(key, value) {
			seen = r.cut(seen, key, rng.Reverse)
			break
		}
	}
	if closing := it.Close(); err == nil {
		err = closing
	}
	if r.direct { // else something else was read meanwhile, and all of the range was checked
		r.setSpan(seen)
	}
	if err == nil && r.unsettled() {
		if durable := r.db.durable.load(); r.db.recent.touched(seen, durable, max(durable, r.upper)) {
			r.depend(r.upper)
		}
	}
	return seen, err
}

// cut shortens s, the range of a scan that was stopped at key. What it returns is valid until the next scan.
func (r *reader) cut(s span, key []byte, reverse bool) span {
	r.cutBuf = append(r.cutBuf[:0], key...)
	if reverse {
		return span{r.cutBuf, s.end}
	}
	r.cutBuf = append(r.cutBuf, 0) // the first key after key
	return span{s.start, r.cutBuf}
}

// bounds may be called again before the iterator of the last call is closed: Pebble copies the bounds.
func (r *reader) bounds(rng kv.Range) *pebble.IterOptions {
	r.keyBuf = append(append(r.keyBuf[:0], spaceUser), rng.Start...)
	if rng.End == nil {
		r.endBuf = append(r.endBuf[:0], spaceEnd)
	} else {
		r.endBuf = append(append(r.endBuf[:0], spaceUser), rng.End...)
	}
	r.opts = pebble.IterOptions{LowerBound: r.keyBuf, UpperBound: r.endBuf}
	return &r.opts
}

func first(it *pebble.Iterator, reverse bool) bool {
	if reverse {
		return it.Last()
	}
	return it.First()
}

func next(it *pebble.Iterator, reverse bool) bool {
	if reverse {
		return it.Prev()
	}
	return it.Next()
}

// settle returns err, the outcome of fn, when all that fn has read is durable.
func (r *reader) settle(err error) error {
	if r.wait == 0 {
		return err
	}
	// Without the cancellation: the wait is that of one fsync, and an answer of fn should not be lost to it.
	ok, waitErr := r.db.durable.wait(context.WithoutCancel(r.ctx), r.wait, r.db.fs.broken)
	if waitErr != nil {
		return waitErr
	}
	if !ok {
		return r.db.readOnly()
	}
	return err
}

// tx is a kv.Tx: a reader that remembers what it has read, and a write set.
type tx struct {
	reader
	writes overlay.Writes
	points []uint32 // slots of the keys read
	spans  []span   // ranges read
}

var txs = sync.Pool{New: func() any { return new(tx) }}

func newTx(ctx context.Context, db *DB, e *engine) *tx {
	t := txs.Get().(*tx)
	t.ctx, t.db, t.e, t.rerun = ctx, db, e, true
	return t
}

func (t *tx) release() {
	t.end()
	t.writes.Reset()
	clear(t.spans)
	t.points, t.spans = t.points[:0], t.spans[:0]
	txs.Put(t)
}

// Get implements kv.Reader.
func (t *tx) Get(key []byte) ([]byte, bool, error) {
	if op, ok := t.writes.Get(key); ok {
		return op.Value, !op.Deleted, t.ctx.Err()
	}
	v, ok, err := t.get(key)
	if err != nil {
		return nil, false, err
	}
	slot := slotOf(key)
	t.points = append(t.points, slot)
	if t.unsettled() {
		t.depend(t.db.recent.latest[slot].Load())
	}
	return v, ok, nil
}

// Depend implements kv.Depender. Without a read before, the start is now: a later one makes a later start.
func (t *tx) Depend(key []byte) {
	if t.snap == nil && !t.direct {
		t.start = t.db.applied.Load()
	}
	t.points = append(t.points, slotOf(key))
}

// Scan implements kv.Reader.
func (t *tx) Scan(rng kv.Range, yield func(key, value []byte) bool) error {
	return t.writes.Scan(rng, t.scanBase, yield)
}

func (t *tx) scanBase(rng kv.Range, yield func(key, value []byte) bool) error {
	seen, err := t.scan(rng, yield)
	t.spans = append(t.spans, span{bytes.Clone(seen.start), bytes.Clone(seen.end)})
	return err
}

// Set implements kv.Tx.
func (t *tx) Set(key, value []byte) error { return t.writes.Set(key, value) }

// Give implements kv.Giver.
func (t *tx) Give(key, value []byte) error { return t.writes.Give(key, value) }

// Delete implements kv.Tx.
func (t *tx) Delete(key []byte) error {
	t.writes.Delete(key)
	return nil
}

// batch returns the writes as one of Pebble's.
func (t *tx) batch() *pebble.Batch {
	b := t.e.pdb.NewBatch()
	for _, op := range t.writes.Ops() {
		var d *pebble.DeferredBatchOp
		if op.Deleted {
			d = b.DeleteDeferred(len(op.Key) + 1)
		} else {
			d = b.SetDeferred(len(op.Key)+1, len(op.Value))
			copy(d.Value, op.Value)
		}
		d.Key[0] = spaceUser
		copy(d.Key[1:], op.Key)
		// Finish fails only for a batch with an index, which this is not.
		_ = d.Finish()
	}
	return b
}

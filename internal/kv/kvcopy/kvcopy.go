// Package kvcopy copies a store into another while the first is in use: all pairs of a checkpoint of it, then what has changed by
// a later checkpoint, and so on, until little is left for the time that nobody writes. Each step goes on where it was interrupted.
package kvcopy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// Pairs of one transaction at most, and bytes.
const (
	batchPairs = 2000
	batchBytes = 4 << 20
	pagePairs  = 4000
)

// stateKey holds how far a copy is, in the store that is copied to, until it is finished. It begins with the byte of facts about
// the store itself.
var stateKey = []byte{0x01, 'c'}

// State is how far a copy is.
type State struct {
	// From is the checkpoint whose pairs the copy holds, once Copied is true; To is the one whose changes are being applied.
	From, To string `json:",omitempty"`
	Copied   bool
	// After is the last key that is done of the step.
	After []byte `json:",omitempty"`
	// Done counts the pairs of the step.
	Done int64
}

// Load reads how far the copy in dst is; nil if there is none under way. A store that holds anything else is refused: what is in
// it would be mixed with the copy.
func Load(ctx context.Context, dst kv.DB) (st *State, err error) {
	err = dst.View(ctx, func(r kv.Reader) error {
		st = nil
		b, ok, err := r.Get(stateKey)
		if err != nil {
			return err
		}
		if ok {
			st = &State{}
			return json.Unmarshal(b, st)
		}
		empty := true
		if err := r.Scan(kv.Range{Limit: 1}, func(_, _ []byte) bool { empty = false; return false }); err != nil {
			return err
		}
		if !empty {
			return errors.New("kvcopy: the store to copy to is not empty, and no copy is under way in it")
		}
		return nil
	})
	return st, err
}

// Copy copies all pairs of src, which must not change, to dst, from where st says on. progress is told how many were copied.
func Copy(ctx context.Context, src, dst kv.DB, st *State, progress func(done int64)) error {
	from := newPager(src, st.After)
	w := writer{dst: dst, st: st}
	for {
		p, err := from.next(ctx)
		if err != nil {
			return err
		}
		if p == nil {
			break
		}
		w.set(p.key, p.value)
		if err := w.flush(ctx, p.key, false, progress); err != nil {
			return err
		}
	}
	st.Copied = true
	return w.finish(ctx, progress)
}

// Changes applies to dst, which holds the pairs of old, what is different in new. It returns how many pairs were.
func Changes(ctx context.Context, before, after, dst kv.DB, st *State, progress func(done int64)) (changed int64, err error) {
	old, cur := newPager(before, st.After), newPager(after, st.After)
	w := writer{dst: dst, st: st}
	err = merge(ctx, old, cur, func(was, is *pair) error {
		key := pick(was, is).key
		switch {
		case is == nil:
			w.delete(key)
			changed++
		case was == nil || !bytes.Equal(was.value, is.value):
			w.set(key, is.value)
			changed++
		}
		w.seen++
		return w.flush(ctx, key, false, progress)
	})
	if err != nil {
		return 0, err
	}
	st.From, st.To = st.To, ""
	return changed, w.finish(ctx, progress)
}

// errDifferent is returned for a copy that is none.
var errDifferent = errors.New("kvcopy: the copy differs from the store")

// Verify compares every pair of a store with its copy, and returns how many there are.
func Verify(ctx context.Context, src, dst kv.DB, progress func(done int64)) (pairs int64, err error) {
	err = merge(ctx, newPager(src, nil), newPager(dst, nil), func(a, b *pair) error {
		if a == nil || b == nil || !bytes.Equal(a.value, b.value) {
			return fmt.Errorf("%w at key %x", errDifferent, pick(a, b).key)
		}
		if pairs++; pairs%pagePairs == 0 {
			progress(pairs)
		}
		return nil
	})
	return pairs, err
}

// Finish ends the copy: dst can be served from then on.
func Finish(ctx context.Context, dst kv.DB) error {
	return dst.Update(ctx, func(tx kv.Tx) error { return tx.Delete(stateKey) })
}

// UnderWay reports whether a store is a copy that is not finished, which nobody may serve.
func UnderWay(ctx context.Context, db kv.DB) (under bool, err error) {
	err = db.View(ctx, func(r kv.Reader) error {
		_, under, err = r.Get(stateKey)
		return err
	})
	return under, err
}

// Count counts the pairs of a store.
func Count(ctx context.Context, db kv.DB) (n int64, err error) {
	err = db.View(ctx, func(r kv.Reader) error {
		n = 0
		return r.Scan(kv.Range{}, func(_, _ []byte) bool { n++; return true })
	})
	return n, err
}

type pair struct{ key, value []byte }

func pick(a, b *pair) *pair {
	if a != nil {
		return a
	}
	return b
}

// merge gives each key of two stores to do, with its pair in each; nil where there is none.
func merge(ctx context.Context, x, y *pager, do func(a, b *pair) error) error {
	a, err := x.next(ctx)
	if err != nil {
		return err
	}
	b, err := y.next(ctx)
	if err != nil {
		return err
	}
	for a != nil || b != nil {
		order := -1
		if a == nil {
			order = 1
		} else if b != nil {
			order = bytes.Compare(a.key, b.key)
		}
		var left, right *pair
		if order <= 0 {
			left = a
		}
		if order >= 0 {
			right = b
		}
		if err := do(left, right); err != nil {
			return err
		}
		if left != nil {
			if a, err = x.next(ctx); err != nil {
				return err
			}
		}
		if right != nil {
			if b, err = y.next(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// pager reads a store that does not change, in several short views. The state of a copy is not of it.
type pager struct {
	db    kv.DB
	after []byte
	page  []pair
	end   bool
}

func newPager(db kv.DB, after []byte) *pager { return &pager{db: db, after: after} }

// next returns the next pair, nil at the end.
func (p *pager) next(ctx context.Context) (*pair, error) {
	for {
		if len(p.page) == 0 {
			if p.end {
				return nil, nil
			}
			if err := p.load(ctx); err != nil {
				return nil, err
			}
			continue
		}
		first := &p.page[0]
		p.page = p.page[1:]
		if !bytes.Equal(first.key, stateKey) {
			return first, nil
		}
	}
}

func (p *pager) load(ctx context.Context) error {
	rng := kv.Range{Limit: pagePairs}
	if p.after != nil {
		rng.Start = append(bytes.Clone(p.after), 0)
	}
	return p.db.View(ctx, func(r kv.Reader) error {
		p.page, p.end = nil, true
		size := 0
		return r.Scan(rng, func(k, v []byte) bool {
			p.page = append(p.page, pair{bytes.Clone(k), bytes.Clone(v)})
			p.after = p.page[len(p.page)-1].key
			size += len(k) + len(v)
			if len(p.page) == pagePairs || size > 4*batchBytes {
				p.end = false
				return false
			}
			return true
		})
	})
}

// writer collects writes and makes them together with the state that says that they are made.
type writer struct {
	dst   kv.DB
	st    *State
	sets  []pair
	drops [][]byte
	size  int
	seen  int // pairs looked at since the last flush
}

func (w *writer) set(k, v []byte) {
	w.sets = append(w.sets, pair{k, v})
	w.size += len(k) + len(v)
	w.seen = max(w.seen, len(w.sets))
}

func (w *writer) delete(k []byte) { w.drops = append(w.drops, k) }

// flush writes what was collected if it is enough, and notes that all up to key is done.
func (w *writer) flush(ctx context.Context, key []byte, now bool, progress func(int64)) error {
	if !now && len(w.sets)+len(w.drops) < batchPairs && w.size < batchBytes && w.seen < 50*batchPairs {
		return nil
	}
	next := *w.st
	next.After, next.Done = key, next.Done+int64(w.seen)
	if err := w.write(ctx, &next); err != nil {
		return err
	}
	*w.st = next
	w.sets, w.drops, w.size, w.seen = nil, nil, 0, 0
	progress(w.st.Done)
	return nil
}

func (w *writer) write(ctx context.Context, st *State) error {
	text, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return w.dst.Update(ctx, func(tx kv.Tx) error {
		for _, p := range w.sets {
			if err := tx.Set(p.key, p.value); err != nil {
				return err
			}
		}
		for _, k := range w.drops {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		return tx.Set(stateKey, text)
	})
}

// finish writes the rest; the next step begins at the first key.
func (w *writer) finish(ctx context.Context, progress func(int64)) error {
	if err := w.flush(ctx, nil, true, progress); err != nil {
		return err
	}
	w.st.Done = 0
	return nil
}

// retiredKey says where a store was copied to.
var retiredKey = []byte{0x01, 'r'}

// Retire notes in a store that it was copied, whole, to another.
func Retire(ctx context.Context, src kv.DB, to string) error {
	return src.Update(ctx, func(tx kv.Tx) error { return tx.Set(retiredKey, []byte(to)) })
}

// RetiredTo returns where a store was copied to; "" if it is not retired.
func RetiredTo(ctx context.Context, db kv.DB) (to string, err error) {
	err = db.View(ctx, func(r kv.Reader) error {
		b, _, err := r.Get(retiredKey)
		to = string(b)
		return err
	})
	return to, err
}

// Package kvcopy copies a store into another while the first is in use: all pairs of a checkpoint of it, then what has changed by
// a later checkpoint, and so on, until little is left for the time that nobody writes. Each step is between checkpoints, which
// never change, and goes on where it was interrupted.
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

// Facts about a store itself, which are not copied. They begin with a byte of their own.
var (
	// stateKey holds how far a copy is, in the store that is copied to, until it is finished.
	stateKey = []byte{0x01, 'c'}
	// retiredKey says where a store was copied to.
	retiredKey = []byte{0x01, 'r'}
)

// State is how far a copy is.
type State struct {
	// Holds is the checkpoint whose pairs, and no others, the copy holds but for the step under way; "" if that is not known.
	Holds string `json:",omitempty"`
	// Next is the checkpoint that is being applied; "" between steps.
	Next string `json:",omitempty"`
	// After is the last key that is done of the step.
	After []byte `json:",omitempty"`
	// Done counts the keys of the step that were looked at, Total those of the step before; 0 if there was none.
	Done  int64
	Total int64 `json:",omitempty"`
}

// ErrNotEmpty is returned for a store that holds something other than a copy under way: what is in it would be mixed with the copy.
var ErrNotEmpty = errors.New("kvcopy: the store to copy to is not empty, and no copy is under way in it")

// Begin returns how far the copy in dst is. In an empty store one begins, so that no server starts on it from then on; any other
// is refused with ErrNotEmpty.
func Begin(ctx context.Context, dst kv.DB) (st *State, err error) {
	err = dst.Update(ctx, func(tx kv.Tx) error {
		st = &State{}
		b, ok, err := tx.Get(stateKey)
		if err != nil {
			return err
		}
		if ok {
			return json.Unmarshal(b, st)
		}
		empty := true
		if err := tx.Scan(kv.Range{Limit: 1}, func(_, _ []byte) bool { empty = false; return false }); err != nil {
			return err
		}
		if !empty {
			return ErrNotEmpty
		}
		return save(tx, st)
	})
	return st, err
}

func save(tx kv.Tx, st *State) error {
	text, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return tx.Set(stateKey, text)
}

// Save notes how far the copy is.
func Save(ctx context.Context, dst kv.DB, st *State) error {
	return dst.Update(ctx, func(tx kv.Tx) error { return save(tx, st) })
}

// Apply makes dst hold the pairs of next, the checkpoint st.Next, from where st says on. holds is the checkpoint st.Holds; nil if
// it is not known what dst holds, and then dst itself is compared. It returns how many pairs were written or removed.
func Apply(ctx context.Context, holds, next, dst kv.DB, st *State, progress func(done int64)) (changed int64, err error) {
	if holds == nil {
		holds = dst // what is written of it is behind what is read of it
	}
	w := writer{dst: dst, st: st}
	err = merge(ctx, newPager(holds, st.After), newPager(next, st.After), func(was, is *pair) error {
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
		if !w.full() {
			return nil
		}
		return w.flush(ctx, State{Holds: st.Holds, Next: st.Next, After: key, Done: st.Done + int64(w.seen), Total: st.Total}, progress)
	})
	if err != nil {
		return 0, err
	}
	return changed, w.flush(ctx, State{Holds: st.Next, Total: st.Done + int64(w.seen)}, progress)
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

// pager reads a store in several short views. It need not see what is written behind where it is. Facts about the store itself are
// left out.
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
		if !bytes.Equal(first.key, stateKey) && !bytes.Equal(first.key, retiredKey) {
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
	seen  int // keys looked at since the last flush
}

func (w *writer) set(k, v []byte) {
	w.sets = append(w.sets, pair{k, v})
	w.size += len(k) + len(v)
}

func (w *writer) delete(k []byte) { w.drops = append(w.drops, k) }

func (w *writer) full() bool {
	return len(w.sets)+len(w.drops) >= batchPairs || w.size >= batchBytes || w.seen >= 50*batchPairs
}

// flush writes what was collected, and the state that is then.
func (w *writer) flush(ctx context.Context, then State, progress func(int64)) error {
	err := w.dst.Update(ctx, func(tx kv.Tx) error {
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
		return save(tx, &then)
	})
	if err != nil {
		return err
	}
	done := w.st.Done + int64(w.seen)
	*w.st = then
	w.sets, w.drops, w.size, w.seen = nil, nil, 0, 0
	progress(done)
	return nil
}

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

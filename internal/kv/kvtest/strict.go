package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// Strict returns a store that does all that the contract of package kv lets a backend do, to find users that rely on more: what a
// scan yields is overwritten when yield returns, what Get returns when the transaction ends, and whatever may run again runs twice.
// An Update fails if what it was given has changed before it returned. The backend has to be a kv.Depender.
func Strict(db kv.DB) kv.DB { return &strict{db} }

type strict struct{ kv.DB }

// errAgain rolls back the first run of a transaction.
var errAgain = errors.New("kvtest: once more")

// View implements kv.DB.
func (s *strict) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.DB.View(ctx, reading(fn))
}

// ViewRerun implements kv.Rerunner.
func (s *strict) ViewRerun(ctx context.Context, fn func(kv.Reader) error) error {
	ran := false
	if err := s.View(ctx, func(r kv.Reader) error { ran = true; return fn(r) }); !ran {
		return err
	}
	return s.View(ctx, fn)
}

// Update implements kv.DB.
func (s *strict) Update(ctx context.Context, fn func(kv.Tx) error) error {
	var given []lent
	run := func(again error) error {
		given = nil
		return s.DB.Update(ctx, func(w kv.Tx) error {
			tx := &strictTx{strictReader{Reader: w}, w, nil}
			err := fn(tx)
			tx.spoil()
			given = tx.given
			if again != nil {
				return again
			}
			return err
		})
	}
	if err := run(errAgain); !errors.Is(err, errAgain) {
		return err // fn has not run
	}
	err := run(nil)
	for _, l := range given {
		if !bytes.Equal(l.slice, l.was) {
			return fmt.Errorf("kvtest: what Give was given has changed: %q, once %q", l.slice, l.was)
		}
	}
	return err
}

func reading(fn func(kv.Reader) error) func(kv.Reader) error {
	return func(r kv.Reader) error {
		s := &strictReader{Reader: r}
		defer s.spoil()
		return fn(s)
	}
}

// strictReader keeps what it has handed out.
type strictReader struct {
	kv.Reader
	out [][]byte
}

// Get implements kv.Reader.
func (r *strictReader) Get(key []byte) ([]byte, bool, error) {
	v, ok, err := r.Reader.Get(key)
	v = bytes.Clone(v)
	r.out = append(r.out, v)
	return v, ok, err
}

// Scan implements kv.Reader.
func (r *strictReader) Scan(rng kv.Range, yield func(key, value []byte) bool) error {
	return r.Reader.Scan(rng, func(k, v []byte) bool {
		k, v = bytes.Clone(k), bytes.Clone(v)
		defer spoil(k)
		defer spoil(v)
		return yield(k, v)
	})
}

func (r *strictReader) spoil() {
	for _, b := range r.out {
		spoil(b)
	}
}

// spoil leaves nothing that decodes.
func spoil(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}

// lent is a slice that was given, with a copy.
type lent struct{ slice, was []byte }

type strictTx struct {
	strictReader
	w     kv.Tx
	given []lent
}

// Set implements kv.Tx.
func (t *strictTx) Set(key, value []byte) error { return t.w.Set(key, value) }

// Give implements kv.Giver.
func (t *strictTx) Give(key, value []byte) error {
	t.given = append(t.given, lent{key, bytes.Clone(key)}, lent{value, bytes.Clone(value)})
	return kv.Give(t.w, key, value)
}

// Delete implements kv.Tx.
func (t *strictTx) Delete(key []byte) error { return t.w.Delete(key) }

// Depend implements kv.Depender.
func (t *strictTx) Depend(key []byte) { t.w.(kv.Depender).Depend(key) }

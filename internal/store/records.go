package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// Records is a view of one service's records in one account and region.
type Records struct {
	tx      *Tx
	prefix  []byte
	account string
}

// recordV1 is the first byte of a record on disk: JSON follows.
const recordV1 = 1

func (r *Records) key(k Key) []byte {
	full := make([]byte, 0, len(r.prefix)+len(k))
	return append(append(full, r.prefix...), k...)
}

// Get returns the bytes at k. The slice is valid until the transaction ends.
func (r *Records) Get(k Key) ([]byte, bool, error) { return r.tx.r.Get(r.key(k)) }

// Set stores bytes at k.
func (r *Records) Set(k Key, value []byte) error {
	if r.tx.w == nil {
		return notGranted("a write through a read-only view")
	}
	return r.tx.w.Set(r.key(k), value)
}

// Depend has the writing transaction run again if another writes k while it runs, as if it had read k. It reports whether the
// store can do that; where it cannot, read.
func (r *Records) Depend(k Key) bool {
	d, ok := r.tx.w.(kv.Depender)
	if ok {
		d.Depend(r.key(k))
	}
	return ok
}

// Delete removes k if it is there.
func (r *Records) Delete(k Key) error {
	if r.tx.w == nil {
		return notGranted("a delete through a read-only view")
	}
	return r.tx.w.Delete(r.key(k))
}

// Scan yields the records under the prefix in order of their keys, those after the key `after` if it is not nil, until
// yield returns false. Key and value are valid only during the call.
func (r *Records) Scan(prefix, after Key, yield func(k Key, value []byte) bool) error {
	rng := kv.Prefix(r.key(prefix))
	if after != nil {
		if start := append(r.key(after), 0); bytes.Compare(start, rng.Start) > 0 {
			rng.Start = start
		}
	}
	return r.tx.r.Scan(rng, func(k, v []byte) bool { return yield(Key(k[len(r.prefix):]), v) })
}

// Changed says that facts which other parts of the server cache have changed: when the transaction commits, caches of
// the service and account drop what they hold, here at once and on other nodes within a second.
func (r *Records) Changed() { r.changed(epochKey{service: r.tx.access.service(), account: r.account}) }

// ChangedIn is Changed for the facts about one resource, as caches name it in GetIn: what is cached of others in the
// account stays. Where there may be a hundred thousand of them, a change in one must not cost the rest.
func (r *Records) ChangedIn(resource string) {
	r.changed(partKey(r.tx.access.service(), r.account, resource))
}

func (r *Records) changed(k epochKey) {
	for _, c := range r.tx.changed {
		if c == k {
			return
		}
	}
	r.tx.changed = append(r.tx.changed, k)
}

// Load decodes the record at k; it returns nil without an error if there is none.
func Load[T any](r *Records, k Key) (*T, error) {
	b, ok, err := r.Get(k)
	if err != nil || !ok {
		return nil, err
	}
	return decode[T](b)
}

// Save encodes v at k.
func Save[T any](r *Records, k Key, v *T) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("store: encode %T: %w", v, err)
	}
	return r.Set(k, append([]byte{recordV1}, b...))
}

// Each decodes the records under prefix in order, after the key `after` if it is not nil, until yield returns false.
func Each[T any](r *Records, prefix, after Key, yield func(k Key, v *T) bool) error {
	var bad error
	err := r.Scan(prefix, after, func(k Key, b []byte) bool {
		v, err := decode[T](b)
		if err != nil {
			bad = err
			return false
		}
		return yield(k, v)
	})
	if bad != nil {
		return bad
	}
	return err
}

func decode[T any](b []byte) (*T, error) {
	if len(b) == 0 || b[0] != recordV1 {
		return nil, fmt.Errorf("store: %T has an unknown format; was the data written by a newer version?", *new(T))
	}
	v := new(T)
	if err := json.Unmarshal(b[1:], v); err != nil {
		return nil, fmt.Errorf("store: decode %T: %w", *v, err)
	}
	return v, nil
}

package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// TailQuery selects what Tail follows.
type TailQuery struct {
	// Account and Tenant restrict to events received by an account, or made for a tenant; empty is all, for the
	// operator only.
	Account, Tenant string
	// Filter restricts by what the event says.
	Filter Filter
	// From is where to begin; zero is now.
	From time.Time
	// Once ends the sequence when it has caught up, instead of following.
	Once bool
}

const (
	tailPage = 500
	tailPoll = 250 * time.Millisecond
)

// Tail yields the events that match, oldest first, and follows the log until ctx ends or the caller stops. Events of one
// chain come in their order; those of several nodes are sorted by time as far as they arrive together. It ends after
// the first error that it yields; the end of ctx is none.
func (r *Reader) Tail(ctx context.Context, q TailQuery) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		t := &tail{Reader: r, q: q, next: map[uint64]uint64{}, done: map[uint64]bool{}}
		if err := t.start(ctx); err != nil {
			yield(Found{}, err)
			return
		}
		for {
			more := r.news.next()
			found, full, err := t.read(ctx)
			if err != nil {
				if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
					yield(Found{}, err)
				}
				return
			}
			for _, f := range found {
				if !yield(f, nil) {
					return
				}
			}
			if full {
				continue
			}
			if q.Once || !t.sleep(ctx, more) {
				return
			}
		}
	}
}

// tail is where a Tail has got to.
type tail struct {
	*Reader
	q       TailQuery
	next    map[uint64]uint64 // by chain, the next record to read
	done    map[uint64]bool   // chains that have ended and are read
	backlog bool              // a tenant's events before next are still to be read from its index
	last    []byte            // place of the last of them that was read
}

// sleep waits for news of this process, or for the next time to look what other processes wrote.
func (t *tail) sleep(ctx context.Context, more <-chan struct{}) bool {
	timer := time.NewTimer(tailPoll)
	defer timer.Stop()
	select {
	case <-more:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

// start finds the first record to read of each chain.
func (t *tail) start(ctx context.Context) error {
	return t.db.View(ctx, func(tx kv.Reader) error {
		seals := t.sealers()
		chains, err := t.chains(tx, seals)
		if err != nil {
			return err
		}
		for chain := uint64(1); chain <= chains; chain++ {
			h, err := t.readHead(tx, seals, chain)
			if err != nil {
				return err
			}
			t.next[chain] = h.count + 1
			if t.q.From.IsZero() || t.q.Tenant != "" {
				t.done[chain] = h.state != running
				continue
			}
			if t.next[chain], err = t.since(tx, &h); err != nil {
				return err
			}
		}
		t.backlog = t.q.Tenant != "" && !t.q.From.IsZero()
		return nil
	})
}

// since finds by bisection the first record of a chain that is not before the time. Times in a chain are nearly in
// order: requests are recorded within moments of being accepted, so it begins a minute early and filters.
func (t *tail) since(tx kv.Reader, h *head) (uint64, error) {
	early := t.q.From.Add(-time.Minute)
	low, high := uint64(1), h.count+1
	for low < high {
		mid := low + (high-low)/2
		value, ok, err := tx.Get(t.keys.record(nil, h.chain, mid))
		if err != nil {
			return 0, err
		}
		if !ok || len(value) < recordFixed {
			return 0, ErrTampered
		}
		m, err := parsePayload(value[recordFixed:])
		if err != nil {
			return 0, err
		}
		if m.time.Before(early) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// read returns the next events; full says that there may be more at once.
func (t *tail) read(ctx context.Context) (found []Found, full bool, err error) {
	if t.backlog {
		found, err = t.old(ctx)
		return found, true, err
	}
	var next map[uint64]uint64
	var done []uint64
	err = t.db.View(ctx, func(tx kv.Reader) error {
		found, full, next, done = nil, false, map[uint64]uint64{}, nil
		seals := t.sealers()
		chains, err := t.chains(tx, seals)
		if err != nil {
			return err
		}
		for chain := uint64(1); chain <= chains; chain++ {
			if t.done[chain] {
				continue
			}
			h, err := t.readHead(tx, seals, chain)
			if err != nil {
				return err
			}
			n, err := t.chain(tx, seals, chain, &found)
			if err != nil {
				return err
			}
			next[chain] = max(t.next[chain], 1) + n
			full = full || n == tailPage
			if h.state != running && next[chain] > h.count {
				done = append(done, chain)
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	t.next = next
	for _, chain := range done {
		t.done[chain] = true
	}
	slices.SortStableFunc(found, func(a, b Found) int { return a.order.Compare(b.order) })
	return found, full, nil
}

// old reads the next of a tenant's events that were there at the start.
func (t *tail) old(ctx context.Context) ([]Found, error) {
	prefix := t.keys.tenant(nil, []byte(t.q.Tenant))
	rng := kv.Prefix(prefix)
	rng.Limit = tailPage
	rng.Start = place{time: t.q.From}.append(clip(prefix))
	if t.last != nil {
		rng.Start = append(append(clip(prefix), t.last...), 0)
	}
	var p *page
	var places [][]byte
	err := t.db.View(ctx, func(tx kv.Reader) error {
		p = &page{Reader: t.Reader, q: &Query{Account: t.q.Account, Tenant: t.q.Tenant, Filter: t.q.Filter}}
		places = nil
		err := tx.Scan(rng, func(key, _ []byte) bool {
			places = append(places, append([]byte(nil), key[len(prefix):]...))
			return len(places) < tailPage
		})
		if err != nil {
			return err
		}
		seals := t.sealers()
		for _, raw := range places {
			at, ok := parsePlace(raw)
			if !ok {
				return fmt.Errorf("%w: an index entry is not well-formed", ErrTampered)
			}
			if at.seq >= t.next[at.chain] {
				continue // newer than the start: its chain is followed
			}
			if err := p.look(tx, seals, at.chain, at.seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(places) < tailPage {
		t.backlog = false
	} else {
		t.last = places[len(places)-1]
	}
	return p.found, nil
}

// chain reads the next records of a chain and returns how many there were.
func (t *tail) chain(tx kv.Reader, seals sealers, chain uint64, found *[]Found) (uint64, error) {
	s, err := t.sealerOf(tx, seals, chain)
	if err != nil {
		return 0, err
	}
	prefix := t.keys.records(nil, chain)
	rng := kv.Prefix(prefix)
	rng.Start, rng.Limit = t.keys.record(nil, chain, max(t.next[chain], 1)), tailPage
	n := uint64(0)
	var bad error
	var latest time.Time
	err = tx.Scan(rng, func(key, value []byte) bool {
		var f Found
		var ok bool
		f, ok, bad = open(s, chain, be64(key[len(prefix):]), value, t.holds)
		if f.Time.After(latest) {
			latest = f.Time
		}
		if ok && t.q.Filter.Match(&f) {
			f.order = latest // so that sorting by time keeps the order of the chain
			*found = append(*found, f)
		}
		n++
		return bad == nil && n < tailPage
	})
	return n, errors.Join(err, bad)
}

func (t *tail) holds(m *meta) bool {
	return (t.q.Account == "" || string(m.account) == t.q.Account) &&
		(t.q.Tenant == "" || string(m.tenant) == t.q.Tenant) && !m.time.Before(t.q.From)
}

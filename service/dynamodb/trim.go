package dynamodb

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// trimEvery is how often the log of a table is looked after.
const trimEvery = 10 * time.Minute

// logged is a table that keeps changes, or has kept some that are not trimmed yet, on record in the directory.
type logged struct {
	Account, Region, Name string
	Table                 string // id
	Swept                 time.Time
}

func logKey(table string) store.Key { return store.K("log", table) }

// keepLog has the log of a table looked after.
func keepLog(tx *store.Tx, at place, table, name string) error {
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	return store.Save(dir, logKey(table), &logged{Account: at.account, Region: at.region, Name: name, Table: table})
}

// trim looks after the logs whose turn it is: shards that are old are closed, changes that are old removed, and streams
// that are over forgotten.
func (s *Service) trim(ctx context.Context, now time.Time) error {
	var due []*logged
	err := system.View(ctx, s.db, name, func(tx *store.Tx) error {
		due = nil
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return store.Each(dir, store.K("log"), nil, func(_ store.Key, l *logged) bool {
			if now.Sub(l.Swept) >= trimEvery {
				due = append(due, l)
			}
			return true
		})
	})
	errs := []error{err}
	for _, l := range due {
		errs = append(errs, s.trimLog(ctx, l, now))
	}
	return errors.Join(errs...)
}

func (s *Service) trimLog(ctx context.Context, l *logged, now time.Time) error {
	keep, err := s.keeps(ctx, l)
	if err != nil {
		return err
	}
	for part := range store.ChangeParts {
		for more := true; more; {
			err := system.Update(ctx, s.db, name, func(tx *store.Tx) (err error) {
				more, err = system.Trim(tx, l.Table, part, chunk, now.Add(-keep))
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return system.Update(ctx, s.db, name, func(tx *store.Tx) error { return s.sweepStreams(tx, l, now) })
}

// keeps is how long the changes of a table are kept.
func (s *Service) keeps(ctx context.Context, l *logged) (keep time.Duration, err error) {
	err = system.View(ctx, s.db, name, func(tx *store.Tx) error {
		t, err := s.read(tx, place{l.Account, l.Region, l.Name}, nil)
		keep = streamLife
		if err == nil && t != nil && t.ID == l.Table && t.Recovery.Enabled {
			keep = max(keep, t.Recovery.span()+recoveryMargin)
		}
		return err
	})
	return keep, err
}

// sweepStreams closes shards and forgets streams. The log itself is forgotten with the last of them.
func (s *Service) sweepStreams(tx *store.Tx, l *logged, now time.Time) error {
	recs, err := tx.Records(l.Account, l.Region)
	if err != nil {
		return err
	}
	var all []*stream
	err = store.Each(recs, store.K("stream", l.Name), nil, func(_ store.Key, st *stream) bool {
		if st.Table == l.Table {
			all = append(all, st)
		}
		return true
	})
	if err != nil {
		return err
	}
	left := 0
	for _, st := range all {
		if st.over(now) {
			if err := recs.Delete(streamKey(st.Name, st.Label)); err != nil {
				return err
			}
			continue
		}
		left++
		if err := st.renew(tx, recs, now); err != nil {
			return err
		}
	}
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	t, err := s.read(tx, place{l.Account, l.Region, l.Name}, nil)
	if err != nil {
		return err
	}
	switch there := t != nil && t.ID == l.Table; {
	case left == 0 && !there:
		if more, err := system.DropLog(tx, l.Table, chunk); err != nil || more {
			return err // the rest in the next turn
		}
		return dir.Delete(logKey(l.Table))
	case left == 0 && !t.logged() && t.Recovery.Until.Add(streamLife).Before(now):
		return dir.Delete(logKey(l.Table)) // what it kept is trimmed by now
	}
	swept := *l
	swept.Swept = now.UTC()
	return store.Save(dir, logKey(l.Table), &swept)
}

// renew closes the shards of an enabled stream that are old enough, and drops spans that are trimmed.
func (st *stream) renew(tx *store.Tx, recs *store.Records, now time.Time) error {
	changed := false
	for len(st.Spans) > 1 && st.Spans[0].trimmed(now) {
		st.Spans, changed = st.Spans[1:], true
	}
	last := &st.Spans[len(st.Spans)-1]
	if st.Ended.IsZero() && now.Sub(last.Began) >= shardLife {
		marks, err := tx.Mark(st.Table)
		if err != nil {
			return err
		}
		st.roll(now.UTC(), marks, true)
		changed = true
	}
	if !changed {
		return nil
	}
	return store.Save(recs, streamKey(st.Name, st.Label), st)
}

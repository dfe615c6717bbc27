package dynamodb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// Work in the background is done in transactions of this many rows; what is left to do is on record, so that it goes on
// after a restart, on any node.
const (
	chunk     = 500
	fillChunk = 50 // rows that are held in memory whole
	workPoll  = time.Minute
)

// The kinds of jobs.
const (
	dropTable = "drop-table"
	dropIndex = "drop-index"
	fillIndex = "fill-index"
	// makeBackup copies the rows of a table, restoreTable those of a backup, and dropBackup removes those.
	makeBackup   = "backup"
	restoreTable = "restore"
	dropBackup   = "drop-backup"
	// sealRows seals the rows that a table had when it was given a key.
	sealRows = "seal-rows"
	// stageChanges notes what an incremental export is made of, and forgetTransfer removes the record of an export or import.
	stageChanges   = "stage"
	forgetTransfer = "forget"
)

// job is work that is left to do, on record in the directory: it belongs to no account.
type job struct {
	Kind         string
	Table, Index string // ids
	// Where the record of the table is: for all but drops of tables and indexes.
	Account, Region, Name string       `json:",omitempty"`
	After                 *item.RowKey `json:",omitempty"`
	// From is where the sealing of rows goes on.
	From []byte `json:",omitempty"`
	// Backup is for the jobs that are about one.
	Backup *backing `json:",omitempty"`
	// Due is when the job begins; zero is at once.
	Due time.Time `json:",omitzero"`
}

func (j *job) key() store.Key { return store.K("job", j.Kind, j.Table, j.Index) }

// expiry says when to forget a ClientRequestToken.
type expiry struct {
	Account, Region, Token string
	Until                  time.Time
}

// expiryKey orders tokens by the time when they are to be forgotten.
func expiryKey(until time.Time, id string) store.Key {
	return store.K("expiry", until.UTC().Format("2006-01-02T15:04:05"), id)
}

func addJob(tx *store.Tx, j *job) error {
	jobs, err := tx.Directory()
	if err != nil {
		return err
	}
	return store.Save(jobs, j.key(), j)
}

// kick has Run look for work at once.
func (s *Service) kick() { kickIn(s.wake) }

func kickIn(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Run does the background work until ctx ends: it removes the rows of deleted tables and indexes, fills new indexes, forgets old
// request tokens, and carries exports and imports, which may take long and hold up nothing else. Several nodes may run it on one store.
func (s *Service) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { s.repeat(ctx, s.wake, s.Work) })
	both.Go(func() {
		s.repeat(ctx, s.wakeTransfers, func(ctx context.Context, now time.Time) error {
			both.Go(func() { // those that come meanwhile do not wait for it
				if err := s.Transfers(ctx, now); err != nil && ctx.Err() == nil {
					s.log.Error("dynamodb: exports and imports", "error", err)
				}
			})
			return nil
		})
	})
	both.Wait()
}

// repeat does work every now and then, and when it is woken, until ctx ends.
func (s *Service) repeat(ctx context.Context, wake <-chan struct{}, work func(context.Context, time.Time) error) {
	tick := time.NewTicker(workPoll)
	defer tick.Stop()
	for {
		if err := work(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.log.Error("dynamodb: background work", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-tick.C:
		}
	}
}

// Work does all that is to be done now.
func (s *Service) Work(ctx context.Context, now time.Time) error {
	return errors.Join(s.doJobs(ctx, now), s.forget(ctx, now), s.count(ctx, now), s.trim(ctx, now), s.expire(ctx, now))
}

// doJobs does the jobs that are due and those that come of them, each once: one that fails has its turn again later.
func (s *Service) doJobs(ctx context.Context, now time.Time) error {
	var errs []error
	tried := map[string]bool{}
	for {
		due, err := s.dueJobs(ctx, now)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		due = slices.DeleteFunc(due, func(j *job) bool { return tried[string(j.key())] })
		if len(due) == 0 {
			return errors.Join(errs...)
		}
		for _, j := range due {
			tried[string(j.key())] = true
			errs = append(errs, s.do(ctx, j))
		}
	}
}

func (s *Service) dueJobs(ctx context.Context, now time.Time) (due []*job, err error) {
	err = system.View(ctx, s.db, name, func(tx *store.Tx) error {
		due = nil
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return store.Each(dir, store.K("job"), nil, func(_ store.Key, j *job) bool {
			if !now.Before(j.Due) {
				due = append(due, j)
			}
			return true
		})
	})
	return due, err
}

// do does one job, chunk by chunk.
func (s *Service) do(ctx context.Context, j *job) error {
	for {
		more := false
		err := system.Update(ctx, s.db, name, func(tx *store.Tx) error {
			dir, err := tx.Directory()
			if err != nil {
				return err
			}
			now, err := store.Load[job](dir, j.key())
			if err != nil || now == nil {
				more = false // another node has done it
				return err
			}
			if more, err = s.step(tx, now); err != nil {
				return err
			}
			if more {
				return store.Save(dir, j.key(), now)
			}
			return dir.Delete(j.key())
		})
		if err == nil && !more {
			kickIn(s.wakeTransfers) // it may have prepared an export
		}
		if err != nil || !more {
			return err
		}
	}
}

// step does one chunk of a job and reports whether there is more.
func (s *Service) step(tx *store.Tx, j *job) (more bool, err error) {
	switch j.Kind {
	case fillIndex:
		return s.fill(tx, j)
	case makeBackup:
		return s.backUp(tx, j)
	case restoreTable:
		return s.restore(tx, j)
	case dropBackup:
		return s.forgetBackup(tx, j)
	case sealRows:
		return s.sealRows(tx, j)
	case stageChanges:
		return s.stage(tx, j)
	case forgetTransfer:
		return forgetRecord(tx, j)
	}
	return s.drop(tx, j)
}

func (s *Service) fill(tx *store.Tx, j *job) (more bool, err error) {
	at := place{j.Account, j.Region, j.Name}
	t, err := s.read(tx, at, nil)
	if err != nil || t == nil || t.ID != j.Table {
		return false, err
	}
	for i := range t.Indexes {
		if t.Indexes[i].ID != j.Index {
			continue
		}
		j.After, err = system.Backfill(tx, j.Table, t.sealing, &t.schema, &t.schema.Indexes[i], j.After, fillChunk)
		if err != nil || j.After != nil {
			return true, err
		}
		rec := t.record
		rec.Indexes[i].Filling = false // t is this transaction's own
		return false, save(tx, at, &rec)
	}
	return false, nil
}

func (s *Service) drop(tx *store.Tx, j *job) (more bool, err error) {
	if j.Kind == dropTable {
		dir, err := tx.Directory()
		if err != nil {
			return false, err
		}
		for _, k := range []store.Key{countsKey(j.Table), ttlKey(j.Table)} {
			if err := dir.Delete(k); err != nil {
				return false, err
			}
		}
	}
	return system.Drop(tx, j.Table, j.Index, chunk)
}

// forget removes the tokens whose time is over.
func (s *Service) forget(ctx context.Context, now time.Time) error {
	for {
		n := 0
		err := system.Update(ctx, s.db, name, func(tx *store.Tx) error {
			dir, err := tx.Directory()
			if err != nil {
				return err
			}
			var due []*expiry
			err = store.Each(dir, store.K("expiry"), nil, func(_ store.Key, e *expiry) bool {
				if e.Until.After(now) {
					return false
				}
				due = append(due, e)
				return len(due) < chunk
			})
			if err != nil {
				return err
			}
			n = len(due)
			for _, e := range due {
				if err := forgetToken(tx, dir, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n < chunk {
			return err
		}
	}
}

func forgetToken(tx *store.Tx, dir *store.Records, e *expiry) error {
	recs, err := tx.Records(e.Account, e.Region)
	if err != nil {
		return err
	}
	k := (&token{id: e.Token}).key()
	p, err := store.Load[performed](recs, k)
	if err != nil {
		return err
	}
	// A token that was used again since has a later time, and an expiry of its own.
	if p != nil && !p.Until.After(e.Until) {
		if err := recs.Delete(k); err != nil {
			return err
		}
	}
	return dir.Delete(expiryKey(e.Until, e.Token))
}

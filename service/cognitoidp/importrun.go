package cognitoidp

import (
	"context"
	"errors"
	"fmt"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const (
	// importEvery is how often a node looks for jobs that others have left.
	importEvery = 15 * time.Second
	// importBatch is how many lines one transaction deals with.
	importBatch = 50
	// maxImportLog bounds the failures that a job's log keeps; beyond it they only count.
	maxImportLog = 10_000
	// maxQueued is how many jobs one look takes.
	maxQueued = 100
)

// importer wakes the background work when a job starts on this node.
type importer struct{ signal chan struct{} }

func newImporter() *importer { return &importer{make(chan struct{}, 1)} }

func (i *importer) wake() {
	select {
	case i.signal <- struct{}{}:
	default:
	}
}

// RunImports does the work of import jobs until ctx ends. It may run on any number of nodes, and goes on where a node that
// stopped has left off. failed is told of what went wrong; the work is tried again.
func (s *Service) RunImports(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(importEvery)
	defer tick.Stop()
	for {
		if err := s.Import(ctx, time.Now()); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.imports.signal:
		}
	}
}

// Import does the work of all jobs that there is some for, and returns when none is left.
func (s *Service) Import(ctx context.Context, now time.Time) error {
	var failed error
	for after := store.Key(nil); ; {
		jobs, err := s.queued(ctx, after)
		if err != nil || len(jobs) == 0 {
			return errors.Join(failed, err)
		}
		for _, k := range jobs {
			if err := s.advance(ctx, k, now); err != nil {
				failed = errors.Join(failed, fmt.Errorf("cognitoidp: import job %s: %w", k.Parts()[4], err))
			}
			if ctx.Err() != nil {
				return errors.Join(failed, ctx.Err())
			}
		}
		after = jobs[len(jobs)-1]
	}
}

func (s *Service) queued(ctx context.Context, after store.Key) (keys []store.Key, err error) {
	err = system.View(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		keys = nil
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return dir.Scan(store.K(importQueue), after, func(k store.Key, _ []byte) bool {
			keys = append(keys, append(store.Key(nil), k...))
			return len(keys) < maxQueued
		})
	})
	return keys, err
}

// run is the work on one job.
type run struct {
	*scoped
	entry store.Key
	job   string
}

func (s *Service) newRun(ctx context.Context, p *userpool.Pool, entry store.Key, now time.Time) *run {
	call := &pipeline.Call{Account: p.Account, Region: p.Region, Now: now}
	return &run{&scoped{s, s.NewRequest(ctx, call, p)}, entry, entry.Parts()[4]}
}

// advance does the work of one job, or takes the entry of one that is no more out of the queue.
func (s *Service) advance(ctx context.Context, entry store.Key, now time.Time) error {
	parts := entry.Parts()
	if len(parts) != 5 {
		return errors.New("cognitoidp: a malformed entry of the queue of imports")
	}
	p, err := s.FactsOf(ctx, parts[3])
	if err != nil {
		return err
	}
	if p == nil {
		return system.Update(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
			dir, err := tx.Directory()
			if err != nil {
				return err
			}
			return dir.Delete(entry)
		})
	}
	r := s.newRun(ctx, p, entry, now)
	var file *importFile
	for {
		if file == nil {
			if file, err = r.open(); err != nil {
				return err
			}
		}
		more, err := r.step(file)
		if err != nil || !more {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// tx runs fn on the records of the job's pool. The job is nil if it is no more.
func (r *run) tx(fn func(rec, dir *store.Records, j *importJob) error) error {
	return system.Update(r.Ctx, r.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(r.Pool.Account, r.Pool.Region)
		if err != nil {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		j, err := store.Load[importJob](rec, importKey(r.Pool.ID, r.job))
		if err != nil {
			return err
		}
		return fn(rec, dir, j)
	})
}

// open reads the file of a job that runs; nil for others.
func (r *run) open() (*importFile, error) {
	var text []byte
	var at int64
	runs := false
	err := r.tx(func(rec, _ *store.Records, j *importJob) (err error) {
		if runs = j != nil && running(j); !runs {
			return nil
		}
		at = j.Line
		text, err = r.fileOf(rec, r.Pool, j)
		return err
	})
	if err != nil || !runs {
		return nil, err
	}
	f, err := openImport(r.Pool, text)
	if err != nil {
		return nil, r.end(api.UserImportJobStatusTypeFailed, err.Error())
	}
	for f.line < at {
		if _, ok := f.next(); !ok {
			break
		}
	}
	return f, nil
}

func running(j *importJob) bool {
	return j.Status == api.UserImportJobStatusTypePending || j.Status == api.UserImportJobStatusTypeInProgress
}

// end closes a job: its file goes, its counts and its log stay.
func (r *run) end(status api.UserImportJobStatusType, message string) error {
	return r.tx(func(rec, dir *store.Records, j *importJob) error { return r.close(rec, dir, j, status, message) })
}

func (r *run) close(rec, dir *store.Records, j *importJob, status api.UserImportJobStatusType, message string) error {
	if j != nil && !j.over() {
		if err := dropFile(rec, r.Pool, j); err != nil {
			return err
		}
		j.Status, j.Message, j.Completed = status, message, r.Call.Now
		if err := store.Save(rec, importKey(r.Pool.ID, j.ID), j); err != nil {
			return err
		}
	}
	return dir.Delete(r.entry)
}

// step deals with what the job is at: another batch of lines, or its end. It reports whether there is more to do now.
func (r *run) step(f *importFile) (more bool, err error) {
	var lines []numbered
	if f != nil {
		lines = f.batch()
	}
	err = r.tx(func(rec, dir *store.Records, j *importJob) error {
		more = false
		switch {
		case j == nil || j.over():
			return dir.Delete(r.entry)
		case j.Status == api.UserImportJobStatusTypeStopping:
			return r.close(rec, dir, j, api.UserImportJobStatusTypeStopped, importStopped)
		case j.status(r.Call.Now) == api.UserImportJobStatusTypeExpired:
			return r.close(rec, dir, j, api.UserImportJobStatusTypeExpired, importExpired)
		case !running(j) || f == nil:
			return nil // not started yet
		case len(lines) == 0:
			return r.finish(rec, dir, j)
		case j.Line != lines[0].n-1:
			return nil // another node is at it
		}
		more = true
		return r.importLines(rec, f, j, lines)
	})
	return more, err
}

// finish ends a job whose lines were all dealt with. It failed if it left out more users than it made.
func (r *run) finish(rec, dir *store.Records, j *importJob) error {
	if j.Failed+j.Skipped > j.Imported || j.Imported == 0 {
		return r.close(rec, dir, j, api.UserImportJobStatusTypeFailed, importTooMany)
	}
	return r.close(rec, dir, j, api.UserImportJobStatusTypeSucceeded, importDone)
}

// numbered is a line with its number, of which the header's is 1.
type numbered struct {
	n    int64
	text string
}

func (f *importFile) batch() []numbered {
	var out []numbered
	for len(out) < importBatch {
		text, ok := f.next()
		if !ok {
			break
		}
		out = append(out, numbered{f.line, text})
	}
	return out
}

func (r *run) importLines(rec *store.Records, f *importFile, j *importJob, lines []numbered) error {
	j.Status = api.UserImportJobStatusTypeInProgress
	for _, line := range lines {
		j.Line = line.n
		if line.text == "" {
			continue
		}
		if err := r.importLine(rec, f, j, line); err != nil {
			return err
		}
	}
	return store.Save(rec, importKey(r.Pool.ID, j.ID), j)
}

// importLine makes the user of a line, or writes down why not.
func (r *run) importLine(rec *store.Records, f *importFile, j *importJob, line numbered) error {
	parsed, err := f.parse(line.text)
	var u *userpool.User
	if err == nil {
		u, err = r.imported(parsed)
	}
	exists := false
	if err == nil {
		exists, err = r.taken(rec, u)
	}
	switch {
	case err != nil && !fault.IsClass(err, fault.Modeled):
		return err
	case err != nil:
		j.Failed++
		return r.note(rec, j, importFailure{line.n, "FAILED", reason(err)})
	case exists:
		j.Skipped++
		return r.note(rec, j, importFailure{line.n, "SKIPPED", "The user already exists."})
	}
	j.Imported++
	return r.CreateUser(rec, u, false)
}

// taken reports whether the user's name or one of the aliases is somebody's, before anything is written.
func (r *run) taken(rec *store.Records, u *userpool.User) (bool, error) {
	names := []string{u.Username}
	for a := range r.Pool.AliasesOf(u) {
		names = append(names, a.Value)
	}
	for _, name := range names {
		if other, err := r.Pool.Find(rec, name); err != nil || other != nil {
			return other != nil, err
		}
	}
	return false, nil
}

// importFailure is a line that made no user.
type importFailure struct {
	Line           int64
	Result, Reason string
}

func (r *run) note(rec *store.Records, j *importJob, f importFailure) error {
	if j.Failed+j.Skipped > maxImportLog {
		return nil
	}
	return store.Save(rec, userpool.InPool(r.Pool.ID, "import-log", j.ID, fmt.Sprintf("%012d", f.Line)), &f)
}

// ImportFailure is a line of an import file that made no user: Result is "FAILED" or "SKIPPED". The header's Line is 1.
type ImportFailure struct {
	Line           int64
	Result, Reason string
}

// ImportFailures reads a page of what went wrong in a job of the account and region; false if there is no such job. Who may
// call it is for the caller to have authorized.
func (s *Service) ImportFailures(ctx context.Context, account, region, poolID, job string, page *paging.Page) (out []ImportFailure, found bool, err error) {
	err = system.View(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(account, region)
		if err != nil {
			return err
		}
		j, err := store.Load[importJob](rec, importKey(poolID, job))
		if found = j != nil; err != nil || !found {
			return err
		}
		lines, err := paging.Records[importFailure](page, rec, userpool.InPool(poolID, "import-log", job), nil)
		out = nil
		for _, l := range lines {
			out = append(out, ImportFailure(*l))
		}
		return err
	})
	return out, found, err
}

package dynamodb

import (
	"errors"
	"time"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// copyChunk is how many rows one transaction of a backup or a restore copies at most.
const copyChunk = 200

// backing is how far the work on a backup is.
type backing struct {
	// ID is the backup's, of the table whose name the job has; Rows is where the copy is.
	ID, Rows string
	// At is the time to go back to; zero is when the numbers in After were given.
	At time.Time `json:",omitzero"`
	// Until is the time before which changes are exported, from At on.
	Until time.Time `json:",omitzero"`
	// After are the last changes that are in the backup, To those that are in the copy.
	After, To [store.ChangeParts]uint64
	// From is the row where the copy goes on; Copied says that it is at its end.
	From   []byte `json:",omitempty"`
	Copied bool
	// Last is true if the table is deleted: nothing changes any more, and its rows go when they are copied.
	Last bool `json:",omitempty"`
	// Target is the table that is to be made of it at once, if any, and Export the id of the export.
	Target *target `json:",omitempty"`
	Export string  `json:",omitempty"`
}

// target is a table that is being restored.
type target struct{ Name, ID string }

// restored says what a table was made of.
type restored struct {
	BackupARN, SourceARN string
	At                   time.Time
	InProgress           bool
}

func (j *job) place() place { return place{j.Account, j.Region, j.Name} }

// backUp does one step of a backup: it copies rows, or takes changes back.
func (s *Service) backUp(tx *store.Tx, j *job) (more bool, err error) {
	b, err := loadBackup(tx, j.place(), j.Backup.ID)
	if err != nil || b == nil {
		return false, err
	}
	how := j.Backup
	if !how.Copied {
		return true, s.copyStep(tx, j, b)
	}
	for part := range how.To {
		if how.Last || how.To[part] <= how.After[part] {
			continue
		}
		how.To[part], err = system.Undo(tx, j.Table, how.Rows, part, how.After[part], how.To[part], copyChunk)
		return true, err
	}
	return false, s.endBackup(tx, j, b)
}

func (s *Service) copyStep(tx *store.Tx, j *job, b *backup) error {
	how := j.Backup
	if how.From == nil && !how.At.IsZero() {
		for part := range how.After {
			var err error
			if how.After[part], _, err = system.Since(tx, j.Table, part, how.At); err != nil {
				return err
			}
		}
	}
	c, err := system.Backup(tx, j.Table, how.Rows, how.From, copyChunk)
	if err != nil {
		return err
	}
	b.Items, b.Bytes = b.Items+c.Rows, b.Bytes+c.Bytes
	how.From = c.Next
	if c.Next == nil {
		how.Copied = true
		for part := range how.To {
			if _, how.To[part], err = system.Since(tx, j.Table, part, time.Time{}); err != nil {
				return err
			}
		}
	}
	return saveBackup(tx, j.place(), b)
}

// endBackup makes the backup available and lets the table go on without keeping its changes.
func (s *Service) endBackup(tx *store.Tx, j *job, b *backup) error {
	at, how := j.place(), j.Backup
	b.Ready = true
	if how.Target != nil {
		b.Restores++
		if err := addJob(tx, restoreJob(at, b, how.Target)); err != nil {
			return err
		}
	}
	if how.Export != "" {
		if err := exportReady(tx, at, how.Export); err != nil {
			return err
		}
	}
	if err := saveBackup(tx, at, b); err != nil {
		return err
	}
	if how.Last {
		return addJob(tx, &job{Kind: dropTable, Table: j.Table})
	}
	return s.unback(tx, at, j.Table)
}

// unback lets a table go on without keeping its changes for the sake of one backup or export.
func (s *Service) unback(tx *store.Tx, at place, id string) error {
	t, err := s.read(tx, at, nil)
	if err != nil || t == nil || t.ID != id {
		return err
	}
	rec := t.record
	rec.Backing--
	return save(tx, at, &rec)
}

func restoreJob(at place, b *backup, to *target) *job {
	return &job{Kind: restoreTable, Table: to.ID, Index: b.ID, Account: at.account, Region: at.region, Name: at.name,
		Backup: &backing{ID: b.ID, Rows: b.Rows, Target: to}}
}

// restore does one step of a restore: it writes rows of the backup into the table.
func (s *Service) restore(tx *store.Tx, j *job) (more bool, err error) {
	how := j.Backup
	to := place{j.Account, j.Region, how.Target.Name}
	t, err := s.read(tx, to, nil)
	if err != nil {
		return false, err
	}
	if t != nil && t.ID == j.Table {
		source, err := s.sourceOf(tx, j)
		if err != nil {
			return false, err
		}
		c, err := system.Restore(tx, source, t.ID, t.sealing, &t.schema, how.From, copyChunk)
		if err != nil {
			return false, err
		}
		if how.From = c.Next; how.From != nil {
			return true, nil
		}
		rec, done := t.record, *t.Restored
		done.InProgress = false
		rec.Restored = &done
		if err := s.tighten(tx, j, &rec); err != nil {
			return false, err
		}
		if err := save(tx, to, &rec); err != nil {
			return false, err
		}
	}
	return false, s.endRestore(tx, j)
}

// tighten gives a table that is restored what its source's guard has got meanwhile. Where the owner rule has become another one
// altogether it keeps that of the rows.
func (s *Service) tighten(tx *store.Tx, j *job, rec *record) error {
	b, err := loadBackup(tx, j.place(), j.Backup.ID)
	if err != nil || b == nil {
		return err
	}
	now, err := s.tagsNow(tx, j.place(), b)
	if err != nil {
		return err
	}
	tags, err := stricterTags(rec.Tags, now)
	if errors.Is(err, authz.ErrDisjoint) {
		return nil
	}
	if err == nil {
		rec.Tags = append(tags, plainTags(rec.Tags)...)
	}
	return err
}

// sourceOf is the backup that a job restores.
func (s *Service) sourceOf(tx *store.Tx, j *job) (source store.Source, err error) {
	b, err := loadBackup(tx, j.place(), j.Backup.ID)
	if err == nil && b == nil {
		err = errNoBackup
	}
	if err != nil {
		return source, err
	}
	source.Rows, source.Table = b.Rows, b.Source.ID
	source.Seal, err = s.sealing(&b.Source, j.Account, j.Region)
	return source, err
}

// endRestore lets go of the backup, and removes one that was made only to be restored.
func (s *Service) endRestore(tx *store.Tx, j *job) error {
	at := j.place()
	b, err := loadBackup(tx, at, j.Backup.ID)
	if err != nil || b == nil {
		return err
	}
	b.Restores--
	if b.Hidden {
		err = addJob(tx, &job{Kind: dropBackup, Table: b.Rows, Account: at.account, Region: at.region, Name: at.name, Backup: &backing{ID: b.ID}})
	}
	if err != nil {
		return err
	}
	return saveBackup(tx, at, b)
}

// forgetBackup does one step of removing a backup. One that is in use at its expiry is removed when it is not.
func (s *Service) forgetBackup(tx *store.Tx, j *job) (more bool, err error) {
	at := j.place()
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return false, err
	}
	b, err := loadBackup(tx, at, j.Backup.ID)
	if err != nil {
		return false, err
	}
	if b != nil {
		if err := recs.Delete(backupKey(at.name, b.ID)); err != nil {
			return false, err
		}
	}
	return system.DropBackup(tx, j.Table, chunk)
}

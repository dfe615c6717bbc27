package dynamodb

import (
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/dynamodb/tabledata"
)

// settleTime is how long after its end the changes of a period are looked for: a write has the time when it was asked for.
const settleTime = 10 * time.Second

// beginStage puts the work on record that prepares an incremental export. The table keeps its changes until it is over.
func (s *Service) beginStage(tx *store.Tx, at place, t *record, e *export) error {
	rec := *t
	rec.Backing++
	if err := addJob(tx, &job{
		Kind: stageChanges, Table: t.ID, Index: e.ID, Account: at.account, Region: at.region, Name: at.name,
		Backup: &backing{ID: e.ID, Rows: e.Rows, At: e.From, Until: e.To, Export: e.ID}, Due: e.To.Add(settleTime),
	}); err != nil {
		return err
	}
	return save(tx, at, &rec)
}

// stage does one step of preparing an incremental export: of each part of the log, the changes from one time to another.
func (s *Service) stage(tx *store.Tx, j *job) (more bool, err error) {
	how := j.Backup
	if !how.Copied {
		for part := range how.After {
			if how.After[part], _, err = system.Since(tx, j.Table, part, how.At); err != nil {
				return false, err
			}
			if how.To[part], _, err = system.Since(tx, j.Table, part, how.Until); err != nil {
				return false, err
			}
		}
		how.Copied = true
		return true, nil
	}
	for part := range how.To {
		if how.After[part] >= how.To[part] {
			continue
		}
		how.After[part], err = system.Stage(tx, j.Table, how.Rows, part, how.After[part], how.To[part], copyChunk)
		return true, err
	}
	return false, exportReady(tx, j.place(), how.Export)
}

// changedLines reads what became of the next rows that changed, a line of JSON each.
func (r *exportRun) changedLines(tx *store.Tx, from []byte) (b []byte, items, size int64, next []byte, err error) {
	found, next, err := system.ReadStage(tx, r.source, from, copyChunk)
	for i := range found {
		n := &found[i]
		last := n.New
		if last.IsZero() {
			last = n.Old
		}
		if last.IsZero() {
			continue // its key is still to be fetched: the transaction runs again
		}
		line := tabledata.Change{At: n.At, Key: r.table.schema.KeyOf(last), New: n.New}
		items, size = items+1, size+int64(last.Size())
		if !n.Old.IsZero() && r.View == string(api.ExportViewTypeNewAndOldImages) {
			line.Old = n.Old
			size += int64(n.Old.Size())
		}
		b = tabledata.AppendChange(b, &line)
	}
	return b, items, size, next, err
}

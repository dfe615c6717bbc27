package dynamodb

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// maxTables is the most names in one page of ListTables, and the default (API reference, "ListTables").
const maxTables = 100

// ListTables lists the names of the caller's tables.
func (s *Service) ListTables(ctx context.Context, c *pipeline.Call, in *api.ListTablesInput) (*api.ListTablesOutput, error) {
	limit := maxTables
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	var after store.Key
	if in.ExclusiveStartTableName != nil {
		after = place{name: *in.ExclusiveStartTableName}.key()
	}
	var out *api.ListTablesOutput
	err := s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		recs, err := tx.Home()
		if err != nil {
			return err
		}
		out = &api.ListTablesOutput{TableNames: []string{}}
		return recs.Scan(store.K("table"), after, func(k store.Key, _ []byte) bool {
			if len(out.TableNames) == limit {
				out.LastEvaluatedTableName = &out.TableNames[limit-1]
				return false
			}
			out.TableNames = append(out.TableNames, k.Parts()[1])
			return true
		})
	})
	return out, err
}

func errProtected() error {
	return invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
}

// DeleteTable removes a table. Its name can be used again at once; its rows are removed in the background.
func (s *Service) DeleteTable(ctx context.Context, c *pipeline.Call, in *api.DeleteTableInput) (*api.DeleteTableOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	if t, err := s.elsewhere(ctx, c, at); t != nil || err != nil {
		if err != nil {
			return nil, err
		}
		out, err := s.deleteFar(ctx, c, at, t)
		return out, noTableNamed(err, at)
	}
	out := &api.DeleteTableOutput{}
	err = s.changeTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		if t.Protected {
			return errProtected()
		}
		if err := t.busy(); err != nil {
			return err
		}
		if t.Backing > 0 {
			return api.NewResourceInUseException("Attempt to change a resource which is still in use: Table is being backed up: %s", t.Name)
		}
		out.TableDescription = t.describeDeleted(at, c.Now)
		rec := t.record
		if err := rec.leaveStreams(tx, at, c.Now); err != nil {
			return err
		}
		if err := rec.leaveBackups(tx, at); err != nil {
			return err
		}
		if !rec.Recovery.Enabled {
			return rec.remove(tx, at)
		}
		if err := erase(tx, at); err != nil {
			return err
		}
		return s.lastBackup(tx, at, &rec, c.Now)
	})
	if err != nil {
		return nil, noTableNamed(err, at)
	}
	s.kick()
	return out, nil
}

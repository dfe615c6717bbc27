package dynamodb

import (
	"context"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// CreateTable makes a table.
func (s *Service) CreateTable(ctx context.Context, c *pipeline.Call, in *api.CreateTableInput) (*api.CreateTableOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	rec, err := s.newRecord(c.Now, at, in)
	if err != nil {
		return nil, err
	}
	if rec.Outside, err = s.tableThere(c, at, rec); err != nil {
		return nil, err
	}
	if err := rec.checkExpiryTag(rec.Tags); err != nil {
		return nil, err
	}
	key, err := s.encryptNew(ctx, c, at, rec, in.SSESpecification)
	if err != nil {
		return nil, err
	}
	if rec.Outside != nil {
		return s.createFar(ctx, c, at, rec, in)
	}
	var desc *api.TableDescription
	err = s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		t, err := s.current(tx, at)
		if err != nil {
			return err
		}
		if t != nil {
			return api.NewResourceInUseException("Table already exists: %s", at.name)
		}
		made := *rec
		if err := made.firstStream(tx, at, c.Now, in.StreamSpecification); err != nil {
			return err
		}
		if key != nil {
			if err := made.install(tx, at, key); err != nil {
				return err
			}
		}
		desc = made.describe(at, c.Now)
		return save(tx, at, &made)
	})
	if err != nil {
		return nil, err
	}
	c.Note("tableId", rec.ID)
	return &api.CreateTableOutput{TableDescription: desc}, nil
}

// newRecord checks what a table is to be.
func (s *Service) newRecord(now time.Time, at place, in *api.CreateTableInput) (*record, error) {
	if err := refuseOptions(in); err != nil {
		return nil, err
	}
	r := &record{ID: uuid.NewString(), Name: at.name, Created: now.UTC(), Protected: opt.Value(in.DeletionProtectionEnabled), Class: string(in.TableClass)}
	if err := r.bill(in.BillingMode, in.ProvisionedThroughput); err != nil {
		return nil, err
	}
	if r.OnDemand {
		r.OnDemandSince = r.Created
	}
	if err := r.limitOnDemand(in.OnDemandThroughput); err != nil {
		return nil, err
	}
	if err := r.warm(&r.Warm, r.Throughput, in.WarmThroughput, "table "+r.Name); err != nil {
		return nil, err
	}
	var err error
	if r.Attributes, err = definitions(in.AttributeDefinitions); err != nil {
		return nil, err
	}
	if err := r.tableKeys(in.KeySchema); err != nil {
		return nil, err
	}
	if err := r.addLocal(in.LocalSecondaryIndexes); err != nil {
		return nil, err
	}
	if err := r.addGlobal(in.GlobalSecondaryIndexes); err != nil {
		return nil, err
	}
	if err := r.checkDefinitions(); err != nil {
		return nil, err
	}
	if err := s.setTags(r, fromTags(in.Tags)); err != nil {
		return nil, err
	}
	if err := s.seal(r, at.account); err != nil {
		return nil, err
	}
	if in.ResourcePolicy != nil {
		if err := r.setPolicy(at.arn(), *in.ResourcePolicy); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// refuseOptions refuses what would be a false promise if it was accepted.
func refuseOptions(in *api.CreateTableInput) error {
	if in.GlobalTableSourceArn != nil || in.GlobalTableSettingsReplicationMode != "" {
		return unsupported("A global table")
	}
	return nil
}

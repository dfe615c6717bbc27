package dynamodb

import (
	"context"
	"errors"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// ttlEvery is how often the rows of a table with a time to live are looked through. AWS removes expired rows "within a few
// days"; until then they are read as any other.
const ttlEvery = 15 * time.Minute

// ttlPause is how long the time to live of a table stays as it was set (API reference, "UpdateTimeToLive").
const ttlPause = time.Hour

// timeToLive says which attribute ends the life of rows.
type timeToLive struct {
	Attribute string    `json:",omitempty"`
	Enabled   bool      `json:",omitempty"`
	Changed   time.Time `json:",omitzero"`
}

// expiring is a table whose rows expire, on record in the directory by its id.
type expiring struct {
	Account, Region, Name string
	Swept                 time.Time
	After                 *item.RowKey `json:",omitempty"`
}

func ttlKey(table string) store.Key { return store.K("ttl", table) }

// UpdateTimeToLive turns the time to live of a table's rows on or off.
func (s *Service) UpdateTimeToLive(ctx context.Context, c *pipeline.Call, in *api.UpdateTimeToLiveInput) (*api.UpdateTimeToLiveOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	if t, err := s.elsewhere(ctx, c, at); t != nil || err != nil {
		if err != nil {
			return nil, err
		}
		out, err := s.updateTTLFar(ctx, c, at, t, in)
		return out, noTableNamed(err, at)
	}
	spec := in.TimeToLiveSpecification
	err = s.changeTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		rec := t.record
		if err := rec.busy(); err != nil {
			return err
		}
		if err := rec.TTL.set(*spec.AttributeName, *spec.Enabled, c.Now.UTC()); err != nil {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		if rec.TTL.Enabled {
			err = store.Save(dir, ttlKey(rec.ID), &expiring{Account: at.account, Region: at.region, Name: at.name})
		} else {
			err = dir.Delete(ttlKey(rec.ID))
		}
		if err != nil {
			return err
		}
		return save(tx, at, &rec)
	})
	if err != nil {
		return nil, noTableNamed(err, at)
	}
	s.kick()
	return &api.UpdateTimeToLiveOutput{TimeToLiveSpecification: spec}, nil
}

func (l *timeToLive) set(attribute string, on bool, now time.Time) error {
	switch {
	case on && l.Enabled && l.Attribute == attribute:
		return invalid("TimeToLive is already enabled")
	case on && l.Enabled:
		return invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", l.Attribute)
	case !on && !l.Enabled:
		return invalid("TimeToLive is already disabled")
	case !on && l.Attribute != attribute:
		return invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", l.Attribute)
	case !l.Changed.IsZero() && now.Sub(l.Changed) < ttlPause:
		return invalid("Time to live has been modified multiple times within a fixed interval")
	}
	*l = timeToLive{attribute, on, now}
	return nil
}

// DescribeTimeToLive tells which attribute ends the life of rows.
func (s *Service) DescribeTimeToLive(ctx context.Context, c *pipeline.Call, in *api.DescribeTimeToLiveInput) (*api.DescribeTimeToLiveOutput, error) {
	at, err := locate(c.Account, c.Region, *in.TableName)
	if err != nil {
		return nil, err
	}
	var d *api.TimeToLiveDescription
	var far *table
	err = s.inAnyTable(ctx, c, at, func(_ *store.Tx, t *table) error {
		d, far = t.TTL.describe(), nil
		if t.Outside != nil {
			far = t
		}
		return nil
	})
	if err == nil && far != nil && s.engine != nil {
		d, err = s.ttlThere(ctx, far)
	}
	if err != nil {
		return nil, noTableNamed(err, at)
	}
	return &api.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

func (l *timeToLive) describe() *api.TimeToLiveDescription {
	if !l.Enabled {
		return &api.TimeToLiveDescription{TimeToLiveStatus: api.TimeToLiveStatusDisabled}
	}
	return &api.TimeToLiveDescription{TimeToLiveStatus: api.TimeToLiveStatusEnabled, AttributeName: &l.Attribute}
}

// expire removes rows that have expired, of the tables whose turn it is.
func (s *Service) expire(ctx context.Context, now time.Time) error {
	due := map[string]*expiring{}
	err := system.View(ctx, s.db, name, func(tx *store.Tx) error {
		clear(due)
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return store.Each(dir, store.K("ttl"), nil, func(k store.Key, e *expiring) bool {
			if e.After != nil || now.Sub(e.Swept) >= ttlEvery {
				due[k.Parts()[1]] = e
			}
			return true
		})
	})
	errs := []error{err}
	for id, e := range due {
		errs = append(errs, s.expireRows(ctx, id, e, now))
	}
	return errors.Join(errs...)
}

// expireRows looks through one table, chunk by chunk. How far it is, is on record.
func (s *Service) expireRows(ctx context.Context, id string, e *expiring, now time.Time) error {
	at := place{e.Account, e.Region, e.Name}
	for {
		var found []item.Map
		var t *table
		err := system.View(ctx, s.db, name, func(tx *store.Tx) (err error) {
			if t, err = s.read(tx, at, nil); err != nil || t == nil || t.ID != id || !t.TTL.Enabled {
				t = nil
				return err
			}
			found, e.After, err = system.Expired(tx, id, t.sealing, &t.schema, t.TTL.Attribute, now, e.After, chunk)
			return err
		})
		if err != nil || t == nil {
			return err
		}
		if e.After == nil {
			e.Swept = now.UTC()
		}
		for _, key := range found {
			if err := s.expireRow(ctx, id, at, key, now); err != nil {
				return err
			}
		}
		if err := s.saveExpiring(ctx, id, e); err != nil || e.After == nil {
			return err
		}
	}
}

// expireRow removes one row, by the table as it is in the transaction.
func (s *Service) expireRow(ctx context.Context, id string, at place, key item.Map, now time.Time) error {
	return system.Update(ctx, s.db, name, func(tx *store.Tx) error {
		t, err := s.read(tx, at, nil)
		if err != nil || t == nil || t.ID != id || !t.TTL.Enabled {
			return err
		}
		return system.Expire(tx, id, t.sealing, &t.schema, key, t.TTL.Attribute, now)
	})
}

func (s *Service) saveExpiring(ctx context.Context, id string, e *expiring) error {
	return system.Update(ctx, s.db, name, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		if there, err := store.Load[expiring](dir, ttlKey(id)); err != nil || there == nil {
			return err // turned off meanwhile
		}
		return store.Save(dir, ttlKey(id), e)
	})
}

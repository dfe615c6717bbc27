package dynamodb

import (
	"context"
	"errors"

	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// opener opens tables of a request of several, by the names that the request gives them.
type opener func(named string) (opened, error)

// readTables runs fn in a reading transaction, perhaps twice. As in readRows, cached facts of all the named tables serve if they
// turn out to be those of the transaction.
func (s *Service) readTables(ctx context.Context, c *pipeline.Call, names []string, far map[string]*farRows, fn func(opener) error) error {
	held, ok := s.hold(c, names, far)
	return s.db.ViewRerun(ctx, c.Grant, func(tx *store.Tx) error {
		if ok {
			err := fn(func(named string) (opened, error) {
				if f := far[named]; f != nil {
					return opened{f.t, f}, nil
				}
				return openHeld(tx, c, held[named].Value)
			})
			if current(held, tx) {
				return err
			}
		}
		return fn(func(named string) (opened, error) { return s.openAny(tx, c, named, far) })
	})
}

// writeTables runs fn, perhaps several times, in a writing transaction. As in writeRows, cached facts of all the named tables serve if
// they turn out to be those of the transaction, and stay so until it commits.
func (s *Service) writeTables(ctx context.Context, c *pipeline.Call, names []string, fn func(*store.Tx, opener) error) error {
	if held, ok := s.hold(c, names, nil); ok {
		err := s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
			for _, h := range held {
				if err := depend(tx, h.Value.at); err != nil {
					return err
				}
			}
			err := fn(tx, func(named string) (opened, error) { return openHeld(tx, c, held[named].Value) })
			if !current(held, tx) {
				return errOutdated // whatever fn has made of them
			}
			return err
		})
		if !errors.Is(err, errOutdated) {
			return err
		}
	}
	return s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		return fn(tx, func(named string) (opened, error) { return s.open(tx, c, named) })
	})
}

// openHeld opens a table by its cached facts.
func openHeld(tx *store.Tx, c *pipeline.Call, t *table) (opened, error) {
	rs, err := rows(tx, c, t)
	return opened{t, rs}, err
}

// hold returns the cached facts of tables; false if some are not cached.
func (s *Service) hold(c *pipeline.Call, names []string, far map[string]*farRows) (map[string]store.Held[*table], bool) {
	if !s.db.Alone() {
		return nil, false
	}
	all := make(map[string]store.Held[*table], 1)
	for _, named := range names {
		if _, ok := all[named]; ok || far[named] != nil {
			continue
		}
		at, err := locate(c.Account, c.Region, named)
		if err != nil {
			return nil, false
		}
		h := s.tables.Held(at.account, at)
		if !h.OK() {
			return nil, false
		}
		all[named] = h
	}
	return all, true
}

// current reports whether all the facts are those of the transaction, at its end.
func current(held map[string]store.Held[*table], tx *store.Tx) bool {
	for _, h := range held {
		if !h.In(tx) {
			return false
		}
	}
	return true
}

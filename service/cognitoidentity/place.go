package cognitoidentity

import (
	"context"
	"errors"

	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// errNowhere keeps what does not exist out of the caches: anybody can make up ids.
var errNowhere = errors.New("cognitoidentity: there is no such thing")

// The kinds of things in the directory.
const (
	kindPool     = "pool"
	kindIdentity = "identity"
)

// placeOf finds where a pool or identity is; nil if it is nowhere. Whether the thing still exists is for its own record
// to say.
func (s *Service) placeOf(ctx context.Context, kind, id string) (*place, error) {
	p, err := s.places.Get("", kind+"/"+id, func() (p place, err error) {
		err = system.View(ctx, s.DB, serviceName, func(tx *store.Tx) error {
			dir, err := tx.Directory()
			if err != nil {
				return err
			}
			found, err := store.Load[place](dir, store.K(kind, id))
			if err == nil && found == nil {
				err = errNowhere
			}
			if err != nil {
				return err
			}
			p = *found
			return nil
		})
		return p, err
	})
	if errors.Is(err, errNowhere) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// factsOf returns a pool for a decision; nil if there is none.
func (s *Service) factsOf(ctx context.Context, id string) (*pool, error) {
	at, err := s.placeOf(ctx, kindPool, id)
	if err != nil || at == nil {
		return nil, err
	}
	p, err := s.pools.Get(at.Account, id, func() (p *pool, err error) {
		err = system.View(ctx, s.DB, serviceName, func(tx *store.Tx) error {
			rec, err := tx.Records(at.Account, at.Region)
			if err != nil {
				return err
			}
			if p, err = store.Load[pool](rec, poolKey(id)); err == nil && p == nil {
				err = errNowhere
			}
			return err
		})
		return p, err
	})
	if errors.Is(err, errNowhere) {
		return nil, nil
	}
	return p, err
}

// factsOfIdentity returns the pool of an identity; nil if there is none.
func (s *Service) factsOfIdentity(ctx context.Context, id string) (*pool, error) {
	at, err := s.placeOf(ctx, kindIdentity, id)
	if err != nil || at == nil {
		return nil, err
	}
	return s.factsOf(ctx, at.Pool)
}

// scoped is a request within one pool.
type scoped struct {
	*Service
	ctx  context.Context
	call *pipeline.Call
	pool *pool
}

// open is a request within a pool; false if there is none where the request's grant reaches.
func (s *Service) open(ctx context.Context, call *pipeline.Call, p *pool) (*scoped, bool) {
	if p == nil || !call.Grant.Covers(p.Account, p.Region) {
		return nil, false
	}
	return &scoped{s, ctx, call, p}, true
}

// in opens a pool by its id.
func (s *Service) in(ctx context.Context, call *pipeline.Call, id *string) (*scoped, error) {
	p, err := s.factsOf(ctx, opt.Value(id))
	if err != nil {
		return nil, err
	}
	c, ok := s.open(ctx, call, p)
	if !ok {
		return nil, poolNotFound(opt.Value(id))
	}
	return c, nil
}

// of opens the pool of an identity and loads the identity.
func (s *Service) of(ctx context.Context, call *pipeline.Call, id *string) (*scoped, *identityRecord, error) {
	p, err := s.factsOfIdentity(ctx, opt.Value(id))
	if err != nil {
		return nil, nil, err
	}
	c, ok := s.open(ctx, call, p)
	if !ok {
		return nil, nil, identityNotFound(opt.Value(id))
	}
	var who *identityRecord
	err = c.view(func(rec *store.Records) (err error) {
		who, err = store.Load[identityRecord](rec, identityKey(p.ID, opt.Value(id)))
		return err
	})
	if err == nil && who == nil {
		err = identityNotFound(opt.Value(id))
	}
	if err != nil {
		return nil, nil, err
	}
	return c, who, nil
}

// view runs fn on the records of the pool's account and region.
func (c *scoped) view(fn func(*store.Records) error) error {
	return c.DB.View(c.ctx, c.call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Records(c.pool.Account, c.pool.Region)
		if err != nil {
			return err
		}
		return fn(rec)
	})
}

// update runs fn on the records of the pool's account and region, and the directory, in a transaction. fn may run several
// times.
func (c *scoped) update(fn func(rec, dir *store.Records) error) error {
	return c.DB.Update(c.ctx, c.call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Records(c.pool.Account, c.pool.Region)
		if err != nil {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		return fn(rec, dir)
	})
}

// change loads the pool anew, lets fn change it and saves it.
func (c *scoped) change(fn func(*pool) error) (p *pool, err error) {
	err = c.update(func(rec, _ *store.Records) error {
		p, err = store.Load[pool](rec, poolKey(c.pool.ID))
		if err == nil && p == nil {
			err = poolNotFound(c.pool.ID)
		}
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		rec.Changed()
		return store.Save(rec, poolKey(p.ID), p)
	})
	return p, err
}

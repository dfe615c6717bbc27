package cognitoidp

import (
	"context"
	"errors"
	"runtime"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Store holds the records of all pools, and what is cached of them.
type Store struct {
	// DB holds the records.
	DB *store.DB
	// Keyring seals the secrets in them.
	Keyring *keyring.Keyring
	// Work bounds the computations that anybody can ask for.
	Work *gate

	places  *store.Cache[string, place]
	pools   *store.Cache[string, *pool]
	clients *store.Cache[string, *client]
}

// Sizes of caches, in entries: some 2 kB each for pools.
const (
	cachedPools   = 16384
	cachedClients = 65536
	cachedPlaces  = 65536
)

// NewStore returns the store of the pools in db.
func NewStore(db *store.DB, keys *keyring.Keyring) *Store {
	return &Store{
		DB: db, Keyring: keys, Work: newGate(runtime.GOMAXPROCS(0)),
		places:  store.NewCache[string, place](db, serviceName, cachedPlaces),
		pools:   store.NewCache[string, *pool](db, serviceName, cachedPools),
		clients: store.NewCache[string, *client](db, serviceName, cachedClients),
	}
}

// errNowhere is returned for an id that the directory does not have.
var errNowhere = errors.New("cognitoidp: not in the directory")

// placeOf finds where a pool ("pool") or client ("client") is. Ids never come to mean another place, so what is cached
// stays true; whether the thing still exists is for its own record to say.
func (s *Store) placeOf(ctx context.Context, kind, id string) (place, error) {
	return s.places.Get("", kind+"/"+id, func() (p place, err error) {
		err = system.View(ctx, s.DB, serviceName, func(tx *store.Tx) error {
			dir, err := tx.Directory()
			if err != nil {
				return err
			}
			found, err := store.Load[place](dir, store.K(kind, id))
			if err != nil {
				return err
			}
			if found == nil {
				return errNowhere
			}
			p = *found
			return nil
		})
		return p, err
	})
}

// factsOf returns the pool for a decision, or nil if there is none.
func (s *Store) factsOf(ctx context.Context, id string) (*pool, error) {
	at, err := s.placeOf(ctx, "pool", id)
	if errors.Is(err, errNowhere) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := s.pools.GetIn(at.Account, id, id, func() (*pool, error) {
		var p *pool
		err := system.View(ctx, s.DB, serviceName, func(tx *store.Tx) error {
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

// Request is a request within one pool: a view of its records that is bound to the call's grant.
type Request struct {
	store *Store
	ctx   context.Context
	call  *pipeline.Call
	pool  *pool
}

// NewRequest opens a pool for a call whose grant is for where the pool is; what else it is for was decided before. A
// request that comes of no call has none, and only reads what it is given.
func (s *Store) NewRequest(ctx context.Context, call *pipeline.Call, p *pool) *Request {
	return &Request{s, ctx, call, p}
}

// Open opens a pool for a request whose grant was made for it.
func (s *Store) Open(ctx context.Context, call *pipeline.Call, id *string) (*Request, error) {
	p, err := s.factsOf(ctx, opt.Value(id))
	if err != nil {
		return nil, err
	}
	if p == nil || !granted(call.Grant, p) {
		return nil, refusal.PoolNotFound(opt.Value(id))
	}
	return s.NewRequest(ctx, call, p), nil
}

// granted reports whether the grant is for where the pool is. One that is elsewhere does not exist for the request.
func granted(g authz.Grant, p *pool) bool {
	account, region := g.Home()
	return account == p.Account && region == p.Region
}

// view runs fn on the records of the pool's account and region.
func (c *Request) view(fn func(*store.Records) error) error {
	return c.store.DB.View(c.ctx, c.call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		return fn(rec)
	})
}

// update runs fn on the records of the pool's account and region in a transaction. fn may run several times.
func (c *Request) update(fn func(*store.Records) error) error {
	return c.store.DB.Update(c.ctx, c.call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		return fn(rec)
	})
}

// OpenByClient returns an app client of any pool, with its pool opened.
func (s *Store) OpenByClient(ctx context.Context, call *pipeline.Call, id *string) (*Request, *client, error) {
	at, err := s.placeOf(ctx, "client", opt.Value(id))
	if errors.Is(err, errNowhere) {
		return nil, nil, refusal.ClientNotFound(opt.Value(id))
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := s.Open(ctx, call, &at.Pool)
	if err != nil {
		return nil, nil, err
	}
	app, err := c.client(opt.Value(id))
	if err != nil {
		return nil, nil, err
	}
	return c, app, nil
}

// client returns an app client of the pool.
func (c *Request) client(id string) (*client, error) {
	app, err := c.store.clients.GetIn(c.pool.Account, c.pool.ID, id, func() (app *client, err error) {
		err = c.view(func(rec *store.Records) error {
			if app, err = store.Load[client](rec, clientKey(c.pool.ID, id)); err == nil && app == nil {
				err = refusal.ClientNotFound(id)
			}
			return err
		})
		return app, err
	})
	if err == nil && app.Pool != c.pool.ID {
		err = refusal.ClientNotFound(id)
	}
	if err != nil {
		return nil, err
	}
	return app, nil
}

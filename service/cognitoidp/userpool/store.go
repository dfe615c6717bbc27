// Package userpool is a user pool as data: the records of pools, app clients, users and groups, the rules that each keeps (the
// schema, who may write which attribute, passwords, names, lock-out, what is spent), and the view of them that a request
// gets under its grant. It decides nothing about who signs in and answers no operation.
package userpool

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
	// LoginSuffix ends the server's own domains of pools: "<prefix>.auth.<region>.<suffix>".
	LoginSuffix string
	// Work bounds the computations that anybody can ask for.
	Work *Gate

	places  *store.Cache[string, Place]
	pools   *store.Cache[string, *Pool]
	clients *store.Cache[string, *Client]
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
		places:  store.NewCache[string, Place](db, ServiceName, cachedPlaces),
		pools:   store.NewCache[string, *Pool](db, ServiceName, cachedPools),
		clients: store.NewCache[string, *Client](db, ServiceName, cachedClients),
	}
}

// ErrNowhere is returned for an id that the directory does not have.
var ErrNowhere = errors.New("cognitoidp: not in the directory")

// PlaceOf finds where a pool ("pool") or client ("client") is. Ids never come to mean another place, so what is cached
// stays true; whether the thing still exists is for its own record to say.
func (s *Store) PlaceOf(ctx context.Context, kind, id string) (Place, error) {
	return s.places.Get("", kind+"/"+id, func() (p Place, err error) {
		err = system.View(ctx, s.DB, ServiceName, func(tx *store.Tx) error {
			dir, err := tx.Directory()
			if err != nil {
				return err
			}
			found, err := store.Load[Place](dir, store.K(kind, id))
			if err != nil {
				return err
			}
			if found == nil {
				return ErrNowhere
			}
			p = *found
			return nil
		})
		return p, err
	})
}

// FactsOf returns the pool for a decision, or nil if there is none.
func (s *Store) FactsOf(ctx context.Context, id string) (*Pool, error) {
	at, err := s.PlaceOf(ctx, "pool", id)
	if errors.Is(err, ErrNowhere) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := s.pools.GetIn(at.Account, id, id, func() (*Pool, error) {
		var p *Pool
		err := system.View(ctx, s.DB, ServiceName, func(tx *store.Tx) error {
			rec, err := tx.Records(at.Account, at.Region)
			if err != nil {
				return err
			}
			if p, err = store.Load[Pool](rec, PoolKey(id)); err == nil && p == nil {
				err = ErrNowhere
			}
			return err
		})
		return p, err
	})
	if errors.Is(err, ErrNowhere) {
		return nil, nil
	}
	return p, err
}

// Request is a request within one pool: a view of its records that is bound to the call's grant.
type Request struct {
	store *Store
	// Ctx is the call's.
	Ctx context.Context
	// Call is the request, and holds the grant.
	Call *pipeline.Call
	// Pool is shared with other requests: it is never changed.
	Pool *Pool
}

// NewRequest opens a pool for a call whose grant is for where the pool is; what else it is for was decided before. A
// request that comes of no call has none, and only reads what it is given.
func (s *Store) NewRequest(ctx context.Context, call *pipeline.Call, p *Pool) *Request {
	return &Request{s, ctx, call, p}
}

// Open opens a pool for a request whose grant was made for it.
func (s *Store) Open(ctx context.Context, call *pipeline.Call, id *string) (*Request, error) {
	p, err := s.FactsOf(ctx, opt.Value(id))
	if err != nil {
		return nil, err
	}
	if p == nil || !granted(call.Grant, p) {
		return nil, refusal.PoolNotFound(opt.Value(id))
	}
	return s.NewRequest(ctx, call, p), nil
}

// granted reports whether the grant is for where the pool is. One that is elsewhere does not exist for the request.
func granted(g authz.Grant, p *Pool) bool {
	account, region := g.Home()
	return account == p.Account && region == p.Region
}

// View runs fn on the records of the pool's account and region.
func (c *Request) View(fn func(*store.Records) error) error {
	return c.store.DB.View(c.Ctx, c.Call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		return fn(rec)
	})
}

// Read returns what read finds in the records of the pool's account and region, to which view gives access: a Request, or what has one.
func Read[T any](view interface {
	View(fn func(*store.Records) error) error
}, read func(*store.Records) (T, error),
) (found T, err error) {
	err = view.View(func(rec *store.Records) (err error) {
		found, err = read(rec)
		return err
	})
	return found, err
}

// Must returns the record of the key. missing is the error if there is none.
func Must[T any](rec *store.Records, k store.Key, missing error) (*T, error) {
	v, err := store.Load[T](rec, k)
	if err == nil && v == nil {
		err = missing
	}
	return v, err
}

// Update runs fn on the records of the pool's account and region in a transaction. fn may run several times.
func (c *Request) Update(fn func(*store.Records) error) error {
	return c.store.DB.Update(c.Ctx, c.Call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		return fn(rec)
	})
}

// OpenByClient returns an app client of any pool, with its pool opened.
func (s *Store) OpenByClient(ctx context.Context, call *pipeline.Call, id *string) (*Request, *Client, error) {
	at, err := s.PlaceOf(ctx, "client", opt.Value(id))
	if errors.Is(err, ErrNowhere) {
		return nil, nil, refusal.ClientNotFound(opt.Value(id))
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := s.Open(ctx, call, &at.Pool)
	if err != nil {
		return nil, nil, err
	}
	app, err := c.Client(opt.Value(id))
	if err != nil {
		return nil, nil, err
	}
	return c, app, nil
}

// Client returns an app client of the pool.
func (c *Request) Client(id string) (*Client, error) {
	app, err := c.store.clients.GetIn(c.Pool.Account, c.Pool.ID, id, func() (app *Client, err error) {
		err = c.View(func(rec *store.Records) error {
			if app, err = store.Load[Client](rec, ClientKey(c.Pool.ID, id)); err == nil && app == nil {
				err = refusal.ClientNotFound(id)
			}
			return err
		})
		return app, err
	})
	if err == nil && app.Pool != c.Pool.ID {
		err = refusal.ClientNotFound(id)
	}
	if err != nil {
		return nil, err
	}
	return app, nil
}

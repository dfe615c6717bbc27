package cognitoidp

import (
	"context"

	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// domainKey is a domain in the directory: the prefix of one of the server's own, or a custom one in full.
func domainKey(name string) store.Key { return store.K("domain", name) }

// SiteByPool returns the pool with the id, for its sign-in pages; false if there is none.
func (s *Service) SiteByPool(ctx context.Context, id string) (Pool, bool, error) {
	p, err := s.FactsOf(ctx, id)
	if err != nil || p == nil {
		return Pool{}, false, err
	}
	return s.site(p), true, nil
}

// SiteByDomain returns the pool that has the domain: the prefix of one of the server's own, or a custom one in full. It is
// false if no pool has it.
func (s *Service) SiteByDomain(ctx context.Context, name string) (Pool, bool, error) {
	var at *userpool.Place
	err := system.View(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		at, err = store.Load[userpool.Place](dir, domainKey(name))
		return err
	})
	if err != nil || at == nil {
		return Pool{}, false, err
	}
	return s.SiteByPool(ctx, at.Pool)
}

func (s *Service) site(p *userpool.Pool) Pool {
	return Pool{Account: p.Account, Region: p.Region, ID: p.ID, Issuer: s.issuer(p)}
}

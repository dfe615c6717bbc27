package tokens

import (
	"context"

	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// DomainKey is a domain in the directory: the prefix of one of the server's own, or a custom one in full.
func DomainKey(name string) store.Key { return store.K("domain", name) }

// SiteByPool returns the pool with the id, for its sign-in pages; false if there is none.
func (s *Issuer) SiteByPool(ctx context.Context, id string) (Site, bool, error) {
	p, err := s.FactsOf(ctx, id)
	if err != nil || p == nil {
		return Site{}, false, err
	}
	return s.site(p), true, nil
}

// SiteByDomain returns the pool that has the domain: the prefix of one of the server's own, or a custom one in full. It is
// false if no pool has it.
func (s *Issuer) SiteByDomain(ctx context.Context, name string) (Site, bool, error) {
	var at *userpool.Place
	err := system.View(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		at, err = store.Load[userpool.Place](dir, DomainKey(name))
		return err
	})
	if err != nil || at == nil {
		return Site{}, false, err
	}
	return s.SiteByPool(ctx, at.Pool)
}

func (s *Issuer) site(p *userpool.Pool) Site {
	return Site{Account: p.Account, Region: p.Region, ID: p.ID, Issuer: s.IssuerOf(p)}
}

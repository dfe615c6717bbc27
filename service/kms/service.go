// Package kms keeps symmetric keys and encrypts, decrypts and makes data keys under them ("AWS Key Management Service API
// Reference"). Not in this cut: asymmetric and HMAC keys, multi-Region keys, imported material, custom key stores and
// grants. AWS managed keys are made for the services of this server that ask for one (alias/aws/dynamodb).
package kms

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// service is the signing name, which is also the space of the records.
const service = "kms"

// How many keys and aliases are cached at most. A key takes some kilobytes, most of them its policy.
const (
	cacheKeys    = 1 << 14
	cacheAliases = 1 << 15
)

// Service implements the operations and their requirements.
type Service struct {
	db      *store.DB
	ring    *keyring.Keyring
	catalog *identity.Catalog
	keys    *store.Cache[ref, *facts]
	aliases *store.Cache[aliasRef, string]
}

var (
	_ api.Service      = (*Service)(nil)
	_ api.Requirements = (*requirements)(nil)
)

// New returns the service. All arguments are required. Sweep must be called now and then: it rotates keys and destroys
// those whose waiting period is over.
func New(db *store.DB, ring *keyring.Keyring, catalog *identity.Catalog) *Service {
	return &Service{
		db: db, ring: ring, catalog: catalog,
		keys:    store.NewCache[ref, *facts](db, service, cacheKeys),
		aliases: store.NewCache[aliasRef, string](db, service, cacheAliases),
	}
}

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, &requirements{s})}
}

// granted returns the facts of the key that the call's i-th check was decided about. named is how the request names it,
// for the error if there is no such key.
func (s *Service) granted(ctx context.Context, c *pipeline.Call, i int, named string) (*facts, error) {
	account, region, id := c.Grant.Resource(i)
	if id == "" {
		return nil, missing(parseName(named, c.Account, c.Region))
	}
	f, err := s.facts(ctx, ref{account, region, id})
	if err != nil {
		return nil, err
	}
	if f == nil || f.gone(c.Now) {
		return nil, noKey(keyARN(account, region, id))
	}
	return f, nil
}

// usable returns like granted a key that may be used now.
func (s *Service) usable(ctx context.Context, c *pipeline.Call, i int, named string) (*facts, error) {
	f, err := s.granted(ctx, c, i, named)
	if err != nil {
		return nil, err
	}
	return f, f.record.usable(f.arn)
}

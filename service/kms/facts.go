package kms

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// facts are what is cached of a key: enough to decide about and to use it without a read of the store. They are shared
// and immutable, but for material that is opened when first used.
type facts struct {
	ref     ref
	arn     string
	record  *keyRecord
	tags    []authn.Tag
	aliases []string
	policy  *identity.Attached
	named   string   // what explanations call the policy
	opened  []opened // of the materials, in their order
}

// opened is a material in use. It lives as long as the facts do: a change to the key drops both.
type opened struct {
	once   sync.Once
	cipher *cipherKey
	err    error
}

// errUnknown leaves a cache without an entry: anybody can make up ids of keys that do not exist.
var errUnknown = errors.New("kms: no such key or alias")

func orNone[V any](v V, err error) (V, error) {
	if errors.Is(err, errUnknown) {
		var none V
		return none, nil
	}
	return v, err
}

// facts returns the facts of a key; nil without an error if there is none.
func (s *Service) facts(ctx context.Context, r ref) (*facts, error) {
	return orNone(s.keys.Get(r.account, r, func() (*facts, error) { return s.loadFacts(ctx, r) }))
}

func (s *Service) loadFacts(ctx context.Context, r ref) (*facts, error) {
	f := &facts{ref: r, arn: keyARN(r.account, r.region, r.id)}
	err := system.View(ctx, s.db, service, func(tx *store.Tx) error {
		v, err := viewOf(tx, r.account, r.region)
		if err != nil {
			return err
		}
		if f.record, err = v.key(r.id); err != nil {
			return err
		}
		if f.record == nil {
			return errUnknown
		}
		f.aliases, err = v.aliasesOf(r.id)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, t := range f.record.Tags {
		f.tags = append(f.tags, authn.Tag{Key: t.Key, Value: t.Value})
	}
	f.policy, f.named = identity.NewAttached(f.record.Policy), f.arn+"/policy/"+policyName
	f.opened = make([]opened, len(f.record.Materials))
	return f, nil
}

// aliased returns the id of the key that an alias stands for; "" if there is no such alias.
func (s *Service) aliased(ctx context.Context, r aliasRef) (string, error) {
	return orNone(s.aliases.Get(r.account, r, func() (id string, err error) {
		err = system.View(ctx, s.db, service, func(tx *store.Tx) error {
			v, err := viewOf(tx, r.account, r.region)
			if err != nil {
				return err
			}
			a, err := v.alias(r.name)
			if err != nil {
				return err
			}
			if a == nil {
				return errUnknown
			}
			id = a.KeyID
			return nil
		})
		return id, err
	}))
}

// named returns the facts of the key that a name stands for; nil without an error if there is none.
func (s *Service) named(ctx context.Context, n name) (*facts, error) {
	r := ref{n.account, n.region, n.id}
	switch n.form {
	case byKey:
	case byAlias:
		id, err := s.aliased(ctx, aliasRef{n.account, n.region, n.id})
		if id == "" || err != nil {
			return nil, err
		}
		r.id = id
	default:
		return nil, nil
	}
	return s.facts(ctx, r)
}

// source is the key policy as the engine reads it.
func (s *Service) source(ctx context.Context, f *facts) (*policy.Source, error) {
	p, err := s.catalog.Attached(ctx, f.policy)
	if err != nil {
		return nil, err
	}
	return &policy.Source{Name: f.named, Policy: p}, nil
}

// cipher returns the material of a version; nil without an error if the key has no such version.
func (s *Service) cipher(f *facts, version uint32) (*cipherKey, error) {
	i, ok := slices.BinarySearchFunc(f.record.Materials, version, func(m material, v uint32) int {
		return int(int64(m.Version) - int64(v))
	})
	if !ok {
		return nil, nil
	}
	o, m := &f.opened[i], &f.record.Materials[i]
	o.once.Do(func() {
		key, err := s.ring.Open(keyring.KMSMaterial, materialScope(f.ref), m.Sealed, m.aad())
		if err != nil {
			o.err = err
			return
		}
		o.cipher, o.err = newCipherKey(key)
	})
	return o.cipher, o.err
}

// gone reports whether the key is deleted, even if it was not yet destroyed.
func (f *facts) gone(now time.Time) bool { return f.record.gone(now) }

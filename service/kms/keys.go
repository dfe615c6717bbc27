package kms

import (
	"context"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// CreateKey makes a symmetric encryption key.
func (s *Service) CreateKey(ctx context.Context, c *pipeline.Call, in *api.CreateKeyInput) (*api.CreateKeyOutput, error) {
	if err := creatable(in); err != nil {
		return nil, err
	}
	account, region, _ := c.Grant.Resource(0)
	r := ref{account, region, uuid.NewString()}
	k := &keyRecord{ID: r.id, Description: opt.Value(in.Description), State: api.KeyStateEnabled, Created: c.Now}
	var err error
	if k.Tags, err = addTags(nil, in.Tags); err != nil {
		return nil, err
	}
	document := defaultPolicy(account)
	if in.Policy != nil {
		document = *in.Policy
	}
	if k.Policy, err = s.acceptPolicy(ctx, c, r, k.Tags, document, opt.Value(in.BypassPolicyLockoutSafetyCheck)); err != nil {
		return nil, err
	}
	m, err := newMaterial(s.ring, r, 1, c.Now)
	if err != nil {
		return nil, err
	}
	k.Materials = []material{m}
	err = s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		v, err := viewOf(tx, account, region)
		if err != nil {
			return err
		}
		return v.putKey(k)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateKeyOutput{KeyMetadata: metadata(r, k)}, nil
}

// requestedSpec is what sort of key a request asks for, with the defaults.
func requestedSpec(in *api.CreateKeyInput) (spec, usage, origin string) {
	spec, usage, origin = keySpec, keyUsage, keyOrigin
	if in.CustomerMasterKeySpec != "" {
		spec = string(in.CustomerMasterKeySpec)
	}
	if in.KeySpec != "" {
		spec = string(in.KeySpec)
	}
	if in.KeyUsage != "" {
		usage = string(in.KeyUsage)
	}
	if in.Origin != "" {
		origin = string(in.Origin)
	}
	return spec, usage, origin
}

// creatable refuses the sorts of keys that this server does not have.
func creatable(in *api.CreateKeyInput) error {
	spec, usage, origin := requestedSpec(in)
	switch {
	case in.KeySpec != "" && in.CustomerMasterKeySpec != "":
		return invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	case spec != keySpec:
		return unsupported("KeySpec %s is not supported.", spec)
	case usage != keyUsage:
		return invalid("KeyUsage %s is not compatible with KeySpec %s", usage, spec)
	case origin != keyOrigin:
		return unsupported("Origin %s is not supported.", origin)
	case opt.Value(in.MultiRegion):
		return unsupported("Multi-Region keys are not supported.")
	case in.CustomKeyStoreId != nil || in.XksKeyId != nil:
		return unsupported("Custom key stores are not supported.")
	}
	return nil
}

func metadata(r ref, k *keyRecord) *api.KeyMetadata {
	m := &api.KeyMetadata{
		AWSAccountId: new(r.account), Arn: new(keyARN(r.account, r.region, r.id)), KeyId: new(r.id),
		CreationDate: new(k.Created), Description: new(k.Description), Enabled: new(k.State == api.KeyStateEnabled),
		KeyState: k.State, KeyManager: api.KeyManagerTypeCustomer, MultiRegion: new(false),
		KeySpec: api.KeySpecSymmetricDefault, CustomerMasterKeySpec: api.CustomerMasterKeySpecSymmetricDefault,
		KeyUsage: api.KeyUsageTypeEncryptDecrypt, Origin: api.OriginTypeAwsKms,
		EncryptionAlgorithms: []api.EncryptionAlgorithmSpec{symmetric}, CurrentKeyMaterialId: new(k.current().ID),
	}
	if k.State == api.KeyStatePendingDeletion {
		m.DeletionDate = new(k.DeleteAt)
	}
	if k.Manager != "" {
		m.KeyManager = k.Manager
	}
	return m
}

// DescribeKey shows a key.
func (s *Service) DescribeKey(ctx context.Context, c *pipeline.Call, in *api.DescribeKeyInput) (*api.DescribeKeyOutput, error) {
	f, err := s.granted(ctx, c, 0, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := noTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	return &api.DescribeKeyOutput{KeyMetadata: metadata(f.ref, f.record)}, nil
}

// ListKeys lists the keys of the account in the region.
func (s *Service) ListKeys(ctx context.Context, c *pipeline.Call, in *api.ListKeysInput) (*api.ListKeysOutput, error) {
	p, err := s.list(c, "ListKeys", "", in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	var keys []api.KeyListEntry
	err = s.read(ctx, c, func(v *view) error {
		keys = nil
		p.Restart()
		return store.Each(v.Records, store.K(recordKey), p.afterIn(recordKey), func(_ store.Key, k *keyRecord) bool {
			if k.gone(c.Now) {
				return true
			}
			if !p.Take(k.ID) {
				return false
			}
			keys = append(keys, api.KeyListEntry{KeyId: new(k.ID), KeyArn: new(v.arn(k.ID))})
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	truncated, next, err := p.end()
	return &api.ListKeysOutput{Keys: keys, Truncated: truncated, NextMarker: next}, err
}

// UpdateKeyDescription replaces a key's description.
func (s *Service) UpdateKeyDescription(ctx context.Context, c *pipeline.Call, in *api.UpdateKeyDescriptionInput) (*api.UpdateKeyDescriptionOutput, error) {
	err := s.change(ctx, c, *in.KeyId, func(v *view, k *keyRecord) error {
		k.Description = *in.Description
		return k.kept(v.arn(k.ID))
	})
	return &api.UpdateKeyDescriptionOutput{}, err
}

// read opens the records where the call's first resource is.
func (s *Service) read(ctx context.Context, c *pipeline.Call, fn func(*view) error) error {
	account, region, _ := c.Grant.Resource(0)
	return s.db.View(ctx, c.Grant, func(tx *store.Tx) error {
		v, err := viewOf(tx, account, region)
		if err != nil {
			return err
		}
		return fn(v)
	})
}

// change edits the key of the call's first check. fn may run several times.
func (s *Service) change(ctx context.Context, c *pipeline.Call, named string, fn func(*view, *keyRecord) error) error {
	return s.changeIn(ctx, c, named, func(_ *store.Tx, v *view, k *keyRecord) error { return fn(v, k) })
}

func (s *Service) changeIn(ctx context.Context, c *pipeline.Call, named string, fn func(*store.Tx, *view, *keyRecord) error) error {
	account, region, id := c.Grant.Resource(0)
	if id == "" {
		return missing(keyOnly(named, c))
	}
	return s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		v, err := viewOf(tx, account, region)
		if err != nil {
			return err
		}
		k, err := v.key(id)
		if err != nil {
			return err
		}
		if k == nil || k.gone(c.Now) {
			return noKey(v.arn(id))
		}
		if err := fn(tx, v, k); err != nil {
			return err
		}
		return v.putKey(k)
	})
}

// keyOnly reads the name of a key in an operation that takes no alias.
func keyOnly(named string, c *pipeline.Call) name {
	n := parseName(named, c.Account, c.Region)
	if n.form == byAlias {
		n.form = malformed
	}
	return n
}

package kms

import (
	"context"
	"strings"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// maxAliases is how many aliases a key may have ("Resource quotas", AWS KMS Developer Guide).
const maxAliases = 50

func checkAliasName(s string) error {
	switch rest, ok := strings.CutPrefix(s, aliasPrefix); {
	case !ok || rest == "":
		return invalid(`Alias must start with the prefix "alias/". Please see ` +
			`https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`)
	case strings.HasPrefix(s, reservedPrefix):
		return api.NewInvalidAliasNameException(`Alias must not start with the prefix "alias/aws/", which is reserved.`)
	case strings.Contains(rest, ":"):
		return invalid("%s contains invalid characters for an alias", s)
	}
	return nil
}

// pointable refuses targets of an alias that are none.
func pointable(named string, c *pipeline.Call) error {
	if parseName(named, c.Account, c.Region).form == byAlias {
		return invalid("Aliases must refer to keys. Not aliases")
	}
	return nil
}

// CreateAlias gives a key a name. The call's checks are of the alias and of the key.
func (s *Service) CreateAlias(ctx context.Context, c *pipeline.Call, in *api.CreateAliasInput) (*api.CreateAliasOutput, error) {
	if err := checkAliasName(*in.AliasName); err != nil {
		return nil, err
	}
	err := s.aliasing(ctx, c, 1, *in.TargetKeyId, func(v *view, k *keyRecord) error {
		a, err := v.alias(*in.AliasName)
		if err != nil {
			return err
		}
		if a != nil {
			return api.NewAlreadyExistsException("An alias with the name %s already exists", v.aliasARN(a.Name))
		}
		return v.point(k, &aliasRecord{Name: *in.AliasName, KeyID: k.ID, Created: c.Now, Updated: c.Now})
	})
	return &api.CreateAliasOutput{}, err
}

// UpdateAlias gives an alias another key. The call's checks are of the alias, of the key it had and of the new key.
func (s *Service) UpdateAlias(ctx context.Context, c *pipeline.Call, in *api.UpdateAliasInput) (*api.UpdateAliasOutput, error) {
	_, _, had := c.Grant.Resource(1)
	if had == "" {
		return nil, noAlias(aliasARN(c.Account, c.Region, *in.AliasName))
	}
	err := s.aliasing(ctx, c, 2, *in.TargetKeyId, func(v *view, k *keyRecord) error {
		a, err := v.expectAlias(*in.AliasName, had)
		if err != nil || a.KeyID == k.ID {
			return err
		}
		if err := v.removeAlias(a); err != nil {
			return err
		}
		return v.point(k, &aliasRecord{Name: a.Name, KeyID: k.ID, Created: a.Created, Updated: c.Now})
	})
	return &api.UpdateAliasOutput{}, err
}

// DeleteAlias removes an alias. The call's checks are of the alias and of its key.
func (s *Service) DeleteAlias(ctx context.Context, c *pipeline.Call, in *api.DeleteAliasInput) (*api.DeleteAliasOutput, error) {
	account, region, had := c.Grant.Resource(1)
	if had == "" {
		return nil, noAlias(aliasARN(c.Account, c.Region, *in.AliasName))
	}
	err := s.db.Update(ctx, c.Grant, func(tx *store.Tx) error {
		v, err := viewOf(tx, account, region)
		if err != nil {
			return err
		}
		a, err := v.expectAlias(*in.AliasName, had)
		if err != nil {
			return err
		}
		return v.removeAlias(a)
	})
	return &api.DeleteAliasOutput{}, err
}

// aliasing opens the key of the i-th check for an alias to stand for it.
func (s *Service) aliasing(ctx context.Context, c *pipeline.Call, i int, named string, fn func(*view, *keyRecord) error) error {
	if err := pointable(named, c); err != nil {
		return err
	}
	account, region, id := c.Grant.Resource(i)
	if id == "" {
		return missing(parseName(named, c.Account, c.Region))
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
		if err := k.kept(v.arn(id)); err != nil {
			return err
		}
		return fn(v, k)
	})
}

// point saves an alias of a key that has room for one more.
func (v *view) point(k *keyRecord, a *aliasRecord) error {
	names, err := v.aliasesOf(k.ID)
	if err != nil {
		return err
	}
	if len(names) >= maxAliases {
		return api.NewLimitExceededException("Key %s has reached the limit of %d aliases.", v.arn(k.ID), maxAliases)
	}
	return v.putAlias(a)
}

// expectAlias returns an alias that still stands for the key that was decided about.
func (v *view) expectAlias(alias, id string) (*aliasRecord, error) {
	a, err := v.alias(alias)
	switch {
	case err != nil:
		return nil, err
	case a == nil:
		return nil, noAlias(v.aliasARN(alias))
	case a.KeyID != id:
		return nil, moved()
	}
	return a, nil
}

// ListAliases lists the aliases of the account in the region, or of one key.
func (s *Service) ListAliases(ctx context.Context, c *pipeline.Call, in *api.ListAliasesInput) (*api.ListAliasesOutput, error) {
	p, err := s.list(c, "ListAliases", opt.Value(in.KeyId), in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	var aliases []api.AliasListEntry
	err = s.read(ctx, c, func(v *view) error {
		aliases = nil
		p.Restart()
		take := func(a *aliasRecord) bool {
			if !p.Take(a.Name) {
				return false
			}
			aliases = append(aliases, api.AliasListEntry{
				AliasName: new(a.Name), AliasArn: new(v.aliasARN(a.Name)), TargetKeyId: new(a.KeyID),
				CreationDate: new(a.Created), LastUpdatedDate: new(a.Updated),
			})
			return true
		}
		if in.KeyId != nil {
			return v.eachAliasOf(c, keyOnly(*in.KeyId, c), p.After(), take)
		}
		return store.Each(v.Records, store.K(recordAlias), p.afterIn(recordAlias), func(_ store.Key, a *aliasRecord) bool {
			return take(a)
		})
	})
	if err != nil {
		return nil, err
	}
	truncated, next, err := p.end()
	return &api.ListAliasesOutput{Aliases: aliases, Truncated: truncated, NextMarker: next}, err
}

// eachAliasOf yields the aliases of a key of this account after the one named.
func (v *view) eachAliasOf(c *pipeline.Call, n name, after string, take func(*aliasRecord) bool) error {
	if n.form != byKey || n.account != v.account {
		return missing(n)
	}
	k, err := v.key(n.id)
	if err != nil {
		return err
	}
	if k == nil || k.gone(c.Now) {
		return missing(n)
	}
	names, err := v.aliasesOf(n.id)
	if err != nil {
		return err
	}
	for _, alias := range names {
		if alias <= after {
			continue
		}
		a, err := v.alias(alias)
		if err != nil {
			return err
		}
		if a != nil && !take(a) {
			break
		}
	}
	return nil
}

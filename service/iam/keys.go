package iam

import (
	"context"
	"errors"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// keyOwner is who has access keys: a user, or the account's root user.
type keyOwner struct {
	name string // as shown; "" for the root user
	keys *[]string
	save func() error
}

func findOwner(v *identity.View, name string) (keyOwner, error) {
	if name == "" {
		settings, err := v.Settings()
		if err != nil {
			return keyOwner{}, err
		}
		return keyOwner{"", &settings.RootKeys, func() error { return v.PutSettings(settings) }}, nil
	}
	u, err := v.User(name)
	if err != nil {
		return keyOwner{}, err
	}
	if u == nil {
		return keyOwner{}, noUser(name)
	}
	return keyOwner{u.Name, &u.Keys, func() error { return v.PutUser(u) }}, nil
}

// withOwner runs fn on the owner of keys that the request names.
func (s *Service) withOwner(ctx context.Context, call *pipeline.Call, given *string, fn func(*identity.View, keyOwner) error) error {
	name, err := userName(call.Caller, given)
	if err != nil {
		return err
	}
	return s.update(ctx, call, func(v *identity.View) error {
		o, err := findOwner(v, name)
		if err != nil {
			return err
		}
		return fn(v, o)
	})
}

// ownKey returns the owner's key with the id, or NoSuchEntity.
func ownKey(v *identity.View, o keyOwner, id string) (*identity.Key, error) {
	if !slices.Contains(*o.keys, id) {
		return nil, noKey(id)
	}
	k, err := v.Key(id)
	if err == nil && k == nil {
		err = noKey(id)
	}
	return k, err
}

// CreateAccessKey implements api.Service.
func (s *Service) CreateAccessKey(ctx context.Context, call *pipeline.Call, in *api.CreateAccessKeyInput) (*api.CreateAccessKeyOutput, error) {
	account, _ := call.Grant.Home()
	id, err := session.NewAccessKeyID(session.LongTerm, account)
	if err != nil {
		return nil, err
	}
	secret := identity.NewSecret()
	sealed, err := s.catalog.SealSecret(account, id, secret)
	if err != nil {
		return nil, err
	}
	out := &api.AccessKey{
		AccessKeyId: &id, SecretAccessKey: &secret, Status: api.StatusTypeActive, CreateDate: opt.Present(now(call)),
	}
	err = s.withOwner(ctx, call, in.UserName, func(v *identity.View, o keyOwner) error {
		if len(*o.keys) >= maxAccessKeys {
			return overQuota("AccessKeysPerUser", maxAccessKeys)
		}
		if old, err := v.Key(id); err != nil {
			return err
		} else if old != nil {
			return errors.New("iam: the new access key id is another key's")
		}
		out.UserName = opt.Present(o.name)
		*o.keys = append(*o.keys, id)
		k := &identity.Key{
			ID: id, User: strings.ToLower(o.name), Account: account, Active: true, Created: now(call), Sealed: sealed,
		}
		if err := v.PutKey(k); err != nil {
			return err
		}
		return o.save()
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateAccessKeyOutput{AccessKey: out}, nil
}

// UpdateAccessKey implements api.Service.
func (s *Service) UpdateAccessKey(ctx context.Context, call *pipeline.Call, in *api.UpdateAccessKeyInput) (*api.UpdateAccessKeyOutput, error) {
	if in.Status == api.StatusTypeExpired {
		return nil, api.NewInvalidInputException("The status of an access key can be set to Active or Inactive.")
	}
	err := s.withOwner(ctx, call, in.UserName, func(v *identity.View, o keyOwner) error {
		k, err := ownKey(v, o, opt.Value(in.AccessKeyId))
		if err != nil {
			return err
		}
		k.Active = in.Status == api.StatusTypeActive
		return v.PutKey(k)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateAccessKeyOutput{}, nil
}

// DeleteAccessKey implements api.Service.
func (s *Service) DeleteAccessKey(ctx context.Context, call *pipeline.Call, in *api.DeleteAccessKeyInput) (*api.DeleteAccessKeyOutput, error) {
	err := s.withOwner(ctx, call, in.UserName, func(v *identity.View, o keyOwner) error {
		k, err := ownKey(v, o, opt.Value(in.AccessKeyId))
		if err != nil {
			return err
		}
		*o.keys = slices.DeleteFunc(*o.keys, func(id string) bool { return id == k.ID })
		if err := v.DeleteKey(k.ID); err != nil {
			return err
		}
		return o.save()
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteAccessKeyOutput{}, nil
}

// ListAccessKeys implements api.Service.
func (s *Service) ListAccessKeys(ctx context.Context, call *pipeline.Call, in *api.ListAccessKeysInput) (*api.ListAccessKeysOutput, error) {
	name, err := userName(call.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	l, err := s.list(call, "ListAccessKeys", strings.ToLower(name), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.ListAccessKeysOutput{}
	err = s.view(ctx, call, func(v *identity.View) error {
		out.AccessKeyMetadata = []api.AccessKeyMetadata{}
		o, err := findOwner(v, name)
		if err != nil {
			return err
		}
		for _, id := range pick(l, slices.Sorted(slices.Values(*o.keys)), func(id string) string { return id }) {
			k, err := ownKey(v, o, id)
			if err != nil {
				return err
			}
			status := api.StatusTypeInactive
			if k.Active {
				status = api.StatusTypeActive
			}
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, api.AccessKeyMetadata{
				AccessKeyId: &k.ID, CreateDate: &k.Created, Status: status, UserName: opt.Present(o.name),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = l.end()
	return out, err
}

// GetAccessKeyLastUsed implements api.Service. A key that is not the account's is refused as one the caller has no
// permission for, which says nothing about other accounts.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, call *pipeline.Call, in *api.GetAccessKeyLastUsedInput) (*api.GetAccessKeyLastUsedOutput, error) {
	id := opt.Value(in.AccessKeyId)
	out := &api.GetAccessKeyLastUsedOutput{}
	err := s.view(ctx, call, func(v *identity.View) error {
		k, err := v.Key(id)
		if err != nil {
			return err
		}
		if k == nil {
			return fault.New(fault.AccessDenied, "User: %s is not authorized to perform: iam:GetAccessKeyLastUsed on resource: "+
				"access key %s", call.Caller.ARN, id)
		}
		if k.User != "" {
			t, err := find(v, identity.KindUser, k.User)
			if err != nil {
				return err
			}
			out.UserName = &t.Name
		}
		used, err := v.KeyUsed(id)
		if err != nil {
			return err
		}
		// A key that was never used answers so ("AccessKeyLastUsed", IAM API Reference).
		out.AccessKeyLastUsed = &api.AccessKeyLastUsed{Region: opt.Present("N/A"), ServiceName: opt.Present("N/A")}
		if used != nil {
			out.AccessKeyLastUsed = &api.AccessKeyLastUsed{
				LastUsedDate: &used.At, Region: &used.Region, ServiceName: &used.Service,
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

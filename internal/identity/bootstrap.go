package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// InitInput says how the default account begins.
type InitInput struct {
	// Account is the default account's id; "" makes a random one at the first start and keeps what is there after.
	Account string
	// Name and Email are the account's; defaults "bulkhead" and "root@bulkhead.invalid".
	Name, Email string
	// AccessKeyID and SecretAccessKey are the root access key that the operator declares. Both or neither.
	AccessKeyID, SecretAccessKey string
}

// InitResult is the state after Init.
type InitResult struct {
	Organization Organization
	// Account is the default account's id.
	Account string
	// AccessKeyID and SecretAccessKey are the root access key that this call generated; empty if it generated none.
	// They cannot be had again.
	AccessKeyID, SecretAccessKey string
}

// keyIDForm and secretForm are what a declared root key must look like: signatures must be able to carry the id, and a
// short secret can be guessed ("AccessKey", IAM API Reference).
var (
	keyIDForm  = regexp.MustCompile(`^[A-Za-z0-9_]{4,128}$`)
	secretForm = regexp.MustCompile(`^[\x21-\x7e]{16,128}$`)
)

// Init makes the default account, its organization and its root access key, unless they exist. A root key declared in the
// input replaces the one declared before; without one, a key is generated at the first start only.
func (c *Catalog) Init(ctx context.Context, in InitInput) (*InitResult, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	org, created, err := c.initOrganization(ctx, &in)
	if err != nil {
		return nil, err
	}
	res := &InitResult{Organization: *org, Account: org.Management}
	switch {
	case in.AccessKeyID != "":
		err = c.declareRootKey(ctx, org.Management, in.AccessKeyID, in.SecretAccessKey)
	default:
		err = c.generateRootKey(ctx, res, created)
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

func (in *InitInput) check() error {
	if in.Name == "" {
		in.Name = "bulkhead"
	}
	if in.Email == "" {
		in.Email = "root@bulkhead.invalid"
	}
	if in.Account != "" && !arn.IsAccount(in.Account) {
		return fmt.Errorf("identity: the default account %q is not 12 digits", in.Account)
	}
	if in.AccessKeyID == "" && in.SecretAccessKey == "" {
		return nil
	}
	if !keyIDForm.MatchString(in.AccessKeyID) {
		return errors.New("identity: the root access key id must be 4 to 128 letters, digits and underscores")
	}
	if !secretForm.MatchString(in.SecretAccessKey) {
		return errors.New("identity: the root secret access key must be 16 to 128 printable ASCII characters without spaces")
	}
	return nil
}

func (c *Catalog) initOrganization(ctx context.Context, in *InitInput) (org *Organization, created bool, err error) {
	account := in.Account
	if account == "" {
		if account, err = NewAccount(); err != nil {
			return nil, false, err
		}
	}
	now := c.now().UTC()
	fresh := newOrganization(account, in.Email, now)
	err = system.Update(ctx, c.db, OrganizationsService, func(tx *store.Tx) error {
		created = false
		if org, err = organization(tx); err != nil || org != nil {
			return err
		}
		org, created = fresh, true
		return putOrganization(tx, fresh, &Account{
			ID: account, Name: in.Name, Email: in.Email, Status: "ACTIVE", Method: "INVITED", Joined: now,
		})
	})
	if err != nil {
		return nil, false, err
	}
	if in.Account != "" && in.Account != org.Management {
		return nil, false, fmt.Errorf("identity: the default account of this data is %s, not %s", org.Management, in.Account)
	}
	return org, created, nil
}

func putOrganization(tx *store.Tx, org *Organization, first *Account) error {
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	if err := store.Save(dir, store.K(keyOrganization), &org.Management); err != nil {
		return err
	}
	r, err := RegistryIn(tx, org.Management)
	if err != nil {
		return err
	}
	if err := store.Save(r.records, store.K(keyOrganization), org); err != nil {
		return err
	}
	return r.PutAccount(first)
}

// generateRootKey makes a root key at the first start. A first start that crashed before is completed: an account that
// never had a root key, and no settings, has not been in use.
func (c *Catalog) generateRootKey(ctx context.Context, res *InitResult, created bool) error {
	id, err := session.NewAccessKeyID(session.LongTerm, res.Account)
	if err != nil {
		return err
	}
	secret := NewSecret()
	made := false
	err = c.update(ctx, res.Account, func(tx *store.Tx, v *View) error {
		made = false
		settings, err := v.Settings()
		if err != nil || settings.Initialized && !created {
			return err
		}
		made = true
		return c.addRootKey(tx, v, settings, id, secret)
	})
	if err == nil && made {
		res.AccessKeyID, res.SecretAccessKey = id, secret
	}
	return err
}

// declareRootKey makes the given key the one bootstrap key of the account's root user.
func (c *Catalog) declareRootKey(ctx context.Context, account, id, secret string) error {
	return c.update(ctx, account, func(tx *store.Tx, v *View) error {
		settings, err := v.Settings()
		if err != nil {
			return err
		}
		for _, old := range slices.Clone(settings.RootKeys) {
			k, err := v.Key(old)
			if err != nil {
				return err
			}
			if k != nil && old == id && k.Active && c.sameSecret(k, secret) {
				return nil
			}
			if k == nil || k.Bootstrap || old == id {
				if err := c.removeRootKey(tx, v, settings, old); err != nil {
					return err
				}
			}
		}
		taken, err := v.Key(id)
		if err != nil {
			return err
		}
		if taken != nil {
			return fmt.Errorf("identity: the declared root access key id %s is already a user's", id)
		}
		return c.addRootKey(tx, v, settings, id, secret)
	})
}

func (c *Catalog) sameSecret(k *Key, secret string) bool {
	have, err := c.OpenSecret(k)
	return err == nil && subtle.ConstantTimeCompare(have, []byte(secret)) == 1
}

func (c *Catalog) addRootKey(tx *store.Tx, v *View, s *Settings, id, secret string) error {
	sealed, err := c.SealSecret(v.Account, id, secret)
	if err != nil {
		return err
	}
	k := &Key{
		ID: id, Account: v.Account, Active: true, Created: c.now().UTC().Truncate(time.Second), Sealed: sealed, Bootstrap: true,
	}
	if err := v.PutKey(k); err != nil {
		return err
	}
	if told, ok := session.AccountOf(id); !ok || told != v.Account {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		if err := store.Save(dir, store.K(keyKey, id), &v.Account); err != nil {
			return err
		}
	}
	s.RootKeys = append(s.RootKeys, id)
	s.Initialized = true
	return v.PutSettings(s)
}

func (c *Catalog) removeRootKey(tx *store.Tx, v *View, s *Settings, id string) error {
	s.RootKeys = slices.DeleteFunc(s.RootKeys, func(k string) bool { return k == id })
	dir, err := tx.Directory()
	if err != nil {
		return err
	}
	if err := dir.Delete(store.K(keyKey, id)); err != nil {
		return err
	}
	if err := v.PutSettings(s); err != nil {
		return err
	}
	return v.DeleteKey(id)
}

// update runs fn with the writable IAM records of an account.
func (c *Catalog) update(ctx context.Context, account string, fn func(*store.Tx, *View) error) error {
	return system.Update(ctx, c.db, Service, func(tx *store.Tx) error {
		v, err := In(tx, account)
		if err != nil {
			return err
		}
		return fn(tx, v)
	})
}

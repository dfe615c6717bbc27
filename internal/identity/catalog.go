// Package identity is IAM's part in every request: the records of users, groups, roles, access keys, policies and
// accounts, and the Catalog, a cached and read-only answer to who signs with a key and which policies apply to it.
package identity

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// How much each cache of a catalog holds at most.
const (
	cacheKeys     = 1 << 16
	cacheEntities = 1 << 16
	cacheSessions = 1 << 16
	cacheOther    = 1 << 14
)

// Config is what a Catalog works with. DB and Keyring are required.
type Config struct {
	DB      *store.DB
	Keyring *keyring.Keyring
	// TenantTags are the principal tags that name the tenant; default TenantID. Tenants is the language of their
	// values; default tenant.DefaultLanguage.
	TenantTags []string
	Tenants    *tenant.Language
	// Log takes what goes wrong in the background; default slog.Default().
	Log *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Catalog answers from the records of all accounts what authentication and authorization ask. What it answered it keeps
// until the account's records change, so that a decision needs no read of the store. It is safe for concurrent use, and
// what it returns is shared and must not be changed.
type Catalog struct {
	db      *store.DB
	keyring *keyring.Keyring
	tenants *TenantRule
	log     *slog.Logger
	now     func() time.Time

	keys     *store.Cache[string, *Credential]
	entities *store.Cache[entityKey, *Entity]
	sets     *store.Cache[entityKey, *entityPolicies]
	sessions *store.Cache[string, *sessionPolicies]
	roles    *store.Cache[string, *roleFacts]
	ids      *store.Cache[string, string]
	oidc     *store.Cache[string, *OIDCProvider]
	saml     *store.Cache[string, *SAMLFacts]
	compiled *compileCache
	org      atomic.Pointer[Organization]
	own      ownPolicies
	used     usage
}

type entityKey struct {
	account string
	kind    Kind
	name    string
}

// New returns a catalog over the records in db. Close it when done.
func New(cfg Config) (*Catalog, error) {
	rule, err := NewTenantRule(cfg.TenantTags, cfg.Tenants)
	if err != nil {
		return nil, err
	}
	own, err := newOwnPolicies()
	if err != nil {
		return nil, err
	}
	c := &Catalog{db: cfg.DB, keyring: cfg.Keyring, tenants: rule, log: cfg.Log, now: cfg.Now, own: own}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.keys = store.NewCache[string, *Credential](c.db, Service, cacheKeys)
	c.entities = store.NewCache[entityKey, *Entity](c.db, Service, cacheOther)
	c.sets = store.NewCache[entityKey, *entityPolicies](c.db, Service, cacheEntities)
	c.sessions = store.NewCache[string, *sessionPolicies](c.db, Service, cacheSessions)
	c.roles = store.NewCache[string, *roleFacts](c.db, Service, cacheOther)
	c.ids = store.NewCache[string, string](c.db, Service, cacheOther)
	c.oidc = store.NewCache[string, *OIDCProvider](c.db, Service, cacheOther)
	c.saml = store.NewCache[string, *SAMLFacts](c.db, Service, cacheOther)
	c.compiled = newCompileCache(cacheOther)
	c.used.init()
	return c, nil
}

// view runs fn with the IAM records of an account.
func (c *Catalog) view(ctx context.Context, account string, fn func(*View) error) error {
	return system.View(ctx, c.db, Service, func(tx *store.Tx) error {
		v, err := In(tx, account)
		if err != nil {
			return err
		}
		return fn(v)
	})
}

// Tenants is the rule by which the tenant of a principal follows from its tags.
func (c *Catalog) Tenants() *TenantRule { return c.tenants }

// Credential is a long-term access key as authentication needs it.
type Credential struct {
	// Secret is the secret access key. It must not be changed or printed.
	Secret []byte
	// Principal is who signs with it.
	Principal *authn.Principal
}

// Credentials returns the active long-term key with the id. It is nil without an error for a key that is unknown or
// inactive, and must then be refused.
func (c *Catalog) Credentials(ctx context.Context, accessKeyID string) (*Credential, error) {
	account, ok := session.AccountOf(accessKeyID)
	if ok {
		cred, err := c.credentials(ctx, account, accessKeyID)
		if cred != nil || err != nil {
			return cred, err
		}
	}
	account, err := c.directoryAccount(ctx, accessKeyID)
	if account == "" || err != nil {
		return nil, err
	}
	return c.credentials(ctx, account, accessKeyID)
}

// errNotCached leaves a cache without an entry: what does not exist is asked for by ids that anybody can make up.
var errNotCached = errors.New("identity: not found")

func found[V any](v V, err error) (V, error) {
	if errors.Is(err, errNotCached) {
		var zero V
		return zero, nil
	}
	return v, err
}

func (c *Catalog) credentials(ctx context.Context, account, id string) (*Credential, error) {
	return found(c.keys.Get(account, id, func() (*Credential, error) {
		var cred *Credential
		err := c.view(ctx, account, func(v *View) (err error) {
			cred, err = c.loadCredential(v, id)
			return err
		})
		if err == nil && cred == nil {
			err = errNotCached
		}
		return cred, err
	}))
}

func (c *Catalog) loadCredential(v *View, id string) (*Credential, error) {
	k, err := v.Key(id)
	if err != nil || k == nil || !k.Active {
		return nil, err
	}
	p := &authn.Principal{
		Kind: authn.Root, Account: v.Account, ARN: arn.Root(v.Account), UserID: v.Account, AccessKeyID: id,
	}
	if k.User != "" {
		u, err := v.User(k.User)
		if err != nil || u == nil {
			return nil, err
		}
		p.Kind, p.ARN, p.UserID, p.Name, p.Tags = authn.User, u.ARN(), u.ID, u.Name, u.PrincipalTags()
	}
	p.Tenant, p.TenantInvalid = c.tenants.Of(p.Tags)
	secret, err := c.OpenSecret(k)
	if err != nil {
		return nil, err
	}
	return &Credential{secret, p}, nil
}

// SealSecret seals the secret of an access key for its record.
func (c *Catalog) SealSecret(account, id, secret string) ([]byte, error) {
	return c.keyring.Seal(keyring.AccessKeySecret, keyring.Scope{Account: account}, []byte(secret), []byte(id))
}

// OpenSecret opens the secret of an access key's record.
func (c *Catalog) OpenSecret(k *Key) ([]byte, error) {
	return c.keyring.Open(keyring.AccessKeySecret, keyring.Scope{Account: k.Account}, k.Sealed, []byte(k.ID))
}

// directoryAccount finds the account of a key whose id does not tell it: one that the operator chose.
func (c *Catalog) directoryAccount(ctx context.Context, id string) (account string, err error) {
	err = system.View(ctx, c.db, Service, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		a, err := store.Load[string](dir, store.K(keyKey, id))
		if a != nil {
			account = *a
		}
		return err
	})
	return account, err
}

// entity returns a user or role; nil if there is none.
func (c *Catalog) entity(ctx context.Context, account string, kind Kind, name string) (*Entity, error) {
	return found(c.entities.Get(account, entityKey{account, kind, fold(name)}, func() (*Entity, error) {
		var e *Entity
		err := c.view(ctx, account, func(v *View) (err error) {
			e, err = v.Entity(kind, name)
			return err
		})
		if err == nil && e == nil {
			err = errNotCached
		}
		return e, err
	}))
}

// User returns what an IAM user is; nil if there is none.
func (c *Catalog) User(ctx context.Context, account, name string) (*Entity, error) {
	return c.entity(ctx, account, KindUser, name)
}

// Entity returns what a user, group or role is; nil if there is none.
func (c *Catalog) Entity(ctx context.Context, account string, kind Kind, name string) (*Entity, error) {
	return c.entity(ctx, account, kind, name)
}

// ManagedPolicy returns a managed policy of the account, or AWS's, by its ARN; nil if there is none.
func (c *Catalog) ManagedPolicy(ctx context.Context, account, policyARN string) (p *Policy, err error) {
	if p := AWSManaged(policyARN); p != nil {
		return p, nil
	}
	err = c.view(ctx, account, func(v *View) error {
		p, err = v.PolicyByARN(policyARN)
		return err
	})
	return p, err
}

// KeyOwner returns the lower-case name of the user whose access key has the id, whether active or not; "" if the key is
// the root user's or not the account's.
func (c *Catalog) KeyOwner(ctx context.Context, account, accessKeyID string) (user string, err error) {
	err = c.view(ctx, account, func(v *View) error {
		k, err := v.Key(accessKeyID)
		if k != nil {
			user = k.User
		}
		return err
	})
	return user, err
}

// resolveID returns the present ARN of a unique id, "" if its owner is gone. Here an absent owner is remembered too: the
// ids come from stored policies.
func (c *Catalog) resolveID(ctx context.Context, account, id string) (string, error) {
	return c.ids.Get(account, id, func() (name string, err error) {
		err = c.view(ctx, account, func(v *View) error {
			e, err := v.ByID(id)
			if e != nil {
				name = e.ARN()
			}
			return err
		})
		return name, err
	})
}

// OIDCProvider returns the provider of an account for an issuer: its host and path without the scheme. Nil if there is
// none.
func (c *Catalog) OIDCProvider(ctx context.Context, account, url string) (*OIDCProvider, error) {
	return found(c.oidc.Get(account, account+" "+url, func() (p *OIDCProvider, err error) {
		err = c.view(ctx, account, func(v *View) (err error) {
			p, err = v.OIDC(url)
			return err
		})
		if err == nil && p == nil {
			err = errNotCached
		}
		return p, err
	}))
}

// compileCache keeps compiled documents by their text, so that a change to one policy does not compile all others anew.
type compileCache struct {
	mu   sync.Mutex
	size int
	m    map[compileKey]*policy.Policy
}

type compileKey struct {
	kind policy.Kind
	text string
}

func newCompileCache(size int) *compileCache {
	return &compileCache{size: size, m: map[compileKey]*policy.Policy{}}
}

// get compiles a document. An entry leaves at random when the cache is full.
func (c *compileCache) get(text string, kind policy.Kind) (*policy.Policy, error) {
	k := compileKey{kind, text}
	c.mu.Lock()
	p := c.m[k]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := policy.Parse([]byte(text), kind)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= c.size {
		for old := range c.m {
			delete(c.m, old)
			break
		}
	}
	c.m[k] = p
	return p, nil
}

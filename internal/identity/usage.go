package identity

import (
	"context"
	"sync"
	"time"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

const (
	// usedEvery is how often at most the use of one key or role is recorded.
	usedEvery = time.Minute
	// flushEvery is how long a use waits to be written, together with others.
	flushEvery = 10 * time.Second
	// maxUsed bounds what is remembered of keys in use.
	maxUsed = 1 << 16
)

// usage collects when keys and roles were used, to be written later: it is information, not security, so it costs a
// request no write and may be lost in a crash.
type usage struct {
	mu      sync.Mutex
	noted   map[usageKey]time.Time // when the last use was noted
	pending map[usageKey]Used
	stop    chan struct{}
	stopped chan struct{}
}

type usageKey struct{ account, key, role string }

func (u *usage) init() {
	u.noted, u.pending = map[usageKey]time.Time{}, map[usageKey]Used{}
}

// Used notes that an authenticated principal used a service: its long-term key, or the role of its session. It is cheap
// and never blocks on the store.
func (c *Catalog) Used(p *authn.Principal, service, region string, at time.Time) {
	k := usageKey{account: p.Account}
	switch {
	case p.Kind == authn.AssumedRole:
		a, ok := arn.Parse(p.RoleARN)
		if !ok {
			return
		}
		k.role = fold(a.Name())
	case p.Session() || p.Kind == authn.Anonymous:
		return
	default:
		k.key = p.AccessKeyID
	}
	u := &c.used
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.noted[k]; ok && at.Sub(last) < usedEvery {
		return
	}
	if len(u.noted) >= maxUsed {
		clear(u.noted)
	}
	if len(u.pending) >= maxUsed {
		return
	}
	u.noted[k] = at
	u.pending[k] = Used{At: at.UTC().Truncate(time.Second), Region: region, Service: service}
}

// Start writes noted uses in the background until Close.
func (c *Catalog) Start() {
	u := &c.used
	u.stop, u.stopped = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(u.stopped)
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.flush()
			case <-u.stop:
				c.flush()
				return
			}
		}
	}()
}

// Close writes what was noted and ends what Start began.
func (c *Catalog) Close() {
	if c.used.stop != nil {
		close(c.used.stop)
		<-c.used.stopped
		c.used.stop = nil
	}
}

func (c *Catalog) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), flushEvery)
	defer cancel()
	if err := c.Flush(ctx); err != nil {
		c.log.Warn("recording when access keys were last used", "error", err)
	}
}

// Flush writes the uses noted so far.
func (c *Catalog) Flush(ctx context.Context) error {
	c.used.mu.Lock()
	pending := c.used.pending
	c.used.pending = map[usageKey]Used{}
	c.used.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	return system.Update(ctx, c.db, Service, func(tx *store.Tx) error {
		for k, used := range pending {
			if err := record(tx, k, &used); err != nil {
				return err
			}
		}
		return nil
	})
}

// record writes one use of a key or role that still exists. It changes nothing that is cached.
func record(tx *store.Tx, k usageKey, used *Used) error {
	v, err := In(tx, k.account)
	if err != nil {
		return err
	}
	if k.role != "" {
		r, err := v.Role(k.role)
		if err != nil || r == nil {
			return err
		}
		return store.Save(v.records, store.K(keyUsed, keyRole, k.role), used)
	}
	key, err := v.Key(k.key)
	if err != nil || key == nil {
		return err
	}
	return store.Save(v.records, store.K(keyUsed, k.key), used)
}

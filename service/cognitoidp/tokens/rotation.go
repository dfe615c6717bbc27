package tokens

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// maxRetired bounds how often keys can be replaced while tokens of earlier ones hold.
const maxRetired = 16

// KeysAhead is how long new keys are published before they sign: longer than anybody may keep the key set that this server
// serves (public), so that nobody meets a token whose key is not in it.
const KeysAhead = 10 * time.Minute

// SigningKeyOf returns the key that signs for the use: of two in turn, the old one until the new one has been published for long
// enough.
func SigningKeyOf(p *userpool.Pool, use int, now time.Time) *userpool.SigningKey {
	if now.Before(p.KeysSign) {
		for i := range p.Retired {
			if r := &p.Retired[i]; r.Use == use && len(r.Sealed) > 0 {
				return &r.SigningKey
			}
		}
	}
	return &p.Keys[use]
}

// keyOf returns the pool's key with the id for the use, also a retired one; nil if it has none.
func keyOf(p *userpool.Pool, use int, kid string, now time.Time) *userpool.SigningKey {
	if kid == "" {
		return nil
	}
	if p.Keys[use].KID == kid {
		return &p.Keys[use]
	}
	for i := range p.Retired {
		if r := &p.Retired[i]; r.Use == use && r.KID == kid && now.Before(r.Until) {
			return &r.SigningKey
		}
	}
	return nil
}

// RotateKeys gives a pool of the account and region new signing keys and returns the ids of all keys that are published
// then, the new ones first. These are published at once and sign from ten minutes later; until then the keys cannot be
// replaced again. Tokens that are out stay good until they expire. The caller has been authorized for it.
func (s *Issuer) RotateKeys(ctx context.Context, account, region, id string, now time.Time) ([]string, error) {
	p, err := s.FactsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	if p == nil || p.Account != account || p.Region != region {
		return nil, refusal.PoolNotFound(id)
	}
	if _, err := s.WithKeys(ctx, p); err != nil {
		return nil, err
	}
	var fresh [len(p.Keys)]userpool.SigningKey
	for i := range fresh {
		if fresh[i], err = s.makeKey(p); err != nil {
			return nil, fault.Wrap(err, "make signing keys")
		}
	}
	var kids []string
	err = system.Update(ctx, s.DB, userpool.ServiceName, func(tx *store.Tx) error {
		rec, err := tx.Records(account, region)
		if err != nil {
			return err
		}
		p, err := store.Load[userpool.Pool](rec, userpool.PoolKey(id))
		if err != nil {
			return err
		}
		if p == nil {
			return refusal.PoolNotFound(id)
		}
		if kids, err = retireKeys(p, fresh, now); err != nil {
			return err
		}
		rec.ChangedIn(id)
		return store.Save(rec, userpool.PoolKey(id), p)
	})
	return kids, err
}

// retireKeys replaces the keys. The old ones sign for KeysAhead longer; their private halves go at the next turn.
func retireKeys(p *userpool.Pool, fresh [2]userpool.SigningKey, now time.Time) (kids []string, err error) {
	if now.Before(p.KeysSign) {
		return nil, refusal.Invalid("The keys were replaced already; the new ones sign from %s.", p.KeysSign.UTC().Format(time.RFC3339))
	}
	p.KeysSign = now.Add(KeysAhead)
	p.Retired = slices.DeleteFunc(p.Retired, func(r userpool.RetiredKey) bool { return !now.Before(r.Until) })
	for i := range p.Retired {
		p.Retired[i].Sealed = nil // it signs no more
	}
	for use, k := range p.Keys {
		p.Retired = append(p.Retired, userpool.RetiredKey{SigningKey: k, Use: use, Until: p.KeysSign.Add(userpool.MaxTokenLife)})
	}
	if len(p.Retired) > maxRetired {
		return nil, refusal.Invalid("The keys were replaced too often; tokens under earlier ones still hold.")
	}
	p.Keys = fresh
	for i := range p.Keys {
		kids = append(kids, p.Keys[i].KID)
	}
	for i := range p.Retired {
		kids = append(kids, p.Retired[i].KID)
	}
	return kids, nil
}

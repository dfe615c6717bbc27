package store_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// forgetful has data keys that have to be fetched each time, as those of a node that cannot look for others' changes.
type forgetful struct {
	ofTenant map[string]*store.DataKey
	fetches  int
}

func (f *forgetful) ByID(*store.Sealing, store.KeyID) *store.DataKey { return nil }

func (f *forgetful) ByTenant(*store.Sealing, string) *store.DataKey { return nil }

func (f *forgetful) Fetch(_ context.Context, wants []store.KeyWant) ([]*store.DataKey, error) {
	f.fetches++
	out := make([]*store.DataKey, len(wants))
	for i, w := range wants {
		if !w.Make {
			return nil, fmt.Errorf("the key %x is wanted", w.ID)
		}
		if f.ofTenant[w.Tenant] == nil {
			block, err := aes.NewCipher([]byte(rand.Text())[:16])
			if err != nil {
				return nil, err
			}
			gcm, err := cipher.NewGCM(block)
			if err != nil {
				return nil, err
			}
			f.ofTenant[w.Tenant] = store.NewDataKey(store.KeyID([]byte(fmt.Sprintf("%-16s", w.Tenant))), gcm)
		}
		out[i] = f.ofTenant[w.Tenant]
	}
	return out, nil
}

// Rows of more tenants in one step than transactions run again: their keys are fetched together.
func TestResealOfManyTenants(t *testing.T) {
	t.Parallel()
	const tenants = 200
	db, raw := storetest.NewRaw(t)
	keys := &forgetful{ofTenant: map[string]*store.DataKey{}}
	db.UseDataKeys(keys)
	err := db.Update(t.Context(), rowsGrant(t, nil, "", &authz.Rows{All: true, Write: true}), func(tx *store.Tx) error {
		rows, err := tx.Rows(table, nil, time.Time{})
		if err != nil {
			return err
		}
		for i := range tenants {
			if err := rows.Put(key(fmt.Sprintf("tenant%d#", i), "s"), []byte("the plain row")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seal := store.NewSealing(table, accountA, region, nil, func(leading string) string {
		owner, _, _ := strings.Cut(leading, "#")
		return owner
	}, nil)
	seal.Mixed = true
	var next []byte
	for steps := 0; steps == 0 || next != nil; steps++ {
		err := system.Update(t.Context(), db, "dynamodb", func(tx *store.Tx) (err error) {
			next, err = system.Reseal(tx, table, seal, next, tenants)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if steps > 3 {
			t.Fatal("it never ends")
		}
	}
	for k, v := range raw {
		if strings.Contains(string(v), "plain") {
			t.Errorf("%x is not sealed", k)
		}
	}
	if keys.fetches > 2 {
		t.Errorf("keys were fetched %d times", keys.fetches)
	}
}

package store

import (
	"bytes"
	"context"

	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/kv"
)

// spaceMeta holds facts about the store itself.
const spaceMeta byte = 0x01

// CheckKey makes sure that the data was written under a root key of the keyring. A new store takes the keyring's mark.
func CheckKey(ctx context.Context, backend kv.DB, keys *keyring.Keyring) error {
	key := []byte{spaceMeta, 'k'}
	return backend.Update(ctx, func(tx kv.Tx) error {
		mark, ok, err := tx.Get(key)
		if err != nil {
			return err
		}
		if ok {
			if err := keys.Verify(mark); err != nil {
				return err
			}
		}
		if now := keys.Check(); !bytes.Equal(mark, now) {
			return tx.Set(key, now)
		}
		return nil
	})
}

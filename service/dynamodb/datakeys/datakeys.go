// Package datakeys keeps the data keys of sealed tables: one for each tenant of a table, under the tenant's KMS key, and one of the
// table's own, under its KMS key or the server's. It finds and makes them for the store, which seals rows with them, and puts the
// table's under another key.
//
// Which table has which key, and what the caller may do with it, is the service's. Of the service it imports nothing, of the module
// faults, the keyring and the store.
package datakeys

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// KMS encrypts data keys under tenants' and tables' keys: package kms, in this server.
type KMS interface {
	// Wrap encrypts a data key under the key that an alias stands for, Unwrap decrypts it, and tells whether the blob is under the key as
	// it is now; Rewrap puts it under that.
	Wrap(ctx context.Context, account, region, alias string, encryptionContext map[string]string, plaintext []byte) ([]byte, error)
	Unwrap(ctx context.Context, account, region string, blob []byte, encryptionContext map[string]string) (plaintext []byte, current bool, err error)
	Rewrap(ctx context.Context, account, region string, blob []byte, encryptionContext map[string]string) ([]byte, error)
	// Unusable tells whether an error says that the key cannot be used now, and whether it is destroyed or is going to be.
	Unusable(err error) (ending, ok bool, reason error)
}

// Keys finds the data keys of sealed tables, and makes them. What is at hand is dropped when a key of the account changes in
// KMS, on any node within a second.
type Keys struct {
	db   *store.DB
	ring *keyring.Keyring
	kms  KMS
	byID *store.Cache[keyNamed, *store.DataKey]
	of   *store.Cache[keyOf, *store.DataKey]
}

// keyOf names the data key of a tenant in a table, keyNamed one by its id. What encrypts them changes with the generation of the
// table's sealing, and whether they can be used with it.
type (
	keyOf struct {
		table, tenant string
		generation    int
	}
	keyNamed struct {
		id         store.KeyID
		generation int
	}
)

const (
	// size is the size of data keys in bytes, for AES-256.
	size = 32
	// cached is how many are at hand, some 1 kB each.
	cached = 65536
)

// New returns the data keys of the tables in a store. What is no tenant's and no table's is under the keyring.
func New(db *store.DB, ring *keyring.Keyring, kms KMS) *Keys {
	return &Keys{
		db: db, ring: ring, kms: kms, byID: store.NewCache[keyNamed, *store.DataKey](db, "kms", cached),
		of: store.NewCache[keyOf, *store.DataKey](db, "kms", cached),
	}
}

// ByID implements store.DataKeys.
func (d *Keys) ByID(s *store.Sealing, id store.KeyID) *store.DataKey {
	k, _ := d.byID.Peek(s.Account, keyNamed{id, s.Generation})
	return k
}

// ByTenant implements store.DataKeys.
func (d *Keys) ByTenant(s *store.Sealing, tenant string) *store.DataKey {
	k, _ := d.of.Peek(s.Account, keyOf{s.Table, tenant, s.Generation})
	return k
}

// Fetch implements store.DataKeys.
func (d *Keys) Fetch(ctx context.Context, wants []store.KeyWant) ([]*store.DataKey, error) {
	keys := make([]*store.DataKey, len(wants))
	for i := range wants {
		w := &wants[i]
		var err error
		if w.Make {
			keys[i], err = d.of.Get(w.Sealing.Account, keyOf{w.Sealing.Table, w.Tenant, w.Sealing.Generation}, func() (*store.DataKey, error) { return d.tenants(ctx, w) })
		} else {
			keys[i], err = d.byID.Get(w.Sealing.Account, keyNamed{w.ID, w.Sealing.Generation}, func() (*store.DataKey, error) { return d.load(ctx, w.Sealing, w.ID) })
		}
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// space is where the records of the service are.
const space = "dynamodb"

// record is a data key as it is stored, by its id.
type record struct {
	Table, Tenant string
	// Blob is the key encrypted under the tenant's; for rows that are no tenant's, under the table's or the server's.
	Blob []byte
	Made time.Time
	// Key is the ARN of the table's KMS key that the blob is under, "" if it is under the server's or a tenant's. Name and Account
	// are the table's.
	Key           string `json:",omitempty"`
	Name, Account string `json:",omitempty"`
}

type reference struct{ ID store.KeyID }

func recordKey(id store.KeyID) store.Key   { return store.K("datakey", hex.EncodeToString(id[:])) }
func ofKey(table, tenant string) store.Key { return store.K("datakeyof", table, tenant) }

// context is what the encryption of a data key is bound to, and what KMS's decisions and events show. A table's is AWS's ("How
// DynamoDB uses AWS KMS: DynamoDB encryption context").
func (k *record) context() map[string]string {
	if k.Tenant == "" {
		return map[string]string{"aws:dynamodb:tableName": k.Name, "aws:dynamodb:subscriberId": k.Account}
	}
	return map[string]string{"tenant_id": k.Tenant, "aws:dynamodb:tableId": k.Table}
}

func (d *Keys) shared(account, table string) keyring.Scope {
	return keyring.Scope{Account: account, Name: "rows/" + table}
}

func (d *Keys) view(ctx context.Context, s *store.Sealing, fn func(*store.Records) error) error {
	return system.View(ctx, d.db, space, func(tx *store.Tx) error {
		recs, err := tx.Records(s.Account, s.Region)
		if err != nil {
			return err
		}
		return fn(recs)
	})
}

func (d *Keys) update(ctx context.Context, s *store.Sealing, fn func(*store.Records) error) error {
	return system.Update(ctx, d.db, space, func(tx *store.Tx) error {
		recs, err := tx.Records(s.Account, s.Region)
		if err != nil {
			return err
		}
		return fn(recs)
	})
}

// load opens a data key. One that its key service cannot open now is returned with the reason.
func (d *Keys) load(ctx context.Context, s *store.Sealing, id store.KeyID) (*store.DataKey, error) {
	var rec *record
	err := d.view(ctx, s, func(recs *store.Records) (err error) {
		rec, err = store.Load[record](recs, recordKey(id))
		return err
	})
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return &store.DataKey{ID: id, Unusable: sealedAway(errors.New("there is no such data key")), Ending: true}, nil
	}
	plain, err := d.open(ctx, s, id, rec)
	if err != nil {
		return d.orUnusable(id, rec.Tenant, err)
	}
	return newDataKey(id, plain)
}

func (d *Keys) open(ctx context.Context, s *store.Sealing, id store.KeyID, rec *record) ([]byte, error) {
	if rec.Tenant == "" && rec.Key == "" {
		return d.ring.Open(keyring.DataKey, d.shared(s.Account, rec.Table), rec.Blob, nil)
	}
	plain, current, err := d.kms.Unwrap(ctx, s.Account, s.Region, rec.Blob, rec.context())
	if err != nil || current {
		return plain, err
	}
	return plain, d.rewrap(ctx, s, id, rec)
}

// rewrap encrypts a data key again whose key was rotated. No row is touched.
func (d *Keys) rewrap(ctx context.Context, s *store.Sealing, id store.KeyID, rec *record) error {
	blob, err := d.kms.Rewrap(ctx, s.Account, s.Region, rec.Blob, rec.context())
	if err != nil {
		return err
	}
	next := *rec
	next.Blob = blob
	return d.update(ctx, s, func(recs *store.Records) error {
		now, err := store.Load[record](recs, recordKey(id))
		if err != nil || now == nil || !bytes.Equal(now.Blob, rec.Blob) {
			return err // somebody else has, perhaps under another key
		}
		return store.Save(recs, recordKey(id), &next)
	})
}

func newDataKey(id store.KeyID, plain []byte) (*store.DataKey, error) {
	defer clear(plain)
	block, err := aes.NewCipher(plain)
	if err != nil {
		return nil, fault.Wrap(err, "use a data key")
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fault.Wrap(err, "use a data key")
	}
	return store.NewDataKey(id, gcm), nil
}

// orUnusable turns a refusal of the key service into a data key that cannot be used; other errors stay.
func (d *Keys) orUnusable(id store.KeyID, tenant string, err error) (*store.DataKey, error) {
	ending, ok, reason := d.kms.Unusable(err)
	if !ok {
		return nil, err
	}
	if tenant == "" {
		return &store.DataKey{ID: id, Unusable: Denied(reason), Ending: ending}, nil
	}
	return &store.DataKey{ID: id, Unusable: sealedAway(reason), Ending: ending}, nil
}

// Denied is what a caller is told of a table whose key cannot be used.
func Denied(reason error) error {
	return fault.New(fault.AccessDenied, "KMS key access denied error: %s", fault.Text(reason))
}

// sealedAway is what a caller is told of a row whose key cannot be used.
func sealedAway(reason error) error {
	return fault.New(fault.AccessDenied, "The key of the row's tenant cannot be used: %s", fault.Text(reason))
}

// tenants returns the data key of a tenant, and makes one if there is none.
func (d *Keys) tenants(ctx context.Context, w *store.KeyWant) (*store.DataKey, error) {
	id, err := d.idOf(ctx, w)
	if err != nil {
		return nil, err
	}
	if id == (store.KeyID{}) {
		if id, err = d.make(ctx, w); err != nil {
			return d.orUnusable(store.KeyID{}, w.Tenant, err)
		}
	}
	return d.byID.Get(w.Sealing.Account, keyNamed{id, w.Sealing.Generation}, func() (*store.DataKey, error) { return d.load(ctx, w.Sealing, id) })
}

func (d *Keys) idOf(ctx context.Context, w *store.KeyWant) (id store.KeyID, err error) {
	err = d.view(ctx, w.Sealing, func(recs *store.Records) error {
		ref, err := store.Load[reference](recs, ofKey(w.Sealing.Table, w.Tenant))
		if ref != nil {
			id = ref.ID
		}
		return err
	})
	return id, err
}

// make makes a data key, unless somebody else does at the same time.
func (d *Keys) make(ctx context.Context, w *store.KeyWant) (id store.KeyID, err error) {
	var plain [size]byte
	rand.Read(plain[:]) // never fails (crypto/rand)
	rand.Read(id[:])
	defer clear(plain[:])
	rec := &record{Table: w.Sealing.Table, Tenant: w.Tenant, Made: time.Now().UTC()}
	switch {
	case w.Tenant != "":
		rec.Blob, err = d.kms.Wrap(ctx, w.Sealing.Account, w.Sealing.Region, w.Sealing.Alias(w.Tenant), rec.context(), plain[:])
	case w.Sealing.Whole:
		err = errors.New("dynamodb: a table's data key is gone") // it is made with the table
	default:
		rec.Blob, err = d.ring.Seal(keyring.DataKey, d.shared(w.Sealing.Account, rec.Table), plain[:], nil)
	}
	if err != nil {
		return id, err
	}
	mine := id
	err = d.update(ctx, w.Sealing, func(recs *store.Records) error {
		of := ofKey(rec.Table, rec.Tenant)
		there, err := store.Load[reference](recs, of)
		if err != nil {
			return err
		}
		if there != nil {
			id = there.ID
			return nil
		}
		id = mine
		if err := store.Save(recs, of, &reference{id}); err != nil {
			return err
		}
		return store.Save(recs, recordKey(id), rec)
	})
	return id, err
}

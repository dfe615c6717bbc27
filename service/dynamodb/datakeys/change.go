package datakeys

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/store"
)

// Table says which table a data key is of.
type Table struct {
	ID, Name        string
	Account, Region string
}

// Change is the key that a table is to have, with the table's data key under it.
type Change struct {
	// key is the ARN, "" for the server's.
	key string
	id  store.KeyID
	rec record
	// was is the data key as it was until now, nil if there was none.
	was []byte
}

// Key is the ARN of the KMS key that the table is to have, "" for the server's.
func (k *Change) Key() string { return k.key }

// Change puts the data key of a table under another key, that of an ARN by encrypt, or the server's if key is "". A table that has no
// data key gets one. encrypt is given what the encryption is bound to, and keeps nothing of the plaintext; its error is returned as it
// is. Nothing is stored before Install.
func (d *Keys) Change(ctx context.Context, t *Table, key string, now time.Time, encrypt func(about map[string]string, plaintext []byte) ([]byte, error)) (*Change, error) {
	k := &Change{key: key, rec: record{Table: t.ID, Key: key, Name: t.Name, Account: t.Account, Made: now.UTC()}}
	plain, err := d.tables(ctx, t, k)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if key == "" {
		if k.rec.Blob, err = d.ring.Seal(keyring.DataKey, d.shared(t.Account, t.ID), plain, nil); err != nil {
			return nil, fault.Wrap(err, "seal a data key")
		}
		return k, nil
	}
	if k.rec.Blob, err = encrypt(k.rec.context(), plain); err != nil {
		return nil, err
	}
	return k, nil
}

// Check refuses a table whose data key cannot be used now.
func (d *Keys) Check(ctx context.Context, t *Table) error {
	plain, err := d.tables(ctx, t, &Change{})
	if err != nil {
		return err
	}
	clear(plain)
	return nil
}

// tables returns the data key of a table as it is, or a new one, and notes in k which it is.
func (d *Keys) tables(ctx context.Context, t *Table, k *Change) ([]byte, error) {
	s := &store.Sealing{Table: t.ID, Account: t.Account, Region: t.Region}
	id, err := d.idOf(ctx, &store.KeyWant{Sealing: s})
	if err != nil {
		return nil, err
	}
	if id == (store.KeyID{}) {
		plain := make([]byte, size)
		rand.Read(plain) // never fails (crypto/rand)
		rand.Read(k.id[:])
		return plain, nil
	}
	var rec *record
	err = d.view(ctx, s, func(recs *store.Records) (err error) {
		rec, err = store.Load[record](recs, recordKey(id))
		return err
	})
	if err == nil && rec == nil {
		err = errGone
	}
	if err != nil {
		return nil, err
	}
	k.id, k.was, k.rec.Made = id, rec.Blob, rec.Made
	plain, err := d.open(ctx, s, id, rec)
	if _, unusable, reason := d.kms.Unusable(err); unusable {
		return nil, Denied(reason)
	}
	return plain, err
}

var errGone = errors.New("dynamodb: a data key is gone")

// Install puts the data key in place, in the records of where its table is, and reports whether it did: it does not if the data key
// has changed since, or the table is another one.
func (k *Change) Install(recs *store.Records, table string) (bool, error) {
	of := ofKey(k.rec.Table, "")
	ref, err := store.Load[reference](recs, of)
	if err != nil {
		return false, err
	}
	var was []byte
	if ref != nil {
		there, err := store.Load[record](recs, recordKey(ref.ID))
		if err == nil && there == nil {
			err = errGone
		}
		if err != nil {
			return false, err
		}
		was = there.Blob
	}
	if table != k.rec.Table || !bytes.Equal(was, k.was) {
		return false, nil
	}
	if err := store.Save(recs, of, &reference{k.id}); err != nil {
		return false, err
	}
	return true, store.Save(recs, recordKey(k.id), &k.rec)
}

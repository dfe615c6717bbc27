package store

import (
	"context"
	"fmt"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// RowGuard judges rows by what a grant says about those of one table, wherever the rows are kept. The zero RowGuard refuses all.
type RowGuard struct {
	grant authz.Grant
	rule  authz.RowRule
}

// GuardRows returns the guard of the rows of the table with the id under a grant. A grant that does not cover them is an internal
// failure with the cause ErrNotGranted.
func GuardRows(g authz.Grant, id string) (*RowGuard, error) {
	rule, ok := g.RowRule(id)
	if !g.Valid() || !ok {
		return nil, notGranted("rows of " + id)
	}
	return &RowGuard{g, rule}, nil
}

// Check says whether the row with the partition key (item.KeyBytes) may be read or, with write, written. False without an error
// is a hidden row: it is not there for the caller, and that it was left out is noted for the audit. Foreign rows are AccessDenied.
func (g *RowGuard) Check(pk []byte, write bool) (bool, error) {
	return g.check(leadingText(pk), write)
}

func (g *RowGuard) check(leading string, write bool) (bool, error) {
	switch g.rule.Check(leading, write) {
	case authz.Permitted:
		return true, nil
	case authz.Hidden:
		g.grant.NoteHidden()
		return false, nil
	case authz.Foreign:
		return false, errForeign("The rows of the request are not all the caller's tenant's.")
	}
	return false, notGranted("a row of a partition that the request did not name")
}

// Reaches reports whether the partition of the index with the id may hold rows that are shown. If not it is noted for the audit.
func (g *RowGuard) Reaches(index string, pk []byte) bool {
	ok := g.rule.Reaches(index, leadingText(pk))
	if !ok {
		g.grant.NoteHidden()
	}
	return ok
}

// Enter refuses a row whose place in the index with the id would be in another tenant's partition.
func (g *RowGuard) Enter(index string, pk []byte) error {
	if g.rule.Enters(index, leadingText(pk)) {
		return nil
	}
	return errForeign("A row of the request would be found among another tenant's in an index.")
}

// Ruled reports whether Enter refuses some places in the index with the id.
func (g *RowGuard) Ruled(index string) bool { return g.rule.Ruled(index) }

func errForeign(message string) error {
	return &fault.Error{Class: fault.AccessDenied, Cause: authz.ErrForeignRow, Message: message}
}

// CanWrite reports whether the grant was made for a writing operation.
func (g *RowGuard) CanWrite() bool { return g.grant.CanWrite() }

// HashKeySize is the size in bytes of the hash that stands for a partition key.
const HashKeySize = hashSize

// HashKey returns the keyed hash that stands for a partition key (item.KeyBytes) outside of the rows themselves.
func (s *Sealing) HashKey(pk []byte) [HashKeySize]byte { return s.hashPK(pk) }

// SealValue seals the value of the row with the partition key, which is kept outside of the store, under the data key of the
// row's tenant. place is what it is bound to. A key that cannot be used now is the error that says why.
func (db *DB) SealValue(ctx context.Context, s *Sealing, pk, place, value []byte) ([]byte, error) {
	tenant := s.Owner(leadingText(pk))
	k := db.dataKeys().ByTenant(s, tenant)
	if k == nil {
		keys, err := db.dataKeys().Fetch(ctx, []KeyWant{{Sealing: s, Tenant: tenant, Make: true}})
		if err != nil {
			return nil, err
		}
		k = keys[0]
	}
	if k.Unusable != nil {
		return nil, k.Unusable
	}
	return k.seal(place, value), nil
}

// OpenValue opens what SealValue made. unusable is the reason if its key cannot be used now.
func (db *DB) OpenValue(ctx context.Context, s *Sealing, place, sealed []byte) (value []byte, unusable, err error) {
	if len(sealed) < sealedHead || sealed[0] != rowV2 {
		return nil, nil, errNotSealed
	}
	id := KeyID(sealed[1 : 1+len(KeyID{})])
	k := db.dataKeys().ByID(s, id)
	if k == nil {
		keys, err := db.dataKeys().Fetch(ctx, []KeyWant{{Sealing: s, ID: id}})
		if err != nil {
			return nil, nil, err
		}
		k = keys[0]
	}
	if k.Unusable != nil {
		return nil, k.Unusable, nil
	}
	value, err = k.open(nil, place, sealed)
	return value, nil, err
}

// seal returns the id of the key, a nonce and the sealed plaintext, after the version of the format.
func (k *DataKey) seal(place, plain []byte) []byte {
	return k.sealIn(append(k.room(len(plain)), plain...), place)
}

// room is what stands before so many bytes of plaintext, with memory for them and for what sealing adds.
func (k *DataKey) room(size int) []byte {
	nonce := k.next()
	b := make([]byte, 0, sealedHead+size+k.aead.Overhead())
	return append(append(append(b, rowV2), k.ID[:]...), nonce[:]...)
}

// sealIn seals where it stands what was appended to a room, which serves once: its nonce is.
func (k *DataKey) sealIn(b, place []byte) []byte {
	return k.aead.Seal(b[:sealedHead], b[sealedHead-12:sealedHead], b[sealedHead:], place)
}

// open appends the plaintext of what seal returned to dst.
func (k *DataKey) open(dst, place, b []byte) ([]byte, error) {
	plain, err := k.aead.Open(dst, b[sealedHead-12:sealedHead], b[sealedHead:], place)
	if err != nil {
		return nil, fmt.Errorf("store: a sealed row does not open at its place: %w", err)
	}
	return plain, nil
}

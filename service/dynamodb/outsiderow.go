package dynamodb

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
)

// Attributes of a sealed row in the engine, beside its keys: the whole item, sealed, and the version that writes compare.
const (
	sealedAttribute  = "bulkhead:row"
	versionAttribute = "bulkhead:version"
)

const versionSize = 16

// There are two forms of a row: as callers have it, and as the engine has it. Of a table that is not sealed they are the same. Of a
// sealed one the engine has the key attributes, the table's and its indexes': partition keys as keyed hashes of the same type, sort
// keys, of which it needs the order, as they are.

// keyNamesThere are the attributes that the engine has to see: the keys of the table and of its indexes. Those in hashed are only
// ever partition keys.
func (t *table) keyNamesThere() (names []string, hashed map[string]bool) {
	hashed = map[string]bool{}
	schemas := []*item.KeySchema{&t.schema.Keys}
	for i := range t.schema.Indexes {
		schemas = append(schemas, &t.schema.Indexes[i].Keys)
	}
	for _, s := range schemas {
		for _, p := range s.HashParts() {
			hashed[p.Name] = t.sealing != nil
		}
		for _, p := range s.Parts() {
			if !slices.Contains(names, p.Name) {
				names = append(names, p.Name)
			}
		}
	}
	for _, s := range schemas {
		for _, p := range s.SortParts() {
			hashed[p.Name] = false
		}
	}
	return names, hashed
}

// decimals is 10³⁸: numbers have 38 digits.
var decimals = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)

// there is a key attribute in the engine's form.
func (f *farRows) there(name string, v item.Value) item.Value {
	if !f.hashed[name] || v.IsZero() {
		return v
	}
	h := f.t.sealing.HashKey(append(append([]byte(name), 0), item.KeyBytes(v)...))
	switch v.Kind() {
	case item.S:
		return item.String(base64.RawURLEncoding.EncodeToString(h[:]))
	case item.N:
		n := new(big.Int).SetBytes(h[:])
		return item.Number(n.Mod(n, decimals).String())
	}
	return item.Binary(h[:])
}

// keysThere are the key attributes of m in the engine's form.
func (f *farRows) keysThere(m item.Map) item.Map {
	var b item.Builder
	f.addKeys(&b, m)
	return b.Map()
}

func (f *farRows) addKeys(b *item.Builder, m item.Map) {
	for _, name := range f.names {
		b.Set(name, f.there(name, m.Get(name)))
	}
}

// rowThere is an item in the engine's form.
func (f *farRows) rowThere(ctx context.Context, m item.Map) (item.Map, error) {
	if f.t.sealing == nil {
		return m, nil
	}
	version := make([]byte, versionSize)
	rand.Read(version) // never fails (crypto/rand)
	keys := f.keysThere(m)
	pk := item.KeyBytes(m.Get(f.t.schema.Keys.Hash.Name))
	box, err := f.s.db.SealValue(ctx, f.t.sealing, pk, f.placeThere(keys, version), m.Stored())
	if err != nil {
		return item.Map{}, err
	}
	var b item.Builder
	f.addKeys(&b, m)
	b.Set(sealedAttribute, item.Binary(box))
	b.Set(versionAttribute, item.Binary(version))
	f.addClear(&b, m)
	return b.Map(), nil
}

// placeThere is what a sealed row is bound to: the table, the row's key in the engine and its version.
func (f *farRows) placeThere(keys item.Map, version []byte) []byte {
	k, _ := f.t.schema.Keys.KeyIn(keys) // of an engine that returns rows without keys, a place that no row has
	place := []byte("bulkhead outside row 1")
	for _, part := range [][]byte{[]byte(f.t.ID), k.PK, k.SK, version} {
		place = append(binary.AppendUvarint(place, uint64(len(part))), part...)
	}
	return place
}

// farRow is a row as it was read.
type farRow struct {
	// item is absent if there is no such row.
	item    item.Map
	version []byte
	// unusable is why a sealed row cannot be shown now.
	unusable error
}

var errNotOurs = errors.New("dynamodb: a row that the table engine returned is not what this server stored")

// rowHere is a row that the engine returned in the callers' form. A sealed row is what its key says that it is, or an error: what
// this server did not write is not taken for a row.
func (f *farRows) rowHere(ctx context.Context, m item.Map) (farRow, error) {
	if f.t.sealing == nil || m.IsZero() {
		return farRow{item: m}, nil
	}
	row := farRow{version: m.Get(versionAttribute).Bytes()}
	value, unusable, err := f.s.db.OpenValue(ctx, f.t.sealing, f.placeThere(m, row.version), m.Get(sealedAttribute).Bytes())
	if err != nil || unusable != nil {
		row.unusable = unusable
		return row, wrapNotOurs(err)
	}
	if row.item, err = item.Load(value); err != nil {
		return row, wrapNotOurs(err)
	}
	for _, name := range f.names {
		// The engine's copies of index keys are not sealed: a row that is found by another's is not shown.
		if !sameValue(f.there(name, row.item.Get(name)), m.Get(name)) {
			return row, wrapNotOurs(errors.New("its key attributes differ from what is sealed"))
		}
	}
	if !f.clearAgrees(m, row.item) {
		return row, wrapNotOurs(errors.New("what is in the clear differs from what is sealed"))
	}
	return row, nil
}

func wrapNotOurs(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(errors.Join(errNotOurs, err), "open a row of the table engine")
}

// sameValue compares key values; both may be absent.
func sameValue(a, b item.Value) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() && b.IsZero()
	}
	return a.Kind() == b.Kind() && string(item.KeyBytes(a)) == string(item.KeyBytes(b))
}

package item

import (
	"encoding/base64"
	"slices"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// Limits of keys in bytes (DynamoDB Developer Guide, "Service, account, and table quotas").
const (
	maxHashKey = 2048
	maxSortKey = 1024
)

// KeyPart is one attribute of a key schema.
type KeyPart struct {
	Name string
	Kind Kind // S, N or B
}

// KeySchema is the key of a table or index. Sort.Name is empty if there is no sort key.
type KeySchema struct {
	Hash, Sort KeyPart
	// MoreHash and MoreSort are the further attributes of a multi-attribute key, in their order: of global indexes only, at most
	// three each ("Using Global Secondary Indexes in DynamoDB", multi-attribute key schema).
	MoreHash, MoreSort []KeyPart
}

// HasSort reports whether the key has a sort key.
func (s *KeySchema) HasSort() bool { return s.Sort.Name != "" }

// Has reports whether the attribute is part of the key.
func (s *KeySchema) Has(name string) bool {
	return slices.ContainsFunc(s.parts(), func(p KeyPart) bool { return p.Name == name })
}

func (s *KeySchema) parts() []KeyPart {
	switch {
	case s.multi():
		all := append([]KeyPart{s.Hash}, s.MoreHash...)
		if s.HasSort() {
			all = append(append(all, s.Sort), s.MoreSort...)
		}
		return all
	case s.HasSort():
		return []KeyPart{s.Hash, s.Sort}
	}
	return []KeyPart{s.Hash}
}

// ProjectionType says which attributes an index holds.
type ProjectionType uint8

// The projections. The zero ProjectionType holds keys only.
const (
	KeysOnly ProjectionType = iota
	Include
	All
)

// Index describes one secondary index.
type Index struct {
	// ID names the index in the store: unlike Name it is never used again. Name is the caller's.
	ID, Name string
	// Local is true for a local secondary index: one with the table's partition key.
	Local bool
	Keys  KeySchema
	// Projection, with the non-key attributes if it is Include.
	Projection ProjectionType
	NonKey     []string
}

// Table describes one table for the operations of this package.
type Table struct {
	Name    string
	Keys    KeySchema
	Indexes []Index
	// Logged is true if the table keeps its changes: Rows are then a ChangeLog too.
	Logged bool
}

// IndexNamed returns the index with the name, or nil.
func (t *Table) IndexNamed(name string) *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}

// HasLocal reports whether the table has a local secondary index, so that it has item collections.
func (t *Table) HasLocal() bool {
	for i := range t.Indexes {
		if t.Indexes[i].Local {
			return true
		}
	}
	return false
}

const wrong = "One or more parameter values were invalid: "

func invalid(format string, args ...any) error { return fault.New(fault.Validation, format, args...) }

// errKeySchema is the error for a key that does not fit the table.
func errKeySchema() error { return invalid("The provided key element does not match the schema") }

// KeyBytes returns the canonical bytes of a partition key value: a type letter, then UTF-8, canonical number text or raw
// bytes. Distinct values have distinct bytes.
func KeyBytes(v Value) []byte {
	if v.Kind() == N {
		z := v.Num()
		return z.Append(append(make([]byte, 0, 48), 'N'))
	}
	p := v.Bytes()
	b := make([]byte, 1, 1+len(p))
	b[0] = v.Kind().letter()
	return append(b, p...)
}

// letter is the type letter of a partition key.
func (k Kind) letter() byte { return k.String()[0] }

// SortBytes returns the order-preserving bytes of a sort key value. Values of one type compare as their bytes do.
func SortBytes(v Value) []byte {
	if p := v.ordered(); p != nil {
		return append([]byte{}, p...)
	}
	return nil
}

// ordered is SortBytes in the value's own memory.
func (v Value) ordered() []byte {
	if k := v.Kind(); k != S && k != N && k != B {
		return nil
	}
	return v.scalar()
}

// LeadingKey returns the partition key value as the condition key dynamodb:LeadingKeys shows it: text of S, canonical
// text of N, base64 of B.
func LeadingKey(v Value) string {
	if v.Kind() == B {
		return base64.StdEncoding.EncodeToString(v.scalar())
	}
	return v.Str()
}

// Key returns the row that a Key parameter names. The map must hold the key's attributes and nothing else.
func (s *KeySchema) Key(m Map) (RowKey, error) {
	if err := m.Err(); err != nil {
		return RowKey{}, err
	}
	if m.Len() != len(s.parts()) {
		return RowKey{}, errKeySchema()
	}
	for i, part := range s.parts() {
		v := m.Get(part.Name)
		if v.Kind() != part.Kind {
			return RowKey{}, errKeySchema()
		}
		if err := checkKeyValue(part, v, s.inHash(i)); err != nil {
			return RowKey{}, err
		}
	}
	return s.rowKey(m), nil
}

// Leading returns the partition key value in m, whatever else m holds, for authorization. It is the zero Value if m has
// none of the schema's type.
func (s *KeySchema) Leading(m Map) Value {
	if v := m.Get(s.Hash.Name); m.err == nil && v.Kind() == s.Hash.Kind {
		return v
	}
	return Value{}
}

// rowKey returns the key in an item that is known to have it.
func (s *KeySchema) rowKey(m Map) RowKey {
	if s.multi() {
		return s.multiKey(m)
	}
	pk := m.Get(s.Hash.Name)
	if !s.HasSort() {
		return RowKey{PK: KeyBytes(pk)}
	}
	sk := m.Get(s.Sort.Name)
	if pk.Kind() == N {
		return RowKey{PK: KeyBytes(pk), SK: SortBytes(sk)}
	}
	// Both in one piece of memory.
	p, q := pk.Bytes(), sk.ordered()
	b := make([]byte, 1+len(p)+len(q))
	b[0] = pk.Kind().letter()
	copy(b[1:], p)
	copy(b[1+len(p):], q)
	return RowKey{PK: b[: 1+len(p) : 1+len(p)], SK: b[1+len(p):]}
}

// attrs returns only the key's attributes of an item, in the order of the schema.
func (s *KeySchema) attrs(m Map) Map {
	var b Builder
	for _, part := range s.parts() {
		b.Set(part.Name, m.Get(part.Name))
	}
	return b.Map()
}

func checkKeyValue(part KeyPart, v Value, hash bool) error {
	if part.Kind == N {
		return nil
	}
	n := len(v.Bytes())
	if n == 0 {
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "+
			"empty %s value. Key: %s", emptyName(part.Kind), part.Name)
	}
	return checkKeySize(n, hash)
}

func checkKeySize(n int, hash bool) error {
	switch {
	case hash && n > maxHashKey:
		return invalid(wrong + "Size of hashkey has exceeded the maximum size limit of2048 bytes")
	case !hash && n > maxSortKey:
		return invalid(wrong + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	}
	return nil
}

func emptyName(k Kind) string {
	if k == B {
		return "binary"
	}
	return "string"
}

// CheckItem refuses an item that lacks a key attribute of the table or whose key attributes, those of indexes too, are
// of another type, empty or too long. It returns the item's row key.
func (t *Table) CheckItem(m Map) (RowKey, error) {
	for i, part := range t.Keys.parts() {
		v := m.Get(part.Name)
		if v.IsZero() {
			return RowKey{}, invalid(wrong+"Missing the key %s in the item", part.Name)
		}
		if v.Kind() != part.Kind {
			return RowKey{}, invalid(wrong+"Type mismatch for key %s expected: %s actual: %s", part.Name, part.Kind, v.Kind())
		}
		if err := checkKeyValue(part, v, i == 0); err != nil {
			return RowKey{}, err
		}
	}
	for i := range t.Indexes {
		if err := t.Indexes[i].check(m); err != nil {
			return RowKey{}, err
		}
	}
	return t.Keys.rowKey(m), nil
}

// check refuses an item whose attributes cannot be keys of the index; it may lack them.
func (x *Index) check(m Map) error {
	for i, part := range x.Keys.parts() {
		if v := m.Get(part.Name); !v.IsZero() {
			if err := x.checkPart(i, v); err != nil {
				return err
			}
		}
	}
	return x.Keys.checkSizes(m)
}

// checkPart refuses a value that cannot be the i-th part of the index's key.
func (x *Index) checkPart(i int, v Value) error {
	part := x.Keys.parts()[i]
	if v.Kind() != part.Kind {
		return invalid(wrong+"Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s",
			part.Name, part.Kind, v.Kind(), x.Name)
	}
	if part.Kind != N && len(v.Bytes()) == 0 {
		return invalid("One or more parameter values are not valid. A value specified for a secondary index key is not "+
			"supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s",
			emptyName(part.Kind), x.Name, part.Name)
	}
	return checkKeyValue(part, v, x.Keys.inHash(i))
}

// checkUpdated refuses an item of which an update has made an attribute unfit to be the key of an index. What the update has left as
// it was may be unfit: the index may be younger than the item.
func (t *Table) checkUpdated(old, m Map) error {
	for i := range t.Indexes {
		x := &t.Indexes[i]
		changed := false
		for j, part := range x.Keys.parts() {
			v := m.Get(part.Name)
			if v.IsZero() || v.Equal(old.Get(part.Name)) {
				continue
			}
			changed = true
			if v.Kind() != part.Kind {
				return invalid("The update expression attempted to update the secondary index key to unsupported type")
			}
			if part.Kind != N && len(v.Bytes()) == 0 {
				return invalid("One or more parameter values are not valid. The update expression attempted to update a secondary "+
					"index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty %s value.",
					emptyName(part.Kind))
			}
			if err := x.checkPart(j, v); err != nil {
				return err
			}
		}
		if !changed {
			continue
		}
		if err := x.Keys.checkSizes(m); err != nil {
			return err
		}
	}
	return nil
}

// checkPaths refuses document paths that reach into a key attribute of the table or of an index.
func (t *Table) checkPaths(paths []Path) error {
	for _, p := range paths {
		if len(p) < 2 {
			continue
		}
		if t.Keys.Has(p[0].name) {
			return invalid("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: %s",
				p[0].name)
		}
		for i := range t.Indexes {
			if t.Indexes[i].Keys.Has(p[0].name) {
				return invalid("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "+
					"IndexKey: %s", p[0].name)
			}
		}
	}
	return nil
}

package item

import "github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"

// This file is for rows that another engine keeps: what package item knows in its own bytes, in attributes again.

// MapOf returns the attributes of a key that belongs to the schema.
func (s *KeySchema) MapOf(k RowKey) Map {
	var b Builder
	if len(k.PK) > 0 {
		b.Set(s.Hash.Name, keyValue(s.Hash.Kind, k.PK[1:], true))
	}
	if s.HasSort() {
		b.Set(s.Sort.Name, keyValue(s.Sort.Kind, k.SK, false))
	}
	return b.Map()
}

// keyValue is the value of key bytes: numbers are text in partition keys, and ordered bytes in sort keys.
func keyValue(k Kind, p []byte, text bool) Value {
	switch {
	case k == N && text:
		return Number(string(p))
	case k == N && !validOrdered(p):
		return Value{}
	}
	return Value{b: appendBytes([]byte{byte(k)}, p)}
}

// KeyIn returns the key of a row by its attributes, whatever else m holds; false if it lacks one or has it of another type.
func (s *KeySchema) KeyIn(m Map) (RowKey, bool) {
	for _, part := range s.parts() {
		if m.Err() != nil || m.Get(part.Name).Kind() != part.Kind {
			return RowKey{}, false
		}
	}
	return s.rowKey(m), true
}

// Parts returns the attributes of the key, the partition key first.
func (s *KeySchema) Parts() []KeyPart { return s.parts() }

// Entry returns where an item is in the index, and what of it the index holds; false if it is not in it.
func (x *Index) Entry(t *Table, m Map) (pos IndexPos, held Map, ok bool) { return x.entry(t, m) }

// KeyTest is one test of a key condition: an operator of key condition expressions (=, <, <=, >, >=, BETWEEN or begins_with) and
// its operands.
type KeyTest struct {
	Attribute, Operator string
	Values              []Value
}

var keyOperators = map[opcode]string{
	opEq: "=", opLt: "<", opLe: "<=", opGt: ">", opGe: ">=", opBetween: "BETWEEN", opFunc: "begins_with",
}

// Equal returns the value that the condition demands the attribute to have; the zero Value if it demands none.
func (c *KeyCondition) Equal(attr string) Value {
	if t := c.test(attr); t != nil && t.op == opEq {
		return t.vals[0]
	}
	return Value{}
}

// Tests returns the tests of the condition.
func (c *KeyCondition) Tests() []KeyTest {
	out := make([]KeyTest, len(c.tests))
	for i, t := range c.tests {
		out[i] = KeyTest{t.attr, keyOperators[t.op], t.vals}
	}
	return out
}

// MarshalJSON implements json.Marshaler with DynamoDB's form of maps of attribute values.
func (m Map) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), m.err }

// MarshalJSON implements json.Marshaler with DynamoDB's form of attribute values.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), v.err }

// UnmarshalJSON implements json.Unmarshaler. A value that breaks a rule of DynamoDB's is an error here.
func (m *Map) UnmarshalJSON(b []byte) error {
	d, err := jsoncodec.Acquire(b)
	if err != nil {
		return err
	}
	defer d.Release()
	if d.ReadNull() {
		*m = Map{}
		return nil
	}
	if err := m.DecodeJSON(d); err != nil {
		return err
	}
	return m.Err()
}

// Completes reports whether the query reads an index and asks for more than the index holds, so that items are completed from the
// table: of local indexes.
func (t *Table) Completes(q *Query) bool {
	b, err := t.bind(q)
	return err == nil && b.fetch
}

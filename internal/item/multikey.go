package item

import (
	"encoding/binary"

	"github.com/bulkhead/bulkhead/internal/keyorder"
)

// This file is for multi-attribute keys of global indexes. In RowKeys their values are one: of a partition key the letter M and
// each value's KeyBytes after its length, of a sort key the SortBytes of each so that the whole compares as the values in turn do.

const multiMark = 'M' // no type letter of KeyBytes

// multi reports whether a part of the key has several attributes.
func (s *KeySchema) multi() bool { return len(s.MoreHash)+len(s.MoreSort) > 0 }

// inHash reports whether the i-th of parts belongs to the partition key.
func (s *KeySchema) inHash(i int) bool { return i <= len(s.MoreHash) }

// HashParts returns the attributes of the partition key.
func (s *KeySchema) HashParts() []KeyPart { return s.parts()[:1+len(s.MoreHash)] }

// SortParts returns the attributes of the sort key, none if there is none.
func (s *KeySchema) SortParts() []KeyPart { return s.parts()[1+len(s.MoreHash):] }

// SamePartitions reports whether rows with one partition key by s have one by the other schema too.
func (s *KeySchema) SamePartitions(other *KeySchema) bool {
	return s.Hash == other.Hash && len(s.MoreHash)+len(other.MoreHash) == 0
}

// LeadingBytes returns the KeyBytes of the first attribute of a partition key.
func LeadingBytes(pk []byte) []byte {
	if len(pk) == 0 || pk[0] != multiMark {
		return pk
	}
	n, size := binary.Uvarint(pk[1:])
	if size <= 0 || n > uint64(len(pk)-1-size) {
		return nil
	}
	return pk[1+size:][:n]
}

// multiKey is rowKey of a multi-attribute key.
func (s *KeySchema) multiKey(m Map) RowKey {
	var k RowKey
	var hash []Value
	for _, part := range s.HashParts() {
		hash = append(hash, m.Get(part.Name))
	}
	k.PK = joinHash(hash)
	if len(s.MoreSort) == 0 {
		if s.HasSort() {
			k.SK = SortBytes(m.Get(s.Sort.Name))
		}
		return k
	}
	for _, part := range s.SortParts() {
		k.SK = keyorder.Append(k.SK, SortBytes(m.Get(part.Name)))
	}
	return k
}

// joinHash returns the bytes of a partition key.
func joinHash(values []Value) []byte {
	if len(values) == 1 {
		return KeyBytes(values[0])
	}
	pk := []byte{multiMark}
	for _, v := range values {
		b := KeyBytes(v)
		pk = append(binary.AppendUvarint(pk, uint64(len(b))), b...)
	}
	return pk
}

// checkSizes refuses an item whose values of a multi-attribute key are together longer than a key may be. Single ones are checked
// one by one.
func (s *KeySchema) checkSizes(m Map) error {
	if !s.multi() {
		return nil
	}
	for i, parts := range [][]KeyPart{s.HashParts(), s.SortParts()} {
		n := 0
		for _, part := range parts {
			if v := m.Get(part.Name); v.Kind() == part.Kind {
				n += len(v.scalar())
			}
		}
		if err := checkKeySize(n, i == 0); err != nil {
			return err
		}
	}
	return nil
}

// bindMulti is Bind of a multi-attribute key: all hash attributes by equality, and the first of the sort attributes, all but the last
// of them by equality.
func (c *KeyCondition) bindMulti(s *KeySchema) (pk []byte, r Range, err error) {
	used := 0
	var hash []Value
	for _, part := range s.HashParts() {
		t := c.test(part.Name)
		if t == nil || t.op != opEq {
			return nil, Range{}, invalid("Query key condition not supported: each HASH key attribute of the index needs an equality "+
				"condition: %s", part.Name)
		}
		if err := t.fits(part, true); err != nil {
			return nil, Range{}, err
		}
		hash = append(hash, t.vals[0])
		used++
	}
	var sort []*keyTest
	sorts := s.SortParts()
	for _, part := range sorts {
		t := c.test(part.Name)
		if t == nil {
			break
		}
		if t.op == opNot {
			return nil, Range{}, invalid("Attempted conditional constraint is not an indexable operation")
		}
		if err := t.fits(part, false); err != nil {
			return nil, Range{}, err
		}
		sort = append(sort, t)
		used++
		if t.op != opEq {
			break
		}
	}
	if used < len(c.tests) {
		return nil, Range{}, c.errGap(sorts)
	}
	r, err = sortRange(sorts, sort)
	return joinHash(hash), r, err
}

// errGap is the error for a condition with more than the hash attributes and the first of the sort attributes.
func (c *KeyCondition) errGap(sorts []KeyPart) error {
	for _, part := range sorts {
		if t := c.test(part.Name); t == nil || t.op != opEq {
			return invalid("Query key condition not supported: each RANGE key attribute before the last of the condition needs an "+
				"equality condition: %s", part.Name)
		}
	}
	return invalid("Query key condition not supported")
}

// sortRange is the interval of sort keys that begin with what the tests, of the first attributes, select.
func sortRange(parts []KeyPart, tests []*keyTest) (Range, error) {
	if len(parts) == 1 && len(tests) == 1 {
		return tests[0].bounds(parts[0].Kind)
	}
	var prefix []byte
	for i, t := range tests {
		if t.op != opEq {
			return t.within(prefix, parts[i].Kind)
		}
		prefix = keyorder.Append(prefix, SortBytes(t.vals[0]))
	}
	if prefix == nil {
		return Range{}, nil
	}
	return Range{Start: prefix, End: keyorder.PrefixEnd(prefix)}, nil
}

// within is bounds of one of several attributes, after those that the prefix holds. What follows a value is longer than it, so that
// bounds that were between values are between all that begin with them.
func (t *keyTest) within(prefix []byte, k Kind) (Range, error) {
	one, err := t.bounds(k)
	if err != nil {
		return Range{}, err
	}
	r := Range{Start: prefix, End: keyorder.PrefixEnd(prefix)}
	if one.Start != nil {
		r.Start = keyorder.Append(prefix[:len(prefix):len(prefix)], one.Start)
	}
	if one.End != nil {
		r.End = keyorder.Append(prefix[:len(prefix):len(prefix)], one.End)
	}
	return r, nil
}

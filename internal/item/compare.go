package item

import "bytes"

// Equal reports whether two values are the same: of one type, numbers by value, sets and maps in any order.
func (v Value) Equal(w Value) bool { return bytes.Equal(v.b, w.b) }

// Equal reports whether two maps hold the same attributes.
func (m Map) Equal(o Map) bool { return m.Nest().Equal(o.Nest()) }

func memberSet(v Value) map[string]struct{} {
	set := make(map[string]struct{})
	for m := range v.Members() {
		set[string(m)] = struct{}{}
	}
	return set
}

// compare orders two values of one of the types S, N, B. Others have no order: ok is false.
func compare(v, w Value) (order int, ok bool) {
	if v.Kind() != w.Kind() {
		return 0, false
	}
	switch v.Kind() {
	case S, N, B:
		return bytes.Compare(v.scalar(), w.scalar()), true
	default:
		return 0, false
	}
}

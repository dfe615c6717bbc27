package item

import "bytes"

// Equal reports whether two values are the same: of one type, numbers by value, sets and maps in any order.
func (v Value) Equal(w Value) bool {
	if v.Kind() != w.Kind() {
		return false
	}
	if bytes.Equal(v.b, w.b) {
		return true
	}
	switch v.Kind() {
	case M:
		return v.Map().Equal(w.Map())
	case L:
		return equalLists(v, w)
	case SS, NS, BS:
		return equalSets(v, w)
	default:
		return false
	}
}

// Equal reports whether two maps hold the same attributes.
func (m Map) Equal(o Map) bool {
	if m.Len() != o.Len() {
		return false
	}
	for name, v := range m.All() {
		if !v.Equal(o.Get(name)) {
			return false
		}
	}
	return true
}

func equalLists(v, w Value) bool {
	a, b := v.body(), w.body()
	for len(a) > 0 && len(b) > 0 {
		i, j := valueLen(a), valueLen(b)
		if !(Value{b: a[:i]}).Equal(Value{b: b[:j]}) {
			return false
		}
		a, b = a[i:], b[j:]
	}
	return len(a) == 0 && len(b) == 0
}

func equalSets(v, w Value) bool {
	if v.Len() != w.Len() {
		return false
	}
	have := memberSet(v)
	for m := range w.Members() {
		if _, ok := have[string(m)]; !ok {
			return false
		}
	}
	return true
}

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

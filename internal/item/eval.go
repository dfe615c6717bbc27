package item

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Holds reports whether the condition is true of an item. An absent item has no attributes.
func (c *Condition) Holds(m Map) bool { return c == nil || c.root.holds(m) }

func (n *node) holds(m Map) bool {
	switch n.op {
	case opAnd:
		return n.args[0].holds(m) && n.args[1].holds(m)
	case opOr:
		return n.args[0].holds(m) || n.args[1].holds(m)
	case opNot:
		return !n.args[0].holds(m)
	case opFunc:
		return n.call(m)
	case opBetween:
		v := n.args[0].eval(m)
		low, ok := compare(v, n.args[1].eval(m))
		high, ok2 := compare(v, n.args[2].eval(m))
		return ok && ok2 && low >= 0 && high <= 0
	case opIn:
		v := n.args[0].eval(m)
		for _, a := range n.args[1:] {
			if w := a.eval(m); !v.IsZero() && v.Equal(w) {
				return true
			}
		}
		return false
	default:
		return n.compare(m)
	}
}

func (n *node) compare(m Map) bool {
	v, w := n.args[0].eval(m), n.args[1].eval(m)
	switch n.op {
	case opEq:
		return !v.IsZero() && v.Equal(w)
	case opNe:
		return v.IsZero() || !v.Equal(w)
	}
	order, ok := compare(v, w)
	if !ok {
		return false
	}
	switch n.op {
	case opLt:
		return order < 0
	case opLe:
		return order <= 0
	case opGt:
		return order > 0
	case opGe:
		return order >= 0
	default:
		return false
	}
}

// eval returns the value of an operand; the zero Value if the item has none there.
func (n *node) eval(m Map) Value {
	switch {
	case n.op == opPath:
		return n.path.in(m)
	case n.op == opValue:
		return n.val
	case n.op == opFunc && n.name == "size":
		return size(n.args[0].eval(m))
	default:
		return Value{}
	}
}

// in returns what an item holds at the path, or the zero Value.
func (p Path) in(m Map) Value {
	v := m.Get(p[0].name)
	for _, s := range p[1:] {
		if s.isIndex {
			v = v.element(s.index)
		} else {
			v = v.Map().Get(s.name)
		}
	}
	return v
}

func (v Value) element(i int) Value {
	for e := range v.Elements() {
		if i == 0 {
			return e
		}
		i--
	}
	return Value{}
}

func (n *node) call(m Map) bool {
	v := n.args[0].eval(m)
	switch n.name {
	case "attribute_exists":
		return !v.IsZero()
	case "attribute_not_exists":
		return v.IsZero()
	}
	if len(n.args) < 2 {
		return false
	}
	w := n.args[1].eval(m)
	switch n.name {
	case "attribute_type":
		return !v.IsZero() && v.Kind().String() == w.Str()
	case "begins_with":
		return v.Kind() == w.Kind() && (v.Kind() == S || v.Kind() == B) && bytes.HasPrefix(v.scalar(), w.scalar())
	case "contains":
		return contains(v, w)
	default:
		return false
	}
}

// contains is substring for S and B, membership for sets and lists.
func contains(v, w Value) bool {
	switch v.Kind() {
	case S, B:
		return v.Kind() == w.Kind() && bytes.Contains(v.scalar(), w.scalar())
	case L:
		for e := range v.Elements() {
			if e.Equal(w) {
				return true
			}
		}
		return false
	case SS, NS, BS:
		if w.Kind() != v.Kind()-SS+S {
			return false
		}
		for m := range v.Members() {
			if bytes.Equal(m, w.scalar()) {
				return true
			}
		}
	}
	return false
}

// size is the length of an S in UTF-16 (a character beyond the basic plane counts twice), bytes of a B, elements of a document or
// set; other types have none.
func size(v Value) Value {
	switch v.Kind() {
	case S:
		n := int64(0)
		for p := v.scalar(); len(p) > 0; {
			r, w := utf8.DecodeRune(p)
			n += int64(utf16.RuneLen(r))
			p = p[w:]
		}
		return NumberFromInt(n)
	case B, M, L, SS, NS, BS:
		return NumberFromInt(int64(v.Len()))
	default:
		return Value{}
	}
}

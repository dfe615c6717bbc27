package item

// Split is a condition divided by a key schema: what says where to look, and what to look at there.
type Split struct {
	// Bounded is true if only rows of the Partitions can meet the condition. If it is not, the condition is all in Rest.
	Bounded    bool
	Partitions []Value // values of the partition key, each once
	// Sort is a test of the sort key that a key condition can express; zero if there is none.
	Sort Expr
	// Rest is what is left of the condition; zero if nothing is.
	Rest Expr
}

// Split divides the condition. A zero Expr is not bounded, and no condition is under a key of several hash attributes.
func (e Expr) Split(s *KeySchema) Split {
	all := conjuncts(e.n, nil)
	at, vals := bounding(all, s.Hash.Name)
	if vals == nil || len(s.MoreHash) > 0 {
		return Split{Rest: e}
	}
	out := Split{Bounded: true, Partitions: distinctValues(vals)}
	for i, n := range all {
		switch {
		case i == at && n.op != opOr:
			continue
		case out.Sort.IsZero() && s.HasSort() && sorting(n, s.Sort.Name):
			out.Sort = Expr{n}
		default:
			out.Rest = And(out.Rest, Expr{n})
		}
	}
	return out
}

// FullKey returns the key of the only row that can meet the condition, and what is left of the condition. It is false if the
// condition does not demand a value of each key attribute.
func (e Expr) FullKey(s *KeySchema) (key Map, rest Expr, ok bool) {
	all := conjuncts(e.n, nil)
	var b Builder
	used := make([]bool, len(all))
	for _, part := range s.parts() {
		found := false
		for i, n := range all {
			if attr, v := equality(n); !used[i] && attr == part.Name {
				b.Set(attr, v)
				used[i], found = true, true
				break
			}
		}
		if !found {
			return Map{}, Expr{}, false
		}
	}
	for i, n := range all {
		if !used[i] {
			rest = And(rest, Expr{n})
		}
	}
	return b.Map(), rest, true
}

// conjuncts are the conditions that must all hold.
func conjuncts(n *node, all []*node) []*node {
	switch {
	case n == nil:
		return all
	case n.op == opAnd:
		return conjuncts(n.args[1], conjuncts(n.args[0], all))
	}
	return append(all, n)
}

// bounding returns the conjunct that names the fewest values of the attribute, and the values; nil if none bounds it.
func bounding(all []*node, attr string) (at int, vals []Value) {
	for i, n := range all {
		if vs := bounds(n, attr); vs != nil && (vals == nil || len(vs) < len(vals)) {
			at, vals = i, vs
		}
	}
	return at, vals
}

// bounds returns the values of which the attribute must have one for the condition to hold; nil if it may have others.
func bounds(n *node, attr string) []Value {
	switch n.op {
	case opEq:
		if a, v := equality(n); a == attr {
			return []Value{v}
		}
	case opIn:
		if topPath(n.args[0]) != attr {
			return nil
		}
		vals := make([]Value, len(n.args)-1)
		for i, a := range n.args[1:] {
			if a.op != opValue {
				return nil
			}
			vals[i] = a.val
		}
		return vals
	case opAnd:
		_, vals := bounding(conjuncts(n, nil), attr)
		return vals
	case opOr:
		a, b := bounds(n.args[0], attr), bounds(n.args[1], attr)
		if a == nil || b == nil {
			return nil
		}
		return append(a[:len(a):len(a)], b...)
	}
	return nil
}

// equality returns the attribute that the condition demands to have a value; "" if it does not.
func equality(n *node) (string, Value) {
	if n.op != opEq {
		return "", Value{}
	}
	a, b := n.args[0], n.args[1]
	if a.op == opValue {
		a, b = b, a
	}
	if b.op != opValue {
		return "", Value{}
	}
	return topPath(a), b.val
}

// topPath returns the name of a top-level attribute; "" for all else.
func topPath(n *node) string {
	if n.op != opPath || len(n.path) != 1 {
		return ""
	}
	return n.path.Top()
}

// sorting reports whether a key condition can express the test of the attribute.
func sorting(n *node, attr string) bool {
	switch n.op {
	case opEq, opLt, opLe, opGt, opGe:
		return topPath(n.args[0]) == attr && n.args[1].op == opValue || topPath(n.args[1]) == attr && n.args[0].op == opValue
	case opBetween:
		return topPath(n.args[0]) == attr && n.args[1].op == opValue && n.args[2].op == opValue
	case opFunc:
		return n.name == "begins_with" && topPath(n.args[0]) == attr && n.args[1].op == opValue
	}
	return false
}

func distinctValues(vals []Value) []Value {
	seen := make(map[string]bool, len(vals))
	out := vals[:0:0]
	for _, v := range vals {
		if !seen[string(v.b)] {
			seen[string(v.b)] = true
			out = append(out, v)
		}
	}
	return out
}

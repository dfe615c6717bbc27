package item

import "slices"

// Expr is a part of a condition or of an update that is built without text: by the reader of another language over the same
// semantics. The zero Expr is none.
type Expr struct{ n *node }

// IsZero reports whether there is no expression.
func (e Expr) IsZero() bool { return e.n == nil }

// Operand reports whether the expression yields a value and not a truth.
func (e Expr) Operand() bool {
	return e.n != nil && e.n.operand() && (e.n.op != opFunc || e.n.name == "size" || updateFunctions[e.n.name] > 0)
}

// Constant returns the value that the expression is; the zero Value if it is not one.
func (e Expr) Constant() Value {
	if e.n == nil || e.n.op != opValue {
		return Value{}
	}
	return e.n.val
}

// Path returns the document path that the expression is; nil if it is not one.
func (e Expr) Path() Path {
	if e.n == nil || e.n.op != opPath {
		return nil
	}
	return e.n.path
}

// Attributes implements Expression.
func (e Expr) Attributes() []string { return topLevel(e.n.paths(nil)) }

// NewPath is the path of a top-level attribute.
func NewPath(name string) Path { return Path{{name: name}} }

// Field is the path of an attribute of the map at p.
func (p Path) Field(name string) Path { return append(slices.Clip(p), step{name: name}) }

// Element is the path of an element of the list at p.
func (p Path) Element(i int) Path { return append(slices.Clip(p), step{index: i, isIndex: true}) }

// Equal reports whether two paths are the same.
func (p Path) Equal(o Path) bool { return slices.Equal(p, o) }

// Attr is what an item holds at the path.
func Attr(p Path) Expr { return Expr{&node{op: opPath, path: p}} }

// Const is a value.
func Const(v Value) Expr { return Expr{&node{op: opValue, val: v}} }

// built checks a node as the parser of expressions does.
func built(n *node, check func(*parser)) (Expr, error) {
	p := &parser{}
	check(p)
	for s := range slots {
		if p.errs[s] != "" {
			return Expr{}, invalid("%s", p.errs[s])
		}
	}
	return Expr{n}, nil
}

func nodesOf(es []Expr) []*node {
	all := make([]*node, len(es))
	for i, e := range es {
		all[i] = e.n
	}
	return all
}

// Compare is a comparison: op is "=", "<>", "<", "<=", ">" or ">=".
func Compare(op string, a, b Expr) (Expr, error) {
	code, ok := comparators[op]
	if !ok {
		return Expr{}, invalid("Unsupported operation: %s", op)
	}
	n := &node{op: code, name: op, args: nodesOf([]Expr{a, b})}
	return built(n, func(p *parser) {
		p.values(n.args)
		p.distinct(op, n.args[0], n.args[1])
		p.ordered(n)
	})
}

// Between is true of a value that is neither below low nor above high.
func Between(a, low, high Expr) (Expr, error) {
	n := &node{op: opBetween, name: "BETWEEN", args: nodesOf([]Expr{a, low, high})}
	return built(n, func(p *parser) {
		p.values(n.args)
		p.ordered(n)
		p.checkBetween(n.args[1], n.args[2])
	})
}

// In is true of a value that is one of the list, of at most 100 elements.
func In(a Expr, list []Expr) (Expr, error) {
	n := &node{op: opIn, name: "IN", args: append([]*node{a.n}, nodesOf(list)...)}
	return built(n, func(p *parser) {
		p.values(n.args)
		p.tooMany(n)
	})
}

// Call is a function of conditions or of updates with its operands.
func Call(name string, args ...Expr) (Expr, error) {
	want, ok := conditionFunctions[name]
	if !ok {
		want, ok = updateFunctions[name]
	}
	if !ok {
		return Expr{}, invalid("Unrecognized function: %s", name)
	}
	if len(args) != want {
		return Expr{}, invalid("Incorrect number of operands for operator or function; operator or function: %s, "+
			"number of operands: %d", name, len(args))
	}
	n := &node{op: opFunc, name: name, args: nodesOf(args)}
	return built(n, func(p *parser) {
		if _, condition := conditionFunctions[name]; condition {
			p.values(n.args)
		}
		p.checkCall(n)
	})
}

// Arithmetic is the sum ("+") or the difference ("-") of two numbers, in an update.
func Arithmetic(op string, a, b Expr) (Expr, error) {
	n := &node{op: opPlus, name: op, args: nodesOf([]Expr{a, b})}
	if op == "-" {
		n.op = opMinus
	}
	return built(n, func(p *parser) {
		for _, a := range n.args {
			if k := a.constant(); k != None && k != N {
				p.wrongOperand(op, k.String())
			}
		}
	})
}

// And is true if both are. A zero Expr is left out.
func And(a, b Expr) Expr { return both(opAnd, a, b) }

// Or is true if one of two is. A zero Expr is left out.
func Or(a, b Expr) Expr { return both(opOr, a, b) }

func both(op opcode, a, b Expr) Expr {
	switch {
	case a.IsZero():
		return b
	case b.IsZero():
		return a
	}
	return Expr{&node{op: op, args: []*node{a.n, b.n}}}
}

// Not is true if the condition is not.
func Not(e Expr) Expr { return Expr{&node{op: opNot, args: []*node{e.n}}} }

// ConditionOf makes a condition of an expression; nil of a zero one. As a filter of a query it may name key attributes too.
func ConditionOf(e Expr) *Condition {
	if e.IsZero() {
		return nil
	}
	return &Condition{root: e.n, keys: true}
}

// KeyConditionOf makes a key condition of tests of key attributes, one an attribute.
func KeyConditionOf(tests ...Expr) (*KeyCondition, error) {
	c := &KeyCondition{}
	for _, e := range tests {
		if e.IsZero() {
			continue
		}
		if err := c.add(e.n); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Set adds an action that sets what is at the path.
func (u *Update) Set(p Path, e Expr) {
	u.changes = append(u.changes, change{action: actSet, path: p, val: e.n})
}

// Remove adds an action that removes what is at the path.
func (u *Update) Remove(p Path) { u.changes = append(u.changes, change{action: actRemove, path: p}) }

// Add adds an action that adds the members of a set to the set at the path.
func (u *Update) Add(p Path, members Value) error { return u.member(actAdd, p, members) }

// Delete adds an action that removes the members of a set from the set at the path.
func (u *Update) Delete(p Path, members Value) error { return u.member(actDelete, p, members) }

func (u *Update) member(act action, p Path, v Value) error {
	n := &node{op: opValue, val: v}
	u.changes = append(u.changes, change{action: act, path: p, val: n})
	_, err := built(n, func(p *parser) { p.checkMember(act, v.Kind()) })
	return err
}

// Check refuses an update of which two actions are about one path, or one about a part of the other's.
func (u *Update) Check() error {
	_, err := built(nil, func(p *parser) { p.overlap(u.targets()) })
	return err
}

// SetOf makes a set of at least one string, number or binary value, all of one type and distinct.
func SetOf(members []Value) (Value, error) {
	if len(members) == 0 {
		return Value{}, invalid("Empty bags are not supported")
	}
	k := members[0].Kind()
	if k != S && k != N && k != B {
		return Value{}, invalid("Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags")
	}
	b := []byte{byte(k - S + SS), 0, 0, 0, 0}
	for _, m := range members {
		if m.Kind() != k {
			return Value{}, invalid("Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags")
		}
		b = appendBytes(b, m.scalar())
	}
	v := closeBody(b, 0)
	return v, checkSet(v)
}

// NullValue makes a NULL.
func NullValue() Value { return Value{b: []byte{byte(Null)}} }

// WellFormed reports whether the values nest no deeper than an item's may.
func (m Map) WellFormed() bool {
	for _, v := range m.entries() {
		if (Value{b: v}).deeper(MaxDepth) {
			return false
		}
	}
	return validMap(m.b, 0)
}

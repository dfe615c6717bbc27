package item

type action uint8

const (
	actSet action = iota
	actRemove
	actAdd
	actDelete
)

var sectionNames = [...]string{"SET", "REMOVE", "ADD", "DELETE"}

// change is one action of an update expression. val is nil for actRemove.
type change struct {
	action action
	path   Path
	val    *node
}

// Update is a compiled update expression. A nil Update changes nothing.
type Update struct {
	changes []change
	legacy  bool // of AttributeUpdates, which has a message of its own
}

// ParseUpdate compiles an UpdateExpression.
func ParseUpdate(src string, ph *Placeholders) (*Update, error) {
	u := &Update{}
	err := parse("UpdateExpression", src, ph, updateFunctions, func(p *parser) {
		seen := [len(sectionNames)]bool{}
		for first := true; first || p.tok.kind != tokEOF; first = false {
			act := p.section()
			if seen[act] {
				p.fail(slotSection, "The \"%s\" section can only be used once in an update expression;", sectionNames[act])
			}
			seen[act] = true
			u.changes = append(u.changes, p.change(act))
			for p.accept(",") {
				u.changes = append(u.changes, p.change(act))
			}
		}
		p.overlap(u.targets())
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func (p *parser) section() action {
	for i, name := range sectionNames {
		if p.accept(name) {
			return action(i) // four names
		}
	}
	p.unexpected()
	return 0
}

func (p *parser) change(act action) change {
	p.operator()
	if p.tok.kind == tokIdent {
		after := p.lex
		if after.next().is("(") {
			p.unexpected()
		}
	}
	c := change{action: act, path: p.documentPath()}
	switch act {
	case actSet:
		p.expect("=")
		c.val = p.setValue()
	case actAdd, actDelete:
		if p.tok.kind != tokValue {
			p.unexpected()
		}
		c.val = p.value()
		p.checkMember(act, c.val.constant())
	}
	return c
}

// checkMember refuses a value that ADD or DELETE cannot take.
func (p *parser) checkMember(act action, k Kind) {
	if k == None || k >= SS || act == actAdd && k == N {
		return
	}
	names := map[Kind]string{S: "STRING", N: "NUMBER", B: "BINARY", Null: "NULL", Bool: "BOOLEAN", L: "LIST", M: "MAP"}
	p.fail(slotOperand, "Incorrect operand type for operator or function; operator: %s, operand type: %s",
		sectionNames[act], names[k])
}

func (p *parser) setValue() *node {
	if p.tok.is("(") {
		p.enter()
		defer p.leave()
		p.advance()
		n := p.setValue()
		p.expect(")")
		if n.op == opPlus || n.op == opMinus || (!p.tok.is("+") && !p.tok.is("-")) {
			return n
		}
		return p.arithmetic(n)
	}
	return p.arithmetic(p.term())
}

// arithmetic reads what may follow the first operand of a SET action.
func (p *parser) arithmetic(left *node) *node {
	op := opPlus
	if p.tok.is("-") {
		op = opMinus
	} else if !p.tok.is("+") {
		return left
	}
	n := &node{op: op, name: p.tok.text}
	p.operator()
	p.advance()
	n.args = []*node{left, p.operandParens()}
	for _, a := range n.args {
		if k := a.constant(); k != None && k != N {
			p.wrongOperand(n.name, k.String())
		}
	}
	return n
}

// charge is what an UpdateItem request counts towards the size of its item instead of the key, as measured by the conformance
// suite: 3 bytes, with 19 for each action that writes a value and 2 for each that takes one away.
func (u *Update) charge() int {
	n := 3
	if u != nil {
		for _, c := range u.changes {
			if c.action == actSet || c.action == actAdd {
				n += 19
			} else {
				n += 2
			}
		}
	}
	return n
}

// onlyRemoves reports whether the update has actions and all of them take something away: then it makes no item where there is none.
func (u *Update) onlyRemoves() bool {
	if u == nil || len(u.changes) == 0 {
		return false
	}
	for _, c := range u.changes {
		if c.action != actRemove && c.action != actDelete {
			return false
		}
	}
	return true
}

// targets returns the paths that the update writes.
func (u *Update) targets() []Path {
	if u == nil {
		return nil
	}
	ps := make([]Path, len(u.changes))
	for i, c := range u.changes {
		ps[i] = c.path
	}
	return ps
}

// paths returns all paths that the update reads or writes.
func (u *Update) paths() []Path {
	ps := u.targets()
	if u != nil {
		for _, c := range u.changes {
			ps = c.val.paths(ps)
		}
	}
	return ps
}

// Attributes implements Expression.
func (u *Update) Attributes() []string { return topLevel(u.paths()) }

// check refuses updates of key attributes, and of index keys to values of another type.
func (u *Update) check(t *Table) error {
	if u == nil {
		return nil
	}
	for _, part := range t.Keys.parts() {
		for _, c := range u.changes {
			if c.path.Top() == part.Name {
				return invalid(wrong+"Cannot update attribute %s. This attribute is part of the key", part.Name)
			}
		}
	}
	for i := range t.Indexes {
		x := &t.Indexes[i]
		for _, part := range x.Keys.parts() {
			if err := u.checkIndexKey(x, part); err != nil {
				return err
			}
		}
	}
	return t.checkPaths(u.paths())
}

func (u *Update) checkIndexKey(x *Index, part KeyPart) error {
	for _, c := range u.changes {
		if c.val == nil || len(c.path) != 1 || c.path.Top() != part.Name {
			continue
		}
		if k := c.val.result(); k != None && k != part.Kind {
			return invalid(wrong+"Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s",
				part.Name, part.Kind, k, x.Name)
		}
	}
	return nil
}

// Apply returns the item that the update makes of m. All operands are read from m as it was. It fails with a
// ValidationException when a path does not exist or an operand is of another type.
func (u *Update) Apply(m Map) (Map, error) {
	if u == nil {
		return m, nil
	}
	vals := make([]Value, len(u.changes))
	for i, c := range u.changes {
		if c.val == nil {
			continue
		}
		v, err := c.val.operandValue(m)
		if err != nil {
			return Map{}, err
		}
		if c.action != actSet {
			if old := c.path.in(m); u.legacy && !old.IsZero() && old.Kind() != v.Kind() {
				return Map{}, invalid("Type mismatch for attribute to update")
			}
			if v, err = merge(c.action, c.path.in(m), v); err != nil {
				return Map{}, err
			}
		}
		vals[i] = v
	}
	if err := checkGrowth(vals); err != nil {
		return Map{}, err
	}
	for i, c := range u.changes {
		if vals[i].deeper(MaxDepth + 1 - len(c.path)) {
			return Map{}, errDepth()
		}
	}
	root := &tree{kind: M, src: m.b}
	root.expand()
	for i, c := range u.changes {
		if err := root.change(c.path, vals[i]); err != nil {
			return Map{}, err
		}
	}
	out := root.body(make([]byte, 0, len(m.b)+64))
	if !validMap(out, 0) {
		return Map{}, errDepth()
	}
	return Map{b: out}, nil
}

func errUpdateSize() error {
	return invalid("Item size to update has exceeded the maximum allowed size")
}

// maxEncoded is above the encoded length of every item of at most MaxItem bytes, so that an update which copies one
// attribute many times is refused before it takes memory.
const maxEncoded = 1 << 20

func checkGrowth(vals []Value) error {
	n := 0
	for _, v := range vals {
		if n += len(v.b); n > maxEncoded {
			return errUpdateSize()
		}
	}
	return nil
}

func errOperandType() error {
	return invalid("An operand in the update expression has an incorrect data type")
}

// operandValue evaluates the value of a SET action; it is never zero.
func (n *node) operandValue(m Map) (Value, error) {
	switch {
	case n.op == opValue:
		return n.val, nil
	case n.op == opPath:
		v := n.path.in(m)
		if v.IsZero() {
			return Value{}, invalid("The provided expression refers to an attribute that does not exist in the item")
		}
		return v, nil
	case n.op == opFunc && n.name == "if_not_exists":
		if v := n.args[0].path.in(m); !v.IsZero() {
			return v, nil
		}
		return n.args[1].operandValue(m)
	}
	a, err := n.args[0].operandValue(m)
	if err != nil {
		return Value{}, err
	}
	b, err := n.args[1].operandValue(m)
	if err != nil {
		return Value{}, err
	}
	if n.op == opFunc {
		return concat(a, b)
	}
	return calculate(n.op, a, b)
}

func concat(a, b Value) (Value, error) {
	if a.Kind() != L || b.Kind() != L {
		return Value{}, errOperandType()
	}
	if len(a.b)+len(b.b) > maxEncoded {
		return Value{}, errUpdateSize()
	}
	out := append(append([]byte{}, a.b...), b.body()...)
	return closeBody(out, 0), nil
}

func calculate(op opcode, a, b Value) (Value, error) {
	if a.Kind() != N || b.Kind() != N {
		return Value{}, errOperandType()
	}
	x, y := a.Num(), b.Num()
	var sum Num
	var err error
	if op == opMinus {
		sum, err = x.Sub(&y)
	} else {
		sum, err = x.Add(&y)
	}
	if err != nil {
		return Value{}, err
	}
	return sum.value(), nil
}

// merge returns what ADD or DELETE makes of the old value, which may be zero. A zero result removes the attribute.
func merge(act action, old, v Value) (Value, error) {
	switch {
	case old.IsZero() && act == actAdd:
		return v, nil
	case old.IsZero():
		return Value{}, nil
	case old.Kind() != v.Kind():
		return Value{}, errOperandType()
	case v.Kind() == N:
		return calculate(opPlus, old, v)
	case v.Kind() == L: // only AttributeUpdates can say so
		return concat(old, v)
	}
	var members [][]byte
	if act == actAdd {
		have := memberSet(old)
		for m := range old.Members() {
			members = append(members, m)
		}
		for m := range v.Members() {
			if _, ok := have[string(m)]; !ok {
				members = append(members, m)
			}
		}
		return setOf(v.Kind(), members), nil
	}
	gone := memberSet(v)
	for m := range old.Members() {
		if _, ok := gone[string(m)]; !ok {
			members = append(members, m)
		}
	}
	if len(members) == 0 {
		return Value{}, nil
	}
	return setOf(v.Kind(), members), nil
}

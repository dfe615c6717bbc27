package item

// Condition is a compiled condition or filter expression. A nil Condition holds for every item.
type Condition struct {
	root *node
	// param names the parameter in messages about it.
	param string
	// keys is true for a filter of a query that may name key attributes.
	keys bool
}

// paramNames are the names of parameters in messages that need a table.
var paramNames = map[string]string{"FilterExpression": "Filter Expression", "ConditionExpression": "Condition Expression"}

// ParseCondition compiles the expression that the parameter ("ConditionExpression" or "FilterExpression") holds. Errors
// are ValidationExceptions that name the parameter.
func ParseCondition(param, src string, ph *Placeholders) (*Condition, error) {
	root, err := parseCondition(param, src, ph)
	if err != nil {
		return nil, err
	}
	return &Condition{root: root, param: paramNames[param]}, nil
}

func parseCondition(param, src string, ph *Placeholders) (*node, error) {
	var root *node
	err := parse(param, src, ph, conditionFunctions, func(p *parser) {
		root = p.truth(p.or())
	})
	return root, err
}

// Attributes implements Expression.
func (c *Condition) Attributes() []string {
	if c == nil {
		return nil
	}
	return topLevel(c.root.paths(nil))
}

func (c *Condition) paths() []Path {
	if c == nil {
		return nil
	}
	return c.root.paths(nil)
}

// or reads conditions joined by OR. What it returns may also be a bare operand, which only its caller can refuse: it
// may stand in parentheses before a comparator.
func (p *parser) or() *node {
	p.enter()
	defer p.leave()
	n := p.and()
	for p.tok.is("OR") {
		n = p.truth(n)
		p.operator()
		p.advance()
		n = p.node(node{op: opOr, args: p.args(n, p.truth(p.and()))})
	}
	return n
}

func (p *parser) and() *node {
	n := p.not()
	for p.tok.is("AND") {
		n = p.truth(n)
		p.operator()
		p.advance()
		n = p.node(node{op: opAnd, args: p.args(n, p.truth(p.not()))})
	}
	return n
}

func (p *parser) not() *node {
	if !p.tok.is("NOT") {
		return p.comparison()
	}
	p.enter()
	defer p.leave()
	p.operator()
	p.advance()
	return &node{op: opNot, args: []*node{p.truth(p.not())}}
}

// truth refuses an operand where a condition is needed; the current token is the one after it.
func (p *parser) truth(n *node) *node {
	if n.op == opPath || n.op == opValue {
		p.unexpected()
	}
	if n.op == opFunc && n.name == "size" {
		p.misused(n.name)
	}
	p.endLeaf()
	return n
}

// endLeaf keeps the error of a condition that is complete: the first condition with one decides, then the kind of error.
func (p *parser) endLeaf() {
	for _, s := range []slot{slotUndefined, slotOperand, slotDistinct, slotFunction} {
		if p.leaf == "" {
			p.leaf = p.errs[s]
		}
	}
}

func (p *parser) misused(name string) {
	p.fail(slotMisused, "The function is not allowed to be used this way in an expression; function: %s", name)
}

func (p *parser) comparison() *node {
	left := p.primary()
	if !left.operand() {
		return left
	}
	switch op, ok := comparators[p.tok.text]; {
	case ok && p.tok.kind == tokSymbol:
		name := p.tok.text
		p.operator()
		p.advance()
		n := p.node(node{op: op, name: name, args: p.args(left, p.operandParens())})
		p.values(n.args)
		p.distinct(name, n.args[0], n.args[1])
		p.ordered(n)
		p.endLeaf()
		return n
	case p.tok.is("BETWEEN"):
		p.operator()
		p.advance()
		low := p.operandParens()
		p.expect("AND")
		n := &node{op: opBetween, name: "BETWEEN", args: []*node{left, low, p.operandParens()}}
		p.values(n.args)
		p.ordered(n)
		p.checkBetween(n.args[1], n.args[2])
		p.endLeaf()
		return n
	case p.tok.is("IN"):
		p.operator()
		p.advance()
		p.expect("(")
		n := &node{op: opIn, name: "IN", args: append([]*node{left}, p.operands()...)}
		p.expect(")")
		p.values(n.args)
		p.tooMany(n)
		p.endLeaf()
		return n
	}
	return left
}

// ordered refuses values that have no order as operands of an operator that compares by it.
func (p *parser) ordered(n *node) {
	if n.op == opEq || n.op == opNe {
		return
	}
	for _, a := range n.args {
		if k := a.constant(); k != None && k != S && k != N && k != B {
			p.wrongOperand(n.name, k.String())
		}
	}
}

func (p *parser) tooMany(in *node) {
	if len(in.args)-1 > maxInOperands {
		p.fail(slotOperand, "Incorrect number of operands for operator or function; operator or function: IN, "+
			"number of operands: %d", len(in.args))
	}
}

// values refuses functions that yield a truth where a value is needed.
func (p *parser) values(args []*node) {
	for _, a := range args {
		if a.op == opFunc && a.name != "size" {
			p.misused(a.name)
		}
	}
}

func (p *parser) primary() *node {
	if !p.tok.is("(") {
		return p.term()
	}
	p.advance()
	n := p.or()
	p.expect(")")
	p.enclose(n)
	return n
}

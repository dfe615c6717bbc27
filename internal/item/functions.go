package item

// conditionFunctions are the functions of condition, filter and key condition expressions, with their operand counts.
var conditionFunctions = map[string]int{
	"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2, "size": 1,
}

// updateFunctions are the functions of update expressions.
var updateFunctions = map[string]int{"if_not_exists": 2, "list_append": 2}

// constant returns the type of an operand that is a value; None for what is known only with an item.
func (n *node) constant() Kind {
	if n.op == opValue {
		return n.val.Kind()
	}
	return None
}

// result returns the type that an operand is known to have; None if it depends on the item.
func (n *node) result() Kind {
	switch {
	case n.op == opValue:
		return n.val.Kind()
	case n.op == opPlus, n.op == opMinus, n.op == opFunc && n.name == "size":
		return N
	case n.op == opFunc && n.name == "list_append":
		return L
	case n.op == opFunc && n.name == "if_not_exists" && len(n.args) == 2:
		return n.args[1].result()
	}
	return None
}

func (p *parser) wrongOperand(name string, kind string) {
	p.fail(slotFunction, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s",
		name, kind)
}

// checkCall checks the operands of a function whose name and operand count are right.
func (p *parser) checkCall(n *node) {
	if len(n.args) == 2 {
		p.distinct(n.name, n.args[0], n.args[1])
	}
	switch n.name {
	case "attribute_exists", "attribute_not_exists", "if_not_exists":
		if n.args[0].op != opPath {
			p.fail(slotFunction, "Operator or function requires a document path; operator or function: %s", n.name)
		}
	case "begins_with":
		for _, a := range n.args {
			if k := a.result(); k != None && k != S && k != B {
				p.wrongOperand(n.name, k.String())
			}
		}
	case "attribute_type":
		p.checkTypeName(n)
	case "size":
		if k := n.args[0].result(); k == N || k == Bool || k == Null {
			p.wrongOperand(n.name, k.String())
		}
	case "list_append":
		for _, a := range n.args {
			if a.op == opFunc && a.name == "list_append" {
				p.misused(a.name)
			}
			if k := a.constant(); k != None && k != L {
				p.wrongOperand(n.name, k.String())
			}
		}
	}
}

func (p *parser) checkTypeName(n *node) {
	a := n.args[1]
	switch k := a.result(); {
	case a.op == opPath || a.op == opFunc && k == None:
		p.wrongOperand(n.name, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
	case k == None: // an undefined value: said already
	case k != S:
		p.wrongOperand(n.name, k.String())
	case kindOf(a.val.Str()) == None:
		p.fail(slotFunction, "Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
			a.val.Str())
	}
}

// distinct refuses an operator on one path twice.
func (p *parser) distinct(name string, a, b *node) {
	if name == "if_not_exists" || name == "list_append" || a.op != opPath || b.op != opPath || len(a.path) != len(b.path) {
		return
	}
	for i := range a.path {
		if a.path[i] != b.path[i] {
			return
		}
	}
	p.fail(slotDistinct, "The first operand must be distinct from the remaining operands for this operator or function; "+
		"operator: %s, first operand: %s", name, a.path)
}

// checkBetween refuses bounds that are values of different types or in the wrong order.
func (p *parser) checkBetween(low, high *node) {
	if low.constant() == None || high.constant() == None {
		return
	}
	const bounds = "; lower bound operand: AttributeValue: %s, upper bound operand: AttributeValue: %s"
	if low.constant() != high.constant() {
		p.fail(slotFunction, "The BETWEEN operator requires same data type for lower and upper bounds"+bounds, low.val, high.val)
		return
	}
	if order, ok := compare(low.val, high.val); ok && order > 0 {
		p.fail(slotFunction, "The BETWEEN operator requires upper bound to be greater than or equal to lower bound"+bounds,
			low.val, high.val)
	}
}

package partiql

import (
	"slices"
	"strings"

	"github.com/bulkhead/bulkhead/internal/item"
)

// condition reads a condition and refuses an operand in its place.
func (p *parser) condition() (item.Expr, error) { return truth(p.or()) }

// truth refuses an operand where a condition is needed.
func truth(e item.Expr, err error) (item.Expr, error) {
	if err == nil && e.Operand() {
		return e, invalid("WHERE clause must contain an expression that resolves to a boolean")
	}
	return e, err
}

// or reads conditions joined by OR. What it returns may also be an operand, which only its caller can refuse: it may stand in
// parentheses before a comparator.
func (p *parser) or() (item.Expr, error) {
	if err := p.enter(); err != nil {
		return item.Expr{}, err
	}
	defer p.leave()
	return p.joined("OR", p.and, item.Or)
}

func (p *parser) and() (item.Expr, error) { return p.joined("AND", p.not, item.And) }

func (p *parser) joined(word string, operand func() (item.Expr, error), join func(a, b item.Expr) item.Expr) (item.Expr, error) {
	left, err := operand()
	for err == nil && is(p.tok, word) {
		if left.Operand() {
			return left, invalid("The arguments to AND/OR must be Expressions")
		}
		p.advance()
		var right item.Expr
		if right, err = operand(); err == nil && right.Operand() {
			err = invalid("The arguments to AND/OR must be Expressions")
		}
		if err == nil {
			left = join(left, right)
		}
	}
	return left, err
}

func (p *parser) not() (item.Expr, error) {
	if !p.accept("NOT") {
		return p.comparison()
	}
	if err := p.enter(); err != nil {
		return item.Expr{}, err
	}
	defer p.leave()
	e, err := p.not()
	if err != nil {
		return e, err
	}
	if e.Operand() {
		return e, invalid("The argument to NOT must be a Type or Expression")
	}
	return item.Not(e), nil
}

func (p *parser) comparison() (item.Expr, error) {
	left, err := p.primary()
	if err != nil || !left.Operand() {
		return left, err
	}
	if p.tok.kind == tokSymbol {
		switch op := p.tok.text; op {
		case "=", "<", "<=", ">", ">=", "<>", "!=":
			p.advance()
			if op == "!=" {
				op = "<>"
			}
			right, err := p.operand()
			if err != nil {
				return right, err
			}
			return item.Compare(op, left, right)
		}
		return left, nil
	}
	if p.accept("IS") {
		return p.isType(left)
	}
	if is(p.tok, "NOT") && (is(p.ahead, "IN") || is(p.ahead, "BETWEEN")) {
		p.advance()
		e, err := p.ranged(left)
		if err != nil {
			return e, err
		}
		return item.Not(e), nil
	}
	return p.ranged(left)
}

// ranged reads IN or BETWEEN after an operand, if there is one of them.
func (p *parser) ranged(left item.Expr) (item.Expr, error) {
	switch {
	case p.accept("BETWEEN"):
		low, err := p.operand()
		if err != nil {
			return low, err
		}
		if err := p.expect("AND"); err != nil {
			return low, err
		}
		high, err := p.operand()
		if err != nil {
			return high, err
		}
		return item.Between(left, low, high)
	case p.accept("IN"):
		list, err := p.list()
		if err != nil {
			return item.Expr{}, err
		}
		return item.In(left, list)
	}
	return left, nil
}

// list reads the list after IN, in brackets or in parentheses.
func (p *parser) list() ([]item.Expr, error) {
	end := "]"
	switch {
	case p.accept("["):
	case p.accept("("):
		end = ")"
	default:
		return nil, errIn()
	}
	var list []item.Expr
	for !p.accept(end) {
		if len(list) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		e, err := p.operand()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, errIn()
	}
	return list, nil
}

func errIn() error {
	return invalid("IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with " +
		"at least one member")
}

// types are the names of types after IS.
var types = map[string]string{
	"NULL": "NULL", "BOOLEAN": "BOOL", "BOOL": "BOOL", "BLOB": "B", "STRING": "S", "NUMERIC": "N", "STRUCT": "M", "TUPLE": "M", "LIST": "L",
}

// isType reads what follows IS: a type, or MISSING.
func (p *parser) isType(left item.Expr) (item.Expr, error) {
	if left.Path() == nil && left.Constant().IsZero() {
		return left, invalid("The left hand side argument to IS must be a Variable Reference, Literal, or Path")
	}
	negated := p.accept("NOT")
	word := strings.ToUpper(p.tok.text)
	if p.tok.kind != tokIdent {
		return left, p.unexpected()
	}
	p.advance()
	var e item.Expr
	var err error
	if word == "MISSING" {
		e, err = item.Call("attribute_not_exists", left)
	} else {
		kind, ok := types[word]
		if !ok {
			return left, invalid("Unsupported data type for IS operator: %s. Supported data types are [MISSING, NULL, BOOLEAN, BLOB, "+
				"STRING, NUMERIC, STRUCT, TUPLE, LIST]", word)
		}
		e, err = item.Call("attribute_type", left, item.Const(item.String(kind)))
	}
	if err == nil && negated {
		e = item.Not(e)
	}
	return e, err
}

// primary reads an operand, a function that is a condition, or what stands in parentheses.
func (p *parser) primary() (item.Expr, error) {
	if is(p.tok, "EXISTS") {
		return item.Expr{}, invalid("EXISTS can only be used in ExecuteTransaction write requests.")
	}
	if !p.accept("(") {
		return p.term()
	}
	e, err := p.or()
	if err != nil {
		return e, err
	}
	return e, p.expect(")")
}

// operand reads an operand, perhaps in parentheses.
func (p *parser) operand() (item.Expr, error) {
	if !p.accept("(") {
		return p.term()
	}
	if err := p.enter(); err != nil {
		return item.Expr{}, err
	}
	defer p.leave()
	e, err := p.operand()
	if err != nil {
		return e, err
	}
	return e, p.expect(")")
}

// conditionFunctions are the functions of conditions, updateFunctions those of what SET sets; names are read in any case.
var (
	conditionFunctions = []string{"begins_with", "contains", "attribute_type", "size"}
	updateFunctions    = []string{"list_append"}
)

// term reads a value, a path or a call of a function.
func (p *parser) term() (item.Expr, error) {
	if p.tok.kind != tokIdent && p.tok.kind != tokQuoted || is(p.tok, "TRUE") || is(p.tok, "FALSE") || is(p.tok, "NULL") {
		v, err := p.literal()
		return item.Const(v), err
	}
	if is(p.tok, "MISSING") {
		return item.Expr{}, invalid("MISSING must be compared using IS operator")
	}
	if p.tok.kind == tokIdent && is(p.ahead, "(") && !reserved(p.tok) {
		return p.call()
	}
	path, err := p.path()
	if err != nil {
		return item.Expr{}, err
	}
	return item.Attr(path), nil
}

func (p *parser) call() (item.Expr, error) {
	if err := p.enter(); err != nil {
		return item.Expr{}, err
	}
	defer p.leave()
	name := strings.ToLower(p.tok.text)
	if !slices.Contains(p.functions, name) {
		return item.Expr{}, invalid("Unrecognized function: %s", p.tok.text)
	}
	p.advance()
	p.advance()
	args, err := p.arguments()
	if err != nil {
		return item.Expr{}, err
	}
	return item.Call(name, args...)
}

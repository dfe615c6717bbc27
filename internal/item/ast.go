package item

import (
	"slices"
	"strconv"
	"strings"
)

// step is one part of a document path: a name, or an index when name is empty and index is set.
type step struct {
	name    string
	index   int
	isIndex bool
}

// Path is a document path: an attribute name, then names and list indexes. It is never empty.
type Path []step

// Top returns the name of the top-level attribute.
func (p Path) Top() string { return p[0].name }

// String shows a path as DynamoDB's messages do: "[a, [0], b]".
func (p Path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.name
		if s.isIndex {
			parts[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

type opcode uint8

const (
	opPath opcode = iota
	opValue
	opFunc
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opBetween
	opIn
	opAnd
	opOr
	opNot
	opPlus
	opMinus
)

// node is a part of an expression.
type node struct {
	op     opcode
	path   Path   // opPath
	val    Value  // opValue
	name   string // opFunc: the function; comparators: the symbol
	args   []*node
	parens bool // written in parentheses
}

var comparators = map[string]opcode{"=": opEq, "<>": opNe, "<": opLt, "<=": opLe, ">": opGt, ">=": opGe}

// operand reports whether the node yields a value and not a truth.
func (n *node) operand() bool {
	return n.op == opPath || n.op == opValue || n.op == opFunc
}

// paths appends all document paths of the expression.
func (n *node) paths(ps []Path) []Path {
	if n == nil {
		return ps
	}
	if n.op == opPath {
		ps = append(ps, n.path)
	}
	for _, a := range n.args {
		ps = a.paths(ps)
	}
	return ps
}

// payload is the size of the values in the expression.
func (n *node) payload() int {
	if n == nil {
		return 0
	}
	size := 0
	if n.op == opValue {
		size = n.val.Size()
	}
	for _, a := range n.args {
		size += a.payload()
	}
	return size
}

func topLevel(ps []Path) []string {
	var names []string
	for _, p := range ps {
		if !slices.Contains(names, p.Top()) {
			names = append(names, p.Top())
		}
	}
	return names
}

// Expression is any compiled expression.
type Expression interface {
	// Attributes returns the top-level attributes that the expression touches, each once. A nil expression has none.
	Attributes() []string
}

// AttributeNames returns every top-level attribute that a set of expressions touches, each once, in order of
// appearance: the values of the condition key dynamodb:Attributes.
func AttributeNames(es ...Expression) []string {
	var names []string
	for _, e := range es {
		if e == nil {
			continue
		}
		more := e.Attributes()
		if names == nil {
			names = more // mostly there is one expression
			continue
		}
		for _, n := range more {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

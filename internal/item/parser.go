package item

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// Limits of expressions (DynamoDB Developer Guide, "Constraints in Amazon DynamoDB", section "Expression parameters").
const (
	// maxExpression is the longest expression, maxVariables the sum of all that may be put into the expressions of a request, in bytes.
	maxExpression = 4096
	maxVariables  = 2 << 20
	maxOperators  = 300
	maxInOperands = 100
	maxNesting    = 300
)

// Placeholders are the names and values that the expressions of one request may stand for, and which of them they have
// used.
type Placeholders struct {
	names      map[string]string
	values     Map
	byName     map[string]Value // of values, if they are not few: a caller may send very many
	usedNames  uses
	usedValues uses
}

// few is how many placeholders are looked for one by one.
const few = 4

// uses are the placeholders that expressions have used.
type uses struct {
	few  [few]string
	n    int
	many map[string]bool
}

func (u *uses) has(k string) bool { return slices.Contains(u.few[:u.n], k) || u.many[k] }

func (u *uses) add(k string) {
	switch {
	case u.has(k):
		return
	case u.n < few:
		u.few[u.n] = k
		u.n++
		return
	case u.many == nil:
		u.many = make(map[string]bool)
	}
	u.many[k] = true
}

// value returns the value with the name, or the zero Value.
func (p *Placeholders) value(name string) Value {
	if p.byName == nil {
		return p.values.Get(name)
	}
	return p.byName[name]
}

// NewPlaceholders checks ExpressionAttributeNames and ExpressionAttributeValues. A nil names and an absent values were
// not given.
func NewPlaceholders(names map[string]string, values Map) (*Placeholders, error) {
	p := &Placeholders{names: names, values: values}
	if names != nil && len(names) == 0 {
		return nil, invalid("ExpressionAttributeNames must not be empty")
	}
	if err := checkVariables(names, values); err != nil { // before all that takes as long as they are
		return nil, err
	}
	for _, k := range sortedKeys(names) {
		if !placeholder(k, '#') {
			return nil, invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: %q", k)
		}
		if names[k] == "" {
			return nil, invalid("ExpressionAttributeNames contains invalid value: Empty attribute name for key %s", k)
		}
		if len(names[k]) > maxName {
			return nil, invalid("ExpressionAttributeNames contains invalid value: Attribute name is too large, "+
				"must be less than %d bytes for key %s", maxName+1, k)
		}
	}
	if values.IsZero() {
		return p, nil
	}
	if values.err == nil && len(values.b) == 0 {
		return nil, invalid("ExpressionAttributeValues must not be empty")
	}
	for k := range values.entries() {
		if !placeholder(string(k), ':') {
			return nil, invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: %q", k)
		}
	}
	if values.Len() > few {
		p.byName = maps.Collect(values.All())
	}
	if values.err != nil {
		return nil, invalid("ExpressionAttributeValues contains invalid value: %s for key %s", fault.Text(values.err), values.badAt)
	}
	return p, nil
}

// checkVariables refuses names and values that are too long together: each as long as in an item.
func checkVariables(names map[string]string, values Map) error {
	given := 0
	for k, name := range names {
		given += len(k) + len(name)
	}
	size := 0
	if given+sizeBound*len(values.b) > maxVariables { // what is far from the limit is not measured
		size = values.Size()
	}
	switch {
	case given > maxVariables:
		return invalid("ExpressionAttributeNames exceeds max size")
	case size > maxVariables:
		return invalid("ExpressionAttributeValues exceeds max size")
	case given+size > maxVariables:
		return invalid("Combined size of ExpressionAttributeNames and ExpressionAttributeValues exceeds max size")
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func placeholder(s string, first byte) bool {
	if len(s) < 2 || s[0] != first {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !identPart(s[i]) {
			return false
		}
	}
	return true
}

// Unused refuses a request with a name or value that no expression has used. Call it when all have been parsed.
func (p *Placeholders) Unused() error {
	var keys []string
	for _, k := range sortedKeys(p.names) {
		if !p.usedNames.has(k) {
			keys = append(keys, k)
		}
	}
	if len(keys) > 0 {
		return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(keys, ", "))
	}
	for k := range p.values.entries() {
		if !p.usedValues.has(string(k)) {
			keys = append(keys, string(k))
		}
	}
	if len(keys) > 0 {
		return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(keys, ", "))
	}
	return nil
}

// slot orders the errors of an expression that is syntactically right: DynamoDB reports the first error of the first
// slot that has one, not the first in the text.
type slot uint8

const (
	slotParens slot = iota
	slotUnknown
	slotSection
	slotMisused
	slotReserved
	slotUndefined
	slotOverlap
	slotConflict
	slotOperand
	slotDistinct
	slotFunction
	slots
)

type parser struct {
	lex       lexer
	prev      token
	tok       token
	ph        *Placeholders
	errs      [slots]string
	leaf      string // the error of the first condition that has one
	inFunc    map[string]int
	operators int
	depth     int
	nodes     []node // room for what is read
	refs      []*node
}

// together is how many nodes are allocated together.
const together = 8

// node keeps a node.
func (p *parser) node(n node) *node {
	if len(p.nodes) == cap(p.nodes) {
		p.nodes = make([]node, 0, together)
	}
	p.nodes = append(p.nodes, n)
	return &p.nodes[len(p.nodes)-1]
}

// args keeps the operands of a node.
func (p *parser) args(ns ...*node) []*node {
	if cap(p.refs)-len(p.refs) < len(ns) {
		p.refs = make([]*node, 0, together)
	}
	at := len(p.refs)
	p.refs = append(p.refs, ns...)
	return p.refs[at:len(p.refs):len(p.refs)]
}

// syntaxError stops the parser; it is recovered in parse.
type syntaxError string

func (p *parser) stop(format string, args ...any) {
	panic(syntaxError(fmt.Sprintf(format, args...)))
}

// parse runs body over the text of one expression and returns the first error, prefixed by the parameter's name.
func parse(param, src string, ph *Placeholders, functions map[string]int, body func(*parser)) (err error) {
	refuse := func(msg string) error { return invalid("Invalid %s: %s", param, msg) }
	if src == "" {
		return refuse("The expression can not be empty;")
	}
	if len(src) > maxExpression {
		return refuse("Expression size has exceeded the maximum allowed size; expression size: " + strconv.Itoa(len(src)))
	}
	p := &parser{lex: lexer{src: src}, ph: ph, inFunc: functions}
	defer func() {
		if r := recover(); r != nil {
			s, ok := r.(syntaxError)
			if !ok {
				panic(r)
			}
			err = refuse(string(s))
		}
	}()
	p.advance()
	body(p)
	if p.tok.kind != tokEOF {
		p.unexpected()
	}
	for s := range slots {
		if p.errs[s] != "" {
			return refuse(p.errs[s])
		}
		if s == slotReserved && p.leaf != "" {
			return refuse(p.leaf)
		}
	}
	return nil
}

func (p *parser) advance() {
	p.prev = p.tok
	p.tok = p.lex.next()
}

// unexpected refuses the current token, with its neighbours for orientation.
func (p *parser) unexpected() {
	after := p.lex
	next := after.next()
	start := p.prev.pos
	p.stop("Syntax error; token: \"%s\", near: \"%s\"", p.tok.text, strings.TrimSpace(p.lex.src[start:max(next.end, p.tok.end)]))
}

func (p *parser) accept(text string) bool {
	if !p.tok.is(text) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.unexpected()
	}
}

func (p *parser) fail(s slot, format string, args ...any) {
	if p.errs[s] == "" {
		p.errs[s] = fmt.Sprintf(format, args...)
	}
}

// enter bounds the recursion; every call is paired with leave.
func (p *parser) enter() {
	if p.depth++; p.depth > maxNesting {
		p.stop("The expression is nested too deeply; nesting levels: %d", p.depth)
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) operator() {
	if p.operators++; p.operators > maxOperators {
		p.stop("The expression contains too many operators; operator count: %d", p.operators)
	}
}

func keyword(t token) bool {
	return t.kind == tokIdent && (t.is("AND") || t.is("OR") || t.is("NOT") || t.is("IN") || t.is("BETWEEN"))
}

// documentPath reads a path; the current token begins it.
func (p *parser) documentPath() Path {
	path := Path{step{name: p.name()}}
	for {
		switch {
		case p.accept("."):
			path = append(path, step{name: p.name()})
		case p.accept("["):
			path = append(path, step{index: p.index(), isIndex: true})
			p.expect("]")
		default:
			if len(path) > MaxDepth {
				p.stop("The document path has too many nesting levels; nesting levels: %d", len(path))
			}
			return path
		}
	}
}

func (p *parser) index() int {
	if p.tok.kind != tokNumber {
		p.unexpected()
	}
	n, err := strconv.Atoi(p.tok.text)
	if err != nil || n > math.MaxInt32 {
		p.stop("List index is not within the allowable range; index: [%s]", p.tok.text)
	}
	p.advance()
	return n
}

func (p *parser) name() string {
	t := p.tok
	switch {
	case t.kind == tokIdent && !keyword(t):
		p.advance()
		if isReserved(t.text) {
			p.fail(slotReserved, "Attribute name is a reserved keyword; reserved keyword: %s", t.text)
		}
		return t.text
	case t.kind == tokName:
		p.advance()
		name, ok := p.ph.names[t.text]
		if !ok {
			p.fail(slotUndefined,
				"An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
		}
		p.ph.usedNames.add(t.text)
		return name
	}
	p.unexpected()
	return ""
}

func (p *parser) value() *node {
	t := p.tok
	p.advance()
	v := p.ph.value(t.text)
	if v.IsZero() {
		p.fail(slotUndefined, "An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	p.ph.usedValues.add(t.text)
	return p.node(node{op: opValue, val: v})
}

// term reads a path, a value or a function call.
func (p *parser) term() *node {
	if p.tok.kind == tokValue {
		return p.value()
	}
	if p.tok.kind == tokIdent && !keyword(p.tok) {
		after := p.lex
		if after.next().is("(") {
			return p.call()
		}
	}
	return p.node(node{op: opPath, path: p.documentPath()})
}

func (p *parser) call() *node {
	p.enter()
	defer p.leave()
	p.operator()
	n := &node{op: opFunc, name: p.tok.text}
	p.advance()
	p.expect("(")
	n.args = p.operands()
	p.expect(")")
	want, known := p.inFunc[n.name]
	switch {
	case !known && p.elsewhere(n.name) != "":
		p.fail(slotUnknown, "The function is not allowed in %s expression; function: %s", p.elsewhere(n.name), n.name)
	case !known:
		p.fail(slotUnknown, "Invalid function name; function: %s", n.name)
	case len(n.args) != want:
		p.fail(slotOperand, "Incorrect number of operands for operator or function; operator or function: %s, "+
			"number of operands: %d", n.name, len(n.args))
	default:
		p.checkCall(n)
	}
	return n
}

// elsewhere names the kind of expression that is being read if the function is one of the other kind only.
func (p *parser) elsewhere(function string) string {
	_, condition := conditionFunctions[function]
	_, update := updateFunctions[function]
	_, inUpdate := p.inFunc["if_not_exists"]
	switch {
	case condition && inUpdate:
		return "an update"
	case update && !inUpdate:
		return "a condition"
	}
	return ""
}

// operands reads a list of operands, each possibly in parentheses.
func (p *parser) operands() []*node {
	list := []*node{p.operandParens()}
	for p.accept(",") {
		list = append(list, p.operandParens())
	}
	return list
}

func (p *parser) operandParens() *node {
	if !p.tok.is("(") {
		return p.term()
	}
	p.enter()
	defer p.leave()
	p.advance()
	n := p.operandParens()
	p.expect(")")
	p.enclose(n)
	return n
}

// enclose marks a node as written in parentheses.
func (p *parser) enclose(n *node) {
	if n.parens {
		p.fail(slotParens, "The expression has redundant parentheses;")
	}
	n.parens = true
}

// overlap refuses two document paths of one expression of which one is part of the other, or that read one attribute
// both as a map and as a list.
func (p *parser) overlap(paths []Path) {
	for i, b := range paths {
		for _, a := range paths[:i] {
			n := min(len(a), len(b))
			j := 0
			for j < n && a[j] == b[j] {
				j++
			}
			switch {
			case j == n:
				p.fail(slotOverlap, "Two document paths overlap with each other; must remove or rewrite one of these paths; "+
					"path one: %s, path two: %s", a, b)
			case a[j].isIndex != b[j].isIndex:
				p.fail(slotConflict, "Two document paths conflict with each other; must remove or rewrite one of these paths; "+
					"path one: %s, path two: %s", a, b)
			}
		}
	}
}

package item

import (
	"strconv"
	"strings"
)

// Text writes compiled expressions as DynamoDB reads them, for rows that another engine keeps: names and values are placeholders
// of one set, so that all expressions of a request use one Text. The zero Text is empty.
type Text struct {
	names  map[string]string // by what they stand for
	values Builder
	count  int // of values
}

// Names are the placeholders of attribute names, for ExpressionAttributeNames; nil if there are none.
func (x *Text) Names() map[string]string {
	var out map[string]string
	for name, as := range x.names {
		if out == nil {
			out = make(map[string]string, len(x.names))
		}
		out[as] = name
	}
	return out
}

// Values are the placeholders of values, for ExpressionAttributeValues; nil if there are none.
func (x *Text) Values() *Map {
	if x.count == 0 {
		return nil
	}
	m := x.values.Map()
	return &m
}

// Condition is the text of a condition; nil of a nil one.
func (x *Text) Condition(c *Condition) *string {
	if c == nil {
		return nil
	}
	text := x.expr(c.root)
	return &text
}

// Update is the text of an update; nil of one that changes nothing.
func (x *Text) Update(u *Update) *string {
	if u == nil || len(u.changes) == 0 {
		return nil
	}
	var sections []string
	for act, section := range sectionNames {
		var parts []string
		for _, c := range u.changes {
			if c.action == action(act) { // four names
				parts = append(parts, x.change(c))
			}
		}
		if len(parts) > 0 {
			sections = append(sections, section+" "+strings.Join(parts, ", "))
		}
	}
	text := strings.Join(sections, " ")
	return &text
}

func (x *Text) change(c change) string {
	switch c.action {
	case actSet:
		return x.path(c.path) + " = " + x.expr(c.val)
	case actRemove:
		return x.path(c.path)
	}
	return x.path(c.path) + " " + x.expr(c.val)
}

func (x *Text) path(p Path) string {
	var b strings.Builder
	for i, s := range p {
		if s.isIndex {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(x.name(s.name))
	}
	return b.String()
}

func (x *Text) name(of string) string {
	if as, ok := x.names[of]; ok {
		return as
	}
	if x.names == nil {
		x.names = map[string]string{}
	}
	as := "#n" + strconv.Itoa(len(x.names))
	x.names[of] = as
	return as
}

func (x *Text) value(v Value) string {
	as := ":v" + strconv.Itoa(x.count)
	x.count++
	x.values.Set(as, v)
	return as
}

// expr writes an expression with no more parentheses than it needs: DynamoDB refuses those that are redundant.
func (x *Text) expr(n *node) string {
	switch n.op {
	case opPath:
		return x.path(n.path)
	case opValue:
		return x.value(n.val)
	case opFunc:
		return n.name + "(" + x.list(n.args) + ")"
	case opBetween:
		return x.expr(n.args[0]) + " BETWEEN " + x.expr(n.args[1]) + " AND " + x.expr(n.args[2])
	case opIn:
		return x.expr(n.args[0]) + " IN (" + x.list(n.args[1:]) + ")"
	case opOr:
		return x.expr(n.args[0]) + " OR " + x.expr(n.args[1])
	case opAnd:
		return x.within(n.args[0], opOr) + " AND " + x.within(n.args[1], opOr)
	case opNot:
		return "NOT " + x.within(n.args[0], opOr, opAnd)
	}
	return x.expr(n.args[0]) + " " + n.name + " " + x.expr(n.args[1]) // comparators and arithmetic are called by their symbols
}

// within puts what binds less tightly in parentheses.
func (x *Text) within(n *node, looser ...opcode) string {
	for _, op := range looser {
		if n.op == op {
			return "(" + x.expr(n) + ")"
		}
	}
	return x.expr(n)
}

func (x *Text) list(ns []*node) string {
	parts := make([]string, len(ns))
	for i, n := range ns {
		parts[i] = x.expr(n)
	}
	return strings.Join(parts, ", ")
}

package item

import (
	"github.com/bulkhead/bulkhead/internal/keyorder"
)

// KeyCondition is a compiled key condition expression: at most one test an attribute.
type KeyCondition struct{ tests []keyTest }

type keyTest struct {
	attr string
	op   opcode // opEq, opLt, opLe, opGt, opGe, opBetween, or opFunc for begins_with
	vals []Value
}

// ParseKeyCondition compiles a KeyConditionExpression.
func ParseKeyCondition(src string, ph *Placeholders) (*KeyCondition, error) {
	root, err := parseCondition("KeyConditionExpression", src, ph)
	if err != nil {
		return nil, err
	}
	c := &KeyCondition{tests: make([]keyTest, 0, 2)}
	if err := c.add(root); err != nil {
		return nil, err
	}
	return c, c.checkLength(maxParts)
}

// maxParts is how many attributes a key has at most: four of its partition key, four of its sort key.
const maxParts = 8

func (c *KeyCondition) checkLength(most int) error {
	if n := len(c.tests); n == 0 || n > most {
		return invalid("Conditions can be of length 1 or 2 only")
	}
	return nil
}

// CheckTable refuses more conditions than the key of a table can have, which needs no table to be wrong.
func (c *KeyCondition) CheckTable() error { return c.checkLength(2) }

// Attributes implements Expression.
func (c *KeyCondition) Attributes() []string {
	if c == nil {
		return nil
	}
	names := make([]string, len(c.tests))
	for i, t := range c.tests {
		names[i] = t.attr
	}
	return names
}

var mirrored = map[opcode]opcode{opEq: opEq, opLt: opGt, opLe: opGe, opGt: opLt, opGe: opLe}

func (c *KeyCondition) add(n *node) error {
	switch n.op {
	case opAnd:
		if err := c.add(n.args[0]); err != nil {
			return err
		}
		return c.add(n.args[1])
	case opOr:
		return invalid("Invalid operator used in KeyConditionExpression: OR")
	case opNot:
		return invalid("Invalid operator used in KeyConditionExpression: NOT")
	case opIn, opNe:
		return invalid("Invalid operator used in KeyConditionExpression: %s", n.name)
	case opFunc:
		if n.name != "begins_with" {
			return invalid("Invalid operator used in KeyConditionExpression: %s", n.name)
		}
	}
	if (n.op == opBetween || n.op == opFunc) && n.args[0].op != opPath {
		return invalid("Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand",
			n.name)
	}
	return c.addTest(n)
}

func (c *KeyCondition) addTest(n *node) error {
	test := keyTest{op: n.op}
	for i, a := range n.args {
		switch {
		case a.op == opFunc:
			return invalid("KeyConditionExpressions cannot contain nested operations")
		case a.op == opValue:
			test.vals = append(test.vals, a.val)
		case test.attr != "":
			return invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		case len(a.path) > 1:
			return invalid("KeyConditionExpressions cannot have conditions on nested attributes")
		default:
			test.attr = a.path.Top()
			if i > 0 {
				test.op = mirrored[n.op]
			}
		}
	}
	if test.attr == "" {
		return invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	for _, t := range c.tests {
		if t.attr == test.attr {
			return invalid("KeyConditionExpressions must only contain one condition per key")
		}
	}
	c.tests = append(c.tests, test)
	return nil
}

func (c *KeyCondition) test(attr string) *keyTest {
	for i := range c.tests {
		if c.tests[i].attr == attr {
			return &c.tests[i]
		}
	}
	return nil
}

// Leading returns the partition key value that the condition names under a schema, for authorization; the zero Value
// if it names none. Bind says why.
func (c *KeyCondition) Leading(s *KeySchema) Value {
	if c == nil {
		return Value{}
	}
	if t := c.test(s.Hash.Name); t != nil && t.op == opEq && t.vals[0].Kind() == s.Hash.Kind {
		return t.vals[0]
	}
	return Value{}
}

// Bind resolves the condition under a key schema: the partition and the range of sort keys that it selects.
func (c *KeyCondition) Bind(s *KeySchema) (pk []byte, r Range, err error) {
	if s.multi() {
		return c.bindMulti(s)
	}
	if err := c.CheckTable(); err != nil {
		return nil, Range{}, err
	}
	parts := s.parts()
	if len(parts) == 1 && len(c.tests) > 1 {
		return nil, Range{}, invalid("Query key condition not supported")
	}
	for i, part := range parts {
		t := c.test(part.Name)
		switch {
		case t == nil && (i == 0 || len(c.tests) > 1):
			return nil, Range{}, invalid("Query condition missed key schema element: %s", part.Name)
		case t == nil:
			continue
		case t.op == opNot:
			return nil, Range{}, invalid("Attempted conditional constraint is not an indexable operation")
		}
		if err := t.fits(part, i == 0); err != nil {
			return nil, Range{}, err
		}
		if i == 0 {
			if t.op != opEq {
				return nil, Range{}, invalid("Query key condition not supported")
			}
			pk = KeyBytes(t.vals[0])
			continue
		}
		if r, err = t.bounds(part.Kind); err != nil {
			return nil, Range{}, err
		}
	}
	return pk, r, nil
}

// fits refuses operands that are not of the type or size of the attribute.
func (t *keyTest) fits(part KeyPart, hash bool) error {
	for _, v := range t.vals {
		if v.Kind() != part.Kind {
			return invalid(wrong + "Condition parameter type does not match schema type")
		}
		if err := checkKeyValue(part, v, hash); err != nil {
			return err
		}
	}
	return nil
}

// bounds returns the interval of order-preserving bytes that the test selects.
func (t *keyTest) bounds(k Kind) (Range, error) {
	b := SortBytes(t.vals[0])
	switch t.op {
	case opEq:
		return Range{Start: b, End: keyorder.After(b)}, nil
	case opLt:
		return Range{End: b}, nil
	case opLe:
		return Range{End: keyorder.After(b)}, nil
	case opGt:
		return Range{Start: keyorder.After(b)}, nil
	case opGe:
		return Range{Start: b}, nil
	case opBetween:
		return Range{Start: b, End: keyorder.After(SortBytes(t.vals[1]))}, nil
	}
	if k == N {
		return Range{}, invalid(wrong+"ComparisonOperator BEGINS_WITH is not valid for %s AttributeValue type", k)
	}
	return Range{Start: b, End: keyorder.PrefixEnd(b)}, nil
}

// covers reports whether a sort key lies in the range.
func (r *Range) covers(sk []byte) bool {
	return string(sk) >= string(r.Start) && (r.End == nil || string(sk) < string(r.End))
}

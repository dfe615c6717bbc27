package item

import "slices"

// LegacyCondition is an element of KeyConditions, QueryFilter or ScanFilter (API reference, "Condition"), or, with the
// members below, of Expected ("ExpectedAttributeValue").
type LegacyCondition struct {
	Operator string // "EQ", …; "" only in Expected
	Values   []Value
	// Value and Exists are of Expected only; a zero Value and nil Exists were not given.
	Value  Value
	Exists *bool
}

// operatorRule says how many values an operator takes (max < 0 is no limit) and of which types; nil types are any.
type operatorRule struct {
	op       opcode
	min, max int
	types    []Kind
}

var ordered = []Kind{S, N, B}

var legacyOperators = map[string]operatorRule{
	"EQ": {opEq, 1, 1, nil}, "NE": {opNe, 1, 1, nil},
	"LE": {opLe, 1, 1, ordered}, "LT": {opLt, 1, 1, ordered}, "GE": {opGe, 1, 1, ordered}, "GT": {opGt, 1, 1, ordered},
	"NULL": {opFunc, 0, 0, nil}, "NOT_NULL": {opFunc, 0, 0, nil},
	"CONTAINS": {opFunc, 1, 1, ordered}, "NOT_CONTAINS": {opNot, 1, 1, ordered},
	"BEGINS_WITH": {opFunc, 1, 1, []Kind{S, B}}, "IN": {opIn, 1, -1, ordered}, "BETWEEN": {opBetween, 2, 2, ordered},
}

var legacyFunctions = map[string]string{
	"NULL": "attribute_not_exists", "NOT_NULL": "attribute_exists", "CONTAINS": "contains", "NOT_CONTAINS": "contains",
	"BEGINS_WITH": "begins_with",
}

func attrNode(name string) *node { return &node{op: opPath, path: Path{{name: name}}} }

// check refuses values that the operator does not take.
func (c *LegacyCondition) check() error {
	for _, v := range c.Values {
		if v.err != nil {
			return v.err
		}
	}
	rule, ok := legacyOperators[c.Operator]
	n := len(c.Values)
	if !ok || n < rule.min || rule.max >= 0 && n > rule.max {
		return invalid(wrong+"Invalid number of argument(s) for the %s ComparisonOperator", c.Operator)
	}
	for _, v := range c.Values {
		if v.Kind() != c.Values[0].Kind() {
			return invalid(wrong + "AttributeValues inside AttributeValueList must be of same type")
		}
		if rule.types != nil && !slices.Contains(rule.types, v.Kind()) {
			return invalid(wrong+"ComparisonOperator %s is not valid for %s AttributeValue type", c.Operator, v.Kind())
		}
	}
	if rule.op == opBetween {
		if order, ok := compare(c.Values[0], c.Values[1]); ok && order > 0 {
			return invalid("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
		}
	}
	return nil
}

// node makes the expression that the condition on the attribute stands for.
func (c *LegacyCondition) node(attr string) *node {
	rule := legacyOperators[c.Operator]
	n := &node{op: rule.op, name: c.Operator, args: []*node{attrNode(attr)}}
	for _, v := range c.Values {
		n.args = append(n.args, &node{op: opValue, val: v})
	}
	if name, ok := legacyFunctions[c.Operator]; ok {
		n.op, n.name = opFunc, name
	}
	if rule.op == opNot { // what is absent neither contains a value nor does not
		there := &node{op: opFunc, name: "attribute_exists", args: []*node{attrNode(attr)}}
		return &node{op: opAnd, args: []*node{there, {op: opNot, args: []*node{n}}}}
	}
	return n
}

// LegacyFilter converts QueryFilter or ScanFilter, joined by OR or else by AND (ConditionalOperator). It is nil if there
// are no conditions.
func LegacyFilter(conds map[string]LegacyCondition, or bool) (*Condition, error) {
	var nodes []*node
	for _, attr := range sortedKeys(conds) {
		c := conds[attr]
		if err := c.check(); err != nil {
			return nil, err
		}
		nodes = append(nodes, c.node(attr))
	}
	return join(nodes, or), nil
}

func join(nodes []*node, or bool) *Condition {
	if len(nodes) == 0 {
		return nil
	}
	op := opAnd
	if or {
		op = opOr
	}
	root := nodes[0]
	for _, n := range nodes[1:] {
		root = &node{op: op, args: []*node{root, n}}
	}
	return &Condition{root: root, param: "QueryFilter"}
}

// LegacyExpected converts Expected, joined by OR or else by AND (ConditionalOperator).
func LegacyExpected(conds map[string]LegacyCondition, or bool) (*Condition, error) {
	var nodes []*node
	for _, attr := range sortedKeys(conds) {
		c := conds[attr]
		if err := c.expected(attr); err != nil {
			return nil, err
		}
		nodes = append(nodes, c.node(attr))
	}
	return join(nodes, or), nil
}

// expected turns the forms of Expected into an operator with values.
func (c *LegacyCondition) expected(attr string) error {
	switch given := !c.Value.IsZero(); {
	case c.Values != nil && given:
		return invalid(wrong+"Value and AttributeValueList cannot be used together for Attribute: %s", attr)
	case c.Operator != "" && c.Exists != nil:
		return invalid(wrong+"Exists and ComparisonOperator cannot be used together for Attribute: %s", attr)
	case c.Operator != "" && c.Operator != "NULL" && c.Operator != "NOT_NULL" && c.Values == nil && !given:
		return invalid(wrong+"Value or AttributeValueList must be used with ComparisonOperator: %s for Attribute: %s", c.Operator, attr)
	case c.Operator == "" && c.Values != nil:
		return invalid(wrong+"AttributeValueList can only be used with a ComparisonOperator for Attribute: %s", attr)
	case c.Operator == "" && c.Exists != nil && !*c.Exists && given:
		return invalid(wrong+"Value cannot be used when Exists is false for Attribute: %s", attr)
	case c.Operator == "" && c.Exists != nil && !*c.Exists:
		c.Operator = "NULL"
	case c.Operator == "" && !given:
		exists := "null"
		if c.Exists != nil {
			exists = "true"
		}
		return invalid(wrong+"Value must be provided when Exists is %s for Attribute: %s", exists, attr)
	case c.Operator == "":
		c.Operator = "EQ"
	}
	if !c.Value.IsZero() {
		c.Values = []Value{c.Value}
	}
	return c.check()
}

// LegacyKeys converts KeyConditions.
func LegacyKeys(conds map[string]LegacyCondition) (*KeyCondition, error) {
	k := &KeyCondition{}
	for _, attr := range sortedKeys(conds) {
		c := conds[attr]
		if err := c.check(); err != nil {
			return nil, err
		}
		test := keyTest{attr: attr, op: c.node(attr).op, vals: c.Values}
		switch c.Operator {
		case "NULL", "NOT_NULL", "NE", "CONTAINS", "NOT_CONTAINS", "IN":
			test.op = opNot // Bind refuses it
		}
		k.tests = append(k.tests, test)
	}
	return k, k.checkLength(maxParts)
}

// LegacyUpdate is an element of AttributeUpdates (API reference, "AttributeValueUpdate"). Action is "PUT", "ADD" or
// "DELETE"; "" is "PUT".
type LegacyUpdate struct {
	Action string
	Value  Value
}

// LegacyUpdates converts AttributeUpdates.
func LegacyUpdates(ups map[string]LegacyUpdate) (*Update, error) {
	u := &Update{legacy: true}
	for _, attr := range sortedKeys(ups) {
		c, err := ups[attr].change(attr)
		if err != nil {
			return nil, err
		}
		u.changes = append(u.changes, c)
	}
	return u, nil
}

func (l LegacyUpdate) change(attr string) (change, error) {
	if l.Value.err != nil {
		return change{}, l.Value.err
	}
	if attr == "" {
		return change{}, errNoName()
	}
	c := change{path: Path{{name: attr}}, val: &node{op: opValue, val: l.Value}}
	k := l.Value.Kind()
	switch {
	case k == None && l.Action != "DELETE":
		return change{}, invalid(wrong + "Only DELETE action is allowed when no attribute value is specified")
	case k == None:
		c.action, c.val = actRemove, nil
	case l.Action == "DELETE" && k < SS:
		return change{}, invalid(wrong+"DELETE action with value is not supported for the type %s", k)
	case l.Action == "DELETE":
		c.action = actDelete
	case l.Action == "ADD" && k != N && k != L && k < SS:
		return change{}, invalid(wrong+"ADD action is not supported for the type %s", k)
	case l.Action == "ADD":
		c.action = actAdd
	}
	return c, nil
}

// LegacyProjection converts AttributesToGet.
func LegacyProjection(names []string) (*Projection, error) {
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		if n == "" {
			return nil, errNoName()
		}
		if seen[n] {
			return nil, invalid(wrong+"Duplicate value in attribute name: %s", n)
		}
		seen[n] = true
	}
	pr := ProjectionOf(names)
	pr.legacy = true
	return pr, nil
}

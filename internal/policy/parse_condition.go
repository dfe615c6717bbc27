package policy

import (
	"strconv"
	"strings"
)

// operator is what the name of a condition operator says, without quantifier and IfExists.
type operator struct {
	test    Test
	negated bool
	order   Order
}

// operators are all of "IAM JSON policy elements: Condition operators".
var operators = map[string]operator{
	"StringEquals":              {test: TestString},
	"StringNotEquals":           {test: TestString, negated: true},
	"StringEqualsIgnoreCase":    {test: TestStringFold},
	"StringNotEqualsIgnoreCase": {test: TestStringFold, negated: true},
	"StringLike":                {test: TestStringLike},
	"StringNotLike":             {test: TestStringLike, negated: true},
	"NumericEquals":             {test: TestNumber, order: Equal},
	"NumericNotEquals":          {test: TestNumber, order: Equal, negated: true},
	"NumericLessThan":           {test: TestNumber, order: Less},
	"NumericLessThanEquals":     {test: TestNumber, order: Less | Equal},
	"NumericGreaterThan":        {test: TestNumber, order: Greater},
	"NumericGreaterThanEquals":  {test: TestNumber, order: Greater | Equal},
	"DateEquals":                {test: TestDate, order: Equal},
	"DateNotEquals":             {test: TestDate, order: Equal, negated: true},
	"DateLessThan":              {test: TestDate, order: Less},
	"DateLessThanEquals":        {test: TestDate, order: Less | Equal},
	"DateGreaterThan":           {test: TestDate, order: Greater},
	"DateGreaterThanEquals":     {test: TestDate, order: Greater | Equal},
	"Bool":                      {test: TestBool},
	"BinaryEquals":              {test: TestBinary},
	"IpAddress":                 {test: TestIP},
	"NotIpAddress":              {test: TestIP, negated: true},
	"ArnEquals":                 {test: TestArn},
	"ArnLike":                   {test: TestArn},
	"ArnNotEquals":              {test: TestArn, negated: true},
	"ArnNotLike":                {test: TestArn, negated: true},
	"Null":                      {test: TestNull},
}

// parseOperator reads [ForAllValues:|ForAnyValue:]name[IfExists]. Null has neither.
func parseOperator(s string) (Condition, bool) {
	c := Condition{Operator: s}
	name := s
	if rest, ok := strings.CutPrefix(s, "ForAllValues:"); ok {
		c.Quantifier, name = ForAllValues, rest
	} else if rest, ok := strings.CutPrefix(s, "ForAnyValue:"); ok {
		c.Quantifier, name = ForAnyValue, rest
	}
	name, c.IfExists = strings.CutSuffix(name, "IfExists")
	op, ok := operators[name]
	if !ok || op.test == TestNull && name != s {
		return Condition{}, false
	}
	c.Test, c.Negated, c.Order = op.test, op.negated, op.order
	return c, true
}

func (c *compiler) conditions(n *node, s *Statement) {
	if n.kind != objectNode {
		c.fail(n.off, msgSyntax+" Condition must be an object.")
		return
	}
	for i := range n.members {
		m := &n.members[i]
		cond, ok := parseOperator(m.key)
		if !ok {
			c.fail(m.off, "Invalid Condition type : "+m.key+".")
			return
		}
		c.in(m, func(v *node) { c.operator(cond, v, s) })
	}
}

func (c *compiler) operator(cond Condition, n *node, s *Statement) {
	if n.kind != objectNode || len(n.members) == 0 {
		c.fail(n.off, msgSyntax+" A condition operator must hold condition keys.")
		return
	}
	seen := make(map[string]bool, len(n.members))
	for i := range n.members {
		m := &n.members[i]
		if !validKey(m.key) {
			c.fail(m.off, msgVendor)
			return
		}
		folded := strings.Map(foldRune, m.key)
		if seen[folded] {
			c.fail(m.off, msgSyntax+" duplicate condition key "+strconv.Quote(m.key)+"; keys are not case-sensitive.")
		}
		seen[folded] = true
		one := cond
		one.Key, one.hash = m.key, hashFold(m.key)
		c.in(m, func(v *node) { c.values(v, &one) })
		s.FailClosed = s.FailClosed || !knownKey(m.key)
		s.Conditions = append(s.Conditions, one)
	}
}

// values reads the values of a condition: strings, numbers and booleans, one or a list.
func (c *compiler) values(n *node, cond *Condition) {
	switch n.kind {
	case stringNode, numberNode, boolNode:
		cond.Values = append(cond.Values, c.value(n, cond.Test))
	case arrayNode:
		if len(n.elems) == 0 {
			c.fail(n.off, msgSyntax+" A condition must have values.")
		}
		for i := range n.elems {
			e := &n.elems[i]
			c.enter("[" + strconv.Itoa(i) + "]")
			if e.kind != stringNode && e.kind != numberNode && e.kind != boolNode {
				c.fail(e.off, msgSyntax+" A condition value must be a string, a number or a boolean.")
			} else {
				cond.Values = append(cond.Values, c.value(e, cond.Test))
			}
			c.leave()
		}
	default:
		c.fail(n.off, msgSyntax+" A condition value must be a string, a number or a boolean.")
	}
}

// value compiles a value for its test. Only strings and ARNs have variables ("IAM policy elements: Variables and
// tags", "Where you can use policy variables"); elsewhere one is a value that is not valid.
func (c *compiler) value(n *node, t Test) Value {
	v := Value{Pattern: Pattern{Raw: n.text}}
	ok, what := true, ""
	switch t {
	case TestNumber:
		v.Number, ok = parseNumber(n.text)
		what = "number"
	case TestDate:
		v.Date, ok = parseDate(n.text)
		what = "date"
	case TestBool, TestNull:
		v.Flag, ok = parseBool(n.text)
		what = "boolean"
	case TestIP:
		v.Prefix, ok = parseIPPrefix(n.text)
		what = "IP address or CIDR block"
	case TestBinary:
		var text string
		text, ok = canonicalBase64(n.text)
		what = "base64 text"
		v.Pattern = exactPattern(n.text, text)
	default:
		v.Pattern = c.stringPattern(n, t)
	}
	if !ok {
		c.fail(n.off, msgSyntax+" "+strconv.Quote(n.text)+" is not a valid "+what+".")
	}
	return v
}

func (c *compiler) stringPattern(n *node, t Test) Pattern {
	p, problem := compilePattern(n.text, dialect{wild: t == TestStringLike || t == TestArn, vars: c.vars})
	if problem != "" {
		c.fail(n.off, problem)
	}
	if t == TestArn && !p.hasVariables() {
		a, ok := splitARN(glob{parts: p.Parts}, nil)
		if !ok && n.text != "*" {
			c.fail(n.off, msgSyntax+" "+strconv.Quote(n.text)+" is not a valid ARN.")
		}
		p.arn = &a
	}
	return p
}

// exactPattern is a pattern of one literal.
func exactPattern(raw, text string) Pattern {
	p := Pattern{Raw: raw}
	if text != "" {
		p.Parts = []Part{{Text: text}}
	}
	p.summarize()
	return p
}

// globalKeys are the names after "aws:" of "AWS global condition context keys", lower-case; those that end in "/"
// have a tag key after them.
var globalKeys = words(`
		assumedroot calledvia calledviafirst calledvialast calledviaawsmcp chatbotsourcearn currenttime
		ec2instancesourceprivateipv4 ec2instancesourcevpc epochtime federatedprovider isbedrockagentcore
		multifactorauthage multifactorauthpresent principalaccount principalarn
		principalisawsservice principalorgid principalorgpaths principalservicename principalservicenameslist
		principaltag/ principaltype referer requestedregion requesttag/ resourceaccount resourceorgid
		resourceorgpaths resourcetag/ securetransport signinsessionarn sourceaccount sourcearn sourceidentity
		sourceip sourceorgid sourceorgpaths sourceowner sourcevpc sourcevpcarn sourcevpce tagkeys tokenissuetime
		useragent userid username viaawsmcpservice viaawsservice vpceaccount vpceorgid vpceorgpaths vpcsourceip`)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// knownKey reports whether a condition key can have a meaning. AWS says what all "aws:" keys are; the keys of services
// and identity providers are theirs.
func knownKey(key string) bool {
	if !hasPrefixFold(key, "aws:") {
		return true
	}
	name := strings.ToLower(key[len("aws:"):])
	if tag := strings.IndexByte(name, '/'); tag >= 0 {
		return globalKeys[name[:tag+1]] && tag+1 < len(name)
	}
	return globalKeys[name]
}

package policy

// holds reports whether the condition is met in a statement of the effect. The package comment says where the effect
// matters.
func (c *Condition) holds(ctx *Context, effect Effect) bool {
	values := ctx.lookup(c.hash, c.Key)
	if c.Test == TestNull {
		return c.holdsNull(values)
	}
	if len(values) == 0 && c.IfExists {
		return true
	}
	if len(values) == 0 || c.Quantifier != Single && isNull(values) {
		return c.holdsEmpty(ctx, effect)
	}
	all := c.Quantifier == ForAllValues || c.Quantifier == Single && effect == Allow
	for _, v := range values {
		if c.holdsValue(v, ctx, effect) != all {
			return !all
		}
	}
	return all
}

// isNull reports whether values are a null data set: none, or nothing but empty strings ("Single-valued vs.
// multivalued context keys", IAM User Guide).
func isNull(values []string) bool {
	for _, v := range values {
		if v != "" {
			return false
		}
	}
	return true
}

func (c *Condition) holdsNull(values []string) bool {
	null := isNull(values)
	for i := range c.Values {
		if c.Values[i].Flag == null {
			return true
		}
	}
	return false
}

// holdsEmpty is the result for a key that has no value: true for ForAllValues and for negated operators. In an Allow
// that stops where the policy's own values cannot be resolved: "variables that cannot be resolved might cause the
// entire statement to be invalid" (IAM JSON policy elements: Variables and tags).
func (c *Condition) holdsEmpty(ctx *Context, effect Effect) bool {
	if c.Quantifier == ForAnyValue || c.Quantifier == Single && !c.Negated {
		return false
	}
	if effect == Deny {
		return true
	}
	resolved := 0
	for i := range c.Values {
		if c.Values[i].Pattern.resolvable(ctx) {
			resolved++
		}
	}
	return resolved == len(c.Values) || resolved > 0 && !c.Negated
}

func (c *Condition) holdsValue(v string, ctx *Context, effect Effect) bool {
	o := c.compare(v, ctx)
	if !c.Negated {
		return o == equal
	}
	return o == unequal || o == unresolved && effect == Deny
}

// compare compares one value of the request with all of the policy.
func (c *Condition) compare(v string, ctx *Context) outcome {
	switch c.Test {
	case TestNumber:
		return c.compareNumber(v)
	case TestDate:
		return c.compareDate(v)
	case TestBool:
		return c.compareBool(v)
	case TestIP:
		return c.compareIP(v)
	}
	result := unequal
	for i := range c.Values {
		p := &c.Values[i].Pattern
		var o outcome
		switch c.Test {
		case TestStringFold:
			o = p.equalFold(v, ctx)
		case TestArn:
			o = p.likeARN(v, ctx)
		default:
			o = p.like(v, ctx)
		}
		if o == equal {
			return equal
		}
		result = max(result, o)
	}
	return result
}

func (c *Condition) compareNumber(v string) outcome {
	n, ok := parseNumber(v)
	if !ok {
		return unresolved
	}
	for i := range c.Values {
		if c.Order.holds(n.compare(c.Values[i].Number)) {
			return equal
		}
	}
	return unequal
}

func (c *Condition) compareDate(v string) outcome {
	d, ok := parseDate(v)
	if !ok {
		return unresolved
	}
	for i := range c.Values {
		if c.Order.holds(d.compare(c.Values[i].Date)) {
			return equal
		}
	}
	return unequal
}

func (c *Condition) compareBool(v string) outcome {
	b, ok := parseBool(v)
	if !ok {
		return unresolved
	}
	for i := range c.Values {
		if c.Values[i].Flag == b {
			return equal
		}
	}
	return unequal
}

func (c *Condition) compareIP(v string) outcome {
	a, ok := parseIP(v)
	if !ok {
		return unresolved
	}
	for i := range c.Values {
		if c.Values[i].Prefix.Contains(a) {
			return equal
		}
	}
	return unequal
}

// holds reports whether a comparison result is in the order.
func (o Order) holds(result int) bool {
	switch {
	case result < 0:
		return o&Less != 0
	case result > 0:
		return o&Greater != 0
	}
	return o&Equal != 0
}

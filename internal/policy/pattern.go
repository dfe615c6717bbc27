package policy

import (
	"strings"
	"unicode/utf8"
)

// dialect is what a pattern's text may hold besides literals.
type dialect struct {
	wild, vars bool
	// fold makes literals lower-case, for actions.
	fold bool
}

// compilePattern reads the text of a pattern. problem is empty if it is valid.
func compilePattern(raw string, d dialect) (p Pattern, problem string) {
	p.Raw = raw
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			p.Parts = append(p.Parts, Part{Kind: Literal, Text: lit.String()})
			lit.Reset()
		}
	}
	slots := 0
	for s := raw; s != ""; {
		switch {
		case d.wild && (s[0] == '*' || s[0] == '?'):
			flush()
			p.wildcard(s[0])
			s = s[1:]
		case d.vars && strings.HasPrefix(s, "${"):
			part, n, problem := compileVariable(s)
			if problem != "" {
				return Pattern{}, problem
			}
			if part.Kind == Literal {
				lit.WriteString(part.Text)
			} else {
				flush()
				part.slot = slots
				slots++
				p.Parts = append(p.Parts, part)
			}
			s = s[n:]
		default:
			c := s[0]
			if d.fold {
				c = lower(c)
			}
			lit.WriteByte(c)
			s = s[1:]
		}
	}
	flush()
	p.summarize()
	return p, ""
}

// wildcard appends a wildcard. "**" is "*": one less step to walk, the same meaning.
func (p *Pattern) wildcard(c byte) {
	kind := AnyChar
	if c == '*' {
		kind = AnyText
		if n := len(p.Parts); n > 0 && p.Parts[n-1].Kind == AnyText {
			return
		}
	}
	p.Parts = append(p.Parts, Part{Kind: kind})
}

func (p *Pattern) summarize() {
	rest := p.Parts
	if len(rest) > 0 && rest[0].Kind == Literal {
		p.prefix = rest[0].Text
		rest = rest[1:]
	}
	switch {
	case len(rest) == 0:
		p.shape = exact
	case len(rest) == 1 && rest[0].Kind == AnyText:
		p.shape = prefixed
	case len(p.Parts) == 1 && rest[0].Kind == Variable:
		p.shape = single
	}
	p.hash = hashFold(p.prefix)
}

// hasVariables reports whether the pattern depends on the context.
func (p *Pattern) hasVariables() bool {
	for i := range p.Parts {
		if p.Parts[i].Kind == Variable {
			return true
		}
	}
	return false
}

// compileVariable reads ${key}, ${key, 'default'}, ${*}, ${?} or ${$} at the start of s, n bytes long ("Policy
// variables and tags", IAM User Guide).
func compileVariable(s string) (part Part, n int, problem string) {
	end := strings.IndexAny(s, ",}")
	if end < 0 {
		return Part{}, 0, "Policy variable has no end: " + s
	}
	key := s[2:end]
	if s[end] == '}' && (key == "*" || key == "?" || key == "$") {
		return Part{Kind: Literal, Text: key}, end + 1, ""
	}
	if !validKey(key) {
		return Part{}, 0, "Policy variable is not valid: " + s[:end+1]
	}
	part = Part{Kind: Variable, Text: key, hash: hashFold(key)}
	if s[end] == '}' {
		return part, end + 1, ""
	}
	rest := strings.TrimLeft(s[end+1:], " ")
	text, after, ok := strings.Cut(strings.TrimPrefix(rest, "'"), "'")
	after = strings.TrimLeft(after, " ")
	if !ok || rest[0] != '\'' || !strings.HasPrefix(after, "}") {
		return Part{}, 0, "Policy variable has a default value that is not valid: " + s
	}
	part.Default, part.HasDefault = text, true
	return part, len(s) - len(after) + 1, ""
}

// validKey reports whether key can be the name of a condition key: a vendor or provider, a colon and a name. Names
// hold what tag keys may hold.
func validKey(key string) bool {
	vendor, name, ok := strings.Cut(key, ":")
	if !ok || vendor == "" || name == "" || len(key) > 1024 {
		return false
	}
	for i := 0; i < len(key); i++ {
		if key[i] < ' ' || strings.IndexByte("${}*?'\"\\,", key[i]) >= 0 {
			return false
		}
	}
	return true
}

// outcome is the result of comparing with a pattern.
type outcome uint8

const (
	unequal outcome = iota
	equal
	// unresolved is a pattern with a variable that has no single value, or a value not of the operator's type.
	unresolved
)

func outcomeOf(b bool) outcome {
	if b {
		return equal
	}
	return unequal
}

// maxInline is how many variables of a pattern are resolved without an allocation.
const maxInline = 8

// resolve appends the values of the variables, in their order, to vals; ok is false if one has no single value.
func (p *Pattern) resolve(c *Context, vals []string) (_ []string, ok bool) {
	for i := range p.Parts {
		part := &p.Parts[i]
		if part.Kind != Variable {
			continue
		}
		v, ok := part.value(c)
		if !ok {
			return nil, false
		}
		vals = append(vals, v)
	}
	return vals, true
}

// value returns the value of a variable. A default stands in for an absent key only, not for one with many values.
func (p *Part) value(c *Context) (string, bool) {
	switch v := c.lookup(p.hash, p.Text); {
	case len(v) == 1:
		return v[0], true
	case len(v) == 0 && p.HasDefault:
		return p.Default, true
	}
	return "", false
}

// resolvable reports whether every variable has a value.
func (p *Pattern) resolvable(c *Context) bool {
	for i := range p.Parts {
		if p.Parts[i].Kind == Variable {
			if _, ok := p.Parts[i].value(c); !ok {
				return false
			}
		}
	}
	return true
}

// like compares s with the pattern, wildcards included, by case.
func (p *Pattern) like(s string, c *Context) outcome {
	switch p.shape {
	case exact:
		return outcomeOf(s == p.prefix)
	case prefixed:
		return outcomeOf(strings.HasPrefix(s, p.prefix))
	case single:
		v, ok := p.Parts[0].value(c)
		if !ok {
			return unresolved
		}
		return outcomeOf(s == v)
	}
	var buf [maxInline]string
	vals, ok := p.resolve(c, buf[:0])
	if !ok {
		return unresolved
	}
	return outcomeOf(glob{parts: p.Parts, vals: vals}.match(s))
}

// likeAction compares an action with the pattern; h is the action's hashFold.
func (p *Pattern) likeAction(action string, h uint64) bool {
	switch p.shape {
	case exact:
		return h == p.hash && (action == p.Raw || len(action) == len(p.prefix) && hasPrefixFold(action, p.prefix))
	case prefixed:
		return hasPrefixFold(action, p.prefix)
	}
	return hasPrefixFold(action, p.prefix) && glob{parts: p.Parts, fold: true}.match(action)
}

// equalFold compares s with the pattern's text under Unicode case folding.
func (p *Pattern) equalFold(s string, c *Context) outcome {
	if p.shape == exact {
		return outcomeOf(strings.EqualFold(s, p.prefix))
	}
	if !p.resolvable(c) {
		return unresolved
	}
	for i := range p.Parts {
		text := p.Parts[i].Text
		if p.Parts[i].Kind == Variable {
			text, _ = p.Parts[i].value(c)
		}
		for _, r := range text {
			x, n := utf8.DecodeRuneInString(s)
			if n == 0 || foldRune(x) != foldRune(r) {
				return unequal
			}
			s = s[n:]
		}
	}
	return outcomeOf(s == "")
}

// glob matches text against parts. Values of variables are literals whatever they hold. The time is at most the
// product of the two lengths: text between two "*" is matched at the first place it fits, and never again elsewhere.
type glob struct {
	parts []Part
	vals  []string
	fold  bool
}

func (g glob) match(s string) bool {
	i, pos := 0, 0
	for ; i < len(g.parts) && g.parts[i].Kind != AnyText; i++ {
		n := g.forward(i, s[pos:])
		if n < 0 {
			return false
		}
		pos += n
	}
	if i == len(g.parts) {
		return pos == len(s)
	}
	j, end := len(g.parts), len(s)
	for ; g.parts[j-1].Kind != AnyText; j-- {
		n := g.backward(j-1, s[pos:end])
		if n < 0 {
			return false
		}
		end -= n
	}
	for i++; i < j; {
		m := i
		for g.parts[m].Kind != AnyText {
			m++
		}
		n := g.find(i, m, s[pos:end])
		if n < 0 {
			return false
		}
		pos += n
		i = m + 1
	}
	return true
}

func (g glob) text(i int) string {
	p := &g.parts[i]
	if p.Kind == Variable {
		return g.vals[p.slot]
	}
	return p.Text
}

// forward returns the length of part i at the start of s, -1 if it is not there.
func (g glob) forward(i int, s string) int {
	if g.parts[i].Kind == AnyChar {
		if s == "" {
			return -1
		}
		_, n := utf8.DecodeRuneInString(s)
		return n
	}
	t := g.text(i)
	if g.fold && hasPrefixFold(s, t) || !g.fold && strings.HasPrefix(s, t) {
		return len(t)
	}
	return -1
}

// backward returns the length of part i at the end of s, -1 if it is not there.
func (g glob) backward(i int, s string) int {
	if g.parts[i].Kind == AnyChar {
		if s == "" {
			return -1
		}
		_, n := utf8.DecodeLastRuneInString(s)
		return n
	}
	t := g.text(i)
	if len(t) > len(s) {
		return -1
	}
	if end := s[len(s)-len(t):]; g.fold && hasPrefixFold(end, t) || !g.fold && end == t {
		return len(t)
	}
	return -1
}

// find returns the end of the first place in s where parts i to m fit, -1 if there is none.
func (g glob) find(i, m int, s string) int {
	for start := 0; ; {
		if !g.fold && g.parts[i].Kind != AnyChar {
			n := strings.Index(s[start:], g.text(i))
			if n < 0 {
				return -1
			}
			start += n
		}
		end := start
		for k := i; k < m; k++ {
			n := g.forward(k, s[end:])
			if n < 0 {
				end = -1
				break
			}
			end += n
		}
		if end >= 0 {
			return end
		}
		if start == len(s) {
			return -1
		}
		_, n := utf8.DecodeRuneInString(s[start:])
		start += n
	}
}

// hasPrefixFold reports whether s starts with prefix, which is lower-case ASCII where it has letters.
func hasPrefixFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := 0; i < len(prefix); i++ {
		if lower(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// arnComponents is how many parts an ARN has; the last may hold colons.
const arnComponents = 6

// arnParts are the parts of a pattern by component: component i is parts[ends[i-1]:ends[i]].
type arnParts struct {
	parts []Part
	ends  [arnComponents]int
}

// splitARN cuts a pattern with its variables' values into components, using buf for the parts. Colons count wherever
// they come from, since a variable may hold a whole ARN. ok is false if there are fewer than six components.
func splitARN(g glob, buf []Part) (a arnParts, ok bool) {
	a.parts = buf
	n := 0
	for i := range g.parts {
		if k := g.parts[i].Kind; k == AnyText || k == AnyChar {
			a.parts = append(a.parts, Part{Kind: k})
			continue
		}
		t := g.text(i)
		for n < arnComponents-1 {
			head, tail, found := strings.Cut(t, ":")
			if !found {
				break
			}
			if head != "" {
				a.parts = append(a.parts, Part{Text: head})
			}
			a.ends[n] = len(a.parts)
			n++
			t = tail
		}
		if t != "" {
			a.parts = append(a.parts, Part{Text: t})
		}
	}
	a.ends[arnComponents-1] = len(a.parts)
	return a, n == arnComponents-1
}

// match compares an ARN with the pattern, component by component. ok is false if s is not an ARN.
func (a *arnParts) match(s string) (matched, ok bool) {
	matched = true
	start := 0
	for i, end := range a.ends {
		component := s
		if i < arnComponents-1 {
			component, s, ok = strings.Cut(s, ":")
			if !ok {
				return false, false
			}
		}
		matched = matched && glob{parts: a.parts[start:end]}.match(component)
		start = end
	}
	return matched, true
}

// likeARN compares an ARN with the pattern as ArnLike does. A pattern that is "*" alone matches any value.
func (p *Pattern) likeARN(s string, c *Context) outcome {
	if p.shape == prefixed && p.prefix == "" {
		return equal
	}
	a := p.arn
	if a == nil {
		var vals [maxInline]string
		var buf [2 * maxInline]Part
		v, ok := p.resolve(c, vals[:0])
		if !ok {
			return unresolved
		}
		split, ok := splitARN(glob{parts: p.Parts, vals: v}, buf[:0])
		if !ok {
			return unresolved
		}
		a = &split
	}
	matched, ok := a.match(s)
	if !ok {
		return unresolved
	}
	return outcomeOf(matched)
}

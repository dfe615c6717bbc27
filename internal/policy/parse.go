package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// AWS's messages of MalformedPolicyDocument, where they are known.
const (
	msgSyntax      = "Syntax errors in policy."
	msgVersion     = "Policy document must be version 2012-10-17 or greater."
	msgSidForm     = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	msgSidUnique   = "Statement IDs (SID) in a single policy must be unique."
	msgVendor      = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	msgNoActions   = "Policy statement must contain actions."
	msgNoResources = "Policy statement must contain resources."
	msgLegacy      = "The policy failed legacy parsing"
)

// maxMessage bounds what an error repeats of the document, in bytes.
const maxMessage = 512

// Policy is a parsed and compiled policy document. It is immutable and safe for concurrent use.
type Policy struct {
	src        []byte
	kind       Kind
	version    string
	id         string
	statements []Statement
}

// JSON returns the document as it was given. It must not be changed.
func (p *Policy) JSON() []byte { return p.src }

// Kind returns what the policy was parsed as.
func (p *Policy) Kind() Kind { return p.kind }

// Version returns "2012-10-17", or "2008-10-17" for a document that says so or says nothing.
func (p *Policy) Version() string { return p.version }

// ID returns the Id element, "" if there is none.
func (p *Policy) ID() string { return p.id }

// Statements returns the compiled statements in order. They must not be changed.
func (p *Policy) Statements() []Statement { return p.statements }

// SyntaxError is a document that is not a valid policy: MalformedPolicyDocument on the wire.
type SyntaxError struct {
	// Offset is the byte offset, from 0; Line and Column count from 1, Column in bytes.
	Offset, Line, Column int
	// Path is the element, e.g. "Statement[0].Condition.StringEquals".
	Path string
	// Msg is AWS's message where one is known.
	Msg string
}

// Error returns the message with the position, fit for the message of MalformedPolicyDocument.
func (e *SyntaxError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s (line %d, column %d)", e.Msg, e.Line, e.Column)
	}
	return fmt.Sprintf("%s (line %d, column %d, at %s)", e.Msg, e.Line, e.Column, e.Path)
}

// Parse compiles a document of the kind. An error is a *SyntaxError. The document may have MaxSize bytes; the limits
// of an API ("IAM and AWS STS quotas") are its caller's to enforce. Parse keeps a copy of src.
func Parse(src []byte, k Kind) (*Policy, error) {
	root, bad := readJSON(src)
	if bad != nil {
		return nil, syntaxError(src, bad.off, "", bad.msg)
	}
	c := &compiler{src: src, kind: k, sids: map[string]bool{}}
	p := c.policy(&root)
	if c.err != nil {
		return nil, c.err
	}
	p.src = slices.Clone(src)
	return p, nil
}

func syntaxError(src []byte, off int, path, msg string) *SyntaxError {
	off = min(off, len(src))
	if len(msg) > maxMessage {
		msg = strings.ToValidUTF8(msg[:maxMessage], "") + "…"
	}
	before := string(src[:off])
	return &SyntaxError{
		Offset: off,
		Line:   1 + strings.Count(before, "\n"),
		Column: off - strings.LastIndexByte(before, '\n'),
		Path:   path,
		Msg:    msg,
	}
}

// compiler turns a JSON tree into a Policy. It keeps the first error and goes on, so that no step has to return one.
type compiler struct {
	src  []byte
	kind Kind
	vars bool
	path []string
	sids map[string]bool
	err  *SyntaxError
}

func (c *compiler) fail(off int, msg string) {
	if c.err == nil {
		c.err = syntaxError(c.src, off, strings.Join(c.path, ""), msg)
	}
}

func (c *compiler) enter(name string) {
	if len(c.path) > 0 && !strings.HasPrefix(name, "[") {
		name = "." + name
	}
	c.path = append(c.path, name)
}

func (c *compiler) leave() { c.path = c.path[:len(c.path)-1] }

func (c *compiler) policy(root *node) *Policy {
	p := &Policy{kind: c.kind, version: "2008-10-17"}
	if root.kind != objectNode {
		c.fail(root.off, msgSyntax+" The document must be an object.")
		return p
	}
	c.version(root, p)
	var statements *node
	for i := range root.members {
		m := &root.members[i]
		c.enter(m.key)
		switch m.key {
		case "Version":
		case "Id":
			p.id = c.text(&m.value)
		case "Statement":
			statements = &m.value
		default:
			c.fail(m.off, msgSyntax+" Unknown element "+strconv.Quote(m.key)+".")
		}
		c.leave()
	}
	if statements == nil {
		c.fail(root.off, msgSyntax+" Missing required field Statement")
		return p
	}
	c.enter("Statement")
	c.statements(statements, p)
	c.leave()
	return p
}

// version is read before the rest, since it decides whether variables are substituted.
func (c *compiler) version(root *node, p *Policy) {
	for i := range root.members {
		if m := &root.members[i]; m.key == "Version" {
			c.enter("Version")
			if v := m.value.text; m.value.kind != stringNode || v != "2012-10-17" && v != "2008-10-17" {
				c.fail(m.value.off, msgVersion)
			}
			c.leave()
			p.version = m.value.text
		}
	}
	c.vars = p.version == "2012-10-17"
}

func (c *compiler) statements(n *node, p *Policy) {
	switch {
	case n.kind == objectNode:
		p.statements = append(p.statements, c.statement(n))
	case n.kind == arrayNode && len(n.elems) > 0:
		for i := range n.elems {
			c.enter("[" + strconv.Itoa(i) + "]")
			p.statements = append(p.statements, c.statement(&n.elems[i]))
			c.leave()
		}
	default:
		c.fail(n.off, msgSyntax+" Statement must be an object or a list of objects that is not empty.")
	}
}

// statement compiles one statement. The elements are checked in the order of the grammar, whatever theirs is.
func (c *compiler) statement(n *node) Statement {
	var s Statement
	if n.kind != objectNode {
		c.fail(n.off, msgSyntax+" A statement must be an object.")
		return s
	}
	f := c.fields(n)
	if c.err != nil {
		return s
	}
	c.in(f["Sid"], func(v *node) { s.Sid = c.sid(v) })
	if f["Effect"] == nil {
		c.fail(n.off, "Missing required field Effect")
	}
	c.in(f["Effect"], func(v *node) { s.Effect = c.effect(v) })
	c.principalElement(n, f, &s)
	c.actionElement(n, f, &s)
	c.resourceElement(n, f, &s)
	c.in(f["Condition"], func(v *node) { c.conditions(v, &s) })
	return s
}

var statementElements = []string{
	"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}

func (c *compiler) fields(n *node) map[string]*member {
	f := make(map[string]*member, len(n.members))
	for i := range n.members {
		m := &n.members[i]
		if !slices.Contains(statementElements, m.key) {
			c.fail(m.off, msgSyntax+" Unknown element "+strconv.Quote(m.key)+".")
		}
		f[m.key] = m
	}
	return f
}

// in runs f on the value of a member, if there is one, within its path.
func (c *compiler) in(m *member, f func(*node)) {
	if m == nil {
		return
	}
	c.enter(m.key)
	f(&m.value)
	c.leave()
}

func (c *compiler) text(n *node) string {
	if n.kind != stringNode {
		c.fail(n.off, msgSyntax+" A string was expected.")
	}
	return n.text
}

// texts reads a string or a list of strings that is not empty.
func (c *compiler) texts(n *node, empty string, f func(*node)) {
	switch {
	case n.kind == stringNode:
		f(n)
	case n.kind == arrayNode && len(n.elems) == 0:
		c.fail(n.off, empty)
	case n.kind == arrayNode:
		for i := range n.elems {
			c.enter("[" + strconv.Itoa(i) + "]")
			if c.text(&n.elems[i]); c.err == nil {
				f(&n.elems[i])
			}
			c.leave()
		}
	default:
		c.fail(n.off, msgSyntax+" A string or a list of strings was expected.")
	}
}

func (c *compiler) sid(n *node) string {
	sid := c.text(n)
	if c.kind != Resource && strings.ContainsFunc(sid, func(r rune) bool { return !isAlphanumeric(r) }) {
		c.fail(n.off, msgSidForm)
	}
	if sid != "" && c.sids[sid] {
		c.fail(n.off, msgSidUnique)
	}
	c.sids[sid] = true
	return sid
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func (c *compiler) effect(n *node) Effect {
	switch c.text(n) {
	case "Allow":
		return Allow
	case "Deny":
		return Deny
	}
	c.fail(n.off, "Invalid effect: "+n.text)
	return Deny
}

// either returns the one of an element and its negation that the statement has.
func (c *compiler) either(n *node, f map[string]*member, name string) (m *member, not bool) {
	yes, no := f[name], f["Not"+name]
	if yes != nil && no != nil {
		c.fail(no.off, msgSyntax+" A statement has either "+name+" or Not"+name+".")
	}
	if yes != nil {
		return yes, false
	}
	return no, no != nil
}

func (c *compiler) actionElement(n *node, f map[string]*member, s *Statement) {
	m, not := c.either(n, f, "Action")
	if m == nil {
		c.fail(n.off, "Missing required field Action")
	}
	s.NotAction = not
	c.in(m, func(v *node) {
		c.texts(v, msgNoActions, func(a *node) { s.Actions = append(s.Actions, c.action(a)) })
	})
}

func (c *compiler) action(n *node) Pattern {
	vendor, name, ok := strings.Cut(n.text, ":")
	switch {
	case n.text == "*":
	case !ok || vendor == "" || name == "":
		c.fail(n.off, msgVendor)
	case vendor != "*" && strings.ContainsFunc(vendor, func(r rune) bool { return !isAlphanumeric(r) && r != '-' }):
		c.fail(n.off, "Vendor "+vendor+" is not valid")
	case strings.ContainsFunc(name, func(r rune) bool { return !isAlphanumeric(r) && r != '*' && r != '?' }):
		c.fail(n.off, msgLegacy)
	}
	p, problem := compilePattern(n.text, dialect{wild: true, fold: true})
	if problem != "" {
		c.fail(n.off, problem)
	}
	return p
}

func (c *compiler) resourceElement(n *node, f map[string]*member, s *Statement) {
	m, not := c.either(n, f, "Resource")
	switch {
	case c.kind == Trust && m != nil:
		c.fail(m.off, "Has prohibited field "+m.key)
	case c.kind != Trust && m == nil:
		c.fail(n.off, "Missing required field Resource")
	}
	s.NotResource = not
	c.in(m, func(v *node) {
		c.texts(v, msgNoResources, func(r *node) { s.Resources = append(s.Resources, c.resource(r)) })
	})
}

func (c *compiler) resource(n *node) Pattern {
	if n.text != "*" {
		c.resourceARN(n)
	}
	p, problem := compilePattern(n.text, dialect{wild: true, vars: c.vars})
	if problem != "" {
		c.fail(n.off, problem)
	}
	return p
}

// resourceARN checks the form of a resource: six components, or fewer that end in a "*" that stands for the others.
func (c *compiler) resourceARN(n *node) {
	parts := strings.SplitN(n.text, ":", arnComponents)
	if len(parts) < 3 || parts[0] != "arn" || len(parts) < arnComponents && !strings.HasSuffix(n.text, "*") {
		c.fail(n.off, "Resource "+n.text+` must be in ARN format or "*".`)
		return
	}
	if p := parts[1]; p != "*" && p != "aws" && !strings.HasPrefix(p, "aws-") {
		c.fail(n.off, fmt.Sprintf("Partition %q is not valid for resource %q.", p, n.text))
	}
	if strings.ContainsAny(parts[2], "*?$") && parts[2] != "*" || parts[2] == "" {
		c.fail(n.off, "Resource vendor must be fully qualified and cannot contain regexes.")
	}
}

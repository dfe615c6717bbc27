package policy

import (
	"strconv"
	"strings"
)

func (c *compiler) principalElement(n *node, f map[string]*member, s *Statement) {
	m, not := c.either(n, f, "Principal")
	switch {
	case m == nil && c.kind == Identity:
		return
	case m == nil:
		c.fail(n.off, "Missing required field Principal")
		return
	case c.kind == Identity || c.kind == Trust && not:
		c.fail(m.off, "Has prohibited field "+m.key)
		return
	}
	p := &Principals{Not: not}
	c.in(m, func(v *node) { c.principals(v, p) })
	s.Principals = p
}

func (c *compiler) principals(n *node, p *Principals) {
	switch {
	case n.kind == stringNode && n.text == "*":
		p.Everyone = true
	case n.kind == objectNode && len(n.members) > 0:
		for i := range n.members {
			m := &n.members[i]
			c.in(m, func(v *node) {
				c.texts(v, "Principal is empty.", func(x *node) { c.principal(m, x, p) })
			})
		}
	default:
		c.invalidPrincipal(n, "", n.text)
	}
}

func (c *compiler) invalidPrincipal(n *node, typ, name string) {
	if typ != "" {
		typ = strconv.Quote(typ) + ":"
	}
	c.fail(n.off, "Invalid principal in policy: "+typ+strconv.Quote(name))
}

// principal adds one principal ("AWS JSON policy elements: Principal"). There are no wildcards in names and ARNs.
func (c *compiler) principal(m *member, n *node, p *Principals) {
	name := n.text
	valid := name != "" && !strings.ContainsAny(name, "*?${}\"' \t\r\n")
	switch m.key {
	case "AWS":
		if name == "*" {
			p.Everyone = true
			return
		}
		valid = valid && c.awsPrincipal(name, p)
	case "Service":
		p.Services = append(p.Services, name)
		valid = valid && strings.Contains(name, ".")
	case "Federated":
		p.Federated = append(p.Federated, name)
		valid = valid && (!strings.HasPrefix(name, "arn:") || isProvider(name))
	case "CanonicalUser":
		p.Canonical = append(p.Canonical, name)
	default:
		c.fail(m.off, "Invalid principal in policy: unknown type "+strconv.Quote(m.key))
	}
	if !valid {
		c.invalidPrincipal(n, m.key, name)
	}
}

func isAccount(s string) bool { return len(s) == 12 && digits(s) }

// awsPrincipal adds an account id or the ARN of a root, user, role or session. It reports whether name is one.
func (c *compiler) awsPrincipal(name string, p *Principals) bool {
	if isAccount(name) {
		p.Accounts = append(p.Accounts, name)
		return true
	}
	a := strings.SplitN(name, ":", arnComponents)
	if len(a) != arnComponents || a[0] != "arn" || a[1] != "aws" && !strings.HasPrefix(a[1], "aws-") || !isAccount(a[4]) {
		return false
	}
	typ, id, _ := strings.Cut(a[5], "/")
	switch a[2] + ":" + typ {
	case "iam:root":
		p.Accounts = append(p.Accounts, a[4])
		return a[3] == "" && a[5] == "root"
	case "iam:user", "iam:role", "sts:federated-user", "sts:assumed-role":
		p.ARNs = append(p.ARNs, name)
		return a[3] == "" && id != "" && (typ != "assumed-role" || strings.Count(id, "/") == 1)
	}
	return false
}

func isProvider(arn string) bool {
	a := strings.SplitN(arn, ":", arnComponents)
	return len(a) == arnComponents && a[2] == "iam" && isAccount(a[4]) &&
		(strings.HasPrefix(a[5], "oidc-provider/") || strings.HasPrefix(a[5], "saml-provider/"))
}

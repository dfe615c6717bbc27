package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/internal/policy"
)

// The naive evaluator reads decoded JSON and follows the IAM User Guide step by step. It shares nothing with the
// engine but the request types: no pattern, condition or index code.

type document = map[string]any

// list returns a JSON value as a list.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func texts(v any) []string {
	if s, ok := v.([]string); ok {
		return s
	}
	var out []string
	for _, x := range list(v) {
		switch x := x.(type) {
		case string:
			out = append(out, x)
		default:
			b, _ := json.Marshal(x)
			out = append(out, string(b))
		}
	}
	return out
}

// tri is a three-valued answer.
type tri string

const (
	yes     tri = "yes"
	no      tri = "no"
	unknown tri = "unknown"
)

type naive struct {
	r   *policy.Request
	ctx map[string][]string
}

func newNaive(r *policy.Request, k keys) *naive {
	n := &naive{r, map[string][]string{}}
	for key, v := range k {
		if len(v) > 0 {
			n.ctx[strings.ToLower(key)] = v
		}
	}
	return n
}

var variable = regexp.MustCompile(`\$\{([^},]*)(?:, *'([^']*)' *)?\}`)

// piece is text of a policy, or literal text that a variable stood for.
type piece struct {
	text    string
	literal bool
}

func (n *naive) substitute(value, version string) (pieces []piece, ok bool) {
	if version != "2012-10-17" {
		return []piece{{value, false}}, true
	}
	at := 0
	for _, m := range variable.FindAllStringSubmatchIndex(value, -1) {
		pieces = append(pieces, piece{value[at:m[0]], false})
		at = m[1]
		key := value[m[2]:m[3]]
		v := n.ctx[strings.ToLower(key)]
		switch {
		case key == "*" || key == "?" || key == "$":
			pieces = append(pieces, piece{key, true})
		case len(v) == 1:
			pieces = append(pieces, piece{v[0], true})
		case len(v) == 0 && m[4] >= 0:
			pieces = append(pieces, piece{value[m[4]:m[5]], true})
		default:
			return nil, false
		}
	}
	return append(pieces, piece{value[at:], false}), true
}

// expression turns pieces into an anchored regular expression.
func expression(pieces []piece, wild bool, flags string) *regexp.Regexp {
	var b strings.Builder
	for _, p := range pieces {
		q := regexp.QuoteMeta(p.text)
		if wild && !p.literal {
			q = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(q)
		}
		b.WriteString(q)
	}
	return regexp.MustCompile(`^(?s` + flags + `:` + b.String() + `)$`)
}

func (n *naive) text(v, pattern, version string, wild bool, flags string) tri {
	p, ok := n.substitute(pattern, version)
	if !ok {
		return unknown
	}
	if expression(p, wild, flags).MatchString(v) {
		return yes
	}
	return no
}

func (n *naive) arn(v, pattern, version string) tri {
	if pattern == "*" {
		return yes
	}
	p, ok := n.substitute(pattern, version)
	parts := strings.SplitN(v, ":", 6)
	if !ok {
		return unknown
	}
	// Cut the pieces at the first five colons.
	components := [][]piece{nil}
	for _, x := range p {
		for x.text != "" {
			head, tail, found := strings.Cut(x.text, ":")
			if len(components) == 6 || !found {
				head, tail, found = x.text, "", false
			}
			components[len(components)-1] = append(components[len(components)-1], piece{head, x.literal})
			if found {
				components = append(components, nil)
			}
			x.text = tail
		}
	}
	if len(components) < 6 || len(parts) < 6 {
		return unknown
	}
	for i := range components {
		if !expression(components[i], true, "").MatchString(parts[i]) {
			return no
		}
	}
	return yes
}

func when(s string) (time.Time, bool) {
	for _, layout := range []string{
		"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if x, ok := new(big.Int).SetString(s, 10); ok && x.IsInt64() {
		return time.Unix(x.Int64(), 0), true
	}
	return time.Time{}, false
}

func ordered(op string, c int) bool {
	switch {
	case strings.HasSuffix(op, "LessThan"):
		return c < 0
	case strings.HasSuffix(op, "LessThanEquals"):
		return c <= 0
	case strings.HasSuffix(op, "GreaterThan"):
		return c > 0
	case strings.HasSuffix(op, "GreaterThanEquals"):
		return c >= 0
	}
	return c == 0
}

func truth(b bool) tri {
	if b {
		return yes
	}
	return no
}

// one compares a request value with a policy value under a positive operator.
func (n *naive) one(op, v, want, version string) tri {
	switch {
	case op == "StringEquals":
		return n.text(v, want, version, false, "")
	case op == "StringEqualsIgnoreCase":
		return n.text(v, want, version, false, "i")
	case op == "StringLike":
		return n.text(v, want, version, true, "")
	case op == "ArnEquals" || op == "ArnLike":
		return n.arn(v, want, version)
	case strings.HasPrefix(op, "Numeric"):
		a, ok1 := new(big.Rat).SetString(v)
		b, ok2 := new(big.Rat).SetString(want)
		if !ok1 || !ok2 {
			return unknown
		}
		return truth(ordered(op, a.Cmp(b)))
	case strings.HasPrefix(op, "Date"):
		a, ok1 := when(v)
		b, ok2 := when(want)
		if !ok1 || !ok2 {
			return unknown
		}
		return truth(ordered(op, a.Compare(b)))
	case op == "Bool":
		if l := strings.ToLower(v); l != "true" && l != "false" {
			return unknown
		}
		return truth(strings.EqualFold(v, want))
	case op == "BinaryEquals":
		a, _ := base64.StdEncoding.DecodeString(v)
		b, _ := base64.StdEncoding.DecodeString(want)
		return truth(string(a) == string(b))
	case op == "IpAddress":
		a := net.ParseIP(v)
		if a == nil {
			return unknown
		}
		if _, block, err := net.ParseCIDR(want); err == nil {
			return truth(block.Contains(a))
		}
		return truth(a.Equal(net.ParseIP(want)))
	}
	panic("unknown operator " + op)
}

// condition follows "Condition operators" and "Single-valued vs. multivalued context keys".
func (n *naive) condition(op, key string, want []string, version string, allow bool) bool {
	values := n.ctx[strings.ToLower(key)]
	empty := true
	for _, v := range values {
		empty = empty && v == ""
	}
	if op == "Null" {
		for _, w := range want {
			if strings.EqualFold(w, "true") == empty {
				return true
			}
		}
		return false
	}
	quantifier, name, quantified := strings.Cut(op, ":")
	if !quantified {
		quantifier, name = "", op
	}
	name, ifExists := strings.CutSuffix(name, "IfExists")
	negated := strings.Contains(name, "Not")
	name = strings.Replace(name, "Not", "", 1)
	if ifExists && len(values) == 0 {
		return true
	}
	// truthOf is whether the operator holds for one value of the request.
	truthOf := func(v string) bool {
		sawUnknown := false
		for _, w := range want {
			switch n.one(name, v, w, version) {
			case yes:
				return !negated
			case unknown:
				sawUnknown = true
			}
		}
		return negated && (!sawUnknown || !allow)
	}
	if len(values) == 0 || quantified && empty {
		if quantifier == "ForAnyValue" || quantifier == "" && !negated {
			return false
		}
		if !allow {
			return true
		}
		good, bad := 0, 0
		for _, w := range want {
			if strings.HasPrefix(name, "String") || strings.HasPrefix(name, "Arn") {
				if _, ok := n.substitute(w, version); !ok {
					bad++
					continue
				}
			}
			good++
		}
		return bad == 0 || good > 0 && !negated
	}
	every, some := true, false
	for _, v := range values {
		t := truthOf(v)
		every, some = every && t, some || t
	}
	if quantifier == "ForAllValues" || quantifier == "" && allow {
		return every
	}
	return some
}

func (n *naive) action(st document) bool {
	element, not := st["Action"], false
	if element == nil {
		element, not = st["NotAction"], true
	}
	for _, a := range texts(element) {
		if expression([]piece{{a, false}}, true, "i").MatchString(n.r.Action) {
			return !not
		}
	}
	return not
}

func (n *naive) resource(st document, version string, allow bool) bool {
	element, not := st["Resource"], false
	if element == nil {
		element, not = st["NotResource"], true
	}
	if element == nil {
		return true
	}
	sawUnknown := false
	for _, p := range texts(element) {
		switch n.text(n.r.Resource, p, version, true, "") {
		case yes:
			return !not
		case unknown:
			sawUnknown = true
		}
	}
	return not && (!sawUnknown || !allow)
}

// principal follows "AWS JSON policy elements: Principal" and "NotPrincipal". It returns how the caller is named:
// "caller", "role", "everyone", "account" or "".
func (n *naive) principal(st document, allow bool) string {
	p := n.r.Principal
	element, not := st["Principal"], false
	if element == nil {
		element, not = st["NotPrincipal"], true
	}
	named := map[string]bool{}
	if element == "*" {
		named["*"] = true
	} else {
		for typ, v := range element.(document) {
			for _, s := range texts(v) {
				if typ == "AWS" && len(s) == 12 {
					s = "arn:aws:iam::" + s + ":root"
				}
				named[s] = true
			}
		}
	}
	root := "arn:aws:iam::" + p.Account + ":root"
	session := p.IssuerARN != "" && p.IssuerARN != p.ARN
	if not {
		// Everything that the caller is.
		var is []string
		for _, s := range []string{p.ARN, p.Service, p.Federated} {
			if s != "" {
				is = append(is, s)
			}
		}
		if session {
			is = append(is, p.IssuerARN)
		}
		if p.Account != "" {
			is = append(is, root)
		}
		listed := 0
		for _, s := range is {
			if named[s] {
				listed++
			}
		}
		if named["*"] || allow && listed > 0 || !allow && len(is) > 0 && listed == len(is) {
			return ""
		}
		return "everyone"
	}
	switch {
	case p.ARN != "" && p.ARN != root && named[p.ARN], p.Service != "" && named[p.Service],
		p.Federated != "" && named[p.Federated]:
		return "caller"
	case session && named[p.IssuerARN], p.Root && named[root]:
		return "role"
	case named["*"]:
		return "everyone"
	case p.Account != "" && named[root]:
		return "account"
	}
	return ""
}

// layer is what the policies of one kind say: denied, allowed, and how the caller is named.
type layer struct {
	deny, allow bool
	grant       string
}

var grantOrder = []string{"", "account", "everyone", "role", "caller"}

func rank(g string) int {
	for i, x := range grantOrder {
		if x == g {
			return i
		}
	}
	return -1
}

func (n *naive) layer(docs []document, resource bool) layer {
	var l layer
	for _, d := range docs {
		version, _ := d["Version"].(string)
		for _, s := range list(d["Statement"]) {
			st := s.(document)
			allow := st["Effect"] == "Allow"
			grant := ""
			if resource {
				if grant = n.principal(st, allow); grant == "" {
					continue
				}
			}
			if !n.action(st) || !n.resource(st, version, allow) || !n.all(st, version, allow) {
				continue
			}
			if !allow {
				l.deny = true
				continue
			}
			l.allow = true
			if rank(grant) > rank(l.grant) {
				l.grant = grant
			}
		}
	}
	return l
}

func (n *naive) all(st document, version string, allow bool) bool {
	conditions, _ := st["Condition"].(document)
	met := true
	for op, block := range conditions {
		for key, want := range block.(document) {
			if strings.EqualFold(key, "aws:NoSuchKey") {
				return !allow
			}
			met = met && n.condition(op, key, texts(want), version, allow)
		}
	}
	return met
}

// documents are the decoded policies of a request; nil lists are absent.
type documents struct {
	identity, session   []document
	boundary, resource  document
	hasSession, require bool
}

// evaluate follows the flow of "Policy evaluation logic".
func (n *naive) evaluate(d documents) (bool, policy.Reason) {
	p := n.r.Principal
	one := func(x document) []document {
		if x == nil {
			return nil
		}
		return []document{x}
	}
	id, bound := n.layer(d.identity, false), n.layer(one(d.boundary), false)
	sess, res := n.layer(d.session, false), n.layer(one(d.resource), true)
	if id.deny || bound.deny || sess.deny || res.deny {
		return false, policy.ExplicitDeny
	}
	identity := id.allow || p.Root
	reason := policy.Allowed
	switch {
	case p.Anonymous || p.Account == "":
		if !res.allow {
			return false, policy.ResourcePolicyImplicitDeny
		}
	case p.Account != n.r.ResourceAccount:
		if !res.allow {
			return false, policy.CrossAccountResourceDeny
		}
		if !identity {
			return false, policy.CrossAccountIdentityDeny
		}
	default:
		if res.grant == "caller" {
			return true, policy.Allowed
		}
		if d.require && !res.allow {
			return false, policy.ResourcePolicyImplicitDeny
		}
		if byResource := res.grant == "role" || res.grant == "everyone"; !identity && !byResource {
			return false, policy.NoIdentityAllow
		}
		if !id.allow && !res.allow {
			reason = policy.AllowedRoot
		}
	}
	if d.boundary != nil && !bound.allow {
		return false, policy.BoundaryImplicitDeny
	}
	if d.hasSession && !sess.allow {
		return false, policy.SessionImplicitDeny
	}
	return true, reason
}

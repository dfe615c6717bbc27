package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bulkhead/bulkhead/internal/policy"
)

// generator makes policies and requests out of bytes: each choice takes one, and when they are used up the first
// option, so that the fuzzer can steer and shrink.
type generator struct {
	data []byte
	// focus makes statements that apply to all, so that their conditions and principals decide.
	focus bool
}

func (g *generator) n(options int) int {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return int(b) % options
}

func (g *generator) pick(options []string) string { return options[g.n(len(options))] }

// some is true once in that many times.
func (g *generator) some(times int) bool { return g.n(times) == times-1 }

func (g *generator) several(options []string) any {
	if g.n(2) == 0 {
		return g.pick(options)
	}
	out := []string{}
	for range 1 + g.n(3) {
		out = append(out, g.pick(options))
	}
	return out
}

var (
	genActions = []string{
		"s3:GetObject", "s3:*", "*", "S3:getobject", "s3:Get*", "s3:?etObject", "s3:*Object", "dynamodb:GetItem",
		"s3:PutObject", "*:*", "dynamodb:*",
	}
	genRequestActions   = []string{"s3:GetObject", "s3:PutObject", "dynamodb:GetItem", "S3:GETOBJECT", "iam:GetUser"}
	genRequestResources = []string{
		"arn:aws:s3:::b/acme/x", "arn:aws:s3:::b/acme2/x", "arn:aws:s3:::b/*/x", "arn:aws:s3:::b//x", "arn:aws:s3:::b",
		"*", "arn:aws:s3:::b/a?me/x", "arn:aws:s3:::b/Acme/x", "arn:aws:s3:::b/é/x", "arn:aws:s3:::b/acme/x\n",
	}
	genResources = []string{
		"*", "arn:aws:s3:::b/acme/x", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:PrincipalTag/T}/*",
		"arn:aws:s3:::b/${aws:PrincipalTag/T, 'acme'}/*", "arn:aws:s3:::b/${*}/x", "arn:aws:s3:::b/acme?/x",
		"arn:aws:s3:::*/${aws:principaltag/t}/?", "arn:aws:s3:::b/${aws:PrincipalTag/none}/*", "arn:aws:s3:*",
		"arn:aws:s3:::b/?/x", "arn:aws:s3:::*m*/*x", "arn:aws:s3:::b/*/*/x", "arn:*:s3:::b/acme*",
	}
	genValues = []string{
		"acme", "acme2", "", "${k:B, 'acme'}", "*", "a*", "a?me", "${aws:PrincipalTag/T}", "ACME", "${k:B}", "${aws:PrincipalTag/T}*",
		"x${k:A}y", "${$}", "${*}", "${aws:PrincipalTag/none, 'acme'}", "*c*", "$", "$default", "é?",
	}
	genContextValues = []string{
		"acme", "acme2", "", "*", "ACME", "acme*", "5", "05.0", "-1", "2020-01-01", "2020-01-01T00:00:00Z", "1577836800",
		"true", "FALSE", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "YQ==", "arn:aws:iam::111111111111:role/r",
		"arn:aws:iam::111111111111:role/r:x", "xacmey", "$", "${k:A}", "éa", "nonsense",
	}
	genKeys = []string{
		"k:A", "k:B", "K:a", "aws:PrincipalTag/T", "aws:principaltag/t", "aws:PrincipalArn", "k:none", "aws:NoSuchKey",
	}
	genARNs = []string{
		"*", "arn:aws:iam::111111111111:role/r", "arn:aws:iam::*:role/*", "arn:*:*:*:*:*", "${aws:PrincipalArn}",
		"arn:aws:iam::${k:A}:role/r", "arn:aws:iam::111111111111:${k:B}", "arn:aws:iam::111111111111:r*:x",
		"arn:aws:i?m::111111111111:*/?", "${k:A}:aws:iam::1:role",
	}
	genNumbers  = []string{"5", "4.99", "-1", "100000000000000000000", "0"}
	genDates    = []string{"2020-01-01", "2019", "1577836800", "2020-01-01T01:00:00+01:00", "2020-06"}
	genIPs      = []string{"10.0.0.0/8", "10.0.0.1", "2001:db8::/32", "0.0.0.0/0", "::/0"}
	genAccounts = []string{account, accountB, "333333333333"}
	genNamed    = []string{
		account, accountB, "arn:aws:iam::111111111111:root", roleARN, session, "arn:aws:iam::111111111111:user/u",
		"arn:aws:iam::222222222222:user/v", "*",
	}
	genStrings = []string{
		"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike",
		"StringNotLike",
	}
	genOrders = []string{"Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"}
)

func (g *generator) condition() (op string, values any) {
	switch g.n(9) {
	case 0, 1, 2:
		op, values = g.pick(genStrings), g.several(genValues)
	case 3:
		op, values = g.pick([]string{"ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"}), g.several(genARNs)
	case 4:
		op, values = "Numeric"+g.pick(genOrders), g.several(genNumbers)
	case 5:
		op, values = "Date"+g.pick(genOrders), g.several(genDates)
	case 6:
		op, values = g.pick([]string{"IpAddress", "NotIpAddress"}), g.several(genIPs)
	case 7:
		op, values = g.pick([]string{"Bool", "BinaryEquals"}), "YQ=="
		if op == "Bool" {
			values = g.several([]string{"true", "false"})
		}
	case 8:
		return "Null", g.several([]string{"true", "false"})
	}
	op = g.pick([]string{"", "ForAllValues:", "ForAnyValue:"}) + op
	return op + g.pick([]string{"", "", "IfExists"}), values
}

func (g *generator) statement(k policy.Kind) document {
	st := document{"Effect": g.pick([]string{"Allow", "Allow", "Deny"})}
	if g.focus {
		st["Action"], st["Resource"] = "*", "*"
	} else {
		st[g.pick([]string{"Action", "Action", "Action", "NotAction"})] = g.several(genActions)
		st[g.pick([]string{"Resource", "Resource", "Resource", "NotResource"})] = g.several(genResources)
	}
	if k == policy.Resource {
		var p any = document{"AWS": g.several(genNamed)}
		switch g.n(6) {
		case 0:
			p = "*"
		case 1:
			p = document{"Service": "s3.amazonaws.com", "Federated": "cognito-identity.amazonaws.com"}
		}
		st[g.pick([]string{"Principal", "Principal", "Principal", "NotPrincipal"})] = p
	}
	conditions := max(0, g.n(5)-2)
	if g.focus {
		conditions = max(1, g.n(4)-1)
	}
	if conditions > 0 {
		c := document{}
		for range conditions {
			op, values := g.condition()
			c[op] = document{g.pick(genKeys): values}
		}
		st["Condition"] = c
	}
	return st
}

func (g *generator) document(k policy.Kind, statements int) document {
	var list []any
	for range 1 + g.n(statements) {
		list = append(list, g.statement(k))
	}
	d := document{"Statement": list}
	if v := g.pick([]string{"2012-10-17", "2012-10-17", "2012-10-17", "2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17", ""}); v != "" {
		d["Version"] = v
	}
	return d
}

var genPrincipals = []policy.Principal{
	{Account: account, ARN: session, IssuerARN: roleARN},
	{Account: account, ARN: "arn:aws:iam::111111111111:user/u"},
	{Account: account, ARN: "arn:aws:iam::111111111111:root", Root: true},
	{Account: accountB, ARN: "arn:aws:iam::222222222222:user/v", IssuerARN: "arn:aws:iam::222222222222:user/v"},
	{Anonymous: true},
	{Service: "s3.amazonaws.com"},
	{Federated: "cognito-identity.amazonaws.com"},
}

// compiled parses a document for both evaluators: the decoded form goes through JSON, as a policy would.
func compiled(t *testing.T, d document, k policy.Kind) (document, *policy.Policy) {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var back document
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(b, k)
	if err != nil {
		t.Skipf("not a policy: %v", err)
	}
	return back, p
}

// compare holds the engine to the naive evaluator and to its own explanation.
func compare(t *testing.T, data []byte) (allowed, ran bool) {
	t.Helper()
	g := &generator{data: data}
	g.focus = g.n(2) == 1
	k := keys{}
	for range g.n(8) {
		key := g.pick(genKeys[:6])
		pool := genContextValues
		if g.focus && g.n(2) == 1 {
			pool = pool[:4]
		}
		v := texts(g.several(pool))
		for other := range k {
			if lowerASCII(other) == lowerASCII(key) {
				delete(k, other)
			}
		}
		k[key] = v
	}
	r := &policy.Request{
		Action: g.pick(genRequestActions), Resource: g.pick(genRequestResources), ResourceAccount: g.pick(genAccounts[:2]),
		Principal: genPrincipals[g.n(len(genPrincipals))], Context: k.context(),
	}
	if g.focus && g.n(2) == 1 {
		r.Principal, r.ResourceAccount = genPrincipals[g.n(2)], account
	}
	ps, d := &policy.Policies{}, documents{}
	sources := func(max, statements int) (s []policy.Source, docs []document) {
		for i := range g.n(max) {
			doc, p := compiled(t, g.document(policy.Identity, statements), policy.Identity)
			docs = append(docs, doc)
			s = append(s, policy.Source{Name: fmt.Sprint(i), Policy: p})
		}
		return s, docs
	}
	most, statements := 5, 6
	if g.focus {
		most, statements = 2, 1
	}
	s, docs := sources(most, statements)
	if g.focus && g.n(2) == 1 {
		doc, p := compiled(t, document{"Statement": document{"Effect": "Allow", "Action": "*", "Resource": "*"}}, policy.Identity)
		s, docs = append(s, policy.Source{Name: "all", Policy: p}), append(docs, doc)
	}
	ps.Identity, d.identity = policy.NewSet(s), docs
	if g.some(4) {
		doc, p := compiled(t, g.document(policy.Identity, 3), policy.Identity)
		ps.Boundary, d.boundary = &policy.Source{Name: "boundary", Policy: p}, doc
	}
	if d.hasSession = g.some(4); d.hasSession {
		s, docs := sources(3, 3)
		ps.Session, ps.HasSession, d.session = policy.NewSet(s), true, docs
	}
	if g.some(3) {
		doc, p := compiled(t, g.document(policy.Resource, 4), policy.Resource)
		ps.Resource, d.resource = &policy.Source{Name: "resource", Policy: p}, doc
	}
	if d.require = g.some(3); d.require {
		ps.ResourceMode = policy.ResourceRequired
	}
	got := policy.Evaluate(r, ps)
	wantAllowed, wantReason := newNaive(r, k).evaluate(d)
	x := policy.Explain(r, ps)
	if got.Allowed != wantAllowed || got.Reason != wantReason || x.Decision != got {
		docs, _ := json.MarshalIndent([]any{d.identity, d.boundary, d.session, d.resource}, "", " ")
		why, _ := json.MarshalIndent(x, "", " ")
		t.Errorf("Evaluate %+v, naive %v %v, Explain %+v\nrequest %+v\ncontext %q\npolicies %s\nexplanation %s",
			got, wantAllowed, wantReason, x.Decision, r, k, docs, why)
	}
	return got.Allowed, true
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func FuzzEvaluate(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		data := make([]byte, 400)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) <= 4096 {
			compare(t, data)
		}
	})
}

// TestNaive compares many random cases, and that they are not all denied.
func TestNaive(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	allowed, run := 0, 0
	for i := range 8000 {
		data := make([]byte, 600)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			a, ok := compare(t, data)
			if ok {
				run++
			}
			if a {
				allowed++
			}
		})
		if t.Failed() {
			return
		}
	}
	if run < 7000 || allowed < 700 {
		t.Errorf("%d cases ran, %d allowed: the generator lost its reach", run, allowed)
	}
}

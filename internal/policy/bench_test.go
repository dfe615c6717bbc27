package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/policy"
)

// handCompiled is S21's first statement as a programmer would write it for one request: the floor.
func handCompiled(action, resource string, tag string, leading []string) bool {
	if !strings.EqualFold(action, "dynamodb:DescribeTable") && !strings.EqualFold(action, "dynamodb:GetItem") &&
		!strings.EqualFold(action, "dynamodb:PutItem") {
		return false
	}
	if resource != table || tag == "" {
		return false
	}
	return !slices.ContainsFunc(leading, func(k string) bool { return k != tag })
}

func benchRequest(resource string) *policy.Request {
	return &policy.Request{
		Action: "dynamodb:PutItem", Resource: resource, ResourceAccount: account, Principal: roleSession(),
		Context: keys{
			"aws:PrincipalArn": {roleARN}, "aws:PrincipalAccount": {account}, "aws:userid": {"AROA:alice"},
			"aws:SourceIp": {"127.0.0.1"}, "aws:CurrentTime": {"2026-01-01T00:00:00Z"}, "aws:EpochTime": {"1767225600"},
			"aws:SecureTransport": {"true"}, "aws:UserAgent": {"sdk"}, "aws:RequestedRegion": {"us-east-1"},
			"aws:PrincipalTag/TenantID": {"acme"}, "dynamodb:LeadingKeys": {"acme"},
			"dynamodb:Attributes": {"pk", "sk", "v"}, "aws:PrincipalType": {"AssumedRole"},
		}.context(),
	}
}

func BenchmarkHandCompiled(b *testing.B) {
	leading := []string{"acme"}
	for b.Loop() {
		if !handCompiled("dynamodb:PutItem", table, "acme", leading) {
			b.Fatal("denied")
		}
	}
}

func benchEvaluate(b *testing.B, r *policy.Request, ps *policy.Policies) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if !policy.Evaluate(r, ps).Allowed {
			b.Fatal("denied")
		}
	}
}

func BenchmarkS21(b *testing.B) {
	benchEvaluate(b, benchRequest(table), &policy.Policies{Identity: identity(b, s21)})
}

func BenchmarkS21Session(b *testing.B) {
	benchEvaluate(b, benchRequest(table), &policy.Policies{
		Identity: identity(b, s21), Session: identity(b, s21), HasSession: true,
	})
}

// manyPolicies makes n policies like S21's, each for a table of its own.
func manyPolicies(tb testing.TB, n int) *policy.Set {
	var sources []policy.Source
	for i := range n {
		doc := strings.ReplaceAll(s21, ":table/Data", fmt.Sprintf(":table/Data%d", i))
		sources = append(sources, policy.Source{Name: fmt.Sprint(i), Policy: mustParse(tb, doc, policy.Identity)})
	}
	return policy.NewSet(sources)
}

func BenchmarkPolicies(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 10000} {
		set := manyPolicies(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			benchEvaluate(b, benchRequest(fmt.Sprintf("%s%d", table, n-1)), &policy.Policies{Identity: set})
		})
	}
}

func TestEvaluateDoesNotAllocate(t *testing.T) {
	set := manyPolicies(t, 100)
	r := benchRequest(table + "99")
	ps := &policy.Policies{
		Identity: set, Session: identity(t, s15, s3Signed, strings.ReplaceAll(s21, ":table/Data", ":table/*")), HasSession: true,
		Boundary: &policy.Source{Name: "b", Policy: mustParse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow",
		 "Action":"dynamodb:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},
		 "DateGreaterThan":{"aws:CurrentTime":"2020-01-01"},"NumericLessThan":{"aws:EpochTime":"99999999999"},
		 "ArnLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:role/*"},
		 "StringNotEqualsIgnoreCase":{"aws:UserAgent":"X${aws:PrincipalTag/TenantID}"}}}}`, policy.Identity)},
		Resource: &policy.Source{Name: "r", Policy: mustParse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Deny",
		 "NotPrincipal":{"AWS":["`+session+`","`+roleARN+`","`+account+`"]},"Action":"*","Resource":"*"}}`, policy.Resource)},
	}
	if d := policy.Evaluate(r, ps); !d.Allowed {
		t.Fatalf("%+v", d)
	}
	if n := testing.AllocsPerRun(100, func() { policy.Evaluate(r, ps) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	ctx := r.Context
	n := testing.AllocsPerRun(100, func() {
		ctx.Reset()
		ctx.Set("aws:PrincipalTag/TenantID", "acme")
		ctx.Set("dynamodb:LeadingKeys", "acme", "acme")
	})
	if n != 0 {
		t.Errorf("%v allocations to fill a context", n)
	}
}

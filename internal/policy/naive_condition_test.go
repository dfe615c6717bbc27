package policy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/bulkhead/bulkhead/internal/policy"
)

// TestNaiveConditions compares the evaluators where nothing but one condition decides: TestNaive seldom gets there.
func TestNaiveConditions(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	all := document{"Version": "2012-10-17", "Statement": document{"Effect": "Allow", "Action": "*", "Resource": "*"}}
	r := policy.Request{
		Action: "s3:GetObject", Resource: bucketKey, ResourceAccount: account, Principal: roleSession(),
	}
	decided := map[bool]int{}
	for range 6000 {
		g := &generator{}
		for range 100 {
			g.data = append(g.data, byte(rng.Uint32()))
		}
		op, values := g.condition()
		effect := g.pick([]string{"Allow", "Deny"})
		st := document{
			"Effect": effect, "Action": "*", "Resource": "*", "Condition": document{op: document{"k:A": values}},
		}
		doc := document{"Version": "2012-10-17", "Statement": []any{st}}
		k := keys{}
		for _, key := range []string{"k:A", "k:B", "aws:PrincipalTag/T"} {
			pool := genContextValues
			if g.n(2) == 1 {
				pool = pool[:3]
			}
			if g.n(4) > 0 {
				k[key] = texts(g.several(pool))
			}
		}
		var s []policy.Source
		var d documents
		for _, x := range []document{doc, all}[:1+map[string]int{"Deny": 1}[effect]] {
			back, p := compiled(t, x, policy.Identity)
			s, d.identity = append(s, policy.Source{Policy: p}), append(d.identity, back)
		}
		r.Context = k.context()
		got := policy.Evaluate(&r, &policy.Policies{Identity: policy.NewSet(s)})
		want, reason := newNaive(&r, k).evaluate(d)
		if got.Allowed != want || got.Reason != reason {
			t.Fatalf("Evaluate %+v, naive %v %v\n%v\n%q", got, want, reason, doc, k)
		}
		decided[want]++
	}
	if decided[true] < 1000 || decided[false] < 1000 {
		t.Errorf("decisions %v", decided)
	}
}

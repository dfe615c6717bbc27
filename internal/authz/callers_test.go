package authz

import (
	"fmt"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// callerOf is the principal of a session with a tenant's tag.
func callerOf(key, tenant string) *authn.Principal {
	return &authn.Principal{
		Kind: authn.AssumedRole, Account: "111122223333", ARN: "arn:aws:sts::111122223333:assumed-role/r/s", AccessKeyID: key,
		RoleARN: "arn:aws:iam::111122223333:role/r", Tags: authn.Tags{{Key: "TenantID", Value: tenant}},
	}
}

// The keys that a caller's policies are asked with are its own, however many others there are, and also if another principal has the
// same access key id: a session whose token was opened again, or one that somebody made up.
func TestCallersKeysAreTheirOwn(t *testing.T) {
	t.Parallel()
	c := new(callerCache)
	check := func(p *authn.Principal, tenant string) {
		t.Helper()
		var k policy.Context
		c.fill(&k, p)
		if got, _ := k.Get("aws:PrincipalTag/TenantID"); len(got) != 1 || got[0] != tenant {
			t.Fatalf("%s of tenant %s is asked about with tenant %v", p.AccessKeyID, tenant, got)
		}
	}
	const many = 2 * callerSets * callerWays // more than there is room for
	callers := make([]*authn.Principal, many)
	for i := range callers {
		callers[i] = callerOf(fmt.Sprintf("ASIA%016d", i), fmt.Sprint(i))
	}
	for range 2 {
		for i, p := range callers {
			check(p, fmt.Sprint(i))
			check(p, fmt.Sprint(i))
		}
	}
	for i := range 3 * callerWays {
		tenant := fmt.Sprint("tenant", i)
		check(callerOf("ASIA0000000000000000", tenant), tenant)
	}
}

// Ten thousand callers in turns are all kept.
func TestCallersAreKept(t *testing.T) {
	t.Parallel()
	c := new(callerCache)
	const many = 10_000
	var k policy.Context
	for i := range many {
		k.Reset()
		c.fill(&k, callerOf(fmt.Sprintf("ASIA%016d", i), "t"))
	}
	n := 0
	for i := range c {
		page := c[i].Load()
		if page == nil {
			continue
		}
		for j := range page {
			for way := range page[j] {
				if page[j][way].Load() != nil {
					n++
				}
			}
		}
	}
	if n < many*95/100 {
		t.Errorf("%d of %d callers are kept", n, many)
	}
}

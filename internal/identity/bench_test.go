package identity

import (
	"context"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authn"
)

func BenchmarkPolicies(b *testing.B) {
	c := newCatalog(b)
	r := putRole(b, c, testAccount, "R", allowTrust("*"))
	plain := sessionOf(r)
	limited := sessionOf(r)
	limited.AccessKeyID = "ASIA-limited"
	limited.SessionPolicies, limited.HasSessionPolicy = []string{allow("kms:Encrypt")}, true
	u := putUser(b, c, "alice", nil)
	user := &authn.Principal{Kind: authn.User, Account: testAccount, ARN: u.ARN(), UserID: u.ID, Name: u.Name}
	for name, p := range map[string]*authn.Principal{"role": plain, "role with session policy": limited, "user": user} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ctx := context.Background()
			for b.Loop() {
				if _, err := c.Policies(ctx, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

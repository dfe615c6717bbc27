// Package authztest makes real grants for tests of services: by a real Engine, from policies given as text.
package authztest

import (
	"context"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/policy"
)

// Directory answers every principal with the policies whose text it was given.
type Directory []string

// Policies implements authz.Directory.
func (d Directory) Policies(context.Context, *authn.Principal) (*authz.PrincipalPolicies, error) {
	var sources []policy.Source
	for _, text := range d {
		p, err := policy.Parse([]byte(text), policy.Identity)
		if err != nil {
			return nil, err
		}
		sources = append(sources, policy.Source{Name: "test", Policy: p})
	}
	return &authz.PrincipalPolicies{Identity: policy.NewSet(sources)}, nil
}

// Root is the root principal of an account.
func Root(account string) *authn.Principal {
	return &authn.Principal{
		Kind: authn.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, Name: "root",
	}
}

// Grant authorizes the requirement for the caller with the identity policies and fails the test if it is denied.
func Grant(t testing.TB, caller *authn.Principal, service string, access authz.Access, req authz.Requirement,
	policies ...string,
) authz.Grant {
	t.Helper()
	out, err := authz.NewEngine(Directory(policies), "").Authorize(context.Background(), &authz.Request{
		Caller: caller, Service: service, Access: access, Requirement: req,
		Env: authz.Environment{Now: time.Unix(1700000000, 0)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !out.Allowed() {
		t.Fatalf("denied: %+v", out.Decided)
	}
	return out.Grant
}

// Home is a grant of the account's root for records of the service in the account and region.
func Home(t testing.TB, service, account, region string) authz.Grant {
	t.Helper()
	at := authz.Resource{ARN: "*", Account: account, Region: region}
	return Grant(t, Root(account), service, authz.Write, authz.Require(service+":Test", at, nil))
}

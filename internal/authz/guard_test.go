package authz_test

import (
	"context"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

const guardedAccount = "111122223333"

// guardedTable is a table that holds rows of several tenants.
func guardedTable(t *testing.T, mode string) (authz.Resource, *tenant.Language) {
	t.Helper()
	ids, err := tenant.NewLanguage(tenant.DefaultLanguage)
	if err != nil {
		t.Fatal(err)
	}
	tags := []authn.Tag{{Key: authz.OwnerKeyTag, Value: "${tenant}#*"}, {Key: authz.GuardTag, Value: mode}}
	rule, err := authz.ParseOwnerRule(tags, ids)
	if err != nil {
		t.Fatal(err)
	}
	return authz.Resource{
		ARN: "arn:aws:dynamodb:us-east-1:" + guardedAccount + ":table/rows", Account: guardedAccount, Region: "us-east-1",
		ID: "table", Tags: tags, Owner: rule,
	}, ids
}

// What a web identity may do is decided for it alone: neither the tags nor the account of whoever signs the request count.
func TestWebIdentitiesBorrowNothingOfTheSigner(t *testing.T) {
	t.Parallel()
	trust, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"idp"},`+
		`"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"Null":{"aws:PrincipalTag/admin":"true","aws:PrincipalAccount":"true",`+
		`"aws:PrincipalArn":"true","aws:PrincipalOrgID":"true","aws:MultiFactorAuthAge":"true"}}}]}`), policy.Trust)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	for name, caller := range map[string]*authn.Principal{
		"nobody": {},
		"a session": {
			Kind: authn.AssumedRole, Account: "222222222222", ARN: "arn:aws:sts::222222222222:assumed-role/r/s", AccessKeyID: "ASIA",
			Tags: authn.Tags{{Key: "admin", Value: "yes"}}, MFAAt: at, IssuedAt: at, ExpiresAt: at.Add(time.Hour),
		},
		"a root user": authztest.Root(guardedAccount),
	} {
		out, err := authz.NewEngine(authztest.Directory{}, "o-1").Authorize(context.Background(), &authz.Request{
			Caller: caller, Service: "sts", Access: authz.Write, Env: authz.Environment{Now: at},
			Requirement: authz.RequireChecks(authz.Check{
				Action: "sts:AssumeRoleWithWebIdentity", As: &policy.Principal{Federated: "idp"},
				Resource: authz.Resource{
					ARN: "arn:aws:iam::" + guardedAccount + ":role/r", Account: guardedAccount, Mode: policy.ResourceRequired,
					Policy: &policy.Source{Name: "trust", Policy: trust},
				},
			}),
		})
		if err != nil || !out.Allowed() {
			t.Errorf("signed by %s: %+v, %v", name, out.Decided, err)
		}
	}
}

// Whoever may untag a table may take its guard away, and whoever may delete it deletes the rows of all tenants. A
// statement under ForAllValues gives both away, since these operations name no keys.
func TestTenantsChangeNoTableOfSeveral(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"deny", "filter"} {
		table, ids := guardedTable(t, mode)
		acme, _ := ids.ID("acme")
		session := func(p authn.Principal) *authn.Principal {
			p.Kind, p.Account, p.ARN = authn.AssumedRole, guardedAccount, "arn:aws:sts::"+guardedAccount+":assumed-role/r/s"
			return &p
		}
		for name, tc := range map[string]struct {
			caller *authn.Principal
			check  authz.Check
			access authz.Access
			want   bool
		}{
			"a tenant untags":          {session(authn.Principal{Tenant: acme}), authz.Check{Action: "dynamodb:UntagResource"}, authz.Write, false},
			"a tenant deletes":         {session(authn.Principal{Tenant: acme}), authz.Check{Action: "dynamodb:DeleteTable"}, authz.Write, false},
			"a stranger untags":        {session(authn.Principal{TenantInvalid: true}), authz.Check{Action: "dynamodb:UntagResource"}, authz.Write, false},
			"a guest puts a policy":    {session(authn.Principal{FederatedProvider: "x"}), authz.Check{Action: "dynamodb:PutResourcePolicy"}, authz.Write, false},
			"a tenant describes":       {session(authn.Principal{Tenant: acme}), authz.Check{Action: "dynamodb:DescribeTable"}, authz.Read, true},
			"an operator untags":       {session(authn.Principal{}), authz.Check{Action: "dynamodb:UntagResource"}, authz.Write, true},
			"a tenant writes its rows": {session(authn.Principal{Tenant: acme}), authz.Check{Action: "dynamodb:PutItem", Rows: &authz.Rows{Leading: []string{"acme#1"}, Write: true}}, authz.Write, true},
			"a tenant writes all rows": {session(authn.Principal{Tenant: acme}), authz.Check{Action: "dynamodb:X", Rows: &authz.Rows{All: true, Write: true}}, authz.Write, false},
		} {
			tc.check.Resource = table
			out, err := authz.NewEngine(authztest.Directory{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*",` +
				`"Resource":"*","Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"acme#*"}}}]}`}, "").Authorize(
				context.Background(), &authz.Request{
					Caller: tc.caller, Service: "dynamodb", Access: tc.access, Requirement: authz.RequireChecks(tc.check),
					Env: authz.Environment{Now: time.Unix(1700000000, 0)},
				})
			if err != nil {
				t.Fatal(err)
			}
			if out.Allowed() != tc.want || !tc.want && !out.Decided.Guard {
				t.Errorf("%s, guard %s: allowed %v, by the guard %v", name, mode, out.Allowed(), out.Decided.Guard)
			}
		}
	}
}

// Operators are those of the table's own account: a resource-based policy with a hole makes none of other accounts'.
func TestOtherAccountsAreNoOperators(t *testing.T) {
	t.Parallel()
	hole, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"dynamodb:*","Resource":"*"}]}`), policy.Resource)
	if err != nil {
		t.Fatal(err)
	}
	const stranger = "444455556666"
	for _, mode := range []string{"deny", "filter"} {
		table, ids := guardedTable(t, mode)
		acme, _ := ids.ID("acme")
		table.Policy = &policy.Source{Name: "table", Policy: hole}
		for name, caller := range map[string]*authn.Principal{
			"root": authztest.Root(stranger),
			"role": {Kind: authn.AssumedRole, Account: stranger, ARN: "arn:aws:sts::" + stranger + ":assumed-role/r/s", RoleARN: "arn:aws:iam::" + stranger + ":role/r"},
			"role that calls itself acme": {
				Kind: authn.AssumedRole, Account: stranger, ARN: "arn:aws:sts::" + stranger + ":assumed-role/r/s",
				RoleARN: "arn:aws:iam::" + stranger + ":role/r", Tenant: acme,
			},
		} {
			for action, c := range map[string]struct {
				rows   *authz.Rows
				access authz.Access
			}{
				"dynamodb:PutItem":       {&authz.Rows{Leading: []string{"acme#1"}, Write: true}, authz.Write},
				"dynamodb:UntagResource": {nil, authz.Write},
			} {
				out, err := authz.NewEngine(authztest.Directory{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}, "").Authorize(
					context.Background(), &authz.Request{
						Caller: caller, Service: "dynamodb", Access: c.access, Env: authz.Environment{Now: time.Unix(1700000000, 0)},
						Requirement: authz.RequireChecks(authz.Check{Action: action, Resource: table, Rows: c.rows}),
					})
				if err != nil {
					t.Fatal(err)
				}
				if out.Allowed() || !out.Decided.Guard {
					t.Errorf("%s of another account, %s, guard %s: allowed %v", name, action, mode, out.Allowed())
				}
			}
			if !table.Confines(caller) {
				t.Errorf("%s of another account is not confined", name)
			}
		}
		if table.Confines(authztest.Root(guardedAccount)) {
			t.Error("the account's root is confined")
		}
	}
}

package policy_test

import (
	"fmt"
	"testing"

	"github.com/bulkhead/bulkhead/internal/policy"
)

const (
	allowAll  = `{"Version":"2012-10-17","Statement":{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}}`
	allowNone = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}`
	denyAll   = `{"Version":"2012-10-17","Statement":{"Sid":"D","Effect":"Deny","Action":"*","Resource":"*"}}`
)

// TestDecide walks the flow of "Policy evaluation logic". Documents are named by a letter: a allows, n allows nothing
// relevant, d denies, "" is absent; the resource policy allows whom it names.
func TestDecide(t *testing.T) {
	t.Parallel()
	const (
		user       = "arn:aws:iam::111111111111:user/u"
		federated  = "arn:aws:sts::111111111111:federated-user/f"
		root       = "arn:aws:iam::111111111111:root"
		everyone   = "*"
		not        = "!"
		accountArn = root
	)
	docs := map[string]string{"a": allowAll, "n": allowNone, "d": denyAll}
	callers := map[string]policy.Principal{
		"role":      roleSession(),
		"user":      {Account: account, ARN: user, IssuerARN: user},
		"federated": {Account: account, ARN: federated, IssuerARN: user},
		"root":      {Account: account, ARN: root, Root: true},
		"foreign":   {Account: accountB, ARN: "arn:aws:iam::222222222222:user/v"},
		"anonymous": {Anonymous: true},
		"service":   {Service: "lambda.amazonaws.com"},
		"none":      {},
	}
	for i, c := range []struct {
		caller, identity, boundary, session, resource string
		required                                      bool
		want                                          policy.Reason
	}{
		{"role", "a", "", "", "", false, policy.Allowed},
		{"role", "", "", "", "", false, policy.NoIdentityAllow},
		{"role", "n", "", "", "", false, policy.NoIdentityAllow},
		{"role", "d", "", "", session, false, policy.ExplicitDeny},
		{"role", "a", "n", "", "", false, policy.BoundaryImplicitDeny},
		{"role", "a", "d", "", "", false, policy.ExplicitDeny},
		{"role", "n", "a", "a", "", false, policy.NoIdentityAllow},
		{"role", "a", "a", "n", "", false, policy.SessionImplicitDeny},
		{"role", "a", "a", "a", "", false, policy.Allowed},
		// One account: the session's own ARN is not limited, the role's is, the account's only delegates.
		{"role", "", "n", "n", session, false, policy.Allowed},
		{"role", "", "d", "", session, false, policy.ExplicitDeny},
		{"role", "", "", "", roleARN, false, policy.Allowed},
		{"role", "", "n", "", roleARN, false, policy.BoundaryImplicitDeny},
		{"role", "", "", "n", roleARN, false, policy.SessionImplicitDeny},
		{"role", "", "", "", everyone, false, policy.Allowed},
		{"role", "", "", "n", everyone, false, policy.SessionImplicitDeny},
		{"role", "", "", "", accountArn, false, policy.NoIdentityAllow},
		{"role", "a", "", "", accountArn, false, policy.Allowed},
		{"role", "", "", "", session + "2", false, policy.NoIdentityAllow},
		{"user", "", "n", "", user, false, policy.Allowed},
		{"federated", "", "", "n", federated, false, policy.Allowed},
		{"federated", "", "", "n", user, false, policy.SessionImplicitDeny},
		{"federated", "", "", "a", user, false, policy.Allowed},
		// Root.
		{"root", "", "", "", "", false, policy.AllowedRoot},
		{"root", "", "", "n", "", false, policy.SessionImplicitDeny},
		{"root", "", "", "", not + root, false, policy.ExplicitDeny},
		{"root", "", "", "", "", true, policy.ResourcePolicyImplicitDeny},
		{"root", "", "", "", root, true, policy.Allowed},
		// Resource policy required.
		{"role", "a", "", "", "", true, policy.ResourcePolicyImplicitDeny},
		{"role", "a", "", "", accountArn, true, policy.Allowed},
		{"role", "", "", "", accountArn, true, policy.NoIdentityAllow},
		{"role", "", "", "", roleARN, true, policy.Allowed},
		{"role", "", "", "n", roleARN, true, policy.SessionImplicitDeny},
		{"user", "d", "", "", user, true, policy.ExplicitDeny},
		// Across accounts both sides must allow.
		{"foreign", "a", "", "", "", false, policy.CrossAccountResourceDeny},
		{"foreign", "", "", "", everyone, false, policy.CrossAccountIdentityDeny},
		{"foreign", "a", "", "", "222222222222", false, policy.Allowed},
		{"foreign", "a", "n", "", "222222222222", false, policy.BoundaryImplicitDeny},
		{"foreign", "a", "", "n", "arn:aws:iam::222222222222:user/v", false, policy.SessionImplicitDeny},
		{"foreign", "a", "", "", accountArn, true, policy.CrossAccountResourceDeny},
		// Callers without an account have the resource policy only.
		{"anonymous", "", "", "", everyone, false, policy.Allowed},
		{"anonymous", "", "", "", accountArn, false, policy.ResourcePolicyImplicitDeny},
		{"anonymous", "a", "", "", "", false, policy.ResourcePolicyImplicitDeny},
		{"service", "", "", "", "lambda.amazonaws.com", false, policy.Allowed},
		{"none", "a", "", "", "", false, policy.ResourcePolicyImplicitDeny},
	} {
		t.Run(fmt.Sprintf("%02d %s", i, c.caller), func(t *testing.T) {
			t.Parallel()
			ps := &policy.Policies{}
			if c.identity != "" {
				ps.Identity = identity(t, docs[c.identity])
			}
			if c.boundary != "" {
				ps.Boundary = &policy.Source{Name: "b", Policy: mustParse(t, docs[c.boundary], policy.Identity)}
				ps.HasBoundary = true
			}
			if c.session != "" {
				ps.Session, ps.HasSession = identity(t, docs[c.session]), true
			}
			if c.resource != "" {
				ps.Resource = &policy.Source{Name: "r", Policy: mustParse(t, naming(c.resource), policy.Resource)}
			}
			if c.required {
				ps.ResourceMode = policy.ResourceRequired
			}
			r := &policy.Request{
				Action: "s3:GetObject", Resource: bucketKey, ResourceAccount: account, Principal: callers[c.caller],
			}
			want := c.want == policy.Allowed || c.want == policy.AllowedRoot
			if d := check(t, r, ps, want); d.Reason != c.want {
				t.Errorf("Reason = %v, want %v", d.Reason, c.want)
			}
		})
	}
}

// naming is a resource policy that allows whom it names, or denies after a "!".
func naming(who string) string {
	effect := "Allow"
	if who[0] == '!' {
		effect, who = "Deny", who[1:]
	}
	typ := "AWS"
	if who == "lambda.amazonaws.com" {
		typ = "Service"
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Principal":{%q:%q},"Action":"*","Resource":"*"}]}`,
		effect, typ, who)
}

// TestNotPrincipal holds to the documented trap: a Deny spares a session only if session, role and account are named.
func TestNotPrincipal(t *testing.T) {
	t.Parallel()
	for list, denied := range map[string]bool{
		`"` + session + `"`:                                     true,
		`"` + session + `","` + roleARN + `"`:                   true,
		`"` + roleARN + `","111111111111"`:                      true,
		`"` + session + `","` + roleARN + `","` + account + `"`: false,
		`"*"`: false,
	} {
		doc := `{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":[` + list + `]},"Action":"*","Resource":"*"}}`
		r := &policy.Request{
			Action: "s3:GetObject", Resource: bucketKey, ResourceAccount: account, Principal: roleSession(),
		}
		check(t, r, &policy.Policies{
			Identity: identity(t, allowAll),
			Resource: &policy.Source{Name: "r", Policy: mustParse(t, doc, policy.Resource)},
		}, !denied)
	}
}

// TestFailsClosed is about policies that are lost or in the wrong place.
func TestFailsClosed(t *testing.T) {
	t.Parallel()
	trust := mustParse(t, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}`, policy.Trust)
	all := mustParse(t, allowAll, policy.Identity)
	r := &policy.Request{
		Action: "s3:GetObject", Resource: bucketKey, ResourceAccount: account, Principal: roleSession(),
	}
	for name, ps := range map[string]*policy.Policies{
		"nothing":                {},
		"lost boundary":          {Identity: identity(t, allowAll), HasBoundary: true},
		"empty boundary":         {Identity: identity(t, allowAll), Boundary: &policy.Source{}},
		"lost session policies":  {Identity: identity(t, allowAll), HasSession: true},
		"empty session":          {Identity: identity(t, allowAll), Session: policy.NewSet(nil)},
		"lost identity policy":   {Identity: policy.NewSet([]policy.Source{{Policy: all}, {Name: "lost"}})},
		"lost resource policy":   {Identity: identity(t, allowAll), Resource: &policy.Source{}},
		"trust as identity":      {Identity: policy.NewSet([]policy.Source{{Policy: trust}})},
		"identity as resource":   {Identity: identity(t, allowAll), Resource: &policy.Source{Policy: all}},
		"trust as boundary":      {Identity: identity(t, allowAll), Boundary: &policy.Source{Policy: trust}},
		"unknown resource mode":  {Identity: identity(t, allowAll), ResourceMode: 7},
		"no account of resource": {Identity: identity(t, allowAll)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := *r
			if name == "no account of resource" {
				r.ResourceAccount = ""
			}
			check(t, &r, ps, false)
		})
	}
	if (policy.Decision{}).Allowed || policy.Evaluate(&policy.Request{}, &policy.Policies{}).Allowed {
		t.Error("a zero value allows")
	}
}

// TestDecidingStatement checks that the index reports the statement that a scan in order would.
func TestDecidingStatement(t *testing.T) {
	t.Parallel()
	set := manyPolicies(t, 50)
	sources := append([]policy.Source{}, set.Sources()...)
	sources = append(sources, policy.Source{Name: "all", Policy: mustParse(t, allowAll, policy.Identity)},
		policy.Source{Name: "late", Policy: mustParse(t, denyAll, policy.Identity)})
	d := check(t, benchRequest(table+"7"), &policy.Policies{Identity: policy.NewSet(sources[:51])}, true)
	if d.Source != "7" || d.Statement != 0 {
		t.Errorf("%+v", d)
	}
	d = check(t, benchRequest(table+"7"), &policy.Policies{Identity: policy.NewSet(sources)}, false)
	if d.Source != "late" || d.Sid != "D" || d.Layer != policy.IdentityLayer {
		t.Errorf("%+v", d)
	}
}

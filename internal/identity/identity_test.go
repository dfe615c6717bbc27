package identity

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
)

const testAccount = "111122223333"

var testNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newCatalog(t testing.TB) *Catalog {
	t.Helper()
	ring := keyringtest.New(t, 'k')
	db := storetest.New(t)
	c, err := New(Config{DB: db, Keyring: ring, Now: func() time.Time { return testNow }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func change(t testing.TB, c *Catalog, account string, fn func(v *View) error) {
	t.Helper()
	if err := c.update(context.Background(), account, func(_ *store.Tx, v *View) error { return fn(v) }); err != nil {
		t.Fatal(err)
	}
}

func putUser(t testing.TB, c *Catalog, name string, edit func(*User)) *User {
	t.Helper()
	u := &User{Entity: Entity{
		Kind: KindUser, Account: testAccount, ID: NewID(UserPrefix), Name: name, Path: "/", Created: testNow,
	}}
	if edit != nil {
		edit(u)
	}
	change(t, c, testAccount, func(v *View) error { return v.PutUser(u) })
	return u
}

func putRole(t testing.TB, c *Catalog, account, name, trust string) *Role {
	t.Helper()
	frozen, err := c.Freeze(context.Background(), trust)
	if err != nil {
		t.Fatal(err)
	}
	r := &Role{Entity: Entity{
		Kind: KindRole, Account: account, ID: NewID(RolePrefix), Name: name, Path: "/", Created: testNow,
	}, MaxSession: 3600, Trust: frozen}
	change(t, c, account, func(v *View) error { return v.PutRole(r) })
	return r
}

// allows decides as the engine does, for the caller's own account.
func allows(t testing.TB, c *Catalog, p *authn.Principal, action string) bool {
	t.Helper()
	ps, err := c.Policies(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	d := policy.Evaluate(&policy.Request{
		Action: action, Resource: "*", ResourceAccount: p.Account,
		Principal: policy.Principal{Account: p.Account, ARN: p.ARN, IssuerARN: p.RoleARN, Root: p.Kind == authn.Root},
		Context:   &policy.Context{},
	}, &policy.Policies{
		Identity: ps.Identity, Boundary: ps.Boundary, HasBoundary: ps.HasBoundary, Session: ps.Session, HasSession: ps.HasSession,
	})
	return d.Allowed
}

func allow(actions string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + strings.ReplaceAll(actions, " ", `","`) +
		`"],"Resource":"*"}}`
}

func sessionOf(r *Role) *authn.Principal {
	return &authn.Principal{
		Kind: authn.AssumedRole, Account: r.Account, ARN: arn.AssumedRole(r.Account, r.Name, "s"), RoleARN: r.ARN(),
		UserID: r.ID + ":s", Name: "s", AccessKeyID: "ASIA" + r.ID[4:], IssuedAt: testNow, ExpiresAt: testNow.Add(time.Hour),
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newCatalog(t)
	first, err := c.Init(ctx, InitInput{Account: testAccount})
	if err != nil {
		t.Fatal(err)
	}
	if first.AccessKeyID == "" || first.SecretAccessKey == "" || first.Account != testAccount || first.Organization.ID == "" {
		t.Fatalf("first start: %+v", first)
	}
	cred, err := c.Credentials(ctx, first.AccessKeyID)
	if err != nil || cred == nil || string(cred.Secret) != first.SecretAccessKey || cred.Principal.Kind != authn.Root {
		t.Fatalf("root credentials: %+v, %v", cred, err)
	}
	if !allows(t, c, cred.Principal, "iam:CreateUser") {
		t.Error("the root user may not act in its own account")
	}
	again, err := c.Init(ctx, InitInput{Account: testAccount})
	if err != nil || again.AccessKeyID != "" || again.Organization != first.Organization {
		t.Fatalf("second start: %+v, %v", again, err)
	}
	if _, err := c.Init(ctx, InitInput{Account: "999999999999"}); err == nil {
		t.Error("another default account is accepted")
	}
	acct, err := c.Account(ctx, testAccount)
	if err != nil || acct == nil || acct.Status != "ACTIVE" {
		t.Errorf("account: %+v, %v", acct, err)
	}
}

func TestDeclaredRootKey(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newCatalog(t)
	declare := func(id, secret string) {
		t.Helper()
		res, err := c.Init(ctx, InitInput{Account: testAccount, AccessKeyID: id, SecretAccessKey: secret})
		if err != nil || res.SecretAccessKey != "" {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	works := func(id, secret string) bool {
		t.Helper()
		cred, err := c.Credentials(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return cred != nil && string(cred.Secret) == secret
	}
	declare("operator_key", "secret-secret-secret-1")
	declare("operator_key", "secret-secret-secret-1")
	if !works("operator_key", "secret-secret-secret-1") {
		t.Error("the declared key does not work")
	}
	declare("operator_key", "secret-secret-secret-2")
	if !works("operator_key", "secret-secret-secret-2") {
		t.Error("the declared secret was not replaced")
	}
	declare("AKIAIOSFODNN7EXAMPLE", "secret-secret-secret-3")
	if works("operator_key", "secret-secret-secret-2") || !works("AKIAIOSFODNN7EXAMPLE", "secret-secret-secret-3") {
		t.Error("the key declared later did not replace the earlier one")
	}
	for _, bad := range []InitInput{
		{AccessKeyID: "a b", SecretAccessKey: "secret-secret-secret"}, {AccessKeyID: "operator"},
		{AccessKeyID: "operator", SecretAccessKey: "short"}, {Account: "12"},
	} {
		if _, err := c.Init(ctx, bad); err == nil {
			t.Errorf("accepted %+v", bad)
		}
	}
}

func TestUserCredentials(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newCatalog(t)
	id, err := session.NewAccessKeyID(session.LongTerm, testAccount)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := c.SealSecret(testAccount, id, "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	k := &Key{ID: id, User: "alice", Account: testAccount, Active: true, Sealed: sealed}
	change(t, c, testAccount, func(v *View) error { return v.PutKey(k) })
	if cred, err := c.Credentials(ctx, id); err != nil || cred != nil {
		t.Fatalf("a key without its user: %v, %v", cred, err)
	}
	u := putUser(t, c, "Alice", func(u *User) { u.Tags = []Tag{{"tenantid", "acme"}} })
	cred, err := c.Credentials(ctx, id)
	if err != nil || cred == nil {
		t.Fatal(cred, err)
	}
	p := cred.Principal
	if string(cred.Secret) != "s3cret" || p.ARN != u.ARN() || p.UserID != u.ID || p.Tenant.String() != "acme" || p.TenantInvalid {
		t.Errorf("got %+v", p)
	}
	u.Tags = []Tag{{"TenantID", "acme*"}}
	change(t, c, testAccount, func(v *View) error { return v.PutUser(u) })
	if cred, _ = c.Credentials(ctx, id); !cred.Principal.Tenant.IsZero() || !cred.Principal.TenantInvalid {
		t.Errorf("a tag that is no tenant id: %+v", cred.Principal)
	}
	k.Active = false
	change(t, c, testAccount, func(v *View) error { return v.PutKey(k) })
	if cred, err := c.Credentials(ctx, id); err != nil || cred != nil {
		t.Errorf("an inactive key: %v, %v", cred, err)
	}
	for _, unknown := range []string{"", "AKIA", strings.Repeat("A", 20), "ASIA" + id[4:]} {
		if cred, err := c.Credentials(ctx, unknown); err != nil || cred != nil {
			t.Errorf("%q: %v, %v", unknown, cred, err)
		}
	}
}

func TestUserPolicies(t *testing.T) {
	t.Parallel()
	c := newCatalog(t)
	managed := &Policy{Account: testAccount, ID: NewID(PolicyPrefix), Name: "Bound", Path: "/", Default: 1,
		Versions: []Version{{Number: 1, Document: allow("kms:Encrypt kms:Decrypt iam:GetUser dynamodb:*")}}}
	group := &Group{Entity{Kind: KindGroup, Account: testAccount, Name: "Devs", Path: "/",
		Inline: []Inline{{"g", allow("kms:Decrypt")}}, Attached: []string{"arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess"}}}
	change(t, c, testAccount, func(v *View) error { return errors.Join(v.PutPolicy(managed), v.PutGroup(group)) })
	u := putUser(t, c, "alice", func(u *User) {
		u.Inline, u.Groups = []Inline{{"p", allow("kms:Encrypt sts:AssumeRole")}}, []string{"devs"}
	})
	p := &authn.Principal{Kind: authn.User, Account: testAccount, ARN: u.ARN(), UserID: u.ID, Name: "alice"}
	check := func(when string, want map[string]bool) {
		t.Helper()
		for action, ok := range want {
			if allows(t, c, p, action) != ok {
				t.Errorf("%s: %s allowed is %v", when, action, !ok)
			}
		}
	}
	check("inline, group, managed", map[string]bool{
		"kms:Encrypt": true, "kms:Decrypt": true, "sts:AssumeRole": true, "dynamodb:Query": true, "dynamodb:PutItem": false,
		"iam:GetUser": false,
	})
	u.Boundary = managed.ARN()
	change(t, c, testAccount, func(v *View) error { return v.PutUser(u) })
	check("boundary", map[string]bool{"kms:Encrypt": true, "sts:AssumeRole": false, "iam:GetUser": false})
	change(t, c, testAccount, func(v *View) error { return v.DeletePolicy(managed) })
	check("lost boundary", map[string]bool{"kms:Encrypt": false})
	u.Boundary = ""
	change(t, c, testAccount, func(v *View) error { return v.PutUser(u) })

	p.SessionPolicies, p.HasSessionPolicy, p.AccessKeyID = []string{allow("kms:Encrypt")}, true, "ASIA1"
	check("session policy", map[string]bool{"kms:Encrypt": true, "kms:Decrypt": false})
	p.SessionPolicies = []string{allow("kms:Decrypt")}
	check("another session policy under the same key id", map[string]bool{"kms:Encrypt": false, "kms:Decrypt": true})
	p.SessionPolicies = nil
	check("lost session policy", map[string]bool{"kms:Encrypt": false, "kms:Decrypt": false})

	p.HasSessionPolicy = false
	change(t, c, testAccount, func(v *View) error { return v.DeleteUser(u) })
	check("deleted", map[string]bool{"kms:Encrypt": false})
	putUser(t, c, "alice", func(u *User) { u.Inline = []Inline{{"p", allow("kms:Encrypt")}} })
	check("made anew", map[string]bool{"kms:Encrypt": false})
}

func TestFederatedUser(t *testing.T) {
	t.Parallel()
	c := newCatalog(t)
	u := putUser(t, c, "alice", func(u *User) { u.Inline = []Inline{{"p", allow("kms:Encrypt kms:Decrypt")}} })
	p := &authn.Principal{
		Kind: authn.FederatedUser, Account: testAccount, ARN: arn.FederatedUser(testAccount, "f"), RoleARN: u.ARN(),
		UserID: testAccount + ":f", AccessKeyID: "ASIA2", IssuedAt: testNow, ExpiresAt: testNow.Add(time.Hour),
	}
	if allows(t, c, p, "kms:Encrypt") {
		t.Error("a federated user without session policies has permissions")
	}
	p.SessionPolicies, p.HasSessionPolicy = []string{allow("kms:Encrypt iam:GetUser")}, true
	if !allows(t, c, p, "kms:Encrypt") || allows(t, c, p, "kms:Decrypt") || allows(t, c, p, "iam:GetUser") {
		t.Error("a federated user is not the intersection of its user and its session policies")
	}
	p.RoleARN = arn.Root(testAccount)
	if !allows(t, c, p, "iam:GetUser") || allows(t, c, p, "kms:Decrypt") {
		t.Error("a federated user of the root user is not its session policies")
	}
	p.RoleARN, p.IssuedAt = u.ARN(), testNow.Add(-time.Hour)
	if allows(t, c, p, "kms:Encrypt") {
		t.Error("a user made after the session was issued lends it permissions")
	}
}

func TestRoleMadeAnew(t *testing.T) {
	t.Parallel()
	c := newCatalog(t)
	r := putRole(t, c, testAccount, "R", allowTrust("*"))
	r.Inline = []Inline{{"p", allow("kms:Encrypt")}}
	change(t, c, testAccount, func(v *View) error { return v.PutRole(r) })
	p := sessionOf(r)
	if !allows(t, c, p, "kms:Encrypt") {
		t.Fatal("the role's session is denied")
	}
	r.ID = NewID(RolePrefix)
	change(t, c, testAccount, func(v *View) error { return v.PutRole(r) })
	if allows(t, c, p, "kms:Encrypt") {
		t.Error("a session of a deleted role has the permissions of its successor")
	}
}

func allowTrust(principal string) string {
	if principal != "*" {
		principal = `", "AWS": [` + "\n  \"" + principal + "\" ], \"Service\": \"lambda.amazonaws.com"
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{` + principal[3:] +
			`"},"Action":"sts:AssumeRole"}]}`
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`
}

func TestTrustFollowsTheUniqueID(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newCatalog(t)
	u := putUser(t, c, "alice", nil)
	other := "444455556666"
	document := allowTrust(u.ARN())
	r := putRole(t, c, other, "R", document)
	if strings.Contains(r.Trust.Document, "alice") || !strings.Contains(r.Trust.Document, u.ID) {
		t.Fatalf("stored trust: %s", r.Trust.Document)
	}
	trusts := func(userARN string) bool {
		t.Helper()
		facts, err := c.Role(ctx, r.ARN())
		if err != nil || facts == nil {
			t.Fatal(facts, err)
		}
		// The caller's own side is left out: only what the trust policy says is asked.
		return policy.Evaluate(&policy.Request{
			Action: "sts:AssumeRole", Resource: r.ARN(), ResourceAccount: testAccount,
			Principal: policy.Principal{Account: testAccount, ARN: userARN}, Context: &policy.Context{},
		}, &policy.Policies{Resource: &facts.Trust}).Allowed
	}
	shown := func() string {
		t.Helper()
		s, err := c.Thaw(ctx, &r.Trust)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if !trusts(u.ARN()) || shown() != document {
		t.Errorf("the trusted user: %v, %s", trusts(u.ARN()), shown())
	}
	change(t, c, testAccount, func(v *View) error { return v.DeleteUser(u) })
	if trusts(u.ARN()) || !strings.Contains(shown(), u.ID) {
		t.Errorf("the deleted user: %v, %s", trusts(u.ARN()), shown())
	}
	again := putUser(t, c, "alice", nil)
	if trusts(again.ARN()) {
		t.Error("a user of the same name inherits trust")
	}
	if _, err := c.Freeze(ctx, allowTrust("arn:aws:iam::"+testAccount+":user/bob")); err == nil ||
		err.Error() != `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/bob"` {
		t.Errorf("an unknown user: %v", err)
	}
}

func TestRoleFacts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newCatalog(t)
	r := putRole(t, c, testAccount, "R", allowTrust("*"))
	facts, err := c.Role(ctx, r.ARN())
	if err != nil || facts == nil || facts.ID != r.ID || facts.MaxSession != time.Hour {
		t.Fatalf("%+v, %v", facts, err)
	}
	for _, unknown := range []string{"", "arn:aws:iam::111122223333:role/p/R", "arn:aws:iam::111122223333:role/r",
		"arn:aws:iam::111122223333:user/R", "arn:aws:iam::aws:role/R", "arn:aws:sts::111122223333:role/R"} {
		if facts, err := c.Role(ctx, unknown); err != nil || facts != nil {
			t.Errorf("%q: %+v, %v", unknown, facts, err)
		}
	}
}

func TestUsed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newCatalog(t)
	res, err := c.Init(ctx, InitInput{Account: testAccount})
	if err != nil {
		t.Fatal(err)
	}
	cred, err := c.Credentials(ctx, res.AccessKeyID)
	if err != nil {
		t.Fatal(err)
	}
	r := putRole(t, c, testAccount, "R", allowTrust("*"))
	c.Used(cred.Principal, "kms", "eu-west-1", testNow)
	c.Used(cred.Principal, "iam", "eu-west-1", testNow.Add(59*time.Second))
	c.Used(sessionOf(r), "dynamodb", "eu-west-1", testNow)
	c.Used(&authn.Principal{Kind: authn.User, Account: testAccount, AccessKeyID: "AKIAGONE"}, "iam", "x", testNow)
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	err = c.view(ctx, testAccount, func(v *View) error {
		key, err := v.KeyUsed(res.AccessKeyID)
		if err != nil || key == nil || *key != (Used{testNow, "eu-west-1", "kms"}) {
			t.Errorf("key: %+v, %v", key, err)
		}
		role, err := v.RoleUsed("r")
		if err != nil || role == nil || role.Service != "dynamodb" {
			t.Errorf("role: %+v, %v", role, err)
		}
		gone, err := v.KeyUsed("AKIAGONE")
		if err != nil || gone != nil {
			t.Errorf("unknown key: %+v, %v", gone, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWSManagedCompile(t *testing.T) {
	t.Parallel()
	for _, p := range AWSManagedAll() {
		if _, err := policy.Parse([]byte(p.Document()), policy.Identity); err != nil {
			t.Errorf("%s: %v", p.ARN(), err)
		}
		if len(p.ID) != 21 || AWSManaged(p.ARN()) != p {
			t.Errorf("%s has the id %s", p.ARN(), p.ID)
		}
	}
}

func TestPoliciesAreCached(t *testing.T) {
	c := newCatalog(t)
	r := putRole(t, c, testAccount, "R", allowTrust("*"))
	p := sessionOf(r)
	p.SessionPolicies, p.HasSessionPolicy = []string{allow("kms:Encrypt")}, true
	ctx := context.Background()
	first, err := c.Policies(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.Policies(ctx, p); again != first {
		t.Error("the policies of a session were compiled twice")
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Policies(ctx, p) }); n != 0 {
		t.Errorf("%v allocations for cached policies", n)
	}
}

func TestTenantRule(t *testing.T) {
	t.Parallel()
	r, err := NewTenantRule([]string{"TenantID", "org"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tags    authn.Tags
		want    string
		invalid bool
	}{
		{nil, "", false},
		{authn.Tags{{Key: "tenantid", Value: "acme"}}, "acme", false},
		{authn.Tags{{Key: "org", Value: "acme"}}, "acme", false},
		{authn.Tags{{Key: "org", Value: "acme"}, {Key: "TenantID", Value: "acme"}}, "acme", false},
		{authn.Tags{{Key: "org", Value: "acme"}, {Key: "TenantID", Value: "globex"}}, "", true},
		{authn.Tags{{Key: "org", Value: ""}}, "", true},
		{authn.Tags{{Key: "org", Value: "*"}}, "", true},
	} {
		if id, invalid := r.Of(c.tags); id.String() != c.want || invalid != c.invalid {
			t.Errorf("%v: %q, %v", c.tags, id, invalid)
		}
	}
}

func FuzzRewritePrincipals(f *testing.F) {
	f.Add(allowTrust("arn:aws:iam::111122223333:user/alice"))
	f.Add(`{"Statement":{"Principal":{"\u0041WS":["a\n","\u00e9"]},"NotPrincipal":{"AWS":"x"}}}`)
	f.Add(`{"Statement":[{"Principal":"*","Condition":{"StringEquals":{"AWS":"a"}}}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		var before []string
		same, err := rewritePrincipals(document, func(_, value string) (string, error) {
			before = append(before, value)
			return value, nil
		})
		if err != nil {
			return
		}
		if same != document {
			t.Fatalf("%q became %q", document, same)
		}
		there, err := rewritePrincipals(document, func(_, value string) (string, error) { return "<" + value + ">", nil })
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		_, err = rewritePrincipals(there, func(_, value string) (string, error) {
			if i >= len(before) || value != "<"+before[i]+">" {
				t.Fatalf("%q became %q: principal %d is %q", document, there, i, value)
			}
			i++
			return value, nil
		})
		if err != nil || i != len(before) {
			t.Fatalf("%q became %q: %v", document, there, err)
		}
	})
}

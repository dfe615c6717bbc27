package bulkhead_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/bulkhead/bulkhead/internal/app/apptest"
	"github.com/bulkhead/bulkhead/internal/client"
)

const tenants = "/-/api/v1/tenants"

type tenant struct {
	ID        string `json:"Id"`
	Status    string
	KeyArn    string
	AliasName string
	Steps     []struct {
		Name string
		Done bool
	}
}

type answer struct {
	Tenant    tenant
	Tenants   []tenant
	NextToken string
}

type object map[string]any

func do(t *testing.T, c aws.Config, method, path string, in any) (*answer, error) {
	t.Helper()
	var out answer
	return &out, client.Do(t.Context(), c, method, path, in, &out)
}

func must(t *testing.T) func(*answer, error) *answer {
	return func(a *answer, err error) *answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// refused checks the error's code and that its message has the text.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, text) {
		t.Errorf("got %v, want %s: %s", err, code, text)
	}
}

func keys(t *testing.T, c aws.Config) []string {
	t.Helper()
	out, err := kms.NewFromConfig(c).ListKeys(t.Context(), &kms.ListKeysInput{})
	if err != nil {
		t.Fatal(err)
	}
	var arns []string
	for _, k := range out.Keys {
		arns = append(arns, *k.KeyArn)
	}
	return arns
}

func pool(t *testing.T, c aws.Config) string {
	t.Helper()
	out, err := cip.NewFromConfig(c).CreateUserPool(t.Context(), &cip.CreateUserPoolInput{PoolName: aws.String("users")})
	if err != nil {
		t.Fatal(err)
	}
	return *out.UserPool.Id
}

func (a *answer) done() (done []string) {
	for _, s := range a.Tenant.Steps {
		if s.Done {
			done = append(done, s.Name)
		}
	}
	return done
}

// A caller that may not do one step stops there, and whoever may goes on from there, on the way in and on the way out.
func TestStepsResume(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ action, done string }{
		"key":    {"kms:CreateKey", ""},
		"alias":  {"kms:CreateAlias", "key"},
		"group":  {"cognito-idp:CreateGroup", "key alias"},
		"alias ": {"kms:DeleteAlias", ""},
		"key ":   {"kms:ScheduleKeyDeletion", "delete-alias"},
		"group ": {"cognito-idp:DeleteGroup", "delete-alias schedule-key-deletion"},
	} {
		t.Run(c.action, func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, nil)
			p := pool(t, s.Root)
			by := s.User(s.Root, "operator", apptest.AllBut(c.action))
			create, path := object{"Id": "acme", "UserPoolId": p}, tenants+"/acme"
			off := strings.HasSuffix(name, " ")
			stopped := func(err error, status string) {
				t.Helper()
				refused(t, err, "AccessDeniedException", c.action)
				a := must(t)(do(t, s.Root, http.MethodGet, path, nil))
				if a.Tenant.Status != status || strings.Join(a.done(), " ") != c.done {
					t.Errorf("stopped as %s after %v", a.Tenant.Status, a.done())
				}
			}
			if !off {
				for range 2 {
					_, err := do(t, by, http.MethodPost, tenants, create)
					stopped(err, "CREATING")
				}
				s.Permit(s.Root, "operator", apptest.Allow("*"))
			}
			a := must(t)(do(t, by, http.MethodPost, tenants, create))
			if all := keys(t, s.Root); a.Tenant.Status != "ACTIVE" || len(a.done()) != 3 || len(all) != 1 || all[0] != a.Tenant.KeyArn {
				t.Fatalf("%+v, keys %v", a.Tenant, all)
			}
			_, err := do(t, by, http.MethodPost, tenants, create)
			refused(t, err, "TenantAlreadyExistsException", "acme")
			if off {
				for range 2 {
					_, err := do(t, by, http.MethodDelete, path, nil)
					stopped(err, "DELETING")
				}
				_, err := do(t, by, http.MethodPost, tenants, create)
				refused(t, err, "ConcurrentModificationException", "being deleted")
				s.Permit(s.Root, "operator", apptest.Allow("*"))
			}
			must(t)(do(t, by, http.MethodDelete, path, nil))
			_, err = do(t, by, http.MethodGet, path, nil)
			refused(t, err, "TenantNotFoundException", "acme")
			k, err := kms.NewFromConfig(s.Root).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &a.Tenant.KeyArn})
			if err != nil || k.KeyMetadata.KeyState != "PendingDeletion" {
				t.Error(k, err)
			}
			if _, err := cip.NewFromConfig(s.Root).GetGroup(t.Context(), &cip.GetGroupInput{UserPoolId: &p, GroupName: aws.String("acme")}); err == nil {
				t.Error("the group is still there")
			}
		})
	}
}

// An alias that is somebody else's stays so.
func TestAliasOfAnother(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	c := kms.NewFromConfig(s.Root)
	theirs, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	alias := aws.String("alias/customer-acme")
	if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: alias, TargetKeyId: theirs.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	_, err = do(t, s.Root, http.MethodPost, tenants, object{"Id": "acme"})
	refused(t, err, "ValidationException", "The step alias failed: AlreadyExistsException")
	still := func() {
		t.Helper()
		k, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: alias})
		if err != nil || *k.KeyMetadata.KeyId != *theirs.KeyMetadata.KeyId {
			t.Error("the alias was taken:", err)
		}
	}
	still()
	if a := must(t)(do(t, s.Root, http.MethodGet, tenants+"/acme", nil)); a.Tenant.Status != "CREATING" {
		t.Error(a.Tenant.Status)
	}
	must(t)(do(t, s.Root, http.MethodDelete, tenants+"/acme", nil))
	still()
	_, err = do(t, s.Root, http.MethodPost, tenants, object{"Id": "globex", "UserPoolId": "us-east-1_aaaaaaaaa"})
	refused(t, err, "ValidationException", "The step group failed: ResourceNotFoundException")
}

// Of requests at the same time one makes the tenant, once.
func TestConcurrentCreate(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	const n = 8
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = do(t, s.Root, http.MethodPost, tenants, object{"Id": "acme"}) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		var e *client.Error
		switch {
		case err == nil:
			made++
		case !errors.As(err, &e) || e.Code != "ConcurrentModificationException" && e.Code != "TenantAlreadyExistsException":
			t.Error(err)
		}
	}
	if all := keys(t, s.Root); made != 1 || len(all) != 1 {
		t.Errorf("made %d times, with %d keys", made, len(all))
	}
}

// Ids are of the declared language, and an alias has the tenant's id in it.
func TestCreateTenantInput(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	for _, id := range []string{"ACME", "a", "-acme", "acme.", "a/b", "acme*", "${tenant}", "ac me", "acmé", "acme\n", strings.Repeat("a", 64)} {
		if _, err := do(t, s.Root, http.MethodPost, tenants, object{"Id": id}); err == nil {
			t.Errorf("%q is taken", id)
		} else if e := new(client.Error); !errors.As(err, &e) || e.Code != "InvalidTenantIdException" && e.Code != "ValidationException" {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, template := range []string{"alias/x", "alias/${tenant}-${tenant}", ""} {
		_, err := do(t, s.Root, http.MethodPost, tenants, object{"Id": "acme", "KeyAliasTemplate": template})
		refused(t, err, "ValidationException", "")
	}
	if n := len(keys(t, s.Root)); n != 0 {
		t.Errorf("%d keys were made", n)
	}
	a := must(t)(do(t, s.Root, http.MethodPost, tenants, object{"Id": "acme", "KeyAliasTemplate": "alias/t/${tenant}/main"}))
	if a.Tenant.AliasName != "alias/t/acme/main" {
		t.Error(a.Tenant.AliasName)
	}
}

// Each account has its own registry, and no page token leads into another's.
func TestAccountsApart(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	_, other := s.OtherAccount("second")
	for _, c := range []aws.Config{s.Root, other} {
		for _, id := range []string{"acme", "globex", "initech"} {
			must(t)(do(t, c, http.MethodPost, tenants, object{"Id": id}))
		}
	}
	var ids []string
	query := "?maxResults=2"
	for first := true; first || query != ""; first = false {
		page := must(t)(do(t, s.Root, http.MethodGet, tenants+query, nil))
		if first {
			for name, c := range map[string]aws.Config{"another account": other, "another region": inRegion(s.Root, "eu-west-1")} {
				if _, err := do(t, c, http.MethodGet, tenants+"?nextToken="+url.QueryEscape(page.NextToken), nil); err == nil {
					t.Error("the token is good in", name)
				} else {
					refused(t, err, "ValidationException", "NextToken")
				}
			}
		}
		for _, x := range page.Tenants {
			ids = append(ids, x.ID)
		}
		if query = ""; page.NextToken != "" {
			query = "?nextToken=" + url.QueryEscape(page.NextToken)
		}
	}
	if strings.Join(ids, " ") != "acme globex initech" {
		t.Error(ids)
	}
	must(t)(do(t, other, http.MethodDelete, tenants+"/acme", nil))
	must(t)(do(t, s.Root, http.MethodGet, tenants+"/acme", nil))
	_, err := do(t, inRegion(s.Root, "eu-west-1"), http.MethodGet, tenants+"/acme", nil)
	refused(t, err, "TenantNotFoundException", "acme")
}

func inRegion(c aws.Config, region string) aws.Config {
	c = c.Copy()
	c.Region = region
	return c
}

// The registry is for those whose policies say so, a tenant at a time; the log of all accounts for the main account's alone.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	_, other := s.OtherAccount("second")
	must(t)(do(t, s.Root, http.MethodPost, tenants, object{"Id": "acme"}))
	must(t)(do(t, s.Root, http.MethodPost, tenants, object{"Id": "globex"}))
	reader := s.User(s.Root, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["bulkhead:GetTenant",`+
		`"bulkhead:DeleteTenant","bulkhead:ListAuditEvents"],"Resource":"arn:aws:bulkhead:*:`+apptest.Account+`:tenant/acme"}]}`)
	auditor := s.User(s.Root, "auditor", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"bulkhead:VerifyAudit",`+
		`"Resource":"arn:aws:bulkhead:us-east-1:`+apptest.Account+`:audit"}]}`)
	for name, c := range map[string]struct {
		by           aws.Config
		method, path string
		in           any
		code         string
	}{
		"its tenant":                    {reader, "GET", tenants + "/acme", nil, ""},
		"another tenant":                {reader, "GET", tenants + "/globex", nil, "AccessDeniedException"},
		"a tenant that is not there":    {reader, "GET", tenants + "/gone", nil, "AccessDeniedException"},
		"all tenants":                   {reader, "GET", tenants, nil, "AccessDeniedException"},
		"its tenant's events":           {reader, "GET", "/-/api/v1/audit/events?tenant=acme", nil, ""},
		"another tenant's events":       {reader, "GET", "/-/api/v1/audit/events?tenant=globex", nil, "AccessDeniedException"},
		"all events":                    {reader, "GET", "/-/api/v1/audit/events", nil, "AccessDeniedException"},
		"delete, without KMS":           {reader, "DELETE", tenants + "/acme", nil, "AccessDeniedException"},
		"verify":                        {auditor, "POST", "/-/api/v1/audit/verify", object{}, ""},
		"verify, a bad anchor":          {auditor, "POST", "/-/api/v1/audit/verify", object{"Anchors": []string{"x"}}, "InvalidAnchorException"},
		"verify, another user":          {reader, "POST", "/-/api/v1/audit/verify", object{}, "AccessDeniedException"},
		"verify, another account":       {other, "POST", "/-/api/v1/audit/verify", object{}, "AccessDeniedException"},
		"anchors, not permitted":        {auditor, "GET", "/-/api/v1/audit/anchors", nil, "AccessDeniedException"},
		"anchors, another account":      {other, "GET", "/-/api/v1/audit/anchors", nil, "AccessDeniedException"},
		"anchors, root":                 {s.Root, "GET", "/-/api/v1/audit/anchors", nil, ""},
		"its own events, other account": {other, "GET", "/-/api/v1/audit/events", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := do(t, c.by, c.method, c.path, c.in)
			if c.code != "" {
				refused(t, err, c.code, "")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

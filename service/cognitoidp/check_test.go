package cognitoidp

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// sound is a pool and a client in which nothing is to be found.
func sound() (*userpool.Pool, *userpool.Client) {
	p := &userpool.Pool{
		ID: "us-east-1_Pool", Account: testAccount, Region: testRegion, Tags: map[string]string{
			userpool.TenantAttributeTag: "custom:tenant_id", userpool.SessionTagsTag: "TenantID=custom:tenant_id",
		},
		Schema: append(userpool.StandardAttributes(), userpool.Attribute{Name: "custom:tenant_id", Type: api.AttributeDataTypeString}),
	}
	app := &userpool.Client{ID: "app", Pool: p.ID, ClientSettings: userpool.ClientSettings{
		HideUsers: true, Write: []string{"email", "name"}, OAuthFlows: []api.OAuthFlowType{"code"},
		CallbackURLs: []string{"https://app.example.com/", "http://localhost:3000/", "app://done"},
	}}
	return p, app
}

func describe(text *strings.Builder, found []Finding) {
	for _, f := range found {
		fmt.Fprintf(text, "%s %s %s\n  %s\n  %s\n", f.Severity, f.Code, f.Resource, f.Problem, f.Remedy)
	}
	text.WriteString("\n")
}

// TestCheckTenants makes one mistake after another, and holds what is found of each.
func TestCheckTenants(t *testing.T) {
	t.Parallel()
	untagged := func(p *userpool.Pool) { p.Tags = nil }
	var text strings.Builder
	for _, tc := range []struct {
		name   string
		change func(*userpool.Pool, *userpool.Client)
	}{
		{"nothing wrong", func(*userpool.Pool, *userpool.Client) {}},
		{"no tags; sign-up is open, the attribute is immutable", func(p *userpool.Pool, app *userpool.Client) { untagged(p); app.Write = nil }},
		{"no tags; administrators make users, the attribute is immutable", func(p *userpool.Pool, app *userpool.Client) {
			untagged(p)
			app.Write, p.Settings.AdminOnly = nil, true
		}},
		{"no tags; administrators make users, the attribute is mutable", func(p *userpool.Pool, app *userpool.Client) {
			untagged(p)
			app.Write, p.Settings.AdminOnly, p.Schema[len(p.Schema)-1].Mutable = nil, true, true
		}},
		{"no tags; the client does not write it", func(p *userpool.Pool, _ *userpool.Client) { untagged(p) }},
		{"tags; the client lists no attributes", func(_ *userpool.Pool, app *userpool.Client) { app.Write = nil }},
		{"tags; the client lists the attribute", func(_ *userpool.Pool, app *userpool.Client) { app.Write = append(app.Write, "custom:tenant_id") }},
		{"the attribute is mutable", func(p *userpool.Pool, _ *userpool.Client) { p.Schema[len(p.Schema)-1].Mutable = true }},
		{"the attribute is not there", func(p *userpool.Pool, _ *userpool.Client) { p.Schema = p.Schema[:len(p.Schema)-1] }},
		{"an address is a session tag", func(p *userpool.Pool, _ *userpool.Client) { p.Tags[userpool.SessionTagsTag] += " Mail=email" }},
		{"a client of carelessness", func(_ *userpool.Pool, app *userpool.Client) {
			app.HideUsers, app.NoRevocation, app.OAuthFlows = false, true, []api.OAuthFlowType{"implicit"}
			app.CallbackURLs, app.LogoutURLs = []string{"http://app.example.com/"}, []string{"http://localhost.example.com/"}
		}},
	} {
		p, app := sound()
		tc.change(p, app)
		fmt.Fprintf(&text, "## %s\n", tc.name)
		describe(&text, check(p, []*userpool.Client{app}, nil))
	}
	for _, tc := range []struct {
		name    string
		tags    bool
		mapping map[string]string
	}{
		{"a provider of one tenant", true, map[string]string{"email": "email", "custom:tenant_id": TenantMapping + "acme"}},
		{"a provider says the tenant, against the tags", true, map[string]string{"custom:tenant_id": "org"}},
		{"a provider says the tenant, and no tags", false, map[string]string{"custom:tenant_id": "org"}},
	} {
		p, _ := sound()
		if !tc.tags {
			p.Tags = nil
		}
		fmt.Fprintf(&text, "## %s\n", tc.name)
		describe(&text, check(p, nil, []*provider{{Name: "Okta", Type: "OIDC", Mapping: tc.mapping}}))
	}
	const file = "testdata/tenant-check.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wanted := must(os.ReadFile(file))(t)
	if text.String() != string(wanted) {
		t.Errorf("%s differs (UPDATE_GOLDEN=1 writes it anew):\n%s", file, text.String())
	}
}

func TestCheckTenantsReadsPools(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := must(paging.List{Keys: w.s.Keyring, Account: testAccount, Region: testRegion, Operation: "test"}.Page(nil, 10))(t)
	found := must(w.s.CheckTenants(context.Background(), testAccount, testRegion, page))(t)
	codes := map[string]int{}
	for _, f := range found {
		codes[f.Code]++
	}
	// Three clients may write the tenant attribute at sign-up, and one of them hides users.
	if codes["TENANT_ATTRIBUTE_WRITABLE"] != 3 || codes["USER_EXISTENCE_SHOWN"] != 2 {
		t.Errorf("%v", codes)
	}
	provider := tokens.ProviderName(testRegion, w.pool)
	for claim, writable := range map[string]bool{"custom:color": true, "custom:tenant_id": true, "nickname": true, "sub": false, "email_verified": false, "nosuch": false} {
		for _, name := range []string{provider, provider + ":" + w.app} {
			by, err := w.s.MayWrite(context.Background(), name, claim)
			if err != nil || (by != "") != writable {
				t.Errorf("%s of %s: %q, %v", claim, name, by, err)
			}
		}
	}
	if by, err := w.s.MayWrite(context.Background(), "accounts.example.com", "custom:color"); err != nil || by != "" {
		t.Error(by, err)
	}
}

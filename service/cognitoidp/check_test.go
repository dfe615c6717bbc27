package cognitoidp

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/paging"
)

// sound is a pool and a client in which nothing is to be found.
func sound() (*pool, *client) {
	p := &pool{
		ID: "us-east-1_Pool", Account: testAccount, Region: testRegion, Tags: map[string]string{
			TenantAttributeTag: "custom:tenant_id", SessionTagsTag: "TenantID=custom:tenant_id",
		},
		Schema: append(standardAttributes(), attribute{Name: "custom:tenant_id", Type: api.AttributeDataTypeString}),
	}
	app := &client{ID: "app", Pool: p.ID, clientSettings: clientSettings{
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
	untagged := func(p *pool) { p.Tags = nil }
	var text strings.Builder
	for _, tc := range []struct {
		name   string
		change func(*pool, *client)
	}{
		{"nothing wrong", func(*pool, *client) {}},
		{"no tags; sign-up is open, the attribute is immutable", func(p *pool, app *client) { untagged(p); app.Write = nil }},
		{"no tags; administrators make users, the attribute is immutable", func(p *pool, app *client) {
			untagged(p)
			app.Write, p.Settings.AdminOnly = nil, true
		}},
		{"no tags; administrators make users, the attribute is mutable", func(p *pool, app *client) {
			untagged(p)
			app.Write, p.Settings.AdminOnly, p.Schema[len(p.Schema)-1].Mutable = nil, true, true
		}},
		{"no tags; the client does not write it", func(p *pool, _ *client) { untagged(p) }},
		{"tags; the client lists no attributes", func(_ *pool, app *client) { app.Write = nil }},
		{"tags; the client lists the attribute", func(_ *pool, app *client) { app.Write = append(app.Write, "custom:tenant_id") }},
		{"the attribute is mutable", func(p *pool, _ *client) { p.Schema[len(p.Schema)-1].Mutable = true }},
		{"the attribute is not there", func(p *pool, _ *client) { p.Schema = p.Schema[:len(p.Schema)-1] }},
		{"an address is a session tag", func(p *pool, _ *client) { p.Tags[SessionTagsTag] += " Mail=email" }},
		{"a client of carelessness", func(_ *pool, app *client) {
			app.HideUsers, app.NoRevocation, app.OAuthFlows = false, true, []api.OAuthFlowType{"implicit"}
			app.CallbackURLs, app.LogoutURLs = []string{"http://app.example.com/"}, []string{"http://localhost.example.com/"}
		}},
	} {
		p, app := sound()
		tc.change(p, app)
		fmt.Fprintf(&text, "## %s\n", tc.name)
		describe(&text, check(p, []*client{app}, nil))
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
	provider := ProviderName(testRegion, w.pool)
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

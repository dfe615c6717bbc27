package bulkhead_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bulkhead/bulkhead/internal/app/apptest"
	"github.com/bulkhead/bulkhead/internal/client"
)

const (
	routes  = "/-/api/v1/tenant-routes"
	resolve = "/-/api/v1/resolve-tenant"
)

type route struct {
	TenantID     string `json:"TenantId"`
	UserPoolID   string `json:"UserPoolId"`
	ClientID     string `json:"ClientId"`
	ListedName   string
	Subdomains   []string
	EmailDomains []string
	Codes        []string
}

type routesAnswer struct {
	TenantRoute  route
	TenantRoutes []route
	Names        []string
	NextToken    string
}

func ask(t *testing.T, c aws.Config, method, path string, in any) (*routesAnswer, error) {
	t.Helper()
	var out routesAnswer
	return &out, client.Do(t.Context(), c, method, path, in, &out)
}

func asked(t *testing.T) func(*routesAnswer, error) *routesAnswer {
	return func(a *routesAnswer, err error) *routesAnswer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// appClient makes a pool with an app client.
func appClient(t *testing.T, c aws.Config) (userPool, id string) {
	t.Helper()
	userPool = pool(t, c)
	out, err := cip.NewFromConfig(c).CreateUserPoolClient(t.Context(), &cip.CreateUserPoolClientInput{
		UserPoolId: &userPool, ClientName: aws.String("app"), SupportedIdentityProviders: []string{"COGNITO"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return userPool, *out.UserPoolClient.ClientId
}

// routed makes a server with two tenants that have routes.
func routed(t *testing.T) (s *apptest.Server, userPool, id string) {
	t.Helper()
	s = apptest.Start(t, nil)
	userPool, id = appClient(t, s.Root)
	for _, name := range []string{"acme", "globex", "initech"} {
		must(t)(do(t, s.Root, http.MethodPost, tenants, object{"Id": name}))
	}
	asked(t)(ask(t, s.Root, http.MethodPost, routes, object{
		"TenantId": "acme", "UserPoolId": userPool, "ClientId": id, "ListedName": " Acme  Inc. ", "Subdomains": []string{"acme", "acme"},
		"EmailDomains": []string{"ACME.example", "bücher.example."}, "Codes": []string{"acme-2026"},
	}))
	asked(t)(ask(t, s.Root, http.MethodPost, routes, object{"TenantId": "globex", "UserPoolId": userPool, "ClientId": id, "Subdomains": []string{"globex"}}))
	return s, userPool, id
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	s, userPool, id := routed(t)
	got := asked(t)(ask(t, s.Root, http.MethodGet, routes+"/acme", nil)).TenantRoute
	want := route{"acme", userPool, id, "Acme Inc.", []string{"acme"}, []string{"acme.example", "xn--bcher-kva.example"}, []string{"ACME-2026"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the route is %+v", got)
	}
	for query, tenant := range map[string]string{
		"subdomain=acme": "acme", "emailDomain=B%C3%BCCHER.example": "acme", "code=Acme-2026": "acme", "subdomain=globex": "globex",
		"subdomain=nobody": "", "code=acme-2027": "", "emailDomain=example": "",
	} {
		found := asked(t)(ask(t, s.Root, http.MethodGet, routes+"?"+query, nil)).TenantRoutes
		if len(found) > 1 || (len(found) == 1) != (tenant != "") || len(found) == 1 && found[0].TenantID != tenant {
			t.Errorf("%s leads to %+v", query, found)
		}
	}
	base := object{"TenantId": "globex", "UserPoolId": userPool, "ClientId": id}
	with := func(more object) object { m := maps.Clone(base); maps.Copy(m, more); return m }
	for code, in := range map[string]object{
		"TenantNotFoundException":           with(object{"TenantId": "nobody"}),
		"TenantRouteAlreadyExistsException": base,
		"RouteKeyInUseException":            with(object{"TenantId": "initech", "Subdomains": []string{"acme"}}),
		"RouteKeyInUseException ":           with(object{"TenantId": "initech", "ListedName": "acme inc."}),
		"InvalidTenantRouteException":       with(object{"TenantId": "initech", "ClientId": "nosuchclient"}),
		"InvalidTenantRouteException ":      with(object{"TenantId": "initech", "ProviderName": "Okta"}),
		"InvalidTenantRouteException  ":     with(object{"TenantId": "initech", "EmailDomains": []string{"a b.example"}}),
		"ValidationException":               with(object{"TenantId": "initech", "Subdomains": []string{"a.b"}}),
	} {
		_, err := ask(t, s.Root, http.MethodPost, routes, in)
		refused(t, err, strings.TrimSpace(code), "")
	}
	if _, err := ask(t, s.Root, http.MethodGet, routes+"/initech", nil); err == nil {
		t.Error("a refused route was kept")
	}
	asked(t)(ask(t, s.Root, http.MethodPut, routes+"/acme", object{"UserPoolId": userPool, "ClientId": id, "Subdomains": []string{"acme-new"}}))
	asked(t)(ask(t, s.Root, http.MethodPost, routes, with(object{"TenantId": "initech", "Subdomains": []string{"acme"}, "Codes": []string{"ACME-2026"}})))
	must(t)(do(t, s.Root, http.MethodDelete, tenants+"/initech", nil))
	if found := asked(t)(ask(t, s.Root, http.MethodGet, routes+"?subdomain=acme", nil)).TenantRoutes; len(found) != 0 {
		t.Errorf("the subdomain of a tenant that was off-boarded leads to %+v", found)
	}
	asked(t)(ask(t, s.Root, http.MethodDelete, routes+"/acme", nil))
	_, err := ask(t, s.Root, http.MethodDelete, routes+"/acme", nil)
	refused(t, err, "TenantRouteNotFoundException", "")
}

// An account's routes lead to its own pools only, and who may not see a pool cannot route to it.
func TestRoutesOfAccounts(t *testing.T) {
	t.Parallel()
	s, userPool, id := routed(t)
	_, other := s.OtherAccount("second")
	must(t)(do(t, other, http.MethodPost, tenants, object{"Id": "acme"}))
	_, err := ask(t, other, http.MethodPost, routes, object{"TenantId": "acme", "UserPoolId": userPool, "ClientId": id})
	refused(t, err, "InvalidTenantRouteException", "")
	if found := asked(t)(ask(t, other, http.MethodGet, routes, nil)).TenantRoutes; len(found) != 0 {
		t.Errorf("another account sees %+v", found)
	}
	by := s.User(s.Root, "router", apptest.Allow("bulkhead:*"))
	_, err = ask(t, by, http.MethodPost, routes, object{"TenantId": "initech", "UserPoolId": userPool, "ClientId": id})
	refused(t, err, "AccessDeniedException", "cognito-idp:DescribeUserPoolClient")
	nobody := s.User(s.Root, "nobody", apptest.Allow("dynamodb:*"))
	for _, c := range []struct{ method, path string }{
		{http.MethodPost, routes}, {http.MethodGet, routes}, {http.MethodGet, routes + "/acme"}, {http.MethodPut, routes + "/acme"}, {http.MethodDelete, routes + "/acme"},
	} {
		var in any
		if c.method == http.MethodPost || c.method == http.MethodPut {
			in = object{"TenantId": "acme", "UserPoolId": userPool, "ClientId": id}
		}
		_, err := ask(t, nobody, c.method, c.path, in)
		refused(t, err, "AccessDeniedException", "")
	}
}

// raw sends a request without credentials and returns the answer's shape: what of it does not change from one to the next.
func raw(t *testing.T, s *apptest.Server, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, *s.Root.BaseEndpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, resp.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		value := resp.Header.Get(name)
		if name == "Date" || strings.Contains(name, "id") || strings.Contains(name, "Id") {
			value = fmt.Sprintf("(%d bytes)", len(value))
		}
		fmt.Fprintf(&out, "%s: %s\n", name, value)
	}
	text := regexp.MustCompile(`"Route":"[^"]*"`).ReplaceAllStringFunc(string(b), func(s string) string { return fmt.Sprintf(`"Route":(%d bytes)`, len(s)) })
	fmt.Fprintln(&out, regexp.MustCompile(`[0-9]{10}(\.[0-9]+)?`).ReplaceAllString(text, "(time)"))
	return out.String()
}

// An answer never tells whether there is such a tenant: the bytes of those for known and unknown ones have one shape.
func TestResolveTellsNothing(t *testing.T) {
	t.Parallel()
	s, _, _ := routed(t)
	var shape string
	for _, body := range []string{
		`{"Subdomain":"acme"}`, `{"Subdomain":"nobody"}`, `{"EmailAddress":"ana@acme.example"}`, `{"EmailAddress":"ana@nobody.example"}`,
		`{"EmailAddress":"no address"}`, `{"Code":"acme-2026"}`, `{"Code":"ACME-2027"}`, `{"ListedName":"Acme Inc."}`, `{"ListedName":"Globex"}`,
		`{"ListedName":"` + strings.Repeat("x", 128) + `"}`,
	} {
		got := raw(t, s, http.MethodPost, resolve, body)
		if shape == "" {
			shape = got
			golden(t, "resolve.golden", got)
		}
		if got != shape {
			t.Errorf("%s answers\n%s\nand not as others do\n%s", body, got, shape)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s differs (%v); it would be\n%s", name, err, got)
	}
}

// Only names that the operator publishes are listed, and nobody asks without end.
func TestTenantNames(t *testing.T) {
	t.Parallel()
	s, _, _ := routed(t)
	resp, err := http.Get(*s.Root.BaseEndpoint + "/-/api/v1/tenant-names")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	var out routesAnswer
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || fmt.Sprint(out.Names) != "[Acme Inc.]" {
		t.Errorf("the list is %v, %v", out.Names, err)
	}
	limited := false
	for range 150 {
		limited = limited || strings.HasPrefix(raw(t, s, http.MethodPost, resolve, `{"Subdomain":"acme"}`), "429")
	}
	if !limited {
		t.Error("one client may ask for all tenants there could be")
	}
}

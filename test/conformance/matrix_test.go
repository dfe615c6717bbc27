package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// row is an operation of the matrix.
type row struct {
	// op is "service.Operation"; in its input, with names such as $TABLE that stand for things of the tenant whose data
	// is tried.
	op, in string
	// before are operations that the root user runs first, as "service.Operation {input}", for what the operation uses up.
	before []string
	// fresh gives $TOKEN and the like a new user for each try, for operations that end a session.
	fresh bool
	// shared says why a tenant's session may succeed on what is named as another tenant's. Without a reason it fails the
	// test.
	shared string
	// made is what was made for the tries on a tenant's things.
	made map[string]things
}

// callers are the columns, in order. The first three act for a tenant.
var callers = []string{"user", "data", "keys", "function", "operator", "anonymous"}

const withTenant = 3

// things are the names of what belongs to a tenant.
type things map[string]string

// matrix is the state of the test.
type matrix struct {
	*world
	things map[string]things // by tenant
	creds  map[string]map[string]*aws.Credentials
	n      int
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	m := &matrix{world: newWorld(t), things: map[string]things{}, creds: map[string]map[string]*aws.Credentials{}}
	m.checkComplete()
	m.build()
	var text strings.Builder
	text.WriteString(matrixHead)
	fmt.Fprintf(&text, "%-45s", "operation")
	for _, c := range callers {
		fmt.Fprintf(&text, " %-27s", c)
	}
	text.WriteString("\n")
	for _, r := range rows {
		m.try(&text, r)
	}
	golden(t, "matrix.golden", trimLines(text.String()))
}

const matrixHead = `# Who may call what, on whose data: made by running the server (UPDATE_GOLDEN=1 go test ./test/conformance -run TestMatrix).
# Each cell is the answer on the own tenant's data / on the other tenant's, once if they are the same: ok, or the error code.
# user: a tenant's user, with the ABAC policy of the demo and its tenant as session tag. data: the role of S21, tagged.
# keys: the role of S6, with a session policy for the tenant. function: the execution role, which may only assume these.
# operator: an IAM user allowed everything. anonymous: no credentials.
# The table has the guard (bulkhead:owner-key). Both tenants' answers are the same, or the line is there for each.

`

// checkComplete fails unless the table has each operation that is served, once.
func (m *matrix) checkComplete() {
	m.t.Helper()
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.op] {
			m.t.Errorf("%s is in the matrix twice", r.op)
		}
		seen[r.op] = true
	}
	for service, model := range m.models {
		if service == "login" {
			continue // no protocol reaches its operations; the tests of the sign-in pages try what those let through
		}
		for _, name := range model.served {
			if !seen[service+"."+name] {
				m.t.Errorf("%s.%s is served and not in the matrix: add it to rows", service, name)
			}
			delete(seen, service+"."+name)
		}
	}
	for op := range seen {
		m.t.Errorf("%s is in the matrix and not served", op)
	}
	if m.t.Failed() {
		m.t.FailNow()
	}
}

// try writes the line of an operation, or one for each tenant if their answers differ.
func (m *matrix) try(text *strings.Builder, r row) {
	m.t.Helper()
	r.made = map[string]things{}
	lines := map[string]string{}
	for _, own := range tenants {
		other := tenants[1-slices.Index(tenants, own)]
		var line strings.Builder
		for i, caller := range callers {
			creds := m.creds[own][caller]
			a, b := m.one(creds, &r, own), m.one(creds, &r, other)
			if i < withTenant && b == "ok" && r.shared == "" {
				m.t.Errorf("%s as %s of %s reached what is %s's", r.op, caller, own, other)
			}
			if a != b {
				a += " / " + b
			}
			fmt.Fprintf(&line, " %-27s", a)
		}
		lines[own] = line.String()
	}
	if lines[tenants[0]] == lines[tenants[1]] {
		fmt.Fprintf(text, "%-45s%s\n", r.op, lines[tenants[0]])
		return
	}
	for _, t := range tenants {
		fmt.Fprintf(text, "%-45s%s\n", r.op+" ("+t+")", lines[t])
	}
}

// one runs the operation once on a tenant's things. What was made for it serves again until a try succeeds: a refused one
// must not have used it up.
func (m *matrix) one(creds *aws.Credentials, r *row, tenant string) string {
	m.t.Helper()
	if r.made[tenant] == nil {
		r.made[tenant] = m.prepare(r, tenant)
	}
	a := m.call(creds, r.op, r.made[tenant].fill(r.in))
	if strings.HasPrefix(a.code, "5") || strings.Contains(a.code, "Internal") || a.code == "ServiceFailure" || a.code == "ServiceException" {
		m.t.Errorf("%s: %s: %s", r.op, a.code, a.text)
	}
	if a.code == "" {
		delete(r.made, tenant)
		return "ok"
	}
	return strings.TrimSuffix(a.code, "Exception")
}

// prepare names a tenant's things and makes what the operation uses up.
func (m *matrix) prepare(r *row, tenant string) things {
	m.t.Helper()
	m.n++
	names := things{"$N": fmt.Sprint(m.n)}
	maps.Copy(names, m.things[tenant])
	if r.fresh {
		maps.Copy(names, m.signIn(tenant, fmt.Sprintf("fresh-%d", m.n)))
	}
	for _, b := range r.before {
		op, in, _ := strings.Cut(b, " ")
		a := m.must(op, names.fill(in))
		if id := newID[op]; id != "" {
			names["$NEW"] = a.get(m.t, id)
		}
	}
	return names
}

// newID is the member of an answer that later inputs name by $NEW.
var newID = map[string]string{
	"kms.CreateKey": "KeyId", "iam.CreateAccessKey": "AccessKeyId", "iam.CreatePolicy": "Arn", "cognito-idp.CreateUserPool": "Id",
	"cognito-idp.CreateUserPoolClient": "ClientId", "cognito-identity.CreateIdentityPool": "IdentityPoolId",
	"iam.CreateOpenIDConnectProvider": "OpenIDConnectProviderArn", "cognito-identity.GetId": "IdentityId",
	"cognito-identity.GetOpenIdTokenForDeveloperIdentity": "IdentityId",
}

// fill puts the names into an input.
func (t things) fill(in string) string {
	// longer names first: $KEYARN before $KEY
	names := slices.SortedFunc(maps.Keys(t), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, n := range names {
		in = strings.ReplaceAll(in, n, t[n])
	}
	return in
}

// golden compares with a file of testdata, or writes it if UPDATE_GOLDEN is set.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	was, is := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for _, l := range was {
		if !slices.Contains(is, l) {
			t.Errorf("%s: gone: %s", name, l)
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) {
			t.Errorf("%s: new:  %s", name, l)
		}
	}
	t.Errorf("%s differs; if that is meant, run UPDATE_GOLDEN=1 go test ./test/conformance and read what changed", name)
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// quoted is a policy as a JSON string, to be put into an input.
func quoted(policy string) string {
	b, err := json.Marshal(policy)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return string(b)
}

package hostile

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var root = aws.Credentials{AccessKeyID: rootID, SecretAccessKey: rootPass}

// as sends a request in the name of the credentials.
func as(tb testing.TB, c aws.Credentials, service, target, contentType, body string) (int, string) {
	tb.Helper()
	req, err := http.NewRequest(http.MethodPost, server.URL+"/", bytes.NewReader([]byte(body)))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), c, req, hex.EncodeToString(sum[:]), service, region, time.Now()); err != nil {
		tb.Fatal(err)
	}
	return send(tb, req)
}

// query is an operation of the query protocol, with parameters in pairs.
func query(tb testing.TB, c aws.Credentials, service, version, action string, params ...string) (int, string) {
	tb.Helper()
	v := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return as(tb, c, service, "", "application/x-www-form-urlencoded", v.Encode())
}

func dynamo(tb testing.TB, c aws.Credentials, operation, body string) (int, string) {
	tb.Helper()
	return as(tb, c, "dynamodb", "DynamoDB_20120810."+operation, "application/x-amz-json-1.0", body)
}

// must fails the test unless the operation succeeded.
func must(tb testing.TB, status int, body string) string {
	tb.Helper()
	if status != http.StatusOK {
		tb.Fatal(status, body)
	}
	return body
}

func element(tb testing.TB, body, name string) string {
	tb.Helper()
	m := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindStringSubmatch(body)
	if m == nil {
		tb.Fatalf("no %s in %s", name, body)
	}
	return m[1]
}

func credentials(tb testing.TB, body string) aws.Credentials {
	tb.Helper()
	c := aws.Credentials{AccessKeyID: element(tb, body, "AccessKeyId"), SecretAccessKey: element(tb, body, "SecretAccessKey")}
	if strings.Contains(body, "<SessionToken>") {
		c.SessionToken = element(tb, body, "SessionToken")
	}
	return c
}

// tenants is a guarded table with a row of each of two tenants, and who uses it.
type tenants struct {
	table, role string
	operator    aws.Credentials
}

const trusting = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},` +
	`"Action":["sts:AssumeRole","sts:TagSession"]}]}`

// newTenants makes a role whose policies have holes: it may do everything. The names, of which the user's is the table's, are of their
// own each time, since all tests share a server.
func newTenants(t *testing.T, name string) *tenants {
	t.Helper()
	name += "-" + rand.Text()
	iam := func(action string, params ...string) string {
		t.Helper()
		status, body := query(t, root, "iam", "2010-05-08", action, params...)
		return must(t, status, body)
	}
	const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	iam("CreateUser", "UserName", name)
	iam("PutUserPolicy", "UserName", name, "PolicyName", "p", "PolicyDocument", all)
	w := &tenants{table: name, operator: credentials(t, iam("CreateAccessKey", "UserName", name))}
	w.role = element(t, iam("CreateRole", "RoleName", name, "AssumeRolePolicyDocument", trusting), "Arn")
	iam("PutRolePolicy", "RoleName", name, "PolicyName", "p", "PolicyDocument", all)
	status, body := dynamo(t, w.operator, "CreateTable", `{"TableName":"`+name+`","BillingMode":"PAY_PER_REQUEST",`+
		`"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],`+
		`"Tags":[{"Key":"bulkhead:owner-key","Value":"${tenant}#*"}]}`)
	must(t, status, body)
	for _, tenant := range []string{"acme", "globex"} {
		status, body := dynamo(t, w.operator, "PutItem", `{"TableName":"`+name+`","Item":{"pk":{"S":"`+tenant+`#1"}}}`)
		must(t, status, body)
	}
	return w
}

// assume makes a session of the role, of a tenant unless that is "".
func (w *tenants) assume(t *testing.T, by aws.Credentials, tenant string) aws.Credentials {
	t.Helper()
	params := []string{"RoleArn", w.role, "RoleSessionName", "session"}
	if tenant != "" {
		params = append(params, "Tags.member.1.Key", "TenantID", "Tags.member.1.Value", tenant)
	}
	status, body := query(t, by, "sts", "2011-06-15", "AssumeRole", params...)
	return credentials(t, must(t, status, body))
}

func (w *tenants) mayGet(t *testing.T, by aws.Credentials, tenant string) bool {
	t.Helper()
	status, body := dynamo(t, by, "GetItem", `{"TableName":"`+w.table+`","Key":{"pk":{"S":"`+tenant+`#1"}}}`)
	if status != http.StatusOK && !strings.Contains(body, "because the guard keeps other tenants' rows from this session") {
		t.Fatal(status, body)
	}
	return status == http.StatusOK
}

// A tenant's session stays under the guard whatever roles it assumes: without a tag it is no operator, with another
// tenant's it is not this tenant.
func TestRoleChainsStayWithTheirTenant(t *testing.T) {
	w := newTenants(t, "chains")
	acme := w.assume(t, w.operator, "acme")
	same, none, other := w.assume(t, acme, "acme"), w.assume(t, acme, ""), w.assume(t, acme, "globex")
	for _, tc := range []struct {
		name         string
		by           aws.Credentials
		acme, globex bool
	}{
		{"operator", w.operator, true, true},
		{"operator by a role", w.assume(t, w.operator, ""), true, true},
		{"tenant by an operator's role", w.assume(t, w.assume(t, w.operator, ""), "globex"), false, true},
		{"tenant", acme, true, false},
		{"same tenant again", same, true, false},
		{"without its tag", none, false, false},
		{"with another's tag", other, false, false},
		{"without its tag, then with it", w.assume(t, none, "acme"), false, false},
		{"with another's tag, then with its own", w.assume(t, other, "acme"), false, false},
		{"with another's tag twice", w.assume(t, other, "globex"), false, false},
	} {
		if a, g := w.mayGet(t, tc.by, "acme"), w.mayGet(t, tc.by, "globex"); a != tc.acme || g != tc.globex {
			t.Errorf("%s: reads acme's row %v, globex's %v", tc.name, a, g)
		}
	}
}

// A user that is a tenant's makes federated sessions of this tenant only.
func TestFederatedSessionsStayWithTheirTenant(t *testing.T) {
	w := newTenants(t, "federated")
	status, body := query(t, root, "iam", "2010-05-08", "TagUser", "UserName", w.table,
		"Tags.member.1.Key", "TenantID", "Tags.member.1.Value", "acme")
	must(t, status, body)
	federate := func(params ...string) aws.Credentials {
		status, body := query(t, w.operator, "sts", "2011-06-15", "GetFederationToken", append(params, "Name", "who",
			"PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AdministratorAccess")...)
		return credentials(t, must(t, status, body))
	}
	for name, tc := range map[string]struct {
		by           aws.Credentials
		acme, globex bool
	}{
		"user":               {w.operator, true, false},
		"inherits the tag":   {federate(), true, false},
		"overrides the tag":  {federate("Tags.member.1.Key", "TenantID", "Tags.member.1.Value", "globex"), false, false},
		"in another writing": {federate("Tags.member.1.Key", "tenantid", "Tags.member.1.Value", "globex"), false, false},
	} {
		if a, g := w.mayGet(t, tc.by, "acme"), w.mayGet(t, tc.by, "globex"); a != tc.acme || g != tc.globex {
			t.Errorf("%s: reads acme's row %v, globex's %v", name, a, g)
		}
	}
}

// The guard is not the tenant's to take away, nor the table.
func TestTenantsKeepTheGuard(t *testing.T) {
	w := newTenants(t, "guarded")
	acme := w.assume(t, w.operator, "acme")
	arn := `"arn:aws:dynamodb:us-east-1:000000000000:table/` + w.table + `"`
	for operation, body := range map[string]string{
		"UntagResource":        `{"ResourceArn":` + arn + `,"TagKeys":["bulkhead:owner-key"]}`,
		"TagResource":          `{"ResourceArn":` + arn + `,"Tags":[{"Key":"bulkhead:shared-keys","Value":"globex#*"}]}`,
		"PutResourcePolicy":    `{"ResourceArn":` + arn + `,"Policy":"{}"}`,
		"DeleteResourcePolicy": `{"ResourceArn":` + arn + `}`,
		"UpdateTable":          `{"TableName":"` + w.table + `","DeletionProtectionEnabled":true}`,
		"DeleteTable":          `{"TableName":"` + w.table + `"}`,
	} {
		if status, answer := dynamo(t, acme, operation, body); status == http.StatusOK || !strings.Contains(answer, "the guard") {
			t.Errorf("%s: %d %s", operation, status, answer)
		}
	}
	if w.mayGet(t, acme, "globex") {
		t.Error("the guard is gone")
	}
}

// The built-in provider of identity pools is one issuer, by https; keys that anybody on the way could give are not its.
func TestIdentityPoolsHaveOneIssuer(t *testing.T) {
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	now := time.Now().Unix()
	for issuer, want := range map[string]string{
		"http://cognito-identity.amazonaws.com":   "No OpenIDConnect provider found in your account",
		"HTTPS://cognito-identity.amazonaws.com":  "No OpenIDConnect provider found in your account",
		"x://cognito-identity.amazonaws.com":      "No OpenIDConnect provider found in your account",
		"cognito-identity.amazonaws.com":          "No OpenIDConnect provider found in your account",
		"https://cognito-identity.amazonaws.com/": "No OpenIDConnect provider found in your account",
		"https://cognito-identity.amazonaws.com":  "retrieve verification key",
	} {
		token := segment(`{"alg":"RS256","kid":"k"}`) + "." + segment(fmt.Sprintf(
			`{"iss":%q,"aud":"us-east-1:pool","sub":"s","iat":%d,"exp":%d}`, issuer, now, now+600)) + "." + segment("signature")
		status, body := query(t, root, "sts", "2011-06-15", "AssumeRoleWithWebIdentity", "RoleArn",
			"arn:aws:iam::000000000000:role/none", "RoleSessionName", "session", "WebIdentityToken", token)
		if status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", issuer, status, body)
		}
	}
}

// Two tags whose keys differ in case only are one condition key: what a request is allowed to tag must be what policies
// later see.
func TestTagsThatHideEachOther(t *testing.T) {
	const tags = `{"TenantID":"acme","tenantid":"globex"}`
	for _, tc := range []struct{ service, target, body string }{
		{"cognito-idp", "AWSCognitoIdentityProviderService.CreateUserPool", `{"PoolName":"p","UserPoolTags":` + tags + `}`},
		{"cognito-identity", "AWSCognitoIdentityService.CreateIdentityPool",
			`{"IdentityPoolName":"p","AllowUnauthenticatedIdentities":false,"IdentityPoolTags":` + tags + `}`},
		{"kms", "TrentService.CreateKey", `{"Tags":[{"TagKey":"TenantID","TagValue":"acme"},{"TagKey":"tenantid","TagValue":"globex"}]}`},
	} {
		status, body := as(t, root, tc.service, tc.target, "application/x-amz-json-1.1", tc.body)
		if status != http.StatusBadRequest || !strings.Contains(strings.ToLower(body), "tag key") {
			t.Errorf("%s: %d %s", tc.target, status, body)
		}
	}
}

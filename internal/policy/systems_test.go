package policy_test

import (
	"testing"

	"github.com/bulkhead/bulkhead/internal/policy"
)

// The policies of real deployments, as written in the systems' descriptions.

const (
	account  = "111111111111"
	accountB = "222222222222"
	table    = "arn:aws:dynamodb:us-east-1:111111111111:table/Data"
	key      = "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	roleARN  = "arn:aws:iam::111111111111:role/app/TenantRole"
	session  = "arn:aws:sts::111111111111:assumed-role/TenantRole/alice"
)

func mustParse(t testing.TB, doc string, k policy.Kind) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(doc), k)
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return p
}

func identity(t testing.TB, docs ...string) *policy.Set {
	t.Helper()
	var s []policy.Source
	for i, d := range docs {
		s = append(s, policy.Source{Name: "p" + string(rune('0'+i)), Policy: mustParse(t, d, policy.Identity)})
	}
	return policy.NewSet(s)
}

// keys is a context as a literal.
type keys map[string][]string

func (k keys) context() *policy.Context {
	c := new(policy.Context)
	for key, values := range k {
		c.Set(key, values...)
	}
	return c
}

func roleSession() policy.Principal {
	return policy.Principal{Account: account, ARN: session, IssuerARN: roleARN}
}

const s21 = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":["dynamodb:DescribeTable","dynamodb:GetItem","dynamodb:PutItem"],
  "Resource":"` + table + `",
  "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/TenantID}"]}}},
 {"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"` + key + `",
  "Condition":{"StringEquals":{"kms:EncryptionContext:tenant_id":"${aws:PrincipalTag/TenantID}"}}}]}`

const s3Signed = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"` + table + `",
  "Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["PUBLIC#*"]}}},
 {"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"` + table + `",
  "Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/org}#*"]}}},
 {"Effect":"Allow","Action":"execute-api:Invoke",
  "Resource":"arn:aws:execute-api:us-east-1:111111111111:api1/$default/GET/${aws:PrincipalTag/org}/*"}]}`

const s15 = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],
  "Resource":"arn:aws:s3:::bucket/${aws:PrincipalTag/TenantID}/*"}}`

func TestSystemsIdentity(t *testing.T) {
	t.Parallel()
	const api = "arn:aws:execute-api:us-east-1:111111111111:api1/$default/"
	tenant := func(id string, more ...string) keys {
		k := keys{"aws:PrincipalTag/TenantID": {id}}
		for i := 0; i+1 < len(more); i += 2 {
			k[more[i]] = append(k[more[i]], more[i+1])
		}
		return k
	}
	org := func(id, leading string) keys {
		return keys{"aws:PrincipalTag/org": {id}, "dynamodb:LeadingKeys": {leading}}
	}
	for _, c := range []struct {
		name, doc, action, resource string
		ctx                         keys
		want                        bool
	}{
		{"S21 own row", s21, "dynamodb:GetItem", table, tenant("acme", "dynamodb:LeadingKeys", "acme"), true},
		{"S21 other row", s21, "dynamodb:GetItem", table, tenant("acme", "dynamodb:LeadingKeys", "globex"), false},
		{"S21 prefix-related", s21, "dynamodb:GetItem", table, tenant("acme", "dynamodb:LeadingKeys", "acme2"), false},
		{"S21 own and other", s21, "dynamodb:PutItem", table,
			tenant("acme", "dynamodb:LeadingKeys", "acme", "dynamodb:LeadingKeys", "globex"), false},
		{"S21 describe, no keys", s21, "dynamodb:DescribeTable", table, tenant("acme"), true},
		{"S21 describe, no tag", s21, "dynamodb:DescribeTable", table, keys{}, false},
		{"S21 no tag", s21, "dynamodb:GetItem", table, keys{"dynamodb:LeadingKeys": {""}}, false},
		{"S21 tag is a star", s21, "dynamodb:GetItem", table, tenant("*", "dynamodb:LeadingKeys", "globex"), false},
		{"S21 Scan is not listed", s21, "dynamodb:Scan", table, tenant("acme"), false},
		{"S21 other table", s21, "dynamodb:GetItem", table + "2", tenant("acme", "dynamodb:LeadingKeys", "acme"), false},
		{"S21 own context", s21, "kms:Decrypt", key, tenant("acme", "kms:EncryptionContext:tenant_id", "acme"), true},
		{"S21 context key by case", s21, "kms:Decrypt", key, tenant("acme", "kms:EncryptionContext:Tenant_ID", "acme"), true},
		{"S21 context value by case", s21, "kms:Decrypt", key, tenant("acme", "kms:EncryptionContext:tenant_id", "Acme"), false},
		{"S21 other context", s21, "kms:Decrypt", key, tenant("acme", "kms:EncryptionContext:tenant_id", "globex"), false},
		{"S21 no context", s21, "kms:Decrypt", key, tenant("acme"), false},
		{"S21 no context, no tag", s21, "kms:Decrypt", key, keys{}, false},
		{"S3 own", s3Signed, "dynamodb:Query", table, org("o1", "o1#item"), true},
		{"S3 public", s3Signed, "dynamodb:Query", table, org("o1", "PUBLIC#x"), true},
		{"S3 other", s3Signed, "dynamodb:Query", table, org("o1", "o12#item"), false},
		{"S3 star tag", s3Signed, "dynamodb:Query", table, org("*", "o2#item"), false},
		{"S3 unset tag", s3Signed, "dynamodb:Query", table, keys{"dynamodb:LeadingKeys": {"#x"}}, false},
		{"S3 route own", s3Signed, "execute-api:Invoke", api + "GET/o1/items", org("o1", ""), true},
		{"S3 route other", s3Signed, "execute-api:Invoke", api + "GET/o2/items", org("o1", ""), false},
		{"S3 route unset", s3Signed, "execute-api:Invoke", api + "GET//items", keys{}, false},
		{"S3 route method", s3Signed, "execute-api:Invoke", api + "POST/o1/items", org("o1", ""), false},
		{"S15 own", s15, "s3:GetObject", "arn:aws:s3:::bucket/acme/a/b", tenant("acme"), true},
		{"S15 other", s15, "s3:GetObject", "arn:aws:s3:::bucket/acme2/a", tenant("acme"), false},
		{"S15 slash in tag", s15, "s3:GetObject", "arn:aws:s3:::bucket/acme/a/b", tenant("acme/a"), true},
		{"S15 dots are text", s15, "s3:GetObject", "arn:aws:s3:::bucket/globex/a", tenant("acme/../globex"), false},
		{"S15 question mark", s15, "s3:GetObject", "arn:aws:s3:::bucket/acme/a", tenant("acm?"), false},
		{"S15 nested variable", s15, "s3:GetObject", "arn:aws:s3:::bucket/acme/a",
			tenant("${aws:PrincipalTag/x}", "aws:PrincipalTag/x", "acme"), false},
		{"S15 two values", s15, "s3:GetObject", "arn:aws:s3:::bucket/acme/a",
			tenant("acme", "aws:PrincipalTag/TenantID", "globex"), false},
		{"S15 tag key by case", s15, "s3:GetObject", "arn:aws:s3:::bucket/acme/a",
			keys{"aws:principaltag/tenantid": {"acme"}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &policy.Request{
				Action: c.action, Resource: c.resource, ResourceAccount: account,
				Principal: roleSession(), Context: c.ctx.context(),
			}
			check(t, r, &policy.Policies{Identity: identity(t, c.doc)}, c.want)
		})
	}
}

// check evaluates, and holds Explain to the same decision.
func check(t *testing.T, r *policy.Request, ps *policy.Policies, want bool) policy.Decision {
	t.Helper()
	d := policy.Evaluate(r, ps)
	if d.Allowed != want {
		t.Errorf("Allowed = %v, want %v: %+v", d.Allowed, want, d)
	}
	if x := policy.Explain(r, ps); x.Decision != d {
		t.Errorf("Explain decides %+v, Evaluate %+v", x.Decision, d)
	}
	return d
}

func TestSystemsTrust(t *testing.T) {
	t.Parallel()
	const function = "arn:aws:iam::111111111111:role/FunctionRole"
	s21Trust := `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Principal":{"AWS":"` + function + `"},"Action":"sts:AssumeRole"},
	 {"Effect":"Allow","Principal":{"AWS":"` + function + `"},"Action":"sts:TagSession",
	  "Condition":{"StringLike":{"aws:RequestTag/TenantID":"*"}}}]}`
	s3Trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
	  "Principal":{"Federated":"cognito-identity.amazonaws.com"},
	  "Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
	  "Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:pool"},
	   "ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`
	const issuer = "cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab"
	const provider = "arn:aws:iam::111111111111:oidc-provider/" + issuer
	s15Trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + provider + `"},
	  "Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
	  "Condition":{"StringEquals":{"` + issuer + `:aud":"client1"}}}]}`
	functionSession := policy.Principal{
		Account: account, ARN: "arn:aws:sts::111111111111:assumed-role/FunctionRole/f", IssuerARN: function,
	}
	cognito := policy.Principal{Federated: "cognito-identity.amazonaws.com"}
	amr := func(aud string, methods ...string) keys {
		return keys{"cognito-identity.amazonaws.com:aud": {aud}, "cognito-identity.amazonaws.com:amr": methods}
	}
	for _, c := range []struct {
		name, doc, action string
		p                 policy.Principal
		ctx               keys
		want              bool
	}{
		{"S21 assume", s21Trust, "sts:AssumeRole", functionSession, nil, true},
		{"S21 tag", s21Trust, "sts:TagSession", functionSession, keys{"aws:RequestTag/TenantID": {"acme"}}, true},
		{"S21 other tag", s21Trust, "sts:TagSession", functionSession, keys{"aws:RequestTag/Other": {"acme"}}, false},
		{"S21 other role", s21Trust, "sts:AssumeRole", roleSession(), nil, false},
		{"S3 authenticated", s3Trust, "sts:AssumeRoleWithWebIdentity", cognito,
			amr("us-east-1:pool", "authenticated", "cognito-idp"), true},
		{"S3 unauthenticated", s3Trust, "sts:AssumeRoleWithWebIdentity", cognito,
			amr("us-east-1:pool", "unauthenticated"), false},
		{"S3 other pool", s3Trust, "sts:TagSession", cognito, amr("us-east-1:other", "authenticated"), false},
		{"S3 no amr", s3Trust, "sts:TagSession", cognito, amr("us-east-1:pool"), false},
		{"S15 own audience", s15Trust, "sts:AssumeRoleWithWebIdentity", policy.Principal{Federated: provider},
			keys{issuer + ":aud": {"client1"}}, true},
		{"S15 other audience", s15Trust, "sts:AssumeRoleWithWebIdentity", policy.Principal{Federated: provider},
			keys{issuer + ":aud": {"client2"}}, false},
		{"S15 other provider", s15Trust, "sts:AssumeRoleWithWebIdentity", policy.Principal{Federated: provider + "x"},
			keys{issuer + ":aud": {"client1"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &policy.Request{
				Action: c.action, Resource: roleARN, ResourceAccount: account, Principal: c.p, Context: c.ctx.context(),
			}
			trust := &policy.Source{Name: "trust", Policy: mustParse(t, c.doc, policy.Trust)}
			check(t, r, &policy.Policies{Resource: trust, ResourceMode: policy.ResourceRequired}, c.want)
		})
	}
}

func TestSystemS6(t *testing.T) {
	t.Parallel()
	const actions = `"Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"]`
	const role = "arn:aws:iam::111111111111:role/ServiceARole"
	roleDoc := `{"Version":"2012-10-17","Statement":{"Effect":"Allow",` + actions + `,"Resource":"*",
	  "Condition":{"StringLike":{"kms:RequestAlias":"alias/customer-*"}}}}`
	keyPolicy := &policy.Source{Name: "key policy", Policy: mustParse(t, `{"Version":"2012-10-17","Statement":{
	  "Effect":"Allow","Principal":{"AWS":"`+role+`"},`+actions+`,"Resource":"*",
	  "Condition":{"StringLike":{"kms:RequestAlias":"alias/customer-123"}}}}`, policy.Resource)}
	sessionDoc := `{"Version":"2012-10-17","Statement":{"Effect":"Allow",` + actions + `,"Resource":"*",
	  "Condition":{"StringEquals":{"kms:RequestAlias":"alias/customer-123"}}}}`
	caller := policy.Principal{
		Account: account, ARN: "arn:aws:sts::111111111111:assumed-role/ServiceARole/b", IssuerARN: role,
	}
	ps := &policy.Policies{
		Identity: identity(t, roleDoc), Session: identity(t, sessionDoc), HasSession: true,
		Resource: keyPolicy, ResourceMode: policy.ResourceRequired,
	}
	for _, c := range []struct {
		name, action, alias string
		want                bool
	}{
		{"own alias", "kms:GenerateDataKeyWithoutPlaintext", "alias/customer-123", true},
		{"other alias", "kms:Decrypt", "alias/customer-124", false},
		{"prefix-related alias", "kms:Decrypt", "alias/customer-1234", false},
		{"by key id", "kms:Decrypt", "", false},
		{"other action", "kms:ReEncryptFrom", "alias/customer-123", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := new(policy.Context)
			if c.alias != "" {
				ctx.Set("kms:RequestAlias", c.alias)
			}
			r := &policy.Request{
				Action: c.action, Resource: key, ResourceAccount: account, Principal: caller, Context: ctx,
			}
			check(t, r, ps, c.want)
		})
	}
	wide := *ps
	wide.Session = identity(t, sessionDoc[:len(sessionDoc)-len(`"alias/customer-123"}}}}`)]+`"alias/customer-9"}}}}`)
	r := &policy.Request{
		Action: "kms:Decrypt", Resource: key, ResourceAccount: account, Principal: caller,
		Context: keys{"kms:RequestAlias": {"alias/customer-123"}}.context(),
	}
	if d := check(t, r, &wide, false); d.Reason != policy.SessionImplicitDeny {
		t.Errorf("Reason = %v", d.Reason)
	}
}

func TestSystemsSessionPolicies(t *testing.T) {
	t.Parallel()
	all := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	leading := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["dynamodb:*Item","dynamodb:Query"],
	  "Resource":"arn:aws:dynamodb:*:*:table/*",
	  "Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["acme-*","T#acme#*"]}}}}`
	bucket := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket",
	  "Resource":"arn:aws:s3:::b","Condition":{"StringLike":{"s3:prefix":["acme","acme/","acme/*"]}}},
	  {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::b/acme/*"}]}`
	field := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*",
	  "Condition":{"StringEquals":{"aws:ResourceTag/name":"n","s3:ExistingObjectTag/x":"y"},"Bool":{"aws:SecureTransport":"true"}}},
	  {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalArn":"` + roleARN + `"}}}]}`
	fine := keys{
		"aws:ResourceTag/Name": {"n"}, "s3:ExistingObjectTag/x": {"y"}, "aws:SecureTransport": {"true"},
		"aws:PrincipalArn": {roleARN},
	}
	without := func(drop string) keys {
		k := keys{}
		for key, v := range fine {
			if key != drop {
				k[key] = v
			}
		}
		return k
	}
	for _, c := range []struct {
		name, doc, action, resource string
		ctx                         keys
		want                        bool
	}{
		{"leading own", leading, "dynamodb:GetItem", table, keys{"dynamodb:LeadingKeys": {"acme-1", "T#acme#2"}}, true},
		{"leading other", leading, "dynamodb:GetItem", table, keys{"dynamodb:LeadingKeys": {"acme2-1"}}, false},
		{"leading mixed", leading, "dynamodb:GetItem", table, keys{"dynamodb:LeadingKeys": {"acme-1", "b-1"}}, false},
		{"list own", bucket, "s3:ListBucket", "arn:aws:s3:::b", keys{"s3:prefix": {"acme/x"}}, true},
		{"list prefix-related", bucket, "s3:ListBucket", "arn:aws:s3:::b", keys{"s3:prefix": {"acme2"}}, false},
		{"list all", bucket, "s3:ListBucket", "arn:aws:s3:::b", nil, false},
		{"get own", bucket, "s3:GetObject", "arn:aws:s3:::b/acme/x", nil, true},
		{"get other", bucket, "s3:GetObject", "arn:aws:s3:::b/acme2/x", nil, false},
		{"field", field, "s3:GetObject", "arn:aws:s3:::b/x", fine, true},
		{"field, no object tag", field, "s3:GetObject", "arn:aws:s3:::b/x", without("s3:ExistingObjectTag/x"), false},
		{"field, no principal", field, "s3:GetObject", "arn:aws:s3:::b/x", without("aws:PrincipalArn"), false},
		{"field, no transport", field, "s3:GetObject", "arn:aws:s3:::b/x", without("aws:SecureTransport"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &policy.Request{
				Action: c.action, Resource: c.resource, ResourceAccount: account,
				Principal: roleSession(), Context: c.ctx.context(),
			}
			check(t, r, &policy.Policies{Identity: identity(t, all), Session: identity(t, c.doc), HasSession: true}, c.want)
		})
	}
}

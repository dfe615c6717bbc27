package conformance

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/bulkhead/bulkhead/internal/federation/saml/samltest"
)

var tenants = []string{"acme", "globex"}

const password = "Correct-Horse-9-Battery"

// The policies of the roles: S21's, S3's and S6's forms on one table and one key for each tenant.
const (
	accountTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`

	functionTrusted = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:role/function"},"Action":"sts:AssumeRole"},
 {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:role/function"},"Action":"sts:TagSession",
  "Condition":{"StringLike":{"aws:RequestTag/TenantID":"*"}}}]}`

	userPolicy = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem","dynamodb:UpdateItem","dynamodb:DeleteItem","dynamodb:Query",
   "dynamodb:BatchGetItem","dynamodb:BatchWriteItem","dynamodb:Scan","dynamodb:PartiQLSelect","dynamodb:PartiQLDelete"],"Resource":"arn:aws:dynamodb:*:*:table/rows",
  "Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/TenantID}","${aws:PrincipalTag/TenantID}#*"]}}},
 {"Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"arn:aws:dynamodb:*:*:table/rows"},
 {"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey"],"Resource":"*",
  "Condition":{"StringEquals":{"kms:EncryptionContext:tenant_id":"${aws:PrincipalTag/TenantID}",
   "kms:RequestAlias":"alias/customer-${aws:PrincipalTag/TenantID}"}}}]}`

	dataPolicy = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":["dynamodb:DescribeTable","dynamodb:GetItem","dynamodb:PutItem"],"Resource":"arn:aws:dynamodb:*:*:table/rows",
  "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/TenantID}"]}}},
 {"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*",
  "Condition":{"StringEquals":{"kms:EncryptionContext:tenant_id":"${aws:PrincipalTag/TenantID}"}}}]}`

	keysPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],
 "Resource":"*","Condition":{"StringLike":{"kms:RequestAlias":"alias/customer-*"}}}]}`

	keysSession = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],
 "Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/customer-%s"}}}]}`

	functionPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],
 "Resource":["arn:aws:iam::` + account + `:role/data","arn:aws:iam::` + account + `:role/keys"]}]}`

	anyPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// build makes what the matrix is tried on.
func (m *matrix) build() {
	m.t.Helper()
	m.buildRoles()
	pool := m.must("cognito-idp.CreateUserPool", `{"PoolName":"users","Schema":[{"Name":"tenant_id","AttributeDataType":"String","Mutable":false}],
		"UserPoolTags":{"bulkhead:session-tags":"TenantID=custom:tenant_id","bulkhead:tenant-attribute":"custom:tenant_id"}}`).get(m.t, "Id")
	app := m.must("cognito-idp.CreateUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientName":"app","ExplicitAuthFlows":
		["ALLOW_USER_PASSWORD_AUTH","ALLOW_USER_SRP_AUTH","ALLOW_REFRESH_TOKEN_AUTH","ALLOW_ADMIN_USER_PASSWORD_AUTH"]}`, pool)).get(m.t, "ClientId")
	identities := m.must("cognito-identity.CreateIdentityPool", fmt.Sprintf(`{"IdentityPoolName":"ids","AllowUnauthenticatedIdentities":false,"AllowClassicFlow":true,"DeveloperProviderName":"login.demo",
		"CognitoIdentityProviders":[{"ProviderName":"cognito-idp.us-east-1.amazonaws.com/%s","ClientId":%q}]}`, pool, app)).get(m.t, "IdentityPoolId")
	m.must("iam.CreateRole", `{"RoleName":"pool-user","AssumeRolePolicyDocument":`+quoted(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{
		"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
		"Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":%q}}}]}`, identities))+`}`)
	m.must("cognito-identity.SetIdentityPoolRoles", fmt.Sprintf(`{"IdentityPoolId":%q,"Roles":{"authenticated":"arn:aws:iam::%s:role/pool-user"}}`, identities, account))
	m.must("iam.CreateOpenIDConnectProvider", fmt.Sprintf(`{"Url":"https://cognito-idp.us-east-1.amazonaws.com/%s","ClientIDList":[%q]}`, pool, app))
	m.must("iam.CreateRole", `{"RoleName":"web-user","AssumeRolePolicyDocument":`+quoted(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{
		"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::%[1]s:oidc-provider/cognito-idp.us-east-1.amazonaws.com/%[2]s"},
		"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
		"Condition":{"StringEquals":{"cognito-idp.us-east-1.amazonaws.com/%[2]s:aud":%[3]q}}}]}`, account, pool, app))+`}`)
	m.must("iam.CreateRole", `{"RoleName":"saml-user","AssumeRolePolicyDocument":`+quoted(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{
		"Effect":"Allow","Principal":{"Federated":["arn:aws:iam::%[1]s:saml-provider/acme","arn:aws:iam::%[1]s:saml-provider/globex"]},
		"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Condition":{"StringEquals":{"saml:aud":"https://signin.aws.amazon.com/saml"}}}]}`, account))+`}`)
	for _, t := range tenants {
		m.things[t] = things{"$TENANT": t, "$POOL": pool, "$APP": app, "$IDS": identities, "$PROVIDER": "cognito-idp.us-east-1.amazonaws.com/" + pool}
	}
	m.buildTable()
	for _, t := range tenants {
		m.buildTenant(t)
	}
	for _, t := range tenants {
		m.buildCallers(t)
	}
}

func (m *matrix) buildTable() {
	m.t.Helper()
	m.must("dynamodb.CreateTable", `{"TableName":"rows","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
		"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"},
		"Tags":[{"Key":"bulkhead:owner-key","Value":"${tenant} ${tenant}#*"}]}`)
	stream := m.must("dynamodb.DescribeTable", `{"TableName":"rows"}`).get(m.t, "LatestStreamArn")
	shard := m.must("dynamodbstreams.DescribeStream", fmt.Sprintf(`{"StreamArn":%q}`, stream)).get(m.t, "ShardId")
	iterator := m.must("dynamodbstreams.GetShardIterator", fmt.Sprintf(`{"StreamArn":%q,"ShardId":%q,"ShardIteratorType":"TRIM_HORIZON"}`, stream, shard)).get(m.t, "ShardIterator")
	m.must("dynamodb.UpdateContinuousBackups", `{"TableName":"rows","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}}`)
	backup := m.must("dynamodb.CreateBackup", `{"TableName":"rows","BackupName":"whole"}`).get(m.t, "BackupArn")
	for !strings.Contains(m.must("dynamodb.DescribeBackup", fmt.Sprintf(`{"BackupArn":%q}`, backup)).get(m.t, "BackupStatus"), "AVAILABLE") {
		runtime.Gosched()
	}
	exported := m.must("dynamodb.ExportTableToPointInTime", `{"TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/rows","S3Bucket":"none"}`).get(m.t, "ExportArn")
	imported := m.must("dynamodb.ImportTable", `{"ClientToken":"setup","S3BucketSource":{"S3Bucket":"none"},"InputFormat":"DYNAMODB_JSON","TableCreationParameters":{
		"TableName":"imported","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}}`).get(m.t, "ImportArn")
	for _, t := range tenants {
		own := m.things[t]
		own["$BACKUP"], own["$EXPORT"], own["$IMPORT"] = backup, exported, imported
		own["$STREAM"], own["$SHARD"], own["$ITERATOR"] = stream, shard, iterator
	}
}

func (m *matrix) buildRoles() {
	m.t.Helper()
	for _, r := range []struct{ name, trust, policy string }{
		{"function", accountTrust, functionPolicy},
		{"web", accountTrust, userPolicy},
		{"data", functionTrusted, dataPolicy},
		{"keys", functionTrusted, keysPolicy},
	} {
		m.must("iam.CreateRole", fmt.Sprintf(`{"RoleName":%q,"AssumeRolePolicyDocument":%s}`, r.name, quoted(r.trust)))
		m.must("iam.PutRolePolicy", fmt.Sprintf(`{"RoleName":%q,"PolicyName":"p","PolicyDocument":%s}`, r.name, quoted(r.policy)))
	}
	m.must("iam.CreateUser", `{"UserName":"operator"}`)
	m.must("iam.PutUserPolicy", `{"UserName":"operator","PolicyName":"p","PolicyDocument":`+quoted(anyPolicy)+`}`)
}

// buildTenant makes a tenant's own things: key, row, secret, IAM entities of its name, and a user of the pool.
func (m *matrix) buildTenant(t string) {
	m.t.Helper()
	own := m.things[t]
	own["$KEYARN"] = m.must("bulkhead.CreateTenant", fmt.Sprintf(`{"Id":%q}`, t)).get(m.t, "KeyArn")
	own["$KEY"] = own["$KEYARN"][strings.LastIndexByte(own["$KEYARN"], '/')+1:]
	own["$ALIAS"] = "alias/customer-" + t
	own["$PLAIN"] = base64.StdEncoding.EncodeToString([]byte("secret"))
	own["$CIPHER"] = m.must("kms.Encrypt", fmt.Sprintf(`{"KeyId":%q,"Plaintext":%q,"EncryptionContext":{"tenant_id":%q}}`,
		own["$ALIAS"], own["$PLAIN"], t)).get(m.t, "CiphertextBlob")
	m.must("dynamodb.PutItem", fmt.Sprintf(`{"TableName":"rows","Item":{"pk":{"S":%q},"sk":{"S":"a"}}}`, t))
	own["$POLICY"] = quoted(anyPolicy)
	own["$TRUST"] = quoted(accountTrust)
	own["$USER"], own["$GROUP"], own["$ROLE"] = "u-"+t, "g-"+t, "r-"+t
	m.must("iam.CreateUser", fmt.Sprintf(`{"UserName":%q}`, own["$USER"]))
	m.must("iam.PutUserPolicy", fmt.Sprintf(`{"UserName":%q,"PolicyName":"inline","PolicyDocument":%s}`, own["$USER"], quoted(functionPolicy)))
	own["$ACCESSKEY"] = m.must("iam.CreateAccessKey", fmt.Sprintf(`{"UserName":%q}`, own["$USER"])).get(m.t, "AccessKeyId")
	m.must("iam.CreateGroup", fmt.Sprintf(`{"GroupName":%q}`, own["$GROUP"]))
	m.must("iam.PutGroupPolicy", fmt.Sprintf(`{"GroupName":%q,"PolicyName":"inline","PolicyDocument":%s}`, own["$GROUP"], quoted(functionPolicy)))
	m.must("iam.CreateRole", fmt.Sprintf(`{"RoleName":%q,"AssumeRolePolicyDocument":%s}`, own["$ROLE"], quoted(accountTrust)))
	m.must("iam.PutRolePolicy", fmt.Sprintf(`{"RoleName":%q,"PolicyName":"inline","PolicyDocument":%s}`, own["$ROLE"], quoted(functionPolicy)))
	own["$MANAGED"] = m.must("iam.CreatePolicy", fmt.Sprintf(`{"PolicyName":"p-%s","PolicyDocument":%s}`, t, quoted(functionPolicy))).get(m.t, "Arn")
	own["$OIDC"] = m.must("iam.CreateOpenIDConnectProvider", fmt.Sprintf(`{"Url":"https://%s.example.com","ClientIDList":["app"]}`, t)).get(m.t, "OpenIDConnectProviderArn")
	m.buildSAML(t)
	m.must("cognito-idp.CreateGroup", fmt.Sprintf(`{"UserPoolId":%q,"GroupName":"members-%s"}`, own["$POOL"], t))
	own["$PERSON"] = "person-" + t
	for k, v := range m.signIn(t, own["$PERSON"]) {
		own[k] = v
	}
	own["$IDENTITY"] = m.must("cognito-identity.GetId", fmt.Sprintf(`{"IdentityPoolId":%q,"Logins":{%q:%q}}`, own["$IDS"], own["$PROVIDER"], own["$IDTOKEN"])).get(m.t, "IdentityId")
	m.must("cognito-identity.GetOpenIdTokenForDeveloperIdentity", fmt.Sprintf(`{"IdentityPoolId":%q,"Logins":{"login.demo":%q}}`, own["$IDS"], t))
	name := "matrix-" + t
	own["$CREATION"] = m.must("organizations.CreateAccount", fmt.Sprintf(`{"AccountName":%q,"Email":"%s@example.com"}`, name, name)).get(m.t, "Id")
	own["$ACCOUNT"] = m.must("organizations.DescribeCreateAccountStatus", fmt.Sprintf(`{"CreateAccountRequestId":%q}`, own["$CREATION"])).get(m.t, "AccountId")
	refused := m.call(m.nobody(), "iam.ListUsers", `{}`)
	_, encoded, _ := strings.Cut(refused.text, "Encoded authorization failure message: ")
	own["$MESSAGE"], _, _ = strings.Cut(encoded, "<")
}

// buildSAML makes a tenant's SAML provider, and a response of it for a user of the tenant.
func (m *matrix) buildSAML(t string) {
	m.t.Helper()
	own, idp := m.things[t], samltest.New(m.t, "https://"+t+".example.com/saml")
	own["$METADATA"] = quoted(idp.Metadata())
	m.must("iam.CreateSAMLProvider", fmt.Sprintf(`{"Name":%q,"SAMLMetadataDocument":%s}`, t, own["$METADATA"]))
	const place, attributes = "https://signin.aws.amazon.com/saml", "https://aws.amazon.com/SAML/Attributes/"
	own["$SAMLRESPONSE"] = idp.Encoded(idp.For("person-"+t, place, place, time.Now(), map[string][]string{
		attributes + "Role":                  {"arn:aws:iam::" + account + ":role/saml-user,arn:aws:iam::" + account + ":saml-provider/" + t},
		attributes + "RoleSessionName":       {"person-" + t},
		attributes + "PrincipalTag:TenantID": {t},
	}))
}

// nobody are credentials of a user without any permission.
func (m *matrix) nobody() *aws.Credentials {
	m.t.Helper()
	m.n++
	name := fmt.Sprintf("nobody-%d", m.n)
	m.must("iam.CreateUser", fmt.Sprintf(`{"UserName":%q}`, name))
	return m.credentials(m.must("iam.CreateAccessKey", fmt.Sprintf(`{"UserName":%q}`, name)))
}

// signIn makes a user of the pool and signs it in.
func (m *matrix) signIn(tenant, name string) things {
	m.t.Helper()
	own := m.things[tenant]
	m.must("cognito-idp.AdminCreateUser", fmt.Sprintf(`{"UserPoolId":%q,"Username":%q,"MessageAction":"SUPPRESS",
		"UserAttributes":[{"Name":"custom:tenant_id","Value":%q},{"Name":"email","Value":"%s@example.com"},{"Name":"email_verified","Value":"true"}]}`,
		own["$POOL"], name, tenant, name))
	m.must("cognito-idp.AdminSetUserPassword", fmt.Sprintf(`{"UserPoolId":%q,"Username":%q,"Password":%q,"Permanent":true}`, own["$POOL"], name, password))
	a := m.must("cognito-idp.InitiateAuth", fmt.Sprintf(`{"ClientId":%q,"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":%q,"PASSWORD":%q}}`,
		own["$APP"], name, password))
	return things{"$TOKEN": a.get(m.t, "AccessToken"), "$IDTOKEN": a.get(m.t, "IdToken"), "$REFRESH": a.get(m.t, "RefreshToken"), "$FRESH": name}
}

// buildCallers makes the credentials of the columns for a tenant.
func (m *matrix) buildCallers(t string) {
	m.t.Helper()
	operator := m.operator()
	assume := func(by *aws.Credentials, role, more string) *aws.Credentials {
		return m.credentials(m.call(by, "sts.AssumeRole", fmt.Sprintf(`{"RoleArn":"arn:aws:iam::%s:role/%s","RoleSessionName":"matrix"%s}`, account, role, more)))
	}
	tag := fmt.Sprintf(`,"Tags":[{"Key":"TenantID","Value":%q}]`, t)
	function := assume(operator, "function", "")
	m.creds[t] = map[string]*aws.Credentials{
		"user": assume(operator, "web", tag), "data": assume(function, "data", tag),
		"keys":     assume(function, "keys", `,"Policy":`+quoted(fmt.Sprintf(keysSession, t))),
		"function": function, "operator": operator, "anonymous": nil,
	}
}

func (m *matrix) operator() *aws.Credentials {
	m.t.Helper()
	if m.creds[tenants[0]] != nil {
		return m.creds[tenants[0]]["operator"]
	}
	return m.credentials(m.must("iam.CreateAccessKey", `{"UserName":"operator"}`))
}

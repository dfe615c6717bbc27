package demo

import "strings"

// The policies of the demo's roles, as real deployments write them: ABAC on the tag that the token carries. REGION,
// ACCOUNT and the like are filled in by fill.

// poolTrust lets users that the identity pool signed in take the role.
const poolTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"Federated":"cognito-identity.amazonaws.com"},
 "Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
 "Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"IDENTITYPOOL"},
  "ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`

// issuerTrust lets bearers of the user pool's own tokens take the role; tags come from the token.
const issuerTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"Federated":"arn:aws:iam::ACCOUNT:oidc-provider/ISSUER"},
 "Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],
 "Condition":{"StringEquals":{"ISSUER:aud":"CLIENT"}}}]}`

// tenantPolicy is what a user may do: rows by leading key, objects by prefix, keys by encryption context, as in the
// patterns "browser reads", "tags in the token" and "client-side encryption". Its Scan is the classic hole: a Scan has no
// leading keys, and ForAllValues is true of none.
const tenantPolicy = `{"Version":"2012-10-17","Statement":[
 {"Sid":"OwnRows","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem","dynamodb:UpdateItem",
   "dynamodb:DeleteItem","dynamodb:Query","dynamodb:BatchGetItem","dynamodb:BatchWriteItem","dynamodb:Scan"],
  "Resource":"arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE",
  "Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/TenantID}","${aws:PrincipalTag/TenantID}#*"]}}},
 {"Sid":"PublicRows","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],
  "Resource":"arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE",
  "Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["PUBLIC#*"]}}},
 {"Sid":"Index","Effect":"Allow","Action":"dynamodb:Query","Resource":"arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE/index/by-kind"},
 {"Sid":"Schema","Effect":"Allow","Action":"dynamodb:DescribeTable","Resource":"arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE"},
 {"Sid":"OwnContext","Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey"],"Resource":"*",
  "Condition":{"StringEquals":{"kms:EncryptionContext:tenant_id":"${aws:PrincipalTag/TenantID}",
   "kms:RequestAlias":"alias/customer-${aws:PrincipalTag/TenantID}"}}},
 {"Sid":"OwnObjects","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],
  "Resource":"arn:aws:s3:::demo-objects/${aws:PrincipalTag/TenantID}/*"},
 {"Sid":"OwnRoutes","Effect":"Allow","Action":"execute-api:Invoke",
  "Resource":"arn:aws:execute-api:REGION:ACCOUNT:demo/$default/GET/${aws:PrincipalTag/TenantID}/*"}]}`

// functionTrust lets a Lambda function take the execution role; in the demo the operator stands in for the function.
const functionTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"AWS":"arn:aws:iam::ACCOUNT:user/demo-operator"},"Action":"sts:AssumeRole"}]}`

// functionPolicy is the execution role's: it reaches no data itself.
const functionPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],
 "Resource":["arn:aws:iam::ACCOUNT:role/demo-data","arn:aws:iam::ACCOUNT:role/demo-keys"]}]}`

// dataTrust limits who may assume and tag.
const dataTrust = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::ACCOUNT:role/demo-function"},"Action":"sts:AssumeRole"},
 {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::ACCOUNT:role/demo-function"},"Action":"sts:TagSession",
  "Condition":{"StringLike":{"aws:RequestTag/TenantID":"*"}}}]}`

// dataPolicy is one table and one key for all tenants; store and key service each check the tag.
const dataPolicy = `{"Version":"2012-10-17","Statement":[
 {"Sid":"Rows","Effect":"Allow","Action":["dynamodb:DescribeTable","dynamodb:GetItem","dynamodb:PutItem"],
  "Resource":"arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE",
  "Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/TenantID}"]}}},
 {"Sid":"Key","Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"SHAREDKEY",
  "Condition":{"StringEquals":{"kms:EncryptionContext:tenant_id":"${aws:PrincipalTag/TenantID}"}}}]}`

// keysTrust and keysPolicy are the role of a service that encrypts for all customers; each use passes a session policy
// for one.
const keysTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"AWS":"arn:aws:iam::ACCOUNT:role/demo-function"},"Action":"sts:AssumeRole"}]}`

const keysPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"Customers","Effect":"Allow",
 "Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*",
 "Condition":{"StringLike":{"kms:RequestAlias":"alias/customer-*"}}}]}`

const keysSession = `{"Version":"2012-10-17","Statement":[{"Sid":"OneCustomer","Effect":"Allow",
 "Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*",
 "Condition":{"StringEquals":{"kms:RequestAlias":"alias/customer-TENANT"}}}]}`

// fill puts the demo's names into a policy.
func (d *demo) fill(policy string) string {
	return strings.NewReplacer("REGION", d.region, "ACCOUNT", d.account, "TABLE", tableName, "IDENTITYPOOL", d.identityPool,
		"ISSUER", d.issuer, "CLIENT", d.client, "SHAREDKEY", d.sharedKey).Replace(policy)
}

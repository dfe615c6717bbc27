package conformance

import "slices"

// rows is the matrix, a row for each operation that is served.
var rows = slices.Concat(dataRows, iamRows, cognitoRows, userRows, signInRows, loginRows)

// Why a tenant's session may do the same whichever tenant the request is about.
const (
	oneTable    = "the table is one for all tenants; its description holds no rows"
	ownIdentity = "it tells the caller who it is"
	byToken     = "whoever holds the user's token is the user"
	byPassword  = "whoever knows the user's password is the user"
	byRouting   = "answers nobody what is a tenant's"
	byApp       = "the app client lets anybody do it"
)

// dataRows are the operations of data, keys, sessions, accounts, audit and tenants.
var dataRows = []row{
	{op: "dynamodb.BatchGetItem", in: `{"RequestItems":{"rows":{"Keys":[{"pk":{"S":"$TENANT"},"sk":{"S":"a"}}]}}}`},
	{op: "dynamodb.BatchWriteItem", in: `{"RequestItems":{"rows":[{"PutRequest":{"Item":{"pk":{"S":"$TENANT"},"sk":{"S":"a"}}}}]}}`},
	{
		op: "dynamodb.CreateTable",
		in: `{"TableName":"n-$N","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`,
	},
	{op: "dynamodb.DeleteItem", in: `{"TableName":"rows","Key":{"pk":{"S":"$TENANT"},"sk":{"S":"gone"}}}`},
	{op: "dynamodb.DeleteResourcePolicy", in: `{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/rows"}`},
	{
		op:     "dynamodb.DeleteTable",
		in:     `{"TableName":"n-$N"}`,
		before: []string{`dynamodb.CreateTable {"TableName":"n-$N","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`},
	},
	{op: "dynamodb.DescribeContinuousBackups", in: `{"TableName":"rows"}`},
	{op: "dynamodb.DescribeEndpoints", in: `{}`},
	{op: "dynamodb.DescribeLimits", in: `{}`},
	{op: "dynamodb.DescribeTable", in: `{"TableName":"rows"}`, shared: oneTable},
	{op: "dynamodb.DescribeTimeToLive", in: `{"TableName":"rows"}`},
	{op: "dynamodbstreams.ListStreams", in: `{"TableName":"rows"}`},
	{op: "dynamodbstreams.DescribeStream", in: `{"StreamArn":"$STREAM"}`},
	{op: "dynamodbstreams.GetShardIterator", in: `{"StreamArn":"$STREAM","ShardId":"$SHARD","ShardIteratorType":"LATEST"}`},
	{op: "dynamodbstreams.GetRecords", in: `{"ShardIterator":"$ITERATOR"}`},
	{op: "dynamodb.CreateBackup", in: `{"TableName":"rows","BackupName":"b-$N"}`},
	{op: "dynamodb.DescribeBackup", in: `{"BackupArn":"$BACKUP"}`},
	{op: "dynamodb.DeleteBackup", in: `{"BackupArn":"arn:aws:dynamodb:us-east-1:000000000000:table/rows/backup/01489602797149-73d8d5bc"}`},
	{op: "dynamodb.ListBackups", in: `{}`},
	{op: "dynamodb.ExportTableToPointInTime", in: `{"TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/rows","S3Bucket":"none","S3Prefix":"$TENANT"}`},
	{op: "dynamodb.DescribeExport", in: `{"ExportArn":"$EXPORT"}`},
	{op: "dynamodb.ListExports", in: `{}`},
	{
		op: "dynamodb.ImportTable",
		in: `{"ClientToken":"i-$N","S3BucketSource":{"S3Bucket":"none","S3KeyPrefix":"$TENANT/"},"InputFormat":"DYNAMODB_JSON","TableCreationParameters":{"TableName":"i-$N","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}}`,
	},
	{op: "dynamodb.DescribeImport", in: `{"ImportArn":"$IMPORT"}`},
	{op: "dynamodb.ListImports", in: `{}`},
	{op: "dynamodb.RestoreTableFromBackup", in: `{"BackupArn":"$BACKUP","TargetTableName":"r-$N"}`},
	{op: "dynamodb.RestoreTableToPointInTime", in: `{"SourceTableName":"rows","TargetTableName":"p-$N","UseLatestRestorableTime":true}`},
	{
		op:     "dynamodb.UpdateContinuousBackups",
		in:     `{"TableName":"n-$N","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}}`,
		before: []string{`dynamodb.CreateTable {"TableName":"n-$N","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`},
	},
	{op: "dynamodb.ExecuteStatement", in: `{"Statement":"SELECT * FROM rows WHERE pk = ?","Parameters":[{"S":"$TENANT"}]}`},
	{op: "dynamodb.BatchExecuteStatement", in: `{"Statements":[{"Statement":"SELECT * FROM rows WHERE pk = ? AND sk = ?","Parameters":[{"S":"$TENANT"},{"S":"a"}]}]}`},
	{op: "dynamodb.ExecuteTransaction", in: `{"TransactStatements":[{"Statement":"DELETE FROM rows WHERE pk = ? AND sk = ?","Parameters":[{"S":"$TENANT"},{"S":"gone"}]}]}`},
	{op: "dynamodb.GetItem", in: `{"TableName":"rows","Key":{"pk":{"S":"$TENANT"},"sk":{"S":"a"}}}`},
	{op: "dynamodb.GetResourcePolicy", in: `{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/rows"}`},
	{op: "dynamodb.ListTables", in: `{}`},
	{op: "dynamodb.ListTagsOfResource", in: `{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/rows"}`},
	{op: "dynamodb.PutItem", in: `{"TableName":"rows","Item":{"pk":{"S":"$TENANT"},"sk":{"S":"a"}}}`},
	{
		op:     "dynamodb.PutResourcePolicy",
		in:     `{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/n-$N","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"dynamodb:Scan\",\"Resource\":\"*\"}]}"}`,
		before: []string{`dynamodb.CreateTable {"TableName":"n-$N","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`},
	},
	{op: "dynamodb.Query", in: `{"TableName":"rows","KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"$TENANT"}}}`},
	{op: "dynamodb.Scan", in: `{"TableName":"rows"}`},
	{op: "dynamodb.TagResource", in: `{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/rows","Tags":[{"Key":"k","Value":"v"}]}`},
	{op: "dynamodb.TransactGetItems", in: `{"TransactItems":[{"Get":{"TableName":"rows","Key":{"pk":{"S":"$TENANT"},"sk":{"S":"a"}}}}]}`},
	{op: "dynamodb.TransactWriteItems", in: `{"TransactItems":[{"Put":{"TableName":"rows","Item":{"pk":{"S":"$TENANT"},"sk":{"S":"a"}}}}]}`},
	{op: "dynamodb.UntagResource", in: `{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/rows","TagKeys":["k"]}`},
	{
		op: "dynamodb.UpdateItem",
		in: `{"TableName":"rows","Key":{"pk":{"S":"$TENANT"},"sk":{"S":"a"}},"UpdateExpression":"SET v = :p","ExpressionAttributeValues":{":p":{"S":"$TENANT"}}}`,
	},
	{
		op:     "dynamodb.UpdateTimeToLive",
		in:     `{"TableName":"n-$N","TimeToLiveSpecification":{"AttributeName":"until","Enabled":true}}`,
		before: []string{`dynamodb.CreateTable {"TableName":"n-$N","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`},
	},
	{
		op:     "dynamodb.UpdateTable",
		in:     `{"TableName":"n-$N","DeletionProtectionEnabled":true}`,
		before: []string{`dynamodb.CreateTable {"TableName":"n-$N","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`},
	},
	{op: "kms.CancelKeyDeletion", in: `{"KeyId":"$NEW"}`, before: []string{`kms.CreateKey {}`, `kms.ScheduleKeyDeletion {"KeyId":"$NEW"}`}},
	{op: "kms.CreateAlias", in: `{"AliasName":"alias/n-$N","TargetKeyId":"$KEY"}`},
	{op: "kms.CreateKey", in: `{}`},
	{op: "kms.Decrypt", in: `{"KeyId":"$ALIAS","CiphertextBlob":"$CIPHER","EncryptionContext":{"tenant_id":"$TENANT"}}`},
	{
		op:     "kms.DeleteAlias",
		in:     `{"AliasName":"alias/n-$N"}`,
		before: []string{`kms.CreateAlias {"AliasName":"alias/n-$N","TargetKeyId":"$KEY"}`},
	},
	{op: "kms.DescribeKey", in: `{"KeyId":"$KEY"}`},
	{op: "kms.DisableKey", in: `{"KeyId":"$NEW"}`, before: []string{`kms.CreateKey {}`}},
	{op: "kms.DisableKeyRotation", in: `{"KeyId":"$KEY"}`},
	{op: "kms.EnableKey", in: `{"KeyId":"$KEY"}`},
	{op: "kms.EnableKeyRotation", in: `{"KeyId":"$KEY"}`},
	{op: "kms.Encrypt", in: `{"KeyId":"$ALIAS","Plaintext":"$PLAIN","EncryptionContext":{"tenant_id":"$TENANT"}}`},
	{op: "kms.GenerateDataKey", in: `{"KeyId":"$ALIAS","KeySpec":"AES_256","EncryptionContext":{"tenant_id":"$TENANT"}}`},
	{op: "kms.GenerateDataKeyWithoutPlaintext", in: `{"KeyId":"$ALIAS","KeySpec":"AES_256","EncryptionContext":{"tenant_id":"$TENANT"}}`},
	{op: "kms.GenerateRandom", in: `{"NumberOfBytes":8}`},
	{op: "kms.GetKeyPolicy", in: `{"KeyId":"$KEY"}`},
	{op: "kms.GetKeyRotationStatus", in: `{"KeyId":"$KEY"}`},
	{op: "kms.ListAliases", in: `{}`},
	{op: "kms.ListKeyPolicies", in: `{"KeyId":"$KEY"}`},
	{op: "kms.ListKeys", in: `{}`},
	{op: "kms.ListResourceTags", in: `{"KeyId":"$KEY"}`},
	{
		op:     "kms.PutKeyPolicy",
		in:     `{"KeyId":"$NEW","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::000000000000:root\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}]}"}`,
		before: []string{`kms.CreateKey {}`},
	},
	{
		op: "kms.ReEncrypt",
		in: `{"SourceKeyId":"$ALIAS","CiphertextBlob":"$CIPHER","SourceEncryptionContext":{"tenant_id":"$TENANT"},"DestinationKeyId":"$ALIAS","DestinationEncryptionContext":{"tenant_id":"$TENANT"}}`,
	},
	{op: "kms.ScheduleKeyDeletion", in: `{"KeyId":"$NEW"}`, before: []string{`kms.CreateKey {}`}},
	{op: "kms.TagResource", in: `{"KeyId":"$KEY","Tags":[{"TagKey":"k","TagValue":"v"}]}`},
	{op: "kms.UntagResource", in: `{"KeyId":"$KEY","TagKeys":["k"]}`},
	{
		op:     "kms.UpdateAlias",
		in:     `{"AliasName":"alias/n-$N","TargetKeyId":"$KEY"}`,
		before: []string{`kms.CreateAlias {"AliasName":"alias/n-$N","TargetKeyId":"$KEY"}`},
	},
	{op: "kms.UpdateKeyDescription", in: `{"KeyId":"$KEY","Description":"d"}`},
	{op: "cloudtrail.LookupEvents", in: `{}`},
	{op: "organizations.CreateAccount", in: `{"AccountName":"$TENANT","Email":"n$N@example.com"}`},
	{op: "organizations.CreateOrganization", in: `{}`},
	{op: "organizations.DescribeAccount", in: `{"AccountId":"$ACCOUNT"}`},
	{op: "organizations.DescribeCreateAccountStatus", in: `{"CreateAccountRequestId":"$CREATION"}`},
	{op: "organizations.DescribeOrganization", in: `{}`},
	{op: "organizations.ListAccounts", in: `{}`},
	{op: "organizations.ListCreateAccountStatus", in: `{}`},
	{op: "organizations.ListRoots", in: `{}`},
	{
		op: "sts.AssumeRole",
		in: `{"RoleArn":"arn:aws:iam::000000000000:role/data","RoleSessionName":"matrix","Tags":[{"Key":"TenantID","Value":"$TENANT"}]}`,
	},
	{
		op: "sts.AssumeRoleWithSAML",
		in: `{"RoleArn":"arn:aws:iam::000000000000:role/saml-user","PrincipalArn":"arn:aws:iam::000000000000:saml-provider/$TENANT","SAMLAssertion":"$SAMLRESPONSE"}`, shared: byToken,
	},
	{
		op: "sts.AssumeRoleWithWebIdentity",
		in: `{"RoleArn":"arn:aws:iam::000000000000:role/web-user","RoleSessionName":"matrix","WebIdentityToken":"$IDTOKEN"}`, shared: byToken,
	},
	{op: "sts.DecodeAuthorizationMessage", in: `{"EncodedMessage":"$MESSAGE"}`},
	{op: "sts.GetAccessKeyInfo", in: `{"AccessKeyId":"$ACCESSKEY"}`},
	{op: "sts.GetCallerIdentity", in: `{}`, shared: ownIdentity},
	{op: "sts.GetFederationToken", in: `{"Name":"$TENANT"}`},
	{op: "sts.GetSessionToken", in: `{}`},
	{op: "bulkhead.CreateMailboxLink", in: `{}`},
	{op: "bulkhead.CreateTenant", in: `{"Id":"$TENANT-$N"}`},
	{op: "bulkhead.CreateTenantRoute", in: `{"TenantId":"r-$N","UserPoolId":"$POOL","ClientId":"$APP"}`, before: []string{`bulkhead.CreateTenant {"Id":"r-$N"}`}},
	{op: "bulkhead.DeleteTenant", in: `{"Id":"n-$N"}`, before: []string{`bulkhead.CreateTenant {"Id":"n-$N"}`}},
	{op: "bulkhead.DeleteTenantRoute", in: `{"TenantId":"d-$N"}`, before: routeOf("d")},
	{op: "bulkhead.GetAuditAnchors", in: `{}`},
	{op: "bulkhead.GetTenant", in: `{"Id":"$TENANT"}`},
	{op: "bulkhead.GetTenantRoute", in: `{"TenantId":"g-$N"}`, before: routeOf("g")},
	{op: "bulkhead.ListAuditEvents", in: `{}`},
	{op: "bulkhead.ListMessages", in: `{}`},
	{op: "bulkhead.ListTenantNames", in: `{}`, shared: byRouting},
	{op: "bulkhead.ListTenantRoutes", in: `{}`},
	{op: "bulkhead.ListTenants", in: `{}`},
	{op: "bulkhead.OpenMailbox", in: `{"Ticket":"none"}`},
	{op: "bulkhead.ReadMailbox", in: `{"Session":"none"}`},
	{op: "bulkhead.ResolveTenant", in: `{"Subdomain":"$TENANT"}`, shared: byRouting},
	{op: "bulkhead.UpdateTenantRoute", in: `{"TenantId":"u-$N","UserPoolId":"$POOL","ClientId":"$APP"}`, before: routeOf("u")},
	{op: "bulkhead.CheckpointStore", in: `{}`},
	{op: "bulkhead.VerifyAudit", in: `{}`},
}

// routeOf makes a tenant with a route, for a row of the operation that a letter stands for.
func routeOf(letter string) []string {
	return []string{
		`bulkhead.CreateTenant {"Id":"` + letter + `-$N"}`,
		`bulkhead.CreateTenantRoute {"TenantId":"` + letter + `-$N","UserPoolId":"$POOL","ClientId":"$APP"}`,
	}
}

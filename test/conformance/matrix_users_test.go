package conformance

// withServer makes a resource server in a pool; withSecret a client with a secret.
const (
	withServer = `cognito-idp.CreateResourceServer {"UserPoolId":"$POOL","Identifier":"n-$N","Name":"n-$N"}`
	withSecret = `cognito-idp.CreateUserPoolClient {"UserPoolId":"$POOL","ClientName":"n-$N","GenerateSecret":true}`
)

// userRows are the operations of user pools beyond those of cognitoRows: resource servers, client secrets, imports, risk.
var userRows = []row{
	{op: "bulkhead.CheckTenants", in: `{}`},
	{op: "bulkhead.ListUserImportFailures", in: `{"UserPoolId":"$POOL","JobId":"import-none"}`},
	{op: "bulkhead.UploadUserImport", in: `{"UserPoolId":"$POOL","JobId":"import-none","Token":"none"}`},
	{
		op: "cognito-idp.CreateUserImportJob",
		in: `{"UserPoolId":"$POOL","JobName":"n-$N","CloudWatchLogsRoleArn":"arn:aws:iam::000000000000:role/logs"}`,
	},
	{op: "cognito-idp.DescribeUserImportJob", in: `{"UserPoolId":"$POOL","JobId":"import-none"}`},
	{op: "cognito-idp.GetCSVHeader", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.ListUserImportJobs", in: `{"UserPoolId":"$POOL","MaxResults":10}`},
	{op: "cognito-idp.StartUserImportJob", in: `{"UserPoolId":"$POOL","JobId":"import-none"}`},
	{op: "cognito-idp.StopUserImportJob", in: `{"UserPoolId":"$POOL","JobId":"import-none"}`},
	{op: "cognito-idp.AddUserPoolClientSecret", in: `{"UserPoolId":"$POOL","ClientId":"$NEW"}`, before: []string{withSecret}},
	{op: "cognito-idp.CreateResourceServer", in: `{"UserPoolId":"$POOL","Identifier":"n-$N","Name":"n-$N"}`},
	{op: "cognito-idp.DeleteResourceServer", in: `{"UserPoolId":"$POOL","Identifier":"n-$N"}`, before: []string{withServer}},
	{
		op: "cognito-idp.DeleteUserPoolClientSecret",
		in: `{"UserPoolId":"$POOL","ClientId":"$APP","ClientSecretId":"none"}`,
	},
	{op: "cognito-idp.DeleteUser", in: `{"AccessToken":"$TOKEN"}`, fresh: true, shared: byToken},
	{op: "cognito-idp.DeleteUserAttributes", in: `{"AccessToken":"$TOKEN","UserAttributeNames":["nickname"]}`, shared: byToken},
	{op: "cognito-idp.GetUserAttributeVerificationCode", in: `{"AccessToken":"$TOKEN","AttributeName":"email"}`, fresh: true, shared: byToken},
	{op: "cognito-idp.VerifyUserAttribute", in: `{"AccessToken":"$TOKEN","AttributeName":"email","Code":"000000"}`, fresh: true, shared: byToken},
	{op: "cognito-idp.DescribeResourceServer", in: `{"UserPoolId":"$POOL","Identifier":"n-$N"}`, before: []string{withServer}},
	{op: "cognito-idp.ListResourceServers", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.ListUserPoolClientSecrets", in: `{"UserPoolId":"$POOL","ClientId":"$APP"}`},
	{op: "cognito-idp.AdminListUserAuthEvents", in: `{"UserPoolId":"$POOL","Username":"$PERSON"}`},
	{op: "cognito-idp.AdminUpdateAuthEventFeedback", in: `{"UserPoolId":"$POOL","Username":"$PERSON","EventId":"none","FeedbackValue":"Valid"}`},
	{op: "cognito-idp.DescribeRiskConfiguration", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.GetLogDeliveryConfiguration", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.SetLogDeliveryConfiguration", in: `{"UserPoolId":"$POOL","LogConfigurations":[]}`},
	{op: "cognito-idp.SetRiskConfiguration", in: `{"UserPoolId":"$POOL"}`},
	{op: "cognito-idp.UpdateResourceServer", in: `{"UserPoolId":"$POOL","Identifier":"n-$N","Name":"m-$N"}`, before: []string{withServer}},
}

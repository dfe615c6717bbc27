package identity

import (
	"slices"
	"strings"
	"time"
)

// awsOwned are the parts of AWS's managed policies that do not differ: their account is "aws", and all were made when
// IAM got managed policies.
var awsOwned = time.Date(2015, 2, 6, 18, 39, 0, 0, time.UTC)

// awsManaged are AWS's managed policies that people attach, by ARN. Names and purpose are AWS's ("AWS managed policies
// for job functions" and the services' guides); the documents are written for the services that this server has.
var awsManaged = func() map[string]*Policy {
	all := map[string]*Policy{}
	add := func(id, path, name, description string, statements ...string) {
		p := &Policy{
			Account: "aws", ID: PolicyPrefix + id, Name: name, Path: path, Description: description,
			Created: awsOwned, Updated: awsOwned, Default: 1, Last: 1,
			Versions: []Version{{Number: 1, Created: awsOwned, Document: `{"Version":"2012-10-17","Statement":[` +
				strings.Join(statements, ",") + `]}`}},
		}
		all[p.ARN()] = p
	}
	add("BHADMINISTRATORAC", "/", "AdministratorAccess", "Provides full access to AWS services and resources.",
		`{"Effect":"Allow","Action":"*","Resource":"*"}`)
	add("BHPOWERUSERACCESS", "/", "PowerUserAccess",
		"Provides full access to AWS services and resources, but does not allow management of Users and groups.",
		`{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"}`,
		`{"Effect":"Allow","Action":["iam:CreateServiceLinkedRole","iam:DeleteServiceLinkedRole","iam:ListRoles",`+
			`"organizations:DescribeOrganization"],"Resource":"*"}`)
	add("BHREADONLYACCESSA", "/", "ReadOnlyAccess", "Provides read-only access to AWS services and resources.",
		`{"Effect":"Allow","Action":["cloudtrail:LookupEvents","cognito-identity:Describe*","cognito-identity:GetIdentityPoolRoles",`+
			`"cognito-identity:GetPrincipalTagAttributeMap","cognito-identity:List*","cognito-idp:AdminGet*",`+
			`"cognito-idp:AdminList*","cognito-idp:Describe*","cognito-idp:Get*","cognito-idp:List*","dynamodb:BatchGet*",`+
			`"dynamodb:Describe*","dynamodb:Get*","dynamodb:List*","dynamodb:PartiQLSelect","dynamodb:Query","dynamodb:Scan",`+
			`"iam:Generate*","iam:Get*","iam:List*","iam:Simulate*","kms:Describe*","kms:Get*","kms:List*",`+
			`"organizations:Describe*","organizations:List*","sts:GetAccessKeyInfo","sts:GetCallerIdentity",`+
			`"sts:GetSessionToken","tag:Get*"],"Resource":"*"}`)
	add("BHIAMFULLACCESSAA", "/", "IAMFullAccess", "Provides full access to IAM via the AWS Management Console.",
		`{"Effect":"Allow","Action":["iam:*","organizations:DescribeAccount","organizations:DescribeOrganization",`+
			`"organizations:ListAccounts","organizations:ListRoots"],"Resource":"*"}`)
	add("BHIAMREADONLYACCE", "/", "IAMReadOnlyAccess", "Provides read only access to IAM via the AWS Management Console.",
		`{"Effect":"Allow","Action":["iam:GenerateCredentialReport","iam:GenerateServiceLastAccessedDetails","iam:Get*",`+
			`"iam:List*","iam:SimulateCustomPolicy","iam:SimulatePrincipalPolicy"],"Resource":"*"}`)
	add("BHIAMUSERCHANGEPW", "/", "IAMUserChangePassword", "Provides the ability for an IAM user to change their own password.",
		`{"Effect":"Allow","Action":"iam:ChangePassword","Resource":"arn:aws:iam::*:user/${aws:username}"}`,
		`{"Effect":"Allow","Action":"iam:GetAccountPasswordPolicy","Resource":"*"}`)
	add("BHDYNAMODBFULLACC", "/", "AmazonDynamoDBFullAccess", "Provides full access to Amazon DynamoDB via the AWS Management Console.",
		`{"Effect":"Allow","Action":["dynamodb:*","kms:DescribeKey","kms:ListAliases","tag:GetResources"],"Resource":"*"}`)
	add("BHDYNAMODBREADONL", "/", "AmazonDynamoDBReadOnlyAccess", "Provides read only access to Amazon DynamoDB via the AWS Management Console.",
		`{"Effect":"Allow","Action":["dynamodb:BatchGetItem","dynamodb:Describe*","dynamodb:Get*","dynamodb:List*",`+
			`"dynamodb:PartiQLSelect","dynamodb:Query","dynamodb:Scan","kms:DescribeKey","kms:ListAliases"],"Resource":"*"}`)
	add("BHCOGNITOPOWERUSE", "/", "AmazonCognitoPowerUser", "Provides administrative access to existing Amazon Cognito resources.",
		`{"Effect":"Allow","Action":["cognito-identity:*","cognito-idp:*","cognito-sync:*","iam:GetRole",`+
			`"iam:ListOpenIDConnectProviders","iam:ListRoles","sns:ListPlatformApplications"],"Resource":"*"}`)
	add("BHCOGNITOREADONLY", "/", "AmazonCognitoReadOnly", "Provides read only access to Amazon Cognito resources.",
		`{"Effect":"Allow","Action":["cognito-identity:Describe*","cognito-identity:Get*","cognito-identity:List*",`+
			`"cognito-idp:AdminGet*","cognito-idp:AdminList*","cognito-idp:Describe*","cognito-idp:Get*","cognito-idp:List*",`+
			`"iam:GetRole","iam:ListOpenIDConnectProviders","iam:ListRoles"],"Resource":"*"}`)
	add("BHKMSPOWERUSERAAA", "/", "AWSKeyManagementServicePowerUser", "Provides access to AWS Key Management Service (KMS).",
		`{"Effect":"Allow","Action":["kms:CreateAlias","kms:CreateKey","kms:DeleteAlias","kms:Describe*",`+
			`"kms:GenerateRandom","kms:Get*","kms:List*","kms:TagResource","kms:UntagResource","iam:ListGroups",`+
			`"iam:ListRoles","iam:ListUsers"],"Resource":"*"}`)
	add("BHCLOUDTRAILREADO", "/", "AWSCloudTrail_ReadOnlyAccess", "Provides read-only access to AWS CloudTrail.",
		`{"Effect":"Allow","Action":["cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","cloudtrail:LookupEvents"],`+
			`"Resource":"*"}`)
	add("BHORGREADONLYACCE", "/", "AWSOrganizationsReadOnlyAccess", "Provides read-only access to AWS Organizations.",
		`{"Effect":"Allow","Action":["organizations:Describe*","organizations:List*"],"Resource":"*"}`)
	add("BHLAMBDABASICEXEC", "/service-role/", "AWSLambdaBasicExecutionRole", "Provides write permissions to CloudWatch Logs.",
		`{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}`)
	add("BHSECURITYAUDITAA", "/", "SecurityAudit",
		"The security audit template grants access to read security configuration metadata.",
		`{"Effect":"Allow","Action":["cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","cloudtrail:LookupEvents",`+
			`"cognito-identity:Describe*","cognito-identity:List*","cognito-idp:Describe*","cognito-idp:List*",`+
			`"dynamodb:Describe*","dynamodb:List*","iam:Generate*","iam:Get*","iam:List*","iam:Simulate*","kms:Describe*",`+
			`"kms:GetKeyPolicy","kms:GetKeyRotationStatus","kms:List*","organizations:Describe*","organizations:List*"],`+
			`"Resource":"*"}`)
	return all
}()

// AWSManaged returns AWS's managed policy with the ARN; nil if this server has none. It must not be changed.
func AWSManaged(policyARN string) *Policy { return awsManaged[policyARN] }

// AWSManagedAll returns AWS's managed policies in order of their lower-case names. They must not be changed.
func AWSManagedAll() []*Policy {
	all := make([]*Policy, 0, len(awsManaged))
	for _, p := range awsManaged {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Policy) int { return strings.Compare(fold(a.Name), fold(b.Name)) })
	return all
}

package demo

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	cidtypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	ciptypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// poolName is the name of the user pool, of its client and of the identity pool.
const poolName = "demo-users"

func (d *demo) makeUserPool(ctx context.Context) error {
	id, err := d.findUserPool(ctx)
	if err != nil {
		return err
	}
	if id == "" {
		out, err := d.users.CreateUserPool(ctx, &cip.CreateUserPoolInput{
			PoolName: aws.String(poolName),
			Schema: []ciptypes.SchemaAttributeType{{
				Name: aws.String("tenant_id"), AttributeDataType: ciptypes.AttributeDataTypeString, Mutable: aws.Bool(false),
				StringAttributeConstraints: &ciptypes.StringAttributeConstraintsType{MinLength: aws.String("1"), MaxLength: aws.String("63")},
			}},
			UserPoolTags: map[string]string{
				"bulkhead:session-tags":     "TenantID=custom:tenant_id",
				"bulkhead:tenant-attribute": "custom:tenant_id",
			},
		})
		if err != nil {
			return err
		}
		id = aws.ToString(out.UserPool.Id)
	}
	d.userPool = id
	return d.makeClient(ctx)
}

func (d *demo) findUserPool(ctx context.Context) (string, error) {
	pages := cip.NewListUserPoolsPaginator(d.users, &cip.ListUserPoolsInput{MaxResults: aws.Int32(60)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, p := range out.UserPools {
			if aws.ToString(p.Name) == poolName {
				return aws.ToString(p.Id), nil
			}
		}
	}
	return "", nil
}

func (d *demo) makeClient(ctx context.Context) error {
	list, err := d.users.ListUserPoolClients(ctx, &cip.ListUserPoolClientsInput{UserPoolId: &d.userPool, MaxResults: aws.Int32(60)})
	if err != nil {
		return err
	}
	for _, c := range list.UserPoolClients {
		if aws.ToString(c.ClientName) == poolName {
			d.client = aws.ToString(c.ClientId)
			return nil
		}
	}
	out, err := d.users.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{
		UserPoolId: &d.userPool, ClientName: aws.String(poolName),
		ExplicitAuthFlows: []ciptypes.ExplicitAuthFlowsType{
			ciptypes.ExplicitAuthFlowsTypeAllowUserPasswordAuth, ciptypes.ExplicitAuthFlowsTypeAllowUserSrpAuth,
			ciptypes.ExplicitAuthFlowsTypeAllowRefreshTokenAuth,
		},
	})
	if err != nil {
		return err
	}
	d.client = aws.ToString(out.UserPoolClient.ClientId)
	return nil
}

func (d *demo) makeTenants(ctx context.Context) error {
	for _, t := range tenants {
		key, err := d.onboard(ctx, t)
		if err != nil {
			return err
		}
		d.keys[t] = key
	}
	return d.makeSharedKey(ctx)
}

// makeSharedKey makes the one key that tenants share in the pattern with client-side encryption.
func (d *demo) makeSharedKey(ctx context.Context) error {
	name := aws.String("alias/demo-shared")
	found, err := d.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: name})
	if err == nil {
		d.sharedKey = aws.ToString(found.KeyMetadata.Arn)
		return nil
	}
	if !isA[*kmstypes.NotFoundException](err) {
		return err
	}
	out, err := d.kms.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("demo: shared by tenants, told apart by context")})
	if err != nil {
		return err
	}
	d.sharedKey = aws.ToString(out.KeyMetadata.Arn)
	_, err = d.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: out.KeyMetadata.KeyId})
	return err
}

func (d *demo) makeIdentityPool(ctx context.Context) error {
	provider := "cognito-idp." + d.region + ".amazonaws.com/" + d.userPool
	list, err := d.ids.ListIdentityPools(ctx, &cognitoidentity.ListIdentityPoolsInput{MaxResults: aws.Int32(60)})
	if err != nil {
		return err
	}
	for _, p := range list.IdentityPools {
		if aws.ToString(p.IdentityPoolName) == poolName {
			d.identityPool = aws.ToString(p.IdentityPoolId)
		}
	}
	if d.identityPool == "" {
		out, err := d.ids.CreateIdentityPool(ctx, &cognitoidentity.CreateIdentityPoolInput{
			IdentityPoolName: aws.String(poolName), AllowUnauthenticatedIdentities: false,
			CognitoIdentityProviders: []cidtypes.CognitoIdentityProvider{{ProviderName: &provider, ClientId: &d.client}},
		})
		if err != nil {
			return err
		}
		d.identityPool = aws.ToString(out.IdentityPoolId)
	}
	_, err = d.ids.SetPrincipalTagAttributeMap(ctx, &cognitoidentity.SetPrincipalTagAttributeMapInput{
		IdentityPoolId: &d.identityPool, IdentityProviderName: &provider, UseDefaults: aws.Bool(false),
		PrincipalTags: map[string]string{"TenantID": "custom:tenant_id", "username": "sub", "client": "aud"},
	})
	return err
}

// makeProvider registers the user pool's issuer with IAM.
func (d *demo) makeProvider(ctx context.Context) error {
	d.issuer = "cognito-idp." + d.region + ".amazonaws.com/" + d.userPool
	_, err := d.iam.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://" + d.issuer), ClientIDList: []string{d.client},
		ThumbprintList: []string{strings.Repeat("0", 40)},
	})
	if isA[*iamtypes.EntityAlreadyExistsException](err) {
		return nil
	}
	return err
}

func (d *demo) makeTable(ctx context.Context) error {
	str := ddbtypes.ScalarAttributeTypeS
	_, err := d.rows.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(tableName), BillingMode: ddbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []ddbtypes.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: str}, {AttributeName: aws.String("sk"), AttributeType: str},
			{AttributeName: aws.String("kind"), AttributeType: str},
		},
		KeySchema: []ddbtypes.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: ddbtypes.KeyTypeHash}, {AttributeName: aws.String("sk"), KeyType: ddbtypes.KeyTypeRange},
		},
		GlobalSecondaryIndexes: []ddbtypes.GlobalSecondaryIndex{{
			IndexName:  aws.String(indexName),
			KeySchema:  []ddbtypes.KeySchemaElement{{AttributeName: aws.String("kind"), KeyType: ddbtypes.KeyTypeHash}},
			Projection: &ddbtypes.Projection{ProjectionType: ddbtypes.ProjectionTypeAll},
		}},
		Tags: []ddbtypes.Tag{
			{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant} ${tenant}#*")},
			{Key: aws.String("bulkhead:shared-keys"), Value: aws.String("PUBLIC#*")},
			{Key: aws.String("bulkhead:guard"), Value: aws.String("filter")},
		},
	})
	if err != nil && !isA[*ddbtypes.ResourceInUseException](err) {
		return err
	}
	return dynamodb.NewTableExistsWaiter(d.rows).Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(tableName)}, waitForTable)
}

func (d *demo) makeRoles(ctx context.Context) error {
	for _, r := range []struct{ name, trust, policy string }{
		{"demo-function", functionTrust, functionPolicy},
		{"demo-pool-user", poolTrust, tenantPolicy},
		{"demo-web-user", issuerTrust, tenantPolicy},
		{"demo-data", dataTrust, dataPolicy},
		{"demo-keys", keysTrust, keysPolicy},
	} {
		if err := d.makeRole(ctx, r.name, d.fill(r.trust), d.fill(r.policy)); err != nil {
			return err
		}
	}
	_, err := d.ids.SetIdentityPoolRoles(ctx, &cognitoidentity.SetIdentityPoolRolesInput{
		IdentityPoolId: &d.identityPool, Roles: map[string]string{"authenticated": d.roleARN("demo-pool-user")},
	})
	return err
}

func (d *demo) roleARN(name string) string { return "arn:aws:iam::" + d.account + ":role/" + name }

func (d *demo) makeRole(ctx context.Context, name, trust, policy string) error {
	_, err := d.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if isA[*iamtypes.EntityAlreadyExistsException](err) {
		_, err = d.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: &trust})
	}
	if err != nil {
		return err
	}
	_, err = d.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("abac"), PolicyDocument: &policy})
	return err
}

func (d *demo) makeUsers(ctx context.Context) error {
	for _, t := range tenants {
		name := aws.String("user@" + t + ".example")
		_, err := d.users.AdminCreateUser(ctx, &cip.AdminCreateUserInput{
			UserPoolId: &d.userPool, Username: name, MessageAction: ciptypes.MessageActionTypeSuppress,
			UserAttributes: []ciptypes.AttributeType{
				{Name: aws.String("email"), Value: name}, {Name: aws.String("email_verified"), Value: aws.String("true")},
				{Name: aws.String("custom:tenant_id"), Value: aws.String(t)},
			},
		})
		if err != nil && !isA[*ciptypes.UsernameExistsException](err) {
			return err
		}
		_, err = d.users.AdminSetUserPassword(ctx, &cip.AdminSetUserPasswordInput{
			UserPoolId: &d.userPool, Username: name, Password: aws.String(password), Permanent: true,
		})
		group := aws.String(t)
		_, groupErr := d.users.AdminAddUserToGroup(ctx, &cip.AdminAddUserToGroupInput{UserPoolId: &d.userPool, Username: name, GroupName: group})
		if err := errors.Join(err, groupErr); err != nil {
			return err
		}
	}
	return nil
}

package demo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	ciptypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// session is a user of a tenant with its token and the clients of its own credentials.
type session struct {
	tenant, other string
	idToken       string
	accessToken   string
	sts           *sts.Client
	rows          *dynamodb.Client
	kms           *kms.Client
}

// signIn signs the tenant's user in by password.
func (d *demo) signIn(ctx context.Context, tenant string) (id, access string, err error) {
	users := cip.NewFromConfig(d.configure(nil))
	out, err := users.InitiateAuth(ctx, &cip.InitiateAuthInput{
		AuthFlow: ciptypes.AuthFlowTypeUserPasswordAuth, ClientId: &d.client,
		AuthParameters: map[string]string{"USERNAME": "user@" + tenant + ".example", "PASSWORD": password},
	})
	if err != nil {
		return "", "", err
	}
	return aws.ToString(out.AuthenticationResult.IdToken), aws.ToString(out.AuthenticationResult.AccessToken), nil
}

// byIdentityPool turns a token into credentials with the enhanced flow.
func (d *demo) byIdentityPool(ctx context.Context, token string) (aws.CredentialsProvider, error) {
	ids := cognitoidentity.NewFromConfig(d.configure(nil))
	logins := map[string]string{d.issuer: token}
	id, err := ids.GetId(ctx, &cognitoidentity.GetIdInput{IdentityPoolId: &d.identityPool, Logins: logins})
	if err != nil {
		return nil, err
	}
	out, err := ids.GetCredentialsForIdentity(ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: id.IdentityId, Logins: logins})
	if err != nil {
		return nil, err
	}
	c := out.Credentials
	return credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretKey, *c.SessionToken), nil
}

// byWebIdentity turns a token into credentials with the tags that the token carries.
func (d *demo) byWebIdentity(ctx context.Context, token string) (aws.CredentialsProvider, error) {
	out, err := sts.NewFromConfig(d.configure(nil)).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(d.roleARN("demo-web-user")), RoleSessionName: aws.String("browser"), WebIdentityToken: &token,
	})
	if err != nil {
		return nil, err
	}
	return fixed(out.Credentials), nil
}

func fixed(c *ststypes.Credentials) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// assume takes a role with the credentials of the client.
func (d *demo) assume(ctx context.Context, by *sts.Client, role string, tags map[string]string, policy string) (aws.CredentialsProvider, error) {
	in := &sts.AssumeRoleInput{RoleArn: aws.String(d.roleARN(role)), RoleSessionName: aws.String("demo")}
	for k, v := range tags {
		in.Tags = append(in.Tags, ststypes.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	if policy != "" {
		in.Policy = &policy
	}
	out, err := by.AssumeRole(ctx, in)
	if err != nil {
		return nil, err
	}
	return fixed(out.Credentials), nil
}

func (d *demo) open(s *session, c aws.CredentialsProvider) {
	cfg := d.configure(c)
	s.sts, s.rows, s.kms = sts.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg), kms.NewFromConfig(cfg)
}

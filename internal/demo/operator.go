package demo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// makeOperator makes the operator's own user, as nobody should work with root credentials: they cannot even assume roles.
func (d *demo) makeOperator(ctx context.Context) error {
	name := aws.String("demo-operator")
	_, err := d.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: name})
	if err != nil && !isA[*iamtypes.EntityAlreadyExistsException](err) {
		return err
	}
	_, err = d.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{
		UserName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	})
	if err != nil {
		return err
	}
	old, err := d.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: name})
	if err != nil {
		return err
	}
	for _, k := range old.AccessKeyMetadata { // of an earlier run
		if _, err := d.iam.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: k.AccessKeyId}); err != nil {
			return err
		}
	}
	key, err := d.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		return err
	}
	d.connect(credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
	return nil
}

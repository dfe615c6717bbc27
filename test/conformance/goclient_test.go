package conformance

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
)

// server is the configuration of the AWS SDK for Go for the server that run.sh started.
func server(t *testing.T) aws.Config {
	t.Helper()
	endpoint := os.Getenv("BULKHEAD_TEST_ENDPOINT")
	if endpoint == "" {
		t.Skip("BULKHEAD_TEST_ENDPOINT is not set: test/conformance/run.sh starts a server and sets it")
	}
	return aws.Config{
		Region: region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	}
}

// operatorOf is a user that may do everything, since root users assume no roles.
func operatorOf(t *testing.T, root aws.Config) aws.Config {
	t.Helper()
	users := iam.NewFromConfig(root)
	name := unique("go-operator")
	_, err := users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name})
	check(t, err)
	_, err = users.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("all"), PolicyDocument: aws.String(anyPolicy)})
	check(t, err)
	key, err := users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	check(t, err)
	cfg := root.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	return cfg
}

func unique(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:10]) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that err is an API error with the code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func TestClientIAM(t *testing.T) {
	t.Parallel()
	c := iam.NewFromConfig(server(t))
	path := "/" + unique("go") + "/"
	for range 3 {
		_, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(unique("go")), Path: &path})
		check(t, err)
	}
	n := 0
	pages := iam.NewListUsersPaginator(c, &iam.ListUsersInput{PathPrefix: &path, MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		check(t, err)
		n += len(out.Users)
	}
	if n != 3 {
		t.Errorf("%d users, want 3", n)
	}
	_, err := c.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("none")})
	var none *iamtypes.NoSuchEntityException
	if !errors.As(err, &none) {
		t.Errorf("got %v, want NoSuchEntityException", err)
	}
	_, err = c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String(unique("go")), AssumeRolePolicyDocument: aws.String("{")})
	var malformed *iamtypes.MalformedPolicyDocumentException
	if !errors.As(err, &malformed) {
		t.Errorf("got %v, want MalformedPolicyDocumentException", err)
	}
}

func TestClientSTSAndRows(t *testing.T) {
	t.Parallel()
	root := server(t)
	rows, table := dynamodb.NewFromConfig(root), unique("go-table")
	_, err := rows.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: ddb.BillingModePayPerRequest,
		AttributeDefinitions: []ddb.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: ddb.ScalarAttributeTypeS}},
		KeySchema:            []ddb.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: ddb.KeyTypeHash}},
	})
	check(t, err)
	check(t, dynamodb.NewTableExistsWaiter(rows).Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &table}, time.Minute))

	role := unique("go-role")
	users := iam.NewFromConfig(root)
	id, err := sts.NewFromConfig(root).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	check(t, err)
	trust := strings.ReplaceAll(accountTrust, account, *id.Account)
	made, err := users.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: &trust})
	check(t, err)
	policy := strings.ReplaceAll(userPolicy, "table/rows", "table/"+table)
	_, err = users.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("p"), PolicyDocument: &policy})
	check(t, err)

	tenant := func(name string) *dynamodb.Client {
		out, err := sts.NewFromConfig(operatorOf(t, root)).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: made.Role.Arn, RoleSessionName: aws.String("go"), Tags: []ststypes.Tag{{Key: aws.String("TenantID"), Value: &name}},
		})
		check(t, err)
		cfg := root.Copy()
		cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
		return dynamodb.NewFromConfig(cfg)
	}
	acme := tenant("acme")
	item := func(pk string) map[string]ddb.AttributeValue {
		return map[string]ddb.AttributeValue{"pk": &ddb.AttributeValueMemberS{Value: pk}}
	}
	_, err = acme.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item("acme")})
	check(t, err)
	got, err := acme.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: item("acme")})
	check(t, err)
	if len(got.Item) != 1 {
		t.Errorf("item %v", got.Item)
	}
	_, err = acme.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: item("globex")})
	refused(t, err, "AccessDeniedException")
	_, err = rows.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item("acme"), ConditionExpression: aws.String("attribute_not_exists(pk)")})
	var failed *ddb.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		t.Errorf("got %v, want ConditionalCheckFailedException", err)
	}
}

func TestClientKMS(t *testing.T) {
	t.Parallel()
	c := kms.NewFromConfig(server(t))
	key, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	check(t, err)
	bound := map[string]string{"tenant_id": "acme"}
	sealed, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("x"), EncryptionContext: bound})
	check(t, err)
	opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: bound})
	check(t, err)
	if string(opened.Plaintext) != "x" {
		t.Errorf("plaintext %q", opened.Plaintext)
	}
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	var bad *kmstypes.InvalidCiphertextException
	if !errors.As(err, &bad) {
		t.Errorf("got %v, want InvalidCiphertextException", err)
	}
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	cfg := server(t)
	cfg.Credentials = credentials.NewStaticCredentialsProvider("AKIAAAAAAAAAAAAAAAAA", "secret", "")
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	refused(t, err, "InvalidClientTokenId")
}

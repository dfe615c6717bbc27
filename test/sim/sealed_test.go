package sim

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// A tenant's key that is disabled at one node keeps its rows from being read at every node within a second; the other node had
// read them before, and reads other tenants' all the while.
func TestNodesFollowTenantsKeys(t *testing.T) {
	t.Parallel()
	n := startNodes(t)
	keys, a, b := kms.NewFromConfig(n.a), dynamodb.NewFromConfig(n.a), dynamodb.NewFromConfig(n.b)
	ids := map[string]*string{}
	for _, tenant := range []string{"acme", "globex"} {
		made := must[*kms.CreateKeyOutput](t)(keys.CreateKey(t.Context(), &kms.CreateKeyInput{}))
		ids[tenant] = made.KeyMetadata.KeyId
		must[*kms.CreateAliasOutput](t)(keys.CreateAlias(t.Context(), &kms.CreateAliasInput{
			AliasName: aws.String("alias/customer-" + tenant), TargetKeyId: ids[tenant],
		}))
	}
	must[*dynamodb.CreateTableOutput](t)(a.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("sealed"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		Tags: []types.Tag{
			{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant}#*")},
			{Key: aws.String("bulkhead:seal-key"), Value: aws.String("alias/customer-${tenant}")},
		},
	}))
	read := func(pk string) error {
		_, err := b.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("sealed"), Key: keyOf(pk)})
		return err
	}
	for _, pk := range []string{"acme#1", "globex#1"} {
		must[*dynamodb.PutItemOutput](t)(a.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("sealed"), Item: keyOf(pk)}))
		allowed(t, "a sealed row written at A is read at B", func() error { return read(pk) })
	}
	for range 2 {
		must[*kms.DisableKeyOutput](t)(keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: ids["acme"]}))
		refused(t, time.Now(), "a row of a tenant whose key is disabled", func() error { return read("acme#1") })
		if err := read("globex#1"); err != nil {
			t.Errorf("another tenant's row: %v", err)
		}
		must[*kms.EnableKeyOutput](t)(keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: ids["acme"]}))
		allowed(t, "the key is enabled again", func() error { return read("acme#1") })
	}
}

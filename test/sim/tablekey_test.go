package sim

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// A table's KMS key that is disabled, or set to be deleted, at one node keeps the whole table from being read and written at every node
// within a second, whatever the other node has at hand; a table under another key is served all the while.
func TestNodesFollowTablesKeys(t *testing.T) {
	t.Parallel()
	n := startNodes(t)
	keys, a, b := kms.NewFromConfig(n.a), dynamodb.NewFromConfig(n.a), dynamodb.NewFromConfig(n.b)
	ids := map[string]*string{}
	for _, table := range []string{"mine", "other"} {
		ids[table] = must[*kms.CreateKeyOutput](t)(keys.CreateKey(t.Context(), &kms.CreateKeyInput{})).KeyMetadata.KeyId
		must[*dynamodb.CreateTableOutput](t)(a.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName: &table, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
			SSESpecification:     &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: ids[table]},
		}))
	}
	get := func(table string) error {
		_, err := b.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: keyOf("row")})
		return err
	}
	tries := map[string]func() error{
		"GetItem": func() error { return get("mine") },
		"Scan": func() error {
			_, err := b.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("mine")})
			return err
		},
		"PutItem": func() error {
			_, err := b.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("mine"), Item: keyOf("more")})
			return err
		},
		"ExecuteStatement": func() error {
			_, err := b.ExecuteStatement(t.Context(), &dynamodb.ExecuteStatementInput{Statement: aws.String(`SELECT * FROM "mine"`)})
			return err
		},
	}
	for _, table := range []string{"mine", "other"} {
		must[*dynamodb.PutItemOutput](t)(a.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: keyOf("row")}))
		allowed(t, "a row written at A is read at B", func() error { return get(table) })
	}
	takes := map[string][2]func(){
		"disabled": {
			func() {
				must[*kms.DisableKeyOutput](t)(keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: ids["mine"]}))
			},
			func() {
				must[*kms.EnableKeyOutput](t)(keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: ids["mine"]}))
			},
		},
		"to be deleted": {
			func() {
				must[*kms.ScheduleKeyDeletionOutput](t)(keys.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{
					KeyId: ids["mine"], PendingWindowInDays: aws.Int32(7),
				}))
			},
			func() {
				must[*kms.CancelKeyDeletionOutput](t)(keys.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: ids["mine"]}))
				must[*kms.EnableKeyOutput](t)(keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: ids["mine"]}))
			},
		},
	}
	for state, take := range takes {
		take[0]()
		changed := time.Now()
		for op, try := range tries {
			refused(t, changed, op+" of a table whose key is "+state, try)
		}
		if err := get("other"); err != nil {
			t.Errorf("a table under another key: %v", err)
		}
		take[1]()
		for op, try := range tries {
			allowed(t, op+" once the key can be used again", try)
		}
	}
}

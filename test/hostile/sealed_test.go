package hostile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscreds "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"github.com/bulkhead/bulkhead/internal/app"
	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/pebblekv"
)

// planted are values that only a sealed row holds: an attribute, a partition key and the key of an index. They do not compress.
var planted = []string{"pLaNt-9f3a1c77e2-attribute", "pLaNt-51be80d94c-owner", "pLaNt-e07d6a23f5-indexed", "pLaNt-c4488b019d-inner"}

// TestSealedRowsOnDisk looks for planted values in all that a server leaves on disk: write-ahead log, tables, rows, index
// entries, stream records, backups and the audit log; and destroys the key.
func TestSealedRowsOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := app.DefaultConfig()
	c.Data, c.Logger = dir, slog.New(slog.DiscardHandler)
	c.RootAccessKeyID, c.RootSecretAccessKey = "AKIASEALEDTESTROOT22", "not-a-secret-but-long-enough-for-a-test!"
	a, err := app.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a.Handler())
	config := aws.Config{Region: c.Region, BaseEndpoint: &srv.URL, Credentials: awscreds.NewStaticCredentialsProvider(c.RootAccessKeyID, c.RootSecretAccessKey, "")}
	arn := sealRows(t, config)
	readSealed(t, config)
	search(t, "the live files", files(t, dir))
	destroyKey(t, config, arn)
	srv.Close()
	if err := a.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	search(t, "the files", files(t, dir))
	search(t, "the store", pairs(t, dir))
}

// TestTableKeyOnDisk is TestSealedRowsOnDisk for a table that has a KMS key of its own, and for one that had rows before: of that one the
// store, which drops what was overwritten when it compacts, is searched.
func TestTableKeyOnDisk(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		dir := t.TempDir()
		c := app.DefaultConfig()
		c.Data, c.Logger = dir, slog.New(slog.DiscardHandler)
		c.RootAccessKeyID, c.RootSecretAccessKey = "AKIASEALEDTESTROOT22", "not-a-secret-but-long-enough-for-a-test!"
		a, err := app.Open(t.Context(), c)
		done(t, err)
		srv := httptest.NewServer(a.Handler())
		config := aws.Config{Region: c.Region, BaseEndpoint: &srv.URL, Credentials: awscreds.NewStaticCredentialsProvider(c.RootAccessKeyID, c.RootSecretAccessKey, "")}
		arn := keyedRows(t, config, late)
		readSealed(t, config)
		if !late {
			search(t, "the live files", files(t, dir))
		}
		_, err = kms.NewFromConfig(config).DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn})
		done(t, err)
		var denied *smithy.GenericAPIError
		_, err = dynamodb.NewFromConfig(config).Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("rows")})
		if !errors.As(err, &denied) || denied.Code != "AccessDeniedException" {
			t.Errorf("a scan without the key: %v", err)
		}
		srv.Close()
		done(t, a.Close(context.WithoutCancel(t.Context())))
		if !late {
			search(t, "the files", files(t, dir))
		}
		search(t, "the store", pairs(t, dir))
	}
}

// keyedRows makes a table with a KMS key and a row in every place where the store keeps rows; late is a table that gets the key last.
func keyedRows(t *testing.T, config aws.Config, late bool) string {
	t.Helper()
	ctx, ddb := t.Context(), dynamodb.NewFromConfig(config)
	key, err := kms.NewFromConfig(config).CreateKey(ctx, &kms.CreateKeyInput{})
	done(t, err)
	spec := &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: key.KeyMetadata.KeyId}
	in := &dynamodb.CreateTableInput{
		TableName: aws.String("rows"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: "S"}, {AttributeName: aws.String("sk"), AttributeType: "S"}, {AttributeName: aws.String("kind"), AttributeType: "S"},
		},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("by-kind"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("kind"), KeyType: types.KeyTypeHash}},
		}},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
	}
	if !late {
		in.SSESpecification = spec
	}
	_, err = ddb.CreateTable(ctx, in)
	done(t, err)
	for _, v := range []string{"first", planted[0]} {
		_, err = ddb.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("rows"), Item: sealedItem(v)})
		done(t, err)
	}
	if late {
		_, err = ddb.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: aws.String("rows"), SSESpecification: spec})
		done(t, err)
	}
	until(t, "the table is not sealed", func() bool {
		d, err := ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("rows")})
		done(t, err)
		return d.Table.TableStatus == types.TableStatusActive && d.Table.SSEDescription.Status == types.SSEStatusEnabled
	})
	backup, err := ddb.CreateBackup(ctx, &dynamodb.CreateBackupInput{TableName: aws.String("rows"), BackupName: aws.String("all")})
	done(t, err)
	until(t, "the backup is not made", func() bool {
		d, err := ddb.DescribeBackup(ctx, &dynamodb.DescribeBackupInput{BackupArn: backup.BackupDetails.BackupArn})
		done(t, err)
		return d.BackupDescription.BackupDetails.BackupStatus == types.BackupStatusAvailable
	})
	return *key.KeyMetadata.KeyId
}

// until waits for work in the background.
func until(t *testing.T, failed string, over func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !over(); {
		if time.Now().After(end) {
			t.Fatal(failed)
		}
	}
}

// sealRows makes a tenant's key and rows, in every place where the store keeps rows, and returns the key's ARN.
func sealRows(t *testing.T, config aws.Config) string {
	t.Helper()
	ctx, ddb, keys := t.Context(), dynamodb.NewFromConfig(config), kms.NewFromConfig(config)
	key, err := keys.CreateKey(ctx, &kms.CreateKeyInput{})
	done(t, err)
	_, err = keys.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/customer-acme"), TargetKeyId: key.KeyMetadata.KeyId})
	done(t, err)
	attribute := func(n string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &n, AttributeType: types.ScalarAttributeTypeS}
	}
	_, err = ddb.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("rows"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{attribute("pk"), attribute("sk"), attribute("kind")},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("by-kind"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("kind"), KeyType: types.KeyTypeHash}},
		}},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
		Tags: []types.Tag{
			{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant}#*")},
			{Key: aws.String("bulkhead:seal-key"), Value: aws.String("alias/customer-${tenant}")},
		},
	})
	done(t, err)
	for _, v := range []string{"first", planted[0]} {
		_, err = ddb.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("rows"), Item: sealedItem(v)})
		done(t, err)
	}
	_, err = ddb.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: aws.String("once"),
		TransactItems: []types.TransactWriteItem{{Update: &types.Update{
			TableName: aws.String("rows"), Key: sealedKey(), UpdateExpression: aws.String("SET m.x = :v"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: planted[3]}},
		}}},
	})
	done(t, err)
	backup, err := ddb.CreateBackup(ctx, &dynamodb.CreateBackupInput{TableName: aws.String("rows"), BackupName: aws.String("all")})
	done(t, err)
	until(t, "the backup is not made", func() bool {
		d, err := ddb.DescribeBackup(ctx, &dynamodb.DescribeBackupInput{BackupArn: backup.BackupDetails.BackupArn})
		done(t, err)
		return d.BackupDescription.BackupDetails.BackupStatus == types.BackupStatusAvailable
	})
	return *key.KeyMetadata.KeyId
}

func sealedKey() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "acme#" + planted[1]}, "sk": &types.AttributeValueMemberS{Value: "readable"},
	}
}

func sealedItem(v string) map[string]types.AttributeValue {
	i := sealedKey()
	i["v"] = &types.AttributeValueMemberS{Value: v}
	i["kind"] = &types.AttributeValueMemberS{Value: planted[2]}
	i["m"] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"x": &types.AttributeValueMemberS{Value: planted[3]}}}
	return i
}

// readSealed finds the row by its key and by the index: what is searched for is there.
func readSealed(t *testing.T, config aws.Config) {
	t.Helper()
	ddb := dynamodb.NewFromConfig(config)
	got, err := ddb.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("rows"), Key: sealedKey()})
	done(t, err)
	if v, ok := got.Item["v"].(*types.AttributeValueMemberS); !ok || v.Value != planted[0] {
		t.Fatalf("the row is %v", got.Item)
	}
	found, err := ddb.Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String("rows"), IndexName: aws.String("by-kind"), KeyConditionExpression: aws.String("kind = :k"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":k": &types.AttributeValueMemberS{Value: planted[2]}},
	})
	done(t, err)
	if len(found.Items) != 1 {
		t.Fatalf("the index finds %v", found.Items)
	}
}

// destroyKey schedules the key's deletion: from then on nobody reads the row, the root user included.
func destroyKey(t *testing.T, config aws.Config, key string) {
	t.Helper()
	_, err := kms.NewFromConfig(config).ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key})
	done(t, err)
	ddb := dynamodb.NewFromConfig(config)
	if got, err := ddb.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("rows"), Key: sealedKey()}); err == nil {
		t.Errorf("the row can still be read: %v", got.Item)
	}
	all, err := ddb.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("rows")})
	done(t, err)
	if len(all.Items) != 0 {
		t.Errorf("a scan shows %v", all.Items)
	}
}

func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files are the contents of all files below dir.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // a live store removes files
		}
		all[path] = b
		return err
	})
	done(t, err)
	return all
}

// pairs are all keys and values of the store, as they are below any compression.
func pairs(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	db, err := pebblekv.Open(filepath.Join(dir, "pebble"), pebblekv.Options{})
	done(t, err)
	all := map[string][]byte{}
	done(t, db.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(kv.Range{}, func(k, v []byte) bool {
			all[string(k)] = append(bytes.Clone(k), v...)
			return true
		})
	}))
	done(t, db.Close())
	return all
}

func search(t *testing.T, where string, in map[string][]byte) {
	t.Helper()
	if len(in) < 3 {
		t.Errorf("%s: only %d were searched", where, len(in))
	}
	for name, b := range in {
		for _, p := range planted {
			if bytes.Contains(b, []byte(p)) {
				t.Errorf("%s: %q holds %q", where, name, p)
			}
		}
	}
}

package sim

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// dumped is how many rows are exported and imported: enough for the server to be killed at it.
const dumped = 1500

// An export and an import whose server is killed again and again end as if it had not been: each row is exported once, and counted once
// when it is imported.
func TestExportsGoOnAfterAKill(t *testing.T) {
	t.Parallel()
	s := newSite(t, "pebble")
	bucket := filepath.Join(s.nodes[0].Data, "objects", "000000000000", "dumps")
	if err := os.MkdirAll(bucket, 0o700); err != nil {
		t.Fatal(err)
	}
	newLedger("plain").make(t, s.cfg(), false)
	s.fill("plain", "a#", dumped, map[string]types.AttributeValue{"more": str(strings.Repeat("x", 2000))})
	want := rowsOf(t, s.ddb(), "plain")
	began := must[*dynamodb.ExportTableToPointInTimeOutput](t)(s.ddb().ExportTableToPointInTime(t.Context(), &dynamodb.ExportTableToPointInTimeInput{
		TableArn: aws.String("arn:aws:dynamodb:us-east-1:000000000000:table/plain"), S3Bucket: aws.String("dumps"),
	}))
	for range 3 {
		s.restart()
	}
	var export *types.ExportDescription
	eventually(t, patience, "the export ends", func() bool {
		export = must[*dynamodb.DescribeExportOutput](t)(s.ddb().DescribeExport(t.Context(), &dynamodb.DescribeExportInput{ExportArn: began.ExportDescription.ExportArn})).ExportDescription
		return export.ExportStatus != types.ExportStatusInProgress
	})
	if export.ExportStatus != types.ExportStatusCompleted || aws.ToInt64(export.ItemCount) != dumped {
		t.Fatalf("the export is %s with %d items: %s", export.ExportStatus, aws.ToInt64(export.ItemCount), aws.ToString(export.FailureMessage))
	}
	folder := strings.TrimSuffix(aws.ToString(export.ExportManifest), "manifest-summary.json")
	same(t, "the export", exportedRows(t, filepath.Join(bucket, folder, "data")), want)
	began2 := must[*dynamodb.ImportTableOutput](t)(s.ddb().ImportTable(t.Context(), &dynamodb.ImportTableInput{
		S3BucketSource: &types.S3BucketSource{S3Bucket: aws.String("dumps"), S3KeyPrefix: aws.String(folder + "data/")},
		InputFormat:    types.InputFormatDynamodbJson, InputCompressionType: types.InputCompressionTypeGzip,
		TableCreationParameters: &types.TableCreationParameters{
			TableName: aws.String("again"), BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		},
	}))
	for range 3 {
		s.restart()
	}
	var load *types.ImportTableDescription
	eventually(t, patience, "the import ends", func() bool {
		load = must[*dynamodb.DescribeImportOutput](t)(s.ddb().DescribeImport(t.Context(), &dynamodb.DescribeImportInput{ImportArn: began2.ImportTableDescription.ImportArn})).ImportTableDescription
		return load.ImportStatus != types.ImportStatusInProgress
	})
	if load.ImportStatus != types.ImportStatusCompleted || load.ImportedItemCount != dumped || load.ErrorCount != 0 {
		t.Errorf("the import is %s: %d items, %d errors, %s", load.ImportStatus, load.ImportedItemCount, load.ErrorCount, aws.ToString(load.FailureMessage))
	}
	same(t, "the imported table", rowsOf(t, s.ddb(), "again"), want)
	verify(t, s.cfg())
}

// exportedRows reads the files of an export. A row that is there twice fails the test.
func exportedRows(t *testing.T, dir string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range files {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(z)
		for lines.Scan() {
			var row struct{ Item map[string]map[string]string }
			if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
				t.Fatal(err)
			}
			pk := row.Item["pk"]["S"]
			if _, twice := rows[pk]; twice {
				t.Errorf("%s is exported twice", pk)
			}
			rows[pk] = row.Item["v"]["S"]
		}
		if err := errors.Join(lines.Err(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

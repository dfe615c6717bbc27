package sim

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// errorAs is the error of a type in err, if there is one.
func errorAs[E error](err error) (e E, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}

// text is the string in an attribute, "" if there is none.
func text(item map[string]types.AttributeValue, name string) string {
	v, ok := item[name].(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return v.Value
}

// rowsOf is what a table holds: the attribute v by the key pk.
func rowsOf(t *testing.T, ddb *dynamodb.Client, table string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	pages := dynamodb.NewScanPaginator(ddb, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		for _, item := range must[*dynamodb.ScanOutput](t)(pages.NextPage(t.Context())).Items {
			rows[text(item, "pk")] = text(item, "v")
		}
	}
	return rows
}

// same fails the test, naming the keys, unless two sets of rows are alike.
func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, pk := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[pk]; !ok || v != want[pk] {
			t.Errorf("%s: %s is %.40q (there: %v), want %.40q", what, pk, v, ok, want[pk])
		}
	}
	for _, pk := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[pk]; !ok {
			t.Errorf("%s: %s is there and should not be", what, pk)
		}
	}
}

// active reports whether a table can be used.
func active(t *testing.T, ddb *dynamodb.Client, table string) bool {
	t.Helper()
	out := must[*dynamodb.DescribeTableOutput](t)(ddb.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table}))
	return out.Table.TableStatus == types.TableStatusActive
}

// recordsOf are the records of a table's latest stream, by the key pk, in the order of their shards.
func recordsOf(t *testing.T, cfg aws.Config, table string) map[string][]streamtypes.Record {
	t.Helper()
	c := dynamodbstreams.NewFromConfig(cfg)
	arn := must[*dynamodb.DescribeTableOutput](t)(dynamodb.NewFromConfig(cfg).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{
		TableName: &table,
	})).Table.LatestStreamArn
	all := map[string][]streamtypes.Record{}
	shards := must[*dynamodbstreams.DescribeStreamOutput](t)(c.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: arn}))
	for _, shard := range shards.StreamDescription.Shards {
		it := must[*dynamodbstreams.GetShardIteratorOutput](t)(c.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{
			StreamArn: arn, ShardId: shard.ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
		})).ShardIterator
		for it != nil {
			out := must[*dynamodbstreams.GetRecordsOutput](t)(c.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: it}))
			if len(out.Records) == 0 {
				break
			}
			for _, r := range out.Records {
				pk := r.Dynamodb.Keys["pk"].(*streamtypes.AttributeValueMemberS).Value
				all[pk] = append(all[pk], r)
			}
			it = out.NextShardIterator
		}
	}
	return all
}

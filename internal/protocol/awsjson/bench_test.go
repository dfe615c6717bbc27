package awsjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/awsjson"
)

// putItem is a request of 450 bytes, the size that the aims are stated for.
var putItem = []byte(`{"TableName":"tenants","Item":{"pk":{"S":"acme#order#0001"},"sk":{"S":"2026-11-21T10:00:00Z"},` +
	`"total":{"N":"129.95"},"paid":{"BOOL":true},"lines":{"L":[{"M":{"sku":{"S":"A-1"},"n":{"N":"2"}}},{"M":{"sku":{"S":"B-7"},"n":{"N":"1"}}}]},` +
	`"labels":{"SS":["new","express"]},"note":{"S":"` + strings.Repeat("x", 60) + `"}},"ConditionExpression":"attribute_not_exists(pk)","ReturnValues":"NONE"}`)

func BenchmarkPutItem(b *testing.B) {
	b.Run("generated", func(b *testing.B) {
		b.SetBytes(int64(len(putItem)))
		b.ReportAllocs()
		r := &protocol.Request{Body: putItem}
		for b.Loop() {
			var in dynamodb.PutItemInput
			if err := awsjson.Decode[dynamodb.PutItemInput](r, &in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(putItem)))
		b.ReportAllocs()
		for b.Loop() {
			var in struct {
				TableName, ConditionExpression, ReturnValues *string
				Item                                         map[string]attributeValue
			}
			if err := json.Unmarshal(putItem, &in); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type attributeValue struct {
	S, N *string
	BOOL *bool
	L    []attributeValue
	M    map[string]attributeValue
	SS   []string
}

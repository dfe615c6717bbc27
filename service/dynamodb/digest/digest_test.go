package digest

import (
	"encoding/hex"
	"testing"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
)

func row(pairs ...string) *item.Map {
	var b item.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.Set(pairs[i], item.String(pairs[i+1]))
	}
	m := b.Map()
	return &m
}

var (
	name, expression = "orders", "attribute_exists(pk)"
	names            = map[string]string{"#a": "a", "#b": "b"}
)

func writes(put, key *item.Map) *api.TransactWriteItemsInput {
	return &api.TransactWriteItemsInput{TransactItems: []api.TransactWriteItem{
		{Put: &api.Put{TableName: &name, Item: put, ConditionExpression: &expression, ExpressionAttributeNames: names}},
		{Update: &api.Update{TableName: &name, Key: key, UpdateExpression: &expression, ExpressionAttributeValues: put}},
		{Delete: &api.Delete{TableName: &name, Key: key, ReturnValuesOnConditionCheckFailure: api.ReturnValuesOnConditionCheckFailureAllOld}},
		{ConditionCheck: &api.ConditionCheck{TableName: &name, Key: key, ConditionExpression: &expression}},
	}}
}

func statements(texts ...string) *api.ExecuteTransactionInput {
	in := &api.ExecuteTransactionInput{}
	for _, s := range texts {
		in.TransactStatements = append(in.TransactStatements, api.ParameterizedStatement{Statement: &s, Parameters: []item.Value{item.Number("1.50")}})
	}
	return in
}

// Digests are on record for as long as tokens live: a server that computed others would perform a request twice.
func TestDigestsStay(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ got, want string }{
		"a sequence": {hex.EncodeToString(Of("arn", "", "token")), "ff1a965d0db890deaca73a3340046896c28af46a54e28b6e3bc86cef6ed8b451"},
		"writes":     {Transaction("000000000000", "eu-central-1", writes(row("pk", "a", "v", "1"), row("pk", "a"))), "35c122b683ab25f823b80cc6bce348f1a6f169fc039519e4751a2bea57138e65"},
		"statements": {Statements("000000000000", "eu-central-1", statements("SELECT 1", "SELECT 2")), "49611c7744215e1232e65774dcb5b869535c40f9056c6c6ba96b64ba99bf2a69"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s", what, c.got)
		}
	}
}

// What asks for something else is another request; in what order its attributes come is not.
func TestDigestsDiffer(t *testing.T) {
	t.Parallel()
	if Transaction("a", "r", writes(row("pk", "a", "v", "1"), row("pk", "a"))) != Transaction("a", "r", writes(row("v", "1", "pk", "a"), row("pk", "a"))) {
		t.Error("the order of attributes tells")
	}
	seen := map[string]string{}
	for what, got := range map[string]string{
		"writes":            Transaction("a", "r", writes(row("pk", "a"), row("pk", "a"))),
		"another account":   Transaction("b", "r", writes(row("pk", "a"), row("pk", "a"))),
		"another region":    Transaction("a", "s", writes(row("pk", "a"), row("pk", "a"))),
		"another value":     Transaction("a", "r", writes(row("pk", "b"), row("pk", "a"))),
		"another key":       Transaction("a", "r", writes(row("pk", "a"), row("pk", "b"))),
		"statements":        Statements("a", "r", statements("xy", "z")),
		"other statements":  Statements("a", "r", statements("x", "yz")),
		"one statement":     Statements("a", "r", statements("xyz")),
		"a sequence":        string(Of("ab", "c")),
		"another sequence":  string(Of("a", "bc")),
		"with an empty one": string(Of("a", "bc", "")),
		"no sequence":       string(Of()),
		"any request":       Request(&api.ExportTableToPointInTimeInput{TableArn: &name, S3Bucket: &expression}),
		"any other":         Request(&api.ExportTableToPointInTimeInput{TableArn: &expression, S3Bucket: &name}),
	} {
		if seen[got] != "" {
			t.Errorf("%s has the digest of %s", what, seen[got])
		}
		seen[got] = what
	}
}

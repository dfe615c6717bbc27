// Package digest tells requests apart, those that come again with the token of another among them: two that ask for the same have the
// same digest, and no others have. Digests are on record, so what they are made of stays as it is.
//
// It is pure: of the service it imports nothing, of the module the API's shapes and package item.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"slices"
	"strconv"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// Of is the digest of a sequence of strings, in SHA-256. No two sequences hash the same input.
func Of(parts ...string) []byte {
	h := sha256.New()
	for _, s := range parts {
		add(h, s)
	}
	return h.Sum(nil)
}

func add(h hash.Hash, s string) {
	h.Write([]byte(strconv.Itoa(len(s)) + ":" + s))
}

// Request identifies, in hex, what a request asks for by all its members. It panics if the request is no JSON: the shapes of the API
// hold strings, numbers, times and what those make up.
func Request(in any) string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(in); err != nil {
		panic("dynamodb: a request that is no JSON: " + err.Error())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Transaction identifies, in hex, what a transaction of writes does in an account and a region, whatever the order of attributes in it.
func Transaction(account, region string, in *api.TransactWriteItemsInput) string {
	h := sha256.New()
	for i := range in.TransactItems {
		switch t := &in.TransactItems[i]; {
		case t.Put != nil:
			p := t.Put
			element(h, "put", *p.TableName, *p.Item, nil, p.ConditionExpression, p.ExpressionAttributeNames,
				p.ExpressionAttributeValues, p.ReturnValuesOnConditionCheckFailure)
		case t.Update != nil:
			p := t.Update
			element(h, "update", *p.TableName, *p.Key, p.UpdateExpression, p.ConditionExpression, p.ExpressionAttributeNames,
				p.ExpressionAttributeValues, p.ReturnValuesOnConditionCheckFailure)
		case t.Delete != nil:
			p := t.Delete
			element(h, "delete", *p.TableName, *p.Key, nil, p.ConditionExpression, p.ExpressionAttributeNames,
				p.ExpressionAttributeValues, p.ReturnValuesOnConditionCheckFailure)
		case t.ConditionCheck != nil:
			p := t.ConditionCheck
			element(h, "check", *p.TableName, *p.Key, nil, p.ConditionExpression, p.ExpressionAttributeNames,
				p.ExpressionAttributeValues, p.ReturnValuesOnConditionCheckFailure)
		}
	}
	add(h, account)
	add(h, region)
	return hex.EncodeToString(h.Sum(nil))
}

// Statements identifies, in hex, what a transaction of statements does in an account and a region.
func Statements(account, region string, in *api.ExecuteTransactionInput) string {
	h := sha256.New()
	add(h, "statements")
	for i := range in.TransactStatements {
		p := &in.TransactStatements[i]
		add(h, *p.Statement)
		add(h, strconv.Itoa(len(p.Parameters)))
		for _, v := range p.Parameters {
			add(h, string(v.AppendJSON(nil)))
		}
		add(h, string(p.ReturnValuesOnConditionCheckFailure))
	}
	add(h, account)
	add(h, region)
	return hex.EncodeToString(h.Sum(nil))
}

func element(h hash.Hash, kind, table string, m item.Map, update, condition *string, names map[string]string, values *item.Map,
	onFailure api.ReturnValuesOnConditionCheckFailure,
) {
	add(h, kind)
	add(h, table)
	add(h, canonical(m))
	add(h, opt.Value(update))
	add(h, opt.Value(condition))
	add(h, strconv.Itoa(len(names)))
	for _, k := range slices.Sorted(maps.Keys(names)) {
		add(h, k)
		add(h, names[k])
	}
	add(h, canonical(opt.Value(values)))
	add(h, string(onFailure))
}

// canonical is a map in the order of its names; values nested in it are kept in order.
func canonical(m item.Map) string {
	return string(item.MapOf(maps.Collect(m.All())).Stored())
}

package dynamodb

import (
	"fmt"
	"strings"
	"testing"
)

// oracles are more attempts to learn of rows that are not the caller's, beside those of the matrix.
var oracles = []struct{ name, op, input string }{
	{"PutItem, returning", "PutItem", `{'TableName':'pool','Item':ITEM,'ReturnValues':'ALL_OLD','ReturnItemCollectionMetrics':'SIZE'}`},
	{"PutItem, conditional", "PutItem", `{'TableName':'pool','Item':ITEM,'ConditionExpression':'attribute_exists(v)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}`},
	{"UpdateItem of a type", "UpdateItem", `{'TableName':'pool','Key':KEY,'UpdateExpression':'ADD v :n','ExpressionAttributeValues':{':n':{'N':'1'}}}`},
	{"UpdateItem of a path", "UpdateItem", `{'TableName':'pool','Key':KEY,'UpdateExpression':'SET n.x = :n','ExpressionAttributeValues':{':n':{'N':'1'}}}`},
	{"UpdateItem, returning", "UpdateItem", `{'TableName':'pool','Key':KEY,'UpdateExpression':'SET x = n','ReturnValues':'UPDATED_NEW'}`},
	{"DeleteItem, conditional", "DeleteItem", `{'TableName':'pool','Key':KEY,'ConditionExpression':'v = :v','ExpressionAttributeValues':{':v':{'S':'secret-TENANT'}}}`},
	{"check that is there", "TransactWriteItems", `{'TransactItems':[{'ConditionCheck':{'TableName':'pool','Key':KEY,'ConditionExpression':'attribute_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}}]}`},
	{"check that is not there", "TransactWriteItems", `{'TransactItems':[{'ConditionCheck':{'TableName':'pool','Key':KEY,'ConditionExpression':'attribute_not_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}}]}`},
	{"check of a size", "TransactWriteItems", `{'TransactItems':[{'ConditionCheck':{'TableName':'pool','Key':KEY,'ConditionExpression':'size(v) > :n','ExpressionAttributeValues':{':n':{'N':'3'}},'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}},{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#2'},'sk':{'S':'s'}}}}]}`},
	{"write among own", "TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#2'},'sk':{'S':'s'}}}},{'Delete':{'TableName':'pool','Key':KEY,'ConditionExpression':'attribute_exists(pk)'}}]}`},
	{"get among own", "TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'pool','Key':OWNKEY}},{'Get':{'TableName':'pool','Key':KEY}}]}`},
	{"Query with a filter", "Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','FilterExpression':'v = :v','ExpressionAttributeValues':{':p':{'S':'PK'},':v':{'S':'secret-TENANT'}}}`},
	{"Query, count", "Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','Select':'COUNT','ExpressionAttributeValues':{':p':{'S':'PK'}}}`},
	{"Query after a key", "Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','Limit':1,'ExclusiveStartKey':{'pk':{'S':'PK'},'sk':{'S':'a'}},'ExpressionAttributeValues':{':p':{'S':'PK'}}}`},
	{"Query of an index after a key", "Query", `{'TableName':'pool','IndexName':'by-kind','Limit':1,'KeyConditionExpression':'kind = :k','ExclusiveStartKey':{'pk':{'S':'PK'},'sk':{'S':'a'},'kind':{'S':'KIND'}},'ExpressionAttributeValues':{':k':{'S':'KIND'}}}`},
	{"Scan after a key", "Scan", `{'TableName':'pool','Limit':9,'ExclusiveStartKey':KEY}`},
	{"Scan with a filter", "Scan", `{'TableName':'pool','FilterExpression':'v = :v','ExpressionAttributeValues':{':v':{'S':'secret-TENANT'}}}`},
	{"EXISTS, returning", "ExecuteTransaction", `{'TransactStatements':[{'Statement':'EXISTS(SELECT * FROM pool WHERE pk = ? AND sk = ? AND v = ?)','Parameters':[{'S':'PK'},{'S':'s'},{'S':'other'}],'ReturnValuesOnConditionCheckFailure':'ALL_OLD'},{'Statement':'INSERT INTO pool VALUE {\"pk\": ?, \"sk\": ?}','Parameters':[{'S':'acme#2'},{'S':'seen'}]}]}`},
}

// What is answered about the rows of another tenant is the same whether there are any: outputs, errors, counts and capacity. The
// other tenant of the second table is one that has nothing.
func TestAnswersTellNotWhatOthersHave(t *testing.T) {
	t.Parallel()
	type attempt struct{ name, op, input string }
	var all []attempt
	for _, a := range attempts {
		if strings.Contains(a.input, "KEY") || strings.Contains(a.input, "ITEM") || strings.Contains(a.input, "PK") || strings.Contains(a.input, "KIND") || strings.Contains(a.input, "TENANT") {
			all = append(all, attempt{a.name, a.op, a.input})
		}
	}
	for _, o := range oracles {
		all = append(all, attempt{o.name, o.op, o.input})
	}
	for _, guard := range []string{"deny", "filter", "deny+index", "filter+index"} {
		for _, more := range []string{"", sealTag1} {
			for _, a := range all {
				if more != "" && a.name == "Scan after a key" {
					continue // the order of partitions is another one in each sealed table
				}
				input := strings.TrimSuffix(a.input, "}") + `,'ReturnConsumedCapacity':'INDEXES'}`
				ask := func(drop bool) string {
					e := pooledIn(newEnv(t), guard, more)
					if drop {
						e.must(root(), "DeleteItem", about(`{'TableName':'pool','Key':KEY}`, "globex"))
					} else if more != "" {
						e.keys.set(t, "alias/customer-globex", "disabled")
					}
					return e.result(e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`)), a.op, about(input, "globex"))
				}
				if with, without := ask(false), ask(true); with != without {
					t.Errorf("%s (%s%s):\nwith rows    %s\nwithout them %s", a.name, guard, fmt.Sprintf(" %.20s", more), with, without)
				}
			}
		}
	}
}

package dynamodb

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
)

// Under an owner rule for an index's keys, no session of a tenant puts a row of its own among another tenant's, whichever
// operation it tries. A row that an operator has put there it may take away.
func TestIndexOwners(t *testing.T) {
	t.Parallel()
	writes := map[string]string{
		"PutItem":                         `{'TableName':'pool','Item':{'pk':{'S':'acme#9'},'sk':{'S':'s'},'kind':{'S':'KIND'}}}`,
		"UpdateItem":                      `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'s'}},'UpdateExpression':'SET kind = :k','ExpressionAttributeValues':{':k':{'S':'KIND'}}}`,
		"UpdateItem by if_not_exists":     `{'TableName':'pool','Key':{'pk':{'S':'acme#9'},'sk':{'S':'s'}},'UpdateExpression':'SET kind = if_not_exists(kind, :k)','ExpressionAttributeValues':{':k':{'S':'KIND'}}}`,
		"UpdateItem of another attribute": `{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'s'}},'UpdateExpression':'SET kind = wanted','ConditionExpression':'wanted = :k','ExpressionAttributeValues':{':k':{'S':'KIND'}}}`,
		"UpdateItem, AttributeUpdates":    `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'s'}},'AttributeUpdates':{'kind':{'Value':{'S':'KIND'}}}}`,
		"BatchWriteItem":                  `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'acme#9'},'sk':{'S':'s'},'kind':{'S':'KIND'}}}}]}}`,
		"TransactWriteItems":              `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#9'},'sk':{'S':'s'},'kind':{'S':'KIND'}}}}]}`,
		"TransactWriteItems updating":     `{'TransactItems':[{'Update':{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'s'}},'UpdateExpression':'SET kind = :k','ExpressionAttributeValues':{':k':{'S':'KIND'}}}}]}`,
		"ExecuteStatement inserting":      `{'Statement':'INSERT INTO pool VALUE {\"pk\": ?, \"sk\": ?, \"kind\": ?}','Parameters':[{'S':'acme#9'},{'S':'s'},{'S':'KIND'}]}`,
		"ExecuteStatement":                `{'Statement':'UPDATE pool SET kind = ? WHERE pk = ? AND sk = ?','Parameters':[{'S':'KIND'},{'S':'acme#1'},{'S':'s'}]}`,
		"BatchExecuteStatement":           `{'Statements':[{'Statement':'UPDATE pool SET kind = ? WHERE pk = ? AND sk = ?','Parameters':[{'S':'KIND'},{'S':'acme#1'},{'S':'s'}]}]}`,
		"ExecuteTransaction":              `{'TransactStatements':[{'Statement':'UPDATE pool SET kind = ? WHERE pk = ? AND sk = ?','Parameters':[{'S':'KIND'},{'S':'acme#1'},{'S':'s'}]}]}`,
	}
	for name, input := range writes {
		tryIndexOwner(t, name, input, func(t *testing.T) *env { t.Helper(); return pooled(t, "deny+index") })
		if strings.Contains(input, "Statement") {
			continue // PartiQL is refused on tables of an outside engine
		}
		tryIndexOwner(t, name+", outside", input, func(t *testing.T) *env {
			t.Helper()
			far, _ := newFarEnv(t)
			return pooledIn(far, "deny+index", "")
		})
		tryIndexOwner(t, name+", outside and sealed", input, func(t *testing.T) *env {
			t.Helper()
			far, _ := newFarEnv(t)
			return pooledIn(far, "deny+index", sealTag1)
		})
	}
}

func tryIndexOwner(t *testing.T, name, input string, open func(*testing.T) *env) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		e := open(t)
		for _, kind := range []string{"kind-globex", "kind-acme"} {
			e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#3'},'sk':{'S':'s'},'wanted':{'S':'`+kind+`'}}}`)
			who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
			op, _, _ := strings.Cut(name, " ")
			op = strings.TrimSuffix(op, ",")
			_, err := e.op(who, op, strings.ReplaceAll(input, "KIND", kind))
			if foreign := kind != "kind-acme"; foreign != errors.Is(err, authz.ErrForeignRow) || !foreign && err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if got := e.must(root(), "Query", `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'kind-globex'}},'Select':'COUNT'}`); get(t, got, "Count").(float64) != 1 {
			t.Errorf("the other's partition: %s", got)
		}
		e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#4'},'sk':{'S':'s'},'kind':{'S':'kind-globex'}}}`)
		e.must(e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`)), "UpdateItem",
			`{'TableName':'pool','Key':{'pk':{'S':'acme#4'},'sk':{'S':'s'}},'UpdateExpression':'REMOVE kind'}`)
	})
}

// An index may have an owner rule before it exists; it holds from the moment that it does.
func TestIndexOwnersOfALaterIndex(t *testing.T) {
	t.Parallel()
	e := pooled(t, "deny")
	e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:index-owner-key','Value':'by-v=${tenant}'}]}`)
	const put = `{'TableName':'pool','Item':{'pk':{'S':'acme#9'},'sk':{'S':'s'},'v':{'S':'globex'}}}`
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	e.must(who, "PutItem", put)
	e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#9'},'sk':{'S':'s'}}}`)
	e.must(root(), "UpdateTable", `{'TableName':'pool','AttributeDefinitions':[{'AttributeName':'v','AttributeType':'S'}],
	 'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'by-v','KeySchema':[{'AttributeName':'v','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`)
	if _, err := e.op(who, "PutItem", put); !errors.Is(err, authz.ErrForeignRow) {
		t.Errorf("got %v", err)
	}
	e.must(who, "PutItem", strings.Replace(put, "'globex'", "'acme'", 1))
}

func TestIndexOwnerTags(t *testing.T) {
	t.Parallel()
	e := pooled(t, "deny")
	for value, want := range map[string]string{
		"${tenant}#*":            "must hold an index, = and a pattern",
		"by-kind=x":              "must hold ${tenant} once",
		"by-kind=${tenant}*":     "may be part of a tenant id",
		" ":                      "is empty",
		"by-kind=*${tenant}":     "may only end a pattern",
		"x=${tenant} =${tenant}": "must hold an index",
	} {
		got := e.result(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:index-owner-key','Value':'`+value+`'}]}`)
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s", value, got)
		}
	}
	if got := e.result(root(), "UntagResource", `{'ResourceArn':'`+poolARN+`','TagKeys':['bulkhead:owner-key']}`); !strings.Contains(got, "needs the tag") {
		t.Errorf("the index rule stays without the other: %s", got)
	}
	e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:index-owner-key','Value':'by-kind=${tenant} by-kind=k#${tenant}#* later=${tenant}'}]}`)
}

// The names of placeholders are the caller's to choose: none means one thing here, where an update is judged, and another to the
// engine that performs it.
func TestPlaceholdersOfWatchedUpdates(t *testing.T) {
	t.Parallel()
	for name, input := range map[string]string{
		"a name":  `'UpdateExpression':'SET #bulkhead_w0 = :v','ExpressionAttributeNames':{'#bulkhead_w0':'note'},'ExpressionAttributeValues':{':v':{'S':'kind-globex'}}`,
		"a value": `'UpdateExpression':'SET kind = :bulkhead_w1, wanted = wanted','ExpressionAttributeValues':{':bulkhead_w1':{'S':'kind-acme'}}`,
		"a condition": `'UpdateExpression':'SET note = :v','ConditionExpression':'#bulkhead_w0 = :bulkhead_w0',
			'ExpressionAttributeNames':{'#bulkhead_w0':'sk'},'ExpressionAttributeValues':{':v':{'S':'x'},':bulkhead_w0':{'S':'s'}}`,
	} {
		far, _ := newFarEnv(t)
		e := pooledIn(far, "deny+index", "")
		e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#3'},'sk':{'S':'s'},'kind':{'S':'kind-acme'},'wanted':{'S':'kind-globex'}}}`)
		who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
		e.must(who, "UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'s'}},`+input+`}`)
		got := e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'s'}}}`)
		if !strings.Contains(got, `"kind":{"S":"kind-acme"}`) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

package dynamodb

import (
	"strings"
	"testing"
)

const (
	blindTable = `{'TableName':'rows','BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},{'AttributeName':'sk','AttributeType':'S'}],
	 'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}]`
	blindTags = `,'Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}#*'},{'Key':'bulkhead:seal-key','Value':'alias/customer-${tenant}'}]}`
)

// putting are the ways to put a row, with ITEM for it.
var putting = map[string]string{
	"PutItem":            `{'TableName':'rows','Item':ITEM}`,
	"BatchWriteItem":     `{'RequestItems':{'rows':[{'PutRequest':{'Item':ITEM}}]}}`,
	"TransactWriteItems": `{'TransactItems':[{'Put':{'TableName':'rows','Item':ITEM}}]}`,
}

// Sealed rows are put without being read. What is asked of them is answered as it is of rows that are read, and follows when the table
// gets a stream, an index or a limit.
func TestRowsThatAreNotRead(t *testing.T) {
	t.Parallel()
	item := `{'pk':{'S':'acme#1'},'sk':{'S':'PLACE'},'kind':{'S':'KIND'},'v':{'S':'VALUE'}}`
	steps := []struct{ op, input string }{
		{"PutItem", `{'TableName':'rows','Item':LARGE}`},
		{"PutItem", `{'TableName':'rows','Item':ITEM}`},
		{"PutItem", `{'TableName':'rows','Item':LARGE,'ReturnValues':'ALL_OLD'}`},
		{"PutItem", `{'TableName':'rows','Item':ITEM,'ReturnConsumedCapacity':'TOTAL'}`},
		{"PutItem", `{'TableName':'rows','Item':ITEM,'ConditionExpression':'attribute_not_exists(pk)'}`},
		{"PutItem", `{'TableName':'rows','Item':ITEM,'ReturnValues':'NONE','ReturnConsumedCapacity':'NONE'}`},
		{"BatchWriteItem", `{'RequestItems':{'rows':[{'PutRequest':{'Item':LARGE}},{'PutRequest':{'Item':OTHER}}]}}`},
		{"BatchWriteItem", `{'RequestItems':{'rows':[{'PutRequest':{'Item':ITEM}},{'DeleteRequest':{'Key':{'pk':{'S':'acme#1'},'sk':{'S':'b'}}}}]},'ReturnConsumedCapacity':'TOTAL'}`},
		{"BatchWriteItem", `{'RequestItems':{'rows':[{'PutRequest':{'Item':ITEM}},{'PutRequest':{'Item':ITEM}}]}}`},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'rows','Item':LARGE}},{'Put':{'TableName':'rows','Item':OTHER}}]}`},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'rows','Item':ITEM}},{'Put':{'TableName':'rows','Item':OTHER,'ConditionExpression':'v = :gone','ExpressionAttributeValues':{':gone':{'S':'gone'}}}}]}`},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'rows','Item':ITEM}}],'ReturnConsumedCapacity':'TOTAL'}`},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'rows','Item':ITEM}},{'Put':{'TableName':'rows','Item':ITEM}}]}`},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'rows','Item':LARGE}}],'ClientRequestToken':'once'}`},
		{"PutItem", `{'TableName':'rows','Item':ITEM}`},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'rows','Item':LARGE}}],'ClientRequestToken':'once','ReturnConsumedCapacity':'TOTAL'}`},
		{"GetItem", `{'TableName':'rows','Key':{'pk':{'S':'acme#1'},'sk':{'S':'a'}}}`},
		// From here on the table has a stream, and then an index.
		{"UpdateTable", `{'TableName':'rows','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_AND_OLD_IMAGES'}}`},
		{"PutItem", `{'TableName':'rows','Item':OTHER}`},
		{"BatchWriteItem", `{'RequestItems':{'rows':[{'PutRequest':{'Item':ITEM}}]}}`},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'rows','Item':MOVED}}]}`},
		{"UpdateTable", `{'TableName':'rows','AttributeDefinitions':[{'AttributeName':'kind','AttributeType':'S'}],
		 'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'by-kind','KeySchema':[{'AttributeName':'kind','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`},
		{"PutItem", `{'TableName':'rows','Item':ITEM}`},
		{"Query", `{'TableName':'rows','IndexName':'by-kind','Select':'COUNT','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'k'}}}`},
		{"BatchWriteItem", `{'RequestItems':{'rows':[{'PutRequest':{'Item':MOVED}}]}}`},
		{"Query", `{'TableName':'rows','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'k'}}}`},
	}
	row := func(place, kind, value string) string {
		return strings.NewReplacer("PLACE", place, "KIND", kind, "VALUE", value).Replace(item)
	}
	fill := strings.NewReplacer("ITEM", row("a", "k", "small"), "LARGE", row("a", "k", strings.Repeat("x", 5000)),
		"OTHER", row("b", "k", "other"), "MOVED", row("a", "moved", "m"))
	sealed, plain := newEnv(t), newEnv(t)
	sealed.must(root(), "CreateTable", blindTable+blindTags)
	plain.must(root(), "CreateTable", blindTable+`}`)
	for _, s := range steps {
		in := fill.Replace(s.input)
		got, want := sealed.result(root(), s.op, in), plain.result(root(), s.op, in)
		if s.op == "UpdateTable" {
			sealed.work()
			plain.work()
			continue
		}
		if got != want {
			t.Errorf("%s %.200s\nof sealed rows: %.300s\nof plain ones: %.300s", s.op, s.input, got, want)
		}
	}
	if got, want := changesOf(t, sealed), changesOf(t, plain); got != want || !strings.Contains(want, "MODIFY") {
		t.Errorf("the stream of sealed rows is\n%s\nof plain ones\n%s", got, want)
	}
}

func changesOf(t *testing.T, e *env) string {
	t.Helper()
	arn, _ := get(t, e.must(root(), "DescribeTable", `{'TableName':'rows'}`), "Table", "LatestStreamArn").(string)
	return sorted(e.records(t, root(), arn, "TRIM_HORIZON"))
}

// A row that is not read is guarded all the same, whatever the policies say, and needs its tenant's key.
func TestRowsThatAreNotReadAreGuarded(t *testing.T) {
	t.Parallel()
	for _, guard := range []string{"", `{'Key':'bulkhead:guard','Value':'filter'},`} {
		e := newEnv(t)
		e.must(root(), "CreateTable", blindTable+strings.Replace(blindTags, "[", "["+guard, 1))
		e.must(root(), "PutItem", `{'TableName':'rows','Item':{'pk':{'S':'acme#1'},'sk':{'S':'a'},'v':{'S':'acme-own'}}}`)
		other := e.user(account, "globex", nil, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}]}`)
		for op, in := range putting {
			theirs := strings.ReplaceAll(in, "ITEM", `{'pk':{'S':'acme#1'},'sk':{'S':'a'},'v':{'S':'stolen'}}`)
			if got := e.result(other, op, theirs); got != "denied by guard" {
				t.Errorf("%s of another's row: %s", op, got)
			}
			own := strings.ReplaceAll(in, "ITEM", `{'pk':{'S':'globex#1'},'sk':{'S':'a'}}`)
			if _, err := e.op(other, op, own); err != nil {
				t.Errorf("%s of its own row: %v", op, err)
			}
			e.keys.set(t, "alias/customer-globex", "disabled")
			if got := e.result(other, op, own); got != unreadable+"disabled" {
				t.Errorf("%s without the key: %s", op, got)
			}
			e.keys.set(t, "alias/customer-globex", "")
		}
		if got := e.must(root(), "GetItem", `{'TableName':'rows','Key':{'pk':{'S':'acme#1'},'sk':{'S':'a'}}}`); !strings.Contains(got, "acme-own") {
			t.Errorf("another's row is now %s", got)
		}
	}
}

// A tenant's share of a table is charged for what a put replaces.
func TestRowsAreReadUnderALimit(t *testing.T) {
	t.Parallel()
	large := `{'pk':{'S':'acme#1'},'sk':{'S':'a'},'v':{'S':'` + strings.Repeat("x", 300_000) + `'}}`
	who := func(e *env) caller {
		return e.user(account, "acme", nil, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}]}`)
	}
	for op, in := range putting {
		e := newEnv(t)
		e.must(root(), "CreateTable", blindTable+strings.Replace(blindTags, "[", "[{'Key':'bulkhead:tenant-capacity','Value':'0/1'},", 1))
		e.must(root(), "PutItem", `{'TableName':'rows','Item':`+large+`}`)
		small := strings.ReplaceAll(in, "ITEM", `{'pk':{'S':'acme#1'},'sk':{'S':'a'}}`)
		n := 0
		for ; n < 20; n++ {
			if n > 0 {
				e.must(root(), "PutItem", `{'TableName':'rows','Item':`+large+`}`)
			}
			if _, err := e.op(who(e), op, small); err != nil {
				break
			}
		}
		if n == 0 || n > 2 { // 300 units are saved up, and each costs some 293 or twice that
			t.Errorf("%s is refused after %d", op, n)
		}
	}
}

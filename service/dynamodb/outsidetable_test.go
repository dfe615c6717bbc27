package dynamodb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/tableengine"
)

const plain = `{'TableName':'%s','BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}]%s}`

func adopting(name string) string {
	return `,'Tags':[{'Key':'bulkhead:outside-table','Value':'` + name + `'},{'Key':'bulkhead:owner-key','Value':'${tenant}#*'}]`
}

func TestOutsideTables(t *testing.T) {
	t.Parallel()
	e, engine := newFarEnv(t)
	e.must(root(), "CreateTable", fmt.Sprintf(plain, "orders", ""))
	if got := engine.must(root(), "ListTables", `{}`); !strings.Contains(got, `"`+account+"."+region+`.orders"`) {
		t.Fatal(got)
	}
	if got := e.result(root(), "CreateTable", fmt.Sprintf(plain, "orders", "")); got != "ResourceInUseException: Table already exists: orders" {
		t.Error(got)
	}
	e.must(root(), "PutItem", `{'TableName':'orders','Item':{'pk':{'S':'a'}}}`)
	if got := e.must(root(), "DescribeTable", `{'TableName':'orders'}`); strings.Contains(got, account+"."+region) || !strings.Contains(got, `"TableStatus":"ACTIVE"`) {
		t.Error(got)
	}
	for op, input := range map[string]string{
		"UpdateContinuousBackups": `{'TableName':'orders','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`,
		"CreateBackup":            `{'TableName':'orders','BackupName':'one'}`,
		"UpdateTable":             `{'TableName':'orders','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_IMAGE'}}`,
	} {
		if _, err := e.op(root(), op, input); !errors.Is(err, errOutside) {
			t.Errorf("%s: %v", op, err)
		}
	}
	e.must(root(), "UpdateTable", `{'TableName':'orders','DeletionProtectionEnabled':true}`)
	if got := e.result(root(), "DeleteTable", `{'TableName':'orders'}`); !strings.Contains(got, "protected against deletion") {
		t.Error(got)
	}
	e.must(root(), "UpdateTable", `{'TableName':'orders','DeletionProtectionEnabled':false}`)
	e.must(root(), "DeleteTable", `{'TableName':'orders'}`)
	if got := engine.must(root(), "ListTables", `{}`); strings.Contains(got, "orders") {
		t.Errorf("the engine still has it: %s", got)
	}
	e.s.engine = nil
	e.must(root(), "CreateTable", fmt.Sprintf(plain, "orders", "")) // its name and place are free again
}

// What a failure left between the engine and the record is taken up, unless it has rows.
func TestOutsideTablesAfterAFailure(t *testing.T) {
	t.Parallel()
	e, engine := newFarEnv(t)
	left := account + "." + region + ".orders"
	engine.must(root(), "CreateTable", fmt.Sprintf(plain, left, ""))
	engine.must(root(), "PutItem", `{'TableName':'`+left+`','Item':{'pk':{'S':'somebody'}}}`)
	if got := e.result(root(), "CreateTable", fmt.Sprintf(plain, "orders", "")); !strings.HasPrefix(got, "ResourceInUseException") {
		t.Error(got)
	}
	engine.must(root(), "DeleteItem", `{'TableName':'`+left+`','Key':{'pk':{'S':'somebody'}}}`)
	e.must(root(), "CreateTable", fmt.Sprintf(plain, "orders", ""))
	engine.must(root(), "DeleteTable", `{'TableName':'`+left+`'}`)
	if got := e.result(root(), "GetItem", `{'TableName':'orders','Key':{'pk':{'S':'a'}}}`); !strings.HasPrefix(got, "ResourceNotFoundException") {
		t.Error(got)
	}
	e.must(root(), "DeleteTable", `{'TableName':'orders'}`)
}

func TestOutsideTablesAreAdopted(t *testing.T) {
	t.Parallel()
	e, engine := newFarEnv(t)
	engine.must(root(), "CreateTable", fmt.Sprintf(plain, "legacy", ""))
	engine.must(root(), "PutItem", `{'TableName':'legacy','Item':{'pk':{'S':'acme#1'}}}`)
	engine.must(root(), "PutItem", `{'TableName':'legacy','Item':{'pk':{'S':'globex#1'}}}`)
	for name, who := range map[string]caller{
		"a tenant":        e.user(account, "acme", nil, quoted(wide)),
		"another account": e.user(other, "", nil, quoted(wide)),
	} {
		if got := e.result(who, "CreateTable", fmt.Sprintf(plain, "mine", adopting("legacy"))); !strings.HasPrefix(got, "AccessDenied: ") {
			t.Errorf("%s adopts: %s", name, got)
		}
	}
	for there, want := range map[string]string{
		"none":                           "the outside engine has no table",
		other + "." + region + ".orders": "no name of a table that can be adopted",
	} {
		if got := e.result(root(), "CreateTable", fmt.Sprintf(plain, "mine", adopting(there))); !strings.Contains(got, want) {
			t.Errorf("%s: %s", there, got)
		}
	}
	if got := e.result(root(), "CreateTable", strings.ReplaceAll(fmt.Sprintf(plain, "mine", adopting("legacy")), "'AttributeName':'pk'", "'AttributeName':'id'")); !strings.Contains(got, "other keys or indexes") {
		t.Error(got)
	}
	sealing := strings.Replace(adopting("legacy"), "[", "["+sealTag1, 1)
	if got := e.result(root(), "CreateTable", fmt.Sprintf(plain, "mine", sealing)); !strings.Contains(got, "rows that are not sealed") {
		t.Error(got)
	}
	e.must(root(), "CreateTable", fmt.Sprintf(plain, "mine", adopting("legacy")))
	if got := e.result(root(), "CreateTable", fmt.Sprintf(plain, "twice", adopting("legacy"))); !strings.HasPrefix(got, "ResourceInUseException") {
		t.Errorf("one table with two owner rules: %s", got)
	}
	who := e.user(account, "acme", nil, quoted(wide))
	if got := e.result(who, "Scan", `{'TableName':'mine'}`); strings.Contains(got, "globex") {
		t.Error(got)
	}
	if got := e.must(who, "GetItem", `{'TableName':'mine','Key':{'pk':{'S':'acme#1'}}}`); !strings.Contains(got, "acme#1") {
		t.Error(got)
	}
	if got := e.result(root(), "UntagResource", `{'ResourceArn':'arn:aws:dynamodb:`+region+`:`+account+`:table/mine','TagKeys':['bulkhead:outside-table']}`); !strings.Contains(got, "and stays") {
		t.Error(got)
	}
	e.must(root(), "DeleteTable", `{'TableName':'mine'}`)
	if got := engine.must(root(), "Scan", `{'TableName':'legacy'}`); !strings.Contains(got, "globex#1") {
		t.Errorf("an adopted table is gone: %s", got)
	}
	e.must(root(), "CreateTable", fmt.Sprintf(plain, "again", adopting("legacy")))
}

// What an engine says of itself stays in the log; what it says of the request names no table of its own.
func TestOutsideErrors(t *testing.T) {
	t.Parallel()
	e, engine := newFarEnv(t)
	e.must(root(), "CreateTable", fmt.Sprintf(plain, "orders", ""))
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"down":        {fmt.Errorf("%w: dial 10.1.2.3", tableengine.ErrUnavailable), "Unavailable: The table's engine cannot be used now."},
		"credentials": {&tableengine.Error{Status: 400, Code: "UnrecognizedClientException", Message: "AKIDENGINE is unknown"}, "Unavailable: The table's engine cannot be used now."},
		"policy":      {&tableengine.Error{Status: 400, Code: "AccessDeniedException", Message: "arn:aws:iam::999999999999:role/engine"}, "Unavailable: The table's engine cannot be used now."},
		"throttled":   {&tableengine.Error{Status: 400, Code: "ThrottlingException", Message: "engine shard 7"}, "ThrottlingException: Rate of requests exceeds the allowed throughput."},
		"validation": {&tableengine.Error{Status: 400, Code: "ValidationException", Message: "table " + account + "." + region + ".orders: bad"},
			"Validation: table orders: bad"},
	} {
		engine.before = func(string, []byte) error { return test.err }
		for op, input := range map[string]string{
			"GetItem": `{'TableName':'orders','Key':{'pk':{'S':'a'}}}`, "PutItem": `{'TableName':'orders','Item':{'pk':{'S':'a'}}}`,
			"Scan": `{'TableName':'orders'}`, "TransactWriteItems": `{'TransactItems':[{'Put':{'TableName':'orders','Item':{'pk':{'S':'a'}}}}]}`,
		} {
			if got := e.result(root(), op, input); got != test.want {
				t.Errorf("%s, %s: %s", name, op, got)
			}
		}
	}
}

// A token of a sealed transaction whose outcome is not known is not used again.
func TestOutsideTokens(t *testing.T) {
	t.Parallel()
	e, engine := sealedFar(t)
	add := func(token string) string {
		return `{'TransactItems':[{'Update':{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}},'UpdateExpression':'ADD n :n','ExpressionAttributeValues':{':n':{'N':'1'}}}}],'ClientRequestToken':'` + token + `'}`
	}
	e.must(root(), "TransactWriteItems", add("one"))
	e.must(root(), "TransactWriteItems", add("one"))
	engine.before = func(operation string, _ []byte) error {
		if operation == "TransactWriteItems" {
			return tableengine.ErrUnavailable
		}
		return nil
	}
	if _, err := e.op(root(), "TransactWriteItems", add("two")); !fault.IsClass(err, fault.Unavailable) {
		t.Error(err)
	}
	engine.before = nil
	if got := e.result(root(), "TransactWriteItems", add("two")); !strings.HasPrefix(got, "TransactionInProgressException") {
		t.Error(got)
	}
	if got := e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}},'ProjectionExpression':'n'}`); got != `{"Item":{"n":{"N":"2"}}}` {
		t.Error(got)
	}
	// One that was refused leaves no trace of its token.
	const fails = `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}},'ConditionExpression':'attribute_not_exists(pk)'}}],'ClientRequestToken':'three'}`
	for range 2 {
		if got := e.result(root(), "TransactWriteItems", fails); !strings.HasPrefix(got, "TransactionCanceledException") {
			t.Error(got)
		}
	}
}

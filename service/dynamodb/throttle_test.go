package dynamodb

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	overTable = "ProvisionedThroughputExceededException: The level of configured provisioned throughput for the table was exceeded. " +
		"Consider increasing your provisioning level with the UpdateTable API."
	overIndex = "ProvisionedThroughputExceededException: The level of configured provisioned throughput for one or more global secondary " +
		"indexes of the table was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary " +
		"indexes with the UpdateTable API"
	overMaximum = "ThrottlingException: Throughput exceeds the maximum OnDemandThroughput configured on table or index"
	overShare   = "ThrottlingException: Throughput exceeds the share of the tenant in the table"
)

// enforced makes a table with a capacity of so many units, and an index with others.
func enforced(t *testing.T, read, write, indexRead, indexWrite int) *env {
	t.Helper()
	e := newEnv(t)
	e.s.enforce = true
	capacity := func(r, w int) string {
		return fmt.Sprintf(`'ProvisionedThroughput':{'ReadCapacityUnits':%d,'WriteCapacityUnits':%d}`, r, w)
	}
	table := strings.Replace(pool, `'BillingMode':'PAY_PER_REQUEST'`, capacity(read, write), 1)
	table = strings.Replace(table, `{'ProjectionType':'ALL'}`, `{'ProjectionType':'ALL'},`+capacity(indexRead, indexWrite), 1)
	e.must(root(), "CreateTable", fmt.Sprintf(table, ""))
	return e
}

// until repeats an operation until it does not succeed, and returns how often it did and what it answered then.
func (e *env) until(who caller, op, input string) (int, string) {
	e.t.Helper()
	for n := range 2000 {
		if out, err := e.op(who, op, input); err != nil || strings.Contains(out, `"Error"`) {
			return n, e.result(who, op, input)
		}
	}
	e.t.Fatalf("%s is never refused", op)
	return 0, ""
}

const (
	putOne = `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}}}`
	getOne = `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}},'ConsistentRead':true}`
	byKind = `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'x'}}}`
)

// Capacity that was not used for five minutes is there at once; then it comes as it is provisioned.
func TestThroughputOfATable(t *testing.T) {
	t.Parallel()
	e := enforced(t, 1, 2, 5, 5)
	for _, tc := range []struct {
		name, op, input string
		after           time.Duration
		want            int
	}{
		{"writes at first", "PutItem", putOne, 0, 600},
		{"writes after a second", "PutItem", putOne, time.Second, 2},
		{"writes by statements", "ExecuteStatement", `{'Statement':'DELETE FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'a'},{'S':'s'}]}`, 10 * time.Second, 20},
		{"writes that fail count", "UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}},'UpdateExpression':'SET a = :x','ExpressionAttributeValues':{':x':{'S':'x'}}}`, 5 * time.Second, 10},
		{"reads at first", "GetItem", getOne, 0, 300},
		{"eventual reads cost half", "GetItem", strings.Replace(getOne, "true", "false", 1), 3 * time.Second, 6},
		{"reads by statements", "ExecuteStatement", `{'Statement':'SELECT * FROM pool WHERE pk = ?','Parameters':[{'S':'a'}]}`, time.Second, 2},
		{"scans", "Scan", `{'TableName':'pool'}`, 2 * time.Second, 4},
		{"no more is kept than of five minutes", "PutItem", putOne, time.Hour, 600},
	} {
		e.now = e.now.Add(tc.after)
		n, got := e.until(root(), tc.op, tc.input)
		if n != tc.want || got != overTable {
			t.Errorf("%s: %d, want %d: %s", tc.name, n, tc.want, got)
		}
	}
	e.s.enforce = false
	e.must(root(), "PutItem", putOne)
}

// A request that costs much is let in while anything is left; the next ones wait until its debt is paid.
func TestThroughputDebt(t *testing.T) {
	t.Parallel()
	e := enforced(t, 1, 1, 1000, 1000)
	if n, _ := e.until(root(), "PutItem", putOne); n != 300 {
		t.Errorf("%d writes", n)
	}
	e.now = e.now.Add(time.Second)
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'big'},'v':{'S':'`+strings.Repeat("x", 100<<10)+`'}}}`)
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {98 * time.Second, false}, {3 * time.Second, true}} {
		e.now = e.now.Add(step.after)
		if got := e.result(root(), "PutItem", putOne); (got == "{}") != step.want {
			t.Errorf("after %v: %s", step.after, got)
		}
	}
}

func TestThroughputOfAnIndex(t *testing.T) {
	t.Parallel()
	e := enforced(t, 1000, 1000, 1, 1)
	put := strings.Replace(putOne, "'s'}}", "'s'},'kind':{'S':'x'}}", 1)
	e.must(root(), "PutItem", put)
	if n, got := e.until(root(), "Query", byKind); n != 600 || got != overIndex {
		t.Errorf("queries: %d: %s", n, got)
	}
	if got := e.exec(root(), `SELECT * FROM pool."by-kind" WHERE kind = 'x'`); got != overIndex {
		t.Errorf("a statement: %s", got)
	}
	e.must(root(), "GetItem", getOne)
	for i := range 150 { // 1 unit to begin with, 2 to move an entry
		e.must(root(), "PutItem", strings.Replace(put, "'x'", fmt.Sprintf("'%d'", i%2), 1))
	}
	if got := e.result(root(), "PutItem", put); got != overIndex {
		t.Errorf("writes: %s", got)
	}
}

func TestMaximumOnDemand(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.s.enforce = true
	e.makePool(`,'OnDemandThroughput':{'MaxReadRequestUnits':1,'MaxWriteRequestUnits':-1}`)
	for range 400 {
		e.must(root(), "PutItem", putOne)
	}
	if n, got := e.until(root(), "GetItem", getOne); n != 300 || got != overMaximum {
		t.Errorf("%d: %s", n, got)
	}
}

func TestThrottledBatches(t *testing.T) {
	t.Parallel()
	e := enforced(t, 1, 1, 1000, 1000)
	if n, _ := e.until(root(), "PutItem", putOne); n != 300 {
		t.Fatalf("%d writes", n)
	}
	if n, _ := e.until(root(), "GetItem", getOne); n != 300 {
		t.Fatalf("%d reads", n)
	}
	write := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{'PutRequest':{'Item':{'pk':{'S':'a'},'sk':{'S':'%d'}}}}`, i))
		}
		return `{'RequestItems':{'pool':[` + strings.Join(all, ",") + `]}}`
	}
	read := `{'RequestItems':{'pool':{'ConsistentRead':true,'Keys':[{'pk':{'S':'a'},'sk':{'S':'0'}},{'pk':{'S':'a'},'sk':{'S':'1'}},{'pk':{'S':'a'},'sk':{'S':'s'}}]}}}`
	const statement = `{'Statement':'INSERT INTO pool VALUE {\"pk\": ?, \"sk\": ?}','Parameters':[{'S':'b'},{'S':'%d'}]}`
	statements := fmt.Sprintf(statement+","+statement, 1, 2)
	if got := e.result(root(), "BatchWriteItem", write(5)); got != overTable {
		t.Errorf("writes: %s", got)
	}
	if got := e.result(root(), "BatchGetItem", read); got != overTable {
		t.Errorf("reads: %s", got)
	}
	if got := e.result(root(), "TransactWriteItems", `{'TransactItems':[{'Put':`+putOne+`}]}`); !strings.Contains(got, "[ProvisionedThroughputExceeded]") {
		t.Errorf("transaction: %s", got)
	}
	if got := e.result(root(), "TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'0'}}}}]}`); !strings.Contains(got, "[ProvisionedThroughputExceeded]") {
		t.Errorf("reading transaction: %s", got)
	}
	if got := e.result(root(), "ExecuteTransaction", `{'TransactStatements':[`+statements+`]}`); !strings.Contains(got, "[ProvisionedThroughputExceeded, ProvisionedThroughputExceeded]") {
		t.Errorf("transaction of statements: %s", got)
	}
	e.now = e.now.Add(2 * time.Second)
	out := e.must(root(), "BatchWriteItem", write(5))
	if left := get(t, out, "UnprocessedItems", "pool").([]any); len(left) != 3 {
		t.Errorf("unprocessed: %s", out)
	}
	out = e.must(root(), "BatchGetItem", read)
	left := get(t, out, "UnprocessedKeys", "pool", "Keys").([]any)
	if found := get(t, out, "Responses", "pool").([]any); len(found) != 2 || len(left) != 1 {
		t.Errorf("unprocessed: %s", out)
	}
	e.now = e.now.Add(time.Second)
	out = e.must(root(), "BatchExecuteStatement", `{'Statements':[`+statements+`]}`)
	if !strings.Contains(out, `[{"TableName":"pool"},{"Error":{"Code":"ProvisionedThroughputExceeded"`) {
		t.Errorf("statements: %s", out)
	}
}

// One tenant of a table that uses up its share leaves the others theirs, whether or not throughput is enforced otherwise.
func TestTenantShares(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(`,'Tags':[{'Key':'bulkhead:tenant-capacity','Value':'2/1'},{'Key':'bulkhead:owner-key','Value':'${tenant}#*'}]`)
	policy := strings.ReplaceAll(wide, "'", `"`)
	put := func(of string) string { return strings.Replace(putOne, "'a'", "'"+of+"#1'", 1) }
	acme, globex := e.user(account, "acme", nil, policy), e.user(account, "globex", nil, policy)
	if n, got := e.until(acme, "PutItem", put("acme")); n != 300 || got != overShare {
		t.Errorf("acme: %d: %s", n, got)
	}
	if got := e.result(acme, "TransactWriteItems", `{'TransactItems':[{'Put':`+put("acme")+`}]}`); !strings.Contains(got, "[ThrottlingError]") {
		t.Errorf("acme's transaction: %s", got)
	}
	if n, got := e.until(acme, "Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`); n != 1200 || got != overShare {
		t.Errorf("acme's reads: %d: %s", n, got)
	}
	if n, got := e.until(globex, "PutItem", put("globex")); n != 300 || got != overShare {
		t.Errorf("globex: %d: %s", n, got)
	}
	for range 400 {
		e.must(root(), "PutItem", put("acme"))
	}
	e.now = e.now.Add(time.Second)
	if n, _ := e.until(acme, "PutItem", put("acme")); n != 1 {
		t.Errorf("acme a second later: %d", n)
	}
	for _, bad := range []string{"", "1", "x/1", "1/2/3", "-1/1", "1.5/2"} {
		got := e.result(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:tenant-capacity','Value':'`+bad+`'}]}`)
		if !strings.Contains(got, "capacity units a second") {
			t.Errorf("%q: %s", bad, got)
		}
	}
	if got := e.result(acme, "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:tenant-capacity','Value':'999/999'}]}`); got != errGuard.Error() {
		t.Errorf("a tenant gives itself more: %s", got)
	}
}

// What a tenant is refused for its share costs the table and its indexes nothing, so that the others do not wait for it; what it lets the
// guard walk does count.
func TestRefusedTenantsCostNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.s.enforce = true
	table := strings.Replace(pool, `'BillingMode':'PAY_PER_REQUEST'`, `'ProvisionedThroughput':{'ReadCapacityUnits':10,'WriteCapacityUnits':3}`, 1)
	table = strings.Replace(table, `{'ProjectionType':'ALL'}`, `{'ProjectionType':'ALL'},'ProvisionedThroughput':{'ReadCapacityUnits':10,'WriteCapacityUnits':3}`, 1)
	e.must(root(), "CreateTable", fmt.Sprintf(table, `,'Tags':[{'Key':'bulkhead:tenant-capacity','Value':'1/1'},{'Key':'bulkhead:owner-key','Value':'${tenant}#*'},{'Key':'bulkhead:guard','Value':'filter'}]`))
	policy := strings.ReplaceAll(wide, "'", `"`)
	put := func(of string) string { return strings.Replace(putOne, "'a'", "'"+of+"#1'", 1) }
	acme, globex := e.user(account, "acme", nil, policy), e.user(account, "globex", nil, policy)
	if n, got := e.until(acme, "PutItem", put("acme")); n != 300 || got != overShare {
		t.Errorf("acme: %d: %s", n, got)
	}
	for _, op := range []string{"PutItem", "BatchWriteItem", "TransactWriteItems", "ExecuteStatement"} {
		input := map[string]string{
			"PutItem": put("acme"), "BatchWriteItem": `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'acme#1'},'sk':{'S':'s'}}}}]}}`,
			"TransactWriteItems": `{'TransactItems':[{'Put':` + put("acme") + `}]}`,
			"ExecuteStatement":   `{'Statement':'DELETE FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'acme#1'},{'S':'s'}]}`,
		}[op]
		for range 200 {
			if got := e.result(acme, op, input); !strings.Contains(got, "hrottling") {
				t.Fatalf("%s: %s", op, got)
			}
		}
	}
	if n, got := e.until(globex, "PutItem", put("globex")); n != 300 || got != overShare {
		t.Errorf("globex: %d: %s", n, got)
	}
	// 300 units of reads are two pages that pause.
	e.s.db.LimitWalk(100)
	for i := range 20 {
		e.must(root(), "PutItem", strings.Replace(put("globex"), "'s'", fmt.Sprintf("'%d'", i), 1))
		e.now = e.now.Add(time.Second)
	}
	if n, got := e.until(acme, "Scan", `{'TableName':'pool','ConsistentRead':true}`); n > 2 || got != overShare {
		t.Errorf("%d scans: %s", n, got)
	}
}

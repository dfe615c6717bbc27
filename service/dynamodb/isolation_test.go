package dynamodb

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

// attempts are every way to reach a row, with KEY, ITEM and KIND for the row's key, a new item and its index key.
var attempts = []struct {
	name, op, input string
	write           bool
}{
	{"GetItem", "GetItem", `{'TableName':'pool','Key':KEY}`, false},
	{"GetItem by ARN", "GetItem", `{'TableName':'` + poolARN + `','Key':KEY}`, false},
	{"Query", "Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'PK'}}}`, false},
	{"Query, KeyConditions", "Query", `{'TableName':'pool','KeyConditions':{'pk':{'ComparisonOperator':'EQ','AttributeValueList':[{'S':'PK'}]}}}`, false},
	{"Query index", "Query", `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'KIND'}}}`, false},
	{"Query local index", "Query", `{'TableName':'pool','IndexName':'by-n','KeyConditionExpression':'pk = :p','Select':'ALL_ATTRIBUTES','ExpressionAttributeValues':{':p':{'S':'PK'}}}`, false},
	{"Scan", "Scan", `{'TableName':'pool'}`, false},
	{"Scan index", "Scan", `{'TableName':'pool','IndexName':'by-kind'}`, false},
	{"BatchGetItem", "BatchGetItem", `{'RequestItems':{'pool':{'Keys':[OWNKEY,KEY]}}}`, false},
	{"TransactGetItems", "TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'pool','Key':KEY}}]}`, false},
	{"PutItem", "PutItem", `{'TableName':'pool','Item':ITEM}`, true},
	{"PutItem, failing", "PutItem", `{'TableName':'pool','Item':ITEM,'ConditionExpression':'attribute_not_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}`, false},
	{"UpdateItem", "UpdateItem", `{'TableName':'pool','Key':KEY,'UpdateExpression':'SET v = :v','ExpressionAttributeValues':{':v':{'S':'changed'}}}`, true},
	{"UpdateItem, AttributeUpdates", "UpdateItem", `{'TableName':'pool','Key':KEY,'AttributeUpdates':{'v':{'Value':{'S':'changed'}}}}`, true},
	{"DeleteItem", "DeleteItem", `{'TableName':'pool','Key':KEY,'ReturnValues':'ALL_OLD'}`, true},
	{"BatchWriteItem put", "BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':ITEM}}]}}`, true},
	{"BatchWriteItem delete", "BatchWriteItem", `{'RequestItems':{'pool':[{'DeleteRequest':{'Key':KEY}}]}}`, true},
	{"TransactWriteItems put", "TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':ITEM}}]}`, true},
	{"TransactWriteItems update", "TransactWriteItems", `{'TransactItems':[{'Update':{'TableName':'pool','Key':KEY,'UpdateExpression':'SET v = :v','ExpressionAttributeValues':{':v':{'S':'changed'}}}}]}`, true},
	{"TransactWriteItems delete", "TransactWriteItems", `{'TransactItems':[{'Delete':{'TableName':'pool','Key':KEY}}]}`, true},
	{"TransactWriteItems check", "TransactWriteItems", `{'TransactItems':[{'ConditionCheck':{'TableName':'pool','Key':KEY,'ConditionExpression':'v = :v','ExpressionAttributeValues':{':v':{'S':'secret-TENANT'}}}},{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#2'},'sk':{'S':'seen'}}}}]}`, false},
	{"SELECT by key", "ExecuteStatement", `{'Statement':'SELECT * FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'PK'},{'S':'s'}]}`, false},
	{"SELECT of a partition", "ExecuteStatement", `{'Statement':'SELECT v FROM pool WHERE pk = ?','Parameters':[{'S':'PK'}]}`, false},
	{"SELECT of several", "ExecuteStatement", `{'Statement':'SELECT v FROM pool WHERE pk IN [?, ?]','Parameters':[{'S':'acme#2'},{'S':'PK'}]}`, false},
	{"SELECT of either", "ExecuteStatement", `{'Statement':'SELECT v FROM pool WHERE pk = ? OR pk = ?','Parameters':[{'S':'acme#2'},{'S':'PK'}]}`, false},
	{"SELECT scanning", "ExecuteStatement", `{'Statement':'SELECT * FROM pool WHERE v = ?','Parameters':[{'S':'secret-TENANT'}]}`, false},
	{"SELECT scanning by OR", "ExecuteStatement", `{'Statement':'SELECT * FROM pool WHERE pk = ? OR v = ?','Parameters':[{'S':'acme#2'},{'S':'secret-TENANT'}]}`, false},
	{"SELECT of an index", "ExecuteStatement", `{'Statement':'SELECT * FROM pool.\"by-kind\" WHERE kind = ?','Parameters':[{'S':'KIND'}]}`, false},
	{"SELECT scanning an index", "ExecuteStatement", `{'Statement':'SELECT * FROM pool.\"by-kind\"'}`, false},
	{"SELECT of a local index", "ExecuteStatement", `{'Statement':'SELECT v FROM pool.\"by-n\" WHERE pk = ?','Parameters':[{'S':'PK'}]}`, false},
	{"INSERT", "ExecuteStatement", `{'Statement':'INSERT INTO pool VALUE {\"pk\": ?, \"sk\": ?}','Parameters':[{'S':'PK'},{'S':'s'}]}`, false},
	{"UPDATE", "ExecuteStatement", `{'Statement':'UPDATE pool SET v = ? WHERE pk = ? AND sk = ?','Parameters':[{'S':'changed'},{'S':'PK'},{'S':'s'}]}`, true},
	{"UPDATE, failing", "ExecuteStatement", `{'Statement':'UPDATE pool SET v = ? WHERE pk = ? AND sk = ? AND n = 2','Parameters':[{'S':'changed'},{'S':'PK'},{'S':'s'}],'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}`, false},
	{"DELETE", "ExecuteStatement", `{'Statement':'DELETE FROM pool WHERE pk = ? AND sk = ? RETURNING ALL OLD *','Parameters':[{'S':'PK'},{'S':'s'}]}`, true},
	{"Batch of SELECT", "BatchExecuteStatement", `{'Statements':[{'Statement':'SELECT * FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'PK'},{'S':'s'}]},{'Statement':'SELECT * FROM pool'}]}`, false},
	{"Batch of DELETE", "BatchExecuteStatement", `{'Statements':[{'Statement':'DELETE FROM pool WHERE pk = ? AND sk = ? RETURNING ALL OLD *','Parameters':[{'S':'PK'},{'S':'s'}]},{'Statement':'DELETE FROM pool WHERE pk = ?','Parameters':[{'S':'PK'}]}]}`, true},
	{"Transaction of SELECT", "ExecuteTransaction", `{'TransactStatements':[{'Statement':'SELECT * FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'PK'},{'S':'s'}]}]}`, false},
	{"Transaction of UPDATE", "ExecuteTransaction", `{'TransactStatements':[{'Statement':'UPDATE pool SET v = ? WHERE pk = ? AND sk = ?','Parameters':[{'S':'changed'},{'S':'PK'},{'S':'s'}]}]}`, true},
	{"Transaction with EXISTS", "ExecuteTransaction", `{'TransactStatements':[{'Statement':'EXISTS(SELECT * FROM pool WHERE pk = ? AND sk = ? AND v = ?)','Parameters':[{'S':'PK'},{'S':'s'},{'S':'secret-TENANT'}]},{'Statement':'INSERT INTO pool VALUE {\"pk\": ?, \"sk\": ?}','Parameters':[{'S':'acme#2'},{'S':'seen'}]}]}`, false},
	{"PutItem into shared", "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'PUBLIC#TENANT'},'sk':{'S':'s'},'v':{'S':'changed'}}}`, false},
}

// The policies of the matrix. The hole is that a Scan has no leading keys, and ForAllValues is true of none.
const (
	tight = `{'Version':'2012-10-17','Statement':[{'Effect':'Allow',
	 'Action':['dynamodb:GetItem','dynamodb:PutItem','dynamodb:UpdateItem','dynamodb:DeleteItem','dynamodb:Query','dynamodb:BatchGetItem','dynamodb:BatchWriteItem','dynamodb:ConditionCheckItem',
	 'dynamodb:PartiQLSelect','dynamodb:PartiQLInsert','dynamodb:PartiQLUpdate','dynamodb:PartiQLDelete'],
	 'Resource':'*','Condition':{'ForAllValues:StringLike':{'dynamodb:LeadingKeys':['${aws:PrincipalTag/TenantID}#*']},'Null':{'dynamodb:LeadingKeys':'false'}}}]}`
	hole = `{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':'dynamodb:*','Resource':'*',
	 'Condition':{'ForAllValues:StringLike':{'dynamodb:LeadingKeys':['${aws:PrincipalTag/TenantID}#*','kind-*']}}}]}`
	wide = `{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':['dynamodb:*','s3:*'],'Resource':'*'}]}`
)

const guardTags = `,'Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}#*'},{'Key':'bulkhead:shared-keys','Value':'PUBLIC#*'},{'Key':'bulkhead:guard','Value':'%s'}]`

// pooled makes the pooled table with a row of each of two tenants and a shared one.
func pooled(t *testing.T, guard string) *env {
	t.Helper()
	return pooledIn(newEnv(t), guard, "")
}

// pooledIn is pooled in an env, with more tags than the guard's.
func pooledIn(e *env, guard, more string) *env {
	e.t.Helper()
	tags := ""
	if guard != "" {
		mode, index := strings.CutSuffix(guard, "+index")
		if index {
			more += `{'Key':'bulkhead:index-owner-key','Value':'by-kind=kind-${tenant}'},`
		}
		tags = strings.Replace(fmt.Sprintf(guardTags, mode), "[", "["+more, 1)
	}
	table := strings.Replace(pool, `{'AttributeName':'kind','AttributeType':'S'}`, `{'AttributeName':'kind','AttributeType':'S'},{'AttributeName':'n','AttributeType':'N'}`, 1)
	e.must(root(), "CreateTable", fmt.Sprintf(table, `,'LocalSecondaryIndexes':[{'IndexName':'by-n',
	 'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'n','KeyType':'RANGE'}],'Projection':{'ProjectionType':'KEYS_ONLY'}}]`+tags))
	for _, tenant := range []string{"acme", "globex"} {
		e.must(root(), "PutItem", about(`{'TableName':'pool','Item':{'pk':{'S':'PK'},'sk':{'S':'s'},'n':{'N':'1'},'kind':{'S':'KIND'},'v':{'S':'secret-TENANT'}}}`, tenant))
	}
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'PUBLIC#1'},'sk':{'S':'s'},'kind':{'S':'kind-public'},'v':{'S':'public'}}}`)
	return e
}

// about fills an input in with the row of a tenant.
func about(input, tenant string) string {
	return strings.NewReplacer("OWNKEY", `{'pk':{'S':'acme#1'},'sk':{'S':'other'}}`,
		"KEY", `{'pk':{'S':'`+tenant+`#1'},'sk':{'S':'s'}}`,
		"ITEM", `{'pk':{'S':'`+tenant+`#1'},'sk':{'S':'s'},'v':{'S':'changed'}}`,
		"PK", tenant+"#1", "KIND", "kind-"+tenant, "TENANT", tenant).Replace(input)
}

// tryAs makes one attempt by tenant acme on the rows of a tenant and says what came of it.
func tryAs(t *testing.T, e *env, policy, op, input, of string, write bool) string {
	t.Helper()
	who := e.user(account, "acme", nil, strings.ReplaceAll(policy, "'", `"`))
	out, err := e.op(who, op, about(input, of))
	return outcomeOf(t, e, op, out, err, of, write)
}

func outcomeOf(t *testing.T, e *env, op, out string, err error, of string, write bool) string {
	t.Helper()
	row := e.must(root(), "GetItem", about(`{'TableName':'pool','Key':KEY}`, of))
	changed := !strings.Contains(row, "secret-"+of)
	var f *fault.Error
	switch {
	case errors.Is(err, errDenied), errors.Is(err, errGuard), errors.Is(err, authz.ErrForeignRow):
		if changed {
			return "REFUSED AND CHANGED"
		}
		if errors.Is(err, errDenied) {
			return "policy"
		}
		return "guard"
	case errors.As(err, &f) && (f.Code == "ConditionalCheckFailedException" || f.Code == duplicateCode):
		return "reached"
	case errors.As(err, &f) && f.Code == "TransactionCanceledException":
		return "nothing"
	case err != nil:
		t.Fatal(err)
	}
	switch {
	case write && changed, strings.Contains(out, "secret-"+of):
		return "reached"
	case write, out != "{}" && !strings.Contains(out, `"Responses":[{},{}]`), strings.HasPrefix(op, "Get"):
		return "nothing"
	}
	return "reached" // a write elsewhere, or a condition that held
}

// isolationColumns are the columns of the matrix.
var isolationColumns = []struct{ policy, guard string }{
	{"tight", ""}, {"hole", ""}, {"wide", ""}, {"tight", "deny"}, {"hole", "deny"}, {"wide", "deny"},
	{"tight", "filter"}, {"hole", "filter"}, {"wide", "filter"},
	{"hole", "deny+index"}, {"wide", "deny+index"}, {"wide", "filter+index"},
}

// TestIsolation tries every operation on own and foreign rows, under each policy with and without the guard, and
// compares what came of it with a table that people read. Whatever the policy, the guard lets no foreign row be reached.
func TestIsolation(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# What tenant acme reaches: own row / row of tenant globex.\n" +
		"# reached: seen or written; nothing: allowed, but not seen; policy, guard: refused by it.\n")
	fmt.Fprintf(&b, "%-30s", "")
	for _, c := range isolationColumns {
		fmt.Fprintf(&b, "%-19s", c.policy+" "+c.guard)
	}
	texts := map[string]string{"tight": tight, "hole": hole, "wide": wide}
	for _, a := range attempts {
		fmt.Fprintf(&b, "\n%-30s", a.name)
		for _, c := range isolationColumns {
			own := tryAs(t, pooled(t, c.guard), texts[c.policy], a.op, a.input, "acme", a.write)
			foreign := tryAs(t, pooled(t, c.guard), texts[c.policy], a.op, a.input, "globex", a.write)
			fmt.Fprintf(&b, "%-19s", own+" / "+foreign)
			if c.guard != "" && foreign == "reached" {
				t.Errorf("%s crosses the guard (%s) under the policy %s", a.name, c.guard, c.policy)
			}
		}
	}
	golden(t, "testdata/isolation.golden", b.String()+"\n")
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	got = strings.Join(lines, "\n")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, got)
	}
}

// A page of a filtered table counts and names nothing of what it hides.
func TestFilteredPagesTellNothing(t *testing.T) {
	t.Parallel()
	e := pooled(t, "filter")
	for i := range 20 {
		for _, tenant := range []string{"acme", "globex"} {
			e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'%s#%d'},'sk':{'S':'s'},'kind':{'S':'all'},'v':{'S':'secret-%s'}}}`, tenant, i+10, tenant))
		}
	}
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	for name, input := range map[string]string{
		"Scan":       `{'TableName':'pool','Limit':3,'FilterExpression':'v <> :p','ExpressionAttributeValues':{':p':{'S':'public'}}START}`,
		"Scan index": `{'TableName':'pool','IndexName':'by-kind','Limit':3START}`,
		"Query":      `{'TableName':'pool','IndexName':'by-kind','Limit':3,'KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'all'}}START}`,
	} {
		start, seen := "", 0
		for pages := 0; ; pages++ {
			op, _, _ := strings.Cut(name, " ")
			out := e.must(who, op, strings.Replace(input, "START", start, 1))
			if strings.Contains(out, "globex") {
				t.Fatalf("%s shows a hidden row: %s", name, out)
			}
			count, scanned := get(t, out, "Count").(float64), get(t, out, "ScannedCount").(float64)
			if scanned > 3 || count > scanned || pages > 20 {
				t.Fatalf("%s: page %d: %s", name, pages, out)
			}
			seen += int(count)
			_, last, more := strings.Cut(out, `"LastEvaluatedKey":`)
			if !more {
				break
			}
			last = last[:strings.Index(last, "}}")+2]
			start = `,'ExclusiveStartKey':` + last
		}
		if want := map[string]int{"Scan": 21, "Scan index": 22, "Query": 20}[name]; seen != want {
			t.Errorf("%s counts %d of %d own rows", name, seen, want)
		}
	}
	whole := e.must(who, "Scan", `{'TableName':'pool','Select':'COUNT'}`)
	if get(t, whole, "Count").(float64) != 22 || get(t, whole, "ScannedCount").(float64) != 22 {
		t.Errorf("counts hidden rows: %s", whole)
	}
}

// Whether the guard refuses a query of a local index does not depend on what the other tenant has in it.
func TestLocalIndexTellsNothing(t *testing.T) {
	t.Parallel()
	const query = `{'TableName':'pool','IndexName':'by-n','KeyConditionExpression':'pk = :p and n > :n','ExpressionAttributeValues':{':p':{'S':'%s'},':n':{'N':'%d'}}}`
	e := pooled(t, "deny")
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	for _, tc := range []struct {
		key string
		n   int
	}{{"globex#1", 0}, {"globex#1", 9}, {"globex#none", 0}} {
		if out, err := e.op(who, "Query", fmt.Sprintf(query, tc.key, tc.n)); !errors.Is(err, errGuard) {
			t.Errorf("%s over %d: %s %v", tc.key, tc.n, out, err)
		}
	}
	if out, err := e.op(who, "Query", fmt.Sprintf(query, "acme#1", 0)); err != nil || !strings.Contains(out, "acme#1") {
		t.Errorf("own rows: %s %v", out, err)
	}
}

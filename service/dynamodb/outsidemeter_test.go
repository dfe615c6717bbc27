package dynamodb

import (
	"strings"
	"testing"
	"time"
)

// A tenant's share of a table counts wherever its rows are: after what is left of it is used, each way to read or write is refused,
// and nothing of it reaches the engine.
func TestSharesOutside(t *testing.T) {
	t.Parallel()
	const share = `{'Key':'bulkhead:tenant-capacity','Value':'1/1'},`
	const key = `{'pk':{'S':'acme#1'},'sk':{'S':'s'}}`
	const big = `{'pk':{'S':'acme#1'},'sk':{'S':'s'},'kind':{'S':'kind-acme'},'v':{'S':'BIG'}}`
	put := strings.Replace(`{'TableName':'pool','Item':`+big+`}`, "BIG", strings.Repeat("x", 350_000), 1)
	for name, seal := range map[string]string{"open": "", "sealed": sealTag1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, engine := newFarEnv(t)
			pooledIn(e, "deny", share+seal)
			who := e.user(account, "acme", nil, quoted(wide))
			e.must(who, "PutItem", put) // 342 units, of 300
			for range 5 {               // 86 units each, of 300
				e.result(who, "GetItem", `{'TableName':'pool','ConsistentRead':true,'Key':`+key+`}`)
			}
			engine.before = func(operation string, _ []byte) error {
				t.Errorf("%s reached the engine", operation)
				return nil
			}
			for _, a := range []struct{ op, in, want string }{
				{"GetItem", `{'TableName':'pool','Key':` + key + `}`, "ThrottlingException"},
				{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`, "ThrottlingException"},
				{"BatchGetItem", `{'RequestItems':{'pool':{'Keys':[` + key + `]}}}`, "ThrottlingException"},
				{"TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'pool','Key':` + key + `}}]}`, "TransactionCanceledException"},
				{"ExecuteStatement", `{'Statement':'SELECT * FROM pool WHERE pk = ?','Parameters':[{'S':'acme#1'}]}`, "ThrottlingException"},
				{"ExecuteTransaction", `{'TransactStatements':[{'Statement':'SELECT * FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'acme#1'},{'S':'s'}]}]}`, "TransactionCanceledException"},
				{"BatchExecuteStatement", `{'Statements':[{'Statement':'SELECT * FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'acme#1'},{'S':'s'}]}]}`, `"Code":"ThrottlingError"`},
				{"PutItem", put, "ThrottlingException"},
				{"DeleteItem", `{'TableName':'pool','Key':` + key + `}`, "ThrottlingException"},
				{"BatchWriteItem", `{'RequestItems':{'pool':[{'DeleteRequest':{'Key':` + key + `}}]}}`, "ThrottlingException"},
				{"TransactWriteItems", `{'TransactItems':[{'Delete':{'TableName':'pool','Key':` + key + `}}]}`, "TransactionCanceledException"},
				{"ExecuteStatement", `{'Statement':'DELETE FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'acme#1'},{'S':'s'}]}`, "ThrottlingException"},
				{"ExecuteTransaction", `{'TransactStatements':[{'Statement':'DELETE FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'acme#1'},{'S':'s'}]}]}`, "TransactionCanceledException"},
				{"BatchExecuteStatement", `{'Statements':[{'Statement':'DELETE FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'acme#1'},{'S':'s'}]}]}`, `"Code":"ThrottlingError"`},
			} {
				if got := e.result(who, a.op, a.in); !strings.Contains(got, a.want) {
					t.Errorf("%s: %s", a.op, got)
				}
			}
			engine.before = nil
			e.must(root(), "GetItem", `{'TableName':'pool','Key':`+key+`}`) // operators are not under it
			e.must(e.user(account, "globex", nil, quoted(wide)), "PutItem", strings.ReplaceAll(put, "acme", "globex"))
			e.now = e.now.Add(10 * time.Minute)
			e.must(who, "DeleteItem", `{'TableName':'pool','Key':`+key+`}`)
		})
	}
}

package dynamodb

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// thereName is what the pooled table is called in the engine.
const thereName = account + "." + region + ".pool"

// sealedFar is a sealed table in an engine, with rows that hold words to search for.
func sealedFar(t *testing.T) (*env, *envEngine) {
	t.Helper()
	e, engine := newFarEnv(t)
	pooledIn(e, "deny", sealTag1)
	for _, pk := range []string{"acme#planted", "globex#planted"} {
		e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'`+pk+`'},'sk':{'S':'s'},'kind':{'S':'planted-kind'},'plantedname':{'S':'planted-value'},'n':{'N':'1'}}}`)
	}
	return e, engine
}

// The engine holds no partition key, no attribute's name and no value of a sealed row, in the table or an index; sort keys, of which
// it needs the order, it holds.
func TestOutsideSealedRowsHoldNoPlaintext(t *testing.T) {
	t.Parallel()
	e, engine := sealedFar(t)
	var asked strings.Builder
	engine.before = func(operation string, body []byte) error { fmt.Fprintf(&asked, "%s %s\n", operation, body); return nil }
	e.must(root(), "UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}},'UpdateExpression':'SET plantedother = :v','ConditionExpression':'plantedname = :o','ExpressionAttributeValues':{':v':{'S':'planted-too'},':o':{'S':'planted-value'}}}`)
	e.must(root(), "BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'acme#planted2'},'sk':{'S':'s'},'x':{'S':'planted-batch'}}}}]}}`)
	e.must(root(), "TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#planted3'},'sk':{'S':'s'},'x':{'S':'planted-transact'}}}}]}`)
	e.must(root(), "Query", `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','FilterExpression':'plantedname = :v','ExpressionAttributeValues':{':k':{'S':'planted-kind'},':v':{'S':'planted-value'}}}`)
	engine.before = nil
	stored := engine.must(root(), "Scan", `{'TableName':'`+thereName+`'}`) + engine.must(root(), "Scan", `{'TableName':'`+thereName+`','IndexName':'by-kind'}`)
	for _, text := range []string{stored, asked.String()} {
		if strings.Contains(text, "planted") || strings.Contains(text, "acme") || strings.Contains(text, "secret") {
			t.Errorf("the engine sees plaintext: %s", text)
		}
	}
	if strings.Count(stored, sealedAttribute) < 10 {
		t.Fatalf("nothing is stored: %s", stored)
	}
	if got := e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}}}`); !strings.Contains(got, "planted-too") {
		t.Error(got)
	}
}

// A row that the engine moves, changes or makes up is an error, never a row.
func TestOutsideSealedRowsAreBoundToTheirPlace(t *testing.T) {
	t.Parallel()
	const get = `{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}}}`
	raw := func(engine *envEngine, item string) {
		engine.must(root(), "PutItem", `{'TableName':'`+thereName+`','Item':`+item+`}`)
	}
	items := func(e *env, engine *envEngine) (own, other string) {
		for _, pk := range []string{"acme#planted", "globex#planted"} {
			var body string
			engine.before = func(operation string, b []byte) error {
				if operation == "GetItem" {
					body = string(b)
				}
				return nil
			}
			e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'`+pk+`'},'sk':{'S':'s'}}}`)
			engine.before = nil
			got := engine.must(root(), "GetItem", body)
			own, other = other, got[len(`{"Item":`):len(got)-1]
		}
		return own, other
	}
	between := func(s, a, b string) string {
		_, rest, _ := strings.Cut(s, a)
		v, _, _ := strings.Cut(rest, b)
		return v
	}
	attr := func(s, name string) string { return between(s, `"`+name+`":{`, `}`) }
	for name, forge := range map[string]func(own, other string) string{
		"another tenant's row": func(own, other string) string {
			return strings.Replace(other, attr(other, "pk"), attr(own, "pk"), 1)
		},
		"an older version": func(own, other string) string {
			return strings.Replace(own, attr(own, versionAttribute), attr(other, versionAttribute), 1)
		},
		"another index key": func(own, _ string) string {
			return strings.Replace(own, `"kind":{"S":"`, `"kind":{"S":"x`, 1)
		},
		"a row that is not sealed": func(own, _ string) string {
			return `{"pk":{` + attr(own, "pk") + `},"sk":{"S":"s"},"v":{"S":"made up"}}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, engine := sealedFar(t)
			own, other := items(e, engine)
			forged := forge(own, other)
			if forged == own {
				t.Fatal("nothing is forged")
			}
			raw(engine, forged)
			if _, err := e.op(root(), "GetItem", get); !errors.Is(err, errNotOurs) {
				t.Errorf("GetItem: %v", err)
			}
			if _, err := e.op(root(), "Scan", `{'TableName':'pool'}`); !errors.Is(err, errNotOurs) {
				t.Errorf("Scan: %v", err)
			}
		})
	}
}

// An engine that answers with another row than was asked for shows nothing.
func TestOutsideEngineThatLies(t *testing.T) {
	t.Parallel()
	for name, seal := range map[string]string{"outside": "", "sealed": sealTag1} {
		e, engine := newFarEnv(t)
		pooledIn(e, "deny", seal)
		var first string
		e.s.engine = lying{engine, "GetItem", &first}
		who := e.user(account, "acme", nil, quoted(wide))
		e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'globex#1'},'sk':{'S':'s'}}}`)
		if out, err := e.op(who, "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'s'}}}`); !errors.Is(err, errNotOurs) {
			t.Errorf("%s: %s %v", name, out, err)
		}
	}
}

// Writes of one sealed row at once: none is lost.
func TestOutsideSealedWritesAtOnce(t *testing.T) {
	t.Parallel()
	e, engine := sealedFar(t)
	const add = `{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}},'UpdateExpression':'ADD n :one','ExpressionAttributeValues':{':one':{'N':'1'}}}`
	const addAll = `{'TransactItems':[{'Update':{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}},'UpdateExpression':'ADD n :one','ExpressionAttributeValues':{':one':{'N':'1'}}}},{'Update':{'TableName':'pool','Key':{'pk':{'S':'globex#planted'},'sk':{'S':'s'}},'UpdateExpression':'ADD n :one','ExpressionAttributeValues':{':one':{'N':'1'}}}}]}`
	// Another write comes between each first read and its write.
	interfere := func() {
		done := false
		engine.before = func(operation string, _ []byte) error {
			if (operation == "PutItem" || operation == "TransactWriteItems") && !done {
				done = true
				e.must(root(), "UpdateItem", add)
			}
			return nil
		}
	}
	interfere()
	e.must(root(), "UpdateItem", add)
	interfere()
	e.must(root(), "TransactWriteItems", addAll)
	engine.before = nil
	got := e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}},'ProjectionExpression':'n'}`)
	if got != `{"Item":{"n":{"N":"5"}}}` {
		t.Error(got)
	}
	// A condition that held when the row was read does not decide when it does no more.
	interfere()
	cond := strings.Replace(add, `'UpdateExpression'`, `'ConditionExpression':'n = :five','UpdateExpression'`, 1)
	cond = strings.Replace(cond, `{':one'`, `{':five':{'N':'5'},':one'`, 1)
	if got := e.result(root(), "UpdateItem", cond); !strings.HasPrefix(got, "ConditionalCheckFailedException") {
		t.Error(got)
	}
}

// The row of a tenant whose key is disabled is not read, and left out of a scan.
func TestOutsideSealedKeys(t *testing.T) {
	t.Parallel()
	e, _ := sealedFar(t)
	e.keys.set(t, "alias/customer-acme", "disabled")
	if got := e.result(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#planted'},'sk':{'S':'s'}}}`); !strings.HasPrefix(got, "AccessDenied: ") {
		t.Error(got)
	}
	if got := e.result(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#new'},'sk':{'S':'s'}}}`); !strings.HasPrefix(got, "AccessDenied: ") {
		t.Error(got)
	}
	if got := e.must(root(), "Scan", `{'TableName':'pool'}`); strings.Contains(got, "acme") || !strings.Contains(got, "globex") {
		t.Error(got)
	}
	e.keys.set(t, "alias/customer-acme", "")
	if got := e.must(root(), "Scan", `{'TableName':'pool'}`); !strings.Contains(got, "acme#planted") {
		t.Error(got)
	}
}

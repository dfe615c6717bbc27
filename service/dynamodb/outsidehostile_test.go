package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/tableengine"
)

// scripted is an engine that answers one operation with a text of its own, as an engine in an enemy's hands can.
type scripted struct {
	*envEngine
	operation, answer string
}

// Call implements Engine.
func (s scripted) Call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	if operation == s.operation {
		return []byte(strings.ReplaceAll(s.answer, "'", `"`)), nil
	}
	return s.envEngine.Call(ctx, operation, body)
}

const wholeAccess = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// TestEnginesLies: whatever an engine answers, nothing ends the server's work, and no row that was not asked for, or that this server did
// not seal, is shown.
func TestEnginesLies(t *testing.T) {
	t.Parallel()
	const there = "'111111111111.eu-central-1.pool'"
	const foreign = `{'pk':{'S':'globex#1'},'sk':{'S':'s'},'v':{'S':'theirs'}}`
	const own = `{'pk':{'S':'acme#1'},'sk':{'S':'s'}}`
	ops := map[string]string{
		"GetItem":            `{'TableName':'pool','Key':` + own + `}`,
		"Query":              `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`,
		"Scan":               `{'TableName':'pool'}`,
		"PutItem":            `{'TableName':'pool','Item':` + own + `,'ReturnValues':'ALL_OLD'}`,
		"UpdateItem":         `{'TableName':'pool','Key':` + own + `,'UpdateExpression':'SET v = :v','ExpressionAttributeValues':{':v':{'S':'x'}},'ReturnValues':'ALL_NEW'}`,
		"DeleteItem":         `{'TableName':'pool','Key':` + own + `,'ReturnValues':'ALL_OLD'}`,
		"BatchGetItem":       `{'RequestItems':{'pool':{'Keys':[` + own + `]}}}`,
		"BatchWriteItem":     `{'RequestItems':{'pool':[{'PutRequest':{'Item':` + own + `}}]}}`,
		"TransactGetItems":   `{'TransactItems':[{'Get':{'TableName':'pool','Key':` + own + `}}]}`,
		"TransactWriteItems": `{'TransactItems':[{'Put':{'TableName':'pool','Item':` + own + `}}]}`,
	}
	deep := strings.Repeat(`{'L':[`, 10_000) + strings.Repeat(`]}`, 10_000)
	row := func(item string) string {
		return `{'Item':` + item + `,'Attributes':` + item + `,'Items':[` + item + `],'Responses':{` + there + `:[` + item + `]}}`
	}
	lies := []string{
		``, `null`, `[]`, `1`, `{}`, `{'Item':null,'Items':null,'Responses':null,'UnprocessedKeys':null,'UnprocessedItems':null}`,
		row(foreign), row(`{}`), row(`{'pk':{'S':'acme#1'}}`), row(`{'pk':{'N':'1'},'sk':{'S':'s'}}`), row(`{'pk':{'S':'acme#1'},'sk':{'S':'s'},'v':{'N':'x'}}`),
		row(`{'pk':{'S':'acme#1'},'sk':{'S':'s'},'v':` + deep + `}`), row(`{'pk':{'S':'acme#1'},'sk':{'S':'s'},'v':{'N':'1` + strings.Repeat("0", 1<<20) + `'}}`),
		row(`{'pk':{'S':'acme#1'},'sk':{'S':'s'},'bulkhead:row':{'B':'AgAA'},'bulkhead:version':{'B':'AA=='}}`),
		`{'Items':[],'LastEvaluatedKey':` + foreign + `}`, `{'Items':[],'LastEvaluatedKey':{'x':{'S':'1'}}}`,
		`{'Responses':[{'Item':` + foreign + `}]}`, `{'Responses':[{},{},{}]}`, `{'Responses':[]}`,
		`{'UnprocessedKeys':{` + there + `:{'Keys':[` + foreign + `]}}}`, `{'UnprocessedKeys':{` + there + `:{'Keys':[{}]}}}`,
		`{'UnprocessedKeys':{'x':{'Keys':[{}]}}}`, `{'UnprocessedKeys':{` + there + `:{'Keys':[` + own + `,` + own + `]}}}`,
		`{'UnprocessedItems':{'x':[{'PutRequest':{'Item':` + own + `}}]}}`, `{'UnprocessedItems':{` + there + `:[{'PutRequest':{'Item':` + foreign + `}}]}}`,
		`{'UnprocessedItems':{` + there + `:[{'PutRequest':{}},{}]}}`,
		`{'ConsumedCapacity':[{'TableName':'x','CapacityUnits':-1e308}]}`, `{'ConsumedCapacity':{'TableName':'x','CapacityUnits':-1e308}}`,
	}
	for _, seal := range []string{"", sealTag1} {
		for op, in := range ops {
			t.Run(fmt.Sprintf("%s sealed %t", op, seal != ""), func(t *testing.T) {
				t.Parallel()
				far, engine := newFarEnv(t)
				e := pooledIn(far, "deny", seal)
				who := e.user(account, "acme", nil, wholeAccess)
				for _, lie := range lies {
					for _, lied := range []string{op, "GetItem"} {
						e.s.engine = scripted{engine, lied, lie}
						got := e.result(who, op, in)
						if strings.Contains(got, "theirs") || strings.Contains(got, "globex") {
							t.Errorf("%s: %s", lie, got)
						}
						honest := strings.NewReplacer(`"v":{"S":"secret-acme"}`, "", `"v":{"S":"x"}`, "").Replace(got)
						if seal != "" && strings.Contains(honest, `"v":`) {
							t.Errorf("%.200s: a row that is not sealed is shown: %.200s", lie, got)
						}
					}
				}
			})
		}
	}
}

// What an engine says of a write is about that write: the row in an error is the one that was named, reasons are as many as actions, and
// what is not processed was sent, once.
func TestEnginesErrorsAreAboutTheRequest(t *testing.T) {
	t.Parallel()
	far, engine := newFarEnv(t)
	e := pooledIn(far, "deny", "")
	who := e.user(account, "acme", nil, wholeAccess)
	const own, foreign = `{"pk":{"S":"acme#1"},"sk":{"S":"s"},"v":{"S":"mine"}}`, `{"pk":{"S":"globex#1"},"sk":{"S":"s"},"v":{"S":"theirs"}}`
	put := `{'TableName':'pool','Item':{'pk':{'S':'acme#1'},'sk':{'S':'s'}},'ConditionExpression':'attribute_not_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}`
	for _, c := range []struct{ op, in, code, body, want string }{
		{"PutItem", put, "ConditionalCheckFailedException", `{"Item":` + own + `}`, "ConditionalCheckFailed"},
		{"PutItem", put, "ConditionalCheckFailedException", `{"Item":` + foreign + `}`, "Internal: "},
		{"TransactWriteItems", `{'TransactItems':[{'Put':` + put + `}]}`, "TransactionCanceledException", `{"CancellationReasons":[{"Code":"ConditionalCheckFailed","Item":` + own + `}]}`, "TransactionCanceled"},
		{"TransactWriteItems", `{'TransactItems':[{'Put':` + put + `}]}`, "TransactionCanceledException", `{"CancellationReasons":[{"Code":"ConditionalCheckFailed","Item":` + foreign + `}]}`, "Internal: "},
		{"TransactWriteItems", `{'TransactItems':[{'Put':` + put + `}]}`, "TransactionCanceledException", `{"CancellationReasons":[{"Code":"None"},{"Code":"None"}]}`, "Internal: "},
	} {
		engine.before = func(operation string, _ []byte) error {
			if operation != c.op {
				return nil
			}
			return &tableengine.Error{Status: 400, Code: c.code, Message: "no", Body: []byte(c.body)}
		}
		if got := e.result(who, c.op, c.in); !strings.HasPrefix(got, c.want) || strings.Contains(got, "theirs") {
			t.Errorf("%s, %s: %s", c.op, c.body, got)
		}
	}
	for _, words := range []string{"ask http://10.0.0.1:8000", "arn:aws:dynamodb:x:999999999999:table/y", strings.Repeat("x", maxMessage+1)} {
		engine.before = func(string, []byte) error {
			return &tableengine.Error{Status: 400, Code: "ValidationException", Message: words, Body: []byte(`{}`)}
		}
		if got := e.result(who, "PutItem", put); got != "Validation: The table's engine refuses the request." {
			t.Errorf("%.60s: %s", words, got)
		}
	}
	engine.before = nil
	e.s.engine = scripted{engine, "Query", `{'Items':[{'pk':{'S':'acme#2'},'sk':{'S':'s'}}]}`} // the tenant's, but of another partition
	if got := e.result(who, "Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`); got != "Internal: " {
		t.Errorf("a row of another partition: %s", got)
	}
	again := `{'PutRequest':{'Item':{'pk':{'S':'acme#1'},'sk':{'S':'s'}}}}`
	in := `{'RequestItems':{'pool':[` + again + `]}}`
	for _, left := range []string{`{'pk':{'S':'globex#1'},'sk':{'S':'s'}}`, `{}`, `{'pk':{'S':'acme#1'},'sk':{'S':'s'}},{'pk':{'S':'acme#1'},'sk':{'S':'s'}}`} {
		e.s.engine = scripted{engine, "BatchGetItem", `{'UnprocessedKeys':{'111111111111.eu-central-1.pool':{'Keys':[` + left + `]}}}`}
		if got := e.result(who, "BatchGetItem", `{'RequestItems':{'pool':{'Keys':[{'pk':{'S':'acme#1'},'sk':{'S':'s'}}]}}}`); got != "Internal: " {
			t.Errorf("keys %s: %s", left, got)
		}
	}
	for left, want := range map[string]string{again: `{"UnprocessedItems":{"pool":[`, again + `,` + again: "Internal: "} {
		e.s.engine = scripted{engine, "BatchWriteItem", `{'UnprocessedItems':{'111111111111.eu-central-1.pool':[` + left + `]}}`}
		if got := e.result(who, "BatchWriteItem", in); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", left, got)
		}
	}
}

// A request that names several partitions asks for one after the other: a row of another of them is none of the one that was asked for,
// though the caller may read both.
func TestEnginesRowsOfAnotherNamedPartition(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string]string{"open": "", "sealed": strings.Replace(fmt.Sprintf(guardTags, "deny"), "[", "["+sealTag1, 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, engine := newFarEnv(t)
			ordersIn(e, tags)
			const first, both = `SELECT sk FROM orders WHERE pk = 'b'`, `SELECT sk FROM orders WHERE pk IN ['a', 'b']`
			if got := e.exec(root(), both); strings.Count(got, `"sk"`) != 6 {
				t.Fatalf("an honest engine: %s", got)
			}
			e.s.engine = lying{engine, "Query", new(string)}
			if got := e.exec(root(), first); strings.Count(got, `"sk"`) != 3 {
				t.Fatalf("the partition that the answers are of: %s", got)
			}
			if got := e.exec(root(), both); got != "Internal: " {
				t.Errorf("rows of one partition in place of another's: %s", got)
			}
		})
	}
}

package dynamodb

import (
	"fmt"
	"strings"
	"testing"
)

// exec runs a statement whose text holds both quotes.
func (e *env) exec(who caller, text string, more ...string) string {
	e.t.Helper()
	text = strings.ReplaceAll(strings.ReplaceAll(text, `"`, `\"`), `'`, `\u0027`)
	return e.result(who, "ExecuteStatement", `{'Statement':'`+text+`'`+strings.Join(more, "")+`}`)
}

// many are n more texts of a list.
func many(n int) string {
	list := ""
	for i := range n {
		list += fmt.Sprintf(", '%d'", i+1)
	}
	return list
}

func orders(t *testing.T) *env {
	t.Helper()
	return ordersIn(newEnv(t), "")
}

// everywhere runs a test of a table of orders whose rows are here, and of ones whose rows an outside engine keeps.
func everywhere(t *testing.T, test func(*testing.T, *env)) {
	t.Helper()
	t.Run("here", func(t *testing.T) { t.Parallel(); test(t, orders(t)) })
	for name, tags := range map[string]string{"outside": "", "sealed outside": strings.Replace(fmt.Sprintf(guardTags, "deny"), "[", "["+sealTag1, 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := newFarEnv(t)
			test(t, ordersIn(e, tags))
		})
	}
}

func ordersIn(e *env, tags string) *env {
	e.t.Helper()
	e.must(root(), "CreateTable", fmt.Sprintf(strings.Replace(pool, "'pool'", "'orders'", 1), tags))
	for _, pk := range []string{"a", "b", "c"} {
		for i := range 3 {
			e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'orders','Item':{'pk':{'S':'%s'},'sk':{'S':'s%d'},'kind':{'S':'k%d'},'n':{'N':'%d'},'m':{'M':{'x':{'S':'%s%d'}}}}}`, pk, i, i, i, pk, i))
		}
	}
	return e
}

func TestExecuteStatement(t *testing.T) {
	t.Parallel()
	everywhere(t, testExecuteStatement)
}

func testExecuteStatement(t *testing.T, e *env) {
	for _, tc := range []struct{ text, more, want string }{
		{`SELECT m.x FROM orders WHERE pk = 'a' AND sk = 's1'`, ``, `{"Items":[{"x":{"S":"a1"}}]}`},
		{`SELECT sk, n FROM "orders" WHERE pk = ? AND n >= ? ORDER BY sk DESC`, `,'Parameters':[{'S':'a'},{'N':'1'}]`, `{"Items":[{"sk":{"S":"s2"},"n":{"N":"2"}},{"sk":{"S":"s1"},"n":{"N":"1"}}]}`},
		{`SELECT pk FROM orders WHERE pk IN ['c', 'a'] AND sk > 's1' ORDER BY pk`, ``, `{"Items":[{"pk":{"S":"a"}},{"pk":{"S":"c"}}]}`},
		{`SELECT pk FROM orders WHERE pk IN ['a', 'c'] AND sk > 's1' ORDER BY pk DESC, sk ASC`, ``, `{"Items":[{"pk":{"S":"c"}},{"pk":{"S":"a"}}]}`},
		{`SELECT sk FROM orders WHERE pk = 'a' AND begins_with(sk, 's') AND NOT n = 1`, ``, `{"Items":[{"sk":{"S":"s0"}},{"sk":{"S":"s2"}}]}`},
		{`SELECT sk FROM orders WHERE pk = 'a' AND (sk = 's0' OR sk = 's2')`, ``, `{"Items":[{"sk":{"S":"s0"}},{"sk":{"S":"s2"}}]}`},
		{`SELECT sk FROM orders WHERE pk = 'a' AND sk BETWEEN 's1' AND 's9'`, `,'ReturnConsumedCapacity':'TOTAL'`, `{"ConsumedCapacity":{"CapacityUnits":0.5,"TableName":"orders"},"Items":[{"sk":{"S":"s1"}},{"sk":{"S":"s2"}}]}`},
		{`SELECT pk FROM orders."by-kind" WHERE kind = 'k1' AND m.x = 'b1'`, ``, `{"Items":[{"pk":{"S":"b"}}]}`},
		{`SELECT pk FROM orders WHERE pk = 'none'`, ``, `{"Items":[]}`},
		{`SELECT pk FROM nowhere`, ``, `ResourceNotFoundException: Requested resource not found`},
		{`SELECT pk FROM orders."by-none" WHERE kind = 'k1'`, ``, `Validation: The table does not have the specified index`},
		{`SELECT pk FROM orders."by-kind" WHERE kind = 'k1'`, `,'ConsistentRead':true`, `Validation: Strongly consistent read is not supported on Global Secondary Indexes`},
		{`SELECT pk FROM orders WHERE pk = 1`, ``, `Validation: One or more parameter values were invalid: Condition parameter type does not match schema type`},
		{`SELECT pk FROM orders ORDER BY pk`, ``, `Validation: Must have WHERE clause in the statement when using ORDER BY clause.`},
		{`SELECT pk FROM orders WHERE n = 1 ORDER BY pk`, ``, `Validation: Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.`},
		{`SELECT pk FROM orders WHERE pk IN ['a', 'b'] ORDER BY sk`, ``, `Validation: Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.`},
		{`SELECT pk FROM orders WHERE pk = 'a' ORDER BY n`, ``, `Validation: Variable reference n in ORDER BY clause must be part of the primary key`},
		{"SELECT pk FROM orders WHERE pk IN ['0'" + many(50) + "]", ``, `Validation: Too many decomposed read operations for a given query.`},
		{`SELECT pk FROM orders WHERE pk.x = 'a'`, ``, `Validation: Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk`},

		{`INSERT INTO orders VALUE {'pk': 'new', 'sk': 's', 'tags': <<'x'>>, 'l': [1]}`, ``, `{"Items":[]}`},
		{`INSERT INTO orders VALUE {'pk': 'new', 'sk': 's'}`, ``, `DuplicateItemException: Duplicate primary key exists in table`},
		{`INSERT INTO orders VALUE {'pk': 'new'}`, ``, `Validation: One or more parameter values were invalid: Missing the key sk in the item`},
		{`INSERT INTO orders VALUE {'pk': 1, 'sk': 's'}`, ``, `Validation: One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N`},
		{`UPDATE orders SET n = 5 SET tags = set_add(tags, <<'y'>>) SET l = list_append(l, [2]) WHERE pk = 'new' AND sk = 's' RETURNING MODIFIED NEW *`, ``,
			`{"Items":[{"l":{"L":[{"N":"1"},{"N":"2"}]},"tags":{"SS":["x","y"]},"n":{"N":"5"}}]}`},
		{`UPDATE orders SET n = n - 1 REMOVE tags, l WHERE pk = 'new' AND sk = 's' AND n > 4 RETURNING ALL NEW *`, ``, `{"Items":[{"pk":{"S":"new"},"sk":{"S":"s"},"n":{"N":"4"}}]}`},
		{`UPDATE orders REMOVE n WHERE pk = 'new' AND sk = 's' RETURNING MODIFIED NEW *`, ``, `{"Items":[]}`},
		{`UPDATE orders SET n = 1 WHERE pk = 'new' AND sk = 's' AND n = 7`, ``, `ConditionalCheckFailedException: The conditional request failed`},
		{`UPDATE orders SET n = 1 WHERE pk = 'absent' AND sk = 's'`, ``, `ConditionalCheckFailedException: The conditional request failed`},
		{`UPDATE orders SET n = 1 WHERE pk = 'new'`, ``, `Validation: Where clause does not contain a mandatory equality on all key attributes`},
		{`UPDATE orders SET n = 1`, ``, `Validation: Where clause does not contain a mandatory equality on all key attributes`},
		{`UPDATE orders SET pk = 'x' WHERE pk = 'new' AND sk = 's'`, ``, `Validation: One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key`},
		{`DELETE FROM orders WHERE pk = 'absent' AND sk = 's' AND n = 1`, ``, `{"Items":[]}`},
		{`DELETE FROM orders WHERE pk = 'new' AND sk = 's' AND n = 1`, ``, `ConditionalCheckFailedException: The conditional request failed`},
		{`DELETE FROM orders WHERE pk = 'new' AND sk = 's' RETURNING ALL OLD *`, ``, `{"Items":[{"pk":{"S":"new"},"sk":{"S":"s"}}]}`},
		{`DELETE FROM orders WHERE pk = 'new' AND sk IN ['s']`, ``, `Validation: Where clause does not contain a mandatory equality on all key attributes`},
		{`EXISTS(SELECT * FROM orders WHERE pk = 'a' AND sk = 's0' AND n = 0)`, ``, `Validation: EXISTS can only be used in ExecuteTransaction write requests.`},
	} {
		if got := e.exec(root(), tc.text, tc.more); got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.text, got, tc.want)
		}
	}
}

// Pages of a statement end at the limit, within a partition and between two, and their tokens are good for it only.
func TestStatementPages(t *testing.T) {
	t.Parallel()
	everywhere(t, testStatementPages)
}

func testStatementPages(t *testing.T, e *env) {
	for _, text := range []string{
		`SELECT pk, sk FROM orders`, `SELECT pk, sk FROM orders WHERE pk IN ['a', 'b', 'c'] AND n <> 7`, `SELECT pk, sk FROM orders."by-kind"`,
		`SELECT pk, sk FROM orders."by-kind" WHERE kind IN ['k0', 'k1', 'k2']`,
	} {
		for limit := 1; limit <= 4; limit++ {
			next, seen := "", map[string]bool{}
			for pages := 0; ; pages++ {
				out := e.exec(root(), text, fmt.Sprintf(`,'Limit':%d`, limit), next)
				items, ok := get(t, out, "Items").([]any)
				if !ok || len(items) > limit || pages > 20 {
					t.Fatalf("%s: page %d: %s", text, pages, out)
				}
				for _, i := range items {
					seen[fmt.Sprint(i)] = true
				}
				token, more := get(t, out, "NextToken").(string)
				if !more {
					break
				}
				next = `,'NextToken':'` + token + `'`
				if got := e.exec(root(), text+" ", next); got != "Validation: Invalid NextToken" {
					t.Fatalf("another statement takes the token: %s", got)
				}
			}
			if len(seen) != 9 {
				t.Errorf("%s by %d: %d rows", text, limit, len(seen))
			}
		}
	}
	for _, token := range []string{"x", "AAAA"} {
		if got := e.exec(root(), `SELECT * FROM orders`, `,'NextToken':'`+token+`'`); got != "Validation: Invalid NextToken" {
			t.Errorf("token %s: %s", token, got)
		}
	}
}

// A token goes with the parameters of its statement: with others it would lead into another partition.
func TestStatementTokensAreOfTheirParameters(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, e *env) {
		const text = `SELECT sk FROM orders WHERE pk = ? AND sk <> ?`
		with := func(list string) string { return `,'Limit':1,'Parameters':[` + list + `]` }
		own := with(`{'S':'a'},{'S':'bx'}`)
		token, ok := get(t, e.exec(root(), text, own), "NextToken").(string)
		if !ok {
			t.Fatal("the page is the last one")
		}
		next := `,'NextToken':'` + token + `'`
		if got := e.exec(root(), text, own, next); !strings.Contains(got, `{"sk":{"S":"s1"}}`) {
			t.Errorf("with its own parameters: %s", got)
		}
		for _, others := range []string{`{'S':'b'},{'S':'bx'}`, `{'S':'ab'},{'S':'x'}`, `{'S':'bx'},{'S':'a'}`, `{'S':'a'},{'B':'YngK'}`} {
			if got := e.exec(root(), text, with(others), next); got != "Validation: Invalid NextToken" {
				t.Errorf("with %s: %s", others, got)
			}
		}
	})
}

func TestBatchExecuteStatement(t *testing.T) {
	t.Parallel()
	everywhere(t, testBatchExecuteStatement)
}

func testBatchExecuteStatement(t *testing.T, e *env) {
	for name, tc := range map[string]struct{ in, want string }{
		"reads": {
			`{'Statements':[{'Statement':'SELECT n FROM orders WHERE pk = ? AND sk = ?','Parameters':[{'S':'a'},{'S':'s1'}]},
			 {'Statement':'SELECT n FROM orders WHERE pk = ? AND sk = ? AND n = 7','Parameters':[{'S':'a'},{'S':'s1'}],'ConsistentRead':true},
			 {'Statement':'SELECT n FROM orders WHERE pk = ?','Parameters':[{'S':'a'}]},{'Statement':'SLECT'},{'Statement':'SELECT * FROM nowhere'},
			 {'Statement':'SELECT n FROM orders.x WHERE pk = ? AND sk = ?','Parameters':[{'S':'a'},{'S':'s1'}]}],'ReturnConsumedCapacity':'TOTAL'}`,
			`{"ConsumedCapacity":[{"CapacityUnits":0.5,"TableName":"orders"},{"CapacityUnits":1,"TableName":"orders"}],"Responses":[{"Item":{"n":{"N":"1"}},"TableName":"orders"},{"TableName":"orders"},` +
				`{"Error":{"Code":"ValidationError","Message":"Select statements within BatchExecuteStatement must specify the primary key in the where clause."}},` +
				`{"Error":{"Code":"ValidationError","Message":"Statement wasn't well formed, can't be processed: Expected data manipulation"}},` +
				`{"Error":{"Code":"ResourceNotFound","Message":"Requested resource not found"}},` +
				`{"Error":{"Code":"ValidationError","Message":"Select statements within BatchExecuteStatement must specify the primary key in the where clause."}}]}`,
		},
		"writes": {
			`{'Statements':[{'Statement':'INSERT INTO orders VALUE {\"pk\": ?, \"sk\": ?}','Parameters':[{'S':'a'},{'S':'s1'}]},
			 {'Statement':'UPDATE orders SET n = 1 WHERE pk = ? AND sk = ? AND n = 9','Parameters':[{'S':'a'},{'S':'s0'}],'ReturnValuesOnConditionCheckFailure':'ALL_OLD'},
			 {'Statement':'UPDATE orders REMOVE m, kind WHERE pk = ? AND sk = ? RETURNING ALL NEW *','Parameters':[{'S':'a'},{'S':'s2'}]}]}`,
			`{"Responses":[{"Error":{"Code":"DuplicateItem","Message":"Duplicate primary key exists in table"}},` +
				`{"Error":{"Code":"ConditionalCheckFailed","Item":{"pk":{"S":"a"},"sk":{"S":"s0"},"kind":{"S":"k0"},"n":{"N":"0"},"m":{"M":{"x":{"S":"a0"}}}},"Message":"The conditional request failed"}},` +
				`{"Item":{"pk":{"S":"a"},"sk":{"S":"s2"},"n":{"N":"2"}},"TableName":"orders"}]}`,
		},
		"both": {
			`{'Statements':[{'Statement':'SELECT * FROM orders'},{'Statement':'DELETE FROM orders WHERE pk = ?','Parameters':[{'S':'a'}]}]}`,
			"Validation: BatchExecuteStatement API does not support both read and write operations in the same request.",
		},
		"none that can be read": {
			`{'Statements':[{'Statement':'nothing'}]}`,
			`{"Responses":[{"Error":{"Code":"ValidationError","Message":"Statement wasn't well formed, can't be processed: Expected data manipulation"}}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := e.result(root(), "BatchExecuteStatement", tc.in); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestExecuteTransaction(t *testing.T) {
	t.Parallel()
	everywhere(t, testExecuteTransaction)
}

func testExecuteTransaction(t *testing.T, e *env) {
	const exists = `{'Statement':'EXISTS(SELECT * FROM orders WHERE pk = ? AND sk = ? AND n = 1)','Parameters':[{'S':'a'},{'S':'%s'}]}`
	const insert = `{'Statement':'INSERT INTO orders VALUE {\"pk\": ?, \"sk\": ?}','Parameters':[{'S':'t'},{'S':'%s'}]}`
	for _, tc := range []struct{ name, in, want string }{
		{"reads", `{'TransactStatements':[{'Statement':'SELECT m.x FROM orders WHERE pk = ? AND sk = ?','Parameters':[{'S':'a'},{'S':'s1'}]},
		 {'Statement':'SELECT n FROM orders WHERE pk = ? AND sk = ? AND n = 7','Parameters':[{'S':'a'},{'S':'s2'}]}]}`, `{"Responses":[{"Item":{"x":{"S":"a1"}}},{}]}`},
		{"writes", `{'TransactStatements':[` + fmt.Sprintf(exists, "s1") + `,` + fmt.Sprintf(insert, "1") + `]}`, `{"Responses":[{},{}]}`},
		{"duplicate", `{'TransactStatements':[` + fmt.Sprintf(insert, "2") + `,` + fmt.Sprintf(insert, "1") + `]}`,
			"TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [None, DuplicateItem]"},
		{"nothing of it was done", `{'TransactStatements':[{'Statement':'SELECT * FROM orders WHERE pk = ? AND sk = ?','Parameters':[{'S':'t'},{'S':'2'}]}]}`, `{"Responses":[{}]}`},
		{"check fails", `{'TransactStatements':[` + fmt.Sprintf(exists, "s0") + `,` + fmt.Sprintf(insert, "2") + `]}`,
			"TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed, None]"},
		{"mixed", `{'TransactStatements':[{'Statement':'SELECT * FROM orders WHERE pk = ?','Parameters':[{'S':'t'}]},` + fmt.Sprintf(insert, "3") + `]}`,
			"Validation: ExecuteTransaction API does not support both read and write operations in the same request."},
		{"no key", `{'TransactStatements':[{'Statement':'SELECT * FROM orders WHERE pk = ?','Parameters':[{'S':'t'}]}]}`,
			"Validation: Validation failed in TransactStatements[0]: Select statements within ExecuteTransaction must specify the primary key in the where clause."},
		{"index", `{'TransactStatements':[{'Statement':'SELECT * FROM orders.x WHERE pk = ?','Parameters':[{'S':'t'}]}]}`,
			"Validation: Validation failed in TransactStatements[0]: Reads on indices are not supported within transactions."},
		{"exists without more", `{'TransactStatements':[{'Statement':'EXISTS(SELECT * FROM orders WHERE pk = ? AND sk = ?)','Parameters':[{'S':'t'},{'S':'1'}]}]}`,
			"Validation: Validation failed in TransactStatements[0]: EXISTS() must contain a single item read with additional condition"},
		{"one row twice", `{'TransactStatements':[` + fmt.Sprintf(insert, "4") + `,` + fmt.Sprintf(insert, "4") + `]}`,
			"Validation: Transaction request cannot include multiple operations on one item"},
		{"token", `{'ClientRequestToken':'x','TransactStatements':[` + fmt.Sprintf(insert, "5") + `]}`, `{"Responses":[{}]}`},
		{"token again", `{'ClientRequestToken':'x','TransactStatements':[` + fmt.Sprintf(insert, "5") + `]}`, `{"Responses":[{}]}`},
		{"token of another", `{'ClientRequestToken':'x','TransactStatements':[` + fmt.Sprintf(insert, "6") + `]}`,
			"IdempotentParameterMismatchException: The provided client token is already in use with a different request; the parameters of the request must be the same."},
		{"returning", `{'TransactStatements':[{'Statement':'DELETE FROM orders WHERE pk = ? AND sk = ? RETURNING ALL OLD *','Parameters':[{'S':'t'},{'S':'1'}]}]}`,
			"Validation: Validation failed in TransactStatements[0]: RETURNING is not supported in ExecuteTransaction"},
	} {
		if got := e.result(root(), "ExecuteTransaction", tc.in); got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

// Policies see of a statement what it is: the keys, attributes and form of each.
func TestStatementConditions(t *testing.T) {
	t.Parallel()
	const where = ` WHERE pk = 'a' AND sk = 's0'`
	for name, tc := range map[string]struct{ action, condition, text, want string }{
		"attributes in WHERE count": {"Select", `'ForAllValues:StringEquals':{'dynamodb:Attributes':['pk','sk']}`, `SELECT pk FROM orders WHERE pk = 'a' AND n = 0`, "denied"},
		"attributes of the select":  {"Select", `'ForAllValues:StringEquals':{'dynamodb:Attributes':['pk','sk']}`, `SELECT sk FROM orders WHERE pk = 'a'`, ""},
		"the whole row":             {"Select", `'StringEquals':{'dynamodb:Select':'SPECIFIC_ATTRIBUTES'}`, `SELECT * FROM orders WHERE pk = 'a'`, "denied"},
		"no full scan":              {"Select", `'Bool':{'dynamodb:FullTableScan':'false'}`, `SELECT * FROM orders WHERE n = 1`, "denied"},
		"no full scan, of a key":    {"Select", `'Bool':{'dynamodb:FullTableScan':'false'}`, `SELECT * FROM orders WHERE pk = 'a'`, ""},
		"no full scan, of several":  {"Select", `'Bool':{'dynamodb:FullTableScan':'false'}`, `SELECT * FROM orders WHERE pk = 'a' OR pk = 'b'`, ""},
		"no full scan by an OR":     {"Select", `'Bool':{'dynamodb:FullTableScan':'false'}`, `SELECT * FROM orders WHERE pk = 'a' OR n = 1`, "denied"},
		"one of several keys":       {"Select", `'ForAllValues:StringEquals':{'dynamodb:LeadingKeys':['a']}`, `SELECT * FROM orders WHERE pk IN ['a', 'b']`, "denied"},
		"its key":                   {"Update", `'ForAllValues:StringEquals':{'dynamodb:LeadingKeys':['a']}`, `UPDATE orders SET x = 1` + where, ""},
		"another's key":             {"Update", `'ForAllValues:StringEquals':{'dynamodb:LeadingKeys':['b']}`, `UPDATE orders SET x = 1` + where, "denied"},
		"what is returned":          {"Update", `'StringEquals':{'dynamodb:ReturnValues':'NONE'}`, `UPDATE orders SET x = 1` + where + ` RETURNING ALL OLD *`, "denied"},
		"changed attributes":        {"Update", `'ForAllValues:StringEquals':{'dynamodb:Attributes':['pk','sk','x']}`, `UPDATE orders SET x = n` + where, "denied"},
		"an update is no insert":    {"Insert", `'Bool':{'aws:SecureTransport':'false'}`, `UPDATE orders SET x = 1` + where, "denied"},
		"inserted attributes":       {"Insert", `'ForAllValues:StringEquals':{'dynamodb:Attributes':['pk','sk']}`, `INSERT INTO orders VALUE {'pk': 'n', 'sk': 's', 'x': 1}`, "denied"},
		"outside of transactions":   {"Delete", `'StringEquals':{'dynamodb:EnclosingOperation':'ExecuteTransaction'}`, `DELETE FROM orders` + where, "denied"},
		"deletes":                   {"Delete", `'ForAllValues:StringEquals':{'dynamodb:ReturnValues':['NONE']}`, `DELETE FROM orders` + where, ""},
		"an index by its own ARN":   {"Select", `'StringEquals':{'dynamodb:Select':'ALL_PROJECTED_ATTRIBUTES'}`, `SELECT * FROM orders."by-kind" WHERE kind = 'k1'`, ""},
		"classic actions do not do": {"X", `'Bool':{'aws:SecureTransport':'false'}`, `SELECT * FROM orders WHERE pk = 'a'`, "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := orders(t)
			who := e.user(account, "", nil, strings.ReplaceAll(`{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':'dynamodb:PartiQL`+tc.action+
				`','Resource':'*','Condition':{`+tc.condition+`}},{'Effect':'Allow','Action':['dynamodb:Query','dynamodb:Scan','dynamodb:GetItem'],'Resource':'*'}]}`, "'", `"`))
			got := e.exec(who, tc.text)
			if denied := got == errDenied.Error(); denied != (tc.want == "denied") {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A statement that was allowed to read an index by its key reads nothing if the index has meanwhile another key.
func TestStatementOfAnotherIndex(t *testing.T) {
	t.Parallel()
	e := orders(t)
	e.between = func() {
		e.must(root(), "UpdateTable", `{'TableName':'orders','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'by-kind'}}]}`)
		e.must(root(), "UpdateTable", `{'TableName':'orders','AttributeDefinitions':[{'AttributeName':'v','AttributeType':'S'}],
		 'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'by-kind','KeySchema':[{'AttributeName':'v','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`)
		if err := e.s.Work(t.Context(), e.now); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.exec(root(), `SELECT * FROM orders."by-kind" WHERE kind = 'k1'`); got != "Validation: The table does not have the specified index" {
		t.Errorf("got %s", got)
	}
	if got := e.exec(root(), `SELECT * FROM orders."by-kind" WHERE kind = 'k1'`); got != `{"Items":[]}` {
		t.Errorf("asked again: %s", got)
	}
}

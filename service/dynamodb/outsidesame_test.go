package dynamodb

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// steps are requests on the pooled table with what differs between the expressions of DynamoDB: each answer is the same wherever the
// rows are.
var steps = []struct{ op, input string }{
	{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#1'},'sk':{'S':'a'},'kind':{'S':'k1'},'n':{'N':'1.50'},'v':{'S':'x'},'m':{'M':{'l':{'L':[{'N':'1'},{'BOOL':true},{'NULL':true}]}}}},'ReturnValues':'ALL_OLD','ReturnConsumedCapacity':'TOTAL'}`},
	{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#1'},'sk':{'S':'b'},'kind':{'S':'k1'},'n':{'N':'2'},'tags':{'SS':['p','q']}}}`},
	{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#1'},'sk':{'S':'bb'},'kind':{'S':'k2'},'bin':{'B':'AAEC'}}}`},
	{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'globex#1'},'sk':{'S':'a'},'kind':{'S':'k1'},'n':{'N':'3'}}}`},
	{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#1'},'sk':{'S':'a'},'v':{'S':'new'}},'ConditionExpression':'attribute_not_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}`},
	{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#1'},'v':{'S':'no sort key'}}}`},
	{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#1'},'sk':{'S':'a'},'kind':{'N':'1'}}}`},
	{"GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'a'}},'ConsistentRead':true,'ReturnConsumedCapacity':'TOTAL'}`},
	{"GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'a'}},'ProjectionExpression':'m.l[1], #n','ExpressionAttributeNames':{'#n':'n'}}`},
	{"GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'none'}}}`},
	{"GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'}}}`},
	{"UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'a'}},'UpdateExpression':'SET n = n + :one, m.l[5] = :v REMOVE v ADD tags :t','ConditionExpression':'n < :max','ExpressionAttributeValues':{':one':{'N':'1'},':v':{'S':'y'},':t':{'SS':['z']},':max':{'N':'10'}},'ReturnValues':'ALL_NEW'}`},
	{"UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'a'}},'UpdateExpression':'SET n = :v','ConditionExpression':'n > :max','ExpressionAttributeValues':{':v':{'N':'0'},':max':{'N':'10'}},'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}`},
	{"UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'a'}},'UpdateExpression':'SET n = nothere + :v','ExpressionAttributeValues':{':v':{'N':'0'}}}`},
	{"UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'b'}},'AttributeUpdates':{'n':{'Action':'ADD','Value':{'N':'5'}}},'Expected':{'kind':{'ComparisonOperator':'EQ','AttributeValueList':[{'S':'k1'}]}},'ReturnValues':'UPDATED_NEW'}`},
	{"UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#2'},'sk':{'S':'new'}},'UpdateExpression':'SET kind = :k','ExpressionAttributeValues':{':k':{'S':'k2'}},'ReturnValues':'UPDATED_OLD'}`},
	{"UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#2'},'sk':{'S':'new'}},'UpdateExpression':'SET pk = :k','ExpressionAttributeValues':{':k':{'S':'k2'}}}`},
	{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}},'ReturnConsumedCapacity':'INDEXES'}`},
	{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p AND begins_with(sk, :s)','ExpressionAttributeValues':{':p':{'S':'acme#1'},':s':{'S':'b'}},'ScanIndexForward':false}`},
	{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p AND sk BETWEEN :a AND :b','ExpressionAttributeValues':{':p':{'S':'acme#1'},':a':{'S':'a'},':b':{'S':'b'}},'Limit':1}`},
	{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p AND sk > :a','ExpressionAttributeValues':{':p':{'S':'acme#1'},':a':{'S':'a'}},'ExclusiveStartKey':{'pk':{'S':'acme#1'},'sk':{'S':'b'}}}`},
	{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','FilterExpression':'n > :n','ProjectionExpression':'sk','ExpressionAttributeValues':{':p':{'S':'acme#1'},':n':{'N':'2'}},'Limit':2}`},
	{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}},'Select':'COUNT'}`},
	{"Query", `{'TableName':'pool','KeyConditions':{'pk':{'ComparisonOperator':'EQ','AttributeValueList':[{'S':'acme#1'}]},'sk':{'ComparisonOperator':'LE','AttributeValueList':[{'S':'b'}]}}}`},
	{"Query", `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','FilterExpression':'pk = :p','ExpressionAttributeValues':{':k':{'S':'k2'},':p':{'S':'acme#2'}}}`},
	{"Query", `{'TableName':'pool','IndexName':'by-n','KeyConditionExpression':'pk = :p AND n >= :n','ExpressionAttributeValues':{':p':{'S':'acme#1'},':n':{'N':'2.5'}}}`},
	{"Query", `{'TableName':'pool','IndexName':'by-n','KeyConditionExpression':'pk = :p AND n >= :n','Select':'ALL_ATTRIBUTES','Limit':1,'ExpressionAttributeValues':{':p':{'S':'acme#1'},':n':{'N':'0'}},'ReturnConsumedCapacity':'INDEXES'}`},
	{"Query", `{'TableName':'pool','IndexName':'by-n','KeyConditionExpression':'pk = :p','ExclusiveStartKey':{'pk':{'S':'acme#1'},'sk':{'S':'a'},'n':{'N':'2.5'}},'ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`},
	{"Query", `{'TableName':'pool','IndexName':'none','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`},
	{"Query", `{'TableName':'pool','KeyConditionExpression':'sk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`},
	{"Scan", `{'TableName':'pool','FilterExpression':'attribute_exists(tags) AND contains(tags, :t)','ExpressionAttributeValues':{':t':{'S':'q'}}}`},
	{"Scan", `{'TableName':'pool','Select':'COUNT','ReturnConsumedCapacity':'TOTAL'}`},
	{"Scan", `{'TableName':'pool','IndexName':'by-n','Select':'COUNT'}`},
	{"BatchGetItem", `{'RequestItems':{'pool':{'Keys':[{'pk':{'S':'acme#1'},'sk':{'S':'a'}},{'pk':{'S':'acme#9'},'sk':{'S':'a'}},{'pk':{'S':'globex#1'},'sk':{'S':'a'}}],'ProjectionExpression':'pk, n'}},'ReturnConsumedCapacity':'TOTAL'}`},
	{"BatchGetItem", `{'RequestItems':{'pool':{'Keys':[{'pk':{'S':'acme#1'},'sk':{'S':'a'}},{'pk':{'S':'acme#1'},'sk':{'S':'a'}}]}}}`},
	{"BatchGetItem", `{'RequestItems':{'none':{'Keys':[{'pk':{'S':'acme#1'},'sk':{'S':'a'}}]}}}`},
	{"BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'acme#3'},'sk':{'S':'a'},'v':{'S':'batch'}}}},{'DeleteRequest':{'Key':{'pk':{'S':'acme#1'},'sk':{'S':'bb'}}}}]}}`},
	{"BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'acme#3'},'sk':{'S':'a'}}}},{'DeleteRequest':{'Key':{'pk':{'S':'acme#3'},'sk':{'S':'a'}}}}]}}`},
	{"TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'a'}},'ProjectionExpression':'v'}},{'Get':{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'bb'}}}}],'ReturnConsumedCapacity':'TOTAL'}`},
	{"TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'pool','Key':{'pk':{'S':'acme#3'}}}}]}`},
	{"TransactWriteItems", `{'TransactItems':[{'Update':{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'a'}},'UpdateExpression':'ADD n :n','ExpressionAttributeValues':{':n':{'N':'7'}}}},{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#3'},'sk':{'S':'b'}},'ConditionExpression':'attribute_not_exists(pk)'}},{'Delete':{'TableName':'pool','Key':{'pk':{'S':'acme#2'},'sk':{'S':'new'}}}},{'ConditionCheck':{'TableName':'pool','Key':{'pk':{'S':'globex#1'},'sk':{'S':'a'}},'ConditionExpression':'n = :n','ExpressionAttributeValues':{':n':{'N':'3'}}}}]}`},
	{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#3'},'sk':{'S':'c'}}}},{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#3'},'sk':{'S':'b'},'v':{'S':'x'}},'ConditionExpression':'attribute_not_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}}]}`},
	{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'acme#3'},'sk':{'S':'c'}}}},{'Delete':{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'c'}}}}]}`},
	{"DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'b'}},'ReturnValues':'ALL_OLD'}`},
	{"DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'b'}},'ReturnValues':'ALL_OLD'}`},
	{"DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#3'},'sk':{'S':'a'}},'ConditionExpression':'n = :n','ExpressionAttributeValues':{':n':{'N':'8'}}}`},
	{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#3'}}}`},
}

var tableIDs = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// TestOutsideSameAnswers: a table whose rows an outside engine keeps, sealed or not, answers as one whose rows are here.
func TestOutsideSameAnswers(t *testing.T) { //nolint:paralleltest // its parts have one table of the engine
	for name, seal := range map[string]string{"outside": "", "sealed": sealTag1} {
		t.Run(name, func(t *testing.T) {
			here := newEnv(t)
			e, _ := engineOf(t)
			pooledIn(here, "deny", "")
			pooledIn(e, "deny", seal)
			for i, s := range steps {
				want, got := here.told(s.op, s.input), e.told(s.op, s.input)
				if alike(got) != alike(want) {
					t.Errorf("step %d: %s %s\n got %s\nwant %s", i, s.op, s.input, got, want)
				}
			}
		})
	}
}

// alike is an answer without what differs anyway: ids, and the order of attributes, which engines choose.
func alike(told string) string {
	text, members, failed := strings.Cut(told, "{")
	if members = "{" + members; failed && text != "" {
		members += "}" // of an error, whose members are told without an end
	}
	var doc any
	if json.Unmarshal([]byte(members), &doc) == nil {
		if b, err := json.Marshal(doc); err == nil {
			told = text + string(b)
		}
	}
	return tableIDs.ReplaceAllString(told, "ID")
}

// told is result with the members of errors.
func (e *env) told(op, input string) string {
	e.t.Helper()
	out, err := e.op(root(), op, input)
	if err == nil {
		return out
	}
	f := fault.From(err)
	members := ""
	if w, ok := f.Shape.(interface{ AppendMembersJSON([]byte) []byte }); ok {
		members = string(w.AppendMembersJSON([]byte("{")))
	}
	return f.Class.String() + " " + f.Code + ": " + f.Message + members
}

// TestOutsidePages reads all rows page by page, of the table and of indexes, in either direction and by segments.
func TestOutsidePages(t *testing.T) {
	t.Parallel()
	for name, seal := range map[string]string{"outside": "", "sealed": sealTag1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := newFarEnv(t)
			pooledIn(e, "filter", seal)
			for _, pk := range []string{"acme#7", "globex#7", "acme#8"} {
				for _, sk := range strings.Split("abcdefg", "") {
					e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'`+pk+`'},'sk':{'S':'`+sk+`'},'kind':{'S':'all'},'n':{'N':'1'}}}`)
				}
			}
			who := e.user(account, "acme", nil, quoted(wide))
			for query, want := range map[string]int{
				`'KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#7'}}`:                             7,
				`'KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#7'}},'ScanIndexForward':false`:    7,
				`'IndexName':'by-kind','KeyConditionExpression':'kind = :p','ExpressionAttributeValues':{':p':{'S':'all'}}`:        14,
				`'IndexName':'by-n','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#8'}}`:          7,
				`'FilterExpression':'kind = :p','ExpressionAttributeValues':{':p':{'S':'all'}}`:                                    14,
				`'IndexName':'by-kind','FilterExpression':'begins_with(pk, :p)','ExpressionAttributeValues':{':p':{'S':'acme#7'}}`: 7,
			} {
				op := "Query"
				if !strings.Contains(query, "KeyCondition") {
					op = "Scan"
				}
				if got := e.countPages(who, op, query+`,'Limit':3`); got != want {
					t.Errorf("%s %s: %d rows of %d", op, query, got, want)
				}
			}
			sum := 0
			for _, segment := range []string{"0", "1", "2"} {
				sum += e.countPages(who, "Scan", `'Segment':`+segment+`,'TotalSegments':3,'Limit':2`)
			}
			if sum != 16 { // with the two that the pool begins with
				t.Errorf("segments hold %d rows", sum)
			}
		})
	}
}

// countPages counts what a query finds in all its pages, none of which may tell of a foreign row.
func (e *env) countPages(who caller, op, query string) (n int) {
	e.t.Helper()
	start := ""
	for range 40 {
		out := e.must(who, op, `{'TableName':'pool',`+query+start+`}`)
		if strings.Contains(out, "globex") {
			e.t.Fatalf("%s shows a hidden row: %s", query, out)
		}
		n += strings.Count(out, `"pk":`) - strings.Count(out, `"LastEvaluatedKey"`)
		_, last, more := strings.Cut(out, `"LastEvaluatedKey":`)
		if !more {
			return n
		}
		start = `,'ExclusiveStartKey':` + last[:strings.Index(last, "}}")+2]
	}
	e.t.Fatalf("%s has no end", query)
	return n
}

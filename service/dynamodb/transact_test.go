package dynamodb

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

func TestTransactionsAreIdempotent(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	add := func(token, by string) string {
		return `{'TransactItems':[{'Update':{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}},'UpdateExpression':'ADD n :n',
		 'ExpressionAttributeValues':{':n':{'N':'` + by + `'}}}}],'ClientRequestToken':'` + token + `','ReturnConsumedCapacity':'TOTAL'}`
	}
	count := func() string {
		return e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}},'ProjectionExpression':'n'}`)
	}
	first := e.must(root(), "TransactWriteItems", add("one", "1"))
	if !strings.Contains(first, `"WriteCapacityUnits":2`) {
		t.Error(first)
	}
	again := e.must(root(), "TransactWriteItems", add("one", "1"))
	if !strings.Contains(again, `"ReadCapacityUnits":2`) || strings.Contains(again, "WriteCapacityUnits") {
		t.Error(again)
	}
	if got := count(); !strings.Contains(got, `{"N":"1"}`) {
		t.Errorf("the same token wrote twice: %s", got)
	}
	if got := e.result(root(), "TransactWriteItems", add("one", "2")); !strings.HasPrefix(got, "IdempotentParameterMismatchException: ") {
		t.Error(got)
	}
	// Another role's or tenant's token is another one, though the text is the same.
	e.must(e.user(account, "", nil, quoted(wide)), "TransactWriteItems", add("one", "10"))
	e.must(e.user(account, "acme", nil, quoted(wide)), "TransactWriteItems", add("one", "100"))
	if got := count(); !strings.Contains(got, `{"N":"111"}`) {
		t.Error(got)
	}
	e.now = e.now.Add(tokenLife)
	e.must(root(), "TransactWriteItems", add("one", "1000"))
	if got := count(); !strings.Contains(got, `{"N":"1111"}`) {
		t.Errorf("the token outlived ten minutes: %s", got)
	}
	if err := e.s.Work(context.Background(), e.now); err != nil {
		t.Fatal(err)
	}
	if n := e.tokens(); n != 1 {
		t.Errorf("%d tokens are kept, of which one is not over", n)
	}
	if err := e.s.Work(context.Background(), e.now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := e.tokens(); n != 0 {
		t.Errorf("%d tokens are kept", n)
	}
}

func (e *env) tokens() (n int) {
	e.t.Helper()
	err := system.View(context.Background(), e.s.db, name, func(tx *store.Tx) error {
		recs, err := tx.Records(account, region)
		if err != nil {
			return err
		}
		return recs.Scan(store.K("token"), nil, func(store.Key, []byte) bool { n++; return true })
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

// A request is the same whatever the order of its attributes, and another for any other difference.
func TestTokenDigest(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	put := func(item, more string) string {
		return `{'TransactItems':[{'Put':{'TableName':'pool','Item':` + item + more + `}}],'ClientRequestToken':'x'}`
	}
	e.must(root(), "TransactWriteItems", put(`{'pk':{'S':'a'},'sk':{'S':'s'},'m':{'M':{'x':{'N':'1'},'y':{'SS':['a','b']}}}}`, ""))
	for input, same := range map[string]bool{
		put(`{'m':{'M':{'y':{'SS':['b','a']},'x':{'N':'1.0'}}},'sk':{'S':'s'},'pk':{'S':'a'}}`, ""):                                            true,
		put(`{'pk':{'S':'a'},'sk':{'S':'s'}}`, ""):                                                                                             false,
		put(`{'pk':{'S':'a'},'sk':{'S':'s'},'m':{'M':{'x':{'N':'1'},'y':{'SS':['a','b']}}}}`, `,'ConditionExpression':'attribute_exists(pk)'`): false,
		put(`{'pk':{'S':'a'},'sk':{'S':'s'},'m':{'M':{'x':{'N':'1'},'y':{'L':[]}}}}`, ""):                                                      false,
	} {
		if got := e.result(root(), "TransactWriteItems", input); strings.HasPrefix(got, "{") != same {
			t.Errorf("%s: %s", input, got)
		}
	}
}

func TestTransactionErrors(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'},'v':{'S':'old'}}}`)
	_, err := e.op(root(), "TransactWriteItems", `{'TransactItems':[
	 {'Put':{'TableName':'pool','Item':{'pk':{'S':'b'},'sk':{'S':'s'}}}},
	 {'Delete':{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}},'ConditionExpression':'attribute_not_exists(pk)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'}}]}`)
	var f *fault.Error
	if !errors.As(err, &f) || f.Message != "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]" {
		t.Fatalf("%v", err)
	}
	shape, ok := f.Shape.(*api.TransactionCanceledException)
	if !ok || len(shape.CancellationReasons) != 2 || *shape.CancellationReasons[0].Code != "None" || shape.CancellationReasons[0].Message != nil ||
		*shape.CancellationReasons[1].Message != "The conditional request failed" || shape.CancellationReasons[1].Item.Get("v").Str() != "old" {
		t.Errorf("%+v", f.Shape)
	}
	if got := e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'b'},'sk':{'S':'s'}}}`); got != "{}" {
		t.Errorf("a cancelled transaction wrote: %s", got)
	}
	for _, c := range []struct{ op, input, want string }{
		{"TransactWriteItems", `{'TransactItems':[{'Delete':{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}},{'ConditionCheck':{'TableName':'` + poolARN + `','Key':{'pk':{'S':'a'},'sk':{'S':'s'}},'ConditionExpression':'attribute_exists(pk)'}}]}`,
			"Validation: Transaction request cannot include multiple operations on one item"},
		{"TransactWriteItems", `{'TransactItems':[{}]}`, "Validation: TransactItems can only contain one of Check, Put, Update or Delete"},
		{"TransactWriteItems", `{'TransactItems':[{'Delete':{'TableName':'none','Key':{'pk':{'S':'a'}}}}]}`, "ResourceNotFoundException: Requested resource not found"},
		{"TransactWriteItems", `{'TransactItems':[{'Delete':{'TableName':'pool','Key':{'pk':{'S':'a'}}}}]}`, "TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError]"},
		{"TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}},'ProjectionExpression':'nothing'}}]}`, `{"Responses":[{}]}`},
		{"BatchGetItem", `{'RequestItems':{'none':{'Keys':[{'pk':{'S':'a'}}],'ProjectionExpression':'a'},'more':{'Keys':[{'pk':{'S':'a'}}],'AttributesToGet':['a']}}}`,
			"Validation: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"},
		{"TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'none','Key':{'pk':{'S':'a'}}}}]}`, "ResourceNotFoundException: Requested resource not found"},
		{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}},'ConditionExpression':'v = :v','ExpressionAttributeValues':{':v':{'S':'x'}}}`, "ConditionalCheckFailedException: The conditional request failed"},
		{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}},'ReturnValues':'ALL_NEW'}`, "Validation: ReturnValues can only be ALL_OLD or NONE"},
		{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}},'ExpressionAttributeNames':{'#a':'b'}}`, "Validation: ExpressionAttributeNames can only be specified when using expressions"},
		{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}},'ConditionalOperator':'OR'}`, "Validation: One or more parameter values were invalid: ConditionalOperator cannot be used without Filter or Expected"},
		{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}},'ConditionExpression':'v','Expected':{}}`, "Validation: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"},
		{"Query", `{'TableName':'none','KeyConditionExpression':'','ExclusiveStartKey':{'pk':{}}}`, "Validation: The provided starting key is invalid: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{"Query", `{'TableName':'pool','KeyConditions':{'pk':{'ComparisonOperator':'EQ','AttributeValueList':[{'S':'none'}]}},'FilterExpression':'attribute_exists(v)'}`, `{"Count":0,"Items":[],"ScannedCount":0}`},
		{"Query", `{'TableName':'pool','KeyConditions':{},'KeyConditionExpression':'pk = :p'}`, "Validation: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}"},
		{"Scan", `{'TableName':'pool','Segment':1,'ExclusiveStartKey':{'pk':{'N':'x'}}}`, "Validation: The parameter cannot be converted to a numeric value: x"},
		{"Scan", `{'TableName':'pool','Segment':1,'ExpressionAttributeNames':{'#a':'a'}}`, "Validation: ExpressionAttributeNames can only be specified when using expressions"},
		{"Query", `{'TableName':'pool'}`, "Validation: Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."},
		{"Scan", `{'TableName':'pool','Segment':1}`, "Validation: The TotalSegments parameter is required but was not present in the request when Segment parameter is present"},
		{"Scan", `{'TableName':'pool','IndexName':'none'}`, "Validation: The table does not have the specified index: none"},
		{"BatchGetItem", `{'RequestItems':{'pool':{'Keys':[{'pk':{'S':'a'},'sk':{'S':'s'}},{'pk':{'S':'a'},'sk':{'S':'s'}}]}}}`, "Validation: Provided list of item keys contains duplicates"},
		{"BatchWriteItem", `{'RequestItems':{'pool':[{'DeleteRequest':{'Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}},{'PutRequest':{'Item':{'pk':{'S':'a'},'sk':{'S':'s'}}}}]}}`, "Validation: Provided list of item keys contains duplicates"},
		{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'a'}},'Limit':0}`,
			"Validation: 1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"Scan", `{'TableName':'pool','Limit':0}`,
			"Validation: 1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		// What no table takes is refused before a table is looked for.
		{"GetItem", `{'TableName':'none','Key':{'pk':{}},'ProjectionExpression':''}`, "Validation: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{"GetItem", `{'TableName':'none','Key':{'pk':{}},'ExpressionAttributeNames':{'#a':'a'}}`, "Validation: ExpressionAttributeNames can only be specified when using expressions"},
		{"PutItem", `{'TableName':'none','Item':{'pk':{}},'ReturnValues':'ALL_NEW','ConditionExpression':''}`, "Validation: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{"PutItem", `{'TableName':'none','Item':{'pk':{'S':'` + strings.Repeat("x", item.MaxItem) + `'}},'ConditionExpression':''}`, "Validation: Item size has exceeded the maximum allowed size"},
		{"UpdateItem", `{'TableName':'none','Key':{'pk':{'N':'x'}},'UpdateExpression':''}`, "Validation: The parameter cannot be converted to a numeric value: x"},
		{"DeleteItem", `{'TableName':'none','Key':{'pk':{'N':'x'}},'ConditionExpression':''}`, "Validation: The parameter cannot be converted to a numeric value: x"},
		{"DeleteItem", `{'TableName':'none','Key':{'pk':{'N':'x'}},'ConditionExpression':'a = b','Expected':{}}`, "Validation: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"},
		{"BatchGetItem", `{'RequestItems':{'none':{'Keys':[{'pk':{'N':'x'}}]}}}`, "Validation: The parameter cannot be converted to a numeric value: x"},
		{"BatchWriteItem", `{'RequestItems':{'none':[{'PutRequest':{'Item':{'pk':{'N':'x'}}}}]}}`, "Validation: The parameter cannot be converted to a numeric value: x"},
		{"BatchWriteItem", `{'RequestItems':{'none':[{'DeleteRequest':{'Key':{'pk':{'N':'x'}}}}]}}`, "Validation: The parameter cannot be converted to a numeric value: x"},
		{"DescribeTimeToLive", `{}`, "Validation: The parameter 'TableName' is required but was not present in the request"},
		{"BatchGetItem", `{'RequestItems':{}}`, "Validation: The requestItems parameter is required for BatchGetItem"},
		{"BatchGetItem", `{'RequestItems':{'none':{'Keys':[]}}}`,
			"Validation: 1 validation error detected: Value '[]' at 'requestItems.none.member.keys' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"BatchGetItem", `{'RequestItems':{'none':{'Keys':[` + repeat(`{'pk':{'S':'a'}}`, 101) + `]}}}`,
			"Validation: 1 validation error detected: Value at 'RequestItems.none.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100"},
		{"BatchGetItem", `{'RequestItems':{'none':{'Keys':[` + repeat(`{'pk':{'S':'a'}}`, 51) + `]},'more':{'Keys':[` + repeat(`{'pk':{'S':'a'}}`, 50) + `]}}}`,
			"Validation: Too many items requested for the BatchGetItem call"},
		{"BatchWriteItem", `{'RequestItems':{}}`, "Validation: The requestItems parameter is required for BatchWriteItem"},
		{"BatchWriteItem", `{'RequestItems':{'none':[` + repeat(`{'DeleteRequest':{'Key':{'pk':{'S':'secret'}}}}`, 26) + `]}}`,
			"Validation: 1 validation error detected: Value '{none=[...]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"},
		{"BatchWriteItem", `{'RequestItems':{'none':[` + repeat(`{'DeleteRequest':{'Key':{'pk':{'S':'a'}}}}`, 13) + `],'more':[` + repeat(`{'DeleteRequest':{'Key':{'pk':{'S':'a'}}}}`, 13) + `]}}`,
			"Validation: Too many items requested for the BatchWriteItem call"},
		{"TransactGetItems", `{'TransactItems':[` + repeat(`{'Get':{'TableName':'none','Key':{'pk':{'S':'secret'}}}}`, 101) + `]}`,
			"Validation: 1 validation error detected: Value '[...]' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100"},
		{"BatchWriteItem", `{'RequestItems':{'none':[{'DeleteRequest':{'Key':{'pk':{'S':'a'}}}}]}}`, "ResourceNotFoundException: Requested resource not found"},
		{"TagResource", `{'ResourceArn':'arn:aws:dynamodb:eu-central-1:111111111111:table/none','Tags':[{'Key':'a','Value':'b'}]}`, "ResourceNotFoundException: Requested resource not found: ResourcArn: arn:aws:dynamodb:eu-central-1:111111111111:table/none not found"},
		{"TagResource", `{'ResourceArn':'arn:aws:dynamodb:eu-central-1:111111111111:table/none','Tags':[]}`, "Validation: Atleast one Tag needs to be provided as Input."},
		{"UntagResource", `{'ResourceArn':'arn:aws:dynamodb:eu-central-1:111111111111:table/none','TagKeys':[]}`, "Validation: Atleast one Tag Key needs to be provided as Input."},
		{"BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'a'}}}}]}}`, "Validation: The provided key element does not match the schema"},
		{"BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'N':'1'},'sk':{'S':'s'}}}}]}}`, "Validation: The provided key element does not match the schema"},
		{"BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':''},'sk':{'S':'s'}}}}]}}`, "Validation: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"Scan", `{'TableName':'pool','Segment':1,'TotalSegments':1,'FilterExpression':''}`, "Validation: The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 1 is not less than TotalSegments: 1"},
		{"Scan", `{'TableName':'pool','AttributesToGet':['a','a'],'ScanFilter':{'a':{'ComparisonOperator':'EQ'}}}`, "Validation: One or more parameter values were invalid: Duplicate value in attribute name: a"},
		{"Query", `{'TableName':'none','KeyConditions':{'a':{'ComparisonOperator':'NULL'}}}`, "ResourceNotFoundException: Requested resource not found"},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'none','Item':{'pk':{'S':'` + strings.Repeat("x", item.MaxItem) + `'}}}}]}`, "Validation: Item size has exceeded the maximum allowed size"},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'none','Item':{'pk':{'N':'x'}}}}]}`, "Validation: The parameter cannot be converted to a numeric value: x"},
		{"TagResource", `{'ResourceArn':'` + poolARN + `','Tags':[{'Key':'d%g','Value':'x'}]}`, "Validation: One or more parameter values were invalid: Tags hold letters, spaces, numbers and _.:/=+-@ only: d%g"},
		{"TagResource", `{'ResourceArn':'` + poolARN + `','Tags':[{'Key':'dog','Value':'hi!'}]}`, "Validation: One or more parameter values were invalid: Tags hold letters, spaces, numbers and _.:/=+-@ only: dog"},
		{"PutItem", `{'TableName':'none','Item':{'pk':{'S':'a'},'':{'N':'1'}}}`, "Validation: One or more parameter values were invalid: Empty attribute name"},
		{"UpdateItem", `{'TableName':'none','Key':{'pk':{'S':'a'}},'AttributeUpdates':{'':{'Value':{'N':'1'}}}}`, "Validation: One or more parameter values were invalid: Empty attribute name"},
		{"GetItem", `{'TableName':'none','Key':{'pk':{'S':'a'}},'AttributesToGet':['']}`, "Validation: One or more parameter values were invalid: Empty attribute name"},
		{"GetItem", `{'TableName':'none','Key':{'pk':{'S':'a'}},'ProjectionExpression':'#a','ExpressionAttributeNames':{'#a':''}}`, "Validation: ExpressionAttributeNames contains invalid value: Empty attribute name for key #a"},
		{"UpdateTable", `{'TableName':'pool','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'none'}},{'Delete':{'IndexName':'none2'}}]}`, "LimitExceededException: Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"},
		{"TagResource", `{'ResourceArn':'arn:aws:s3:::x','Tags':[]}`, "Validation: Invalid TableArn: Invalid ResourceArn provided as input arn:aws:s3:::x"},
		{"DescribeTimeToLive", `{'TableName':'pool'}`, `{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`},
		{"DescribeContinuousBackups", `{'TableName':'none'}`, "TableNotFoundException: Table not found: none"},
	} {
		if got := e.result(root(), c.op, c.input); got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.op, c.input, got, c.want)
		}
	}
}

// repeat is a JSON list of n times the element, without its brackets.
func repeat(element string, n int) string {
	return strings.TrimSuffix(strings.Repeat(element+",", n), ",")
}

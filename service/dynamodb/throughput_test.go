package dynamodb

import (
	"fmt"
	"strings"
	"testing"
)

// Table and index have maximums of their own, and each bounds what is its.
func TestMaximumOfAnIndex(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.s.enforce = true
	e.makePool("")
	limit := func(units string) {
		e.must(root(), "UpdateTable", `{'TableName':'pool','GlobalSecondaryIndexUpdates':[{'Update':{'IndexName':'by-kind','OnDemandThroughput':`+units+`}}]}`)
	}
	limit(`{'MaxReadRequestUnits':1}`)
	limit(`{'MaxWriteRequestUnits':2}`)
	const described = "map[MaxReadRequestUnits:1 MaxWriteRequestUnits:2]"
	indexes, _ := get(t, e.must(root(), "DescribeTable", `{'TableName':'pool'}`), "Table", "GlobalSecondaryIndexes").([]any)
	if got := fmt.Sprint(indexes[0].(map[string]any)["OnDemandThroughput"]); got != described {
		t.Errorf("described as %s", got)
	}
	const query = `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'x'}}}`
	if n, got := e.until(root(), "Query", query); n != 600 || got != overMaximum {
		t.Errorf("%d queries of the index, half a unit each: %s", n, got)
	}
	e.must(root(), "GetItem", getOne)
	for range 700 {
		e.must(root(), "PutItem", putOne) // no key of the index
	}
	put := strings.Replace(putOne, "'s'}}", "'s'},'kind':{'S':'x'}}", 1)
	for i := range 300 { // 1 unit to begin with, 2 to move an entry, of 600
		e.must(root(), "PutItem", strings.Replace(put, "'x'", fmt.Sprintf("'%d'", i%2), 1))
	}
	e.must(root(), "PutItem", put)
	if got := e.result(root(), "PutItem", put); got != overMaximum {
		t.Errorf("writes: %s", got)
	}
	limit(`{'MaxReadRequestUnits':-1}`)
	e.must(root(), "Query", query)
	e.must(root(), "UpdateTable", `{'TableName':'pool','BillingMode':'PROVISIONED','ProvisionedThroughput':{'ReadCapacityUnits':5,'WriteCapacityUnits':5},`+
		`'GlobalSecondaryIndexUpdates':[{'Update':{'IndexName':'by-kind','ProvisionedThroughput':{'ReadCapacityUnits':5,'WriteCapacityUnits':5}}}]}`)
	if got := e.must(root(), "DescribeTable", `{'TableName':'pool'}`); strings.Contains(got, "OnDemandThroughput") {
		t.Errorf("a provisioned table has a maximum: %s", got)
	}
}

func TestWarmThroughput(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(`,'WarmThroughput':{'ReadUnitsPerSecond':13000}`)
	warm := func() string {
		return fmt.Sprint(get(t, e.must(root(), "DescribeTable", `{'TableName':'pool'}`), "Table", "WarmThroughput"))
	}
	if got := warm(); got != "map[ReadUnitsPerSecond:13000 Status:ACTIVE WriteUnitsPerSecond:4000]" {
		t.Error(got)
	}
	change := func(units string) string {
		return e.result(root(), "UpdateTable", `{'TableName':'pool','WarmThroughput':`+units+`}`)
	}
	const lower = "Validation: " + wrong + "Requested %s %d of WarmThroughput for table pool is lower than the current or the least value of %d"
	for units, want := range map[string]string{
		`{'ReadUnitsPerSecond':12999}`:          fmt.Sprintf(lower, "ReadUnitsPerSecond", 12999, 13000),
		`{'WriteUnitsPerSecond':3999}`:          fmt.Sprintf(lower, "WriteUnitsPerSecond", 3999, 4000),
		`{'WriteUnitsPerSecond':2000000000000}`: "Validation: Given value 2000000000000 for WriteUnitsPerSecond is out of bounds",
		`{}`:                                    "Validation: " + wrong + "At least one of ReadUnitsPerSecond and WriteUnitsPerSecond must be specified in WarmThroughput",
	} {
		if got := change(units); got != want {
			t.Errorf("%s: %s", units, got)
		}
	}
	if got := change(`{'WriteUnitsPerSecond':5000}`); !strings.HasPrefix(got, "{") || warm() != "map[ReadUnitsPerSecond:13000 Status:ACTIVE WriteUnitsPerSecond:5000]" {
		t.Error(got, warm())
	}
	e.must(root(), "UpdateTable", `{'TableName':'pool','GlobalSecondaryIndexUpdates':[{'Update':{'IndexName':'by-kind','WarmThroughput':{'ReadUnitsPerSecond':20000}}}]}`)
	if got := e.must(root(), "DescribeTable", `{'TableName':'pool'}`); !strings.Contains(got, `"WarmThroughput":{"ReadUnitsPerSecond":20000,"Status":"ACTIVE","WriteUnitsPerSecond":4000}`) {
		t.Error(got)
	}
}

func TestUpdatesThatAreRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const units = `{'ReadCapacityUnits':5,'WriteCapacityUnits':5}`
	in := strings.Replace(fmt.Sprintf(pool, `,'ProvisionedThroughput':`+units), "'PAY_PER_REQUEST'", "'PROVISIONED'", 1)
	e.must(root(), "CreateTable", strings.Replace(in, `'Projection':{`, `'ProvisionedThroughput':`+units+`,'Projection':{`, 1))
	index := func(update string) string { return `'GlobalSecondaryIndexUpdates':[` + update + `]` }
	for update, want := range map[string]string{
		index(`{'Update':{'IndexName':'by-kind','ProvisionedThroughput':` + units + `}}`): "Validation: The provisioned throughput for the index by-kind will not change. The requested value equals the current value. " +
			"Current ReadCapacityUnits provisioned for the index: 5. Requested ReadCapacityUnits: 5. Current WriteCapacityUnits provisioned for the index: 5. Requested WriteCapacityUnits: 5. " +
			"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
		index(`{'Update':{'IndexName':'by-kind','ProvisionedThroughput':{'ReadCapacityUnits':6,'WriteCapacityUnits':5}}},{'Delete':{'IndexName':'by-kind'}}`): "Validation: " + wrong + "Only one global secondary index update per index is allowed simultaneously. Index: by-kind",
		index(`{'Update':{'IndexName':'by-kind'}}`):                                      "Validation: " + wrong + "At least one of ProvisionedThroughput, OnDemandThroughput and WarmThroughput must be specified for index: by-kind",
		index(`{'Update':{'IndexName':'none','ProvisionedThroughput':` + units + `}}`):   "ResourceNotFoundException: Requested resource not found",
		`'OnDemandThroughput':{'MaxReadRequestUnits':1}`:                                 "Validation: " + wrong + "OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST",
		`'BillingMode':'PAY_PER_REQUEST','OnDemandThroughput':{'MaxReadRequestUnits':0}`: "Validation: Given value 0 for MaxReadRequestUnits is out of bounds",
		`'BillingMode':'PAY_PER_REQUEST','OnDemandThroughput':{}`:                        "Validation: " + wrong + "At least one of MaxReadRequestUnits and MaxWriteRequestUnits must be specified in OnDemandThroughput",
		`'SSESpecification':{'Enabled':true},'DeletionProtectionEnabled':true`:           "Validation: " + wrong + "Server-Side Encryption modification must be the only operation in the request",
		`'WarmThroughput':{'ReadUnitsPerSecond':4}`:                                      "Validation: " + wrong + "Requested ReadUnitsPerSecond 4 of WarmThroughput for table pool is lower than the current or the least value of 5",
	} {
		if got := e.result(root(), "UpdateTable", `{'TableName':'pool',`+update+`}`); got != want {
			t.Errorf("%s:\n got %s\nwant %s", update, got, want)
		}
	}
	if got := e.must(root(), "DescribeTable", `{'TableName':'pool'}`); !strings.Contains(got, `"ReadCapacityUnits":5`) || strings.Contains(got, "PAY_PER_REQUEST") {
		t.Errorf("a refused update was done: %s", got)
	}
}

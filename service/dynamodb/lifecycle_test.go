package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

const pool = `{'TableName':'pool','BillingMode':'PAY_PER_REQUEST',
 'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},{'AttributeName':'sk','AttributeType':'S'},{'AttributeName':'kind','AttributeType':'S'}],
 'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}],
 'GlobalSecondaryIndexes':[{'IndexName':'by-kind','KeySchema':[{'AttributeName':'kind','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}]%s}`

const poolARN = "arn:aws:dynamodb:eu-central-1:111111111111:table/pool"

func (e *env) makePool(more string) {
	e.t.Helper()
	e.must(root(), "CreateTable", fmt.Sprintf(pool, more))
}

func TestTableLifecycle(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const gone = "ResourceNotFoundException: Requested resource not found: Table: pool not found"
	if got := e.result(root(), "DescribeTable", `{'TableName':'pool'}`); got != gone {
		t.Error(got)
	}
	e.makePool(`,'DeletionProtectionEnabled':true`)
	if got := e.result(root(), "CreateTable", fmt.Sprintf(pool, "")); got != "ResourceInUseException: Table already exists: pool" {
		t.Error(got)
	}
	d := e.must(root(), "DescribeTable", `{'TableName':'`+poolARN+`'}`)
	for _, want := range []string{`"TableStatus":"ACTIVE"`, `"TableArn":"` + poolARN + `"`, `"IndexStatus":"ACTIVE"`,
		`"BillingMode":"PAY_PER_REQUEST"`, `"KeyType":"RANGE"`, `"DeletionProtectionEnabled":true`} {
		if !strings.Contains(d, want) {
			t.Errorf("%s lacks %s", d, want)
		}
	}
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'b'},'kind':{'S':'k'}}}`)
	if got := e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'b'}}}`); !strings.Contains(got, `"kind":{"S":"k"}`) {
		t.Error(got)
	}
	if got := e.result(root(), "DeleteTable", `{'TableName':'pool'}`); !strings.HasPrefix(got, "Validation: Resource cannot be deleted as it is currently protected") {
		t.Error(got)
	}
	e.must(root(), "UpdateTable", `{'TableName':'pool','DeletionProtectionEnabled':false}`)
	if got := e.must(root(), "DeleteTable", `{'TableName':'pool'}`); !strings.Contains(got, `"TableStatus":"DELETING"`) {
		t.Error(got)
	}
	if got := e.result(root(), "DescribeTable", `{'TableName':'pool'}`); got != gone {
		t.Error(got)
	}
	if got := e.result(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'b'}}}`); got != "ResourceNotFoundException: Requested resource not found" {
		t.Error(got)
	}
	e.makePool("")
	if got := e.must(root(), "Scan", `{'TableName':'pool'}`); !strings.Contains(got, `"Count":0`) {
		t.Errorf("a new table of the name shows old rows: %s", got)
	}
	if err := e.s.Work(context.Background(), e.now); err != nil {
		t.Fatal(err)
	}
}

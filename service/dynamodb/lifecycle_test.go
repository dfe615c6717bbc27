package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
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

func TestCreateTableRefusals(t *testing.T) {
	t.Parallel()
	const (
		defs = `'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}]`
		two  = `'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},{'AttributeName':'sk','AttributeType':'S'}]`
		hash = `'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}]`
		both = `'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}]`
		name = `'TableName':'new','BillingMode':'PAY_PER_REQUEST',`
		one  = "Validation: One or more parameter values were invalid: "
	)
	gsi := func(s string) string { return `,'GlobalSecondaryIndexes':[` + s + `]` }
	lsi := func(s string) string { return `,'LocalSecondaryIndexes':[` + s + `]` }
	all := `'Projection':{'ProjectionType':'ALL'}`
	e := newEnv(t)
	for _, c := range []struct{ input, want string }{
		{`'TableName':'ab',` + defs + `,` + hash, "Validation: 1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		{`'TableName':'a/bc',` + defs + `,` + hash, "Validation: 1 validation error detected: Value 'a/bc' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{`'TableName':'arn:aws:dynamodb:eu-west-1:111111111111:table/new',` + defs + `,` + hash, "Validation: Invalid TableArn: Invalid ResourceArn provided as input arn:aws:dynamodb:eu-west-1:111111111111:table/new"},
		{`'TableName':'new',` + defs + `,` + hash, one + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		{name + defs + `,` + hash + `,'ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':1}`, one + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"},
		{defs + `,` + hash, "Validation: The parameter 'TableName' is required but was not present in the request"},
		{`'TableName':'a/','KeySchema':[]`, "Validation: 2 validation errors detected: Value 'a/' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3; " +
			"Value 'a/' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{name + `'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'X'}],` + hash, "Validation: 1 validation error detected: Value 'X' at 'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: Member must satisfy enum value set: [B, N, S]"},
		{name + defs + `,'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'},{'AttributeName':'zk','KeyType':'RANGE'}]`,
			"Validation: 1 validation error detected: Value '[KeySchemaElement(attributeName=pk, keyType=HASH), KeySchemaElement(attributeName=sk, keyType=RANGE), " +
				"KeySchemaElement(attributeName=zk, keyType=RANGE)]' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"},
		{name + defs + `,` + both, "Validation: Invalid KeySchema: Some index key attribute have no definition"},
		{name + `'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},{'AttributeName':'zz','AttributeType':'S'}],` + both, one + "Some index key attributes are not defined in AttributeDefinitions. Keys: [pk, sk], AttributeDefinitions: [pk, zz]"},
		{name + two + `,` + hash, one + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		{name + defs + `,'KeySchema':[{'AttributeName':'pk','KeyType':'RANGE'}]`, "Validation: Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{name + two + `,'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'HASH'}]`, "Validation: Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"},
		{name + defs + `,'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'pk','KeyType':'RANGE'}]`, "Validation: Invalid KeySchema: Some index key attribute have no definition"},
		{name + two + `,'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'pk','KeyType':'RANGE'}]`, "Validation: Both the Hash Key and the Range Key element in the KeySchema have the same name"},
		{name + `'AttributeDefinitions':[],` + hash, "Validation: Invalid KeySchema: Some index key attribute have no definition"},
		{name + two + `,'KeySchema':[{'AttributeName':'zk','KeyType':'RANGE'},{'AttributeName':'zk','KeyType':'RANGE'}]`, one + "Some index key attributes are not defined in AttributeDefinitions. Keys: [zk, zk], AttributeDefinitions: [pk, sk]"},
		{name + two + `,` + both + lsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'Projection':{}}`), one + "Index KeySchema does not have a range key for index: idx"},
		{name + defs + `,` + hash + gsi(""), one + "List of GlobalSecondaryIndexes is empty"},
		{name + defs + `,` + hash + lsi(""), one + "List of LocalSecondaryIndexes is empty"},
		{name + two + `,` + hash + gsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'zz','KeyType':'HASH'}],`+all+`}`), one + "Some index key attributes are not defined in AttributeDefinitions. Keys: [zz], AttributeDefinitions: [pk, sk]"},
		{name + defs + `,` + hash + gsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],`+all+`},{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],`+all+`}`), one + "Duplicate index name: idx"},
		{name + defs + `,` + hash + gsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'Projection':{'ProjectionType':'INCLUDE'}}`), one + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"},
		{name + defs + `,` + hash + gsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL','NonKeyAttributes':['x']}}`), one + "ProjectionType is ALL, but NonKeyAttributes is specified"},
		{name + defs + `,` + hash + gsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'Projection':{}}`), one + "Unknown ProjectionType: null"},
		{name + two + `,` + hash + lsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}],`+all+`}`), one + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"},
		{name + two + `,` + both + lsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],`+all+`}`), one + "Index KeySchema does not have a range key for index: idx"},
		{name + two + `,` + both + lsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'sk','KeyType':'HASH'},{'AttributeName':'pk','KeyType':'RANGE'}],`+all+`}`), one + "Index KeySchema does not have the same leading hash key as table KeySchema for index: idx. index hash key: sk, table hash key: pk"},
		{name + defs + `,` + hash + `,'StreamSpecification':{'StreamEnabled':true}`, one + "Table is being created with a stream enabled, UpdateViewType is required"},
		{name + defs + `,` + hash + `,'StreamSpecification':{'StreamEnabled':false,'StreamViewType':'NEW_IMAGE'}`, one + "Table is being created with a stream disabled, UpdateViewType should not be specified"},
		{name + `'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},{'AttributeName':'pk','AttributeType':'N'}],` + hash, "Validation: Attribute Name is duplicated: pk"},
		{name + defs + `,` + hash + gsi(`{'IndexName':'idx','KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}],'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['x','y','x']}}`), one + "Duplicate element in NonKeyAttributes: x"},
		{name + defs + `,` + hash + `,'SSESpecification':{'Enabled':true,'SSEType':'AES256'}`, one + "The only valid SSEType is KMS"},
		{name + defs + `,` + hash + `,'Tags':[{'Key':'a','Value':'1'},{'Key':'A','Value':'2'}]`, one + "Duplicate tag key: A"},
	} {
		if got := e.result(root(), "CreateTable", `{`+c.input+`}`); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.input, got, c.want)
		}
	}
	if got := e.must(root(), "ListTables", `{}`); got != `{"TableNames":[]}` {
		t.Errorf("a refused table is there: %s", got)
	}
}

func TestListTables(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for i := range 5 {
		e.must(root(), "CreateTable", fmt.Sprintf(strings.Replace(pool, "'pool'", fmt.Sprintf("'table-%d'", i), 1), ""))
	}
	var names []string
	for start := ""; ; {
		out := e.must(root(), "ListTables", `{'Limit':2`+start+`}`)
		for _, n := range get(t, out, "TableNames").([]any) {
			names = append(names, n.(string))
		}
		last, more := get(t, out, "LastEvaluatedTableName").(string)
		if !more {
			break
		}
		start = `,'ExclusiveStartTableName':'` + last + `'`
	}
	if fmt.Sprint(names) != "[table-0 table-1 table-2 table-3 table-4]" {
		t.Error(names)
	}
	guest := e.user(other, "", nil, quoted(wide))
	if got := e.must(guest, "ListTables", `{}`); got != `{"TableNames":[]}` {
		t.Errorf("another account sees %s", got)
	}
}

func TestUpdateTable(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	for _, c := range []struct{ input, want string }{
		{`{'TableName':'pool'}`, "Validation: At least one of ProvisionedThroughput, BillingMode"},
		{`{'TableName':'none','BillingMode':'PAY_PER_REQUEST'}`, "ResourceNotFoundException: Requested resource not found: Table: none not found"},
		{`{'TableName':'pool','BillingMode':'PROVISIONED'}`, "Validation: One or more parameter values were invalid: ProvisionedThroughput must be specified when BillingMode is PROVISIONED"},
		{`{'TableName':'pool','BillingMode':'PROVISIONED','ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':2}}`, "Validation: One or more parameter values were invalid: ProvisionedThroughput must be specified for index: by-kind"},
		{`{'TableName':'pool','BillingMode':'PROVISIONED','ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':2},
		 'GlobalSecondaryIndexUpdates':[{'Update':{'IndexName':'by-kind','ProvisionedThroughput':{'ReadCapacityUnits':3,'WriteCapacityUnits':4}}}]}`, `{"TableDescription"`},
		{`{'TableName':'pool','BillingMode':'PROVISIONED','ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':2}}`, "Validation: The provisioned throughput for the table will not change."},
		{`{'TableName':'pool','ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':2}}`, "Validation: The provisioned throughput for the table will not change."},
		{`{'TableName':'pool','BillingMode':'PAY_PER_REQUEST','TableClass':'STANDARD_INFREQUENT_ACCESS','DeletionProtectionEnabled':true}`, `{"TableDescription"`},
		{`{'TableName':'pool','ReplicaUpdates':[{'Create':{'RegionName':'eu-west-1'}}]}`, "Unsupported: A global table is not supported yet."},
		{`{'TableName':'pool','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'none'}}]}`, "ResourceNotFoundException: Requested resource not found"},
		{`{'TableName':'pool','GlobalSecondaryIndexUpdates':[{}]}`, "Validation: One or more parameter values were invalid: One of GlobalSecondaryIndexUpdate.Update"},
		{`{'TableName':'pool','AttributeDefinitions':[{'AttributeName':'kind','AttributeType':'N'}],'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'new','KeySchema':[{'AttributeName':'kind','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`,
			"Validation: One or more parameter values were invalid: Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. " +
				"Existing schema: Schema:[SchemaElement: key{kind:S:HASH}] New schema: Schema:[SchemaElement: key{kind:N:HASH}]"},
		{`{'TableName':'pool','GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'new','KeySchema':[{'AttributeName':'kind','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`,
			"Validation: One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [kind], AttributeDefinitions: []"},
		{`{'TableName':'pool','AttributeDefinitions':[{'AttributeName':'kind','AttributeType':'S'}],'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'by-kind','KeySchema':[{'AttributeName':'kind','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`,
			"Validation: Attempting to create an index which already exists"},
		{`{'TableName':'pool','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'by-kind'},'Update':{'IndexName':'by-kind','ProvisionedThroughput':{'ReadCapacityUnits':3,'WriteCapacityUnits':4}}}]}`,
			"Validation: One or more parameter values were invalid: Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"},
	} {
		if got := e.result(root(), "UpdateTable", c.input); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.input, got, c.want)
		}
	}
	d := e.must(root(), "DescribeTable", `{'TableName':'pool'}`)
	for _, want := range []string{`"STANDARD_INFREQUENT_ACCESS"`, `"PAY_PER_REQUEST"`, `"DeletionProtectionEnabled":true`} {
		if !strings.Contains(d, want) {
			t.Errorf("%s lacks %s", d, want)
		}
	}
}

// An index that is added to a table is written from then on, filled in the background, and read when it is whole.
func TestIndexLifecycle(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	const rows = chunk + 20
	put := func(i int) {
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'%d'},'sk':{'S':'s'},'color':{'S':'red'}}}`, i))
	}
	for i := range rows {
		put(i)
	}
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'odd'},'sk':{'S':'s'},'color':{'N':'1'}}}`)
	const create = `{'TableName':'pool','AttributeDefinitions':[{'AttributeName':'color','AttributeType':'S'}],'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'%s',
	 'KeySchema':[{'AttributeName':'color','KeyType':'HASH'}],'Projection':{'ProjectionType':'KEYS_ONLY'}}}]}`
	const query = `{'TableName':'pool','IndexName':'by-color','KeyConditionExpression':'color = :c','ExpressionAttributeValues':{':c':{'S':'red'}},'Select':'COUNT'}`
	e.must(root(), "UpdateTable", fmt.Sprintf(create, "by-color"))
	if got := e.result(root(), "Query", query); got != "Validation: Cannot read from backfilling global secondary index: by-color" {
		t.Error(got)
	}
	if got := e.result(root(), "UpdateTable", fmt.Sprintf(create, "second")); !strings.HasPrefix(got, "LimitExceededException: ") {
		t.Error(got)
	}
	put(rows) // while it fills
	e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'0'},'sk':{'S':'s'}}}`)
	if got := e.must(root(), "DescribeTable", `{'TableName':'pool'}`); !strings.Contains(got, `"Backfilling":true`) {
		t.Error(got)
	}
	if err := e.s.Work(context.Background(), e.now); err != nil {
		t.Fatal(err)
	}
	if got := e.must(root(), "Query", query); get(t, got, "Count").(float64) != rows {
		t.Errorf("want %d: %s", rows, got)
	}
	if got := e.result(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'odd'},'sk':{'S':'t'},'color':{'N':'1'}}}`); !strings.HasPrefix(got, "Validation: ") {
		t.Error(got)
	}
	e.must(root(), "UpdateTable", `{'TableName':'pool','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'by-color'}}]}`)
	if got := e.result(root(), "Query", query); got != "Validation: The table does not have the specified index: by-color" {
		t.Error(got)
	}
	e.must(root(), "UpdateTable", fmt.Sprintf(create, "by-color")) // before the old one's entries are gone
	if err := e.s.Work(context.Background(), e.now); err != nil {
		t.Fatal(err)
	}
	if got := e.must(root(), "Query", query); get(t, got, "Count").(float64) != rows {
		t.Errorf("want %d: %s", rows, got)
	}
}

// Rows of a deleted table are removed, in chunks, by whichever node comes to it, and those of no other table.
func TestDeletedRowsAreRemoved(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	const rows = chunk + 20
	for i := range rows {
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'%d'},'sk':{'S':'s'},'kind':{'S':'k'}}}`, i))
	}
	old := get(t, e.must(root(), "DescribeTable", `{'TableName':'pool'}`), "Table", "TableId").(string)
	e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
	e.makePool("")
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'new'},'sk':{'S':'s'},'kind':{'S':'k'}}}`)
	if n := e.rowsOf(old); n != rows {
		t.Fatalf("%d rows before the work", n)
	}
	restarted := New(Config{DB: e.s.db, Tenants: e.ids, Log: e.s.log})
	if err := restarted.Work(context.Background(), e.now); err != nil {
		t.Fatal(err)
	}
	if n := e.rowsOf(old); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	for _, op := range []string{`{'TableName':'pool'}`, `{'TableName':'pool','IndexName':'by-kind'}`} {
		if got := e.must(root(), "Scan", op); get(t, got, "Count").(float64) != 1 {
			t.Error(got)
		}
	}
}

func (e *env) rowsOf(id string) (rows int64) {
	e.t.Helper()
	err := system.View(context.Background(), e.s.db, name, func(tx *store.Tx) error {
		var err error
		rows, _, _, err = system.Count(tx, id, "", nil, 1<<20)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return rows
}

// Counts are told as they were at most six hours ago, and tenants of a guarded table are told none.
func TestItemCount(t *testing.T) {
	t.Parallel()
	e := pooled(t, "deny")
	ctx := context.Background()
	counted := func(who caller) string {
		out := e.must(who, "DescribeTable", `{'TableName':'pool'}`)
		d := get(t, out, "Table").(map[string]any)
		gsi := d["GlobalSecondaryIndexes"].([]any)[0].(map[string]any)
		return fmt.Sprint(d["ItemCount"], gsi["ItemCount"], d["TableSizeBytes"].(float64) > 0)
	}
	if got := counted(root()); got != "0 0 false" {
		t.Errorf("before it was counted: %s", got)
	}
	if err := e.s.Work(ctx, e.now); err != nil {
		t.Fatal(err)
	}
	if got := counted(root()); got != "3 3 true" {
		t.Error(got)
	}
	if got := counted(e.user(account, "acme", nil, quoted(wide))); got != "0 0 false" {
		t.Errorf("a tenant is told %s", got)
	}
	for i := range chunk {
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'%d'},'sk':{'S':'s'}}}`, i))
	}
	if err := e.s.Work(ctx, e.now); err != nil {
		t.Fatal(err)
	}
	if got := counted(root()); got != "3 3 true" {
		t.Errorf("within six hours: %s", got)
	}
	e.now = e.now.Add(countLife)
	counted(root())
	if err := e.s.Work(ctx, e.now); err != nil {
		t.Fatal(err)
	}
	if got := counted(root()); got != fmt.Sprint(chunk+3, 3, true) {
		t.Errorf("after six hours: %s", got)
	}
}

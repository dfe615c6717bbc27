package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

const keyPrefix = "arn:aws:kms:" + region + ":" + account + ":key/"

// Managed implements KeyService.
func (*testKeys) Managed(_ context.Context, account, region, owner string, _ time.Time) (string, error) {
	return "arn:aws:kms:" + region + ":" + account + ":key/managed-" + owner, nil
}

// Inaccessible implements KeyService.
func (k *testKeys) Inaccessible(_ context.Context, _, _, key string) (time.Time, error, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Unix(1_700_000_500, 0), k.usable(key), nil
}

// describe implements callerKeys: keys are named by what follows key/, "denied" is one that the caller may not use.
func (k *testKeys) describe(_ context.Context, _ *pipeline.Call, key string) (string, error) {
	switch {
	case key == managedAlias:
		return keyPrefix + "managed-dynamodb", nil
	case strings.HasSuffix(key, "denied"):
		return "", fault.New(fault.AccessDenied, "no permission for kms:DescribeKey")
	case strings.HasSuffix(key, "missing"):
		return "", fault.Of("NotFoundException", "Key '%s' does not exist", key)
	case strings.HasPrefix(key, "arn:"):
		return key, nil
	}
	return keyPrefix + strings.TrimPrefix(key, "alias/"), nil
}

// encrypt implements callerKeys.
func (k *testKeys) encrypt(ctx context.Context, _ *pipeline.Call, key string, about map[string]string, plaintext []byte) ([]byte, error) {
	if about["aws:dynamodb:tableName"] == "" || about["aws:dynamodb:subscriberId"] != account {
		return nil, fmt.Errorf("the encryption context is %v", about)
	}
	b, err := k.Wrap(ctx, "", "", key, about, plaintext)
	if err != nil {
		return nil, fault.Of("DisabledException", "%s", err)
	}
	return b, nil
}

const withKey = `,'SSESpecification':{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'alias/a'}`

func (e *env) sse(t *testing.T, table string) string {
	t.Helper()
	d := e.must(root(), "DescribeTable", `{'TableName':'`+table+`'}`)
	return fmt.Sprint(get(t, d, "Table", "TableStatus"), " ", get(t, d, "Table", "SSEDescription"))
}

func (e *env) setKey(spec string) string {
	return e.result(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':`+spec+`}`)
}

// kinds counts what the store has of rows, index entries and items of changes by the first byte of its value.
func (e *env) kinds(t *testing.T) string {
	t.Helper()
	plain, sealed := 0, 0
	e.raw(func(k, v []byte) bool {
		const rows, index, changes, head = 0x20, 0x21, 0x22, 0
		switch {
		case k[0] != rows && k[0] != index && (k[0] != changes || k[len(k)-1] == head):
		case v[0] == 1:
			plain++
		case v[0] == 2:
			sealed++
		default:
			t.Errorf("%x is %x", k, v)
		}
		return true
	})
	return fmt.Sprintf("%d plain, %d sealed", plain, sealed)
}

func TestTableWithItsOwnKey(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream + withKey)
	if got, want := e.sse(t, "pool"), "ACTIVE map[KMSMasterKeyArn:"+keyPrefix+"a SSEType:KMS Status:ENABLED]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'x'},'sk':{'S':'s'},'kind':{'S':'k'},'v':{'S':'1'}}}`)
	e.must(root(), "UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'x'},'sk':{'S':'s'}},'UpdateExpression':'SET v = :v','ExpressionAttributeValues':{':v':{'S':'2'}}}`)
	const want = "IndexName':'by-kindx=2\nx=2"
	if got := e.contents(t, "pool"); got != want {
		t.Errorf("the table is %s", got)
	}
	if got := sorted(e.records(t, root(), e.latest(t), "TRIM_HORIZON")); got != "INSERT x >1\nMODIFY x 1>2" {
		t.Errorf("the stream is %s", got)
	}
	if got := e.kinds(t); got != "0 plain, 5 sealed" {
		t.Errorf("the store holds %s", got)
	}
	arn := e.backup(t)
	e.work()
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'bare','SSESpecificationOverride':{'Enabled':false}}`)
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'other','SSESpecificationOverride':{'Enabled':true}}`)
	e.work()
	for table, key := range map[string]string{"again": "key/a ", "bare": "<nil>", "other": "key/managed-dynamodb "} {
		if got := e.contents(t, table); got != want {
			t.Errorf("%s is %s", table, got)
		}
		if got := e.sse(t, table); !strings.Contains(got, key) {
			t.Errorf("%s: %s", table, got)
		}
	}
	e.keys.set(t, keyPrefix+"a", "disabled")
	for table, ok := range map[string]bool{"again": false, "bare": true, "other": true} {
		if _, err := e.op(root(), "Scan", `{'TableName':'`+table+`'}`); (err == nil) != ok {
			t.Errorf("%s without the key of the source: %v", table, err)
		}
	}
	if got := e.result(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'late','SSESpecificationOverride':{'Enabled':false}}`); got != keyDisabled {
		t.Errorf("a restore without the key: %s", got)
	}
}

const keyDisabled = "AccessDenied: KMS key access denied error: the key is disabled"

// While a table's key cannot be used nothing is read or written, whether it is there or not.
func TestKeyOfATableIsDisabled(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream + withKey)
	e.put("x", "1")
	arn := e.latest(t)
	shard := e.shards(t, root(), arn)[0].ShardID
	it, _ := get(t, e.must(root(), "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+shard+`','ShardIteratorType':'TRIM_HORIZON'}`), "ShardIterator").(string)
	for _, state := range []string{"disabled", "ending"} {
		e.keys.set(t, keyPrefix+"a", state)
		for _, pk := range []string{"x", "not-there"} {
			key := `{'pk':{'S':'` + pk + `'},'sk':{'S':'s'}}`
			for op, in := range map[string]string{
				"GetItem": `{'TableName':'pool','Key':` + key + `}`, "DeleteItem": `{'TableName':'pool','Key':` + key + `}`,
				"PutItem":            `{'TableName':'pool','Item':` + key + `}`,
				"UpdateItem":         `{'TableName':'pool','Key':` + key + `,'UpdateExpression':'SET v = pk'}`,
				"Query":              `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'` + pk + `'}}}`,
				"Scan":               `{'TableName':'pool'}`,
				"BatchGetItem":       `{'RequestItems':{'pool':{'Keys':[` + key + `]}}}`,
				"BatchWriteItem":     `{'RequestItems':{'pool':[{'PutRequest':{'Item':` + key + `}}]}}`,
				"TransactGetItems":   `{'TransactItems':[{'Get':{'TableName':'pool','Key':` + key + `}}]}`,
				"TransactWriteItems": `{'TransactItems':[{'Put':{'TableName':'pool','Item':` + key + `}}]}`,
				"ExecuteStatement":   `{'Statement':'SELECT * FROM pool'}`,
				"GetRecords":         `{'ShardIterator':'` + it + `'}`,
			} {
				if got, want := e.result(root(), op, in), "AccessDenied: KMS key access denied error: the key is "+state; got != want {
					t.Errorf("%s of %s: %s", op, pk, got)
				}
			}
		}
		if got := e.sse(t, "pool"); !strings.HasPrefix(got, "INACCESSIBLE_ENCRYPTION_CREDENTIALS map[InaccessibleEncryptionDateTime:1.7000005e+09 ") {
			t.Error(got)
		}
	}
	e.keys.set(t, keyPrefix+"a", "")
	if got := e.getV("x"); got != `{"Item":{"v":{"S":"1"}}}` {
		t.Errorf("with the key again: %s", got)
	}
}

// A table with rows is given a key, another one and none; its rows are sealed in the background, and stay what they were.
func TestKeyOfATableChanges(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	const rows = 450 // several steps
	for i := range rows {
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'k%d'},'sk':{'S':'s'},'kind':{'S':'k'},'v':{'S':'1'}}}`, i))
	}
	before := e.contents(t, "pool")
	if got := e.setKey(`{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'a'}`); !strings.Contains(got, `"TableStatus":"UPDATING"`) || !strings.Contains(got, `"Status":"UPDATING"`) {
		t.Error(got)
	}
	if got := e.setKey(`{'Enabled':false}`); !strings.HasPrefix(got, "ResourceInUseException: ") {
		t.Errorf("a second change: %s", got)
	}
	e.put("k0", "2") // while there are both
	if e.contents(t, "pool") == before || e.kinds(t) == fmt.Sprintf("0 plain, %d sealed", 3*rows) {
		t.Error("nothing is sealed yet, and the table is written to")
	}
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'k0'},'sk':{'S':'s'},'kind':{'S':'k'},'v':{'S':'1'}}}`)
	arn := e.latest(t)
	stream := sorted(e.records(t, root(), arn, "TRIM_HORIZON"))
	e.work()
	if got, want := e.kinds(t), fmt.Sprintf("0 plain, %d sealed", 3*rows+4); got != want {
		t.Errorf("the store holds %s, want %s", got, want)
	}
	same := func(when string) {
		t.Helper()
		if got := e.contents(t, "pool"); got != before {
			t.Errorf("%s the table is\n%s", when, got)
		}
		if got := sorted(e.records(t, root(), arn, "TRIM_HORIZON")); got != stream {
			t.Errorf("%s the stream is\n%s", when, got)
		}
	}
	same("sealed")
	if got := e.sse(t, "pool"); !strings.HasPrefix(got, "ACTIVE ") || !strings.Contains(got, "Status:ENABLED") {
		t.Error(got)
	}
	if got := e.setKey(`{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'alias/a'}`); got != "Validation: "+wrong+"Table is already encrypted by given KMSMasterKeyId" {
		t.Error(got)
	}
	e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'b'}}`)
	e.keys.set(t, keyPrefix+"a", "ending")
	same("under another key")
	e.keys.set(t, keyPrefix+"b", "disabled")
	if got := e.getV("k1"); got != keyDisabled {
		t.Error(got)
	}
	if got := e.setKey(`{'Enabled':false}`); got != keyDisabled {
		t.Errorf("a key that cannot be used is left: %s", got)
	}
	e.keys.set(t, keyPrefix+"b", "")
	e.must(root(), "RestoreTableToPointInTime", `{'SourceTableName':'pool','TargetTableName':'again','UseLatestRestorableTime':true}`)
	e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':{'Enabled':false}}`)
	e.work()
	e.keys.set(t, keyPrefix+"b", "ending")
	same("under the server's key")
	if got := e.sse(t, "pool"); got != "ACTIVE <nil>" {
		t.Error(got)
	}
	e.keys.set(t, keyPrefix+"b", "")
	if got := e.contents(t, "again"); got != before {
		t.Errorf("restored is\n%s", got)
	}
}

// The work on a table with a key goes on where it was when the key can be used again.
func TestSealingOfRowsWaitsForTheKey(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.put("x", "1")
	e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':{'Enabled':true}}`)
	e.keys.set(t, keyPrefix+"managed-dynamodb", "disabled")
	if err := e.s.Work(context.Background(), e.now); err == nil || !strings.Contains(err.Error(), "the key is disabled") {
		t.Fatalf("without the key: %v", err)
	}
	e.keys.set(t, keyPrefix+"managed-dynamodb", "")
	e.work()
	if got := e.kinds(t); got != "0 plain, 1 sealed" {
		t.Errorf("the store holds %s", got)
	}
}

// Beside the tag, a tenant's key is that of its rows and the table's that of the others; the table needs its own.
func TestKeyOfATableBesideTenantsKeys(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream + sealTags)
	for _, pk := range []string{"acme#1", "PUBLIC#1"} {
		e.put(pk, "1")
	}
	e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'a'}}`)
	if got := e.sse(t, "pool"); !strings.HasPrefix(got, "ACTIVE ") {
		t.Errorf("nothing is left to be sealed: %s", got)
	}
	e.keys.set(t, "alias/customer-acme", "ending")
	if got := e.getV("acme#1"); got != unreadable+"ending" {
		t.Errorf("a tenant's row without its key: %s", got)
	}
	if got := e.getV("PUBLIC#1"); got != `{"Item":{"v":{"S":"1"}}}` {
		t.Errorf("a shared row: %s", got)
	}
	e.keys.set(t, "alias/customer-acme", "")
	e.keys.set(t, keyPrefix+"a", "disabled")
	for _, pk := range []string{"acme#1", "PUBLIC#1"} {
		if got := e.getV(pk); got != keyDisabled {
			t.Errorf("%s without the table's key: %s", pk, got)
		}
	}
}

func TestRotationOfATablesKey(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withKey)
	e.put("x", "1")
	e.keys.rotate(t, keyPrefix+"a")
	for range 3 {
		if got := e.getV("x"); got != `{"Item":{"v":{"S":"1"}}}` {
			t.Fatal(got)
		}
	}
	if e.keys.rewrapped != 1 {
		t.Errorf("%d data keys were encrypted again, want 1", e.keys.rewrapped)
	}
}

func TestSSESpecificationIsChecked(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	for spec, want := range map[string]string{
		`{'Enabled':true,'KMSMasterKeyId':'a'}`:                                                           "Validation: " + wrong + "SSEType KMS is required if KMSMasterKeyId is specified",
		`{'Enabled':true,'SSEType':'AES256'}`:                                                             "Validation: " + wrong + "The only valid SSEType is KMS",
		`{'Enabled':false,'SSEType':'KMS'}`:                                                               "Validation: " + wrong + "SSEType and KMSMasterKeyId can only be specified when Enabled is true",
		`{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'denied'}`:                                      "AccessDenied: KMS key access denied error: no permission for kms:DescribeKey",
		`{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'missing'}`:                                     "Validation: " + wrong + "KMSMasterKeyId: Key 'missing' does not exist",
		`{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'arn:aws:kms:eu-central-1:222222222222:key/a'}`: "Validation: " + wrong + "KMSMasterKeyId: the key must be one of the account and region of the table",
	} {
		if got := e.setKey(spec); got != want {
			t.Errorf("UpdateTable %s: %s", spec, got)
		}
		in := strings.Replace(fmt.Sprintf(pool, `,'SSESpecification':`+spec), "'TableName':'pool'", "'TableName':'new'", 1)
		if got := e.result(root(), "CreateTable", in); got != want {
			t.Errorf("CreateTable %s: %s", spec, got)
		}
	}
	e.keys.set(t, keyPrefix+"a", "disabled")
	if got := e.setKey(`{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'a'}`); got != "Validation: "+wrong+"KMSMasterKeyId: the key is disabled" {
		t.Error(got)
	}
	e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':{'Enabled':false}}`)
	acme := e.user(account, "acme", nil, allowAll)
	e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}#*'}]}`)
	if _, err := e.op(acme, "UpdateTable", `{'TableName':'pool','SSESpecification':{'Enabled':true}}`); err != errGuard { //nolint:errorlint // a sentinel of this test
		t.Errorf("a tenant gives the table of all a key: %v", err)
	}
}

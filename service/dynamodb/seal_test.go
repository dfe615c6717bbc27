package dynamodb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// testKeys are tenants' keys whose state a test sets. A blob is the alias, the version and the plaintext, so that a test can read
// it.
type testKeys struct {
	db *store.DB

	mu        sync.Mutex
	state     map[string]string // by alias: "" is enabled, else "disabled" or "ending"
	version   map[string]int
	rewrapped int
}

type testUnusable struct{ state string }

func (e testUnusable) Error() string { return "the key is " + e.state }

func (k *testKeys) usable(alias string) error {
	if s := k.state[alias]; s != "" {
		return testUnusable{s}
	}
	return nil
}

// Wrap implements datakeys.KMS.
func (k *testKeys) Wrap(_ context.Context, _, _, alias string, _ map[string]string, plaintext []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Appendf(nil, "%s|%d|%s", alias, k.version[alias], plaintext), k.usable(alias)
}

// Unwrap implements datakeys.KMS.
func (k *testKeys) Unwrap(_ context.Context, _, _ string, blob []byte, _ map[string]string) ([]byte, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	parts := bytes.SplitN(blob, []byte("|"), 3)
	alias := string(parts[0])
	return bytes.Clone(parts[2]), string(parts[1]) == strconv.Itoa(k.version[alias]), k.usable(alias)
}

// Rewrap implements datakeys.KMS.
func (k *testKeys) Rewrap(ctx context.Context, account, region string, blob []byte, c map[string]string) ([]byte, error) {
	plain, _, err := k.Unwrap(ctx, account, region, blob, c)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.rewrapped++
	k.mu.Unlock()
	alias, _, _ := strings.Cut(string(blob), "|")
	return k.Wrap(ctx, account, region, alias, c, plain)
}

// Unusable implements datakeys.KMS.
func (*testKeys) Unusable(err error) (ending, ok bool, reason error) {
	var u testUnusable
	if !errors.As(err, &u) {
		return false, false, nil
	}
	return u.state == "ending", true, u
}

// set changes the state of a key, as KMS does.
func (k *testKeys) set(t *testing.T, alias, state string) {
	t.Helper()
	k.change(t, func() { k.state[alias] = state })
}

func (k *testKeys) rotate(t *testing.T, alias string) {
	t.Helper()
	k.change(t, func() { k.version[alias]++ })
}

func (k *testKeys) change(t *testing.T, do func()) {
	t.Helper()
	k.mu.Lock()
	do()
	k.mu.Unlock()
	err := system.Update(context.Background(), k.db, "kms", func(tx *store.Tx) error {
		recs, err := tx.Records(account, region)
		if err == nil {
			recs.Changed()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

const sealTags = `,'Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}#*'},{'Key':'bulkhead:shared-keys','Value':'PUBLIC#*'},{'Key':'bulkhead:seal-key','Value':'alias/customer-${tenant}'}]`

// sealedPool is a table of sealed rows of two tenants, of all and of nobody.
func sealedPool(t *testing.T) *env {
	t.Helper()
	e := newEnv(t)
	e.makePool(withStream + sealTags)
	for _, pk := range []string{"acme#1", "globex#1", "PUBLIC#1", "nobody"} {
		e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'`+pk+`'},'sk':{'S':'s'},'kind':{'S':'k'},'v':{'S':'1'}}}`)
	}
	return e
}

func (e *env) getV(pk string) string {
	return e.result(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'`+pk+`'},'sk':{'S':'s'}},'ProjectionExpression':'v'}`)
}

const unreadable = "AccessDenied: The key of the row's tenant cannot be used: the key is "

func TestSealedRowsAreRows(t *testing.T) {
	t.Parallel()
	e := sealedPool(t)
	e.must(root(), "UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#1'},'sk':{'S':'s'}},'UpdateExpression':'SET v = :v','ConditionExpression':'v = :one','ExpressionAttributeValues':{':v':{'S':'2'},':one':{'S':'1'}}}`)
	e.must(root(), "TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'new#1'},'sk':{'S':'s'},'v':{'S':'t'}}}},{'Delete':{'TableName':'pool','Key':{'pk':{'S':'nobody'},'sk':{'S':'s'}}}}]}`)
	want := "IndexName':'by-kindPUBLIC#1=1\nIndexName':'by-kindacme#1=2\nIndexName':'by-kindglobex#1=1\nPUBLIC#1=1\nacme#1=2\nglobex#1=1\nnew#1=t"
	if got := e.contents(t, "pool"); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	stream := "INSERT PUBLIC#1 >1\nINSERT acme#1 >1\nINSERT globex#1 >1\nINSERT new#1 >t\nINSERT nobody >1\nMODIFY acme#1 1>2\nREMOVE nobody 1>"
	if got := sorted(e.records(t, root(), e.latest(t), "TRIM_HORIZON")); got != stream {
		t.Errorf("the stream is\n%s", got)
	}
	arn := e.backup(t)
	e.work()
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	e.work()
	if got := e.contents(t, "again"); got != want {
		t.Errorf("restored is\n%s", got)
	}
}

// While a tenant's key cannot be used nothing of the tenant's is read or written, and nobody else is disturbed.
func TestKeyOfATenantIsDisabled(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"disabled", "ending"} {
		e := sealedPool(t)
		arn := e.latest(t)
		e.keys.set(t, "alias/customer-acme", state)
		key := `{'pk':{'S':'acme#1'},'sk':{'S':'s'}}`
		for op, in := range map[string]string{
			"GetItem": `{'TableName':'pool','Key':` + key + `}`, "DeleteItem": `{'TableName':'pool','Key':` + key + `}`,
			"PutItem":    `{'TableName':'pool','Item':` + key + `}`,
			"UpdateItem": `{'TableName':'pool','Key':` + key + `,'UpdateExpression':'SET v = pk'}`,
			"Query":      `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`,
		} {
			if got := e.result(root(), op, in); got != unreadable+state {
				t.Errorf("%s: %s", op, got)
			}
		}
		if got := e.result(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#2'},'sk':{'S':'s'}}}`); got != unreadable+state {
			t.Errorf("a new row: %s", got)
		}
		if got := e.contents(t, "pool"); strings.Contains(got, "acme") || strings.Count(got, "globex") != 2 {
			t.Errorf("the others' table is\n%s", got)
		}
		if got := sorted(e.records(t, root(), arn, "TRIM_HORIZON")); strings.Contains(got, "acme") || !strings.Contains(got, "globex") {
			t.Errorf("the others' stream is\n%s", got)
		}
		e.keys.set(t, "alias/customer-acme", "")
		if got := e.getV("acme#1"); got != `{"Item":{"v":{"S":"1"}}}` {
			t.Errorf("with the key again: %s", got)
		}
	}
}

// What is made of all rows waits for a key that is disabled, and leaves out the rows of one that is to be destroyed.
func TestRestoreAndKeys(t *testing.T) {
	t.Parallel()
	e := sealedPool(t)
	arn := e.backup(t)
	e.work()
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	e.keys.set(t, "alias/customer-acme", "disabled")
	if err := e.s.Work(context.Background(), e.now); err == nil || !strings.Contains(err.Error(), "the key is disabled") {
		t.Fatalf("a restore without a key: %v", err)
	}
	e.keys.set(t, "alias/customer-acme", "ending")
	e.work()
	if got := e.contents(t, "again"); strings.Contains(got, "acme") || strings.Count(got, "globex") != 2 {
		t.Errorf("restored is\n%s", got)
	}
}

func TestRotationRewrapsDataKeys(t *testing.T) {
	t.Parallel()
	e := sealedPool(t)
	e.keys.rotate(t, "alias/customer-acme")
	for range 3 {
		if got := e.getV("acme#1"); got != `{"Item":{"v":{"S":"1"}}}` {
			t.Fatal(got)
		}
	}
	if e.keys.rewrapped != 1 {
		t.Errorf("%d data keys were encrypted again, want 1", e.keys.rewrapped)
	}
}

func TestSealTagIsChecked(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	table := func(tags string) string { return fmt.Sprintf(pool, `,'Tags':[`+tags+`]`) }
	const owner = `{'Key':'bulkhead:owner-key','Value':'${tenant}#*'}`
	for _, bad := range []string{"alias/customer", "customer-${tenant}", "alias/${tenant}/${tenant}", "alias/a b-${tenant}", "arn:aws:kms:x:1:alias/${tenant}"} {
		if got := e.result(root(), "CreateTable", table(owner+`,{'Key':'bulkhead:seal-key','Value':'`+bad+`'}`)); !strings.HasPrefix(got, "Validation: ") {
			t.Errorf("%s: %s", bad, got)
		}
	}
	if got := e.result(root(), "CreateTable", table(`{'Key':'bulkhead:seal-key','Value':'alias/${tenant}'}`)); !strings.Contains(got, "needs the tag bulkhead:owner-key") {
		t.Error(got)
	}
	e.must(root(), "CreateTable", table(owner+`,{'Key':'bulkhead:seal-key','Value':'alias/${tenant}'}`))
	for op, in := range map[string]string{
		"TagResource":   `{'ResourceArn':'` + poolARN + `','Tags':[{'Key':'bulkhead:seal-key','Value':'alias/x-${tenant}'}]}`,
		"UntagResource": `{'ResourceArn':'` + poolARN + `','TagKeys':['Bulkhead:Seal-Key']}`,
	} {
		if got := e.result(root(), op, in); !strings.HasSuffix(got, "is given when a table is made, and stays") {
			t.Errorf("%s: %s", op, got)
		}
	}
	if got := e.result(root(), "UntagResource", `{'ResourceArn':'`+poolARN+`','TagKeys':['bulkhead:owner-key']}`); !strings.Contains(got, "need the tag bulkhead:owner-key") {
		t.Error(got)
	}
}

// Many clients write rows of new tenants at once: each tenant has one data key, and every row opens.
func TestDataKeysAreMadeOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(sealTags)
	var wg sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = e.op(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'t%d#%d'},'sk':{'S':'s'},'v':{'S':'1'}}}`, i%4, i))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	keys := 0
	err := system.View(context.Background(), e.s.db, name, func(tx *store.Tx) error {
		recs, err := tx.Records(account, region)
		if err != nil {
			return err
		}
		keys = 0
		return recs.Scan(store.K("datakey"), nil, func(store.Key, []byte) bool { keys++; return true })
	})
	if err != nil || keys != 4 {
		t.Errorf("%d data keys, want 4: %v", keys, err)
	}
	if got := strings.Count(e.contents(t, "pool"), "=1"); got != 64 {
		t.Errorf("%d rows, want 64", got)
	}
}

// A server that has no data key in memory scans a table of many tenants, in pages.
func TestScanFetchesManyKeys(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(sealTags)
	const tenants = 700
	for i := range tenants {
		e.put(fmt.Sprintf("t%d#1", i), "1")
	}
	e.s = New(Config{DB: e.s.db, Tenants: e.ids, Log: e.s.log, Keyring: e.s.ring, Keys: e.keys})
	e.r = &requirements{e.s}
	if got := strings.Count(e.contents(t, "pool"), "=1"); got != tenants {
		t.Errorf("%d rows, want %d", got, tenants)
	}
}

// Rows expire though another tenant's key is disabled.
func TestExpiryGoesOnWithoutAKey(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(sealTags)
	for _, pk := range []string{"acme#1", "globex#1"} {
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'%s'},'sk':{'S':'s'},'until':{'N':'%d'}}}`, pk, e.now.Unix()-1))
	}
	e.keys.set(t, "alias/customer-acme", "disabled")
	e.must(root(), "UpdateTimeToLive", `{'TableName':'pool','TimeToLiveSpecification':{'AttributeName':'until','Enabled':true}}`)
	e.work()
	if got := e.getV("globex#1"); got != `{}` {
		t.Errorf("the row that has expired is %s", got)
	}
	e.keys.set(t, "alias/customer-acme", "")
	if got := e.getV("acme#1"); !strings.HasPrefix(got, `{"Item":`) {
		t.Errorf("the row whose key was disabled is %s", got)
	}
	e.now = e.now.Add(ttlEvery)
	e.work()
	if got := e.getV("acme#1"); got != `{}` {
		t.Errorf("later it is %s", got)
	}
}

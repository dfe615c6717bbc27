package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// While a table is given a key, another one, none and one again, writers beside it lose no write, hear no error, and leave nothing that
// is not sealed once the table is sealed.
func TestKeyOfATableChangesUnderWrites(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	const rows, writers, times = 120, 4, 60
	at := func(i int) string { return fmt.Sprintf(`{'pk':{'S':'k%d'},'sk':{'S':'s'}}`, i%rows) }
	for i := range rows {
		e.must(root(), "UpdateItem", `{'TableName':'pool','Key':`+at(i)+`,'UpdateExpression':'SET kind = sk, n = :n','ExpressionAttributeValues':{':n':{'N':'0'}}}`)
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range times {
				if _, err := e.op(root(), "UpdateItem", `{'TableName':'pool','Key':`+at(w*31+i*7)+`,'UpdateExpression':'ADD n :one','ExpressionAttributeValues':{':one':{'N':'1'}}}`); err != nil {
					t.Errorf("a write beside the change: %v", err)
				}
			}
		})
	}
	other := New(Config{DB: e.s.db, Tenants: e.ids, Log: e.s.log, Keyring: e.s.ring, Keys: e.keys, Objects: e.s.objects})
	for _, spec := range []string{
		`{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'a'}`, `{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'b'}`,
		`{'Enabled':false}`, `{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'a'}`,
	} {
		e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':`+spec+`}`)
		for _, s := range []*Service{e.s, other} {
			wg.Go(func() {
				if err := s.Work(context.Background(), e.now); err != nil {
					t.Error(err)
				}
			})
		}
		for !strings.Contains(e.must(root(), "DescribeTable", `{'TableName':'pool'}`), `"TableStatus":"ACTIVE"`) {
			if err := e.s.Work(context.Background(), e.now); err != nil {
				t.Fatal(err)
			}
		}
		if got := e.kinds(t); !strings.HasPrefix(got, "0 plain, ") {
			t.Errorf("%s: the store holds %s", spec, got)
		}
	}
	wg.Wait()
	if got := e.kinds(t); !strings.HasPrefix(got, "0 plain, ") {
		t.Errorf("after all the store holds %s", got)
	}
	sum := 0
	for i := range rows {
		var n int
		text, _ := get(t, e.must(root(), "GetItem", `{'TableName':'pool','Key':`+at(i)+`}`), "Item", "n", "N").(string)
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if sum != writers*times {
		t.Errorf("%d writes of %d are there", sum, writers*times)
	}
	e.keys.set(t, keyPrefix+"a", "disabled")
	if got := e.result(root(), "Scan", `{'TableName':'pool'}`); got != keyDisabled {
		t.Errorf("without the key: %s", got)
	}
}

// A table that is being copied to a backup as it is, is given no key before the copy is whole.
func TestNoKeyWhileABackupIsMade(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.put("x", "1")
	e.backup(t)
	const on = `{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'a'}`
	if got := e.setKey(on); !strings.HasPrefix(got, "ResourceInUseException: ") || !strings.Contains(got, "being backed up") {
		t.Errorf("while it is made: %s", got)
	}
	e.work()
	if got := e.setKey(on); !strings.Contains(got, `"Status":"UPDATING"`) {
		t.Errorf("after: %s", got)
	}
}

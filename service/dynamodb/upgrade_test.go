package dynamodb

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/store/storetest"
)

// format1Ends is when testdata/format1.txt ends. A program of format 1 (kv.Format) wrote it, by the operations that upgraded names.
const format1Ends = 1_700_007_200

// upgraded is a service on what format 1 wrote. Two tables, pool with a guard, time to live and a resource policy and sealed with keys
// of tenants, each with a stream and point-in-time recovery, got the rows "first", and nested one of many types. An hour later both were backed up; after another,
// acme#1 of both became "second", and acme#2 of the pool was deleted.
func upgraded(t *testing.T) *env {
	t.Helper()
	db, raw := storetest.NewFilled(t, "testdata/format1.txt")
	e := newEnvOn(t, db, raw)
	e.now = time.Unix(format1Ends+60, 0)
	return e
}

const (
	pool1   = "acme#1=first\nacme#2=first\nacme#old=expires\nby-kindacme#1=first\nby-kindacme#2=first\nby-kindglobex#1=first\nglobex#1=first"
	pool2   = "acme#1=second\nacme#old=expires\nby-kindglobex#1=first\nglobex#1=first"
	sealed1 = "PUBLIC#1=first\nacme#1=first\nby-kindPUBLIC#1=first\nby-kindacme#1=first\nby-kindglobex#1=first\nby-kindnobody=first\nglobex#1=first\nnobody=first"
)

var sealed2 = strings.ReplaceAll(sealed1, "acme#1=first", "acme#1=second")

func (e *env) wantRows(table, want string) {
	e.t.Helper()
	rows := strings.ReplaceAll(e.contents(e.t.(*testing.T), table), "IndexName':'", "")
	if got := sorted(strings.Split(rows, "\n")); got != want {
		e.t.Errorf("%s holds\n%s\nwant\n%s", table, got, want)
	}
}

func TestOlderRowsAreReadAndWritten(t *testing.T) {
	t.Parallel()
	e := upgraded(t)
	e.wantRows("pool", pool2)
	e.wantRows("sealed", sealed2)
	const item = `{'TableName':'pool','Key':{'pk':{'S':'globex#1'},'sk':{'S':'s'}}}`
	nested := e.must(root(), "GetItem", `{'TableName':'nested','Key':{'pk':{'B':'AAE='}}}`)
	if !strings.Contains(nested, `"m":{"M":{"l":{"L":[{"N":"-1.5"},{"B":"AAE="},{"NULL":true},{"SS":["a","b"]}]}}}`) {
		t.Error(nested)
	}
	acme := e.user(account, "acme", nil, allowAll)
	if _, err := e.op(acme, "GetItem", item); err == nil {
		t.Error("a tenant reads another's row")
	}
	e.must(acme, "GetItem", strings.ReplaceAll(item, "globex", "acme"))
	if got := e.must(root(), "GetResourcePolicy", `{'ResourceArn':'`+poolARN+`'}`); !strings.Contains(got, "arn:aws:iam::222222222222:root") {
		t.Error(got)
	}
	e.must(root(), "UpdateItem", `{'TableName':'sealed','Key':{'pk':{'S':'globex#1'},'sk':{'S':'s'}},'UpdateExpression':'SET v = :v','ExpressionAttributeValues':{':v':{'S':'third'}}}`)
	e.wantRows("sealed", strings.ReplaceAll(sealed2, "globex#1=first", "globex#1=third"))
	e.now = e.now.Add(4 * time.Hour)
	e.work()
	e.wantRows("pool", strings.Replace(pool2, "acme#old=expires\n", "", 1))
}

func TestOlderStreamsGoOn(t *testing.T) {
	t.Parallel()
	e := upgraded(t)
	arn := e.latest(t)
	was := []string{
		"INSERT acme#1 >first", "INSERT acme#2 >first", "INSERT acme#old >expires", "INSERT globex#1 >first",
		"MODIFY acme#1 first>second", "REMOVE acme#2 first>",
	}
	if got := sorted(e.records(t, root(), arn, "TRIM_HORIZON")); got != sorted(was) {
		t.Errorf("the stream is\n%s", got)
	}
	e.put("acme#1", "third")
	e.put("new", "first")
	if got := sorted(e.records(t, root(), arn, "TRIM_HORIZON")); got != sorted(append(was, "MODIFY acme#1 second>third", "INSERT new >first")) {
		t.Errorf("the stream became\n%s", got)
	}
}

func TestOlderBackupsAreRestored(t *testing.T) {
	t.Parallel()
	e := upgraded(t)
	for table, want := range map[string]string{"pool": pool1, "sealed": sealed1} {
		list := e.must(root(), "ListBackups", `{'TableName':'`+table+`'}`)
		_, arn, _ := strings.Cut(list, `"BackupArn":"`)
		arn, _, _ = strings.Cut(arn, `"`)
		e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'`+table+`-again'}`)
		e.work()
		e.wantRows(table+"-again", want)
		if got := e.must(root(), "ListTagsOfResource", `{'ResourceArn':'`+poolARN[:len(poolARN)-4]+table+`-again'}`); !strings.Contains(got, "bulkhead:owner-key") {
			t.Errorf("the restored table has no guard: %s", got)
		}
	}
}

// A table is restored to times before the upgrade and after it.
func TestOlderTimesAreRestored(t *testing.T) {
	t.Parallel()
	e := upgraded(t)
	e.put("acme#1", "third")
	e.now = e.now.Add(time.Minute)
	for when, want := range map[int64]string{
		format1Ends - 1:   pool1,
		format1Ends + 1:   pool2,
		format1Ends + 100: strings.Replace(pool2, "acme#1=second", "acme#1=third", 1),
	} {
		name := fmt.Sprint("at-", when)
		e.must(root(), "RestoreTableToPointInTime", fmt.Sprintf(`{'SourceTableName':'pool','TargetTableName':'%s','RestoreDateTime':%d}`, name, when))
		e.work()
		e.wantRows(name, want)
	}
	e.must(root(), "RestoreTableToPointInTime", fmt.Sprintf(`{'SourceTableName':'sealed','TargetTableName':'sealed-1','RestoreDateTime':%d}`, format1Ends-1))
	e.work()
	e.wantRows("sealed-1", sealed1)
}

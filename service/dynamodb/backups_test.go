package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// contents are the rows of a table, "pk=v", and of its index.
func (e *env) contents(t *testing.T, table string) string {
	t.Helper()
	var lines []string
	for _, index := range []string{"", `,'IndexName':'by-kind'`} {
		start := ""
		for {
			var page struct {
				Items            []map[string]map[string]string
				LastEvaluatedKey map[string]map[string]string
			}
			decodeJSON(t, e.must(root(), "Scan", `{'TableName':'`+table+`'`+index+start+`}`), &page)
			for _, i := range page.Items {
				lines = append(lines, fmt.Sprintf("%s%s=%s", strings.Trim(index, ",'"), i["pk"]["S"], i["v"]["S"]))
			}
			if page.LastEvaluatedKey == nil {
				break
			}
			start = fmt.Sprintf(`,'ExclusiveStartKey':{'pk':{'S':'%s'},'sk':{'S':'s'}}`, page.LastEvaluatedKey["pk"]["S"])
		}
	}
	return sorted(lines)
}

func (e *env) backup(t *testing.T) string {
	t.Helper()
	arn, _ := get(t, e.must(root(), "CreateBackup", `{'TableName':'pool','BackupName':'mine'}`), "BackupDetails", "BackupArn").(string)
	return arn
}

func TestBackupIsTheTableAsItWas(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	for i := range 5 {
		e.put(fmt.Sprintf("k%d", i), "before")
	}
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'indexed'},'sk':{'S':'s'},'v':{'S':'before'},'kind':{'S':'x'}}}`)
	want := e.contents(t, "pool")
	arn := e.backup(t)
	if got := e.must(root(), "DescribeBackup", `{'BackupArn':'`+arn+`'}`); !strings.Contains(got, `"BackupStatus":"CREATING"`) {
		t.Error(got)
	}
	if got := e.result(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`); !strings.HasPrefix(got, "BackupInUseException: ") {
		t.Error(got)
	}
	if got := e.result(root(), "DeleteTable", `{'TableName':'pool'}`); !strings.HasPrefix(got, "ResourceInUseException: ") {
		t.Error(got)
	}
	// What is written before the copy begins is not of the backup either.
	e.put("k0", "after")
	e.put("k0", "after that")
	e.put("new", "after")
	e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'k1'},'sk':{'S':'s'}}}`)
	e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'indexed'},'sk':{'S':'s'}}}`)
	e.put("k1", "after")
	e.work()
	after := e.contents(t, "pool")
	if got := e.must(root(), "ListBackups", `{'TableName':'pool'}`); !strings.Contains(got, `"BackupStatus":"AVAILABLE"`) || strings.Count(got, "BackupArn") != 1 {
		t.Error(got)
	}
	if got := e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`); !strings.Contains(got, `"TableStatus":"CREATING"`) ||
		!strings.Contains(got, `"RestoreInProgress":true`) || strings.Contains(got, "LatestStreamArn") {
		t.Error(got)
	}
	for op, in := range map[string]string{
		"Scan": `{'TableName':'again'}`, "PutItem": `{'TableName':'again','Item':{'pk':{'S':'a'},'sk':{'S':'b'}}}`,
	} {
		if got := e.result(root(), op, in); got != "ResourceNotFoundException: Requested resource not found" {
			t.Errorf("%s while the table is restored: %s", op, got)
		}
	}
	if got := e.result(root(), "DeleteBackup", `{'BackupArn':'`+arn+`'}`); !strings.HasPrefix(got, "BackupInUseException: ") {
		t.Error(got)
	}
	e.work()
	if got := e.contents(t, "again"); got != want {
		t.Errorf("restored is\n%s\nwant\n%s", got, want)
	}
	if got := e.contents(t, "pool"); got != after {
		t.Errorf("the table became\n%s\nwas\n%s", got, after)
	}
	if got := e.must(root(), "DescribeTable", `{'TableName':'again'}`); !strings.Contains(got, `"TableStatus":"ACTIVE"`) || !strings.Contains(got, `"RestoreInProgress":false`) {
		t.Error(got)
	}
	if got := e.result(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`); got != "TableAlreadyExistsException: Table already exists: again" {
		t.Error(got)
	}
	e.must(root(), "DeleteBackup", `{'BackupArn':'`+arn+`'}`)
	e.work()
	if got := e.result(root(), "DescribeBackup", `{'BackupArn':'`+arn+`'}`); got != "BackupNotFoundException: Backup not found: "+arn {
		t.Error(got)
	}
}

// The rows of a backup of many chunks, written to between any two steps, are those of its time.
func TestBackupDuringWrites(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	for i := range 450 {
		e.put(fmt.Sprintf("k%03d", i), "before")
	}
	want := e.contents(t, "pool")
	arn := e.backup(t)
	for n := 0; ; n++ {
		for i := range 7 {
			k := fmt.Sprintf("k%03d", (n*131+i*67)%450)
			if i%3 == 0 {
				e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'`+k+`'},'sk':{'S':'s'}}}`)
			} else {
				e.put(k, fmt.Sprint("after ", n))
			}
		}
		if !e.step(t) {
			break
		}
	}
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	e.work()
	if got := e.contents(t, "again"); got != want {
		t.Errorf("restored is\n%s", got)
	}
	if more := e.step(t); more {
		t.Error("there is work left")
	}
}

// step does one step of one job.
func (e *env) step(t *testing.T) (more bool) {
	t.Helper()
	err := system.Update(context.Background(), e.s.db, name, func(tx *store.Tx) error {
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		var j *job
		if err := store.Each(dir, store.K("job"), nil, func(_ store.Key, first *job) bool { j = first; return false }); err != nil || j == nil {
			more = false
			return err
		}
		if more, err = e.s.step(tx, j); err != nil {
			return err
		}
		if more {
			return store.Save(dir, j.key(), j)
		}
		return dir.Delete(j.key())
	})
	if err != nil {
		t.Fatal(err)
	}
	return more
}

func TestPointInTimeRecovery(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.put("old", "1")
	const at = `{'SourceTableName':'pool','TargetTableName':'%s','RestoreDateTime':%d}`
	if got := e.result(root(), "RestoreTableToPointInTime", fmt.Sprintf(at, "restored", e.now.Unix())); got != "PointInTimeRecoveryUnavailableException: Point in time recovery is not enabled for table 'pool'" {
		t.Error(got)
	}
	e.now = e.now.Add(time.Minute)
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true,'RecoveryPeriodInDays':2}}`)
	states := map[int64]string{}
	for i := range 6 {
		e.now = e.now.Add(10 * time.Hour)
		e.work()
		states[e.now.Unix()-1] = e.contents(t, "pool")
		e.put("a", fmt.Sprint(i))
		e.put(fmt.Sprint("n", i), "x")
		if i%2 == 1 {
			e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'old'},'sk':{'S':'s'}}}`)
		}
	}
	restored := 0
	for when, want := range states {
		name := fmt.Sprint("at-", when)
		got := e.result(root(), "RestoreTableToPointInTime", fmt.Sprintf(at, name, when))
		if when < e.now.Add(-48*time.Hour).Unix() {
			if !strings.HasPrefix(got, "InvalidRestoreTimeException: ") {
				t.Errorf("%d: %s", when, got)
			}
			continue
		}
		e.work()
		if got := e.contents(t, name); got != want {
			t.Errorf("at %d the table was\n%s\nrestored is\n%s", when, want, got)
		}
		restored++
	}
	if restored < 4 {
		t.Errorf("%d states could be restored", restored)
	}
	if got := e.must(root(), "ListBackups", `{}`); got != `{"BackupSummaries":[]}` {
		t.Errorf("what was restored from is listed: %s", got)
	}
	if got := e.result(root(), "RestoreTableToPointInTime", fmt.Sprintf(at, "restored", e.now.Unix()+1)); !strings.HasPrefix(got, "InvalidRestoreTimeException: ") {
		t.Error(got)
	}
	want := e.contents(t, "pool")
	e.must(root(), "RestoreTableToPointInTime", `{'SourceTableName':'pool','TargetTableName':'latest','UseLatestRestorableTime':true}`)
	e.put("a", "later")
	e.work()
	if got := e.contents(t, "latest"); got != want {
		t.Errorf("the latest state is\n%s\nwant\n%s", got, want)
	}
}

// Nodes whose clocks differ, and requests that are finished in another order than they began, do not mix what came first with what
// came later: a write that follows one that is left out is left out too.
func TestPointInTimeWhereClocksDiffer(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	began := e.now
	states := []string{e.contents(t, "pool")}
	for _, at := range []time.Duration{10, 5, 20, 12, 30} {
		e.now = began.Add(at * time.Second)
		for i := range 12 { // in every part
			e.put(fmt.Sprint("k", i), fmt.Sprint("at-", at))
		}
		states = append(states, e.contents(t, "pool"))
	}
	e.now = began.Add(time.Minute)
	for when, want := range map[int]int{3: 0, 7: 0, 11: 2, 15: 2, 21: 4, 40: 5} {
		name := fmt.Sprint("at-", when)
		e.must(root(), "RestoreTableToPointInTime", fmt.Sprintf(`{'SourceTableName':'pool','TargetTableName':'%s','RestoreDateTime':%d}`, name, began.Unix()+int64(when)))
		e.work()
		if got := e.contents(t, name); got != states[want] {
			t.Errorf("at %d the table is\n%s\nwant\n%s", when, got, states[want])
		}
	}
	// A clock that is wrong by far is not followed.
	e.now = began.Add(1000 * time.Hour)
	e.put("k0", "far")
	for i := range 40 {
		e.now = began.Add(time.Duration(120+i) * time.Second)
		e.put("k0", fmt.Sprint("back-", i))
	}
	e.now = began.Add(time.Hour)
	want := e.contents(t, "pool")
	e.must(root(), "RestoreTableToPointInTime", fmt.Sprintf(`{'SourceTableName':'pool','TargetTableName':'far','RestoreDateTime':%d}`, e.now.Unix()))
	e.work()
	if got := e.contents(t, "far"); got != want {
		t.Errorf("after a clock that was far ahead the table is\n%s\nwant\n%s", got, want)
	}
}

func TestDeletedTableIsBackedUp(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.put("a", "1")
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	want := e.contents(t, "pool")
	e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
	e.makePool("") // whose rows have nothing to do with it
	e.put("b", "other")
	e.work()
	var list struct {
		BackupSummaries []struct{ BackupArn, BackupName, BackupType, BackupStatus string }
	}
	decodeJSON(t, e.must(root(), "ListBackups", `{}`), &list)
	if len(list.BackupSummaries) != 1 || list.BackupSummaries[0].BackupName != "pool$DeletedTableBackup" || list.BackupSummaries[0].BackupType != "SYSTEM" {
		t.Fatalf("%+v", list)
	}
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+list.BackupSummaries[0].BackupArn+`','TargetTableName':'again'}`)
	e.work()
	if got := e.contents(t, "again"); got != want {
		t.Errorf("restored is\n%s\nwant\n%s", got, want)
	}
	e.now = e.now.Add(lastBackupLife)
	e.work()
	if got := e.must(root(), "ListBackups", `{}`); got != `{"BackupSummaries":[]}` {
		t.Errorf("after its life: %s", got)
	}
}

// Neither by a backup nor by a restore does a tenant get at rows, or rid of the guard, whatever its policy lets it do.
func TestBackupGuard(t *testing.T) {
	t.Parallel()
	e := pooled(t, "deny")
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	arn := e.backup(t)
	e.work()
	acme := e.user(account, "acme", nil, readAll)
	for op, in := range map[string]string{
		"CreateBackup": `{'TableName':'pool','BackupName':'mine'}`, "DeleteBackup": `{'BackupArn':'` + arn + `'}`,
		"RestoreTableFromBackup":    `{'BackupArn':'` + arn + `','TargetTableName':'mine'}`,
		"RestoreTableToPointInTime": `{'SourceTableName':'pool','TargetTableName':'mine','UseLatestRestorableTime':true}`,
		"UpdateContinuousBackups":   `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':false}}`,
		"UpdateTimeToLive":          `{'TableName':'pool','TimeToLiveSpecification':{'AttributeName':'n','Enabled':true}}`,
	} {
		if _, err := e.op(acme, op, in); err != errGuard { //nolint:errorlint // the test's own
			t.Errorf("%s as a tenant: %v", op, err)
		}
	}
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	e.work()
	if _, err := e.op(acme, "Scan", `{'TableName':'again'}`); err != errGuard { //nolint:errorlint // the test's own
		t.Errorf("a scan of the restored table as a tenant: %v", err)
	}
	if got := e.must(acme, "GetItem", `{'TableName':'again','Key':{'pk':{'S':'acme#1'},'sk':{'S':'s'}}}`); !strings.Contains(got, "secret-acme") {
		t.Errorf("its own row is %s", got)
	}
}

// A backup that was made before the table had its guard, and a stream that was over before it had, show a tenant's session no more
// than the table does now: also after the table is gone.
func TestGuardReachesWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	e.put("acme#1", "v")
	e.put("globex#1", "v")
	stream, arn := e.latest(t), e.backup(t)
	e.work()
	e.must(root(), "UpdateTable", `{'TableName':'pool','StreamSpecification':{'StreamEnabled':false}}`)
	e.must(root(), "TagResource", `{'ResourceArn':'arn:aws:dynamodb:`+region+`:`+account+`:table/pool','Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}#*'}]}`)
	acme := e.user(account, "acme", nil, readAll, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}]}`)
	check := func(when string) {
		t.Helper()
		if got := sorted(e.records(t, acme, stream, "TRIM_HORIZON")); got != "INSERT acme#1 >v" {
			t.Errorf("%s: acme sees\n%s", when, got)
		}
		for op, in := range map[string]string{
			"RestoreTableFromBackup": `{'BackupArn':'` + arn + `','TargetTableName':'mine'}`, "DeleteBackup": `{'BackupArn':'` + arn + `'}`,
		} {
			if _, err := e.op(acme, op, in); !errors.Is(err, errGuard) {
				t.Errorf("%s: %s: %v", when, op, err)
			}
		}
	}
	check("with the table")
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'ours'}`)
	e.work()
	if _, err := e.op(acme, "Scan", `{'TableName':'ours'}`); !errors.Is(err, errGuard) {
		t.Errorf("what the operator restored has no guard: %v", err)
	}
	e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
	e.work()
	check("after the table")
}

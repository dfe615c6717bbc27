package dynamodb

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// Several nodes that do the work of one store at the same moments do each thing once: rows expire with one record each, streams
// get one new generation of shards, old changes are trimmed and no others, a backup counts each row once, a restore is whole, and
// the table is free of them all after.
func TestNodesWorkAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	nodes := []*Service{e.s}
	for range 2 {
		nodes = append(nodes, New(Config{DB: e.s.db, Tenants: e.ids, Log: slog.New(slog.DiscardHandler), Keyring: e.s.ring, Keys: e.keys}))
	}
	together := func() {
		t.Helper()
		var wg sync.WaitGroup
		for _, n := range nodes {
			wg.Go(func() {
				if err := n.Work(context.Background(), e.now); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	const rows, over = 450, 60
	e.makePool(withStream)
	stream := e.latest(t)
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	for i := range rows {
		more := ""
		if i < over {
			more = fmt.Sprintf(`,'until':{'N':'%d'}`, e.now.Add(time.Minute).Unix())
		}
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'k%d'},'sk':{'S':'s'},'v':{'S':'x'},'kind':{'S':'k'}%s}}`, i, more))
	}
	before := e.contents(t, "pool")
	arn := e.backup(t)
	together()
	if d := e.must(root(), "DescribeBackup", `{'BackupArn':'`+arn+`'}`); !strings.Contains(d, fmt.Sprintf(`"ItemCount":%d`, rows)) || !strings.Contains(d, `"BackupStatus":"AVAILABLE"`) {
		t.Errorf("the backup is %s", d)
	}
	e.must(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	together()
	if got := e.contents(t, "again"); got != before {
		t.Error("the restored table differs")
	}

	e.now = e.now.Add(10 * time.Minute)
	e.must(root(), "UpdateTimeToLive", `{'TableName':'pool','TimeToLiveSpecification':{'AttributeName':'until','Enabled':true}}`)
	together()
	removed := 0
	for _, l := range e.records(t, root(), stream, "TRIM_HORIZON") {
		if strings.HasPrefix(l, "REMOVE ") {
			removed++
		}
	}
	if left := strings.Count(e.contents(t, "pool"), "="); removed != over || left != 2*(rows-over) {
		t.Errorf("%d rows were removed with %d records, and %d rows and entries are left", over, removed, left)
	}

	shards := len(e.shards(t, root(), stream))
	e.now = e.now.Add(shardLife)
	together()
	if now := len(e.shards(t, root(), stream)); now != shards+4 {
		t.Errorf("%d shards became %d: not one generation more", shards, now)
	}
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':false}}`)
	e.put("late", "1")
	e.now = e.now.Add(streamLife - time.Minute)
	together()
	if got := e.records(t, root(), stream, "TRIM_HORIZON"); strings.Join(got, ";") != "INSERT late >1" {
		t.Errorf("after a day the stream has %v", got)
	}

	e.must(root(), "DeleteBackup", `{'BackupArn':'`+arn+`'}`)
	for _, name := range []string{"pool", "again"} {
		e.must(root(), "DeleteTable", `{'TableName':'`+name+`'}`)
	}
	together()
	e.now = e.now.Add(lastBackupLife + streamLife)
	for range 3 {
		together()
	}
	for op, want := range map[string]string{"ListBackups": `{"BackupSummaries":[]}`, "ListStreams": `{"Streams":[]}`, "ListTables": `{"TableNames":[]}`} {
		if got := e.must(root(), op, `{}`); got != want {
			t.Errorf("%s: %s", op, got)
		}
	}
}

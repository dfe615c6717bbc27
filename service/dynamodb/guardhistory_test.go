package dynamodb

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
)

// retag replaces the bulkhead: tags of the pooled table, given as "key=value; key=value".
func (e *env) retag(tags string) {
	e.t.Helper()
	e.must(root(), "UntagResource", `{'ResourceArn':'`+poolARN+`','TagKeys':['bulkhead:owner-key','bulkhead:shared-keys','bulkhead:guard','bulkhead:index-owner-key','bulkhead:tenant-capacity']}`)
	if tags != "" {
		e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[`+tagsJSON(tags)+`]}`)
	}
}

func tagsJSON(tags string) string {
	var all []string
	for _, t := range strings.Split(tags, "; ") {
		k, v, _ := strings.Cut(t, "=")
		all = append(all, `{'Key':'bulkhead:`+k+`','Value':'`+v+`'}`)
	}
	return strings.Join(all, ",")
}

// tagsOf are the tags of a table, sorted, as retag has them.
func (e *env) tagsOf(table string) string {
	e.t.Helper()
	var out struct{ Tags []struct{ Key, Value string } }
	decodeJSON(e.t.(*testing.T), e.must(root(), "ListTagsOfResource", `{'ResourceArn':'`+strings.Replace(poolARN, "pool", table, 1)+`'}`), &out)
	var all []string
	for _, t := range out.Tags {
		all = append(all, strings.TrimPrefix(t.Key, "bulkhead:")+"="+t.Value)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// A restored table is under the stricter of the rules that its source had then, and has now or had at its end.
func TestRestoresAreGuarded(t *testing.T) {
	t.Parallel()
	const owned = "owner-key=${tenant}#*"
	for _, tc := range []struct{ name, then, now, want string }{
		{"guarded since", "", owned, owned},
		{"guarded then", owned, "", owned},
		{"shared less since", owned + "; shared-keys=PUBLIC#* NEWS", owned + "; shared-keys=PUBLIC#1", owned + "; shared-keys=PUBLIC#1"},
		{"shared more since", owned + "; shared-keys=PUBLIC#1", owned + "; shared-keys=PUBLIC#*", owned + "; shared-keys=PUBLIC#1"},
		{"denied since", owned + "; guard=filter", owned, "guard=deny; " + owned},
		{"indexes since", owned, owned + "; index-owner-key=by-kind=kind-${tenant}", "index-owner-key=by-kind=kind-${tenant}; " + owned},
		{"indexes then", owned + "; index-owner-key=by-kind=kind-${tenant}", owned, "index-owner-key=by-kind=kind-${tenant}; " + owned},
		{"less capacity since", owned + "; tenant-capacity=10/0", owned + "; tenant-capacity=20/5", owned + "; tenant-capacity=10/5"},
		{"capacity then, no guard", "tenant-capacity=10/1", "", "tenant-capacity=10/1"},
		{"other owners", owned, "owner-key=T-${tenant}", ""},
	} {
		for how, restore := range restores {
			t.Run(tc.name+"/"+how, func(t *testing.T) {
				t.Parallel()
				e := pooled(t, "")
				if tc.then != "" {
					e.retag(tc.then)
				}
				got := restore(e, func() { e.retag(tc.now) })
				if tc.want == "" {
					if !strings.Contains(got, "no pattern is in both") {
						t.Errorf("got %s", got)
					}
					return
				}
				if tags := e.tagsOf("again"); tags != tc.want {
					t.Errorf("tags while it is restored: %s, want %s: %s", tags, tc.want, got)
				}
				e.work()
				if tags := e.tagsOf("again"); tags != tc.want {
					t.Errorf("tags: %s, want %s", tags, tc.want)
				}
				if !strings.Contains(tc.want, owned) {
					return
				}
				who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
				if _, err := e.op(who, "GetItem", strings.Replace(about(`{'TableName':'pool','Key':KEY}`, "globex"), "pool", "again", 1)); !errors.Is(err, authz.ErrForeignRow) && !errors.Is(err, errGuard) {
					t.Errorf("the other's row: %v", err)
				}
			})
		}
	}
}

// restores are the ways to restore the pooled table to what it was before a change of its tags.
var restores = map[string]func(e *env, change func()) string{
	"backup": func(e *env, change func()) string {
		arn := e.backup(e.t.(*testing.T))
		e.work()
		change()
		return e.result(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	},
	"backup of a deleted table": func(e *env, change func()) string {
		arn := e.backup(e.t.(*testing.T))
		e.work()
		change()
		e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
		e.must(root(), "CreateTable", strings.Replace(pool, "%s", "", 1))
		return e.result(root(), "RestoreTableFromBackup", `{'BackupArn':'`+arn+`','TargetTableName':'again'}`)
	},
	"point in time": func(e *env, change func()) string {
		e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
		e.now = e.now.Add(time.Minute)
		when := e.now.Unix()
		e.now = e.now.Add(time.Minute)
		change()
		e.now = e.now.Add(time.Minute)
		return e.result(root(), "RestoreTableToPointInTime", `{'SourceTableName':'pool','TargetTableName':'again','RestoreDateTime':`+strconv.FormatInt(when, 10)+`}`)
	},
}

// What the source is guarded with while the restore goes on, the restored table is too before anybody can read it.
func TestGuardedWhileRestored(t *testing.T) {
	t.Parallel()
	for how, restore := range restores {
		e := pooled(t, "")
		restore(e, func() {})
		if how != "backup of a deleted table" {
			e.retag("owner-key=${tenant}#*; index-owner-key=by-kind=kind-${tenant}")
		} else {
			continue
		}
		e.work()
		if got := e.tagsOf("again"); got != "index-owner-key=by-kind=kind-${tenant}; owner-key=${tenant}#*" {
			t.Errorf("%s: %s", how, got)
		}
	}
}

// Recovery keeps so many changes of the tags, and forgets those that nobody can go back to.
func TestPastTags(t *testing.T) {
	t.Parallel()
	e := pooled(t, "")
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	tag := func(i int64) string {
		e.now = e.now.Add(time.Second)
		return e.result(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:tenant-capacity','Value':'`+strconv.FormatInt(i, 10)+`/1'},{'Key':'n','Value':'`+strconv.FormatInt(i, 10)+`'}]}`)
	}
	for i := range int64(maxPast) {
		if got := tag(i); got != "{}" {
			t.Fatal(got)
		}
	}
	if got := tag(maxPast); !strings.Contains(got, "change at most 100 times") {
		t.Errorf("got %s", got)
	}
	if got := e.result(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'n','Value':'other'}]}`); got != "{}" {
		t.Errorf("a tag that is not the guard's: %s", got)
	}
	e.now = e.now.Add(36 * 24 * time.Hour)
	if got := tag(maxPast); got != "{}" {
		t.Errorf("later: %s", got)
	}
}

// A tenant is told no counts of a guarded table, by its description or by a backup's.
func TestBackupsTellNoCounts(t *testing.T) {
	t.Parallel()
	e := pooled(t, "deny")
	arn := e.backup(t)
	e.work()
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	for op, input := range map[string]string{
		"DescribeTable": `{'TableName':'pool'}`, "DescribeBackup": `{'BackupArn':'` + arn + `'}`, "ListBackups": `{}`,
	} {
		e.must(root(), op, input) // asks to count
		e.work()
		for _, field := range []string{"ItemCount", "SizeBytes"} {
			for _, tenants := range []bool{true, false} {
				asked := who
				if !tenants {
					asked = root()
				}
				counts := strings.ReplaceAll(e.must(asked, op, input), field+`":0`, "")
				if told := strings.Contains(counts, field); told == tenants && (tenants || field != "ItemCount" || op != "ListBackups") {
					t.Errorf("%s tells %s: %v", op, field, counts)
				}
			}
		}
	}
}

// A sealed table is open to exports after a restore only if it was and is; how it is sealed stays.
func TestRestoresAreNotOpened(t *testing.T) {
	t.Parallel()
	sealed := authn.Tag{Key: sealTag, Value: "alias/customer-${tenant}"}
	open := authn.Tag{Key: exportTag, Value: "open"}
	for _, tc := range []struct {
		then, now []authn.Tag
		want      bool
	}{
		{[]authn.Tag{sealed, open}, []authn.Tag{sealed}, false},
		{[]authn.Tag{sealed}, []authn.Tag{sealed, open}, false},
		{[]authn.Tag{sealed, open}, []authn.Tag{sealed, open}, true},
	} {
		got, err := stricterTags(tc.then, tc.now)
		if err != nil || slices.Contains(got, open) != tc.want || !slices.Contains(got, sealed) {
			t.Errorf("%v and %v: %v, %v", tc.then, tc.now, got, err)
		}
	}
}

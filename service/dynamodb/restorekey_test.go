package dynamodb

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/store"
)

// meddled is a store in which something happens before a transaction begins.
type meddled struct {
	kv.DB
	before func()
}

func (m *meddled) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if do := m.before; do != nil {
		m.before = nil
		do()
	}
	return m.DB.Update(ctx, fn)
}

// A table that is made of another as it was has the other's key when the restore begins, not the one that it had when the request came:
// else rows that had been sealed by then would be restored unsealed, or under a key that was taken away.
func TestRestoreHasTheKeyOfItsSource(t *testing.T) {
	t.Parallel()
	const none, a, b = `{'Enabled':false}`, `{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'a'}`, `{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'b'}`
	for name, c := range map[string]struct{ had, override, want string }{
		"none, then a":        {"", "", "key/a "},
		"b, then a":           {b, "", "key/a "},
		"a, then none":        {a, "", "<nil>"},
		"another than either": {b, `,'SSESpecificationOverride':{'Enabled':true}`, "key/managed-dynamodb "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := &meddled{DB: memkv.New()}
			db := store.New(backend)
			t.Cleanup(func() {
				db.Close()
				if err := backend.Close(); err != nil {
					t.Error(err)
				}
			})
			e := newEnvOn(t, db, nil)
			e.recovering("")
			e.put("x", "1")
			if c.had != "" {
				e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':`+c.had+`}`)
				e.work()
			}
			e.now = e.now.Add(time.Minute)
			next := a
			if c.want == "<nil>" {
				next = none
			}
			times := 0
			backend.before = func() {
				times++
				e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':`+next+`}`)
			}
			e.must(root(), "RestoreTableToPointInTime", `{'SourceTableName':'pool','TargetTableName':'again','UseLatestRestorableTime':true`+c.override+`}`)
			e.work()
			if got := e.sse(t, "again"); times != 1 || !strings.Contains(got, c.want) {
				t.Errorf("changed %d times, the new table has %s, want %s", times, got, c.want)
			}
			if got := e.contents(t, "again"); got != "x=1" {
				t.Errorf("restored is %s", got)
			}
		})
	}
}

// A source whose key changes without end ends a restore, and makes no table.
func TestRestoreOfASourceWhoseKeyKeepsChanging(t *testing.T) {
	t.Parallel()
	backend := &meddled{DB: memkv.New()}
	db := store.New(backend)
	t.Cleanup(func() {
		db.Close()
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	e := newEnvOn(t, db, nil)
	e.recovering(withKey)
	var meddle func()
	times := 0
	meddle = func() {
		times++
		e.must(root(), "UpdateTable", `{'TableName':'pool','SSESpecification':{'Enabled':true,'SSEType':'KMS','KMSMasterKeyId':'k`+strings.Repeat("x", times)+`'}}`)
		backend.before = meddle
	}
	backend.before = meddle
	got := e.result(root(), "RestoreTableToPointInTime", `{'SourceTableName':'pool','TargetTableName':'again','UseLatestRestorableTime':true}`)
	backend.before = nil
	if got != "Unavailable: The key of the source table is being changed. Try again." || times != restoreTries {
		t.Errorf("after %d changes: %s", times, got)
	}
	if got := e.result(root(), "DescribeTable", `{'TableName':'again'}`); !strings.HasPrefix(got, "ResourceNotFoundException") {
		t.Errorf("the table is there: %s", got)
	}
}

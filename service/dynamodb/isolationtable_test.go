package dynamodb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// tableAttempts are what a tenant's session may try on the table itself, its stream, its backups and exports, with BACKUP, EXPORT,
// IMPORT, STREAM, SHARD and ITERATOR for what there is of them. Together with attempts they are all operations of the service.
var tableAttempts = []struct{ op, input string }{
	{"CreateTable", `{'TableName':'other','BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}]}`},
	{"DescribeTable", `{'TableName':'pool'}`},
	{"UpdateTable", `{'TableName':'pool','DeletionProtectionEnabled':true}`},
	{"DeleteTable", `{'TableName':'pool'}`},
	{"ListTables", `{}`},
	{"TagResource", `{'ResourceArn':'` + poolARN + `','Tags':[{'Key':'bulkhead:owner-key','Value':'x${tenant}'}]}`},
	{"UntagResource", `{'ResourceArn':'` + poolARN + `','TagKeys':['bulkhead:owner-key','bulkhead:shared-keys','bulkhead:guard']}`},
	{"ListTagsOfResource", `{'ResourceArn':'` + poolARN + `'}`},
	{"PutResourcePolicy", `{'ResourceArn':'` + poolARN + `','Policy':'{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"dynamodb:Scan\",\"Resource\":\"*\"}]}'}`},
	{"GetResourcePolicy", `{'ResourceArn':'` + poolARN + `'}`},
	{"DeleteResourcePolicy", `{'ResourceArn':'` + poolARN + `'}`},
	{"UpdateTimeToLive", `{'TableName':'pool','TimeToLiveSpecification':{'AttributeName':'n','Enabled':true}}`},
	{"DescribeTimeToLive", `{'TableName':'pool'}`},
	{"UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':false}}`},
	{"DescribeContinuousBackups", `{'TableName':'pool'}`},
	{"CreateBackup", `{'TableName':'pool','BackupName':'mine'}`},
	{"DescribeBackup", `{'BackupArn':'BACKUP'}`},
	{"DeleteBackup", `{'BackupArn':'BACKUP'}`},
	{"ListBackups", `{}`},
	{"RestoreTableFromBackup", `{'BackupArn':'BACKUP','TargetTableName':'mine'}`},
	{"RestoreTableToPointInTime", `{'SourceTableName':'pool','TargetTableName':'mine','UseLatestRestorableTime':true}`},
	{"ExportTableToPointInTime", `{'TableArn':'` + poolARN + `','S3Bucket':'dumps','S3Prefix':'mine'}`},
	{"DescribeExport", `{'ExportArn':'EXPORT'}`},
	{"ListExports", `{'TableArn':'` + poolARN + `'}`},
	{"ImportTable", importInput("mine", "AWSDynamoDB/", "DYNAMODB_JSON", `,'InputCompressionType':'GZIP'`)},
	{"DescribeImport", `{'ImportArn':'IMPORT'}`},
	{"ListImports", `{}`},
	{"ListStreams", `{'TableName':'pool'}`},
	{"DescribeStream", `{'StreamArn':'STREAM'}`},
	{"GetShardIterator", `{'StreamArn':'STREAM','ShardId':'SHARD','ShardIteratorType':'TRIM_HORIZON'}`},
	{"GetRecords", `{'ShardIterator':'ITERATOR'}`},
}

// streamed makes a pooled table with a stream that holds a change of each tenant, recovery and a backup, and fills attempts in.
func streamed(t *testing.T, guard string) (*env, func(string) []string) {
	t.Helper()
	e := pooled(t, guard)
	e.must(root(), "UpdateTable", `{'TableName':'pool','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_IMAGE'}}`)
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	for _, tenant := range []string{"acme", "globex"} {
		e.must(root(), "PutItem", about(`{'TableName':'pool','Item':{'pk':{'S':'PK'},'sk':{'S':'streamed'},'v':{'S':'secret-TENANT'}}}`, tenant))
	}
	backup := get(t, e.must(root(), "CreateBackup", `{'TableName':'pool','BackupName':'theirs'}`), "BackupDetails", "BackupArn").(string)
	if err := e.s.Work(t.Context(), e.now); err != nil {
		t.Fatal(err)
	}
	e.object("globex.json", []byte(`{"Item":{"pk":{"S":"globex#1"},"sk":{"S":"s"}}}`))
	imported := between(e.must(root(), "ImportTable", importInput("loaded", "", "DYNAMODB_JSON", "")), `"ImportArn":"`, `"`)
	exported := e.exports(root(), "")
	e.carry()
	stream := get(t, e.must(root(), "DescribeTable", `{'TableName':'pool'}`), "Table", "LatestStreamArn").(string)
	shards := get(t, e.must(root(), "DescribeStream", `{'StreamArn':'`+stream+`'}`), "StreamDescription", "Shards").([]any)
	return e, func(input string) []string {
		var all []string
		for _, s := range shards {
			id := s.(map[string]any)["ShardId"].(string)
			one := strings.NewReplacer("BACKUP", backup, "EXPORT", exported, "IMPORT", imported, "STREAM", stream, "SHARD", id).Replace(input)
			if strings.Contains(one, "ITERATOR") {
				it := e.must(root(), "GetShardIterator", `{'StreamArn':'`+stream+`','ShardId':'`+id+`','ShardIteratorType':'TRIM_HORIZON'}`)
				one = strings.ReplaceAll(one, "ITERATOR", get(t, it, "ShardIterator").(string))
			}
			if all = append(all, one); one == input {
				break
			}
		}
		return all
	}
}

// tryTable makes one attempt by tenant acme and says what came of it.
func tryTable(t *testing.T, e *env, policy, op string, inputs []string) string {
	t.Helper()
	outcome := "done"
	for _, input := range inputs {
		out, err := e.op(e.user(account, "acme", nil, strings.ReplaceAll(policy, "'", `"`)), op, input)
		var f *fault.Error
		switch {
		case errors.Is(err, errDenied):
			return "policy"
		case errors.Is(err, errGuard), errors.Is(err, authz.ErrForeignRow):
			return "guard"
		case errors.As(err, &f) && f.Code == "PolicyNotFoundException", errors.As(err, &f) && f.Class == fault.Validation && op == "ListBackups":
			outcome = "none"
		case err != nil:
			t.Fatalf("%s: %v", op, err)
		case strings.Contains(out, "globex"):
			return "reached both"
		case strings.Contains(out, "secret-acme"):
			outcome = "own only"
		}
		if op == "DeleteBackup" || op == "CreateBackup" || strings.HasPrefix(op, "Restore") || strings.HasPrefix(op, "Export") {
			break // once
		}
	}
	return outcome
}

// TestTableIsolation tries what is about the table, its stream and its backups, with and without the guard, under a policy that
// allows all of it, and compares what came of it with a table that people read.
func TestTableIsolation(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# What tenant acme may do to the table, its stream and its backups.\n" +
		"# reached both: sees rows of tenant globex; own only: its own; done: allowed, and no row is seen; none: there is none.\n")
	columns := []struct{ name, policy, guard string }{
		{"tight", tight, ""}, {"wide", wide, ""}, {"wide deny", wide, "deny"}, {"wide filter", wide, "filter"}, {"deny+index", wide, "deny+index"},
	}
	rows := make([]string, len(tableAttempts))
	fmt.Fprintf(&b, "%-28s", "")
	for _, c := range columns {
		fmt.Fprintf(&b, "%-14s", c.name)
		var e *env
		var inputs func(string) []string
		for i, a := range tableAttempts {
			if e == nil {
				e, inputs = streamed(t, c.guard)
			}
			got := tryTable(t, e, c.policy, a.op, inputs(a.input))
			rows[i] += fmt.Sprintf("%-14s", got)
			if c.guard != "" && got == "reached both" {
				t.Errorf("%s crosses the guard (%s)", a.op, c.guard)
			}
			if got != "policy" && got != "guard" && !reads(a.op) {
				e = nil // the next attempt is made on a table that is as it was
			}
		}
	}
	for i, a := range tableAttempts {
		fmt.Fprintf(&b, "\n%-28s%s", a.op, rows[i])
	}
	golden(t, "testdata/isolation-tables.golden", b.String()+"\n")
}

// reads reports whether an operation changes nothing.
func reads(op string) bool {
	return strings.HasPrefix(op, "Describe") || strings.HasPrefix(op, "List") || strings.HasPrefix(op, "Get")
}

// Every operation is tried by a tenant in one of the two tables of attempts.
func TestIsolationIsComplete(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{"DescribeLimits": true, "DescribeEndpoints": true} // they are about nothing
	for _, a := range attempts {
		tried[a.op] = true
	}
	for _, a := range tableAttempts {
		tried[a.op] = true
	}
	e := newEnv(t)
	for _, ops := range []map[string]bool{names(e.s.Operations()), names((&Streams{e.s}).Operations())} {
		for _, op := range slices.Sorted(maps.Keys(ops)) {
			if !tried[op] {
				t.Errorf("no attempt of %s", op)
			}
		}
	}
}

func names(s pipeline.Service) map[string]bool {
	all := map[string]bool{}
	for _, op := range s.Ops {
		all[op.Name] = true
	}
	return all
}

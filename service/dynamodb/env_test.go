package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	streams "github.com/bulkhead/bulkhead/api/dynamodbstreams"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/objects"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/awsjson"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

const (
	account = "111111111111"
	other   = "222222222222"
	region  = "eu-central-1"
)

// env is a service over a store in memory, whose operations are run as the pipeline runs them: requirement, decision,
// execution with the grant.
type env struct {
	t   testing.TB
	s   *Service
	r   *requirements
	ids *tenant.Language
	now time.Time
	// keys are those of tenants.
	keys *testKeys
	// raw yields what the store holds.
	raw func(yield func(k, v []byte) bool)
	// files is where objects are.
	files *lateDir
	// between runs after a decision and before its execution, once.
	between func()
}

func newEnv(t testing.TB) *env {
	t.Helper()
	db, raw := storetest.NewRaw(t)
	return newEnvOn(t, db, raw)
}

func newEnvOn(t testing.TB, db *store.DB, raw func(yield func(k, v []byte) bool)) *env {
	t.Helper()
	ids, err := tenant.NewLanguage(tenant.DefaultLanguage)
	if err != nil {
		t.Fatal(err)
	}
	ring := keyringtest.New(t, 1)
	keys := &testKeys{db: db, state: map[string]string{}, version: map[string]int{}}
	files := &lateDir{t: t}
	s := New(Config{DB: db, Tenants: ids, Log: slog.New(slog.DiscardHandler), Keyring: ring, Keys: keys, Objects: files})
	s.calls = keys
	return &env{t: t, s: s, r: &requirements{s}, ids: ids, now: time.Unix(1_700_000_000, 0), keys: keys, raw: raw, files: files}
}

// lateDir is a directory of objects that is made when it is first used: most tests use none.
type lateDir struct {
	t    testing.TB
	once sync.Once
	name string
	*objects.Dir
}

func (l *lateDir) open() *lateDir {
	l.once.Do(func() {
		l.name = l.t.TempDir()
		dir, err := objects.OpenDir(l.name)
		if err != nil {
			l.t.Error(err)
			return
		}
		l.Dir = dir
		l.t.Cleanup(func() {
			if err := dir.Close(); err != nil {
				l.t.Error(err)
			}
		})
	})
	return l
}

func (l *lateDir) Put(ctx context.Context, b objects.Bucket, key string, body io.Reader, e objects.Encryption) (string, error) {
	return l.open().Dir.Put(ctx, b, key, body, e)
}

func (l *lateDir) Get(ctx context.Context, b objects.Bucket, key, etag string) (io.ReadCloser, error) {
	return l.open().Dir.Get(ctx, b, key, etag)
}

func (l *lateDir) List(ctx context.Context, b objects.Bucket, prefix string, limit int) ([]objects.Object, error) {
	return l.open().Dir.List(ctx, b, prefix, limit)
}

// caller is who calls, with which identity policies.
type caller struct {
	principal *authn.Principal
	policies  []string
}

func root() caller { return caller{principal: authztest.Root(account)} }

// user is a session of a role with a tenant tag; "" is a session without.
func (e *env) user(in, tenantID string, tags authn.Tags, policies ...string) caller {
	p := &authn.Principal{
		Kind: authn.AssumedRole, Account: in, ARN: "arn:aws:sts::" + in + ":assumed-role/app/s",
		RoleARN: "arn:aws:iam::" + in + ":role/app", UserID: "AROA:s", Tags: tags,
	}
	if tenantID != "" {
		id, ok := e.ids.ID(tenantID)
		if !ok {
			e.t.Fatalf("%q is no tenant", tenantID)
		}
		p.Tenant = id
		p.Tags = append(p.Tags, authn.Tag{Key: "TenantID", Value: tenantID})
	}
	return caller{p, policies}
}

var errDenied = errors.New("denied by policy")

var errGuard = errors.New("denied by guard")

type shape[T any] interface {
	*T
	awsjson.Input
}

// do runs an operation with its input as JSON; single quotes stand for double ones.
func do[I, O any, P shape[I]](e *env, who caller, write bool, require func(*authz.Scope, *I) authz.Requirement,
	execute func(context.Context, *pipeline.Call, *I) (*O, error), input string,
) (*O, error) {
	e.t.Helper()
	in := new(I)
	if err := awsjson.Decode[I, P](&protocol.Request{Body: []byte(strings.ReplaceAll(input, "'", `"`))}, in); err != nil {
		return nil, err
	}
	ctx := context.Background()
	scope := &authz.Scope{Context: ctx, Partition: "aws", Region: region, Account: who.principal.Account, Caller: who.principal, Now: e.now}
	access := authz.Read
	if write {
		access = authz.Write
	}
	req := require(scope, in)
	out, err := authz.NewEngine(authztest.Directory(who.policies), "").Authorize(ctx, &authz.Request{
		Caller: who.principal, Service: "dynamodb", Region: region, Access: access, Requirement: req,
		Env: authz.Environment{Now: e.now},
	})
	if err != nil {
		return nil, err
	}
	if !out.Allowed() {
		if out.Decided != nil && out.Decided.Guard {
			return nil, errGuard
		}
		return nil, errDenied
	}
	if f := e.between; f != nil {
		e.between = nil
		f()
	}
	return execute(ctx, &pipeline.Call{
		Grant: out.Grant, Caller: who.principal, Account: who.principal.Account, Region: region, Now: e.now, Host: "localhost",
	}, in)
}

// op runs an operation by its name and returns its output as JSON.
func (e *env) op(who caller, name, input string) (string, error) {
	e.t.Helper()
	run, ok := operations[name]
	if !ok {
		e.t.Fatalf("no operation %s", name)
	}
	return run(e, who, input)
}

// must is op of an operation that has to succeed.
func (e *env) must(who caller, name, input string) string {
	e.t.Helper()
	out, err := e.op(who, name, input)
	if err != nil {
		e.t.Fatalf("%s %s: %v", name, input, err)
	}
	return out
}

// result is the output, or the error as the caller sees it.
func (e *env) result(who caller, name, input string) string {
	e.t.Helper()
	out, err := e.op(who, name, input)
	if err == nil {
		return out
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	if f.Class == fault.Modeled {
		return f.Code + ": " + f.Message
	}
	return f.Class.String() + ": " + f.Message
}

// get picks a member of JSON by a path of names.
func get(t *testing.T, doc string, path ...string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

type encoder[T any] interface {
	*T
	AppendJSON([]byte) []byte
}

type operation func(e *env, who caller, input string) (string, error)

func bind[I, O any, P shape[I], Q encoder[O]](write bool, require func(*requirements, *authz.Scope, *I) authz.Requirement,
	execute func(*Service, context.Context, *pipeline.Call, *I) (*O, error),
) operation {
	return func(e *env, who caller, input string) (string, error) {
		out, err := do[I, O, P](e, who, write,
			func(s *authz.Scope, in *I) authz.Requirement { return require(e.r, s, in) },
			func(ctx context.Context, c *pipeline.Call, in *I) (*O, error) { return execute(e.s, ctx, c, in) }, input)
		if err != nil {
			return "", err
		}
		return string(Q(out).AppendJSON(nil)), nil
	}
}

func bindStream[I, O any, P shape[I], Q encoder[O]](require func(*streamRequirements, *authz.Scope, *I) authz.Requirement,
	execute func(*Streams, context.Context, *pipeline.Call, *I) (*O, error),
) operation {
	return func(e *env, who caller, input string) (string, error) {
		out, err := do[I, O, P](e, who, false,
			func(s *authz.Scope, in *I) authz.Requirement { return require(&streamRequirements{*e.r}, s, in) },
			func(ctx context.Context, c *pipeline.Call, in *I) (*O, error) {
				return execute(&Streams{e.s}, ctx, c, in)
			}, input)
		if err != nil {
			return "", err
		}
		return string(Q(out).AppendJSON(nil)), nil
	}
}

var operations = map[string]operation{
	"CreateTable":               bind[api.CreateTableInput, api.CreateTableOutput](true, (*requirements).CreateTable, (*Service).CreateTable),
	"DescribeTable":             bind[api.DescribeTableInput, api.DescribeTableOutput](false, (*requirements).DescribeTable, (*Service).DescribeTable),
	"DeleteTable":               bind[api.DeleteTableInput, api.DeleteTableOutput](true, (*requirements).DeleteTable, (*Service).DeleteTable),
	"UpdateTable":               bind[api.UpdateTableInput, api.UpdateTableOutput](true, (*requirements).UpdateTable, (*Service).UpdateTable),
	"ListTables":                bind[api.ListTablesInput, api.ListTablesOutput](false, (*requirements).ListTables, (*Service).ListTables),
	"TagResource":               bind[api.TagResourceInput, api.TagResourceOutput](true, (*requirements).TagResource, (*Service).TagResource),
	"UntagResource":             bind[api.UntagResourceInput, api.UntagResourceOutput](true, (*requirements).UntagResource, (*Service).UntagResource),
	"ListTagsOfResource":        bind[api.ListTagsOfResourceInput, api.ListTagsOfResourceOutput](false, (*requirements).ListTagsOfResource, (*Service).ListTagsOfResource),
	"PutResourcePolicy":         bind[api.PutResourcePolicyInput, api.PutResourcePolicyOutput](true, (*requirements).PutResourcePolicy, (*Service).PutResourcePolicy),
	"GetResourcePolicy":         bind[api.GetResourcePolicyInput, api.GetResourcePolicyOutput](false, (*requirements).GetResourcePolicy, (*Service).GetResourcePolicy),
	"DeleteResourcePolicy":      bind[api.DeleteResourcePolicyInput, api.DeleteResourcePolicyOutput](true, (*requirements).DeleteResourcePolicy, (*Service).DeleteResourcePolicy),
	"DescribeTimeToLive":        bind[api.DescribeTimeToLiveInput, api.DescribeTimeToLiveOutput](false, (*requirements).DescribeTimeToLive, (*Service).DescribeTimeToLive),
	"UpdateTimeToLive":          bind[api.UpdateTimeToLiveInput, api.UpdateTimeToLiveOutput](true, (*requirements).UpdateTimeToLive, (*Service).UpdateTimeToLive),
	"CreateBackup":              bind[api.CreateBackupInput, api.CreateBackupOutput](true, (*requirements).CreateBackup, (*Service).CreateBackup),
	"DeleteBackup":              bind[api.DeleteBackupInput, api.DeleteBackupOutput](true, (*requirements).DeleteBackup, (*Service).DeleteBackup),
	"DescribeBackup":            bind[api.DescribeBackupInput, api.DescribeBackupOutput](false, (*requirements).DescribeBackup, (*Service).DescribeBackup),
	"ListBackups":               bind[api.ListBackupsInput, api.ListBackupsOutput](false, (*requirements).ListBackups, (*Service).ListBackups),
	"RestoreTableFromBackup":    bind[api.RestoreTableFromBackupInput, api.RestoreTableFromBackupOutput](true, (*requirements).RestoreTableFromBackup, (*Service).RestoreTableFromBackup),
	"RestoreTableToPointInTime": bind[api.RestoreTableToPointInTimeInput, api.RestoreTableToPointInTimeOutput](true, (*requirements).RestoreTableToPointInTime, (*Service).RestoreTableToPointInTime),
	"UpdateContinuousBackups":   bind[api.UpdateContinuousBackupsInput, api.UpdateContinuousBackupsOutput](true, (*requirements).UpdateContinuousBackups, (*Service).UpdateContinuousBackups),
	"ListStreams":               bindStream[streams.ListStreamsInput, streams.ListStreamsOutput]((*streamRequirements).ListStreams, (*Streams).ListStreams),
	"DescribeStream":            bindStream[streams.DescribeStreamInput, streams.DescribeStreamOutput]((*streamRequirements).DescribeStream, (*Streams).DescribeStream),
	"GetShardIterator":          bindStream[streams.GetShardIteratorInput, streams.GetShardIteratorOutput]((*streamRequirements).GetShardIterator, (*Streams).GetShardIterator),
	"GetRecords":                bindStream[streams.GetRecordsInput, streams.GetRecordsOutput]((*streamRequirements).GetRecords, (*Streams).GetRecords),
	"DescribeContinuousBackups": bind[api.DescribeContinuousBackupsInput, api.DescribeContinuousBackupsOutput](false, (*requirements).DescribeContinuousBackups, (*Service).DescribeContinuousBackups),
	"PutItem":                   bind[api.PutItemInput, api.PutItemOutput](true, (*requirements).PutItem, (*Service).PutItem),
	"GetItem":                   bind[api.GetItemInput, api.GetItemOutput](false, (*requirements).GetItem, (*Service).GetItem),
	"UpdateItem":                bind[api.UpdateItemInput, api.UpdateItemOutput](true, (*requirements).UpdateItem, (*Service).UpdateItem),
	"DeleteItem":                bind[api.DeleteItemInput, api.DeleteItemOutput](true, (*requirements).DeleteItem, (*Service).DeleteItem),
	"Query":                     bind[api.QueryInput, api.QueryOutput](false, (*requirements).Query, (*Service).Query),
	"Scan":                      bind[api.ScanInput, api.ScanOutput](false, (*requirements).Scan, (*Service).Scan),
	"BatchGetItem":              bind[api.BatchGetItemInput, api.BatchGetItemOutput](false, (*requirements).BatchGetItem, (*Service).BatchGetItem),
	"BatchWriteItem":            bind[api.BatchWriteItemInput, api.BatchWriteItemOutput](true, (*requirements).BatchWriteItem, (*Service).BatchWriteItem),
	"ExecuteStatement":          bind[api.ExecuteStatementInput, api.ExecuteStatementOutput](true, (*requirements).ExecuteStatement, (*Service).ExecuteStatement),
	"BatchExecuteStatement":     bind[api.BatchExecuteStatementInput, api.BatchExecuteStatementOutput](true, (*requirements).BatchExecuteStatement, (*Service).BatchExecuteStatement),
	"ExecuteTransaction":        bind[api.ExecuteTransactionInput, api.ExecuteTransactionOutput](true, (*requirements).ExecuteTransaction, (*Service).ExecuteTransaction),
	"TransactGetItems":          bind[api.TransactGetItemsInput, api.TransactGetItemsOutput](false, (*requirements).TransactGetItems, (*Service).TransactGetItems),
	"ExportTableToPointInTime":  bind[api.ExportTableToPointInTimeInput, api.ExportTableToPointInTimeOutput](true, (*requirements).ExportTableToPointInTime, (*Service).ExportTableToPointInTime),
	"DescribeExport":            bind[api.DescribeExportInput, api.DescribeExportOutput](false, (*requirements).DescribeExport, (*Service).DescribeExport),
	"ListExports":               bind[api.ListExportsInput, api.ListExportsOutput](false, (*requirements).ListExports, (*Service).ListExports),
	"ImportTable":               bind[api.ImportTableInput, api.ImportTableOutput](true, (*requirements).ImportTable, (*Service).ImportTable),
	"DescribeImport":            bind[api.DescribeImportInput, api.DescribeImportOutput](false, (*requirements).DescribeImport, (*Service).DescribeImport),
	"ListImports":               bind[api.ListImportsInput, api.ListImportsOutput](false, (*requirements).ListImports, (*Service).ListImports),
	"TransactWriteItems":        bind[api.TransactWriteItemsInput, api.TransactWriteItemsOutput](true, (*requirements).TransactWriteItems, (*Service).TransactWriteItems),
}

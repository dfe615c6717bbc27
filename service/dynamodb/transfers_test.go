package dynamodb

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/objects"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/dynamodb/tabledata"
)

const dumpBucket = "dumps"

// makeBucket makes a bucket of the account.
func (e *env) makeBucket(name string) string {
	e.t.Helper()
	dir := filepath.Join(e.files.open().name, account, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		e.t.Fatal(err)
	}
	return dir
}

// object puts an object into a bucket.
func (e *env) object(key string, content []byte) {
	e.t.Helper()
	file := filepath.Join(e.makeBucket(dumpBucket), key)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, content, 0o600)); err != nil {
		e.t.Fatal(err)
	}
}

// carry does all work in the background, transfers too.
func (e *env) carry() {
	e.t.Helper()
	e.work()
	if err := e.s.Transfers(context.Background(), e.now); err != nil {
		e.t.Fatal(err)
	}
	e.work()
}

// recovering makes the table pool, with point-in-time recovery.
func (e *env) recovering(more string) {
	e.t.Helper()
	e.makePool(more)
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	e.now = e.now.Add(time.Minute)
}

// exports begins an export and returns its ARN.
func (e *env) exports(who caller, more string) string {
	e.t.Helper()
	out := e.must(who, "ExportTableToPointInTime", `{'TableArn':'`+poolARN+`','S3Bucket':'`+dumpBucket+`'`+more+`}`)
	return get(e.t.(*testing.T), out, "ExportDescription", "ExportArn").(string)
}

func (e *env) exported(arn string) map[string]any {
	e.t.Helper()
	return get(e.t.(*testing.T), e.must(root(), "DescribeExport", `{'ExportArn':'`+arn+`'}`), "ExportDescription").(map[string]any)
}

const importOne = `{'ClientToken':'TOKEN','S3BucketSource':{'S3Bucket':'` + dumpBucket + `','S3KeyPrefix':'PREFIX'},'InputFormat':'FORMAT'MORE,
 'TableCreationParameters':{'TableName':'NAME','BillingMode':'PAY_PER_REQUEST',
 'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},{'AttributeName':'sk','AttributeType':'S'},{'AttributeName':'kind','AttributeType':'S'}],
 'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}],
 'GlobalSecondaryIndexes':[{'IndexName':'by-kind','KeySchema':[{'AttributeName':'kind','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}]}}`

func importInput(name, prefix, format, more string) string {
	return strings.NewReplacer("TOKEN", "t-"+name, "PREFIX", prefix, "FORMAT", format, "MORE", more, "NAME", name).Replace(importOne)
}

// imports imports and returns the description at the end.
func (e *env) imports(name, prefix, format, more string) map[string]any {
	e.t.Helper()
	out := e.must(root(), "ImportTable", importInput(name, prefix, format, more))
	e.carry()
	arn := get(e.t.(*testing.T), out, "ImportTableDescription", "ImportArn").(string)
	return get(e.t.(*testing.T), e.must(root(), "DescribeImport", `{'ImportArn':'`+arn+`'}`), "ImportTableDescription").(map[string]any)
}

// whole are the rows of a table, in order.
func (e *env) whole(table string) []string {
	e.t.Helper()
	var doc struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(e.must(root(), "Scan", `{'TableName':'`+table+`'}`)), &doc); err != nil {
		e.t.Fatal(err)
	}
	return texts(doc.Items)
}

func texts(rows []json.RawMessage) []string {
	var all []string
	for _, r := range rows {
		all = append(all, string(r))
	}
	sort.Strings(all)
	return all
}

// lines are the lines of a gzipped file.
func lines(t *testing.T, file string) (all []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 8<<20)
	for s.Scan() {
		all = append(all, s.Text())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return all
}

const allTypes = `{'pk':{'S':'acme#1'},'sk':{'S':'all'},'kind':{'S':'k'},'n':{'N':'-1.2345678901234567890123456789012345678E-100'},'zero':{'N':'0'},
 'b':{'B':'AP/+'},'empty':{'S':''},'t':{'BOOL':true},'f':{'BOOL':false},'nil':{'NULL':true},'ss':{'SS':['b','a']},'ns':{'NS':['1','2.5']},'bs':{'BS':['AQ==','Ag==']},
 'l':{'L':[{'S':'<&> \\u2028'},{'N':'1'},{'L':[]},{'M':{}}]},'m':{'M':{'x.y':{'M':{'z':{'S':'ü\\n'}}}}}}`

// fillAll writes rows of all types, one as large as a row may be.
func (e *env) fillAll() {
	e.t.Helper()
	e.must(root(), "PutItem", `{'TableName':'pool','Item':`+allTypes+`}`)
	e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#2'},'sk':{'S':'big'},'v':{'S':'`+strings.Repeat("x", 400*1024-len("pkacme#2skbigv"))+`'}}}`)
	for i := range 450 {
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'globex#%d'},'sk':{'S':'s'},'kind':{'S':'k%d'},'v':{'N':'%d'}}}`, i, i%7, i))
	}
}

// What is exported is what was there at the time, in AWS's files, and a table imported from them is the same.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.s.fileSize = 4 << 10
	dir := e.makeBucket(dumpBucket)
	e.recovering("")
	e.fillAll()
	want := e.whole("pool")
	e.now = e.now.Add(time.Minute)
	at := e.now
	e.now = e.now.Add(time.Minute)
	e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'globex#7'},'sk':{'S':'s'}}}`)
	e.put("late#1", "v")
	arn := e.exports(root(), fmt.Sprintf(`,'S3Prefix':'nightly','ExportTime':%d`, at.Unix()))
	e.put("late#2", "v")
	if d := e.exported(arn); d["ExportStatus"] != "IN_PROGRESS" || d["ItemCount"] != nil || d["ClientToken"] == "" || d["ExportType"] != nil {
		t.Errorf("under way: %v", d)
	}
	e.carry()
	d := e.exported(arn)
	if d["ExportStatus"] != "COMPLETED" || d["ItemCount"] != 452.0 || d["EndTime"] == nil {
		t.Fatalf("done: %v", d)
	}
	id := arn[strings.LastIndex(arn, "/")+1:]
	folder := "nightly/AWSDynamoDB/" + id + "/"
	if d["ExportManifest"] != folder+"manifest-summary.json" {
		t.Errorf("manifest: %v", d["ExportManifest"])
	}
	items := checkManifest(t, dir, folder, arn)
	var got []string
	for _, line := range items {
		got = append(got, strings.TrimSuffix(strings.TrimPrefix(line, `{"Item":`), "}"))
	}
	sort.Strings(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d rows exported, want %d", len(got), len(want))
	}
	m := e.imports("again", folder+"data/", "DYNAMODB_JSON", `,'InputCompressionType':'GZIP'`)
	if m["ImportStatus"] != "COMPLETED" || m["ImportedItemCount"] != 452.0 || m["ErrorCount"] != 0.0 || m["ProcessedSizeBytes"].(float64) < 400*1024 {
		t.Errorf("import: %v", m)
	}
	if got := e.whole("again"); !slices.Equal(got, want) {
		t.Errorf("%d rows imported, want %d", len(got), len(want))
	}
	found := e.must(root(), "Query", `{'TableName':'again','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'k3'}},'Select':'COUNT'}`)
	if get(t, found, "Count") != 64.0 { // 3, 10 … 444
		t.Errorf("index of the imported table: %s", found)
	}
	e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
}

// checkManifest checks the manifests against the files, and returns all lines of these.
func checkManifest(t *testing.T, dir, folder, arn string) (all []string) {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, name := range []string{"manifest-files", "manifest-summary"} {
		sum := md5.Sum(read(folder + name + ".json"))
		if got := string(read(folder + name + ".md5")); got != base64.StdEncoding.EncodeToString(sum[:]) {
			t.Errorf("%s.md5: %s", name, got)
		}
	}
	if len(read(folder+"_started")) != 0 {
		t.Error("_started is not empty")
	}
	var summary map[string]any
	if err := json.Unmarshal(read(folder+"manifest-summary.json"), &summary); err != nil {
		t.Fatal(err)
	}
	if summary["exportArn"] != arn || summary["manifestFilesS3Key"] != folder+"manifest-files.json" || summary["outputFormat"] != "DYNAMODB_JSON" {
		t.Errorf("summary: %v", summary)
	}
	files := 0
	for line := range strings.Lines(string(read(folder + "manifest-files.json"))) {
		var f tabledata.File
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		sum := md5.Sum(read(f.Key))
		if f.MD5 != base64.StdEncoding.EncodeToString(sum[:]) || f.ETag == "" || !strings.HasPrefix(f.Key, folder+"data/") || !strings.HasSuffix(f.Key, ".json.gz") {
			t.Errorf("file: %+v", f)
		}
		found := lines(t, filepath.Join(dir, f.Key))
		if int64(len(found)) != f.Items {
			t.Errorf("%s has %d lines, not %d", f.Key, len(found), f.Items)
		}
		all = append(all, found...)
		files++
	}
	if entries, err := os.ReadDir(filepath.Join(dir, folder, "data")); err != nil || len(entries) != files {
		t.Errorf("%d files, %d in the manifest: %v", len(entries), files, err)
	}
	return all
}

// interrupted fails a Put in the middle, and stops the world when told to.
type interrupted struct {
	objects.Store
	puts, failAt atomic.Int32
	err          error
}

func (s *interrupted) Put(ctx context.Context, b objects.Bucket, key string, body io.Reader, e objects.Encryption) (string, error) {
	if s.puts.Add(1) == s.failAt.Load() {
		return s.Store.Put(ctx, b, key, io.MultiReader(io.LimitReader(body, 100), failing{s.err}), e)
	}
	return s.Store.Put(ctx, b, key, body, e)
}

// shut refuses files without reading them to their end.
type shut struct {
	objects.Store
	err error
}

func (s *shut) Put(ctx context.Context, b objects.Bucket, key string, body io.Reader, e objects.Encryption) (string, error) {
	if strings.HasSuffix(key, ".json.gz") {
		return "", s.err
	}
	return s.Store.Put(ctx, b, key, body, e)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A node that ends in the middle of an export leaves it to another, which goes on with the file that was not whole; nobody takes one
// over that somebody works on.
func TestExportGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.s.fileSize = 4 << 10
	dir := e.makeBucket(dumpBucket)
	e.recovering("")
	e.fillAll()
	files := &interrupted{Store: e.s.objects, err: errors.New("the network is down")}
	files.failAt.Store(4)
	e.s.objects = files
	arn := e.exports(root(), "")
	e.work()
	if err := e.s.Transfers(t.Context(), e.now); err == nil {
		t.Fatal("nothing failed")
	}
	if d := e.exported(arn); d["ExportStatus"] != "IN_PROGRESS" {
		t.Fatalf("after a failure that may pass: %v", d)
	}
	before := files.puts.Load()
	e.now = e.now.Add(transferPause + time.Second)
	first := e.s
	second := New(Config{DB: e.s.db, Tenants: e.ids, Log: e.s.log, Keyring: e.s.ring, Keys: e.keys, Objects: files})
	second.fileSize = first.fileSize
	e.s = second
	e.carry()
	if d := e.exported(arn); d["ExportStatus"] != "COMPLETED" || d["ItemCount"] != 452.0 {
		t.Fatalf("at the end: %v", d)
	}
	if files.puts.Load()-before < 3 {
		t.Error("the second node wrote nothing")
	}
	id := arn[strings.LastIndex(arn, "/")+1:]
	if n := len(checkManifest(t, dir, "AWSDynamoDB/"+id+"/", arn)); n != 452 {
		t.Errorf("%d rows", n)
	}
	if parts, err := os.ReadDir(filepath.Join(dir, ".bulkhead-parts")); err != nil || len(parts) != 0 {
		t.Errorf("left behind: %v %v", parts, err)
	}
}

func TestTransferIsHeldByOneNode(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{false, true} {
		heldByOneNode(t, alone)
	}
}

// heldByOneNode has a node take up what another one was working on: after its lease, or at once if there is no other node.
func heldByOneNode(t *testing.T, alone bool) {
	t.Helper()
	e := newEnv(t)
	e.makeBucket(dumpBucket)
	e.recovering("")
	arn := e.exports(root(), "")
	e.work()
	other := New(Config{DB: e.s.db, Tenants: e.ids, Log: e.s.log, Keyring: e.s.ring, Keys: e.keys, Objects: e.s.objects})
	h := &held{&transfer{Kind: exporting, ID: arn[strings.LastIndex(arn, "/")+1:], Account: account, Region: region, Name: "pool"}, other, func() time.Time { return e.now }}
	if err := h.change(t.Context(), func(_ *store.Tx, t *transfer) error {
		t.Holder, t.Until = other.node, e.now.Add(leaseLife)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	late := &held{&transfer{Kind: exporting, ID: h.ID, Account: account, Region: region, Name: "pool", Holder: e.s.node}, e.s, h.now}
	if err := late.progress(t.Context(), func(*store.Tx, *transfer) error { return nil }); !errors.Is(err, errLost) {
		t.Errorf("a node goes on with what another has taken over: %v", err)
	}
	e.carry()
	if d := e.exported(arn); d["ExportStatus"] != "IN_PROGRESS" {
		t.Fatalf("taken from another node: %v", d)
	}
	if alone {
		e.s.alone = true
	} else {
		e.now = e.now.Add(leaseLife + time.Second)
	}
	e.carry()
	if d := e.exported(arn); d["ExportStatus"] != "COMPLETED" || d["ItemCount"] != 0.0 {
		t.Fatalf("after the lease: %v", d)
	}
	if err := h.progress(t.Context(), func(*store.Tx, *transfer) error { return nil }); !errors.Is(err, errLost) {
		t.Errorf("the node that was late goes on: %v", err)
	}
}

func TestExportFailures(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.makeBucket(dumpBucket)
	in := `{'TableArn':'` + poolARN + `','S3Bucket':'` + dumpBucket + `'%s}`
	for _, c := range []struct{ more, want string }{
		{``, "PointInTimeRecoveryUnavailableException: Point in time recovery is not enabled for table 'pool'"},
		{`,'S3SseAlgorithm':'AES256'`, "validation: S3SseAlgorithm is not available"},
		{`,'ExportFormat':'ION'`, "unsupported: ExportFormat ION"},
		{`,'S3Prefix':''`, "validation: 1 validation error"},
		{`,'S3Prefix':'../../etc'`, "validation: S3Prefix: "},
		{`,'S3Prefix':'a//b'`, "validation: S3Prefix: "},
		{`,'ExportType':'INCREMENTAL_EXPORT'`, "validation: IncrementalExportSpecification must"},
	} {
		if got := strings.ToLower(e.result(root(), "ExportTableToPointInTime", fmt.Sprintf(in, c.more))); !strings.HasPrefix(got, strings.ToLower(c.want)) {
			t.Errorf("%s: %s", c.more, got)
		}
	}
	if got := e.result(root(), "ExportTableToPointInTime", strings.Replace(fmt.Sprintf(in, ""), "table/pool", "table/none", 1)); !strings.HasPrefix(got, "TableNotFoundException: Table not found: arn:") {
		t.Error(got)
	}
	e.must(root(), "UpdateContinuousBackups", `{'TableName':'pool','PointInTimeRecoverySpecification':{'PointInTimeRecoveryEnabled':true}}`)
	for _, when := range []time.Time{e.now.Add(-time.Hour), e.now.Add(time.Hour)} {
		if got := e.result(root(), "ExportTableToPointInTime", fmt.Sprintf(in, fmt.Sprintf(`,'ExportTime':%d`, when.Unix()))); !strings.HasPrefix(got, "InvalidExportTimeException: ExportTime") {
			t.Error(got)
		}
	}
	e.now = e.now.Add(48 * time.Hour)
	for from, to := range map[int]int{60: 59, 20 * 60: 19 * 60, 47 * 3600: 0, 3600 * 50: 3600 * 40} {
		more := fmt.Sprintf(`,'ExportType':'INCREMENTAL_EXPORT','IncrementalExportSpecification':{'ExportFromTime':%d,'ExportToTime':%d}`,
			e.now.Unix()-int64(from), e.now.Unix()-int64(to))
		if got := e.result(root(), "ExportTableToPointInTime", fmt.Sprintf(in, more)); !strings.HasPrefix(got, "InvalidExportTimeException: ") {
			t.Errorf("%d to %d: %s", from, to, got)
		}
	}
	e.must(root(), "ExportTableToPointInTime", strings.Replace(fmt.Sprintf(in, ""), dumpBucket, "no-such-bucket", 1))
	e.carry()
	list := e.must(root(), "ListExports", `{}`)
	arn := between(list, `"ExportArn":"`, `"`)
	if d := e.exported(arn); d["ExportStatus"] != "FAILED" || d["FailureCode"] != "S3NoSuchBucket" || d["FailureMessage"] != "The specified bucket does not exist" {
		t.Errorf("no bucket: %v", d)
	}
	if got := e.result(root(), "DescribeExport", `{'ExportArn':'`+poolARN+`/export/01489602797149-73d8d5bc'}`); !strings.HasPrefix(got, "ExportNotFoundException: ") {
		t.Error(got)
	}
	if got := e.result(root(), "DescribeExport", `{'ExportArn':'`+poolARN+`/backup/01489602797149-73d8d5bc'}`); !strings.HasSuffix(got, "Invalid Export ARN") {
		t.Error(got)
	}
	full := &interrupted{Store: e.s.objects, err: &objects.Error{Code: objects.NoSpace, Message: "There is no space left where objects are kept"}}
	full.failAt.Store(1)
	e.s.objects = full
	arn = e.exports(root(), "")
	e.carry()
	if d := e.exported(arn); d["ExportStatus"] != "FAILED" || d["FailureCode"] != "S3InsufficientStorage" {
		t.Errorf("disk full: %v", d)
	}
	e.s.objects = &shut{full.Store, full.err}
	arn = e.exports(root(), "")
	e.carry()
	if d := e.exported(arn); d["ExportStatus"] != "FAILED" || d["FailureCode"] != "S3InsufficientStorage" {
		t.Errorf("disk full while a file is read: %v", d)
	}
	e.must(root(), "DeleteTable", `{'TableName':'pool'}`) // nothing holds on to the table
	if d := e.exported(arn); d["ExportStatus"] != "FAILED" {
		t.Errorf("after the table: %v", d)
	}
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	out, _, _ := strings.Cut(rest, after)
	return out
}

func TestExportTokensAndLists(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makeBucket(dumpBucket)
	e.recovering("")
	first := e.exports(root(), `,'ClientToken':'one'`)
	if again := e.exports(root(), `,'ClientToken':'one'`); again != first {
		t.Errorf("%s and %s", first, again)
	}
	if got := e.result(root(), "ExportTableToPointInTime", `{'TableArn':'`+poolARN+`','S3Bucket':'elsewhere','ClientToken':'one'}`); !strings.HasPrefix(got, "ExportConflictException: Duplicate request detected") {
		t.Error(got)
	}
	e.carry()
	if again := e.exports(root(), `,'ClientToken':'one'`); again != first {
		t.Error("the token is forgotten when the export ends")
	}
	e.now = e.now.Add(tokenLifeOfTransfers)
	second := e.exports(root(), `,'ClientToken':'one'`)
	if second == first {
		t.Error("the token is remembered for ever")
	}
	page := e.must(root(), "ListExports", `{'MaxResults':1}`)
	if between(page, `"ExportArn":"`, `"`) != second {
		t.Errorf("not the newest first: %s", page)
	}
	page = e.must(root(), "ListExports", `{'MaxResults':1,'TableArn':null,'NextToken':'`+get(t, page, "NextToken").(string)+`'}`)
	if between(page, `"ExportArn":"`, `"`) != first || get(t, page, "NextToken") != nil || !strings.Contains(page, "FULL_EXPORT") {
		t.Errorf("second page: %s", page)
	}
	if got := e.result(root(), "ListExports", `{'NextToken':'0000'}`); !strings.Contains(got, "Invalid NextToken for ListExports") {
		t.Error(got)
	}
	e.now = e.now.Add(transferLife + time.Hour)
	e.carry()
	if got := e.must(root(), "ListExports", `{'TableArn':'`+poolARN+`'}`); strings.Contains(got, first) {
		t.Errorf("told of for ever: %s", got)
	}
}

// An incremental export tells of each row what became of it in the period, and of no other.
func TestIncrementalExport(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	dir := e.makeBucket(dumpBucket)
	e.recovering("")
	e.put("same", "old")
	e.put("changed", "old")
	e.put("gone", "old")
	e.now = e.now.Add(time.Hour)
	from := e.now.Unix()
	e.now = e.now.Add(time.Minute)
	e.put("changed", "between")
	e.put("changed", "new")
	e.put("made", "new")
	e.put("came-and-went", "v")
	for _, pk := range []string{"gone", "came-and-went"} {
		e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'`+pk+`'},'sk':{'S':'s'}}}`)
	}
	e.now = e.now.Add(20 * time.Minute)
	to := e.now.Unix()
	e.put("changed", "late")
	e.put("made", "late")
	e.now = e.now.Add(time.Minute)
	for view, want := range map[string][]string{
		"NEW_AND_OLD_IMAGES": {"changed old>new", "gone old>", "made >new"},
		"NEW_IMAGE":          {"changed >new", "gone >", "made >new"},
	} {
		arn := e.exports(root(), fmt.Sprintf(`,'ExportType':'INCREMENTAL_EXPORT','IncrementalExportSpecification':{'ExportFromTime':%d,'ExportToTime':%d,'ExportViewType':'%s'}`, from, to, view))
		e.carry()
		if d := e.exported(arn); d["ExportStatus"] != "COMPLETED" || d["ItemCount"] != 3.0 {
			t.Fatalf("%s: %v", view, d)
		}
		folder := "AWSDynamoDB/" + arn[strings.LastIndex(arn, "/")+1:] + "/"
		var got []string
		for _, line := range checkManifest(t, dir, folder, arn) {
			var r struct {
				Metadata struct{ WriteTimestampMicros struct{ N string } }
				Keys     map[string]map[string]string
				OldImage map[string]map[string]string
				NewImage map[string]map[string]string
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if len(r.Metadata.WriteTimestampMicros.N) != 16 || len(r.Keys) != 2 {
				t.Errorf("line: %s", line)
			}
			got = append(got, r.Keys["pk"]["S"]+" "+r.OldImage["v"]["S"]+">"+r.NewImage["v"]["S"])
		}
		sort.Strings(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", view, got)
		}
		var summary map[string]any
		b, err := os.ReadFile(filepath.Join(dir, folder, "manifest-summary.json"))
		if err := errors.Join(err, json.Unmarshal(b, &summary)); err != nil {
			t.Fatal(err)
		}
		if summary["exportType"] != "INCREMENTAL_EXPORT" || summary["outputView"] != view || summary["exportFromTime"] == nil || summary["exportTime"] != nil {
			t.Errorf("summary: %v", summary)
		}
	}
	e.must(root(), "DeleteTable", `{'TableName':'pool'}`) // nothing holds on to the table
}

// The guard keeps tenants' sessions from exports of guarded tables and from all imports, whatever their policies say; policies about
// prefixes confine who may export where.
func TestTransfersStayConfined(t *testing.T) {
	t.Parallel()
	const s3 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*"],"Resource":"*"},
	 {"Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload","s3:PutObjectAcl","s3:GetObject"],"Resource":"arn:aws:s3:::dumps/${aws:PrincipalTag/Team}/*"},
	 {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::dumps","Condition":{"StringLike":{"s3:prefix":"${aws:PrincipalTag/Team}/*"}}}]}`
	const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	e := newEnv(t)
	e.makeBucket(dumpBucket)
	e.recovering("")
	team := e.user(account, "", authn.Tags{{Key: "Team", Value: "blue"}}, s3)
	export := func(prefix string) string {
		return `{'TableArn':'` + poolARN + `','S3Bucket':'dumps'` + prefix + `}`
	}
	for in, allowed := range map[string]bool{
		export(`,'S3Prefix':'blue'`): true, export(`,'S3Prefix':'blue/'`): true, export(`,'S3Prefix':'blue/x'`): true,
		export(`,'S3Prefix':'red'`): false, export(``): false, export(`,'S3Prefix':'bluebird'`): false,
		export(`,'S3Prefix':'blue','S3BucketOwner':'` + other + `'`): false,
	} {
		if _, err := e.op(team, "ExportTableToPointInTime", in); allowed && err != nil || !allowed && !errors.Is(err, errDenied) {
			t.Errorf("%s: %v", in, err)
		}
	}
	for prefix, allowed := range map[string]bool{"blue/": true, "blue/2024/": true, "blue": false, "red/": false, "": false, "*": false, "blu": false} {
		if _, err := e.op(team, "ImportTable", importInput("n"+strings.Trim(strings.ReplaceAll(prefix, "/", "-"), "*")+"-x", prefix, "DYNAMODB_JSON", "")); allowed && err != nil || !allowed && !errors.Is(err, errDenied) {
			t.Errorf("import %q: %v", prefix, err)
		}
	}
	// A star is a character to a pattern: what allows a few lengths of names does not allow all that begin like them.
	for _, end := range []string{"?", "??", strings.Repeat("?", 128)} {
		short := e.user(account, "", nil, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*","s3:ListBucket"],"Resource":"*"},
		 {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::dumps/blue-`+end+`"},
		 {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::dumps/blue/AWSDynamoDB/`+end+`"}]}`)
		for op, in := range map[string]string{
			"ExportTableToPointInTime": export(`,'S3Prefix':'blue'`), "ImportTable": importInput("short", "blue-", "DYNAMODB_JSON", ""),
		} {
			if _, err := e.op(short, op, in); !errors.Is(err, errDenied) {
				t.Errorf("%s with a policy that ends in %s: %v", op, end, err)
			}
		}
	}
	acme := e.user(account, "acme", nil, all)
	if _, err := e.op(acme, "ExportTableToPointInTime", export("")); err != nil {
		t.Errorf("a table without an owner rule: %v", err) // AWS's rules
	}
	if _, err := e.op(acme, "ImportTable", importInput("mine", "", "DYNAMODB_JSON", "")); !errors.Is(err, errGuard) {
		t.Errorf("a tenant imports: %v", err)
	}
	arn := e.exports(root(), "")
	e.put("globex#1", "v")
	e.carry()
	e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:owner-key','Value':'${tenant}#*'}]}`)
	if _, err := e.op(acme, "ExportTableToPointInTime", export("")); !errors.Is(err, errGuard) {
		t.Errorf("a tenant exports a guarded table: %v", err)
	}
	foreign := e.user(other, "acme", nil, all)
	if _, err := e.op(foreign, "ExportTableToPointInTime", export("")); err == nil {
		t.Error("another account exports the table")
	}
	guarded := e.exports(root(), `,'S3Prefix':'g'`)
	e.carry()
	for _, x := range []string{arn, guarded} {
		if got := e.must(acme, "DescribeExport", `{'ExportArn':'`+x+`'}`); get(t, got, "ExportDescription", "ItemCount") != 0.0 {
			t.Errorf("a tenant is told how much there is: %s", got)
		}
		if got := e.must(root(), "DescribeExport", `{'ExportArn':'`+x+`'}`); x == guarded && get(t, got, "ExportDescription", "ItemCount") != 1.0 {
			t.Errorf("the operator is not told: %s", got)
		}
		if _, err := e.op(foreign, "DescribeExport", `{'ExportArn':'`+x+`'}`); !errors.Is(err, errDenied) {
			t.Errorf("another account is told of an export: %v", err)
		}
	}
	if got := e.must(foreign, "ListExports", `{}`); strings.Contains(got, "pool") {
		t.Errorf("another account lists: %s", got)
	}
}

// Rows of sealed tables are exported only if the operator says so, and not when a tenant's key cannot be used.
func TestExportOfSealedTable(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	dir := e.makeBucket(dumpBucket)
	e.recovering(sealTags)
	e.put("acme#1", "secret-acme")
	e.put("globex#1", "secret-globex")
	if got := e.result(root(), "ExportTableToPointInTime", `{'TableArn':'`+poolARN+`','S3Bucket':'dumps'}`); !strings.Contains(got, "bulkhead:export = open") {
		t.Fatal(got)
	}
	tag := func(value string) string {
		return `{'ResourceArn':'` + poolARN + `','Tags':[{'Key':'bulkhead:export','Value':'` + value + `'}]}`
	}
	if got := e.result(root(), "TagResource", tag("yes")); !strings.Contains(got, "bulkhead:export is open or nothing") {
		t.Error(got)
	}
	e.must(root(), "TagResource", tag("open"))
	arn := e.exports(root(), "")
	e.carry()
	if d := e.exported(arn); d["ExportStatus"] != "COMPLETED" || d["ItemCount"] != 2.0 {
		t.Fatalf("opened: %v", d)
	}
	if all := strings.Join(checkManifest(t, dir, "AWSDynamoDB/"+arn[strings.LastIndex(arn, "/")+1:]+"/", arn), "\n"); !strings.Contains(all, "secret-acme") {
		t.Errorf("not opened: %s", all)
	}
	for _, state := range []string{"disabled", "ending"} {
		e.keys.set(t, "alias/customer-globex", state)
		arn := e.exports(root(), "")
		e.carry()
		if d := e.exported(arn); d["ExportStatus"] != "FAILED" || d["FailureCode"] != "TenantKeyUnusable" || !strings.Contains(d["FailureMessage"].(string), "key of the row's tenant cannot be used") {
			t.Errorf("%s: %v", state, d)
		}
		acme := e.user(account, "acme", nil, wholeAccess)
		if got := e.must(acme, "DescribeExport", `{'ExportArn':'`+arn+`'}`); !strings.Contains(got, "FAILED") || strings.Contains(got, "globex") || strings.Contains(got, "FailureMessage") {
			t.Errorf("%s: a tenant is told of another's key: %s", state, got)
		}
	}
}

// stuckStore is a storage that does not answer reads of one account's objects until it is told to.
type stuckStore struct {
	objects.Store
	account          string
	reading, release chan struct{}
}

func (s *stuckStore) Get(ctx context.Context, b objects.Bucket, key, etag string) (io.ReadCloser, error) {
	if b.Account == s.account {
		close(s.reading)
		<-s.release
	}
	return s.Store.Get(ctx, b, key, etag)
}

// An account's import that takes long holds up neither its exports nor what other accounts have asked for, and is not begun twice.
func TestTransfersOfAccountsDoNotWait(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.recovering("")
	const row = `{"Item":{"pk":{"S":"x"},"sk":{"S":"s"}}}`
	e.object("x/a", []byte(row))
	theirs := filepath.Join(e.files.open().name, other, dumpBucket)
	if err := errors.Join(os.MkdirAll(theirs, 0o700), os.WriteFile(filepath.Join(theirs, "a"), []byte(row), 0o600)); err != nil {
		t.Fatal(err)
	}
	stuck := &stuckStore{e.s.objects, account, make(chan struct{}), make(chan struct{})}
	e.s.objects = stuck
	mine := get(t, e.must(root(), "ImportTable", importInput("mine", "x/", "DYNAMODB_JSON", "")), "ImportTableDescription", "ImportArn").(string)
	done := make(chan error)
	go func() { done <- e.s.Transfers(context.Background(), e.now) }()
	<-stuck.reading
	rootOther := caller{principal: authztest.Root(other)}
	their := get(t, e.must(rootOther, "ImportTable", importInput("theirs", "", "DYNAMODB_JSON", "")), "ImportTableDescription", "ImportArn").(string)
	export := e.exports(root(), "")
	e.carry() // reading the first one again would panic
	if got := e.must(rootOther, "DescribeImport", `{'ImportArn':'`+their+`'}`); !strings.Contains(got, `"ImportStatus":"COMPLETED"`) {
		t.Errorf("another account's import: %s", got)
	}
	if d := e.exported(export); d["ExportStatus"] != "COMPLETED" {
		t.Errorf("an export beside it: %v", d)
	}
	for len(e.s.wakeTransfers) > 0 {
		<-e.s.wakeTransfers
	}
	close(stuck.release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(e.s.wakeTransfers) != 1 {
		t.Error("what was asked for meanwhile is not looked for")
	}
	if got := e.must(root(), "DescribeImport", `{'ImportArn':'`+mine+`'}`); !strings.Contains(got, `"ImportStatus":"COMPLETED"`) || !strings.Contains(got, `"ImportedItemCount":1`) {
		t.Errorf("the import itself: %s", got)
	}
}

func TestImportFormats(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.object("lines/a.json", []byte("{\"Item\":{\"pk\":{\"S\":\"1\"},\"sk\":{\"S\":\"a\"}}}\n\n  \n{\"Item\":{\"pk\":{\"S\":\"2\"},\"sk\":{\"S\":\"a\"}}}{\"Item\":{\"pk\":{\"S\":\"3\"},\"sk\":{\"S\":\"}\\\"\"}}}"))
	e.object("lines/empty.json", nil)
	e.object("csv/a.csv", []byte("pk,sk,kind,v\n1,a,k,\"x,\"\"y\"\"\"\n2,b,k,12\n"))
	e.object("semi/a.csv", []byte("1;a;k\n2;b;k\n"))
	if m := e.imports("lines", "lines/", "DYNAMODB_JSON", ""); m["ImportStatus"] != "COMPLETED" || m["ImportedItemCount"] != 3.0 || m["InputCompressionType"] != "NONE" {
		t.Errorf("lines: %v", m)
	}
	if m := e.imports("comma", "csv/", "CSV", ""); m["ImportStatus"] != "COMPLETED" || m["ProcessedItemCount"] != 2.0 {
		t.Errorf("csv: %v", m)
	}
	if got := e.whole("comma")[0]; got != `{"pk":{"S":"1"},"sk":{"S":"a"},"kind":{"S":"k"},"v":{"S":"x,\"y\""}}` {
		t.Errorf("csv row: %s", got)
	}
	m := e.imports("semi", "semi/", "CSV", `,'InputFormatOptions':{'Csv':{'Delimiter':';','HeaderList':['pk','sk','kind']}}`)
	if m["ImportStatus"] != "COMPLETED" || m["ImportedItemCount"] != 2.0 || fmt.Sprint(m["InputFormatOptions"]) != "map[Csv:map[Delimiter:; HeaderList:[pk sk kind]]]" {
		t.Errorf("csv with header: %v", m)
	}
	if m := e.imports("empty", "nothing/", "DYNAMODB_JSON", ""); m["ImportStatus"] != "COMPLETED" || m["ProcessedItemCount"] != 0.0 || m["ProcessedSizeBytes"] != 0.0 {
		t.Errorf("no objects: %v", m)
	}
	list := e.must(root(), "ListImports", `{'PageSize':3}`)
	token := get(t, list, "NextToken").(string)
	if rest := e.must(root(), "ListImports", `{'PageSize':3,'NextToken':'`+token+`'}`); strings.Count(list+rest, "ImportArn") != 4 || strings.Contains(rest, "NextToken") {
		t.Errorf("lists: %s %s", list, rest)
	}
	if got := e.result(root(), "ListImports", `{'NextToken':'`+strings.Repeat("0", 112)+`'}`); !strings.Contains(got, "Invalid NextToken") {
		t.Error(got)
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makeBucket(dumpBucket)
	e.makePool("")
	for in, want := range map[string]string{
		importInput("pool", "", "DYNAMODB_JSON", ""):                                                     "ResourceInUseException: Table already exists: pool",
		importInput("new", "", "ION", ""):                                                                "InputFormat ION",
		importInput("new", "", "DYNAMODB_JSON", `,'InputFormatOptions':{'Csv':{'Delimiter':','}}`):       "InputFormatOptions",
		strings.Replace(importInput("new", "", "CSV", ""), `'ClientToken':'t-new',`, "", 1):              "'clientToken'",
		strings.Replace(importInput("new", "", "CSV", ""), `PAY_PER_REQUEST`, "PROVISIONED", 1):          "ReadCapacityUnits and WriteCapacityUnits must both be specified",
		strings.Replace(importInput("new", "", "CSV", ""), `'S3Bucket':'dumps'`, "'S3Bucket':'a..b'", 1): "S3Bucket",
	} {
		if got := e.result(root(), "ImportTable", in); !strings.Contains(got, want) {
			t.Errorf("%s: %s", want, got)
		}
	}
	first := e.must(root(), "ImportTable", importInput("new", "", "DYNAMODB_JSON", ""))
	if again := e.must(root(), "ImportTable", importInput("new", "", "DYNAMODB_JSON", "")); between(again, `ImportArn":"`, `"`) != between(first, `ImportArn":"`, `"`) {
		t.Errorf("twice: %s", again)
	}
	if got := e.result(root(), "ImportTable", strings.Replace(importInput("new2", "", "DYNAMODB_JSON", ""), "t-new2", "t-new", 1)); !strings.HasPrefix(got, "ImportConflictException: Duplicate request detected") {
		t.Error(got)
	}
	if got := e.must(root(), "DescribeTable", `{'TableName':'new'}`); !strings.Contains(got, `"TableStatus":"CREATING"`) {
		t.Errorf("while it is imported: %s", got)
	}
	for op, in := range map[string]string{
		"DeleteTable": `{'TableName':'new'}`, "PutItem": `{'TableName':'new','Item':{'pk':{'S':'1'},'sk':{'S':'1'}}}`, "CreateBackup": `{'TableName':'new','BackupName':'new'}`,
	} {
		if _, err := e.op(root(), op, in); err == nil {
			t.Errorf("%s of a table that is imported", op)
		}
	}
	e.carry()
	if got := e.result(root(), "ImportTable", importInput("new", "", "DYNAMODB_JSON", "")); !strings.HasPrefix(got, "ResourceInUseException") {
		t.Error(got)
	}
	out := e.must(root(), "ImportTable", strings.Replace(importInput("none", "", "CSV", ""), "'dumps'", "'no-such'", 1))
	e.carry()
	arn := between(out, `ImportArn":"`, `"`)
	if got := e.must(root(), "DescribeImport", `{'ImportArn':'`+arn+`'}`); !strings.Contains(got, `"FailureCode":"S3NoSuchBucket"`) {
		t.Error(got)
	}
	if got := e.result(root(), "DescribeTable", `{'TableName':'none'}`); !strings.HasPrefix(got, "ResourceNotFoundException") {
		t.Errorf("the table of an import that failed: %s", got)
	}
	if got := e.result(root(), "DescribeImport", `{'ImportArn':'`+poolARN+`/import/01489602797149-73d8d5bc'}`); !strings.HasPrefix(got, "ImportNotFoundException: ") {
		t.Error(got)
	}
}

// Whatever is in the objects, an import ends, says what is wrong, and keeps what is right.
func TestImportOfHostileObjects(t *testing.T) {
	t.Parallel()
	zip := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	good := `{"Item":{"pk":{"S":"good"},"sk":{"S":"s"}}}` + "\n"
	deep := strings.Repeat(`{"L":[`, 200_000)
	for name, c := range map[string]struct {
		format, more, reason string
		content              []byte
		imported             float64
	}{
		"no-item":   {"DYNAMODB_JSON", "", "member Item", []byte(good + `{"pk":{"S":"1"}}` + "\n" + good), 1},
		"no-json":   {"DYNAMODB_JSON", "", "is no JSON object", []byte(good + "hello\n"), 1},
		"cut":       {"DYNAMODB_JSON", "", "cut short", []byte(good + `{"Item":`), 1},
		"deep":      {"DYNAMODB_JSON", "", "cut short", []byte(good + `{"Item":{"pk":` + deep), 1},
		"deep-end":  {"DYNAMODB_JSON", "", "member Item", []byte(good + `{"Item":{"pk":` + deep + strings.Repeat("]}", 200_000) + "}}"), 1},
		"key-type":  {"DYNAMODB_JSON", "", "Type mismatch for key", []byte(`{"Item":{"pk":{"N":"1"},"sk":{"S":"1"}}}` + good), 1},
		"index-key": {"DYNAMODB_JSON", "", "Type mismatch for Index Key", []byte(`{"Item":{"pk":{"S":"1"},"sk":{"S":"1"},"kind":{"N":"1"}}}` + good), 1},
		"too-large": {"DYNAMODB_JSON", "", "Item size has exceeded", []byte(`{"Item":{"pk":{"S":"1"},"sk":{"S":"1"},"v":{"S":"` + strings.Repeat("x", 400*1024) + `"}}}` + good), 1},
		"no-number": {"DYNAMODB_JSON", "", "none that an attribute can have", []byte(`{"Item":{"pk":{"S":"1"},"sk":{"S":"1"},"v":{"N":"secret"}}}` + good), 1},
		"long":      {"DYNAMODB_JSON", `,'InputCompressionType':'GZIP'`, "is longer than", zip(append([]byte(good+`{"Item":{"pk":{"S":"`), bytes.Repeat([]byte("a"), 64<<20)...)), 1},
		"blank":     {"DYNAMODB_JSON", `,'InputCompressionType':'GZIP'`, "white space", zip(append([]byte(good), bytes.Repeat([]byte("\n"), 64<<20)...)), 1},
		"no-gzip":   {"DYNAMODB_JSON", `,'InputCompressionType':'GZIP'`, "not compressed as the request says", []byte(good), 0},
		"cut-gzip":  {"DYNAMODB_JSON", `,'InputCompressionType':'GZIP'`, "damaged", zip(bytes.Repeat([]byte(good), 10_000))[:20], 0},
		"no-zstd":   {"DYNAMODB_JSON", `,'InputCompressionType':'ZSTD'`, "not compressed as the request says", []byte(good), 0},
		"csv-long":  {"CSV", `,'InputCompressionType':'GZIP'`, "is longer than", zip(append([]byte("pk,sk\n1,1\n\""), bytes.Repeat([]byte("a"), 64<<20)...)), 1},
		"csv-wide":  {"CSV", `,'InputCompressionType':'GZIP'`, "is longer than", zip(append([]byte("pk,sk\n1,1\n"), bytes.Repeat([]byte(","), 7<<20)...)), 1},
		"csv-cols":  {"CSV", "", "has 1 columns, and the header 2", []byte("pk,sk\n1,1\n1\n2,2\n"), 2},
		"csv-quote": {"CSV", "", "is no CSV", []byte("pk,sk\n1,1\n\"x\"y,2\n"), 1},
		"csv-twice": {"CSV", "", "repeated name", []byte("pk,pk\n1,1\n"), 0},
		"csv-blank": {"CSV", `,'InputCompressionType':'GZIP'`, "is longer than", zip(append([]byte("pk,sk\n1,1\n"), bytes.Repeat([]byte("\n"), 64<<20)...)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.object("x/a", c.content)
			m := e.imports("new", "x/", c.format, c.more)
			message, _ := m["FailureMessage"].(string)
			if m["ImportStatus"] != "FAILED" || m["FailureCode"] != "ItemValidationError" || !strings.Contains(message, c.reason) || strings.Contains(message, "secret") {
				t.Errorf("%v", m)
			}
			if m["ImportedItemCount"] != c.imported || m["ErrorCount"] != 1.0 || m["ProcessedItemCount"] != c.imported+1 {
				t.Errorf("counts: %v", m)
			}
			if n := len(e.whole("new")); float64(n) != min(c.imported, 2) {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// An import goes on where it was, counts each record once, and does not mix two versions of an object.
func TestImportGoesOn(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var b bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&b, `{"Item":{"pk":{"S":"p%d"},"sk":{"S":"s"}}}`+"\n", i)
	}
	e.object("x/a.json", b.Bytes())
	e.object("x/b.json", b.Bytes())
	e.must(root(), "ImportTable", importInput("new", "x/", "DYNAMODB_JSON", ""))
	full := e.s.objects
	cut := &cutStore{Store: full, at: 20_000}
	e.s.objects = cut
	if err := e.s.Transfers(t.Context(), e.now); err == nil {
		t.Fatal("nothing failed")
	}
	arn := between(e.must(root(), "ListImports", `{}`), `ImportArn":"`, `"`)
	describe := func() map[string]any {
		return get(t, e.must(root(), "DescribeImport", `{'ImportArn':'`+arn+`'}`), "ImportTableDescription").(map[string]any)
	}
	if m := describe(); m["ImportStatus"] != "IN_PROGRESS" || m["ImportedItemCount"] != 400.0 {
		t.Fatalf("in the middle: %v", m)
	}
	e.now = e.now.Add(transferPause + time.Second)
	e.s.objects = full
	e.carry()
	if m := describe(); m["ImportStatus"] != "COMPLETED" || m["ImportedItemCount"] != 2000.0 || m["ProcessedSizeBytes"] != float64(2*b.Len()) {
		t.Errorf("at the end: %v", m)
	}
	if n := len(e.whole("new")); n != 1000 {
		t.Errorf("%d rows", n)
	}
	e.must(root(), "ImportTable", importInput("second", "x/", "DYNAMODB_JSON", ""))
	e.s.objects = cut
	if err := e.s.Transfers(t.Context(), e.now); err == nil {
		t.Fatal("nothing failed")
	}
	e.object("x/a.json", b.Bytes()[:b.Len()/2])
	e.s.objects = full
	e.now = e.now.Add(transferPause + time.Second)
	e.carry()
	list := e.must(root(), "ListImports", `{'TableArn':'`+strings.Replace(poolARN, "pool", "second", 1)+`'}`)
	got := e.must(root(), "DescribeImport", `{'ImportArn':'`+between(list, `ImportArn":"`, `"`)+`'}`)
	if !strings.Contains(got, "S3ObjectChanged") {
		t.Errorf("an object that changed: %s", got)
	}
}

// An object that another is put in the place of, after it was listed and before it is read, is not imported: nobody has said that it
// should be.
func TestImportOfAnObjectThatIsSwapped(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.object("x/a.json", []byte(`{"Item":{"pk":{"S":"listed"},"sk":{"S":"s"}}}`))
	e.object("x/b.json", []byte(`{"Item":{"pk":{"S":"b"},"sk":{"S":"s"}}}`))
	e.s.objects = &swapStore{e.s.objects, "x/b.json", func() {
		e.object("x/b.json", []byte(`{"Item":{"pk":{"S":"swapped"},"sk":{"S":"s"}}}`))
	}}
	m := e.imports("new", "x/", "DYNAMODB_JSON", "")
	if m["ImportStatus"] != "FAILED" || m["FailureCode"] != "S3ObjectChanged" || m["FailureMessage"] != "The object x/b.json changed after it was listed" {
		t.Errorf("%v", m)
	}
	if rows := e.whole("new"); len(rows) != 1 || !strings.Contains(rows[0], "listed") {
		t.Errorf("rows: %v", rows)
	}
}

// swapStore does something between the list of objects and the read of one.
type swapStore struct {
	objects.Store
	key  string
	swap func()
}

func (s *swapStore) Get(ctx context.Context, b objects.Bucket, key, etag string) (io.ReadCloser, error) {
	if key == s.key {
		s.swap()
	}
	return s.Store.Get(ctx, b, key, etag)
}

// cutStore breaks off what is read of each object.
type cutStore struct {
	objects.Store
	at int64
}

func (s *cutStore) Get(ctx context.Context, b objects.Bucket, key, etag string) (io.ReadCloser, error) {
	r, err := s.Store.Get(ctx, b, key, etag)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, s.at), failing{errors.New("connection reset")}), r}, nil
}

package dynamodb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn"
)

const withStream = `,'StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_AND_OLD_IMAGES'}`

// readAll allows everything about streams and tables: a hole that only the guard closes.
const readAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}}`

// put writes {pk: s, sk: s, v}.
func (e *env) put(pk, v string) {
	e.t.Helper()
	e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'%s'},'sk':{'S':'s'},'v':{'S':'%s'}}}`, pk, v))
}

// latest is the ARN of the table's stream.
func (e *env) latest(t *testing.T) string {
	t.Helper()
	arn, _ := get(t, e.must(root(), "DescribeTable", `{'TableName':'pool'}`), "Table", "LatestStreamArn").(string)
	if arn == "" {
		t.Fatal("the table has no stream")
	}
	return arn
}

type seenShard struct {
	ShardID             string `json:"ShardId"`
	ParentShardID       string `json:"ParentShardId"`
	SequenceNumberRange struct{ StartingSequenceNumber, EndingSequenceNumber string }
}

func (e *env) shards(t *testing.T, who caller, arn string) (all []seenShard) {
	t.Helper()
	start := ""
	for {
		var d struct {
			StreamDescription struct {
				Shards               []seenShard
				LastEvaluatedShardID string `json:"LastEvaluatedShardId"`
			}
		}
		decodeJSON(t, e.must(who, "DescribeStream", `{'StreamArn':'`+arn+`','Limit':3`+start+`}`), &d)
		all = append(all, d.StreamDescription.Shards...)
		if d.StreamDescription.LastEvaluatedShardID == "" {
			return all
		}
		start = `,'ExclusiveStartShardId':'` + d.StreamDescription.LastEvaluatedShardID + `'`
	}
}

func decodeJSON(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

type seenRecord struct {
	EventName string
	Dynamodb  struct {
		SequenceNumber           string
		Keys, NewImage, OldImage map[string]map[string]string
	}
	UserIdentity map[string]string
}

// line is a record as "EVENT pk old>new".
func (r *seenRecord) line() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s>%s %s", r.EventName, r.Dynamodb.Keys["pk"]["S"], r.Dynamodb.OldImage["v"]["S"],
		r.Dynamodb.NewImage["v"]["S"], r.UserIdentity["principalId"]+r.UserIdentity["PrincipalId"]))
}

// records reads a stream to its end, page by page, in the order of shards and within them.
func (e *env) records(t *testing.T, who caller, arn, from string) (lines []string) {
	t.Helper()
	for _, sh := range e.shards(t, who, arn) {
		it, _ := get(t, e.must(who, "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+sh.ShardID+`','ShardIteratorType':'`+from+`'}`), "ShardIterator").(string)
		for it != "" {
			var page struct {
				Records           []seenRecord
				NextShardIterator string
			}
			decodeJSON(t, e.must(who, "GetRecords", `{'ShardIterator':'`+it+`','Limit':2}`), &page)
			for i := range page.Records {
				lines = append(lines, page.Records[i].line())
			}
			if it = page.NextShardIterator; len(page.Records) == 0 {
				break
			}
		}
	}
	return lines
}

func sorted(lines []string) string { return strings.Join(slices.Sorted(slices.Values(lines)), "\n") }

func (e *env) work() {
	e.t.Helper()
	if err := e.s.Work(context.Background(), e.now); err != nil {
		e.t.Fatal(err)
	}
}

func TestStreamShowsChanges(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	arn := e.latest(t)
	e.put("a", "1")
	e.put("a", "1") // changes nothing
	e.put("a", "2")
	e.put("b", "1")
	e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}`)
	e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}`) // there is none
	e.must(root(), "TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'c'},'sk':{'S':'s'},'v':{'S':'t'}}}},
	 {'Update':{'TableName':'pool','Key':{'pk':{'S':'b'},'sk':{'S':'s'}},'UpdateExpression':'SET v = :v','ExpressionAttributeValues':{':v':{'S':'2'}}}},
	 {'ConditionCheck':{'TableName':'pool','Key':{'pk':{'S':'zz'},'sk':{'S':'s'}},'ConditionExpression':'attribute_not_exists(pk)'}}]}`)
	e.must(root(), "BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'d'},'sk':{'S':'s'},'v':{'S':'x'}}}}]}}`)
	if _, err := e.op(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'d'},'sk':{'S':'s'},'v':{'S':'no'}},'ConditionExpression':'attribute_not_exists(pk)'}`); err == nil {
		t.Fatal("the condition held")
	}
	got := e.records(t, root(), arn, "TRIM_HORIZON")
	want := "INSERT a >1\nINSERT b >1\nINSERT c >t\nINSERT d >x\nMODIFY a 1>2\nMODIFY b 1>2\nREMOVE a 2>"
	if sorted(got) != want {
		t.Errorf("got\n%s\nwant\n%s", sorted(got), want)
	}
	var ofA []string
	for _, l := range got {
		if strings.Contains(l, " a ") {
			ofA = append(ofA, l)
		}
	}
	if strings.Join(ofA, ";") != "INSERT a >1;MODIFY a 1>2;REMOVE a 2>" {
		t.Errorf("changes of one row are out of order: %v", ofA)
	}
	if got := e.records(t, root(), arn, "LATEST"); len(got) != 0 {
		t.Errorf("LATEST showed %v", got)
	}
}

// A reader may begin where DescribeStream says that a shard starts, also while nothing is there.
func TestIteratorAtTheStartOfAShard(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	arn := e.latest(t)
	var its []string
	for _, sh := range e.shards(t, root(), arn) {
		for _, kind := range []string{"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"} {
			it, _ := get(t, e.must(root(), "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+sh.ShardID+`','ShardIteratorType':'`+kind+
				`','SequenceNumber':'`+sh.SequenceNumberRange.StartingSequenceNumber+`'}`), "ShardIterator").(string)
			its = append(its, it)
		}
		for _, kind := range []string{"LATEST", "TRIM_HORIZON"} {
			if got := e.result(root(), "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+sh.ShardID+`','ShardIteratorType':'`+kind+
				`','SequenceNumber':'`+sh.SequenceNumberRange.StartingSequenceNumber+`'}`); !strings.HasPrefix(got, "Validation: SequenceNumber must not be specified") {
				t.Error(got)
			}
		}
	}
	e.put("a", "1")
	seen := 0
	for _, it := range its {
		seen += strings.Count(e.must(root(), "GetRecords", `{'ShardIterator':'`+it+`'}`), `"INSERT"`)
	}
	if seen != 2 {
		t.Errorf("the record was seen %d times by two readers of its shard", seen)
	}
	for op, input := range map[string]string{"ListStreams": `{'Limit':101}`, "GetRecords": `{'ShardIterator':'` + its[0] + `','Limit':1001}`} {
		if got := e.result(root(), op, input); !strings.Contains(got, "at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1") {
			t.Errorf("%s: %s", op, got)
		}
	}
	if got := e.must(root(), "DescribeStream", `{'StreamArn':'`+arn+`','ExclusiveStartShardId':'shardId-00000000000000000000-00000000'}`); strings.Contains(got, `"ShardId"`) {
		t.Errorf("after an unknown shard: %s", got)
	}
}

func TestStreamViews(t *testing.T) {
	t.Parallel()
	for view, want := range map[string]string{
		"KEYS_ONLY": "INSERT a >\nMODIFY a >", "NEW_IMAGE": "INSERT a >1\nMODIFY a >2", "OLD_IMAGE": "INSERT a >\nMODIFY a 1>",
	} {
		e := newEnv(t)
		e.makePool(strings.Replace(withStream, "NEW_AND_OLD_IMAGES", view, 1))
		e.put("a", "1")
		e.put("a", "2")
		if got := sorted(e.records(t, root(), e.latest(t), "TRIM_HORIZON")); got != want {
			t.Errorf("%s shows\n%s\nwant\n%s", view, got, want)
		}
	}
}

func TestShardsLiveAndAreTrimmed(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	arn := e.latest(t)
	e.put("a", "1")
	before := e.shards(t, root(), arn)
	it, _ := get(t, e.must(root(), "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+before[0].ShardID+`','ShardIteratorType':'TRIM_HORIZON'}`), "ShardIterator").(string)
	e.now = e.now.Add(shardLife)
	e.work()
	if got := e.result(root(), "GetRecords", `{'ShardIterator':'`+it+`'}`); !strings.HasPrefix(got, "ExpiredIteratorException: ") {
		t.Errorf("an old iterator answers %s", got)
	}
	after := e.shards(t, root(), arn)
	if len(before) != 4 || len(after) != 8 {
		t.Fatalf("%d shards became %d, want 4 and 8", len(before), len(after))
	}
	for i, sh := range after[:4] {
		child := after[4+i]
		if sh.SequenceNumberRange.EndingSequenceNumber == "" || child.ParentShardID != sh.ShardID ||
			child.SequenceNumberRange.StartingSequenceNumber <= sh.SequenceNumberRange.EndingSequenceNumber {
			t.Errorf("shard %+v has the child %+v", sh, child)
		}
	}
	e.put("a", "2")
	if got := e.records(t, root(), arn, "TRIM_HORIZON"); strings.Join(got, ";") != "INSERT a >1;MODIFY a 1>2" {
		t.Errorf("over two generations: %v", got)
	}
	e.now = e.now.Add(streamLife - time.Minute)
	e.work()
	if got := e.records(t, root(), arn, "TRIM_HORIZON"); strings.Join(got, ";") != "MODIFY a 1>2" {
		t.Errorf("after a day: %v", got)
	}
	first := after[0]
	if got := e.result(root(), "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+first.ShardID+`','ShardIteratorType':'AFTER_SEQUENCE_NUMBER','SequenceNumber':'1'}`); !strings.HasPrefix(got, "Validation: ") {
		t.Errorf("a made-up sequence number answers %s", got)
	}
	e.now = e.now.Add(time.Minute)
	e.work()
	if got := e.result(root(), "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+first.ShardID+`','ShardIteratorType':'LATEST'}`); got != "ResourceNotFoundException: Requested resource not found: Shard does not exist" {
		t.Errorf("a trimmed shard answers %s", got)
	}
}

func TestStreamOutlivesTableByADay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	arn := e.latest(t)
	e.put("a", "1")
	e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
	e.work()
	if got := e.records(t, root(), arn, "TRIM_HORIZON"); strings.Join(got, ";") != "INSERT a >1" {
		t.Errorf("after the table: %v", got)
	}
	e.now = e.now.Add(streamLife)
	e.work()
	if got := e.result(root(), "DescribeStream", `{'StreamArn':'`+arn+`'}`); got != "ResourceNotFoundException: Requested resource not found: Stream: "+arn+" not found" {
		t.Error(got)
	}
	if got := e.must(root(), "ListStreams", `{}`); got != `{"Streams":[]}` {
		t.Error(got)
	}
}

func TestStreamIsSwitched(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool("")
	e.put("a", "0")
	const on = `{'TableName':'pool','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_IMAGE'}}`
	const off = `{'TableName':'pool','StreamSpecification':{'StreamEnabled':false}}`
	if got := e.result(root(), "UpdateTable", off); got != "Validation: Table has no stream to disable: TableName: pool" {
		t.Error(got)
	}
	e.must(root(), "UpdateTable", on)
	if got := e.result(root(), "UpdateTable", on); got != "Validation: Table already has an enabled stream: TableName: pool" {
		t.Error(got)
	}
	first := e.latest(t)
	e.put("a", "1")
	e.must(root(), "UpdateTable", off)
	e.put("a", "unseen")
	e.now = e.now.Add(time.Second)
	e.must(root(), "UpdateTable", on)
	e.put("a", "2")
	if got := e.records(t, root(), first, "TRIM_HORIZON"); strings.Join(got, ";") != "MODIFY a >1" {
		t.Errorf("the first stream shows %v", got)
	}
	if got := e.records(t, root(), e.latest(t), "TRIM_HORIZON"); strings.Join(got, ";") != "MODIFY a >2" {
		t.Errorf("the second stream shows %v", got)
	}
	if got := e.must(root(), "ListStreams", `{'TableName':'pool','Limit':1}`); !strings.Contains(got, `"LastEvaluatedStreamArn":"`+first+`"`) {
		t.Error(got)
	}
}

// A tenant's session sees only the changes of its own and of shared rows, whatever its policy lets it do: of a table that is
// there and of one that is gone.
func TestStreamGuard(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"deny", "filter"} {
		e := newEnv(t)
		e.makePool(withStream + fmt.Sprintf(guardTags, mode))
		arn := e.latest(t)
		for _, pk := range []string{"acme#1", "globex#1", "PUBLIC#1", "acme#2", "globex#2"} {
			e.put(pk, "v")
		}
		acme := e.user(account, "acme", nil, readAll)
		nobody := e.user(account, "", authn.Tags{{Key: "x", Value: "y"}}, readAll)
		nobody.principal.FederatedProvider = "cognito-identity.amazonaws.com"
		stranger := e.user(other, "acme", nil, readAll)
		check := func(when string) {
			t.Helper()
			if got := sorted(e.records(t, acme, arn, "TRIM_HORIZON")); got != "INSERT PUBLIC#1 >v\nINSERT acme#1 >v\nINSERT acme#2 >v" {
				t.Errorf("%s, %s: acme sees\n%s", mode, when, got)
			}
			if got := sorted(e.records(t, nobody, arn, "TRIM_HORIZON")); got != "INSERT PUBLIC#1 >v" {
				t.Errorf("%s, %s: a session without a tenant sees\n%s", mode, when, got)
			}
			if _, err := e.op(stranger, "DescribeStream", `{'StreamArn':'`+arn+`'}`); err == nil {
				t.Errorf("%s, %s: another account's session describes the stream", mode, when)
			}
		}
		check("with the table")
		e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
		e.work()
		check("after the table")
		e.makePool("") // a new table of the name, without the guard, changes nothing about the old stream
		check("with another table")
	}
}

func TestStreamPermissionsAreTheStreams(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	arn := e.latest(t)
	sh := e.shards(t, root(), arn)[0].ShardID
	onTable := e.user(account, "", nil, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"`+poolARN+`"}}`)
	onStream := e.user(account, "", nil, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"`+poolARN+`/stream/*"}}`)
	it, _ := get(t, e.must(onStream, "GetShardIterator", `{'StreamArn':'`+arn+`','ShardId':'`+sh+`','ShardIteratorType':'LATEST'}`), "ShardIterator").(string)
	for op, in := range map[string]string{
		"DescribeStream": `{'StreamArn':'` + arn + `'}`, "GetRecords": `{'ShardIterator':'` + it + `'}`,
		"GetShardIterator": `{'StreamArn':'` + arn + `','ShardId':'` + sh + `','ShardIteratorType':'LATEST'}`,
		"ListStreams":      `{'TableName':'pool'}`,
	} {
		if _, err := e.op(onTable, op, in); err != errDenied { //nolint:errorlint // the test's own
			t.Errorf("%s by the permission on the table: %v", op, err)
		}
		if _, err := e.op(onStream, op, in); err != nil {
			t.Errorf("%s by the permission on the stream: %v", op, err)
		}
	}
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream)
	put := func(pk, until string) {
		e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'%s'},'sk':{'S':'s'},'kind':{'S':'k'},'until':%s}}`, pk, until))
	}
	at := func(d time.Duration) string { return fmt.Sprintf(`{'N':'%d'}`, e.now.Add(d).Unix()) }
	put("over", at(-time.Second))
	put("soon", at(time.Minute))
	put("ancient", at(-6*365*24*time.Hour))
	put("text", strings.Replace(at(-time.Second), "'N'", "'S'", 1))
	put("fraction", strings.Replace(at(-time.Hour), "'}", ".5'}", 1))
	const on, off = `{'TableName':'pool','TimeToLiveSpecification':{'AttributeName':'until','Enabled':true}}`, `{'TableName':'pool','TimeToLiveSpecification':{'AttributeName':'until','Enabled':false}}`
	if got := e.result(root(), "UpdateTimeToLive", off); got != "Validation: TimeToLive is already disabled" {
		t.Error(got)
	}
	e.must(root(), "UpdateTimeToLive", on)
	if got := e.must(root(), "DescribeTimeToLive", `{'TableName':'pool'}`); got != `{"TimeToLiveDescription":{"AttributeName":"until","TimeToLiveStatus":"ENABLED"}}` {
		t.Error(got)
	}
	if got := e.result(root(), "UpdateTimeToLive", on); got != "Validation: TimeToLive is already enabled" {
		t.Error(got)
	}
	if got := e.result(root(), "UpdateTimeToLive", off); got != "Validation: Time to live has been modified multiple times within a fixed interval" {
		t.Error(got)
	}
	left := func() string {
		var page struct {
			Items []map[string]map[string]string
		}
		decodeJSON(t, e.must(root(), "Query", `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'k'}}}`), &page)
		var pks []string
		for _, i := range page.Items {
			pks = append(pks, i["pk"]["S"])
		}
		return sorted(pks)
	}
	e.work()
	if got := left(); got != "ancient\nsoon\ntext" {
		t.Errorf("left are\n%s", got)
	}
	e.now = e.now.Add(ttlEvery)
	e.work()
	if got := left(); got != "ancient\ntext" {
		t.Errorf("later, left are\n%s", got)
	}
	var expired []string
	for _, l := range e.records(t, root(), e.latest(t), "TRIM_HORIZON") {
		if strings.HasPrefix(l, "REMOVE") {
			expired = append(expired, l)
		}
	}
	if got := sorted(expired); got != "REMOVE fraction > dynamodb.amazonaws.com\nREMOVE over > dynamodb.amazonaws.com\nREMOVE soon > dynamodb.amazonaws.com" {
		t.Errorf("the stream shows\n%s", got)
	}
}

// Whoever replays the stream has the table, however many write at once; each change begins where the one before it ended.
func TestStreamIsTheTable(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.makePool(withStream + sealTags)
	arn := e.latest(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 40 {
				k := fmt.Sprintf("t%d#k%d", (w+i)%2, (w*7+i*3)%5)
				other := fmt.Sprintf("t%d#k%d", (w+i+1)%2, i%5)
				switch i % 4 {
				case 0:
					e.must(root(), "DeleteItem", `{'TableName':'pool','Key':{'pk':{'S':'`+k+`'},'sk':{'S':'s'}}}`)
				case 1:
					e.must(root(), "TransactWriteItems", fmt.Sprintf(`{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'%s'},'sk':{'S':'s'},'v':{'S':'%d-%d'}}}},
					 {'Delete':{'TableName':'pool','Key':{'pk':{'S':'%s'},'sk':{'S':'s'}}}}]}`, k, w, i, other))
				default:
					e.put(k, fmt.Sprintf("%d-%d", w, i))
				}
			}
		})
	}
	wg.Wait()
	table := map[string]string{}
	for _, l := range e.records(t, root(), arn, "TRIM_HORIZON") {
		f := strings.SplitN(l, " ", 3)
		before, after, _ := strings.Cut(f[2], ">")
		if table[f[1]] != before {
			t.Errorf("%s: the row was %q", l, table[f[1]])
		}
		table[f[1]] = strings.TrimSpace(after)
		if f[0] == "REMOVE" {
			delete(table, f[1])
		}
	}
	var want []string
	for k, v := range table {
		want = append(want, k+"="+v)
	}
	if got := e.contents(t, "pool"); got != sorted(want) {
		t.Errorf("the table is\n%s\nthe stream leads to\n%s", got, sorted(want))
	}
}

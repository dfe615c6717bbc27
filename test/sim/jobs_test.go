package sim

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/bulkhead/bulkhead/test/sim/proc"
)

// expired is how many rows there are whose time is over.
const expired = 120

// site is one server on the embedded store, or two on a database: what does its work in the background and is killed at it.
type site struct {
	t       *testing.T
	nodes   []settings
	running []*proc.Server
}

func newSite(t *testing.T, backend string) *site {
	t.Helper()
	s := &site{t: t, nodes: []settings{{Data: t.TempDir(), Store: backend}}}
	if backend == "postgres" {
		store := database(t)
		s.nodes = []settings{{Data: t.TempDir(), Store: store, Node: "a"}, {Data: t.TempDir(), Store: store, Node: "b", Skew: -90 * time.Second}}
	}
	s.start()
	return s
}

// start starts all nodes at once: each begins with the work that is left.
func (s *site) start() {
	s.t.Helper()
	s.running = nil
	for _, n := range s.nodes {
		s.running = append(s.running, process(s.t, n))
	}
}

// restart kills all nodes and starts them again.
func (s *site) restart() {
	s.t.Helper()
	for _, p := range s.running {
		p.Kill()
	}
	s.start()
}

func (s *site) cfg() aws.Config { return as(s.t, s.running[0].Endpoint, rootUser) }

func (s *site) all() (nodes []aws.Config) {
	for _, p := range s.running {
		nodes = append(nodes, as(s.t, p.Endpoint, rootUser))
	}
	return nodes
}

func (s *site) ddb() *dynamodb.Client { return dynamodb.NewFromConfig(s.cfg()) }

func (s *site) backedUp(arn *string) bool {
	s.t.Helper()
	out := must[*dynamodb.DescribeBackupOutput](s.t)(s.ddb().DescribeBackup(s.t.Context(), &dynamodb.DescribeBackupInput{BackupArn: arn}))
	return out.BackupDescription.BackupDetails.BackupStatus == types.BackupStatusAvailable
}

// fill writes rows that do not change; those with a time are over.
func (s *site) fill(table, prefix string, n int, more map[string]types.AttributeValue) {
	s.t.Helper()
	for from := 0; from < n; from += 25 {
		var puts []types.WriteRequest
		for i := from; i < min(n, from+25); i++ {
			item := map[string]types.AttributeValue{"pk": str(prefix + strconv.Itoa(i)), "v": str(prefix), "kind": str("kind-0")}
			for k, v := range more {
				item[k] = v
			}
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
		}
		must[*dynamodb.BatchWriteItemOutput](s.t)(s.ddb().BatchWriteItem(s.t.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: puts},
		}))
	}
}

// Backups, restores, new indexes and times to live that are under way when their servers are killed are finished by those that
// come after, on one node or two at once, each thing once: a backup and a restore to a point in time are the table as it was then.
func TestJobsGoOnAfterAKill(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"pebble", "postgres"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, backend)
			all := []*ledger{newLedger("plain"), newLedger("sealed")}
			for i, l := range all {
				l.make(t, s.cfg(), i == 1)
			}
			o := &load{ledgers: all, nodes: []aws.Config{s.cfg()}, turns: 4}
			o.run(t)
			s.fill("plain", "still#", 300, nil)
			times := backupTimes{}
			for _, l := range all {
				times.backUp(s, l, o)
			}
			for round, l := range all {
				b := times[l]
				eventually(t, patience, "the backup is made", func() bool { return s.backedUp(b.arn) })
				s.restore(l, b, round)
			}
			for _, l := range all {
				b := times[l]
				for name, when := range map[string][2]time.Time{l.table + "-of-backup": {b.from, b.to}, l.table + "-of-time": {b.when, b.when}} {
					eventually(t, patience, name+" is restored", func() bool { return active(t, s.ddb(), name) })
					rows := rowsOf(t, s.ddb(), name)
					l.checkRestored(t, s.ddb(), name, rows)
					if l.table == "plain" {
						s.takeStill(rows, name)
					}
					l.at(t, rows, name, when[0], when[1])
				}
			}
			s.expire()
			s.index()
			verify(t, s.cfg())
		})
	}
}

// checkRestored holds the index of a restored table against its rows.
func (l *ledger) checkRestored(t *testing.T, ddb *dynamodb.Client, name string, rows map[string]string) {
	t.Helper()
	(&ledger{table: name}).checkIndex(t, ddb, rows)
}

// takeStill takes out the rows that never changed, all of which have to be there.
func (s *site) takeStill(rows map[string]string, what string) {
	s.t.Helper()
	for i := range 300 {
		pk := "still#" + strconv.Itoa(i)
		if rows[pk] == "" {
			s.t.Errorf("%s has no row %s", what, pk)
		}
		delete(rows, pk)
	}
}

// backupOf says what there is of a table: a backup that was made between two times, and a time to go back to.
type backupOf struct {
	arn            *string
	from, to, when time.Time
}

type backupTimes map[*ledger]*backupOf

// backUp begins a backup among writes, and the death of all nodes among both.
func (b backupTimes) backUp(s *site, l *ledger, o *load) {
	t := s.t
	t.Helper()
	made := &backupOf{}
	b[l] = made
	o.first += 100
	during := *o
	during.nodes, during.after = []aws.Config{s.cfg()}, 12
	during.breaks = func() chan struct{} {
		ddb := s.ddb()
		// Times go to milliseconds over the wire, and no further.
		made.when = time.Now().Truncate(time.Millisecond)
		for !time.Now().After(made.when.Add(time.Millisecond)) { // what is sent after it is so by the clock
		}
		made.from = time.Now()
		out, err := ddb.CreateBackup(t.Context(), &dynamodb.CreateBackupInput{TableName: &l.table, BackupName: aws.String("during")})
		made.to = time.Now()
		if err != nil {
			t.Errorf("begin a backup: %v", err)
		} else {
			made.arn = out.BackupDetails.BackupArn
		}
		for _, p := range s.running {
			p.Kill()
		}
		return nil
	}
	during.run(t)
	if made.arn == nil {
		t.FailNow()
	}
	s.start()
	checkLedgers(s, o)
}

func checkLedgers(s *site, o *load) {
	s.t.Helper()
	for _, l := range o.ledgers {
		l.again(s.t, s.cfg())
	}
}

// restore begins two restores and kills all nodes at them.
func (s *site) restore(l *ledger, b *backupOf, round int) {
	t := s.t
	t.Helper()
	must[*dynamodb.RestoreTableFromBackupOutput](t)(s.ddb().RestoreTableFromBackup(t.Context(), &dynamodb.RestoreTableFromBackupInput{
		TargetTableName: aws.String(l.table + "-of-backup"), BackupArn: b.arn,
	}))
	must[*dynamodb.RestoreTableToPointInTimeOutput](t)(s.ddb().RestoreTableToPointInTime(t.Context(), &dynamodb.RestoreTableToPointInTimeInput{
		SourceTableName: &l.table, TargetTableName: aws.String(l.table + "-of-time"), RestoreDateTime: aws.Time(b.when),
	}))
	for range 1 + round {
		s.restart()
	}
}

// expire gives rows that are over an end, and kills all nodes at it: each row is removed, once.
func (s *site) expire() {
	t := s.t
	t.Helper()
	over := map[string]types.AttributeValue{"until": number(int(time.Now().Add(-time.Hour).Unix()))}
	s.fill("plain", "over#", expired, over)
	must[*dynamodb.UpdateTimeToLiveOutput](t)(s.ddb().UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: aws.String("plain"), TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("until"), Enabled: aws.Bool(true)},
	}))
	s.restart()
	left := func() (n int) {
		for pk := range rowsOf(t, s.ddb(), "plain") {
			if pk[:5] == "over#" {
				n++
			}
		}
		return n
	}
	eventually(t, patience, "what is over is removed", func() bool { return left() == 0 })
	records := recordsOf(t, s.cfg(), "plain")
	for i := range expired {
		pk := "over#" + strconv.Itoa(i)
		r := records[pk]
		if len(r) != 2 || r[1].UserIdentity == nil || aws.ToString(r[1].UserIdentity.PrincipalId) != "dynamodb.amazonaws.com" {
			t.Errorf("%s, put once and removed once by the time to live, has %d records", pk, len(r))
		}
	}
}

// index adds an index, and kills all nodes while it is filled.
func (s *site) index() {
	t := s.t
	t.Helper()
	must[*dynamodb.UpdateTableOutput](t)(s.ddb().UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
		TableName: aws.String("plain"), AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("v"), AttributeType: types.ScalarAttributeTypeS}},
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{
			IndexName: aws.String("by-value"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("v"), KeyType: types.KeyTypeHash}},
		}}},
	}))
	s.restart()
	eventually(t, patience, "the index is filled", func() bool {
		out := must[*dynamodb.DescribeTableOutput](t)(s.ddb().DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("plain")}))
		for _, x := range out.Table.GlobalSecondaryIndexes {
			if x.IndexStatus != types.IndexStatusActive {
				return false
			}
		}
		return len(out.Table.GlobalSecondaryIndexes) == 2
	})
	entries := map[string]string{}
	pages := dynamodb.NewScanPaginator(s.ddb(), &dynamodb.ScanInput{TableName: aws.String("plain"), IndexName: aws.String("by-value")})
	for pages.HasMorePages() {
		for _, item := range must[*dynamodb.ScanOutput](t)(pages.NextPage(t.Context())).Items {
			entries[text(item, "pk")] = text(item, "v")
		}
	}
	same(t, "the new index", entries, rowsOf(t, s.ddb(), "plain"))
}

// What is changed of a table itself, the guard's mode and who may what among it, is as it was acknowledged after a kill.
func TestKilledAmongTags(t *testing.T) {
	t.Parallel()
	s := newSite(t, "pebble")
	makeTable(t, s.ddb(), "guarded", types.Tag{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant}#*")})
	arn := aws.String("arn:aws:dynamodb:" + region + ":" + account + ":table/guarded")
	modes := []string{"deny", "filter"}
	next := 0
	for range 3 {
		ddb, p := s.ddb(), s.running[0]
		var acked, sent string
		for n := 0; ; n++ {
			sent = fmt.Sprint(next)
			_, err := ddb.TagResource(t.Context(), &dynamodb.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{
				{Key: aws.String("bulkhead:guard"), Value: &modes[next%2]}, {Key: aws.String("n"), Value: aws.String(sent)},
			}})
			if err != nil {
				break
			}
			acked = sent
			next++
			if n == 5 {
				go p.Kill()
			}
		}
		<-p.Exited()
		s.start()
		tags := map[string]string{}
		for _, tag := range must[*dynamodb.ListTagsOfResourceOutput](t)(s.ddb().ListTagsOfResource(t.Context(), &dynamodb.ListTagsOfResourceInput{ResourceArn: arn})).Tags {
			tags[*tag.Key] = *tag.Value
		}
		n := tags["n"]
		if n != acked && n != sent {
			t.Errorf("the tag is %s; %s was acknowledged, %s sent", n, acked, sent)
		}
		if i, err := strconv.Atoi(n); err != nil || tags["bulkhead:guard"] != modes[i%2] || tags["bulkhead:owner-key"] == "" {
			t.Errorf("the tags are torn: %v", tags)
		}
	}
}

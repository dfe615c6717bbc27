package sim

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/bulkhead/bulkhead/test/sim/proc"
)

// ledgers are a plain table and a sealed one.
func ledgers(t *testing.T, cfg aws.Config) []*ledger {
	t.Helper()
	all := []*ledger{newLedger("plain"), newLedger("sealed")}
	for i, l := range all {
		l.make(t, cfg, i == 1)
	}
	return all
}

// checkAll holds all tables against what was sent; transactions without an answer are sent again before a second look.
func checkAll(t *testing.T, all []*ledger, cfg aws.Config) (applied, lost int) {
	t.Helper()
	for _, l := range all {
		a, b := l.check(t, cfg)
		applied, lost = applied+a, lost+b
		l.again(t, cfg)
		l.check(t, cfg)
	}
	return applied, lost
}

// A server that is killed among writes of every kind has all that it acknowledged, in the rows, the index and the stream, and
// nothing by halves; rows of tenants whose data keys were just being made are read. Killed at other writes of the same table's, again.
func TestKilledAmongTables(t *testing.T) {
	t.Parallel()
	s := settings{Data: t.TempDir(), Store: "pebble"}
	p := process(t, s)
	all := ledgers(t, as(t, p.Endpoint, rootUser))
	for round := range 3 {
		o := &load{ledgers: all, nodes: []aws.Config{as(t, p.Endpoint, rootUser)}, first: round * 1000, turns: 1000, after: 9 + 17*round,
			breaks: func() chan struct{} { p.Kill(); return nil }}
		o.run(t)
		p = process(t, s)
		checkAll(t, all, as(t, p.Endpoint, rootUser))
	}
}

// A node that is killed loses nothing that it acknowledged, and does not hold up the other, which has all of it; nor does it itself
// when it starts again.
func TestNodeKilledAmongTables(t *testing.T) {
	t.Parallel()
	database := database(t)
	a, b := settings{Data: t.TempDir(), Store: database, Node: "a"}, settings{Data: t.TempDir(), Store: database, Node: "b", Skew: -90 * time.Second}
	servers := []*proc.Server{process(t, a), process(t, b)}
	cfg := []aws.Config{as(t, servers[0].Endpoint, rootUser), as(t, servers[1].Endpoint, rootUser)}
	all := ledgers(t, cfg[1])
	for _, l := range all {
		eventually(t, patience, "the table is at the other node", func() bool {
			_, err := dynamodb.NewFromConfig(cfg[0]).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &l.table})
			return err == nil
		})
	}
	o := &load{ledgers: all, nodes: cfg, turns: 6, after: 25, breaks: func() chan struct{} { servers[0].Kill(); return nil }}
	o.run(t)
	if n := len(all[0].rows) + len(all[1].rows); n < ledgerWriters*6*3 {
		t.Errorf("only %d rows were written: the node that went on was held up", n)
	}
	checkAll(t, all, cfg[1])
	checkAll(t, all, as(t, process(t, a).Endpoint, rootUser))
}

// A node that loses its connections to the database among its writes does not know which of those were made, says so by an error,
// and is right about all others. Transactions that are sent again are made once.
func TestNodeCutOffAmongTables(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(asked, answer []byte) bool{
		"before COMMIT": func(asked, answer []byte) bool { return answer == nil && bytes.Contains(asked, []byte(marker)) },
		"after COMMIT": func(asked, answer []byte) bool {
			return bytes.Contains(asked, []byte(marker)) && bytes.Contains(answer, []byte("COMMIT\x00"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNodes(t)
			all := []*ledger{newLedger("plain")}
			all[0].make(t, n.a, false)
			eventually(t, patience, "the table is at the other node", func() bool {
				_, err := dynamodb.NewFromConfig(n.b).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("plain")})
				return err == nil
			})
			o := &load{ledgers: all, nodes: []aws.Config{n.a, n.b}, turns: 8, after: 30, breaks: func() chan struct{} {
				healed := make(chan struct{})
				lost := n.link.lose(lose)
				go func() {
					defer close(healed)
					<-lost
					n.link.set(true)
					n.link.set(false)
				}()
				return healed
			}}
			o.run(t)
			applied, lost := checkAll(t, all, n.a)
			if applied+lost == 0 || name == "after COMMIT" && applied == 0 || name == "before COMMIT" && lost == 0 {
				t.Errorf("of the writes that were cut off %d were made and %d were not", applied, lost)
			}
			eventually(t, patience, "the node reads again", func() bool {
				_, err := dynamodb.NewFromConfig(n.b).Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("plain")})
				return err == nil
			})
			checkAll(t, all, n.b)
		})
	}
}

// A database that crashes under load, and is started again, loses nothing that either node acknowledged; both go on by themselves.
func TestDatabaseCrashesAmongTables(t *testing.T) {
	t.Parallel()
	db := ownDatabase(t)
	endA, _ := inside(t, settings{Data: t.TempDir(), Store: db.url, Node: "a"})
	endB, _ := inside(t, settings{Data: t.TempDir(), Store: db.url, Node: "b"})
	cfg := []aws.Config{as(t, endA, rootUser), as(t, endB, rootUser)}
	all := ledgers(t, cfg[0])
	o := &load{ledgers: all, nodes: cfg, turns: 6, after: 40, breaks: func() chan struct{} {
		healed := make(chan struct{})
		go func() {
			defer close(healed)
			db.tell(t, "stop")
			db.tell(t, "go")
			for i, c := range cfg {
				eventually(t, patience, fmt.Sprint("node goes on: ", i), func() bool {
					_, err := dynamodb.NewFromConfig(c).UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
						TableName: aws.String("plain"), Key: keyOf("nobody#1"), UpdateExpression: aws.String("REMOVE gone"),
						ConditionExpression: aws.String("attribute_exists(pk)"),
					})
					_, refused := errorAs[*types.ConditionalCheckFailedException](err)
					return refused
				})
			}
		}()
		return healed
	}}
	o.run(t)
	for _, c := range cfg {
		checkAll(t, all, c)
		verify(t, c)
	}
}

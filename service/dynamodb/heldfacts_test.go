package dynamodb

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/storetest"
)

// firstUse is a context that runs a function when somebody first asks whether it has ended: the store does when a transaction begins.
type firstUse struct {
	context.Context
	once sync.Once
	run  func()
}

func (c *firstUse) Err() error {
	c.once.Do(func() {
		done := make(chan struct{})
		go func() { // for no transaction may be made within another
			defer close(done)
			c.run()
		}()
		<-done
	})
	return c.Context.Err()
}

// A change of the table between the look at the cached facts and the beginning of the transaction that is to use them is known in it.
func TestCachedFactsAreThoseOfTheTransaction(t *testing.T) {
	t.Parallel()
	changes := map[string]func(e *env){
		"a new index": func(e *env) {
			e.must(root(), "UpdateTable", `{'TableName':'pool','AttributeDefinitions':[{'AttributeName':'v','AttributeType':'S'}],
			 'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'by-v','KeySchema':[{'AttributeName':'v','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`)
		},
		"a stream": func(e *env) {
			e.must(root(), "UpdateTable", `{'TableName':'pool','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_IMAGE'}}`)
		},
		"a tag": func(e *env) {
			e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'team','Value':'x'}]}`)
		},
	}
	for what, change := range changes {
		for way, open := range map[string]func(*Service, context.Context, *pipeline.Call, place, func(*store.Tx, *table) error) error{
			"to write": (*Service).writeRows, "to read": (*Service).readRows, "to write several": writeSeveral, "to read several": readSeveral,
		} {
			t.Run(what+" "+way, func(t *testing.T) {
				t.Parallel()
				e := pooled(t, "")
				at := place{account, region, "pool"}
				was, err := e.s.facts(t.Context(), at)
				if err != nil {
					t.Fatal(err)
				}
				if !e.s.db.Alone() {
					t.Skip("other nodes may write, so that no cached facts serve")
				}
				grant := authztest.Grant(t, authztest.Root(account), name, authz.Write, authz.RequireChecks(authz.Check{
					Action: "dynamodb:PutItem", Resource: was.res, Rows: &authz.Rows{All: true, Write: true},
				}))
				ctx := &firstUse{Context: t.Context(), run: func() { change(e) }}
				var is *table
				err = open(e.s, ctx, &pipeline.Call{Grant: grant, Account: account, Region: region, Now: e.now}, at, func(_ *store.Tx, t *table) error {
					is = t
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if len(is.Indexes) == len(was.Indexes) && is.streams() == was.streams() && len(is.Tags) == len(was.Tags) {
					t.Error("the transaction works by what the table was before it began")
				}
			})
		}
	}
}

// writeSeveral is writeRows as requests of several tables have it.
func writeSeveral(s *Service, ctx context.Context, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error { //nolint:revive // as a method is
	return s.writeTables(ctx, c, []string{at.name}, func(tx *store.Tx, open opener) error {
		t, err := open(at.name)
		if err != nil {
			return err
		}
		return fn(tx, t.table)
	})
}

// readSeveral is readRows as requests of several tables have it. Its fn is given no transaction.
func readSeveral(s *Service, ctx context.Context, c *pipeline.Call, at place, fn func(*store.Tx, *table) error) error { //nolint:revive // as a method is
	return s.readTables(ctx, c, []string{at.name}, nil, func(open opener) error {
		t, err := open(at.name)
		if err != nil {
			return err
		}
		return fn(nil, t.table)
	})
}

// A table gets a stream while a row is put that nobody reads, after its facts were last looked at and before the transaction commits: the
// put comes after the stream, and is in it.
func TestTableChangesWhileARowIsPut(t *testing.T) {
	t.Parallel()
	for op, in := range putting {
		db, raw, late := storetest.NewPebble(t)
		e := newEnvOn(t, db, raw)
		e.must(root(), "CreateTable", blindTable+blindTags)
		put := func(v string) {
			e.must(root(), op, strings.ReplaceAll(in, "ITEM", `{'pk':{'S':'acme#1'},'sk':{'S':'a'},'v':{'S':'`+v+`'}}`))
		}
		put("old") // its data key is at hand then
		late.BeforeCommit(func() {
			e.must(root(), "UpdateTable", `{'TableName':'rows','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_AND_OLD_IMAGES'}}`)
		})
		put("new")
		if got := changesOf(t, e); got != "MODIFY acme#1 old>new" {
			t.Errorf("%s: the stream holds %q", op, got)
		}
	}
}

// A table that was made anew under its name is not there for who was allowed something on the one before, operators among them.
func TestTablesMadeAnew(t *testing.T) {
	t.Parallel()
	for _, op := range []struct{ name, input string }{
		{"PutItem", `{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}}}`},
		{"GetItem", `{'TableName':'pool','Key':{'pk':{'S':'a'},'sk':{'S':'s'}}}`},
		{"Scan", `{'TableName':'pool'}`},
		{"BatchWriteItem", `{'RequestItems':{'pool':[{'PutRequest':{'Item':{'pk':{'S':'a'},'sk':{'S':'s'}}}}]}}`},
		{"TransactWriteItems", `{'TransactItems':[{'Put':{'TableName':'pool','Item':{'pk':{'S':'a'},'sk':{'S':'s'}}}}]}`},
		{"ExecuteStatement", `{'Statement':'SELECT * FROM pool'}`},
	} {
		e := pooled(t, "")
		e.between = func() {
			e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
			pooledIn(e, "", "")
		}
		if got := e.result(root(), op.name, op.input); got != "ResourceNotFoundException: Requested resource not found" {
			t.Errorf("%s: %s", op.name, got)
		}
		if got := get(t, e.must(root(), "Scan", `{'TableName':'pool','Select':'COUNT'}`), "Count"); got != 3.0 {
			t.Errorf("%s leaves %v rows", op.name, got)
		}
	}
}

package dynamodb

import (
	"context"
	"testing"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/item"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// BenchmarkItem measures what the service itself adds to a request: its requirement, and the execution of the request
// with a grant over a store in memory.
func BenchmarkItem(b *testing.B) {
	e := newEnv(b)
	e.makePool("")
	table := "pool"
	row := item.MapOf(map[string]item.Value{
		"pk": item.String("acme#1"), "sk": item.String("s"), "v": item.String(string(make([]byte, 400))),
	})
	key := item.MapOf(map[string]item.Value{"pk": item.String("acme#1"), "sk": item.String("s")})
	put := &api.PutItemInput{TableName: &table, Item: &row}
	got := &api.GetItemInput{TableName: &table, Key: &key}
	ctx, who := context.Background(), authztest.Root(account)
	scope := &authz.Scope{Context: ctx, Region: region, Account: account, Caller: who, Now: e.now}
	call := func(access authz.Access, r authz.Requirement) *pipeline.Call {
		return &pipeline.Call{
			Grant: authztest.Grant(b, who, name, access, r), Caller: who, Account: account, Region: region, Now: e.now,
		}
	}
	b.Run("PutItem/require", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.r.PutItem(scope, put)
		}
	})
	b.Run("PutItem/execute", func(b *testing.B) {
		c := call(authz.Write, e.r.PutItem(scope, put))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.s.PutItem(ctx, c, put); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("GetItem/require", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.r.GetItem(scope, got)
		}
	})
	b.Run("GetItem/execute", func(b *testing.B) {
		c := call(authz.Read, e.r.GetItem(scope, got))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.s.GetItem(ctx, c, got); err != nil {
				b.Fatal(err)
			}
		}
	})
}

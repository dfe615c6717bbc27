package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
)

// neighbours are tenants whose names begin alike, the usual way to get a prefix check wrong.
var neighbours = []string{"ac", "acme", "acme-2", "acmecorp", "globex"}

const (
	guardedTable = "pool"
	rowsEach     = 4  // rows that a tenant may have
	stepsEach    = 60 // rounds of operations of a tenant
)

// row is what is in a tenant's row; the value names the tenant, so that it is known wherever it turns up.
func row(pk, value string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": str(pk), "kind": str("row"), "v": str(value)}
}

func secretOf(tenant string, n int) string { return fmt.Sprintf("<secret of %s> %d", tenant, n) }

// walker is a tenant that tries everything everywhere. Nobody else may change its rows, so it knows them exactly.
type walker struct {
	t      *testing.T
	tenant string
	filter bool
	rows   *dynamodb.Client
	rand   *rand.Rand
	own    map[string]string // value by key
	writes int
}

// key chooses a key of a tenant.
func (w *walker) key(tenant string) string {
	return fmt.Sprintf("%s#%d", tenant, w.rand.IntN(rowsEach))
}

func (w *walker) other() string {
	for {
		if o := neighbours[w.rand.IntN(len(neighbours))]; o != w.tenant {
			return o
		}
	}
}

func (w *walker) value() string {
	w.writes++
	return secretOf(w.tenant, w.writes)
}

// clean fails the test if an answer, or an error, holds another tenant's value.
func (w *walker) clean(what string, out any, err error) {
	text, bad := json.Marshal(out)
	if bad != nil {
		w.t.Error(bad)
	}
	if err != nil {
		text = append(text, err.Error()...)
		var failed *types.ConditionalCheckFailedException
		var canceled *types.TransactionCanceledException
		for _, e := range []any{&failed, &canceled} {
			if errors.As(err, e) {
				more, bad := json.Marshal(e)
				if bad != nil {
					w.t.Error(bad)
				}
				text = append(text, more...)
			}
		}
	}
	plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text))
	for _, o := range neighbours {
		if o != w.tenant && strings.Contains(plain, "<secret of "+o+">") {
			w.t.Errorf("%s got from %s a row of %s: %s", w.tenant, what, o, plain)
		}
	}
}

// refused fails the test unless the error is a refusal, one that says nothing of the rows.
func (w *walker) refused(what string, out any, err error) {
	w.clean(what, out, err)
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != "AccessDeniedException" {
		w.t.Errorf("%s may %s: %v", w.tenant, what, err)
	}
}

func (w *walker) ok(what string, out any, err error) {
	w.clean(what, out, err)
	if err != nil {
		w.t.Errorf("%s may not %s: %v", w.tenant, what, err)
	}
}

func name() *string { return aws.String(guardedTable) }

func keyOf(pk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": str(pk)}
}

// mine checks what was read at a key of the tenant.
func (w *walker) mine(pk string, item map[string]types.AttributeValue) {
	got := ""
	if v, ok := item["v"].(*types.AttributeValueMemberS); ok {
		got = v.Value
	}
	if got != w.own[pk] {
		w.t.Errorf("%s reads %q at %s and wrote %q", w.tenant, got, pk, w.own[pk])
	}
}

func (w *walker) get() {
	pk := w.key(w.tenant)
	out, err := w.rows.GetItem(w.t.Context(), &dynamodb.GetItemInput{TableName: name(), Key: keyOf(pk)})
	w.ok("get its own row", out, err)
	if err == nil {
		w.mine(pk, out.Item)
	}
	foreign := w.key(w.other())
	out, err = w.rows.GetItem(w.t.Context(), &dynamodb.GetItemInput{TableName: name(), Key: keyOf(foreign)})
	w.unseen("get "+foreign, out, err, func() bool { return out.Item == nil })
}

// unseen is what comes of reading foreign rows: a refusal or, where the guard filters, nothing.
func (w *walker) unseen(what string, out any, err error, nothing func() bool) {
	if !w.filter {
		w.refused(what, out, err)
		return
	}
	w.ok(what, out, err)
	if err == nil && !nothing() {
		w.t.Errorf("%s saw something by %s", w.tenant, what)
	}
}

func (w *walker) put() {
	pk, v := w.key(w.tenant), w.value()
	out, err := w.rows.PutItem(w.t.Context(), &dynamodb.PutItemInput{TableName: name(), Item: row(pk, v)})
	w.ok("put its own row", out, err)
	w.own[pk] = v
	foreign := w.key(w.other())
	out, err = w.rows.PutItem(w.t.Context(), &dynamodb.PutItemInput{
		TableName: name(), Item: row(foreign, w.value()), ReturnValues: types.ReturnValueAllOld,
	})
	w.refused("put "+foreign, out, err)
	out, err = w.rows.PutItem(w.t.Context(), &dynamodb.PutItemInput{
		TableName: name(), Item: row(foreign, w.value()), ConditionExpression: aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	w.refused("put on a condition "+foreign, out, err)
	out, err = w.rows.PutItem(w.t.Context(), &dynamodb.PutItemInput{TableName: name(), Item: row("PUBLIC#1", w.value())})
	w.refused("put a shared row", out, err)
}

func (w *walker) update() {
	in := func(pk, v string) *dynamodb.UpdateItemInput {
		return &dynamodb.UpdateItemInput{
			TableName: name(), Key: keyOf(pk), UpdateExpression: aws.String("SET v = :v, kind = :k"), ReturnValues: types.ReturnValueAllOld,
			ExpressionAttributeValues: map[string]types.AttributeValue{":v": str(v), ":k": str("row")},
		}
	}
	pk, v := w.key(w.tenant), w.value()
	out, err := w.rows.UpdateItem(w.t.Context(), in(pk, v))
	w.ok("update its own row", out, err)
	if err == nil {
		w.mine(pk, out.Attributes)
	}
	w.own[pk] = v
	foreign := w.key(w.other())
	out, err = w.rows.UpdateItem(w.t.Context(), in(foreign, w.value()))
	w.refused("update "+foreign, out, err)
}

func (w *walker) remove() {
	in := func(pk string) *dynamodb.DeleteItemInput {
		return &dynamodb.DeleteItemInput{TableName: name(), Key: keyOf(pk), ReturnValues: types.ReturnValueAllOld}
	}
	pk := w.key(w.tenant)
	out, err := w.rows.DeleteItem(w.t.Context(), in(pk))
	w.ok("delete its own row", out, err)
	if err == nil {
		w.mine(pk, out.Attributes)
	}
	delete(w.own, pk)
	foreign := w.key(w.other())
	out, err = w.rows.DeleteItem(w.t.Context(), in(foreign))
	w.refused("delete "+foreign, out, err)
}

func (w *walker) query() {
	foreign := w.key(w.other())
	out, err := w.rows.Query(w.t.Context(), &dynamodb.QueryInput{
		TableName: name(), KeyConditionExpression: aws.String("pk = :p"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": str(foreign)},
	})
	w.unseen("query "+foreign, out, err, func() bool { return out.Count == 0 && out.ScannedCount == 0 && len(out.Items) == 0 })
	index, err := w.rows.Query(w.t.Context(), &dynamodb.QueryInput{
		TableName: name(), IndexName: aws.String("by-kind"), KeyConditionExpression: aws.String("kind = :k"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":k": str("row")},
	})
	w.listed("query the index", index, err, func() listing { return listing{index.Count, index.ScannedCount, index.Items} })
}

// listing is an answer of several rows.
type listing struct {
	count, scanned int32
	items          []map[string]types.AttributeValue
}

// listed checks an answer that a tenant could have of all rows: exactly its own and the shared one, or none at all.
func (w *walker) listed(what string, out any, err error, get func() listing) {
	w.clean(what, out, err)
	if err != nil {
		if w.filter {
			w.t.Errorf("%s may not %s: %v", w.tenant, what, err)
			return
		}
		w.refused(what, out, err)
		return
	}
	l := get()
	if want := int32(len(w.own) + 1); l.count != want || l.scanned != want {
		w.t.Errorf("%s counts %d rows of %d looked at by %s, and has %d", w.tenant, l.count, l.scanned, what, want)
	}
	for _, item := range l.items {
		if pk := item["pk"].(*types.AttributeValueMemberS).Value; pk != "PUBLIC#1" {
			w.mine(pk, item)
		}
	}
}

func (w *walker) scan() {
	for _, in := range []*dynamodb.ScanInput{{}, {Select: types.SelectCount}, {IndexName: aws.String("by-kind")}} {
		in.TableName = name()
		out, err := w.rows.Scan(w.t.Context(), in)
		w.listed("scan", out, err, func() listing { return listing{out.Count, out.ScannedCount, out.Items} })
	}
}

func (w *walker) batch() {
	pk, foreign := w.key(w.tenant), w.key(w.other())
	got, err := w.rows.BatchGetItem(w.t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		guardedTable: {Keys: []map[string]types.AttributeValue{keyOf(pk), keyOf(foreign)}},
	}})
	w.unseen("get by batch "+foreign, got, err, func() bool {
		_, there := w.own[pk]
		return len(got.Responses[guardedTable]) == map[bool]int{true: 1}[there]
	})
	out, err := w.rows.BatchWriteItem(w.t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
		guardedTable: {
			{PutRequest: &types.PutRequest{Item: row(pk, w.value())}}, {DeleteRequest: &types.DeleteRequest{Key: keyOf(foreign)}},
		},
	}})
	w.refused("delete by batch "+foreign, out, err)
}

func (w *walker) transact() {
	pk, v, other := w.key(w.tenant), w.value(), w.other()
	foreign := w.key(other)
	put := types.TransactWriteItem{Put: &types.Put{TableName: name(), Item: row(pk, v)}}
	for _, second := range []types.TransactWriteItem{
		{Put: &types.Put{TableName: name(), Item: row(foreign, v)}},
		{Delete: &types.Delete{TableName: name(), Key: keyOf(foreign)}},
		{ConditionCheck: &types.ConditionCheck{
			TableName: name(), Key: keyOf(foreign), ConditionExpression: aws.String("begins_with(v, :s)"),
			ExpressionAttributeValues:           map[string]types.AttributeValue{":s": str("<secret of " + other)},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
	} {
		out, err := w.rows.TransactWriteItems(w.t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put, second}})
		w.clean("a transaction", out, err)
		if err == nil {
			w.t.Errorf("%s reached %s in a transaction", w.tenant, foreign)
		}
	}
	out, err := w.rows.TransactWriteItems(w.t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put}})
	w.ok("put in a transaction", out, err)
	w.own[pk] = v
	got, err := w.rows.TransactGetItems(w.t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
		{Get: &types.Get{TableName: name(), Key: keyOf(pk)}}, {Get: &types.Get{TableName: name(), Key: keyOf(foreign)}},
	}})
	w.unseen("get in a transaction "+foreign, got, err, func() bool { return got.Responses[1].Item == nil })
}

// table tries what concerns the rows of all tenants at once.
func (w *walker) table() {
	ctx, arn := w.t.Context(), aws.String("arn:aws:dynamodb:"+region+":"+account+":table/"+guardedTable)
	gone, err := w.rows.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: name()})
	w.refused("delete the table", gone, err)
	untagged, err := w.rows.UntagResource(ctx, &dynamodb.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"bulkhead:owner-key"}})
	w.refused("untag the table", untagged, err)
	out, err := w.rows.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: name()})
	w.ok("describe the table", out, err)
	if err == nil && aws.ToInt64(out.Table.ItemCount) != 0 {
		w.t.Errorf("%s is told that all tenants have %d rows", w.tenant, *out.Table.ItemCount)
	}
}

func (w *walker) walk() {
	steps := []func(){w.get, w.put, w.put, w.update, w.remove, w.query, w.scan, w.batch, w.transact, w.table}
	for range stepsEach {
		steps[w.rand.IntN(len(steps))]()
	}
}

func makeGuarded(t *testing.T, rows *dynamodb.Client, mode string) {
	t.Helper()
	s := types.ScalarAttributeTypeS
	must[*dynamodb.CreateTableOutput](t)(rows.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: name(), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: s}, {AttributeName: aws.String("kind"), AttributeType: s}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("by-kind"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("kind"), KeyType: types.KeyTypeHash}},
		}},
		Tags: []types.Tag{
			{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant} ${tenant}#*")},
			{Key: aws.String("bulkhead:shared-keys"), Value: aws.String("PUBLIC#*")},
			{Key: aws.String("bulkhead:guard"), Value: &mode},
		},
	}))
	must[*dynamodb.PutItemOutput](t)(rows.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: name(), Item: row("PUBLIC#1", "public")}))
}

// Tenants that all at once try everything on each other's rows, under a policy that allows it, see, count and change
// their own only.
func TestTenantsApart(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"deny", "filter"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			endpoint, _ := inside(t, settings{Data: t.TempDir(), Store: "memory"})
			root := as(t, endpoint, rootUser)
			rows := dynamodb.NewFromConfig(root)
			makeGuarded(t, rows, mode)
			makeRole(t, iam.NewFromConfig(root), "hole", allow("dynamodb:*"))
			operator := broker(t, endpoint, iam.NewFromConfig(root))
			walkers := make([]*walker, len(neighbours))
			var wg sync.WaitGroup
			for i, tenant := range neighbours {
				walkers[i] = &walker{
					t: t, tenant: tenant, filter: mode == "filter", rand: rand.New(rand.NewPCG(uint64(i), 2)), own: map[string]string{},
					rows: dynamodb.NewFromConfig(as(t, endpoint, assume(t, operator, "hole", tenant))),
				}
				wg.Go(walkers[i].walk)
			}
			wg.Wait()
			want := map[string]string{"PUBLIC#1": "public"}
			for _, w := range walkers {
				for k, v := range w.own {
					want[k] = v
				}
			}
			for _, item := range must[*dynamodb.ScanOutput](t)(rows.Scan(t.Context(), &dynamodb.ScanInput{TableName: name()})).Items {
				pk := item["pk"].(*types.AttributeValueMemberS).Value
				if v := item["v"].(*types.AttributeValueMemberS).Value; v != want[pk] {
					t.Errorf("%s holds %q, want %q", pk, v, want[pk])
				}
				delete(want, pk)
			}
			for pk, v := range want {
				t.Errorf("%s, which held %q, is gone", pk, v)
			}
			verify(t, root)
		})
	}
}

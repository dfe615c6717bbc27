package sim

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// marker is in every value that a ledger writes, so that a proxy knows a transaction that writes rows.
const marker = "ledger-value "

const (
	ledgerTenants = 4 // whose rows a writer makes in turn: each has a data key, made at its first row
	ledgerWriters = 4 // to each node
)

// write is one that a client sent. A zero acked means that no answer came, or none that tells.
type write struct {
	value       string // "" is no row
	sent, acked time.Time
	part        *transaction // nil unless it is of one
}

// transaction is one that was sent, to be sent again with its token if no answer came.
type transaction struct {
	in   *dynamodb.TransactWriteItemsInput
	keys []string
}

// ledger is what clients have sent to one table, each row by one client only.
type ledger struct {
	table string

	mu      sync.Mutex
	rows    map[string][]write
	unknown []*transaction
	acked   int
}

func newLedger(table string) *ledger { return &ledger{table: table, rows: map[string][]write{}} }

// make makes the table, with an index, a stream, and recovery; sealed if it is to be.
func (l *ledger) make(t *testing.T, cfg aws.Config, sealed bool) {
	t.Helper()
	tags := []types.Tag{{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant}#*")}}
	if sealed {
		tags = append(tags, types.Tag{Key: aws.String("bulkhead:seal-key"), Value: aws.String("alias/customer-${tenant}")})
		keys := kms.NewFromConfig(cfg)
		made := must[*kms.CreateKeyOutput](t)(keys.CreateKey(t.Context(), &kms.CreateKeyInput{}))
		for w := range 2 * ledgerWriters {
			for n := range ledgerTenants {
				must[*kms.CreateAliasOutput](t)(keys.CreateAlias(t.Context(), &kms.CreateAliasInput{
					AliasName: aws.String("alias/customer-" + tenantOf(w, n)), TargetKeyId: made.KeyMetadata.KeyId,
				}))
			}
		}
	}
	s, ddb := types.ScalarAttributeTypeS, dynamodb.NewFromConfig(cfg)
	must[*dynamodb.CreateTableOutput](t)(ddb.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &l.table, BillingMode: types.BillingModePayPerRequest, Tags: tags,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: s}, {AttributeName: aws.String("kind"), AttributeType: s}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("by-kind"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("kind"), KeyType: types.KeyTypeHash}},
		}},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
	}))
	must[*dynamodb.UpdateContinuousBackupsOutput](t)(ddb.UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{
		TableName:                        &l.table,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	}))
}

func tenantOf(writer, n int) string { return fmt.Sprintf("w%d-%d", writer, n%ledgerTenants) }

// send notes what is about to be written, sends it, and notes that it was answered. It reports how many writes were, and whether
// this one was.
func (l *ledger) send(values map[string]string, tx *transaction, request func() error) (acked int, ok bool) {
	l.mu.Lock()
	for pk, v := range values {
		l.rows[pk] = append(l.rows[pk], write{value: v, sent: time.Now(), part: tx})
	}
	l.mu.Unlock()
	err := request()
	at := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		if tx != nil {
			l.unknown = append(l.unknown, tx)
		}
		return l.acked, false
	}
	for pk := range values {
		l.rows[pk][len(l.rows[pk])-1].acked = at
	}
	l.acked++
	return l.acked, true
}

func (l *ledger) row(pk, v string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": str(pk), "v": str(v), "kind": str("kind-" + v[len(v)-1:])}
}

// turn makes each kind of write once, to rows of its own, until one is not answered.
func (l *ledger) turn(ctx context.Context, ddb *dynamodb.Client, writer, i int, after func(acked int)) bool {
	name := func(s string) string { return fmt.Sprintf("%s#%d-%s", tenantOf(writer, i), i, s) }
	a, b, c := name("a"), name("b"), name("c")
	v := func(n int) string { return fmt.Sprintf("%s%d-%d-%d", marker, writer, i, n) }
	transact := &transaction{keys: []string{a, b}, in: &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: aws.String(rand.Text()),
		TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: &l.table, Item: l.row(a, v(3))}},
			{Delete: &types.Delete{TableName: &l.table, Key: keyOf(b), ConditionExpression: aws.String("attribute_exists(pk)")}},
			{ConditionCheck: &types.ConditionCheck{TableName: &l.table, Key: keyOf(c), ConditionExpression: aws.String("attribute_exists(v)")}},
		},
	}}
	for _, s := range []struct {
		values  map[string]string
		tx      *transaction
		request func() error
	}{
		{map[string]string{a: v(1)}, nil, func() error {
			_, err := ddb.PutItem(ctx, &dynamodb.PutItemInput{TableName: &l.table, Item: l.row(a, v(1)), ConditionExpression: aws.String("attribute_not_exists(pk)")})
			return err
		}},
		{map[string]string{a: v(2)}, nil, func() error {
			_, err := ddb.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: &l.table, Key: keyOf(a), UpdateExpression: aws.String("SET v = :v, kind = :k"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":v": str(v(2)), ":k": l.row(a, v(2))["kind"]},
			})
			return err
		}},
		{map[string]string{b: v(1), c: v(1)}, nil, func() error {
			out, err := ddb.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{l.table: {
				{PutRequest: &types.PutRequest{Item: l.row(b, v(1))}}, {PutRequest: &types.PutRequest{Item: l.row(c, v(1))}},
			}}})
			if err == nil && len(out.UnprocessedItems) > 0 {
				err = fmt.Errorf("left over: %v", out.UnprocessedItems)
			}
			return err
		}},
		{map[string]string{a: v(3), b: ""}, transact, func() error {
			_, err := ddb.TransactWriteItems(ctx, transact.in)
			return err
		}},
		{map[string]string{c: ""}, nil, func() error {
			_, err := ddb.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &l.table, Key: keyOf(c)})
			return err
		}},
	} {
		n, ok := l.send(s.values, s.tx, s.request)
		if !ok {
			return false
		}
		after(n)
	}
	return true
}

// check holds what the server has against what it was sent: the rows, their entries in the index, and their records in the stream,
// one for each write and in its order. Writes that nobody answered may be there or not, but whole. It returns how many of those are.
func (l *ledger) check(t *testing.T, cfg aws.Config) (applied, lost int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	ddb := dynamodb.NewFromConfig(cfg)
	rows, records := rowsOf(t, ddb, l.table), recordsOf(t, cfg, l.table)
	for _, tx := range l.unknown {
		if (len(records[tx.keys[0]]) == 3) != (len(records[tx.keys[1]]) == 2) {
			t.Errorf("%s: the transaction on %v is half applied", l.table, tx.keys)
		}
	}
	for pk, writes := range l.rows {
		got := records[pk]
		delete(records, pk)
		last := writes[len(writes)-1]
		if last.acked.IsZero() {
			if len(got) == len(writes) {
				applied++
			} else {
				writes = writes[:len(writes)-1]
				lost++
			}
		}
		l.checkRow(t, pk, writes, got, rows)
	}
	for pk, r := range records {
		t.Errorf("%s: nobody wrote %s, and the stream has %d records of it", l.table, pk, len(r))
	}
	for pk := range rows {
		if _, ok := l.rows[pk]; !ok {
			t.Errorf("%s: nobody wrote %s", l.table, pk)
		}
	}
	l.checkIndex(t, ddb, rows)
	return applied, lost
}

func image(m map[string]streamtypes.AttributeValue) string {
	v, ok := m["v"].(*streamtypes.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return v.Value
}

func (l *ledger) checkRow(t *testing.T, pk string, writes []write, records []streamtypes.Record, rows map[string]string) {
	t.Helper()
	if len(records) != len(writes) {
		t.Errorf("%s: %s was written %d times, and the stream has %d records of it", l.table, pk, len(writes), len(records))
		return
	}
	before := ""
	for i, w := range writes {
		r := records[i].Dynamodb
		if image(r.OldImage) != before || image(r.NewImage) != w.value {
			t.Errorf("%s: record %d of %s is of %q to %q, the write of %q to %q", l.table, i, pk, image(r.OldImage), image(r.NewImage), before, w.value)
		}
		before = w.value
	}
	if rows[pk] != before {
		t.Errorf("%s: %s is %q, and %q was written last", l.table, pk, rows[pk], before)
	}
}

// checkIndex holds the index against the table.
func (l *ledger) checkIndex(t *testing.T, ddb *dynamodb.Client, rows map[string]string) {
	t.Helper()
	entries := map[string]string{}
	for kind := range 4 {
		pages := dynamodb.NewQueryPaginator(ddb, &dynamodb.QueryInput{
			TableName: &l.table, IndexName: aws.String("by-kind"), KeyConditionExpression: aws.String("kind = :k"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":k": str(fmt.Sprint("kind-", kind))},
		})
		for pages.HasMorePages() {
			for _, item := range must[*dynamodb.QueryOutput](t)(pages.NextPage(t.Context())).Items {
				if _, twice := entries[text(item, "pk")]; twice {
					t.Errorf("%s: %s is twice in the index", l.table, text(item, "pk"))
				}
				entries[text(item, "pk")] = text(item, "v")
			}
		}
	}
	same(t, l.table+"'s index", entries, rows)
}

// again sends the transactions that were not answered once more, with their tokens: they have been done once after that.
func (l *ledger) again(t *testing.T, cfg aws.Config) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tx := range l.unknown {
		if _, err := dynamodb.NewFromConfig(cfg).TransactWriteItems(t.Context(), tx.in); err != nil {
			t.Errorf("%s: the transaction on %v, again: %v", l.table, tx.keys, err)
			continue
		}
		for _, pk := range tx.keys {
			l.rows[pk][len(l.rows[pk])-1].acked = time.Now()
		}
	}
	l.unknown = nil
}

// at checks a table that was made of this one as it was at some time between two: what was answered before is in it, what was sent
// after is not, and of each transaction all or nothing.
func (l *ledger) at(t *testing.T, rows map[string]string, what string, from, to time.Time) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for pk, writes := range l.rows {
		may := map[string]bool{}
		known := ""
		for _, w := range writes {
			if !w.acked.IsZero() && w.acked.Before(from) {
				known = w.value
				clear(may)
			} else if w.sent.Before(to) {
				may[w.value] = true
			}
		}
		may[known] = true
		if got := rows[pk]; !may[got] {
			t.Errorf("%s: %s is %q; its writes are %+v, the time is %v to %v", what, pk, got, writes, from, to)
		}
	}
	for pk := range rows {
		if _, ok := l.rows[pk]; !ok {
			t.Errorf("%s: nobody wrote %s", what, pk)
		}
	}
}

// load is what goes on while something breaks.
type load struct {
	ledgers []*ledger
	nodes   []aws.Config
	// writers is the number of the first writer, which is not used again: rows are of one writer each.
	first int
	// turns is how many each writer takes at most.
	turns int
	// breaks is called once, when so many writes are acknowledged in this load; what it returns is waited for before those go on
	// whose writes failed, unless it is nil: then they end.
	after  int
	breaks func() (healed chan struct{})
}

// run writes until all have had their turns or, if nothing heals, have met the end of their node.
func (o *load) run(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	var once sync.Once
	var healed chan struct{}
	broken := make(chan struct{})
	base := 0
	for _, l := range o.ledgers {
		base += l.acked
	}
	total := func() (n int) {
		for _, l := range o.ledgers {
			l.mu.Lock()
			n += l.acked
			l.mu.Unlock()
		}
		return n - base
	}
	for n, cfg := range o.nodes {
		for w := range ledgerWriters {
			writer := n*ledgerWriters + w
			l, ddb := o.ledgers[w%len(o.ledgers)], dynamodb.NewFromConfig(cfg)
			wg.Go(func() {
				for i := range o.turns {
					ok := l.turn(t.Context(), ddb, writer, o.first+i, func(int) {
						if o.breaks != nil && total() >= o.after {
							once.Do(func() { healed = o.breaks(); close(broken) })
						}
					})
					if ok {
						continue
					}
					select {
					case <-broken:
					case <-time.After(patience):
						t.Error("a write failed before anything broke")
						return
					}
					if healed == nil {
						return
					}
					<-healed
				}
			})
		}
	}
	wg.Wait()
}

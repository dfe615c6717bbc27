package sim

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

const (
	registers = 3
	clients   = 8
	callsEach = 15
	// checkLimit is far beyond what a history of so many calls takes: mostly some milliseconds, and seconds where
	// calls are unknown, each of which may have taken effect at any time since.
	checkLimit = time.Minute
	// faultLimit is for those that need not be decided: another follows.
	faultLimit = 5 * time.Second
)

// cells are the registers; 0 is no row.
type cells [registers]int

type kind int

const (
	get      kind = iota
	put           // reg = arg
	swap          // reg = arg if reg == old
	remove        // no row, returns what was there
	removeIf      // no row, if reg == old
	putBoth       // reg = arg and next = arg, if next != old
	putTwice      // the same, sent twice with one token: done once
	putIf         // reg = arg, if next == old, which is checked and not written
	getBoth       // both at once
	putEach       // a batch of reg = arg and next = arg: two calls, each for itself
	query         // all rows of the partition
	scan          // all rows of the table
	numKinds = iota
)

// reads reports whether the call changes nothing.
func (c *call) reads() bool {
	return c.kind == get || c.kind == getBoth || c.kind == query || c.kind == scan
}

// call is one request; next is the other register of those that concern two.
type call struct {
	kind      kind
	reg, next int
	arg, old  int
}

// answer is what a client learned. unknown is a write of which no answer came.
type answer struct {
	value, second int
	all           cells // of those that read all
	failed        bool  // its condition did not hold
	twice         bool  // it was not the same a second time
	unknown       bool
}

// apply is what a call does when nothing else runs.
func (c *call) apply(s cells) (cells, answer) {
	switch c.kind {
	case get:
		return s, answer{value: s[c.reg]}
	case put:
		s[c.reg] = c.arg
	case swap:
		if s[c.reg] != c.old {
			return s, answer{failed: true}
		}
		s[c.reg] = c.arg
	case remove:
		a := answer{value: s[c.reg]}
		s[c.reg] = 0
		return s, a
	case removeIf:
		if s[c.reg] != c.old {
			return s, answer{failed: true}
		}
		s[c.reg] = 0
	case putBoth, putTwice:
		if s[c.next] == c.old {
			return s, answer{failed: true}
		}
		s[c.reg], s[c.next] = c.arg, c.arg
	case putIf:
		if s[c.next] != c.old {
			return s, answer{failed: true}
		}
		s[c.reg] = c.arg
	case getBoth:
		return s, answer{value: s[c.reg], second: s[c.next]}
	case query, scan:
		return s, answer{all: s}
	}
	return s, answer{}
}

var model = porcupine.NondeterministicModel{
	Init: func() []any { return []any{cells{}} },
	Step: func(s, in, out any) []any {
		before, c, got := s.(cells), in.(call), out.(answer)
		after, want := c.apply(before)
		switch {
		case got.unknown:
			return []any{before, after}
		case got == want:
			return []any{after}
		}
		return nil
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

// registersOf performs calls on a table.
type registersOf struct{ rows *dynamodb.Client }

// registersTable is the table of the registers: they are the rows of one partition.
var registersTable = aws.String("registers")

// makeRegisters makes the table. Puts of sealed rows do not read what they replace (docs/adr/0017), those of others do.
func makeRegisters(t *testing.T, ddb *dynamodb.Client, sealed bool) {
	t.Helper()
	var tags []types.Tag
	if sealed {
		tags = []types.Tag{
			{Key: aws.String("bulkhead:owner-key"), Value: aws.String("${tenant}#*")},
			{Key: aws.String("bulkhead:seal-key"), Value: aws.String("alias/customer-${tenant}")},
		}
	}
	must[*dynamodb.CreateTableOutput](t)(ddb.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: registersTable, BillingMode: types.BillingModePayPerRequest, Tags: tags,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
	}))
}

func regKey(i int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": str("all"), "sk": number(i)}
}

func register(i, value int) map[string]types.AttributeValue {
	item := regKey(i)
	item["n"] = number(value)
	return item
}

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }

func numberIn(item map[string]types.AttributeValue, name string) int {
	v, ok := item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v.Value)
	if err != nil {
		panic(err) // the test wrote it
	}
	return n
}

// holds is a condition that a register holds a value.
func holds(value int) (condition *string, values map[string]types.AttributeValue) {
	if value == 0 {
		return aws.String("attribute_not_exists(pk)"), nil
	}
	return aws.String("n = :old"), map[string]types.AttributeValue{":old": number(value)}
}

func (r registersOf) do(ctx context.Context, c *call) (answer, error) {
	switch c.kind {
	case get, getBoth, query, scan:
		return r.read(ctx, c)
	case put:
		_, err := r.rows.PutItem(ctx, &dynamodb.PutItemInput{TableName: registersTable, Item: register(c.reg, c.arg)})
		return answer{}, err
	case swap:
		condition, values := holds(c.old)
		if values == nil {
			values = map[string]types.AttributeValue{}
		}
		values[":new"] = number(c.arg)
		_, err := r.rows.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: registersTable, Key: regKey(c.reg), UpdateExpression: aws.String("SET n = :new"), ConditionExpression: condition,
			ExpressionAttributeValues: values,
		})
		return failedIf[*types.ConditionalCheckFailedException](err)
	case remove:
		out, err := r.rows.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: registersTable, Key: regKey(c.reg), ReturnValues: types.ReturnValueAllOld})
		if err != nil {
			return answer{}, err
		}
		return answer{value: numberIn(out.Attributes, "n")}, nil
	case removeIf:
		condition, values := holds(c.old)
		_, err := r.rows.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: registersTable, Key: regKey(c.reg), ConditionExpression: condition, ExpressionAttributeValues: values,
		})
		return failedIf[*types.ConditionalCheckFailedException](err)
	case putEach:
		out, err := r.rows.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*registersTable: {
			{PutRequest: &types.PutRequest{Item: register(c.reg, c.arg)}}, {PutRequest: &types.PutRequest{Item: register(c.next, c.arg)}},
		}}})
		if err == nil && len(out.UnprocessedItems) > 0 {
			err = fmt.Errorf("left over: %v", out.UnprocessedItems)
		}
		return answer{}, err
	}
	return r.transact(ctx, c)
}

func (r registersOf) read(ctx context.Context, c *call) (a answer, err error) {
	var items []map[string]types.AttributeValue
	switch c.kind {
	case get:
		out, err := r.rows.GetItem(ctx, &dynamodb.GetItemInput{TableName: registersTable, Key: regKey(c.reg), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return a, err
		}
		return answer{value: numberIn(out.Item, "n")}, nil
	case getBoth:
		out, err := r.rows.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
			{Get: &types.Get{TableName: registersTable, Key: regKey(c.reg)}}, {Get: &types.Get{TableName: registersTable, Key: regKey(c.next)}},
		}})
		if err != nil {
			return a, err
		}
		return answer{value: numberIn(out.Responses[0].Item, "n"), second: numberIn(out.Responses[1].Item, "n")}, nil
	case query:
		out, err := r.rows.Query(ctx, &dynamodb.QueryInput{
			TableName: registersTable, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :all"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":all": str("all")},
		})
		if err != nil {
			return a, err
		}
		items = out.Items
	default:
		out, err := r.rows.Scan(ctx, &dynamodb.ScanInput{TableName: registersTable, ConsistentRead: aws.Bool(true)})
		if err != nil {
			return a, err
		}
		items = out.Items
	}
	for _, item := range items {
		a.all[numberIn(item, "sk")] = numberIn(item, "n")
	}
	return a, nil
}

func (r registersOf) transact(ctx context.Context, c *call) (answer, error) {
	in := &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: aws.String(crand.Text()),
		TransactItems:      []types.TransactWriteItem{{Put: &types.Put{TableName: registersTable, Item: register(c.reg, c.arg)}}},
	}
	if c.kind == putIf {
		condition, values := holds(c.old)
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: registersTable, Key: regKey(c.next), ConditionExpression: condition, ExpressionAttributeValues: values,
		}})
	} else {
		p := &types.Put{TableName: registersTable, Item: register(c.next, c.arg), ConditionExpression: aws.String("attribute_exists(pk)")}
		if c.old != 0 {
			p.ConditionExpression = aws.String("attribute_not_exists(pk) OR n <> :old")
			p.ExpressionAttributeValues = map[string]types.AttributeValue{":old": number(c.old)}
		}
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: p})
	}
	_, err := r.rows.TransactWriteItems(ctx, in)
	if err == nil && c.kind == putTwice {
		if _, err = r.rows.TransactWriteItems(ctx, in); answered(err) {
			return answer{twice: true}, nil // which no model knows
		}
		return answer{}, err
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && aws.ToString(canceled.CancellationReasons[1].Code) != "ConditionalCheckFailed" {
		return answer{}, err
	}
	return failedIf[*types.TransactionCanceledException](err)
}

// failedIf makes an error that says that a condition did not hold an answer.
func failedIf[E error](err error) (answer, error) {
	var e E
	if errors.As(err, &e) {
		return answer{failed: true}, nil
	}
	return answer{}, err
}

// history is what clients did and saw, for porcupine.
type history struct {
	began time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
}

// add notes a call. The writes of a batch are calls of their own.
func (h *history) add(id int, c call, a answer, from, to time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.kind == putEach {
		c.kind = put
		second := c
		second.reg = c.next
		h.ops = append(h.ops, porcupine.Operation{ClientId: id, Input: second, Output: a, Call: int64(from), Return: int64(to)})
	}
	h.ops = append(h.ops, porcupine.Operation{ClientId: id, Input: c, Output: a, Call: int64(from), Return: int64(to)})
}

// run has clients make random calls. A call that the server, killed meanwhile, did not answer is unknown, may take effect
// until the end of the history, and ends its client.
func (h *history) run(t *testing.T, nodes []aws.Config, seed uint64, mayDie bool, acked func()) {
	t.Helper()
	var wg sync.WaitGroup
	for id := range clients {
		r := registersOf{dynamodb.NewFromConfig(nodes[id%len(nodes)])}
		id += int(seed) * clients
		random := rand.New(rand.NewPCG(seed, uint64(id)))
		wg.Go(func() {
			for i := range callsEach {
				c := call{kind: kind(random.IntN(numKinds)), reg: random.IntN(registers), arg: id*callsEach + i + 1, old: h.guess(random)}
				c.next = (c.reg + 1) % registers
				from := time.Since(h.began)
				a, err := r.do(t.Context(), &c)
				if err != nil {
					if !mayDie || answered(err) {
						t.Errorf("%+v: %v", c, err)
					}
					if !c.reads() { // what was read and not told says nothing, and makes the search longer
						h.add(id, c, answer{unknown: true}, from, time.Hour)
					}
					return
				}
				h.add(id, c, a, from, time.Since(h.began))
				acked()
			}
		})
	}
	wg.Wait()
}

// settle says that what is unknown has taken effect by now or never will: the only server that could do it is dead.
func (h *history) settle() {
	now := int64(time.Since(h.began))
	for i := range h.ops {
		if h.ops[i].Output.(answer).unknown {
			h.ops[i].Return = now
		}
	}
}

// answered reports whether the error came from the server.
func answered(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e)
}

// guess is a value that some register may hold: one written lately.
func (h *history) guess(random *rand.Rand) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ops) == 0 {
		return 0
	}
	last := h.ops[len(h.ops)-1-random.IntN(min(len(h.ops), 4))]
	return last.Input.(call).arg * random.IntN(2)
}

// linearizable tells whether the history is; porcupine.Unknown if that takes longer than the limit.
func (h *history) linearizable(limit time.Duration) (porcupine.CheckResult, porcupine.LinearizationInfo) {
	return porcupine.CheckOperationsVerbose(model.ToModel(), h.ops, limit)
}

func (h *history) check(t *testing.T) {
	t.Helper()
	result, info := h.linearizable(checkLimit)
	switch result {
	case porcupine.Ok:
	case porcupine.Unknown:
		t.Errorf("no answer in %v on whether the history is linearizable: make it shorter", checkLimit)
	case porcupine.Illegal:
		file := "linearizability-" + strings.ReplaceAll(t.Name(), "/", "-") + ".html"
		if dir := os.Getenv("BULKHEAD_TEST_ARTIFACTS"); dir != "" {
			if err := porcupine.VisualizePath(model.ToModel(), info, dir+"/"+file); err != nil {
				t.Error(err)
			}
		}
		t.Error("the history is not linearizable; set BULKHEAD_TEST_ARTIFACTS to a folder for a picture of it")
	}
}

// Requests behave as if they ran one after the other, each between its sending and its answer, also when a server is killed among
// them and started again: the only one, and one of two on a database.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	for name, sealed := range map[string]bool{"pebble": false, "pebble, sealed": true, "postgres": false, "postgres, sealed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend, _, _ := strings.Cut(name, ",")
			s := newSite(t, backend)
			makeRegisters(t, s.ddb(), sealed)
			for _, cfg := range s.all() {
				eventually(t, patience, "the table is at each node", func() bool {
					_, err := dynamodb.NewFromConfig(cfg).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: registersTable})
					return err == nil
				})
			}
			h := &history{began: time.Now()}
			var mu sync.Mutex
			left := clients * callsEach / 2
			h.run(t, s.all(), 1, true, func() {
				mu.Lock()
				defer mu.Unlock()
				if left--; left == 0 {
					s.running[0].Kill()
				}
			})
			s.running[0] = process(t, s.nodes[0])
			if backend == "pebble" {
				h.settle()
			}
			h.run(t, s.all(), 2, false, func() {})
			h.check(t)
			verify(t, s.cfg())
		})
	}
}

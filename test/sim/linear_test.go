package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
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
	registers  = 3
	clients    = 8
	callsEach  = 25
	checkLimit = 5 * time.Second
)

// cells are the registers; 0 is no row.
type cells [registers]int

type kind int

const (
	get      kind = iota
	put           // reg = arg
	swap          // reg = arg if reg == old
	remove        // no row, returns what was there
	putBoth       // reg = arg and next = arg, if next != old
	getBoth       // both at once
	numKinds = iota
)

// call is one request; next is the other register of those that concern two.
type call struct {
	kind      kind
	reg, next int
	arg, old  int
}

// answer is what a client learned. unknown is a write of which no answer came.
type answer struct {
	value, second int
	failed        bool // its condition did not hold
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
	case putBoth:
		if s[c.next] == c.old {
			return s, answer{failed: true}
		}
		s[c.reg], s[c.next] = c.arg, c.arg
	case getBoth:
		return s, answer{value: s[c.reg], second: s[c.next]}
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

func regKey(i int) map[string]types.AttributeValue { return keyOf("reg-" + strconv.Itoa(i)) }

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }

func numberIn(item map[string]types.AttributeValue) int {
	v, ok := item["n"].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v.Value)
	if err != nil {
		panic(err) // the test wrote it
	}
	return n
}

func (r registersOf) do(ctx context.Context, c *call) (answer, error) {
	table := aws.String("registers")
	switch c.kind {
	case get:
		out, err := r.rows.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: regKey(c.reg), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return answer{}, err
		}
		return answer{value: numberIn(out.Item)}, nil
	case put:
		item := regKey(c.reg)
		item["n"] = number(c.arg)
		_, err := r.rows.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: item})
		return answer{}, err
	case swap:
		condition, values := "n = :old", map[string]types.AttributeValue{":new": number(c.arg), ":old": number(c.old)}
		if c.old == 0 {
			condition, values = "attribute_not_exists(pk)", map[string]types.AttributeValue{":new": number(c.arg)}
		}
		_, err := r.rows.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: table, Key: regKey(c.reg), UpdateExpression: aws.String("SET n = :new"), ConditionExpression: &condition,
			ExpressionAttributeValues: values,
		})
		return failedIf[*types.ConditionalCheckFailedException](err)
	case remove:
		out, err := r.rows.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: regKey(c.reg), ReturnValues: types.ReturnValueAllOld})
		if err != nil {
			return answer{}, err
		}
		return answer{value: numberIn(out.Attributes)}, nil
	case putBoth:
		return r.putBoth(ctx, table, c)
	}
	out, err := r.rows.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
		{Get: &types.Get{TableName: table, Key: regKey(c.reg)}}, {Get: &types.Get{TableName: table, Key: regKey(c.next)}},
	}})
	if err != nil {
		return answer{}, err
	}
	return answer{value: numberIn(out.Responses[0].Item), second: numberIn(out.Responses[1].Item)}, nil
}

func (r registersOf) putBoth(ctx context.Context, table *string, c *call) (answer, error) {
	first, second := regKey(c.reg), regKey(c.next)
	first["n"], second["n"] = number(c.arg), number(c.arg)
	p := &types.Put{TableName: table, Item: second, ConditionExpression: aws.String("attribute_exists(pk)")}
	if c.old != 0 {
		p.ConditionExpression = aws.String("attribute_not_exists(pk) OR n <> :old")
		p.ExpressionAttributeValues = map[string]types.AttributeValue{":old": number(c.old)}
	}
	_, err := r.rows.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: table, Item: first}}, {Put: p},
	}})
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

func (h *history) add(id int, c call, a answer, from, to time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: id, Input: c, Output: a, Call: int64(from), Return: int64(to)})
}

// run has clients make random calls. A call that the server, killed meanwhile, did not answer is unknown, may take effect
// until the end of the history, and ends its client.
func (h *history) run(t *testing.T, cfg aws.Config, seed uint64, mayDie bool, acked func()) {
	t.Helper()
	var wg sync.WaitGroup
	for id := range clients {
		id += int(seed) * clients
		r := registersOf{dynamodb.NewFromConfig(cfg)}
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
					h.add(id, c, answer{unknown: true}, from, time.Hour)
					return
				}
				h.add(id, c, a, from, time.Since(h.began))
				acked()
			}
		})
	}
	wg.Wait()
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

func (h *history) check(t *testing.T) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model.ToModel(), h.ops, checkLimit)
	switch result {
	case porcupine.Ok:
	case porcupine.Unknown:
		t.Log("no answer in time on whether the history is linearizable")
	case porcupine.Illegal:
		file := "linearizability-" + t.Name()[len("TestLinearizable/"):] + ".html"
		if dir := os.Getenv("BULKHEAD_TEST_ARTIFACTS"); dir != "" {
			if err := porcupine.VisualizePath(model.ToModel(), info, dir+"/"+file); err != nil {
				t.Error(err)
			}
		}
		t.Error("the history is not linearizable; set BULKHEAD_TEST_ARTIFACTS to a folder for a picture of it")
	}
}

// Requests behave as if they ran one after the other, each between its sending and its answer, also when the server is
// killed among them and started again.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"pebble", "postgres"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			s := settings{Data: t.TempDir(), Store: backend, Node: "linear"}
			if backend == "postgres" {
				s.Store = database(t)
			}
			p := process(t, s)
			makeTable(t, dynamodb.NewFromConfig(as(t, p.Endpoint, rootUser)), "registers")
			h := &history{began: time.Now()}
			var mu sync.Mutex
			left := clients * callsEach / 2
			h.run(t, as(t, p.Endpoint, rootUser), 1, true, func() {
				mu.Lock()
				defer mu.Unlock()
				if left--; left == 0 {
					p.Kill()
				}
			})
			p = process(t, s)
			cfg := as(t, p.Endpoint, rootUser)
			h.run(t, cfg, 2, false, func() {})
			h.check(t)
			verify(t, cfg)
		})
	}
}

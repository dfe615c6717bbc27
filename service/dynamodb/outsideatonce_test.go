package dynamodb

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bulkhead/bulkhead/internal/awsclient"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/tableengine"
)

// engineOf is the engine of a test of many writers: that of BULKHEAD_TEST_ENGINE (tables.sh), else one in memory.
func engineOf(t *testing.T) (*env, Engine) {
	t.Helper()
	url := os.Getenv("BULKHEAD_TEST_ENGINE")
	if url == "" {
		e, engine := newFarEnv(t)
		return e, engine
	}
	client, err := tableengine.New(t.Context(), tableengine.Config{Endpoint: awsclient.Endpoint{URL: url, Region: region, AccessKeyID: "engine", SecretAccessKey: "engine"}})
	if err != nil {
		t.Fatal(err)
	}
	e := newEnv(t)
	e.s.engine, e.s.adopter = client, account
	t.Cleanup(func() { e.result(root(), "DeleteTable", `{'TableName':'pool'}`) })
	return e, client
}

// node is another node of the same service: its own caches over the same store, keys and engine.
func (e *env) node() *env {
	other := *e
	other.s = New(Config{DB: e.s.db, Tenants: e.ids, Log: e.s.log, Keyring: e.s.ring, Keys: e.keys, Engine: e.s.engine, Adopter: e.s.adopter})
	other.s.calls = e.s.calls
	other.r = &requirements{other.s}
	return &other
}

// tallied is an operation on the counter: an addition of one, or a read.
type tallied struct{ add bool }

// counter is what a counter does: an addition answers what it has made of it.
var counter = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		n, got := state.(int), output.(int)
		if input.(tallied).add {
			n++
		}
		return got == n, n
	},
}

// writers are what several nodes and a program of the engine's own do to a table at once.
type writers struct {
	t      *testing.T
	nodes  []*env
	engine Engine
	began  time.Time
	mu     sync.Mutex
	seen   []porcupine.Operation
	// inside counts who holds the lock; direct counts the additions past this server.
	inside, direct atomic.Int32
	// whole is false of an engine that has no transactions.
	whole atomic.Bool
}

const (
	rounds   = 12
	theCount = `{'pk':{'S':'acme#n'},'sk':{'S':'s'}}`
	addOne   = `'UpdateExpression':'ADD n :one','ExpressionAttributeValues':{':one':{'N':'1'}}`
	lockKey  = `{'pk':{'S':'acme#lock'},'sk':{'S':'s'}}`
)

// until asks until the answer is none of a conflict of writers, which changes nothing.
func (w *writers) until(e *env, op, in string) (string, error) {
	for range 200 {
		out, err := e.op(root(), op, in)
		canceled := codeOf(err) == "TransactionCanceledException" && strings.Contains(err.Error(), "TransactionConflict")
		if err == nil || codeOf(err) != "TransactionConflictException" && !canceled {
			return out, err
		}
	}
	return "", errors.New("conflicts without end")
}

// count makes one operation on the counter and puts it on record.
func (w *writers) count(client int, e *env, add bool) {
	op, in := "GetItem", `{'TableName':'pool','ConsistentRead':true,'Key':`+theCount+`}`
	if add {
		op, in = "UpdateItem", `{'TableName':'pool','ReturnValues':'ALL_NEW','Key':`+theCount+`,`+addOne+`}`
	}
	from := time.Since(w.began).Nanoseconds()
	out, err := w.until(e, op, in)
	to := time.Since(w.began).Nanoseconds()
	if err != nil {
		w.t.Errorf("%s: %v", op, err)
		return
	}
	var row struct {
		Item, Attributes struct{ N struct{ N string } }
	}
	if err := json.Unmarshal([]byte(out), &row); err != nil {
		w.t.Error(err)
		return
	}
	n, err := strconv.Atoi(row.Item.N.N + row.Attributes.N.N)
	if err != nil {
		w.t.Errorf("%s: %s", op, out)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, porcupine.Operation{ClientId: client, Input: tallied{add}, Call: from, Output: n, Return: to})
}

// move takes one from one tenant's row and gives it to another's, in a transaction.
func (w *writers) move(e *env) {
	const in = `{'TransactItems':[{'Update':{'TableName':'pool','Key':{'pk':{'S':'acme#from'},'sk':{'S':'s'}},'UpdateExpression':'SET n = n - :one','ConditionExpression':'n > :min','ExpressionAttributeValues':{':one':{'N':'1'},':min':{'N':'0'}}}},
	 {'Update':{'TableName':'pool','Key':{'pk':{'S':'globex#to'},'sk':{'S':'s'}},` + addOne + `}}]}`
	_, err := w.until(e, "TransactWriteItems", in)
	if fault.IsClass(err, fault.Unsupported) && os.Getenv("BULKHEAD_TEST_ENGINE") != "" {
		w.whole.Store(false)
		return
	}
	if err != nil {
		w.t.Errorf("move: %v", err)
	}
}

// lock takes a lock by a condition, if it is free, and gives it back.
func (w *writers) lock(client int, e *env) {
	who := strconv.Itoa(client)
	_, err := w.until(e, "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'acme#lock'},'sk':{'S':'s'},'who':{'S':'`+who+`'}},'ConditionExpression':'attribute_not_exists(pk)'}`)
	if err != nil {
		if codeOf(err) != "ConditionalCheckFailedException" {
			w.t.Errorf("lock: %v", err)
		}
		return
	}
	if w.inside.Add(1) != 1 {
		w.t.Error("two hold the lock")
	}
	w.inside.Add(-1)
	if _, err := w.until(e, "DeleteItem", `{'TableName':'pool','Key':`+lockKey+`,'ConditionExpression':'who = :w','ExpressionAttributeValues':{':w':{'S':'`+who+`'}}}`); err != nil {
		w.t.Errorf("unlock: %v", err)
	}
}

// beside adds to a row at the engine itself, as a program does that knows nothing of this server.
func (w *writers) beside() {
	in := strings.ReplaceAll(`{'TableName':'`+thereName+`','Key':{'pk':{'S':'acme#shared'},'sk':{'S':'s'}},`+addOne+`}`, `'`, `"`)
	if _, err := w.engine.Call(w.t.Context(), "UpdateItem", []byte(in)); err != nil {
		w.t.Errorf("beside: %v", err)
		return
	}
	w.direct.Add(1)
}

// TestOutsideWritersAtOnce: two nodes write the same rows of one engine, and of a table that is not sealed a program writes at the
// engine itself. Nothing is lost, the counter is linearizable, transactions are whole, and one holds the lock.
func TestOutsideWritersAtOnce(t *testing.T) { //nolint:paralleltest // its parts have one table of the engine
	for name, seal := range map[string]string{"open": "", "sealed": sealTag1} {
		t.Run(name, func(t *testing.T) {
			e, engine := engineOf(t)
			pooledIn(e, "deny", seal)
			for pk, n := range map[string]int{"acme#n": 0, "acme#from": 1000, "globex#to": 0, "acme#shared": 0} {
				e.must(root(), "PutItem", fmt.Sprintf(`{'TableName':'pool','Item':{'pk':{'S':'%s'},'sk':{'S':'s'},'n':{'N':'%d'}}}`, pk, n))
			}
			w := &writers{t: t, nodes: []*env{e, e.node()}, engine: engine, began: time.Now()}
			w.whole.Store(true)
			w.run(seal == "")
			if !porcupine.CheckOperations(counter, w.seen) {
				t.Errorf("the counter is not linearizable: %+v", w.seen)
			}
			number := func(pk string) int {
				out := e.must(root(), "GetItem", `{'TableName':'pool','ConsistentRead':true,'ProjectionExpression':'n','Key':{'pk':{'S':'`+pk+`'},'sk':{'S':'s'}}}`)
				n, err := strconv.Atoi(get(t, out, "Item", "n", "N").(string))
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			moves := len(w.nodes) * rounds
			if from, to := number("acme#from"), number("globex#to"); w.whole.Load() && (from != 1000-moves || to != moves) {
				t.Errorf("%d and %d after %d transactions", from, to, moves)
			}
			if got, want := number("acme#shared"), int(w.direct.Load())+moves; seal == "" && got != want {
				t.Errorf("%d of %d additions to the row that a program beside adds to", got, want)
			}
		})
	}
}

func (w *writers) run(beside bool) {
	var all sync.WaitGroup
	each := func(do func(int)) {
		all.Go(func() {
			for i := range rounds {
				do(i)
			}
		})
	}
	for i, e := range w.nodes {
		each(func(int) { w.count(4*i, e, true) })
		each(func(n int) { w.count(4*i+1, e, n%2 == 0) })
		each(func(int) { w.move(e) })
		each(func(int) { w.lock(4*i+3, e) })
		if beside {
			each(func(int) {
				if _, err := w.until(e, "UpdateItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#shared'},'sk':{'S':'s'}},`+addOne+`}`); err != nil {
					w.t.Errorf("UpdateItem: %v", err)
				}
			})
		}
	}
	if beside {
		each(func(int) { w.beside() })
	}
	all.Wait()
}

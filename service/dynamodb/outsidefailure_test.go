package dynamodb

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/awsclient"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/tableengine"
)

// httpEngine is an engine behind HTTP that fails as a test says, and counts what it is asked.
type httpEngine struct {
	*envEngine
	url string

	mu    sync.Mutex
	fail  func(http.ResponseWriter, *http.Request) bool
	asked map[string]int
}

func (h *httpEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	h.mu.Lock()
	fail := h.fail
	h.asked[operation]++
	h.mu.Unlock()
	if fail != nil && fail(w, r) {
		return
	}
	out, err := h.Call(r.Context(), operation, body)
	var e *tableengine.Error
	if errors.As(err, &e) {
		w.WriteHeader(e.Status)
		out = e.Body
	}
	_, _ = w.Write(out)
}

// failing sets how the engine fails, and forgets what it was asked.
func (h *httpEngine) failing(fail func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail, h.asked = fail, map[string]int{}
}

func (h *httpEngine) count() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.asked {
		n += k
	}
	return n
}

func newHTTPEngine(t *testing.T) (*env, *httpEngine) {
	t.Helper()
	e, engine := newFarEnv(t)
	h := &httpEngine{envEngine: engine, asked: map[string]int{}}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.url = server.URL
	client, err := tableengine.New(t.Context(), tableengine.Config{
		Endpoint: awsclient.Endpoint{URL: server.URL, Region: region, AccessKeyID: "AKIDENGINE", SecretAccessKey: "engine-secret"}, Timeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	e.s.engine = client
	return e, h
}

func answering(status int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// failures are what an engine may do, and what callers hear of it.
func failures() map[string]struct {
	fail func(http.ResponseWriter, *http.Request) bool
	want string
} {
	const down = "Unavailable: The table's engine cannot be used now."
	type failure = struct {
		fail func(http.ResponseWriter, *http.Request) bool
		want string
	}
	return map[string]failure{
		"cut off": {func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, down},
		"empty":   {answering(200, ``), down},
		"garbage": {answering(200, `<html>engine-host</html>`), down},
		"half":    {answering(200, `{"Item":{"pk":{"S":"ac`), down},
		// What has another shape: an item that is a list, keys that are numbers, values without a type.
		"other shapes":     {answering(200, `{"Item":[],"Items":{},"Responses":7,"UnprocessedItems":[],"Attributes":"x","TableDescription":1,"Table":1}`), down},
		"500":              {answering(500, `{"__type":"InternalServerError","message":"shard engine-host:9042"}`), down},
		"503":              {answering(503, `upstream engine-host`), down},
		"502 of a proxy":   {answering(502, `<html>engine-host</html>`), down},
		"redirect":         {answering(307, ``), down},
		"204":              {answering(204, ``), down},
		"expired":          {answering(400, `{"__type":"ExpiredTokenException","message":"AKIDENGINE in 999999999999"}`), down},
		"no permission":    {answering(400, `{"__type":"AccessDeniedException","message":"arn:aws:iam::999999999999:role/engine may not"}`), down},
		"wrong signature":  {answering(403, `{"__type":"InvalidSignatureException","message":"engine-secret"}`), down},
		"unknown error":    {answering(400, `{"__type":"SurpriseException","message":"engine-host"}`), down},
		"error of strings": {answering(400, `{"__type":7,"message":{}}`), down},
		"names itself":     {answering(400, `{"__type":"ValidationException","message":"see http://engine-host/ of arn:aws:dynamodb:x:999999999999:table/t"}`), "Validation: The table's engine refuses the request."},
		"throttled":        {answering(400, `{"__type":"ThrottlingException","message":"engine-host"}`), "ThrottlingException: Rate of requests exceeds the allowed throughput."},
	}
}

// Whatever an engine does, callers hear that it cannot be used, or what they may know; nothing is sent twice, and nothing of the
// engine's is told.
func TestOutsideFailures(t *testing.T) {
	t.Parallel()
	const key = `{'pk':{'S':'acme#1'},'sk':{'S':'s'}}`
	operations := []struct{ op, in string }{
		{"GetItem", `{'TableName':'pool','Key':` + key + `}`},
		{"Query", `{'TableName':'pool','KeyConditionExpression':'pk = :p','ExpressionAttributeValues':{':p':{'S':'acme#1'}}}`},
		{"Scan", `{'TableName':'pool'}`},
		{"BatchGetItem", `{'RequestItems':{'pool':{'Keys':[` + key + `]}}}`},
		{"TransactGetItems", `{'TransactItems':[{'Get':{'TableName':'pool','Key':` + key + `}}]}`},
		{"PutItem", `{'TableName':'pool','Item':` + key + `}`},
		{"UpdateItem", `{'TableName':'pool','Key':` + key + `,'UpdateExpression':'ADD n :n','ExpressionAttributeValues':{':n':{'N':'1'}}}`},
		{"DeleteItem", `{'TableName':'pool','Key':` + key + `}`},
		{"BatchWriteItem", `{'RequestItems':{'pool':[{'DeleteRequest':{'Key':` + key + `}}]}}`},
		{"TransactWriteItems", `{'TransactItems':[{'Delete':{'TableName':'pool','Key':` + key + `}}]}`},
		{"ExecuteStatement", `{'Statement':'DELETE FROM pool WHERE pk = ? AND sk = ?','Parameters':[{'S':'acme#1'},{'S':'s'}]}`},
		{"DescribeTable", `{'TableName':'pool'}`},
	}
	for _, seal := range []string{"", sealTag1} {
		for name, f := range failures() {
			t.Run(fmt.Sprintf("%s, sealed %t", name, seal != ""), func(t *testing.T) {
				t.Parallel()
				e, h := newHTTPEngine(t)
				pooledIn(e, "filter", seal)
				who := e.user(account, "acme", nil, quoted(wide))
				for i, o := range operations {
					if i == 6 {
						e, h = newHTTPEngine(t) // another breaker: eight failures in a row open one
						pooledIn(e, "filter", seal)
						who = e.user(account, "acme", nil, quoted(wide))
					}
					h.failing(f.fail)
					_, err := e.op(who, o.op, o.in)
					if o.op == "TransactWriteItems" && name == "other shapes" {
						continue // of a transaction's answer only the capacity is read
					}
					if err == nil {
						t.Errorf("%s has an answer", o.op)
						continue
					}
					got := fault.From(err)
					told := got.Class.String() + ": " + got.Message
					if got.Class == fault.Modeled {
						told = got.Code + ": " + got.Message
					}
					if told != f.want && (got.Code != "TransactionCanceledException" || name != "names itself") {
						t.Errorf("%s: %v", o.op, told)
					}
					if n := h.count(); n != 1 {
						t.Errorf("%s was sent %d times", o.op, n)
					}
					h.failing(nil)
				}
				row := e.must(root(), "GetItem", `{'TableName':'pool','Key':`+key+`}`)
				if !strings.Contains(row, "secret-acme") {
					t.Errorf("the row has changed: %s", row)
				}
			})
		}
	}
}

// A table of others' rows without an end costs one request no more than some pages; nor does an engine that gives pages forever.
func TestOutsideScansAreBounded(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{
		"others' rows": `{"Items":[{"pk":{"S":"globex#1"},"sk":{"S":"s"}}],"LastEvaluatedKey":{"pk":{"S":"globex#1"},"sk":{"S":"s"}}}`,
		"empty pages":  `{"Items":[],"LastEvaluatedKey":{"pk":{"S":"globex#1"},"sk":{"S":"s"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, h := newHTTPEngine(t)
			pooledIn(e, "filter", "")
			who := e.user(account, "acme", nil, quoted(wide))
			for op, in := range map[string]string{
				"Scan":             `{'TableName':'pool'}`,
				"Query":            `{'TableName':'pool','IndexName':'by-kind','KeyConditionExpression':'kind = :k','ExpressionAttributeValues':{':k':{'S':'k'}},'Limit':1}`,
				"ExecuteStatement": `{'Statement':'SELECT * FROM pool'}`,
			} {
				h.failing(answering(200, page))
				got := e.result(who, op, in)
				if !strings.HasPrefix(got, "Validation: The request passes over too many rows") || strings.Contains(got, "globex") {
					t.Errorf("%s: %s", op, got)
				}
				if n := h.count(); n != maxPagesThere {
					t.Errorf("%s read %d pages", op, n)
				}
			}
		})
	}
}

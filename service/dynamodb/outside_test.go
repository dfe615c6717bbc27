package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/tableengine"
)

// envEngine is a table engine for tests: another service, with its rows in memory. root of the same account asks it, so that nothing
// but what this service checks keeps tenants apart.
type envEngine struct {
	*env
	// before is called before each request and may change or refuse it.
	before func(operation string, body []byte) error
}

// Call implements Engine.
func (e *envEngine) Call(_ context.Context, operation string, body []byte) ([]byte, error) {
	if e.before != nil {
		if err := e.before(operation, body); err != nil {
			return nil, err
		}
	}
	out, err := e.op(root(), operation, string(body))
	if err != nil {
		return nil, answered(err)
	}
	return []byte(out), nil
}

// answered is an error as a client reads it.
func answered(err error) error {
	f := fault.From(err)
	code := f.Code
	if f.Class == fault.Validation {
		code = "ValidationException"
	}
	body := fmt.Appendf(nil, `{"__type":%q`, code)
	if w, ok := f.Shape.(interface{ AppendMembersJSON([]byte) []byte }); ok {
		body = w.AppendMembersJSON(body)
	}
	body = append(body, '}')
	status := 400
	if f.Class == fault.Internal {
		status = 500
	}
	return &tableengine.Error{Status: status, Code: code, Message: f.Message, Body: body}
}

// withEngine gives a service an engine for the tables that it makes from now on.
func withEngine(e *env) *envEngine {
	engine := &envEngine{env: newEnv(e.t)}
	e.s.engine, e.s.adopter = engine, account
	return engine
}

func newFarEnv(t testing.TB) (*env, *envEngine) {
	t.Helper()
	e := newEnv(t)
	return e, withEngine(e)
}

const sealTag1 = `{'Key':'bulkhead:seal-key','Value':'alias/customer-${tenant}'},`

// TestIsolationOutside: what each attempt reaches is the same where an outside engine keeps the rows, sealed or not.
func TestIsolationOutside(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"tight": tight, "hole": hole, "wide": wide}
	for _, a := range attempts {
		cells := goldenCells(t, a.name)
		for i, c := range isolationColumns {
			for _, seal := range []string{"", sealTag1} {
				if seal != "" && (c.guard == "" || c.policy != "wide") {
					continue // no row is sealed without an owner, and what policies refuse is not executed
				}
				try := func(of string) string {
					far, _ := newFarEnv(t)
					return tryAs(t, pooledIn(far, c.guard, seal), texts[c.policy], a.op, a.input, of, a.write)
				}
				if got := try("acme") + " / " + try("globex"); got != cells[i] {
					t.Errorf("%s under %s %s, sealed %t: %s, here %s", a.name, c.policy, c.guard, seal != "", got, cells[i])
				}
			}
		}
	}
}

// goldenCells are the cells of a row of the golden matrix.
func goldenCells(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/isolation.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, fmt.Sprintf("%-30s", name))
		if !ok {
			continue
		}
		var cells []string
		for c := range strings.SplitSeq(strings.TrimSpace(rest), "  ") {
			if c = strings.TrimSpace(c); c != "" {
				cells = append(cells, c)
			}
		}
		if len(cells) == len(isolationColumns) {
			return cells
		}
	}
	t.Fatalf("the golden matrix has no row %q", name)
	return nil
}

// lying is an engine that answers each request of one operation as it answered the first.
type lying struct {
	*envEngine
	operation string
	first     *string
}

// Call implements Engine.
func (l lying) Call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	if operation == l.operation && *l.first != "" {
		return []byte(*l.first), nil
	}
	out, err := l.envEngine.Call(ctx, operation, body)
	if operation == l.operation {
		*l.first = string(out)
	}
	return out, err
}

// A transaction with a key that does not fit the table never reaches the engine, which might take it: the guard has not seen it.
func TestTransactionsOfNoKeyStayHere(t *testing.T) {
	t.Parallel()
	far, engine := newFarEnv(t)
	e := pooledIn(far, "deny", "")
	engine.before = func(operation string, _ []byte) error {
		t.Errorf("%s was sent", operation)
		return nil
	}
	who := e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`))
	for _, key := range []string{`{'pk':{'N':'1'},'sk':{'S':'s'}}`, `{'pk':{'S':'acme#1'}}`, `{'pk':{'S':'acme#1'},'sk':{'S':'s'},'x':{'S':'globex#1'}}`} {
		got := e.result(who, "TransactWriteItems", `{'TransactItems':[{'Delete':{'TableName':'pool','Key':`+key+`}}]}`)
		if !strings.HasPrefix(got, "TransactionCanceledException: ") {
			t.Errorf("%s: %s", key, got)
		}
	}
}

// placeholders stand for backups, exports, imports and streams.
var placeholders = regexp.MustCompile(`'(BACKUP|EXPORT|IMPORT|STREAM|ITERATOR)'`)

// TestTableIsolationOutside: what a tenant may do to the table itself is what it may do to one whose rows are here, or is refused as not
// supported; no attempt shows another tenant's rows.
func TestTableIsolationOutside(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/isolation-tables.golden")
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string]string{} // under a wide policy and the guard
	for line := range strings.Lines(string(b)) {
		if cells := strings.Fields(line); len(cells) > 4 && !strings.HasPrefix(line, "#") {
			golden[cells[0]] = cells[3]
		}
	}
	for _, a := range tableAttempts {
		if placeholders.MatchString(a.input) {
			continue // there are none of such tables
		}
		want, ok := golden[a.op]
		if !ok {
			t.Errorf("%s is not in the golden matrix", a.op)
		}
		for _, seal := range []string{"", sealTag1} {
			far, _ := newFarEnv(t)
			e := pooledIn(far, "deny", seal)
			out, err := e.op(e.user(account, "acme", nil, quoted(wide)), a.op, a.input)
			guarded := errors.Is(err, errGuard) || errors.Is(err, authz.ErrForeignRow)
			if guarded != (want == "guard") || strings.Contains(out, "globex") || strings.Contains(out, "secret") {
				t.Errorf("%s, sealed %t: %s %v, here %s", a.op, seal != "", out, err, want)
			}
		}
	}
}

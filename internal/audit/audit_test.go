package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testKeys(t testing.TB, roots ...string) *keyring.Keyring {
	t.Helper()
	if len(roots) == 0 {
		roots = []string{"r"}
	}
	var ms []keyring.Material
	for _, r := range roots {
		m, err := keyring.NewMaterial([]byte(strings.Repeat(r, 32)[:32]))
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	k, err := keyring.New(ms)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func options(t testing.TB) Options {
	return Options{Keys: testKeys(t), NodeID: "node-a", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func openLog(t testing.TB, db kv.DB, o Options) *Log {
	t.Helper()
	l, err := Open(context.Background(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// crash ends the log as a dying process would.
func (l *Log) crash() {
	l.cancel()
	<-l.stopped
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func tenantID(t testing.TB, s string) tenant.ID {
	t.Helper()
	lang, err := tenant.NewLanguage(tenant.DefaultLanguage)
	if err != nil {
		t.Fatal(err)
	}
	id, ok := lang.ID(s)
	if !ok {
		t.Fatalf("%q is no tenant", s)
	}
	return id
}

const account = "111122223333"

// event makes event i of an account and tenant; tenants alternate.
func event(t testing.TB, i int) *Event {
	return &Event{
		Time: day.Add(time.Duration(i) * time.Second), Source: "dynamodb.amazonaws.com", Name: fmt.Sprintf("Op%d", i),
		Region: "us-east-1", SourceIP: netip.MustParseAddr("192.0.2.1"), Account: account, Management: true,
		Tenant: tenantID(t, []string{"acme", "globex"}[i%2]), RequestID: fmt.Sprintf("req-%d", i),
	}
}

func verify(t testing.TB, db kv.DB, anchors ...Anchor) Report {
	t.Helper()
	r, err := NewReader(db, options(t))
	if err != nil {
		t.Fatal(err)
	}
	rep, err := r.Verify(context.Background(), VerifyOptions{Anchors: anchors})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func wholeLog(t testing.TB, db kv.DB) Report {
	t.Helper()
	rep := verify(t, db)
	for _, p := range rep.Problems {
		t.Errorf("verify: %v", p)
	}
	return rep
}

// dump returns the JSON of all events in the order of the chains.
func dump(t testing.TB, db kv.DB) []string {
	t.Helper()
	var out []string
	err := db.View(context.Background(), func(r kv.Reader) error {
		return r.Scan(kv.Prefix([]byte("audit/r")), func(_, value []byte) bool {
			m, err := parsePayload(value[recordFixed:])
			if err != nil {
				t.Error(err)
			}
			out = append(out, string(m.json))
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// names returns the names of the events of the chains, with their error codes.
func names(t testing.TB, db kv.DB) string {
	t.Helper()
	var out []string
	for _, j := range dump(t, db) {
		name := between(j, `"eventName":"`)
		if code := between(j, `"errorCode":"`); code != "" {
			name += "!" + code
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func between(s, before string) string {
	_, rest, _ := strings.Cut(s, before)
	v, _, _ := strings.Cut(rest, `"`)
	return v
}

func TestAppendIsDurable(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	l := openLog(t, db, options(t))
	if err := l.Append(t.Context(), event(t, 1)); err != nil {
		t.Fatal(err)
	}
	if got := names(t, db); got != "AuditStart Op1" {
		t.Errorf("stored: %s", got)
	}
	l.crash()
	wholeLog(t, db)
}

func TestCloseAndReopen(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	for i := range 3 {
		l := openLog(t, db, options(t))
		if err := l.Queue(t.Context(), event(t, i)); err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
		for name, err := range map[string]error{
			"Close": l.Close(t.Context()), "Append": l.Append(t.Context(), event(t, 9)), "Queue": l.Queue(t.Context(), event(t, 9)),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	}
	if got := names(t, db); got != "AuditStart Op0 AuditClose AuditStart Op1 AuditClose AuditStart Op2 AuditClose" {
		t.Errorf("stored: %s", got)
	}
	if rep := wholeLog(t, db); rep.Chains != 3 || rep.Records != 9 || rep.Gaps != 0 || rep.Open != 0 {
		t.Errorf("report: %+v", rep)
	}
}

func TestQueueIsDurableWithinTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := memkv.New()
		l := openLog(t, db, options(t))
		for i := range 5 {
			if err := l.Queue(t.Context(), event(t, i)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := names(t, db); got != "AuditStart" {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := names(t, db); got != "AuditStart Op0 Op1 Op2 Op3 Op4" {
			t.Errorf("after 100 ms: %s", got)
		}
		closeLog(t, l)
	})
}

func TestStrictQueueIsDurable(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	o := options(t)
	o.Strict = true
	l := openLog(t, db, o)
	if err := l.Queue(t.Context(), event(t, 1)); err != nil {
		t.Fatal(err)
	}
	l.crash()
	if got := names(t, db); got != "AuditStart Op1" {
		t.Errorf("stored: %s", got)
	}
}

func TestOrderUnderConcurrency(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	l := openLog(t, db, options(t))
	const writers, each = 8, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				e := event(t, i)
				e.Name, e.Management = fmt.Sprintf("w%d", w), i%5 == 0
				e.RequestID = fmt.Sprint(i)
				record := l.Queue
				if e.Management {
					record = l.Append
				}
				if err := record(context.Background(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	closeLog(t, l)
	next := map[string]int{}
	for _, j := range dump(t, db) {
		n, id := between(j, `"eventName":"`), between(j, `"requestID":"`)
		if strings.HasPrefix(n, "Audit") {
			continue
		}
		if id != fmt.Sprint(next[n]) {
			t.Fatalf("%s: event %s where %d was due", n, id, next[n])
		}
		next[n]++
	}
	if len(next) != writers || next["w0"] != each {
		t.Errorf("events: %v", next)
	}
	wholeLog(t, db)
}

func TestCrashMarksAGap(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	l := openLog(t, db, options(t))
	if err := l.Append(t.Context(), event(t, 1)); err != nil {
		t.Fatal(err)
	}
	end, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Queue(t.Context(), event(t, 2)); err != nil {
		t.Fatal(err)
	}
	l.crash() // within the interval: event 2 is lost
	l = openLog(t, db, options(t))
	closeLog(t, l)
	if got := names(t, db); got != "AuditStart Op1 AuditStart AuditGap AuditClose" {
		t.Fatalf("stored: %s", got)
	}
	gap := dump(t, db)[3]
	for _, want := range []string{`"afterRecord":"2"`, `"chain":"1"`, fmt.Sprintf(`"afterHash":"%x"`, end.Hash), `"afterTime":"2026-03-01T12:00:01Z"`} {
		if !strings.Contains(gap, want) {
			t.Errorf("the gap lacks %s: %s", want, gap)
		}
	}
	if rep := wholeLog(t, db); rep.Gaps != 1 || rep.Open != 0 {
		t.Errorf("report: %+v", rep)
	}
}

func TestIntent(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	l := openLog(t, db, options(t))
	e := event(t, 1)
	ticket, err := l.Intent(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, db); got != "AuditStart" {
		t.Errorf("an intent is a record: %s", got)
	}
	if rep := wholeLog(t, db); rep.Pending != 1 {
		t.Errorf("report: %+v", rep)
	}
	done := event(t, 1)
	done.ErrorCode = "ValidationException"
	if err := ticket.Done(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	if done.ID != ticket.ID() || done.ID != e.ID || done.ID.IsZero() {
		t.Errorf("ids: %v %v %v", e.ID, ticket.ID(), done.ID)
	}
	if err := ticket.Done(t.Context(), done); err == nil {
		t.Error("done twice")
	}
	if err := (&Ticket{}).Done(t.Context(), done); err == nil {
		t.Error("the zero ticket was done")
	}
	closeLog(t, l)
	if got := names(t, db); got != "AuditStart Op1!ValidationException AuditClose" {
		t.Errorf("stored: %s", got)
	}
	if rep := wholeLog(t, db); rep.Pending != 0 {
		t.Errorf("report: %+v", rep)
	}
}

func TestOrphanIntents(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	l := openLog(t, db, options(t))
	for i := range 3 {
		ticket, err := l.Intent(t.Context(), event(t, i))
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := ticket.Done(t.Context(), event(t, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.crash()
	closeLog(t, openLog(t, db, options(t)))
	if got := names(t, db); got != "AuditStart Op1 AuditStart AuditGap Op0!OutcomeUnknown Op2!OutcomeUnknown AuditClose" {
		t.Errorf("stored: %s", got)
	}
	if rep := wholeLog(t, db); rep.Pending != 0 {
		t.Errorf("report: %+v", rep)
	}
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	first := openLog(t, db, options(t))
	second := openLog(t, db, options(t))
	if err := first.Append(t.Context(), event(t, 1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the first log still writes: %v", err)
	}
	if err := second.Append(t.Context(), event(t, 2)); err != nil {
		t.Error(err)
	}
	if err := first.Close(t.Context()); !errors.Is(err, errTaken) {
		t.Errorf("Close: %v", err)
	}
	closeLog(t, second)
	wholeLog(t, db)
}

// shared is a store that others may write to.
type shared struct{ kv.DB }

func (shared) Shared() bool { return true }

func TestNodesShareAStore(t *testing.T) {
	t.Parallel()
	db := shared{memkv.New()}
	a, b := options(t), options(t)
	b.NodeID = "node-b"
	la, lb := openLog(t, db, a), openLog(t, db, b)
	for i := range 4 {
		if err := []*Log{la, lb}[i%2].Append(t.Context(), event(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	la.crash()
	la = openLog(t, db, a)
	if err := lb.Append(t.Context(), event(t, 5)); err != nil {
		t.Errorf("the other node was cut off: %v", err)
	}
	closeLog(t, la)
	closeLog(t, lb)
	if got := names(t, db); got != "AuditStart Op0 Op2 AuditStart Op1 Op3 Op5 AuditClose AuditStart AuditGap AuditClose" {
		t.Errorf("stored: %s", got)
	}
	wholeLog(t, db)
}

func TestRootRotation(t *testing.T) {
	t.Parallel()
	db := memkv.New()
	l := openLog(t, db, options(t))
	if _, err := l.Intent(t.Context(), event(t, 1)); err != nil {
		t.Fatal(err)
	}
	l.crash()
	o := options(t)
	o.Keys = testKeys(t, "new", "r")
	l = openLog(t, db, o)
	closeLog(t, l)
	rep, err := l.Verify(t.Context(), VerifyOptions{})
	if err != nil || !rep.OK() || rep.Chains != 2 {
		t.Errorf("report: %+v, %v", rep, err)
	}
	o.Keys = testKeys(t, "other")
	if _, err := Open(t.Context(), db, o); !errors.Is(err, ErrTampered) {
		t.Errorf("opened under another root: %v", err)
	}
}

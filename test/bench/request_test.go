package bench

import (
	"fmt"
	"testing"
)

// concurrencies are the numbers of connections, each with one request under way.
var concurrencies = []int{1, 32, 256}

// BenchmarkPutItem writes rows of 450 bytes as a tenant's session, with policy, guard and audit on and each write synced,
// beside net/http alone, the store alone, and a handler of net/http that writes to the store.
func BenchmarkPutItem(b *testing.B) {
	for _, c := range concurrencies {
		b.Run(fmt.Sprint(c), func(b *testing.B) {
			w := open(b)
			answer := w.prepare(b, "put", put(table), w.tenant)
			s := w.bareStore(b)
			compare(b, fmt.Sprintf("PutItem, %d at once", c), w.client.load("bulkhead", "put", w.addr, c), []side{
				bare("bare Pebble", c, s.put),
				w.client.load("net/http and Pebble", "put", httpFloor(b, answer, func([]byte) error { return s.put() }), c),
				w.client.load("net/http", "put", httpFloor(b, answer, nil), c),
			}, []aim{atLeast(0.65, "bare Pebble"), {}, {}})
		})
	}
}

// BenchmarkGetItem reads them, likewise.
func BenchmarkGetItem(b *testing.B) {
	for _, c := range concurrencies {
		b.Run(fmt.Sprint(c), func(b *testing.B) {
			w := open(b)
			w.fill(b, table)
			answer := w.prepare(b, "get", get(table), w.tenant)
			s := w.bareStore(b)
			compare(b, fmt.Sprintf("GetItem, %d at once", c), w.client.load("bulkhead", "get", w.addr, c), []side{
				w.client.load("net/http", "get", httpFloor(b, answer, nil), c),
				w.client.load("net/http and Pebble", "get", httpFloor(b, answer, func([]byte) error { return s.get() }), c),
				bare("bare Pebble", c, s.get),
			}, []aim{atLeast(0.6, "net/http"), {}, {}})
		})
	}
}

// fill writes all rows once.
func (w *bed) fill(b testing.TB, table string) {
	b.Helper()
	w.prepare(b, "fill "+table, put(table), w.free)
	if _, err := w.client.do(job{Name: "fill " + table, Addr: w.addr, Conns: 64}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFineGrained reads as a tenant's session under ABAC and the guard, beside a session that may do all on a table
// that declares no owners.
func BenchmarkFineGrained(b *testing.B) {
	w := open(b)
	w.fill(b, plain)
	w.fill(b, table)
	w.prepare(b, "get", get(table), w.tenant)
	w.prepare(b, "get plain", get(plain), w.free)
	compare(b, "fine-grained control, GetItem", w.client.load("bulkhead", "get", w.addr, 32),
		[]side{w.client.load("the same without", "get plain", w.addr, 32)}, []aim{atLeast(0.93, "without")})
}

// BenchmarkSealed reads and writes sealed rows beside plain ones, as the same tenant's session under the same guard.
func BenchmarkSealed(b *testing.B) {
	w := open(b)
	w.fill(b, table)
	w.fill(b, sealed)
	for _, op := range []struct {
		name  string
		calls func(string) []call
		least float64
	}{{"GetItem", get, 0.97}, {"PutItem", put, 0.95}} {
		b.Run(op.name, func(b *testing.B) {
			w.prepare(b, "sealed", op.calls(sealed), w.tenant)
			w.prepare(b, "unsealed", op.calls(table), w.tenant)
			compare(b, "sealed rows, "+op.name, w.client.load("bulkhead", "sealed", w.addr, 32),
				[]side{w.client.load("plain rows", "unsealed", w.addr, 32)}, []aim{atLeast(op.least, "plain")})
		})
	}
}

// BenchmarkSeveral measures the requests of several rows, sealed and guarded, beside net/http alone: Query of 20 rows,
// BatchWriteItem of 25 and TransactWriteItems of 4.
func BenchmarkSeveral(b *testing.B) {
	w := open(b)
	w.prepare(b, "fill blocks", batches(sealed), w.tenant)
	if _, err := w.client.do(job{Name: "fill blocks", Addr: w.addr, Conns: 16}); err != nil {
		b.Fatal(err)
	}
	for _, op := range []struct {
		name  string
		calls []call
	}{{"Query20", queries(sealed)}, {"BatchWrite25", batches(sealed)}, {"TransactWrite4", transactions(sealed)}} {
		b.Run(op.name, func(b *testing.B) {
			answer := w.prepare(b, op.name, op.calls, w.tenant)
			compare(b, op.name+", 32 at once", w.client.load("bulkhead", op.name, w.addr, 32),
				[]side{w.client.load("net/http", op.name, httpFloor(b, answer, nil), 32)}, []aim{{}})
		})
	}
}

// BenchmarkStreamed writes rows of a table with a stream of both images, beside one without.
func BenchmarkStreamed(b *testing.B) {
	w := open(b)
	w.fill(b, table)
	w.fill(b, streamed)
	w.prepare(b, "streamed", put(streamed), w.tenant)
	w.prepare(b, "put", put(table), w.tenant)
	compare(b, "stream on, PutItem", w.client.load("bulkhead", "streamed", w.addr, 32),
		[]side{w.client.load("stream off", "put", w.addr, 32)}, []aim{{}})
}

const assume = "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A" + account + "%3Arole%2Fdata&RoleSessionName=bench" +
	"&Tags.member.1.Key=TenantID&Tags.member.1.Value=acme"

// BenchmarkGetCallerIdentity asks who calls, which needs no policy but a durable event.
func BenchmarkGetCallerIdentity(b *testing.B) {
	for _, c := range concurrencies {
		b.Run(fmt.Sprint(c), func(b *testing.B) {
			w := open(b)
			answer := w.prepare(b, "who", []call{query("Action=GetCallerIdentity")}, w.user)
			compare(b, fmt.Sprintf("GetCallerIdentity, %d at once", c), w.client.load("bulkhead", "who", w.addr, c),
				[]side{w.client.load("net/http", "who", httpFloor(b, answer, nil), c)}, []aim{{}})
		})
	}
}

// BenchmarkAssumeRole makes a tenant's session, beside GetCallerIdentity.
func BenchmarkAssumeRole(b *testing.B) {
	for _, c := range concurrencies {
		b.Run(fmt.Sprint(c), func(b *testing.B) {
			w := open(b)
			answer := w.prepare(b, "assume", []call{query(assume)}, w.user)
			w.prepare(b, "who", []call{query("Action=GetCallerIdentity")}, w.user)
			compare(b, fmt.Sprintf("AssumeRole, %d at once", c), w.client.load("bulkhead", "assume", w.addr, c), []side{
				w.client.load("GetCallerIdentity", "who", w.addr, c),
				w.client.load("net/http", "assume", httpFloor(b, answer, nil), c),
			}, []aim{atLeast(0.8, "GetCallerIdentity"), {}})
		})
	}
}

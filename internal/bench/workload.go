package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What the requests touch.
const (
	queryRows    = 20
	batchRows    = 25
	transactRows = 4
	// itemSize is the size of an item's JSON, in bytes.
	itemSize = 450
)

// largest is the operation that touches most rows.
const largest = "BatchWrite25"

// operation is one kind of request that is measured.
type operation struct {
	// name is how it is asked for and shown, target the operation's name in the API.
	name, target string
	// rows is how many rows of one tenant a request touches.
	rows int
	// requests is how many different ones are signed for a turn.
	requests int
	// body writes the request for rows from..from+rows of the tenant; version goes into items.
	body func(b *strings.Builder, table string, t tenant, from, version int)
}

var operations = []operation{
	{"GetItem", "GetItem", 1, 8192, getBody},
	{"PutItem", "PutItem", 1, 8192, putBody},
	{"Query20", "Query", queryRows, 8192, queryBody},
	{largest, "BatchWriteItem", batchRows, 1024, batchBody},
	{"TransactWrite4", "TransactWriteItems", transactRows, 4096, transactBody},
}

// Operations are the names of what can be measured: GetItem and PutItem of one row, Query of 20 rows of a partition, BatchWriteItem
// of 25 and TransactWriteItems of 4 rows, each of one tenant.
func Operations() []string {
	names := make([]string, len(operations))
	for i := range operations {
		names[i] = operations[i].name
	}
	return names
}

func operationNamed(name string) *operation {
	i := slices.IndexFunc(operations, func(o operation) bool { return o.name == name })
	if i < 0 {
		return nil
	}
	return &operations[i]
}

// tenant is the id of a tenant.
type tenant string

func (t tenant) partition() string { return string(t) + "#orders" }

func key(b *strings.Builder, t tenant, row int) {
	fmt.Fprintf(b, `"pk":{"S":"%s"},"sk":{"S":"order#%08d"}`, t.partition(), row)
}

const note = "leave it at the door, ring twice, and do not wait for an answer; "

// item writes an item of some itemSize bytes.
func item(b *strings.Builder, t tenant, row, version int) {
	start := b.Len()
	b.WriteByte('{')
	key(b, t, row)
	fmt.Fprintf(b, `,"version":{"N":"%d"},"status":{"S":"SHIPPED"},"total":{"N":"1299.95"},"quantity":{"N":"3"},"paid":{"BOOL":true},`+
		`"tags":{"SS":["fragile","gift"]},"address":{"M":{"street":{"S":"1 Main Street"},"zip":{"S":"12345"}}},"note":{"S":"`, version)
	for left := itemSize - (b.Len() - start) - len(`"}}`); left > 0; left -= len(note) {
		b.WriteString(note[:min(left, len(note))])
	}
	b.WriteString(`"}}`)
}

func getBody(b *strings.Builder, table string, t tenant, from, _ int) {
	b.WriteString(`{"TableName":"` + table + `","Key":{`)
	key(b, t, from)
	b.WriteString(`}}`)
}

func putBody(b *strings.Builder, table string, t tenant, from, version int) {
	b.WriteString(`{"TableName":"` + table + `","Item":`)
	item(b, t, from, version)
	b.WriteByte('}')
}

func queryBody(b *strings.Builder, table string, t tenant, from, _ int) {
	fmt.Fprintf(b, `{"TableName":"%s","Limit":%d,"KeyConditionExpression":"pk = :p AND sk >= :s","ExpressionAttributeValues":{":p":{"S":"%s"},":s":{"S":"order#%08d"}}}`,
		table, queryRows, t.partition(), from)
}

func batchBody(b *strings.Builder, table string, t tenant, from, version int) {
	writeBatch(b, table, t, from, batchRows, version)
}

func writeBatch(b *strings.Builder, table string, t tenant, from, rows, version int) {
	b.WriteString(`{"RequestItems":{"` + table + `":[`)
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"PutRequest":{"Item":`)
		item(b, t, from+i, version)
		b.WriteString(`}}`)
	}
	b.WriteString(`]}}`)
}

func transactBody(b *strings.Builder, table string, t tenant, from, version int) {
	b.WriteString(`{"TransactItems":[`)
	for i := range transactRows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"Put":{"TableName":"` + table + `","Item":`)
		item(b, t, from+i, version)
		b.WriteString(`}}`)
	}
	b.WriteString(`]}`)
}

// layout says which rows there are.
type layout struct {
	// tenants is how many tenants there are, each how many rows one has.
	tenants, each int
	// prefix begins their ids.
	prefix string
	stride int
}

func newLayout(run string, tenants, items int) layout {
	return layout{tenants, items / tenants, "b" + run + "-", stride(tenants)}
}

func (l *layout) tenant(i int) tenant { return tenant(l.prefix + strconv.Itoa(i)) }

// distinct is how many requests that share no row there are for an operation.
func (l *layout) distinct(o *operation) int { return l.tenants * (l.each / o.rows) }

// at returns the tenant and the first row of the i-th request for an operation, with i taken modulo distinct. Neighbours are
// different tenants' where there are enough.
func (l *layout) at(o *operation, i int) (who, from int) {
	slots := l.each / o.rows
	i %= l.tenants * slots
	// a stride that has no factor in common with their number visits every tenant before one comes again
	who = i % l.tenants * l.stride % l.tenants
	return who, (i/l.tenants + who) % slots * o.rows
}

// stride is a number near n·0.618 that has no factor in common with n.
func stride(n int) int {
	for s := max(1, n*618/1000); ; s++ {
		if gcd(s, n) == 1 {
			return s
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

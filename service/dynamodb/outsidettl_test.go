package dynamodb

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/tableengine"
)

func ttl(attribute, on string) string {
	return `{'TableName':'pool','TimeToLiveSpecification':{'AttributeName':'` + attribute + `','Enabled':` + on + `}}`
}

// The engine expires the rows that it keeps: it is told by which attribute, and asked what it does.
func TestOutsideTimeToLive(t *testing.T) {
	t.Parallel()
	e, engine := newFarEnv(t)
	pooledIn(e, "deny", "")
	e.must(root(), "UpdateTimeToLive", ttl("expires", "true"))
	if got := engine.must(root(), "DescribeTimeToLive", `{'TableName':'`+thereName+`'}`); !strings.Contains(got, `"AttributeName":"expires"`) {
		t.Error(got)
	}
	if got := e.must(root(), "DescribeTimeToLive", `{'TableName':'pool'}`); got != `{"TimeToLiveDescription":{"AttributeName":"expires","TimeToLiveStatus":"ENABLED"}}` {
		t.Error(got)
	}
	if got := e.result(root(), "UpdateTimeToLive", ttl("expires", "true")); got != "Validation: TimeToLive is already enabled" {
		t.Error(got)
	}
	if got := e.result(root(), "UpdateTimeToLive", ttl("other", "true")); !strings.HasPrefix(got, "Validation: TimeToLive is active on a different AttributeName") {
		t.Error(got)
	}
}

// What a failure left at the engine is put on record by the next attempt.
func TestOutsideTimeToLiveAfterAFailure(t *testing.T) {
	t.Parallel()
	e, engine := newFarEnv(t)
	pooledIn(e, "deny", "")
	engine.must(root(), "UpdateTimeToLive", strings.Replace(ttl("expires", "true"), "pool", thereName, 1))
	e.must(root(), "UpdateTimeToLive", ttl("expires", "true"))
	if got := e.result(root(), "UpdateTimeToLive", ttl("expires", "true")); got != "Validation: TimeToLive is already enabled" {
		t.Error(got)
	}
	engine.before = func(string, []byte) error { return &tableengine.Error{Status: 400, Code: "UnknownOperationException"} }
	if got := e.result(root(), "UpdateTimeToLive", ttl("expires", "false")); got != "Unsupported: The table's engine does not support this operation." {
		t.Error(got)
	}
}

// Of a sealed row the engine reads when it expires only where a tag says so, only of numbers, and what it makes of it is noticed.
func TestOutsideTimeToLiveOfSealedRows(t *testing.T) {
	t.Parallel()
	e, engine := sealedFar(t)
	tag := func(op, more string) string { return e.result(root(), op, `{'ResourceArn':'`+poolARN+`',`+more+`}`) }
	const expires = `'Tags':[{'Key':'bulkhead:outside-expiry','Value':'expires'}]`
	put := func(pk, v string) {
		e.must(root(), "PutItem", `{'TableName':'pool','Item':{'pk':{'S':'`+pk+`'},'sk':{'S':'s'},'expires':`+v+`}}`)
	}
	stored := func() string { return engine.must(root(), "Scan", `{'TableName':'`+thereName+`'}`) }
	if got := e.result(root(), "UpdateTimeToLive", ttl("expires", "true")); !strings.Contains(got, "give the table the tag bulkhead:outside-expiry = expires first") {
		t.Error(got)
	}
	put("acme#before", `{'N':'1800000000'}`)
	if got := stored(); strings.Contains(got, "expires") || strings.Contains(got, "1800000000") {
		t.Fatalf("without the tag: %s", got)
	}
	for _, bad := range []string{"pk", "kind", "bulkhead:row", ""} {
		if got := tag("TagResource", strings.Replace(expires, "'expires'", "'"+bad+"'", 1)); !strings.HasPrefix(got, "Validation: ") {
			t.Errorf("%q: %s", bad, got)
		}
	}
	if got := tag("TagResource", expires); got != "{}" {
		t.Fatal(got)
	}
	e.must(root(), "UpdateTimeToLive", ttl("expires", "true"))
	if got := tag("UntagResource", `'TagKeys':['bulkhead:outside-expiry']`); !strings.Contains(got, "disable the time to live first") {
		t.Error(got)
	}
	put("acme#text", `{'S':'never-in-the-clear'}`)
	put("acme#number", `{'N':'1900000000'}`)
	got := stored()
	if strings.Count(got, `"expires":{"N":"1900000000"}`) != 1 || strings.Contains(got, "never") || strings.Contains(got, "1800000000") {
		t.Fatalf("with the tag: %s", got)
	}
	for pk, want := range map[string]string{"before": "1800000000", "text": "never-in-the-clear", "number": "1900000000"} {
		if got := e.must(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#`+pk+`'},'sk':{'S':'s'}}}`); !strings.Contains(got, want) {
			t.Errorf("%s: %s", pk, got)
		}
	}
	// An engine that changes what it reads is found out; one that forgets it only lets the row live on.
	for change, want := range map[string]error{"REMOVE expires": nil, "SET expires = :v": errNotOurs} {
		put("acme#"+change, `{'N':'1900000000'}`)
		engine.before = func(operation string, body []byte) error {
			if operation != "GetItem" {
				return nil
			}
			engine.before = nil
			values := ""
			if want != nil {
				values = `,'ExpressionAttributeValues':{':v':{'N':'1'}}`
			}
			_, key, _ := strings.Cut(string(body), `"Key":`)
			key = key[:strings.Index(key, "}}")+2]
			engine.must(root(), "UpdateItem", `{'TableName':'`+thereName+`','Key':`+key+`,'UpdateExpression':'`+change+`'`+values+`}`)
			return nil
		}
		if _, err := e.op(root(), "GetItem", `{'TableName':'pool','Key':{'pk':{'S':'acme#`+change+`'},'sk':{'S':'s'}}}`); !errors.Is(err, want) {
			t.Errorf("%s: %v", change, err)
		}
	}
}

// The tag says nothing of tables that no engine expires by it.
func TestExpiryTagElsewhere(t *testing.T) {
	t.Parallel()
	here, far := newEnv(t), newEnv(t)
	withEngine(far)
	for name, e := range map[string]*env{"here, sealed": here, "outside, not sealed": far} {
		seal := sealTag1
		if e == far {
			seal = ""
		}
		pooledIn(e, "deny", seal)
		got := e.result(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:outside-expiry','Value':'expires'}]}`)
		if !strings.Contains(got, "has a meaning only on a sealed table whose rows an outside engine keeps") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

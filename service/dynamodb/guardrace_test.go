package dynamodb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
)

// guardRaces are what operators may do to a table between the decision on a tenant's request and its execution: on this node, or on
// another whose change this one did not know of when it decided.
var guardRaces = map[string]func(e *env){
	"guarded now": func(e *env) {
		e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`'`+fmt.Sprintf(guardTags, "deny")+`}`)
	},
	"made anew": func(e *env) {
		e.must(root(), "DeleteTable", `{'TableName':'pool'}`)
		pooledIn(e, "deny", "")
	},
	"made": func(e *env) { pooledIn(e, "deny", "") },
}

// No operation runs on a table under another owner rule than the one that it was decided under.
func TestGuardRaces(t *testing.T) {
	t.Parallel()
	for name, race := range guardRaces {
		for _, a := range attempts {
			t.Run(name+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				e := raced(t, name)
				e.between = func() { race(e) }
				out, err := e.op(e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`)), a.op, about(a.input, "globex"))
				if got := rowOf(e); !strings.Contains(got, "secret-globex") || strings.Contains(out, "globex") {
					t.Errorf("%v %s leaves %s", err, out, got)
				}
				if strings.Contains(a.input, "Check") && err == nil {
					t.Errorf("the other's row is checked: %s", out)
				}
			})
		}
		for _, a := range tableAttempts {
			ofTable := strings.Contains(a.input, "'pool'") || strings.Contains(a.input, poolARN)
			if !ofTable && (name != "guarded now" || a.op == "CreateTable") {
				continue // of what there is not yet
			}
			t.Run(name+"/"+a.op, func(t *testing.T) {
				t.Parallel()
				e, input := raced(t, name), a.input
				if !ofTable {
					var inputs func(string) []string
					e, inputs = streamed(t, "")
					input = inputs(a.input)[0]
				}
				e.between = func() { race(e) }
				out, err := e.op(e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`)), a.op, input)
				if strings.Contains(out, "globex") {
					t.Errorf("it shows %s", out)
				}
				if strings.HasPrefix(a.op, "Describe") || strings.HasPrefix(a.op, "List") {
					return
				}
				if err == nil {
					t.Error("it is done")
				}
				if got := rowOf(e); !strings.Contains(got, "secret-globex") {
					t.Errorf("the row is %s", got)
				}
			})
		}
	}
}

func raced(t *testing.T, name string) *env {
	t.Helper()
	if name == "made" {
		return newEnv(t)
	}
	return pooled(t, "")
}

func rowOf(e *env) string {
	return e.result(root(), "GetItem", about(`{'TableName':'pool','Key':KEY}`, "globex"))
}

// An index that is made after the decision is under its owner rule, and operators are under none.
func TestGuardRacesOfIndexes(t *testing.T) {
	t.Parallel()
	e := pooled(t, "deny")
	e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'bulkhead:index-owner-key','Value':'by-v=${tenant}'}]}`)
	const put = `{'TableName':'pool','Item':{'pk':{'S':'acme#9'},'sk':{'S':'s'},'v':{'S':'globex'}}}`
	index := func() {
		e.must(root(), "UpdateTable", `{'TableName':'pool','AttributeDefinitions':[{'AttributeName':'v','AttributeType':'S'}],
		 'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'by-v','KeySchema':[{'AttributeName':'v','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}`)
	}
	e.between = index
	var f *fault.Error
	if _, err := e.op(e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`)), "PutItem", put); !errors.As(err, &f) || f.Class != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := e.op(e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`)), "PutItem", put); !errors.Is(err, authz.ErrForeignRow) {
		t.Errorf("asked again: %v", err)
	}
	e.between = func() { guardRaces["guarded now"](e) }
	e.must(root(), "PutItem", put)
	// A change that is none of the owner rule is no reason to ask again.
	e.between = func() {
		e.must(root(), "TagResource", `{'ResourceArn':'`+poolARN+`','Tags':[{'Key':'team','Value':'x'}]}`)
	}
	e.must(e.user(account, "acme", nil, strings.ReplaceAll(wide, "'", `"`)), "PutItem", strings.Replace(put, "'globex'", "'acme'", 1))
}

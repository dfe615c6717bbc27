package dynamodb

import (
	"reflect"
	"testing"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
)

// Elements of a transaction share a decision only if all that is decided on is the same.
func TestElementsThatAskAlike(t *testing.T) {
	t.Parallel()
	res := authz.Resource{ARN: poolARN}
	was, is := &table{}, &table{}
	keys := conditionKeys{leading: []string{"acme#1"}, attributes: []string{"pk", "sk"}, write: true, enclosing: "TransactWriteItems"}
	type element struct {
		action string
		res    authz.Resource
		table  *table
		keys   conditionKeys
		write  bool
	}
	first := element{"dynamodb:PutItem", res, is, keys, true}
	others := map[string]func(*element){
		"another action":         func(e *element) { e.action = "dynamodb:DeleteItem" },
		"another table":          func(e *element) { e.res.ARN += "2" },
		"a table made anew":      func(e *element) { e.table = was },
		"nothing written":        func(e *element) { e.write = false },
		"another row":            func(e *element) { e.keys.leading = []string{"globex#1"} },
		"no row that is known":   func(e *element) { e.keys.leading = nil },
		"other attributes":       func(e *element) { e.keys.attributes = []string{"pk", "secret"} },
		"another choice":         func(e *element) { e.keys.choice = api.SelectCount },
		"other returned values":  func(e *element) { e.keys.returns = api.ReturnValueAllOld },
		"the whole item":         func(e *element) { e.keys.all = true },
		"no write":               func(e *element) { e.keys.write = false },
		"capacity":               func(e *element) { e.keys.capacity = api.ReturnConsumedCapacityTotal },
		"in another transaction": func(e *element) { e.keys.enclosing = "" },
		"a scan":                 func(e *element) { e.keys.scan = true },
		"a statement":            func(e *element) { e.keys.tells = true },
	}
	var all elementChecks
	add := func(e element) int {
		all.add(e.action, e.res, e.table, &e.keys, e.write)
		return len(all.checks)
	}
	for range 2 {
		if add(first) != 1 {
			t.Error("what is the same is asked twice")
		}
	}
	n := 1
	for what, change := range others {
		e := first
		change(&e)
		if n++; add(e) != n {
			t.Errorf("%s is not asked for", what)
			n--
		}
		if add(e) != n || add(first) != n {
			t.Errorf("%s is asked for twice", what)
		}
	}
	if got := reflect.TypeFor[conditionKeys]().NumField(); got != 10 {
		t.Errorf("there are %d condition keys: same and this test have to know them all", got)
	}
}

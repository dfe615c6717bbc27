package dynamodb

import (
	"reflect"
	"slices"
	"testing"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/item"
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

// Keys that look alike are named by themselves: the base64 of one binary key may be the bytes of the next, and keys need not be in the
// order in which they repeat.
func TestLeadingOfSeveral(t *testing.T) {
	t.Parallel()
	s, b := item.String, func(text string) item.Value { return item.Binary([]byte(text)) }
	for _, c := range []struct {
		keys []item.Value
		want []string
	}{
		{[]item.Value{s("a"), s("a"), s("b"), s("a"), s("b")}, []string{"a", "b"}},
		{[]item.Value{s("acme#1"), s("acme#"), s("acme#11")}, []string{"acme#1", "acme#", "acme#11"}},
		{[]item.Value{b("abc"), b("YWJj"), b("abc")}, []string{"YWJj", "WVdKag=="}},
		{[]item.Value{item.Number("1"), item.Number("1.0"), item.Number("10")}, []string{"1", "10"}},
		{[]item.Value{s("a"), {}, s("b"), {}}, []string{"a", "b"}},
	} {
		var names []string
		for _, v := range c.keys {
			names = withLeading(names, v)
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%v are named %q, want %q", c.keys, names, c.want)
		}
	}
}

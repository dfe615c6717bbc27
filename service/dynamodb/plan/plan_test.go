package plan

import (
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
)

func row(pairs ...string) *item.Map {
	var b item.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.Set(pairs[i], item.String(pairs[i+1]))
	}
	m := b.Map()
	return &m
}

// orders has a sort key, and an index by kind.
var orders = &item.Table{
	Name: "orders", Keys: item.KeySchema{Hash: item.KeyPart{Name: "pk", Kind: item.S}, Sort: item.KeyPart{Name: "sk", Kind: item.S}},
	Indexes: []item.Index{{Name: "by-kind", Keys: item.KeySchema{Hash: item.KeyPart{Name: "kind", Kind: item.S}}}},
}

func execute(t *testing.T, text string) *Statement {
	t.Helper()
	p, err := Execute(&api.ExecuteStatementInput{Statement: &text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &p
}

// What is refused is refused as a fault of the request, and of two reasons the one is told that AWS tells.
func TestRefusals(t *testing.T) {
	t.Parallel()
	key, name, bad, good := row("pk", "a"), "orders", "pk +", "attribute_exists(pk)"
	var b item.Builder
	b.Set("pk", item.Number("seven"))
	odd := b.Map()
	condition := map[string]api.ExpectedAttributeValue{"a": {}}
	actions := func(in ...api.TransactWriteItem) error {
		_, err := Actions(in)
		return err
	}
	get := func(in api.GetItemInput) error {
		_, err := Get(&in)
		return err
	}
	put := func(in api.PutItemInput) error {
		_, err := Put(&in)
		return err
	}
	scan := func(in api.ScanInput) error {
		_, err := Scan(&in)
		return err
	}
	query := func(in api.QueryInput) error {
		_, err := Query(&in)
		return err
	}
	one, none := int32(1), int32(0)
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"an element of two writes": {
			actions(api.TransactWriteItem{Put: &api.Put{TableName: &name, Item: key}, Delete: &api.Delete{TableName: &name, Key: key}}),
			"TransactItems can only contain one of",
		},
		"an element of none": {actions(api.TransactWriteItem{}), "TransactItems can only contain one of"},
		"parameters before returned values": {
			put(api.PutItemInput{Item: key, ConditionExpression: &good, Expected: condition, ReturnValues: api.ReturnValueAllNew}), "Can not use both expression",
		},
		"returned values before the expression": {
			put(api.PutItemInput{Item: key, ConditionExpression: &bad, ReturnValues: api.ReturnValueAllNew}), "ReturnValues can only be ALL_OLD or NONE",
		},
		"an operator for one condition": {
			put(api.PutItemInput{Item: key, Expected: condition, ConditionalOperator: api.ConditionalOperatorOr}),
			"One or more parameter values were invalid: ConditionalOperator can only be used when Filter or Expected has two or more elements",
		},
		"the key before the projection": {get(api.GetItemInput{Key: &odd, ProjectionExpression: &bad}), "cannot be converted to a numeric value"},
		"a segment of no number":        {scan(api.ScanInput{Segment: &one}), "The TotalSegments parameter is required"},
		"a limit of nothing":            {query(api.QueryInput{Limit: &none}), "Value at 'Limit' failed"},
		"a query without keys":          {query(api.QueryInput{}), "Either the KeyConditions or KeyConditionExpression"},
	} {
		if !fault.IsClass(c.err, fault.Validation) || !strings.Contains(fault.Text(c.err), c.want) {
			t.Errorf("%s: %v", what, c.err)
		}
	}
}

// A request that asks for nothing beyond the rows is planned as nothing.
func TestNothingIsPlannedAsNothing(t *testing.T) {
	t.Parallel()
	if pr, err := Projection(nil, nil, nil); pr != nil || err != nil {
		t.Errorf("%v, %v", pr, err)
	}
	w, err := Put(&api.PutItemInput{Item: row("pk", "a")})
	if err != nil || w.Kind != item.PutRow || w.Condition != nil || w.Update != nil || w.ReturnOnFailure {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestSelections(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		bounded bool
		parts   int
		leading string
	}{
		`SELECT * FROM orders`:                                       {false, 1, ""},
		`SELECT * FROM orders WHERE pk = 'a' OR pk = 'b'`:            {true, 2, "a b"},
		`SELECT * FROM orders WHERE pk = 'a' AND sk = 's'`:           {true, 1, "a"},
		`SELECT * FROM orders WHERE pk = 'a' OR v = 1`:               {false, 1, ""},
		`SELECT * FROM orders WHERE v = 1`:                           {false, 1, ""},
		`SELECT * FROM orders."by-kind" WHERE kind = 'k'`:            {true, 1, "k"},
		`SELECT * FROM orders."by-kind" WHERE pk = 'a'`:              {false, 1, ""},
		`SELECT * FROM orders."gone" WHERE pk = 'a'`:                 {false, 1, ""},
		`SELECT * FROM orders WHERE pk IN ('b', 'a') ORDER BY pk`:    {true, 2, "a b"},
		`SELECT * FROM orders WHERE pk IN ('a') ORDER BY sk DESC`:    {true, 1, "a"},
		`SELECT * FROM orders WHERE NOT pk = 'a'`:                    {false, 1, ""},
		`SELECT * FROM orders WHERE pk IN ('b', 'a') AND sk > 'oma'`: {true, 2, "b a"},
	} {
		s, err := execute(t, text).Selection(orders)
		if err != nil || s.Bounded != c.bounded || s.Parts() != c.parts || strings.Join(s.Leading(), " ") != c.leading {
			t.Errorf("%s: %+v, %v", text, s, err)
			continue
		}
		for i := range s.Parts() {
			if q, err := s.Part(i); err != nil || q.Index != s.Index() || (q.Keys != nil) != c.bounded {
				t.Errorf("%s: part %d: %+v, %v", text, i, q, err)
			}
		}
	}
}

// A statement that writes says of one row what it has to be, or is none.
func TestWritesOfStatements(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		kind    item.WriteKind
		guarded bool
	}{
		`INSERT INTO orders VALUE {'pk': 'a', 'sk': 's'}`:              {item.PutRow, true},
		`UPDATE orders SET v = 1 WHERE pk = 'a' AND sk = 's'`:          {item.UpdateRow, true},
		`DELETE FROM orders WHERE pk = 'a' AND sk = 's'`:               {item.DeleteRow, false},
		`DELETE FROM orders WHERE pk = 'a' AND sk = 's' AND v = 1`:     {item.DeleteRow, true},
		`UPDATE orders REMOVE v WHERE sk = 's' AND pk = 'a' AND w = 1`: {item.UpdateRow, true},
	} {
		w, err := execute(t, text).Write(orders)
		if err != nil || w.Kind != c.kind || (w.Condition != nil) != c.guarded {
			t.Errorf("%s: %+v, %v", text, w, err)
		}
	}
	for _, text := range []string{`DELETE FROM orders WHERE pk = 'a'`, `UPDATE orders SET v = 1 WHERE pk = 'a' AND sk > 's'`} {
		if w, err := execute(t, text).Write(orders); err == nil || fault.Text(err) != noFullKey {
			t.Errorf("%s: %+v, %v", text, w, err)
		}
	}
}

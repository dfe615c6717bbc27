package item

import (
	"strings"
	"testing"
)

func TestLegacyConditions(t *testing.T) {
	t.Parallel()
	m := mustMap(t, `{"s":{"S":"abc"},"n":{"N":"5"},"ss":{"SS":["a"]}}`)
	yes, no := true, false
	one := func(attr, op string, vs ...Value) map[string]LegacyCondition {
		return map[string]LegacyCondition{attr: {Operator: op, Values: vs}}
	}
	for i, c := range []struct {
		conds map[string]LegacyCondition
		or    bool
		want  string // "true", "false" or an error
	}{
		{one("s", "EQ", String("abc")), false, "true"},
		{one("s", "NE", String("abc")), false, "false"},
		{one("gone", "NE", String("abc")), false, "true"},
		{one("n", "GT", Number("4")), false, "true"},
		{one("n", "BETWEEN", Number("4"), Number("6")), false, "true"},
		{one("n", "IN", Number("4"), Number("6")), false, "false"},
		{one("ss", "CONTAINS", String("a")), false, "true"},
		{one("ss", "NOT_CONTAINS", String("a")), false, "false"},
		{one("ss", "NOT_CONTAINS", String("b")), false, "true"},
		{one("gone", "CONTAINS", String("a")), false, "false"},
		{one("gone", "NOT_CONTAINS", String("a")), false, "false"},
		{one("s", "BEGINS_WITH", String("ab")), false, "true"},
		{one("gone", "NULL"), false, "true"},
		{one("gone", "NOT_NULL"), false, "false"},
		{map[string]LegacyCondition{"s": {Operator: "NULL"}, "n": {Operator: "NOT_NULL"}}, false, "false"},
		{map[string]LegacyCondition{"s": {Operator: "NULL"}, "n": {Operator: "NOT_NULL"}}, true, "true"},
		{map[string]LegacyCondition{"s": {Value: String("abc")}}, false, "true"},
		{map[string]LegacyCondition{"s": {Exists: &no}}, false, "false"},
		{map[string]LegacyCondition{"s": {Exists: &yes, Value: String("x")}}, false, "false"},
		{map[string]LegacyCondition{"s": {Exists: &yes}}, false, wrong + "Value must be provided when Exists is true for Attribute: s"},
		{map[string]LegacyCondition{"s": {}}, false, wrong + "Value must be provided when Exists is null for Attribute: s"},
		{map[string]LegacyCondition{"s": {Exists: &no, Value: String("x")}}, false, wrong + "Value cannot be used when Exists is false for Attribute: s"},
		{one("s", "EQ"), false, wrong + "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: s"},
		{one("s", "BETWEEN", String("a")), false, wrong + "Invalid number of argument(s) for the BETWEEN ComparisonOperator"},
		{one("s", "BETWEEN", String("b"), String("a")), false, "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"},
		{one("s", "IN", String("b"), Number("1")), false, wrong + "AttributeValues inside AttributeValueList must be of same type"},
		{one("s", "LT", Boolean(true)), false, wrong + "ComparisonOperator LT is not valid for BOOL AttributeValue type"},
	} {
		cond, err := LegacyExpected(c.conds, c.or)
		got := message(err)
		if err == nil {
			got = map[bool]string{true: "true", false: "false"}[cond.Holds(m)]
		}
		if got != c.want {
			t.Errorf("%d: got %s, want %s", i, got, c.want)
		}
	}
}

func TestLegacyUpdates(t *testing.T) {
	t.Parallel()
	m := mustMap(t, `{"a":{"N":"1"},"l":{"L":[{"S":"0"}]},"ss":{"SS":["a","b"]}}`)
	for i, c := range []struct {
		attr string
		up   LegacyUpdate
		want string
	}{
		{"a", LegacyUpdate{"PUT", String("x")}, `"a":{"S":"x"}`},
		{"a", LegacyUpdate{"", String("x")}, `"a":{"S":"x"}`},
		{"a", LegacyUpdate{"ADD", Number("2")}, `"a":{"N":"3"}`},
		{"l", LegacyUpdate{"ADD", List(String("1"))}, `"l":{"L":[{"S":"0"},{"S":"1"}]}`},
		{"l", LegacyUpdate{"DELETE", Value{}}, `{"a":{"N":"1"},"ss"`},
		{"ss", LegacyUpdate{"DELETE", StringSet("a")}, `"ss":{"SS":["b"]}`},
		{"a", LegacyUpdate{"ADD", StringSet("a")}, "Type mismatch for attribute to update"},
		{"a", LegacyUpdate{"DELETE", StringSet("a")}, "Type mismatch for attribute to update"},
		{"ss", LegacyUpdate{"ADD", Number("1")}, "Type mismatch for attribute to update"},
		{"fresh", LegacyUpdate{"ADD", Number("1")}, `"fresh":{"N":"1"}`},
		{"a", LegacyUpdate{"PUT", Value{}}, wrong + "Only DELETE action is allowed when no attribute value is specified"},
		{"a", LegacyUpdate{"DELETE", String("x")}, wrong + "DELETE action with value is not supported for the type S"},
		{"a", LegacyUpdate{"ADD", String("x")}, wrong + "ADD action is not supported for the type S"},
	} {
		u, err := LegacyUpdates(map[string]LegacyUpdate{c.attr: c.up})
		if err != nil {
			if message(err) != c.want {
				t.Errorf("%d: %v", i, err)
			}
			continue
		}
		got, err := u.Apply(m)
		if err != nil && message(err) == c.want {
			continue
		}
		if err != nil || !strings.Contains(string(got.AppendJSON(nil)), c.want) {
			t.Errorf("%d: got %s, %v, want %s", i, got.AppendJSON(nil), err, c.want)
		}
	}
}

// What is wrong with the values of a condition is told before how many conditions there are, and whether a key can be found by
// them only when it is known which key.
func TestLegacyKeysInOrder(t *testing.T) {
	t.Parallel()
	eq := LegacyCondition{Operator: "EQ", Values: []Value{String("a")}}
	bad := LegacyCondition{Operator: "EQ"}
	if _, err := LegacyKeys(map[string]LegacyCondition{"a": eq, "b": eq, "c": bad}); message(err) !=
		wrong+"Invalid number of argument(s) for the EQ ComparisonOperator" {
		t.Errorf("got %v", err)
	}
	k, err := LegacyKeys(map[string]LegacyCondition{"a": eq, "b": eq, "c": eq})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.CheckTable(); message(err) != "Conditions can be of length 1 or 2 only" {
		t.Errorf("got %v", err)
	}
	k, err = LegacyKeys(map[string]LegacyCondition{"other": {Operator: "NULL"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = k.Bind(&orders().Keys); message(err) != "Query condition missed key schema element: pk" {
		t.Errorf("got %v", err)
	}
	if v := k.Leading(&KeySchema{Hash: KeyPart{"other", S}}); !v.IsZero() {
		t.Errorf("a condition without a value names %v", v)
	}
}

func TestLegacyKeys(t *testing.T) {
	t.Parallel()
	s := orders().Keys
	pk := LegacyCondition{Operator: "EQ", Values: []Value{String("a")}}
	for _, c := range []struct {
		sort LegacyCondition
		want string
	}{
		{LegacyCondition{Operator: "GT", Values: []Value{Number("1")}}, ""},
		{LegacyCondition{Operator: "NE", Values: []Value{Number("1")}}, "Attempted conditional constraint is not an indexable operation"},
		{LegacyCondition{Operator: "BEGINS_WITH", Values: []Value{String("1")}}, wrong + "Condition parameter type does not match schema type"},
	} {
		k, err := LegacyKeys(map[string]LegacyCondition{"pk": pk, "sk": c.sort})
		if err == nil {
			_, _, err = k.Bind(&s)
		}
		if message(err) != c.want {
			t.Errorf("%s: got %v, want %s", c.sort.Operator, err, c.want)
		}
	}
	if _, err := LegacyKeys(nil); message(err) != "Conditions can be of length 1 or 2 only" {
		t.Errorf("no conditions: %v", err)
	}
	if _, err := LegacyProjection([]string{"a", "a"}); message(err) != wrong+"Duplicate value in attribute name: a" {
		t.Errorf("duplicate attributes: %v", err)
	}
}

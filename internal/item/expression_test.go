package item

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// compile parses src as the kind of expression named, with every placeholder that occurs in it.
func compile(kind, src string, names map[string]string, values Map) error {
	ph, err := NewPlaceholders(names, values)
	if err != nil {
		return err
	}
	switch kind {
	case "Update":
		_, err = ParseUpdate(src, ph)
	case "Projection":
		_, err = ParseProjection(src, ph)
	case "KeyCondition":
		_, err = ParseKeyCondition(src, ph)
	default:
		_, err = ParseCondition(kind+"Expression", src, ph)
	}
	if err != nil {
		return err
	}
	return ph.Unused()
}

func TestExpressionErrors(t *testing.T) {
	t.Parallel()
	const values = `{":a":{"S":"a"},":b":{"S":"b"},":n":{"N":"1"},":l":{"L":[]},":ss":{"SS":["x"]},":t":{"BOOL":true}}`
	used := func(src string) (map[string]string, Map) {
		var b Builder
		for k, v := range mustMap(t, values).All() {
			if strings.Contains(src, k) {
				b.Set(k, v)
			}
		}
		if b.m.b == nil {
			return nil, Map{}
		}
		return nil, b.Map()
	}
	for _, c := range []struct{ kind, src, want string }{
		{"Condition", "", "The expression can not be empty;"},
		{"Condition", "a = ", `Syntax error; token: "<EOF>", near: "="`},
		{"Condition", "a b", `Syntax error; token: "b", near: "a b"`},
		{"Condition", "a = :a ! b", `Syntax error; token: "!", near: ":a ! b"`},
		{"Condition", "a", `Syntax error; token: "<EOF>", near: "a"`},
		{"Condition", "(a)", `Syntax error; token: "<EOF>", near: ")"`},
		{"Condition", "a = :a AND b", `Syntax error; token: "<EOF>", near: "b"`},
		{"Condition", "(a = :a", `Syntax error; token: "<EOF>", near: ":a"`},
		{"Condition", "((a = :a))", "The expression has redundant parentheses;"},
		{"Condition", "((a)) = :a", "The expression has redundant parentheses;"},
		{"Condition", "((a = :a) AND b = :b)", ""},
		{"Condition", "(a) = (:a)", ""},
		{"Condition", "NOT NOT a = :a", ""},
		{"Condition", "status = :a", "Attribute name is a reserved keyword; reserved keyword: status"},
		{"Condition", "a.nAmE = :a", "Attribute name is a reserved keyword; reserved keyword: nAmE"},
		{"Condition", "#x = :a", "An expression attribute name used in the document path is not defined; attribute name: #x"},
		{"Condition", "a = :zz", "An expression attribute value used in expression is not defined; attribute value: :zz"},
		{"Condition", "nothing(a)", "Invalid function name; function: nothing"},
		{"Condition", "if_not_exists(a, :a)", "The function is not allowed in a condition expression; function: if_not_exists"},
		{"Condition", "a = list_append(a, :a)", "The function is not allowed in a condition expression; function: list_append"},
		{"Condition", "_a = :a", `Syntax error; token: "_", near: "_a"`},
		{"Condition", "a < :l", "Incorrect operand type for operator or function; operator or function: <, operand type: L"},
		{"Condition", "a >= :t", "Incorrect operand type for operator or function; operator or function: >=, operand type: BOOL"},
		{"Condition", ":ss <= a", "Incorrect operand type for operator or function; operator or function: <=, operand type: SS"},
		{"Condition", "a BETWEEN :l AND :l", "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: L"},
		{"Condition", "a = :l AND b <> :t AND c IN (:ss, :l)", ""},
		{"Condition", "a" + strings.Repeat(".b", 32) + " = :a", "The document path has too many nesting levels; nesting levels: 33"},
		{"Condition", "a" + strings.Repeat(".b", 31) + " = :a", ""},
		{"Condition", "attribute_exists(a, b)", "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2"},
		{"Condition", "attribute_exists(:a)", "Operator or function requires a document path; operator or function: attribute_exists"},
		{"Condition", "begins_with(a, :n)", "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{"Condition", "attribute_type(a, :a)", "Invalid attribute type name found; type: a, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"},
		{"Condition", "attribute_type(a, b)", "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}"},
		{"Condition", "size(a)", "The function is not allowed to be used this way in an expression; function: size"},
		{"Condition", "contains(a, b) = :t", "The function is not allowed to be used this way in an expression; function: contains"},
		{"Condition", "a = a", "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]"},
		{"Condition", "a.b[1] = a.b[1]", "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a, b, [1]]"},
		{"Condition", "a BETWEEN :b AND :a", "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"},
		{"Condition", "a BETWEEN :n AND :a", "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}"},
		{"Condition", "a[99999999999] = :a", "List index is not within the allowable range; index: [99999999999]"},
		{"Condition", "a BETWEEN :a AND :b AND c IN (:a, :b) OR NOT size(d) > :n", ""},
		{"Condition", strings.Repeat("(", 1000), "The expression is nested too deeply; nesting levels: 301"},
		{"Condition", strings.Repeat("a", 4097), "Expression size has exceeded the maximum allowed size; expression size: 4097"},
		{"Projection", "a, b, a.c", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, c]"},
		{"Projection", "a.b, a[0]", "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]"},
		{"Projection", "a" + strings.Repeat("[1]", 32), "The document path has too many nesting levels; nesting levels: 33"},
		{"Projection", "a,", `Syntax error; token: "<EOF>", near: ","`},
		{"Projection", "a.b[0].c, a.b[1]", ""},
		{"Update", "SET a = :a SET b = :b", "The \"SET\" section can only be used once in an update expression;"},
		{"Update", "SET a = :a, a.b = :b", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"},
		{"Update", "SET a = :a REMOVE a", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"},
		{"Update", "SET a = :a + b", "Incorrect operand type for operator or function; operator or function: +, operand type: S"},
		{"Update", "SET a = list_append(a, :n)", "Incorrect operand type for operator or function; operator or function: list_append, operand type: N"},
		{"Update", "SET a = if_not_exists(:a, :b)", "Operator or function requires a document path; operator or function: if_not_exists"},
		{"Update", "SET a = attribute_exists(b)", "The function is not allowed in an update expression; function: attribute_exists"},
		{"Update", "SET a = size(b)", "The function is not allowed in an update expression; function: size"},
		{"Update", "SET a = list_append(list_append(a, :l), b)", "The function is not allowed to be used this way in an expression; function: list_append"},
		{"Update", "SET a = list_append(if_not_exists(a, :l), :l)", ""},
		{"Update", "SET _123 = :a", `Syntax error; token: "_", near: "SET _123"`},
		{"Update", "SET a = _f(b)", `Syntax error; token: "_", near: "= _f"`},
		{"Update", "SET a1_b = :a", ""},
		{"Update", "SET a = if_not_exist(a, :b)", "Invalid function name; function: if_not_exist"},
		{"Update", "ADD a :a", "Incorrect operand type for operator or function; operator: ADD, operand type: STRING"},
		{"Update", "DELETE a :n", "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER"},
		{"Update", "SET a", `Syntax error; token: "<EOF>", near: "a"`},
		{"Update", "a = :a", `Syntax error; token: "a", near: "a ="`},
		{"Update", "set a = (if_not_exists(a, :n) + :n), b = (:n) - c remove d[1], e.f add g :n delete h :ss", ""},
	} {
		names, vals := used(c.src)
		want := c.want
		if want != "" {
			want = "Invalid " + c.kind + "Expression: " + want
		}
		if got := message(compile(c.kind, c.src, names, vals)); got != want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.kind, c.src, got, want)
		}
	}
}

func TestKeyConditionErrors(t *testing.T) {
	t.Parallel()
	s := orders().Keys
	for _, c := range []struct{ src, want string }{
		{"pk = :s AND sk > :n", ""},
		{":s = pk AND :n < sk", ""},
		{"pk = :s OR sk = :n", "Invalid operator used in KeyConditionExpression: OR"},
		{"NOT pk = :s AND sk = :n", "Invalid operator used in KeyConditionExpression: NOT"},
		{"pk <> :s AND sk = :n", "Invalid operator used in KeyConditionExpression: <>"},
		{"pk IN (:s) AND sk = :n", "Invalid operator used in KeyConditionExpression: IN"},
		{"attribute_exists(pk) AND pk = :s AND sk = :n", "Invalid operator used in KeyConditionExpression: attribute_exists"},
		{"pk = :s AND size(sk) = :n", "KeyConditionExpressions cannot contain nested operations"},
		{"pk = :s AND pk = :s AND sk = :n", "KeyConditionExpressions must only contain one condition per key"},
		{"pk.a = :s AND sk = :n", "KeyConditionExpressions cannot have conditions on nested attributes"},
		{"pk = sk AND pk = :s AND sk = :n", "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"},
		{":s = :n", "Invalid condition in KeyConditionExpression: No key attribute specified"},
		{":n BETWEEN sk AND :n AND pk = :s", "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first operand"},
		{"sk = :n AND x = :s", "Query condition missed key schema element: pk"},
		{"pk = :s AND x = :n", "Query condition missed key schema element: sk"},
		{"pk > :s AND sk = :n", "Query key condition not supported"},
		{"pk = :n AND sk = :s", "One or more parameter values were invalid: Condition parameter type does not match schema type"},
	} {
		ph, err := NewPlaceholders(nil, mustMap(t, `{":s":{"S":"p"},":n":{"N":"1"}}`))
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParseKeyCondition(c.src, ph)
		if err == nil {
			_, _, err = k.Bind(&s)
		}
		if got := message(err); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names        map[string]string
		values, want string
	}{
		{map[string]string{}, "", "ExpressionAttributeNames must not be empty"},
		{map[string]string{"a": "b"}, "", `ExpressionAttributeNames contains invalid key: Syntax error; key: "a"`},
		{nil, `{}`, "ExpressionAttributeValues must not be empty"},
		{nil, `{"b":{"S":"a"}}`, `ExpressionAttributeValues contains invalid key: Syntax error; key: "b"`},
		{nil, `{":ok":{"S":"a"},":b":{}}`, "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :b"},
		{map[string]string{"#a": "a", "#z": "z", "#y": "y"}, "", "Value provided in ExpressionAttributeNames unused in expressions: keys: {#y, #z}"},
		{map[string]string{"#a": "a"}, `{":x":{"S":"a"}}`, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"},
	} {
		var values Map
		if c.values != "" {
			values = mustMap(t, c.values)
		}
		if got := message(compile("Condition", "attribute_exists(#a)", c.names, values)); got != c.want {
			t.Errorf("%v %s:\n got %s\nwant %s", c.names, c.values, got, c.want)
		}
	}
}

// Names and values are bounded each and together, to the byte, whatever the values are made of.
func TestVariablesAreBounded(t *testing.T) {
	t.Parallel()
	const names, values = "ExpressionAttributeNames exceeds max size", "ExpressionAttributeValues exceeds max size"
	const both = "Combined size of ExpressionAttributeNames and ExpressionAttributeValues exceeds max size"
	long := func(n int) map[string]string { // of n bytes
		m := map[string]string{}
		for i := 0; n > 0; i++ {
			k := fmt.Sprintf("#n%07d", i)
			m[k] = strings.Repeat("x", min(1000, n-len(k)))
			n -= len(k) + len(m[k])
		}
		return m
	}
	text := func(n int) string { return `{":v":{"S":"` + strings.Repeat("x", n-2) + `"}}` }
	list := func(of string, n int) string {
		return `{":v":{"L":[` + strings.TrimSuffix(strings.Repeat(of+",", n), ",") + `]}}`
	}
	const most, half = 2 << 20, 1 << 20
	for name, c := range map[string]struct {
		names        map[string]string
		values, want string
	}{
		"most of values":             {nil, text(most), ""},
		"one more":                   {nil, text(most + 1), values},
		"one more, malformed":        {nil, strings.Replace(text(most+1), `"}}`, `"},"v":{}}`, 1), values},
		"most of names":              {long(most), "", ""},
		"one more name":              {long(most + 1), "", names},
		"most of both":               {long(half), text(half), ""},
		"one more of both":           {long(half), text(half + 1), both},
		"small values, many":         {nil, list(`{"NULL":true}`, half), values},
		"empty lists, many":          {nil, list(`{"L":[]}`, half/2), values},
		"as many as there may be":    {nil, list(`{"L":[]}`, half/2-2), ""},
		"small numbers, many":        {nil, list(`{"N":"0"}`, half), values},
		"names that no value is of":  {long(most), text(10), both},
		"both too long, names first": {long(most + 1), text(most + 1), names},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m Map
			if c.values != "" {
				m = mustMap(t, c.values)
			}
			if _, err := NewPlaceholders(c.names, m); err == nil && c.want != "" || err != nil && message(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAttributeNames(t *testing.T) {
	t.Parallel()
	r := request{names: map[string]string{"#n": "name"}, values: `{":v":{"N":"1"}}`}
	var absent *Projection
	got := AttributeNames(r.condition(t, "#n.given = :v AND size(tags) > extra"), r.projection(t, "#n, address.city"),
		r.update(t, "SET cnt = if_not_exists(cnt, initial_cnt) + :v REMOVE olden"), r.keys(t, "pk = :v"), absent, nil)
	want := []string{"name", "tags", "extra", "address", "cnt", "olden", "initial_cnt", "pk"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestConditionHolds(t *testing.T) {
	t.Parallel()
	m := mustMap(t, `{"s":{"S":"héllo"},"emoji":{"S":"a😀"},"n":{"N":"5"},"b":{"B":"AAEC"},"t":{"BOOL":true},"z":{"NULL":true},
		"m":{"M":{"k":{"L":[{"N":"1"},{"S":"two"}]}}},"ss":{"SS":["a","b"]},"ns":{"NS":["1","2"]},"l":{"L":[{"N":"1"}]}}`)
	values := `{":s":{"S":"héllo"},":he":{"S":"hé"},":n5":{"N":"5.0"},":n4":{"N":"4"},":n6":{"N":"6"},":S":{"S":"S"},":a":{"S":"a"},
		":one":{"N":"1"},":ss":{"SS":["b","a"]},":ns":{"NS":["2","1.0"]},":l":{"L":[{"N":"1.0"}]},":b":{"B":"AQI="},":t":{"BOOL":true},
		":m":{"M":{"k":{"L":[{"N":"1"},{"S":"two"}]}}},":two":{"S":"two"},":n3":{"N":"3"}}`
	for src, want := range map[string]bool{
		"s = :s": true, "n = :n5": true, "n <> :n5": false, "n > :n4": true, "n < :n4": false, "n >= :n5": true, "n <= :n4": false,
		"n > :s": false, "n <> :s": true, "gone = :s": false, "gone <> :s": true, "NOT gone = :s": true, "gone < :n5": false,
		"n BETWEEN :n4 AND :n6": true, "n BETWEEN :n6 AND :n6": false, "n IN (:n4, :n5)": true, "gone IN (:n4)": false,
		"attribute_exists(m.k[1])": true, "attribute_exists(m.k[2])": false, "attribute_not_exists(s.x)": true,
		"attribute_type(s, :S)": true, "attribute_type(n, :S)": false, "begins_with(s, :he)": true, "begins_with(n, :he)": false,
		"contains(s, :he)": true, "contains(ss, :a)": true, "contains(ns, :one)": true, "contains(ns, :a)": false,
		"contains(l, :one)": true, "contains(b, :b)": true, "size(s) = :n5": true, "size(emoji) = :n3": true, "size(m.k) > :one": true, "size(n) > :one": false,
		"ss = :ss": true, "ns = :ns": true, "l = :l": true, "m = :m": true, "t = :t": true, "m.k[1] = :two": true,
		"s = :s OR n = :n4 AND n = :n6": true, "(s = :s OR n = :n4) AND n = :n6": false, "NOT (s = :s AND n = :n4)": true,
		"NOT s = :s OR n = :n5": true, "z = z2": false,
	} {
		if got := (request{values: values}).condition(t, src).Holds(m); got != want {
			t.Errorf("%s: got %v", src, got)
		}
	}
}

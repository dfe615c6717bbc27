package partiql

import (
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/item"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"empty":               {"", "Expected data manipulation"},
		"no statement":        {"SELECTT * FROMM t", "Expected data manipulation"},
		"cut short":           {"SELECT * FROM", "Unexpected end of statement"},
		"two statements":      {"SELECT * FROM t; SELECT * FROM t", "Unexpected keyword"},
		"open text":           {"SELECT * FROM t WHERE a = 'x", "Unexpected character"},
		"minus in a name":     {"SELECT * FROM my-table", "Unexpected term"},
		"alias":               {"SELECT * FROM t AS x", "Aliasing is not supported"},
		"alias of a column":   {"SELECT a AS b FROM t", "Aliasing is not supported"},
		"star and more":       {"SELECT *, a FROM t", "Other attributes should not be present"},
		"two tables":          {"SELECT * FROM t, u", "Only select from a single table"},
		"three components":    {"SELECT * FROM t.i.x", "at most 2 components"},
		"count":               {"SELECT COUNT(*) FROM t", "Unrecognized function: COUNT"},
		"group by":            {"SELECT * FROM t GROUP BY a", "Unsupported clause: GROUP"},
		"limit":               {"SELECT * FROM t WHERE a = 1 LIMIT 1", "Unsupported clause: LIMIT"},
		"same name twice":     {"SELECT a.x, b.x FROM t", "Duplicate identifiers in select clause: x"},
		"wildcard":            {"SELECT a[*].b FROM t", "Wildcard path component"},
		"unpivot":             {"SELECT a.*.b FROM t", "Unpivot path component"},
		"operand":             {"SELECT * FROM t WHERE a", "resolves to a boolean"},
		"operand under and":   {"SELECT * FROM t WHERE a = 1 AND b", "arguments to AND/OR"},
		"not an operand":      {"SELECT * FROM t WHERE NOT a", "argument to NOT"},
		"missing as value":    {"SELECT * FROM t WHERE a = MISSING", "must be compared using IS"},
		"unknown function":    {"SELECT * FROM t WHERE lower(a) = 'x'", "Unrecognized function: lower"},
		"update function":     {"SELECT * FROM t WHERE list_append(a, [1]) = [1]", "Unrecognized function"},
		"empty IN":            {"SELECT * FROM t WHERE a IN []", "IN operator must have"},
		"IN of a parameter":   {"SELECT * FROM t WHERE a IN ?", "IN operator must have"},
		"IS of no type":       {"SELECT * FROM t WHERE a IS WRONG", "Unsupported data type for IS operator: WRONG"},
		"exists in select":    {"SELECT * FROM t WHERE EXISTS(SELECT * FROM u)", "EXISTS can only be used"},
		"types of BETWEEN":    {"SELECT * FROM t WHERE a BETWEEN 1 AND 'x'", "requires same data type"},
		"begins with number":  {"SELECT * FROM t WHERE begins_with(a, 1)", "Incorrect operand type"},
		"too few parameters":  {"SELECT * FROM t WHERE a = ?", "Number of parameters"},
		"index written to":    {"DELETE FROM t.i WHERE a = 1", "not supported on an index"},
		"insert values":       {"INSERT INTO t VALUES {'a': 1}", "Inserting multiple items"},
		"insert into columns": {"INSERT INTO t (a) VALUE (1)", "Inserting multiple items"},
		"insert no tuple":     {"INSERT INTO t VALUE 1", "Unsupported format in item expression"},
		"insert returning":    {"INSERT INTO t VALUE {'a': 1} RETURNING ALL OLD *", "RETURNING is not supported in INSERT"},
		"on conflict":         {"INSERT INTO t VALUE {'a': 1} ON CONFLICT DO NOTHING", "Unsupported clause: ON CONFLICT"},
		"same key twice":      {"INSERT INTO t VALUE {'a': 1, 'a': 2}", "Duplicate keys in tuple. Key: a"},
		"empty set":           {"INSERT INTO t VALUE {'a': <<>>}", "Empty bags"},
		"mixed set":           {"INSERT INTO t VALUE {'a': <<1, 'x'>>}", "Unsupported data type in Bag"},
		"set of lists":        {"INSERT INTO t VALUE {'a': <<[1]>>}", "Unsupported data type in Bag"},
		"number too long":     {"INSERT INTO t VALUE {'a': 1" + strings.Repeat("1", 38) + "}", "significant digits"},
		"nested too deeply":   {"INSERT INTO t VALUE {'a': " + strings.Repeat("[", 33) + strings.Repeat("]", 33) + "}", "Nesting Levels"},
		"nested without end":  {"SELECT * FROM t WHERE " + strings.Repeat("(", 4000), "nested too deeply"},
		"negated without end": {"SELECT * FROM t WHERE " + strings.Repeat("NOT ", 1500) + "a = 1", "nested too deeply"},
		"update of nothing":   {"UPDATE t WHERE a = 1", "Unexpected keyword"},
		"same path twice":     {"UPDATE t SET a = 1 SET a = 2 WHERE k = 1", "overlap"},
		"set to a condition":  {"UPDATE t SET a = begins_with(b, 'x') WHERE k = 1", "Unrecognized function"},
		"sum of text":         {"UPDATE t SET a = 'x' + 1 WHERE k = 1", "Incorrect operand type"},
		"set_add elsewhere":   {"UPDATE t SET a = set_add(b, <<1>>) WHERE k = 1", "must equal the assignment value"},
		"set_add of no set":   {"UPDATE t SET a = set_add(a, 1) WHERE k = 1", "must be a value with type SET"},
		"set_delete of one":   {"UPDATE t SET a = set_delete(a) WHERE k = 1", "exactly two arguments"},
		"returning no star":   {"UPDATE t SET a = 1 WHERE k = 1 RETURNING ALL OLD", "Expected '*'"},
		"returning deleted":   {"DELETE FROM t WHERE k = 1 RETURNING MODIFIED OLD *", "Invalid returning clause: RETURNING MODIFIED OLD *."},
		"too long":            {"SELECT * FROM t WHERE a = '" + strings.Repeat("x", MaxStatement) + "'", "too long"},
		"bad text":            {"SELECT * FROM t WHERE a = '\xff'", "Unexpected character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s, err := Parse(tc.text, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %+v %v, want %q", s, err, tc.want)
			}
		})
	}
	if _, err := Parse("SELECT * FROM t WHERE a = 1", []item.Value{item.String("x")}); err == nil {
		t.Error("a parameter too many is taken")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	s, err := Parse(`select a, "b c".d[2], l[0] from "my-table"."by.x" where k = ? and not begins_with("s""k", 'it''s') order by k desc, sk;`,
		[]item.Value{item.String("v")})
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind != Select || s.Table != "my-table" || s.Index != "by.x" || len(s.Order) != 2 || !s.Order[0].Descending || s.Order[1].Descending {
		t.Errorf("got %+v", s)
	}
	if got := strings.Join(s.Attributes(), ","); got != `a,b c,l,k,s"k,sk` {
		t.Errorf("attributes %s", got)
	}
	row := item.MapOf(map[string]item.Value{"k": item.String("v"), `s"k`: item.String("it"), "a": item.Boolean(true), "l": item.List(item.Number("7"))})
	if !item.ConditionOf(s.Where).Holds(row) {
		t.Error("the condition does not hold")
	}
	if got := string(s.Columns.Apply(row).AppendJSON(nil)); got != `{"a":{"BOOL":true},"_3":{"N":"7"}}` {
		t.Errorf("columns %s", got)
	}
}

func TestLiterals(t *testing.T) {
	t.Parallel()
	s, err := Parse(`INSERT INTO t VALUE {'s': 'x', 'n': -1.5e2, 'b': true, 'z': null, "q": ?, 'l': [1, [ 'a' ], ?], 'm': {'k': FALSE}, 'ss': <<'b', 'a'>>, 'ns': <<.5,2>>}`,
		[]item.Value{item.Binary([]byte("hi")), item.String("p")})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"s":{"S":"x"},"n":{"N":"-150"},"b":{"BOOL":true},"z":{"NULL":true},"q":{"B":"aGk="},` +
		`"l":{"L":[{"N":"1"},{"L":[{"S":"a"}]},{"S":"p"}]},"m":{"M":{"k":{"BOOL":false}}},"ss":{"SS":["a","b"]},"ns":{"NS":["0.5","2"]}}`
	got := s.Item
	for _, name := range []string{"s", "n", "b", "z", "q", "l", "m", "ss", "ns"} {
		text := `"` + name + `":` + string(got.Get(name).AppendJSON(nil))
		if !strings.Contains(want, text) {
			t.Errorf("%s is not in %s", text, want)
		}
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	s, err := Parse(`UPDATE t SET a = a + 1, l = list_append(l, [3]) SET m.x = 'y' SET s = set_add(s, <<'b'>>) REMOVE r, q SET d = set_delete(d, <<1>>)
		WHERE k = 1 RETURNING MODIFIED NEW *`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Returning != "UPDATED_NEW" {
		t.Errorf("returning %s", s.Returning)
	}
	one, _ := item.SetOf([]item.Value{item.Number("1"), item.Number("2")})
	row, err := s.Update.Apply(item.MapOf(map[string]item.Value{
		"a": item.Number("2"), "l": item.List(item.Number("1")), "m": item.MapOf(nil).Nest(), "s": item.StringSet("a"),
		"r": item.Boolean(true), "d": one,
	}))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a": `{"N":"3"}`, "l": `{"L":[{"N":"1"},{"N":"3"}]}`, "m": `{"M":{"x":{"S":"y"}}}`, "s": `{"SS":["a","b"]}`, "r": `{}`, "d": `{"NS":["2"]}`,
	} {
		if got := string(row.Get(name).AppendJSON(nil)); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	keys := &item.KeySchema{Hash: item.KeyPart{Name: "pk", Kind: item.S}, Sort: item.KeyPart{Name: "sk", Kind: item.S}}
	for where, want := range map[string]struct {
		partitions int // -1: not bounded
		sort, rest bool
		full       bool
	}{
		"pk = 'a'":                                 {1, false, false, false},
		"'a' = pk":                                 {1, false, false, false},
		"pk = 'a' AND sk = 'b'":                    {1, true, false, true},
		"sk = 'b' AND (pk = 'a' AND x = 1)":        {1, true, true, true},
		"pk IN ['a', 'b', 'a']":                    {2, false, false, false},
		"pk IN ('a', 'b') AND sk > 'x'":            {2, true, false, false},
		"pk = 'a' AND begins_with(sk, 'x')":        {1, true, false, false},
		"pk = 'a' AND sk BETWEEN 'x' AND 'y'":      {1, true, false, false},
		"pk = 'a' AND sk <> 'x'":                   {1, false, true, false},
		"pk = 'a' AND sk > 'x' AND sk < 'y'":       {1, true, true, false},
		"pk = 'a' OR pk = 'b'":                     {2, false, true, false},
		"(pk = 'a' AND x = 1) OR pk IN ['b', 'c']": {3, false, true, false},
		"pk = 'a' OR x = 1":                        {-1, false, true, false},
		"NOT pk = 'a'":                             {-1, false, true, false},
		"pk > 'a'":                                 {-1, false, true, false},
		"pk = x":                                   {-1, false, true, false},
		"pk.a = 'a'":                               {-1, false, true, false},
		"begins_with(pk, 'a')":                     {-1, false, true, false},
		"pk = 'a' AND pk = 'b' AND sk = 'c'":       {1, true, true, true},
		"pk IN ['a'] AND sk = 'c'":                 {1, true, false, false},
		"(pk = 'a' OR pk = 'b') AND pk = 'c'":      {1, false, true, false},
		"pk = 'a' AND (sk = 'b' OR sk = 'c')":      {1, false, true, false},
	} {
		s, err := Parse("SELECT * FROM t WHERE "+where, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Where.Split(keys)
		n := len(got.Partitions)
		if !got.Bounded {
			n = -1
		}
		_, _, full := s.Where.FullKey(keys)
		if n != want.partitions || got.Sort.IsZero() == want.sort || got.Rest.IsZero() == want.rest || full != want.full {
			t.Errorf("%s: %d partitions, sort %v, rest %v, full %v", where, n, !got.Sort.IsZero(), !got.Rest.IsZero(), full)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`SELECT * FROM "t"."i" WHERE a = ? AND b IN [1, 'x'] ORDER BY a DESC`, `INSERT INTO t VALUE {'a': <<1, 2>>, 'm': {'b': [null, -1e5]}}`,
		`UPDATE t SET a.b[1] = a + 1 REMOVE c WHERE k = 'x' RETURNING ALL NEW *`, `DELETE FROM t WHERE k = 1 AND x IS NOT MISSING`,
		`EXISTS(SELECT * FROM t WHERE k BETWEEN 1 AND 2 OR NOT size(a) >= 3)`, "SELECT a['b'] FROM t WHERE 'x' <> a",
	} {
		f.Add(s)
	}
	keys := &item.KeySchema{Hash: item.KeyPart{Name: "a", Kind: item.S}, Sort: item.KeyPart{Name: "b", Kind: item.N}}
	row := item.MapOf(map[string]item.Value{"a": item.String("x"), "b": item.Number("1"), "m": item.MapOf(nil).Nest()})
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, []item.Value{item.String("p")})
		if err != nil {
			return
		}
		s.Attributes()
		s.Columns.Apply(row)
		split := s.Where.Split(keys)
		if split.Bounded && len(split.Partitions) == 0 {
			t.Fatal("bounded by nothing")
		}
		// Whatever is asked, the divided condition asks the same.
		whole := item.ConditionOf(s.Where).Holds(row)
		parts := item.ConditionOf(split.Rest).Holds(row) && item.ConditionOf(split.Sort).Holds(row)
		if split.Bounded {
			in := false
			for _, v := range split.Partitions {
				in = in || v.Equal(row.Get("a"))
			}
			parts = parts && in
		}
		if whole != parts {
			t.Fatalf("%q: %v, divided %v", text, whole, parts)
		}
		if s.Update != nil {
			if m, err := s.Update.Apply(row); err == nil && m.IsZero() {
				t.Fatal("an update makes nothing of a row")
			}
		}
	})
}

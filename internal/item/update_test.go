package item

import (
	"strings"
	"testing"
)

func TestUpdateApply(t *testing.T) {
	t.Parallel()
	const start = `{"a":{"N":"1"},"l":{"L":[{"S":"0"},{"S":"1"},{"S":"2"}]},"m":{"M":{"x":{"N":"1"},"y":{"M":{}}}},"ss":{"SS":["a","b"]},"s":{"S":"text"}}`
	const invalidPath = "The document path provided in the update expression is invalid for update"
	const wrongType = "An operand in the update expression has an incorrect data type"
	for _, c := range []struct{ src, values, want string }{
		{"SET a = a + :v", `{":v":{"N":"41"}}`, `{"a":{"N":"42"},`},
		{"SET a = :v - a, b = a", `{":v":{"N":"0.5"}}`, `"b":{"N":"1"}`},
		{"SET a = :v - a, b = a", `{":v":{"N":"0.5"}}`, `{"a":{"N":"-0.5"},`},
		{"SET b = if_not_exists(b, :v) + :v", `{":v":{"N":"2"}}`, `"b":{"N":"4"}`},
		{"SET a = if_not_exists(a, :v)", `{":v":{"N":"2"}}`, `{"a":{"N":"1"},`},
		{"SET l = list_append(l, :v)", `{":v":{"L":[{"S":"3"}]}}`, `{"S":"2"},{"S":"3"}]`},
		{"SET l = list_append(:v, l)", `{":v":{"L":[{"S":"3"}]}}`, `"l":{"L":[{"S":"3"},{"S":"0"}`},
		{"SET l[1] = :v", `{":v":{"S":"x"}}`, `[{"S":"0"},{"S":"x"},{"S":"2"}]`},
		{"SET l[9] = :v, l[7] = a", `{":v":{"S":"x"}}`, `{"S":"2"},{"N":"1"},{"S":"x"}]`},
		{"REMOVE l[0], l[2], l[9]", ``, `"l":{"L":[{"S":"1"}]}`},
		{"SET l[0] = :v REMOVE l[1]", `{":v":{"S":"x"}}`, `"l":{"L":[{"S":"x"},{"S":"2"}]}`},
		{"SET m.y.z = :v REMOVE m.x", `{":v":{"S":"x"}}`, `"m":{"M":{"y":{"M":{"z":{"S":"x"}}}}}`},
		{"REMOVE a, l, m, ss, gone", ``, `{"s":{"S":"text"}}`},
		{"REMOVE m.gone", ``, `"m":{"M":{"x":`},
		{"ADD a :v, b :v", `{":v":{"N":"2"}}`, `{"a":{"N":"3"},`},
		{"ADD ss :v", `{":v":{"SS":["b","c"]}}`, `"ss":{"SS":["a","b","c"]}`},
		{"ADD fresh :v", `{":v":{"SS":["b","c"]}}`, `"fresh":{"SS":["b","c"]}`},
		{"DELETE ss :v", `{":v":{"SS":["b","z"]}}`, `"ss":{"SS":["a"]}`},
		{"DELETE ss :v", `{":v":{"SS":["b","a"]}}`, `"m":{"M":{"x":{"N":"1"},"y":{"M":{}}}},"s":`},
		{"DELETE gone :v", `{":v":{"SS":["b","a"]}}`, start},
		{"SET gone.x = :v", `{":v":{"S":"x"}}`, "!" + invalidPath},
		{"SET a.x = :v", `{":v":{"S":"x"}}`, "!" + invalidPath},
		{"SET m[0] = :v", `{":v":{"S":"x"}}`, "!" + invalidPath},
		{"SET l.x = :v", `{":v":{"S":"x"}}`, "!" + invalidPath},
		{"REMOVE gone.x", ``, "!" + invalidPath},
		{"SET b = gone", ``, "!The provided expression refers to an attribute that does not exist in the item"},
		{"SET b = s + :v", `{":v":{"N":"2"}}`, "!" + wrongType},
		{"SET b = list_append(s, :v)", `{":v":{"L":[]}}`, "!" + wrongType},
		{"ADD s :v", `{":v":{"N":"2"}}`, "!" + wrongType},
		{"DELETE s :v", `{":v":{"SS":["b"]}}`, "!" + wrongType},
		{"SET a = a + :v", `{":v":{"N":"1e-100"}}`, "!Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{"SET m.y.deep = :v", `{":v":` + strings.Repeat(`{"L":[`, 30) + `{"S":"x"}` + strings.Repeat(`]}`, 30) + `}`, "!" + deep},
		{"SET m.y.deep = :v", `{":v":` + strings.Repeat(`{"L":[`, 29) + `{"S":"x"}` + strings.Repeat(`]}`, 29) + `}`, `"deep":{"L":`},
		{"SET l[9] = :v", `{":v":` + strings.Repeat(`{"L":[`, 31) + `{"S":"x"}` + strings.Repeat(`]}`, 31) + `}`, "!" + deep},
		{"SET flat = :v", `{":v":` + strings.Repeat(`{"L":[`, 31) + `{"S":"x"}` + strings.Repeat(`]}`, 31) + `}`, `"flat":{"L":`},
	} {
		u := request{values: c.values}.update(t, c.src)
		m := mustMap(t, start)
		got, err := u.Apply(m)
		if string(m.AppendJSON(nil)) != start {
			t.Fatalf("%s: the old item changed to %s", c.src, m.AppendJSON(nil))
		}
		if want, fails := strings.CutPrefix(c.want, "!"); fails {
			if message(err) != want {
				t.Errorf("%s: got %v, want %s", c.src, err, want)
			}
			continue
		}
		if err != nil || !strings.Contains(string(got.AppendJSON(nil)), c.want) {
			t.Errorf("%s: got %s, %v, want %s", c.src, got.AppendJSON(nil), err, c.want)
		}
		if _, err := Load(got.Stored()); err != nil {
			t.Errorf("%s: %v", c.src, err)
		}
	}
}

// A short expression must not make the server build an item of many times the limit.
func TestUpdateGrowthIsBounded(t *testing.T) {
	t.Parallel()
	m := MapOf(map[string]Value{"a": String(strings.Repeat("x", 300<<10)), "l": List(String(strings.Repeat("x", 300<<10)))})
	for _, src := range []string{"SET b1 = a, b2 = a, b3 = a, b4 = a", "SET b1 = list_append(l, l), b2 = list_append(l, l)"} {
		if _, err := (request{}).update(t, src).Apply(m); message(err) != "Item size to update has exceeded the maximum allowed size" {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestProjection(t *testing.T) {
	t.Parallel()
	m := mustMap(t, `{"a":{"S":"x"},"l":{"L":[{"S":"0"},{"M":{"k":{"S":"v"}}},{"S":"2"}]},"m":{"M":{"x":{"N":"1"},"y":{"N":"2"}}}}`)
	for src, want := range map[string]string{
		"a":              `{"a":{"S":"x"}}`,
		"m.y, a":         `{"a":{"S":"x"},"m":{"M":{"y":{"N":"2"}}}}`,
		"l[2], l[1].k":   `{"l":{"L":[{"M":{"k":{"S":"v"}}},{"S":"2"}]}}`,
		"l[1].gone":      `{}`,
		"m.x.y, gone, a": `{"a":{"S":"x"}}`,
	} {
		if got := string((request{}).projection(t, src).Apply(m).AppendJSON(nil)); got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		`{"a":{"S":"é"}}`:                               3,
		`{"a":{"N":"123"}}`:                             1 + 2 + 1,
		`{"a":{"N":"-123"}}`:                            1 + 2 + 2,
		`{"a":{"N":"0"}}`:                               2,
		`{"a":{"N":"1e100"}}`:                           3,
		`{"a":{"N":"0.0000001"}}`:                       1 + 2,
		`{"a":{"N":"1.5"}}`:                             1 + 1 + 1 + 1, // digits before and after the point do not share a byte
		`{"a":{"N":"123.4567"}}`:                        1 + 2 + 2 + 1,
		`{"a":{"N":"1200"}}`:                            1 + 1 + 1,
		`{"a":{"N":"1000.5"}}`:                          1 + 2 + 1 + 1,
		`{"a":{"N":"-0.05"}}`:                           1 + 1 + 2,
		`{"a":{"B":"AAEC"}}`:                            4,
		`{"a":{"BOOL":true},"b":{"NULL":true}}`:         4,
		`{"a":{"L":[{"S":"xy"},{"N":"1"}]}}`:            1 + 3 + 1 + 2 + 1 + 2,
		`{"a":{"M":{"kk":{"S":"xy"}}}}`:                 1 + 3 + 1 + 2 + 2,
		`{"a":{"SS":["x","yy"]},"b":{"NS":["1","22"]}}`: 1 + 3 + 1 + 2 + 2,
	} {
		if got := mustMap(t, text).Size(); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}

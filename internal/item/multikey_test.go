package item

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// matches is a table with an index of two hash and three sort attributes, one of each type, and one with a single hash attribute.
func matches() *Table {
	h := []KeyPart{{"h1", S}, {"h2", N}}
	r := []KeyPart{{"r1", B}, {"r2", N}, {"r3", S}}
	return &Table{
		Name: "matches", Keys: KeySchema{Hash: KeyPart{"id", S}},
		Indexes: []Index{
			{ID: "m", Name: "many", Keys: KeySchema{Hash: h[0], MoreHash: h[1:], Sort: r[0], MoreSort: r[1:]}, Projection: All},
			{ID: "s", Name: "some", Keys: KeySchema{Hash: h[0], Sort: r[0], MoreSort: r[1:]}, Projection: KeysOnly},
			{ID: "t", Name: "hashes", Keys: KeySchema{Hash: h[0], MoreHash: h[1:]}, Projection: All},
		},
	}
}

// Values that are each other's beginnings, hold zeros, and end where groups of eight do, are told apart and kept in order.
var awkward = [][]byte{{0}, {0, 0}, {1}, []byte("a"), []byte("a\x00"), []byte("aaaaaaaa"), []byte("aaaaaaaab"), []byte("a\xff"), {0xff}, {0xff, 0xff}}

func fillMatches(t *testing.T, tab *Table, rows *memRows) (items []Map) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 3))
	for i := range 150 {
		attrs := map[string]Value{"id": String(fmt.Sprint(i))}
		for name, v := range map[string]Value{
			"h1": String([]string{"x", "xy"}[r.IntN(2)]), "h2": NumberFromInt(int64(r.IntN(2))), "r1": Binary(awkward[r.IntN(len(awkward))]),
			"r2": NumberFromInt(int64(r.IntN(5) - 2)), "r3": String(strings.Repeat("ab", 1+r.IntN(6))),
		} {
			if r.IntN(20) > 0 {
				attrs[name] = v
			}
		}
		items = append(items, MapOf(attrs))
		if _, err := tab.Write(rows, &Write{Kind: PutRow, Item: items[i]}); err != nil {
			t.Fatal(err)
		}
	}
	return items
}

// What a condition on several attributes selects is what a filter over all items does, in the order of the attributes in turn.
func TestMultiAttributeKeysAgainstModel(t *testing.T) {
	t.Parallel()
	tab, rows := matches(), &memRows{}
	items := fillMatches(t, tab, rows)
	conditions := []string{""}
	for _, op := range []string{"= :b", "< :b", "<= :b", "> :b", ">= :b", "BETWEEN :b AND :c"} {
		conditions = append(conditions, " AND r1 "+op, " AND r1 = :b AND r2 "+strings.NewReplacer(":b", ":m", ":c", ":n").Replace(op),
			" AND r3 "+strings.NewReplacer(":b", ":s", ":c", ":t").Replace(op)+" AND r2 = :n AND r1 = :b")
	}
	conditions = append(conditions, " AND begins_with(r1, :b)", " AND r1 = :b AND r2 = :n AND begins_with(r3, :s)")
	for i, b := range awkward {
		c := awkward[min(i+2, len(awkward)-1)]
		req := request{values: string(MapOf(map[string]Value{
			":h": String("x"), ":one": Number("1"), ":b": Binary(b), ":c": Binary(c), ":m": Number("-1"), ":n": Number("1"),
			":s": String("abab"), ":t": String("ababababab"),
		}).AppendJSON(nil))}
		for _, condition := range conditions {
			hash := map[string]string{"many": "h1 = :h AND h2 = :one", "some": "h1 = :h"}
			for _, index := range []string{"many", "some"} {
				query(t, tab, rows, items, index, used(req, hash[index]+condition), hash[index]+condition)
			}
		}
	}
	query(t, tab, rows, items, "hashes", request{values: `{":h":{"S":"x"},":n":{"N":"1"}}`}, "h1 = :h AND h2 = :n")
	for _, index := range []string{"many", "some", "hashes"} {
		got := pages(t, tab, rows, Query{Index: index, Limit: 7})
		slices.Sort(got)
		if want := matching(tab, index, items, nil); !slices.Equal(got, want) {
			t.Errorf("a scan of %s: %d items, want %d", index, len(got), len(want))
		}
	}
}

// used leaves the values out that the condition does not use.
func used(r request, condition string) request {
	all := mustMap(&testing.T{}, r.values)
	kept := map[string]Value{}
	for _, name := range []string{":h", ":one", ":b", ":c", ":m", ":n", ":s", ":t"} {
		if strings.Contains(condition+" ", name+" ") || strings.Contains(condition, name+")") {
			kept[name] = all.Get(name)
		}
	}
	r.values = string(MapOf(kept).AppendJSON(nil))
	return r
}

func query(t *testing.T, tab *Table, rows RowReader, items []Map, index string, req request, condition string) {
	t.Helper()
	want := matching(tab, index, items, req.condition(t, condition))
	for _, q := range []Query{{}, {Limit: 1}, {Limit: 3, Reverse: true}} {
		q.Index, q.Keys = index, req.keys(t, condition)
		got := pages(t, tab, rows, q)
		checkOrders(t, got, tab.IndexNamed(index).Keys.SortParts(), q.Reverse)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%s, %s, limit %d: %d items, want %d", index, condition, q.Limit, len(got), len(want))
		}
	}
}

func checkOrders(t *testing.T, items []string, by []KeyPart, reverse bool) {
	t.Helper()
	for i := 1; i < len(items); i++ {
		a, b := mustMap(t, items[i-1]), mustMap(t, items[i])
		if reverse {
			a, b = b, a
		}
		for _, part := range by {
			order, _ := compare(a.Get(part.Name), b.Get(part.Name))
			if order > 0 {
				t.Fatalf("%s comes before %s", a.AppendJSON(nil), b.AppendJSON(nil))
			}
			if order < 0 {
				break
			}
		}
	}
}

func TestMultiAttributeConditions(t *testing.T) {
	t.Parallel()
	tab := matches()
	const hash, sort = "Query key condition not supported: each HASH key attribute of the index needs an equality condition: ",
		"Query key condition not supported: each RANGE key attribute before the last of the condition needs an equality condition: "
	req := request{values: `{":h":{"S":"x"},":n":{"N":"1"},":b":{"B":"YQ=="}}`}
	for condition, want := range map[string]string{
		"h1 = :h":                                                 hash + "h2",
		"h2 = :n AND r1 = :b":                                     hash + "h1",
		"h1 = :h AND h2 > :n":                                     hash + "h2",
		"begins_with(h1, :h) AND h2 = :n":                         hash + "h1",
		"h1 = :h AND h2 = :h":                                     wrong + "Condition parameter type does not match schema type",
		"h1 = :h AND h2 = :n AND r1 = :h":                         wrong + "Condition parameter type does not match schema type",
		"h1 = :h AND h2 = :n AND r2 = :n":                         sort + "r1",
		"h1 = :h AND h2 = :n AND r1 > :b AND r2 = :n":             sort + "r1",
		"h1 = :h AND h2 = :n AND r1 = :b AND r2 > :n AND r3 > :h": sort + "r2",
		"h1 = :h AND h2 = :n AND r1 = :b AND r3 = :h":             sort + "r2",
		"h1 = :h AND h2 = :n AND another = :n":                    sort + "r1",
		"h1 = :h AND h2 = :n AND r1 = :b AND r2 = :n AND r3 = :h AND another = :n": "Query key condition not supported",
		"h1 = :h AND h2 = :n AND r1 = :b AND r2 = :n AND begins_with(r3, :h)":      "",
	} {
		c, err := ParseKeyCondition(condition, request{values: req.values}.placeholders(t))
		if err == nil {
			_, _, err = c.Bind(&tab.Indexes[0].Keys)
		}
		if message(err) != want {
			t.Errorf("%s: %v", condition, err)
		}
	}
	c := req.keys(t, "h1 = :h AND h2 = :n AND r1 = :b")
	if _, _, err := c.Bind(&tab.Keys); message(err) != "Conditions can be of length 1 or 2 only" {
		t.Errorf("three conditions for a single key: %v", err)
	}
}

// The values of one key are together no longer than a key may be, by whichever write they come.
func TestMultiAttributeSizes(t *testing.T) {
	t.Parallel()
	tab, rows := matches(), &memRows{}
	long := func(n int) string { return strings.Repeat("x", n) }
	put(t, tab, rows, `{"id":{"S":"1"},"h1":{"S":"`+long(2040)+`"},"h2":{"N":"1"},"r1":{"B":"YQ=="},"r2":{"N":"1"},"r3":{"S":"`+long(1015)+`"}}`)
	const tooLong = "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
	_, err := tab.Write(rows, &Write{Kind: PutRow, Item: mustMap(t, `{"id":{"S":"2"},"h1":{"S":"x"},"h2":{"N":"1"},"r1":{"B":"YWFh"},"r2":{"N":"1"},"r3":{"S":"`+long(1022)+`"}}`)})
	if message(err) != wrong+tooLong {
		t.Errorf("put: %v", err)
	}
	req := request{values: `{":v":{"B":"` + strings.Repeat("YWFh", 4) + `"}}`}
	_, err = tab.Write(rows, &Write{Kind: UpdateRow, Key: mustMap(t, `{"id":{"S":"1"}}`), Update: req.update(t, "SET r1 = :v")})
	if message(err) != wrong+tooLong {
		t.Errorf("update: %v", err)
	}
	_, err = tab.Write(rows, &Write{Kind: UpdateRow, Key: mustMap(t, `{"id":{"S":"1"}}`),
		Update: request{values: `{":v":{"N":"12345678901234567890123456789012345678"}}`}.update(t, "SET h2 = :v")})
	if message(err) != wrong+"Size of hashkey has exceeded the maximum size limit of2048 bytes" {
		t.Errorf("update of the partition key: %v", err)
	}
}

func TestLeadingBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []Value
		want   string
	}{
		{[]Value{String("acme")}, "Sacme"}, {[]Value{Number("1.0")}, "N1"},
		{[]Value{String("acme"), String("globex")}, "Sacme"}, {[]Value{Binary([]byte("M")), String("x"), String("")}, "BM"},
		{[]Value{String(strings.Repeat("a", 300)), Number("2")}, "S" + strings.Repeat("a", 300)},
	} {
		if got := LeadingBytes(joinHash(c.values)); string(got) != c.want {
			t.Errorf("%v: %q", c.values, got)
		}
	}
	for _, bad := range []string{"M", "M\x05abc", "M\xff"} {
		if got := LeadingBytes([]byte(bad)); got != nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
	if a, b := joinHash([]Value{String("a"), String("bc")}), joinHash([]Value{String("ab"), String("c")}); string(a) == string(b) {
		t.Error("two keys have the same bytes")
	}
}

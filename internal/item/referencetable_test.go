package item

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// refTable is a table of the reference: its items by key.
type refTable struct {
	*refExpr
	tab   *Table
	rows  *memRows
	items map[string]map[string]any
}

func refKey(m map[string]any) string { return fmt.Sprintf("%s %s", m["pk"], m["sk"]) }

// refIndex says what an index of orders holds.
type refIndex struct {
	id, name, hash, sort string
	attrs                []string // nil is all
}

var refIndexes = []refIndex{
	{"l", "byDate", "pk", "date", []string{"pk", "sk", "date"}},
	{"g", "byStatus", "status", "", nil},
	{"i", "byOwner", "owner", "date", []string{"pk", "sk", "owner", "date", "amount"}},
}

// entry is what the index holds of an item; nil if nothing.
func (x *refIndex) entry(m map[string]any) map[string]any {
	if m == nil || m[x.hash] == nil || x.sort != "" && m[x.sort] == nil {
		return nil
	}
	if x.attrs == nil {
		return m
	}
	out := map[string]any{}
	for _, a := range x.attrs {
		if m[a] != nil {
			out[a] = m[a]
		}
	}
	return out
}

func (r *refTable) key() map[string]any {
	return map[string]any{"pk": refText([]string{"p0", "p1"}[r.r.IntN(2)]), "sk": refNumber(big.NewRat(int64(r.r.IntN(21)-10), 4))}
}

// full is an item with a key, and often with those of indexes.
func (r *refTable) full() map[string]any {
	m := r.item()
	for k, v := range r.key() {
		m[k] = v
	}
	for _, k := range []string{"status", "owner", "date", "amount"} {
		if r.r.IntN(3) > 0 {
			m[k] = r.indexed()
		}
	}
	if r.r.IntN(6) == 0 {
		m["large"] = refText(strings.Repeat("x", r.r.IntN(4000)))
	}
	return m
}

// indexed is a value of an attribute that an index may have as its key; now and then one that it may not.
func (r *refTable) indexed() any {
	if r.r.IntN(25) == 0 {
		return r.value(0)
	}
	return refText([]string{"v0", "v1", "v10"}[r.r.IntN(3)])
}

// fits reports whether the keys of indexes are of their type.
func refFits(m map[string]any) bool {
	for _, k := range []string{"status", "owner", "date"} {
		if v, ok := m[k].(refText); m[k] != nil && (!ok || v == "") {
			return false
		}
	}
	return true
}

// write makes a random write to both, which have to agree.
func (r *refTable) write() {
	t := r.t
	t.Helper()
	m := r.full()
	old := r.items[refKey(m)]
	seen := old
	if seen == nil {
		seen = map[string]any{}
	}
	w := &Write{Kind: PutRow, ReturnOnFailure: true}
	want, ok := m, refFits(m)
	what := "put"
	holds := true
	var condition, update string
	if r.r.IntN(3) == 0 {
		condition, holds = r.test(seen)
	}
	kind := r.r.IntN(5)
	if kind == 2 || kind == 3 {
		update, want, ok = r.updateOf(seen, m)
		what = "update"
	}
	ph := r.placeholders(refNames(update, "status", "owner", "date", "amount"))
	if condition != "" {
		var err error
		if w.Condition, err = ParseCondition("ConditionExpression", condition, ph); err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
	}
	key := map[string]any{"pk": m["pk"], "sk": m["sk"]}
	switch kind {
	case 2, 3:
		var err error
		w.Kind, w.Key = UpdateRow, refMap(t, r.r, key)
		if w.Update, err = ParseUpdate(update, ph); err != nil {
			return // TestUpdatesAgainstReference says when
		}
	case 4:
		w.Kind, w.Key, want, ok, what = DeleteRow, refMap(t, r.r, key), nil, true, "delete"
	default:
		w.Item = refMap(t, r.r, m)
	}
	done, err := r.tab.Write(r.rows, w)
	var failed *ConditionFailedError
	what = fmt.Sprintf("%s %v (%s, if %s) of %v", what, m, update, condition, old)
	switch {
	case errors.As(err, &failed):
		if holds || !refEqual(refOf(t, failed.Item), old) {
			t.Fatalf("%s: the condition fails, and there is %v", what, failed.Item)
		}
	case err != nil:
		if ok {
			t.Fatalf("%s: %v", what, err)
		}
	case !holds || !ok:
		t.Fatalf("%s is made", what)
	default:
		if !refEqual(refOf(t, done.Old), old) || w.Kind != DeleteRow && !refEqual(refOf(t, done.New), want) {
			t.Fatalf("%s: from %v to %v, want %v", what, refOf(t, done.Old), refOf(t, done.New), want)
		}
		r.checkCost(what, done.Cost, old, want)
		delete(r.items, refKey(m))
		if want != nil {
			r.items[refKey(m)] = want
		}
	}
}

// updateOf is an update of a row, that may not be there, beside a change of what the indexes have as keys.
func (r *refTable) updateOf(old, key map[string]any) (text string, want map[string]any, ok bool) {
	attr := []string{"status", "owner", "date", "amount"}[r.r.IntN(4)]
	switch r.r.IntN(3) {
	case 0:
		text, want, ok = r.update(old)
	case 1:
		v := r.indexed()
		text = fmt.Sprintf("SET %s = %s", refSafe(attr), r.hold(v))
		want, ok = refApply(old, []refChange{{refPath{attr}, v}})
	default:
		text = "REMOVE " + refSafe(attr)
		want, ok = refApply(old, []refChange{{refPath{attr}, nil}})
	}
	if len(old) == 0 && !strings.Contains(text, "SET ") && !strings.Contains(text, "ADD ") {
		return text, nil, true // what only takes away makes no item, wherever its paths lead
	}
	if !ok {
		return text, nil, false
	}
	want["pk"], want["sk"] = key["pk"], key["sk"]
	return text, want, refFits(want)
}

// refSafe is an attribute's name in an expression: three of them are reserved words.
func refSafe(attr string) string { return "#" + attr }

// refNames are the names of those attributes that are in an expression.
func refNames(text string, attrs ...string) map[string]string {
	var names map[string]string
	for _, a := range attrs {
		if a == "" || !strings.Contains(text, refSafe(a)) {
			continue
		}
		if names == nil {
			names = map[string]string{}
		}
		names[refSafe(a)] = a
	}
	return names
}

func refUnits(m map[string]any) float64 { return float64(max(1, (refItemSize(m)+1023)/1024)) }

// checkCost: a write costs by the larger of both items, and each index by its entries, where they change ("Read and write operations").
func (r *refTable) checkCost(what string, got Cost, old, m map[string]any) {
	r.t.Helper()
	if want := max(refUnits(old), refUnits(m)); got.Table != want {
		r.t.Fatalf("%s costs %v, want %v", what, got.Table, want)
	}
	for _, x := range refIndexes {
		from, to := x.entry(old), x.entry(m)
		want := 0.0
		moved := from != nil && to != nil && (!refEqual(from[x.hash], to[x.hash]) || x.sort != "" && !refEqual(from[x.sort], to[x.sort]))
		switch {
		case from == nil && to == nil || from != nil && to != nil && refEqual(from, to):
		case moved:
			want = refUnits(from) + refUnits(to)
		default:
			want = max(refUnits(from), refUnits(to))
		}
		if got.Indexes[x.name] != want {
			r.t.Fatalf("%s costs %v in %s, want %v", what, got.Indexes[x.name], x.name, want)
		}
	}
}

// check compares everything that is stored.
func (r *refTable) check() {
	r.t.Helper()
	read := func(id string) (all []map[string]any) {
		for _, row := range r.rows.list(id) {
			m, err := Load(row.value)
			if err != nil {
				r.t.Fatal(err)
			}
			all = append(all, refOf(r.t, m))
		}
		return all
	}
	compare := func(what string, got []map[string]any, want map[string]map[string]any) {
		if len(got) != len(want) {
			r.t.Fatalf("%s holds %d, want %d", what, len(got), len(want))
		}
		for _, m := range got {
			if !refEqual(m, want[refKey(m)]) {
				r.t.Fatalf("%s holds %v, want %v", what, m, want[refKey(m)])
			}
		}
	}
	compare("the table", read(""), r.items)
	for _, x := range refIndexes {
		want := map[string]map[string]any{}
		for k, m := range r.items {
			if e := x.entry(m); e != nil {
				want[k] = e
			}
		}
		compare(x.name, read(x.id), want)
	}
}

// query reads a partition of the table or of an index under a random condition on its sort key, page by page.
func (r *refTable) query() {
	t := r.t
	t.Helper()
	x := &refIndex{hash: "pk", sort: "sk"}
	if n := r.r.IntN(4); n < 3 {
		x = &refIndexes[n]
	}
	var hash any = refText([]string{"v0", "v1", "p0", "p1"}[r.r.IntN(4)])
	if x.hash == "pk" {
		hash = r.key()["pk"]
	}
	text := refSafe(x.hash) + " = " + r.hold(hash)
	holds := func(any) bool { return true }
	if x.sort != "" && r.r.IntN(4) > 0 {
		var more string
		more, holds = r.sortCondition(x.sort)
		text += " AND " + more
	}
	var want []map[string]any
	for _, m := range r.items {
		if e := x.entry(m); e != nil && refEqual(e[x.hash], hash) && (x.sort == "" || holds(e[x.sort])) {
			want = append(want, e)
		}
	}
	ph := r.placeholders(refNames(text, x.hash, x.sort))
	q := &Query{Index: x.name, Limit: 1 + r.r.IntN(5), Reverse: r.r.IntN(2) == 0}
	var err error
	if q.Keys, err = ParseKeyCondition(text, ph); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var got []map[string]any
	for {
		page, err := r.tab.Query(r.rows, q)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, m := range page.Items {
			got = append(got, refOf(t, m))
		}
		if page.Last.IsZero() {
			break
		}
		q.Start = page.Last
	}
	if len(got) != len(want) {
		t.Fatalf("%s of %s: %d items, want %d", text, x.name, len(got), len(want))
	}
	for i, m := range got {
		if !slices.ContainsFunc(want, func(w map[string]any) bool { return refEqual(m, w) }) {
			t.Fatalf("%s of %s: %v is none of %v", text, x.name, m, want)
		}
		if i == 0 || x.sort == "" {
			continue
		}
		if order, _ := refOrder(got[i-1][x.sort], m[x.sort]); order > 0 && !q.Reverse || order < 0 && q.Reverse {
			t.Fatalf("%s of %s, backwards %v: %v comes before %v", text, x.name, q.Reverse, got[i-1], m)
		}
	}
}

// sortCondition is a condition on a sort key.
func (r *refTable) sortCondition(attr string) (text string, holds func(v any) bool) {
	pick := func() any {
		if attr == "sk" {
			return r.key()["sk"]
		}
		return refText([]string{"v0", "v1", "v", "v1\x00", "w"}[r.r.IntN(5)])
	}
	a, b := pick(), pick()
	if order, _ := refOrder(a, b); order > 0 {
		a, b = b, a
	}
	name := refSafe(attr)
	switch n := r.r.IntN(7); {
	case n == 0:
		return name + " = " + r.hold(a), func(v any) bool { return refEqual(v, a) }
	case n == 1:
		return fmt.Sprintf("%s BETWEEN %s AND %s", name, r.hold(a), r.hold(b)), func(v any) bool {
			low, _ := refOrder(v, a)
			high, _ := refOrder(v, b)
			return low >= 0 && high <= 0
		}
	case n == 2 && attr != "sk":
		return fmt.Sprintf("begins_with(%s, %s)", name, r.hold(a)), func(v any) bool {
			return strings.HasPrefix(string(v.(refText)), string(a.(refText)))
		}
	}
	op := []string{"<", "<=", ">", ">="}[r.r.IntN(4)]
	return fmt.Sprintf("%s %s %s", name, op, r.hold(a)), func(v any) bool {
		order, _ := refOrder(v, a)
		return refComparisons[op](order)
	}
}

// After any writes the table holds what the reference does, each index what it projects of that, at the costs that the Developer
// Guide says; and queries find of it what they should, in order.
func TestTableAgainstReference(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		r := &refTable{refExpr: newRefExpr(t, 100+seed), tab: orders(), rows: &memRows{}, items: map[string]map[string]any{}}
		for i := range 800 {
			r.write()
			if i%20 == 0 {
				r.check()
			}
			if i%5 == 0 {
				r.query()
			}
		}
		r.check()
		if len(r.items) < 10 {
			t.Errorf("the table holds %d rows only", len(r.items))
		}
	}
}

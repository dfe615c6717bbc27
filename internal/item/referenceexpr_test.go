package item

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// refExpr writes expressions, and says what they mean.
type refExpr struct {
	*refGen
	values map[string]any // by placeholder
}

func newRefExpr(t *testing.T, seed uint64) *refExpr {
	return &refExpr{refGen: &refGen{t, rand.New(rand.NewPCG(seed, 5))}}
}

// hold makes a placeholder for a value.
func (e *refExpr) hold(v any) string {
	if e.values == nil {
		e.values = map[string]any{}
	}
	name := ":v" + strconv.Itoa(len(e.values))
	e.values[name] = v
	return name
}

// placeholders ends an expression: the next has its own.
func (e *refExpr) placeholders(names map[string]string) *Placeholders {
	e.t.Helper()
	var values Map
	if e.values != nil {
		values = refMap(e.t, e.r, e.values)
	}
	e.values = nil
	ph, err := NewPlaceholders(names, values)
	if err != nil {
		e.t.Fatal(err)
	}
	return ph
}

// near is a value that is likely to be at the path, or is like it.
func (e *refExpr) near(m map[string]any, p refPath) any {
	if v := p.in(m); v != nil && e.r.IntN(2) == 0 {
		return v
	}
	switch p.in(m).(type) {
	case refText:
		return refText(e.text())
	case refNum:
		return e.number()
	}
	return e.value(1)
}

func refKind(v any) string {
	switch v := v.(type) {
	case refText:
		return "S"
	case refBytes:
		return "B"
	case refNum:
		return "N"
	case refBool:
		return "BOOL"
	case refNull:
		return "NULL"
	case []any:
		return "L"
	case map[string]any:
		return "M"
	case refSet:
		return v.kind
	}
	return ""
}

// refOrder compares what has an order.
func refOrder(a, b any) (order int, ok bool) {
	switch x := a.(type) {
	case refText:
		y, ok := b.(refText)
		return strings.Compare(string(x), string(y)), ok
	case refBytes:
		y, ok := b.(refBytes)
		return strings.Compare(string(x), string(y)), ok
	case refNum:
		y, ok := b.(refNum)
		if !ok {
			return 0, false
		}
		return x.rat().Cmp(y.rat()), true
	}
	return 0, false
}

func refContains(in, v any) bool {
	switch in := in.(type) {
	case refText:
		s, ok := v.(refText)
		return ok && strings.Contains(string(in), string(s))
	case refBytes:
		s, ok := v.(refBytes)
		return ok && strings.Contains(string(in), string(s))
	case []any:
		return slices.ContainsFunc(in, func(e any) bool { return refEqual(e, v) })
	case refSet:
		one, ok := refSetOf(in.kind, []string{refMember(v)}).(refSet)
		return ok && refKind(v)+"S" == in.kind && slices.Contains(in.list(), one.list()[0])
	}
	return false
}

// refMember is a value as a member of a set.
func refMember(v any) string {
	switch v := v.(type) {
	case refText:
		return string(v)
	case refNum:
		return string(v)
	case refBytes:
		return refBase64(string(v))
	}
	return ""
}

func refLen(v any) int {
	switch v := v.(type) {
	case refText:
		return utf8.RuneCountInString(string(v))
	case refBytes:
		return len(v)
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	case refSet:
		return len(v.list())
	}
	return -1
}

var refComparisons = map[string]func(order int) bool{
	"<": func(o int) bool { return o < 0 }, "<=": func(o int) bool { return o <= 0 },
	">": func(o int) bool { return o > 0 }, ">=": func(o int) bool { return o >= 0 },
}

// test is a condition without operators, and whether it holds of m.
func (e *refExpr) test(m map[string]any) (text string, holds bool) {
	p := e.path(m)
	at := p.in(m)
	v := e.near(m, p)
	switch e.r.IntN(9) {
	case 0:
		return fmt.Sprintf("%s = %s", p, e.hold(v)), at != nil && refEqual(at, v)
	case 1:
		return fmt.Sprintf("%s <> %s", p, e.hold(v)), at == nil || !refEqual(at, v)
	case 2:
		op := []string{"<", "<=", ">", ">="}[e.r.IntN(4)]
		order, ok := refOrder(at, v)
		if _, has := refOrder(v, v); !has { // which is refused before any item is looked at
			return fmt.Sprintf("attribute_exists(%s)", p), at != nil
		}
		return fmt.Sprintf("%s %s %s", p, op, e.hold(v)), ok && refComparisons[op](order)
	case 3:
		if _, ok := v.(refText); !ok {
			v = refText(e.text())
		}
		s, ok := at.(refText)
		return fmt.Sprintf("begins_with(%s, %s)", p, e.hold(v)), ok && strings.HasPrefix(string(s), string(v.(refText)))
	case 4:
		if set, ok := at.(refSet); ok && set.kind != "BS" {
			v = any(refText(set.list()[0]))
			if set.kind == "NS" {
				v = refNum(set.list()[0])
			}
		}
		return fmt.Sprintf("contains(%s, %s)", p, e.hold(v)), refContains(at, v)
	case 5:
		kind := []string{"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"}[e.r.IntN(10)]
		return fmt.Sprintf("attribute_type(%s, %s)", p, e.hold(refText(kind))), refKind(at) == kind
	case 6:
		n := e.r.IntN(4)
		return fmt.Sprintf("size(%s) >= %s", p, e.hold(refNumber(big.NewRat(int64(n), 1)))), refLen(at) >= n
	case 7:
		low, high := e.number(), e.number()
		if low.rat().Cmp(high.rat()) > 0 {
			low, high = high, low
		}
		a, okA := refOrder(at, low)
		b, okB := refOrder(at, high)
		return fmt.Sprintf("%s BETWEEN %s AND %s", p, e.hold(low), e.hold(high)), okA && okB && a >= 0 && b <= 0
	default:
		q := e.path(m)
		if p.String() == q.String() {
			return fmt.Sprintf("attribute_not_exists(%s)", p), at == nil
		}
		return fmt.Sprintf("%s IN (%s, %s)", p, q, e.hold(v)), at != nil && (refEqual(at, v) || q.in(m) != nil && refEqual(at, q.in(m)))
	}
}

func refBase64(s string) string { return refWrite(nil, refBytes(s)).(map[string]any)["B"].(string) }

// Conditions on random items hold when the reference says so.
func TestConditionsAgainstReference(t *testing.T) {
	t.Parallel()
	e := newRefExpr(t, 3)
	yes := 0
	for range 4000 {
		m := e.item()
		text, want := e.test(m)
		if e.r.IntN(3) == 0 {
			more, also := e.test(m)
			text, want = "NOT ("+text+") OR "+more, !want || also
		}
		src := refOf(t, refMap(t, e.r, m))
		c, err := ParseCondition("FilterExpression", text, e.placeholders(nil))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := c.Holds(refMap(t, e.r, m)); got != want {
			t.Fatalf("%s of %v: got %v", text, src, got)
		}
		if want {
			yes++
		}
	}
	if yes < 1000 || yes > 3000 {
		t.Errorf("%d of 4000 conditions hold", yes)
	}
}

// project is what is left of a value by some paths into it; nil if nothing is.
func refProject(v any, paths []refPath) any {
	for _, p := range paths {
		if len(p) == 0 {
			return v
		}
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if sub := refBelow(paths, k); sub != nil {
				if kept := refProject(e, sub); kept != nil {
					out[k] = kept
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	case []any:
		out := []any{}
		for i, e := range v {
			if sub := refBelow(paths, i); sub != nil {
				if kept := refProject(e, sub); kept != nil {
					out = append(out, kept)
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

func refBelow(paths []refPath, step any) (sub []refPath) {
	for _, p := range paths {
		if p[0] == step {
			sub = append(sub, p[1:])
		}
	}
	return sub
}

// apart reports whether two paths can be in one expression.
func (p refPath) apart(q refPath) bool {
	for i := range p {
		if i == len(q) {
			return false
		}
		_, a := p[i].(int)
		_, b := q[i].(int)
		if a != b {
			return false // a list and a map
		}
		if p[i] != q[i] {
			return true
		}
	}
	return false
}

func (e *refExpr) apart(m map[string]any, n int) (paths []refPath) {
	for range n {
		p := e.path(m)
		if !slices.ContainsFunc(paths, func(q refPath) bool { return !p.apart(q) }) {
			paths = append(paths, p)
		}
	}
	return paths
}

// Projections of random items are what the reference says.
func TestProjectionsAgainstReference(t *testing.T) {
	t.Parallel()
	e := newRefExpr(t, 4)
	for range 4000 {
		m := e.item()
		paths := e.apart(m, 1+e.r.IntN(4))
		var texts []string
		for _, p := range paths {
			texts = append(texts, p.String())
		}
		pr, err := ParseProjection(strings.Join(texts, ", "), e.placeholders(nil))
		if err != nil {
			t.Fatalf("%v: %v", texts, err)
		}
		want, _ := refProject(m, paths).(map[string]any)
		if got := refOf(t, pr.Apply(refMap(t, e.r, m))); !refEqual(got, want) && len(got)+len(want) > 0 {
			t.Fatalf("%v of %v: got %v, want %v", texts, m, got, want)
		}
	}
}

// refGone is in place of what an update has removed of a list.
type refGone struct{}

// refChange is one action of an update: it sets a path to v, or removes what is there if v is nil.
type refChange struct {
	path refPath
	v    any
}

// refApply makes all changes to an item; false if it cannot be.
func refApply(m map[string]any, changes []refChange) (map[string]any, bool) {
	out := refCopy(m).(map[string]any)
	type beyond struct {
		at int
		v  any
	}
	tails := map[string][]beyond{}
	for _, c := range changes {
		parent, last := c.path[:len(c.path)-1].in(out), c.path[len(c.path)-1]
		switch last := last.(type) {
		case string:
			in, ok := parent.(map[string]any)
			if !ok {
				return nil, false
			}
			if delete(in, last); c.v != nil {
				in[last] = c.v
			}
		case int:
			in, ok := parent.([]any)
			switch {
			case !ok:
				return nil, false
			case last < len(in) && c.v == nil:
				in[last] = refGone{}
			case last < len(in):
				in[last] = c.v
			case c.v != nil:
				list := c.path[:len(c.path)-1].String()
				tails[list] = append(tails[list], beyond{last, c.v})
			}
		}
	}
	var tidy func(v any, at string) any
	tidy = func(v any, at string) any {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				name := k
				if at != "" {
					name = at + "." + k
				}
				v[k] = tidy(e, name)
			}
		case []any:
			kept := []any{}
			for i, e := range v {
				if e != (any)(refGone{}) {
					kept = append(kept, tidy(e, fmt.Sprintf("%s[%d]", at, i)))
				}
			}
			tail := tails[at]
			slices.SortFunc(tail, func(a, b beyond) int { return a.at - b.at })
			for _, b := range tail {
				kept = append(kept, b.v)
			}
			return kept
		}
		return v
	}
	return tidy(out, "").(map[string]any), true
}

// operand is a value of a SET action; nil if it cannot be had.
func (e *refExpr) operand(m map[string]any) (text string, v any) {
	switch e.r.IntN(7) {
	case 0:
		p := e.path(m)
		return p.String(), p.in(m)
	case 1:
		p := e.path(m)
		v := e.value(1)
		text := fmt.Sprintf("if_not_exists(%s, %s)", p, e.hold(v))
		if there := p.in(m); there != nil {
			return text, there
		}
		return text, v
	case 2:
		p := e.path(m)
		n := []any{e.value(0)}
		list, ok := p.in(m).([]any)
		text := fmt.Sprintf("list_append(%s, %s)", p, e.hold(n))
		if !ok {
			return text, nil
		}
		return text, append(slices.Clone(list), n...)
	case 3:
		p := e.path(m)
		by := refNumber(big.NewRat(int64(e.r.IntN(9)-4), 2))
		op := []string{"+", "-"}[e.r.IntN(2)]
		n, ok := p.in(m).(refNum)
		text := fmt.Sprintf("%s %s %s", p, op, e.hold(by))
		if !ok {
			return text, nil
		}
		sum := new(big.Rat).Add(n.rat(), by.rat())
		if op == "-" {
			sum = new(big.Rat).Sub(n.rat(), by.rat())
		}
		if digits, _, _ := refNumber(sum).decimal(); len(digits) > 38 {
			return text, nil // DynamoDB keeps no more
		}
		return text, refNumber(sum)
	}
	v = e.value(2)
	return e.hold(v), v
}

// merged is what ADD or DELETE makes of the old value; ok is false if it cannot be.
func refMerged(add bool, old, v any) (merged any, ok bool) {
	if old == nil {
		if add {
			return v, true
		}
		return nil, true
	}
	if n, isNum := v.(refNum); isNum {
		o, ok := old.(refNum)
		if !ok {
			return nil, false
		}
		sum := refNumber(new(big.Rat).Add(o.rat(), n.rat()))
		digits, _, _ := sum.decimal()
		return sum, len(digits) <= 38
	}
	a, isSet := old.(refSet)
	b := v.(refSet)
	if !isSet || a.kind != b.kind {
		return nil, false
	}
	members := a.list()
	if add {
		return refSetOf(a.kind, append(members, b.list()...)), true
	}
	return refSetOf(a.kind, slices.DeleteFunc(members, func(m string) bool { return slices.Contains(b.list(), m) })), true
}

// update is an update expression, and what it makes of m; ok is false if it is refused.
func (e *refExpr) update(m map[string]any) (text string, want map[string]any, ok bool) {
	sections := map[string][]string{}
	var changes []refChange
	ok = true
	for _, p := range e.apart(m, 1+e.r.IntN(4)) {
		switch action := []string{"SET", "SET", "REMOVE", "ADD", "DELETE"}[e.r.IntN(5)]; action {
		case "SET":
			text, v := e.operand(m)
			sections["SET"] = append(sections["SET"], p.String()+" = "+text)
			ok = ok && v != nil
			changes = append(changes, refChange{p, v})
		case "REMOVE":
			sections["REMOVE"] = append(sections["REMOVE"], p.String())
			changes = append(changes, refChange{p, nil})
		default:
			var v any = refNumber(big.NewRat(int64(e.r.IntN(9)-4), 1))
			if set, isSet := p.in(m).(refSet); isSet {
				v = set
				if e.r.IntN(2) == 0 {
					v = e.set(set.kind)
				}
			} else if action == "DELETE" || e.r.IntN(3) == 0 {
				v = e.set("SS")
			}
			sections[action] = append(sections[action], p.String()+" "+e.hold(v))
			merged, can := refMerged(action == "ADD", p.in(m), v)
			ok = ok && can
			changes = append(changes, refChange{p, merged})
		}
	}
	var parts []string
	for _, action := range []string{"SET", "REMOVE", "ADD", "DELETE"} {
		if sections[action] != nil {
			parts = append(parts, action+" "+strings.Join(sections[action], ", "))
		}
	}
	text = strings.Join(parts, " ")
	if ok {
		want, ok = refApply(m, changes)
	}
	return text, want, ok
}

// Updates of random items make what the reference says, or are refused.
func TestUpdatesAgainstReference(t *testing.T) {
	t.Parallel()
	e := newRefExpr(t, 6)
	made := 0
	for range 4000 {
		m := e.item()
		text, want, ok := e.update(m)
		u, err := ParseUpdate(text, e.placeholders(nil))
		if err != nil {
			if strings.Contains(message(err), "Syntax error") || ok && !strings.Contains(message(err), "operand") {
				t.Fatalf("%s of %v: %v", text, m, err)
			}
			continue
		}
		before := refMap(t, e.r, m)
		got, err := u.Apply(before)
		if (err == nil) != ok {
			t.Fatalf("%s of %v: %v, want %v", text, m, err, want)
		}
		if err != nil {
			continue
		}
		made++
		if !refEqual(refOf(t, got), want) {
			t.Fatalf("%s of %v:\n got %v\nwant %v", text, m, refOf(t, got), want)
		}
		if !refEqual(refOf(t, before), m) {
			t.Fatalf("%s has changed the old item %v", text, m)
		}
		checkStored(t, got)
	}
	if made < 1000 {
		t.Errorf("%d of 4000 updates were made", made)
	}
}

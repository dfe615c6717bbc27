package item

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The reference says again what items are, in Go's own types and with none of the package's code: refText, refBytes, refNum,
// refBool, refNull, []any, map[string]any and refSet. What is absent is nil.
type (
	refText  string
	refBytes string
	refBool  bool
	refNull  struct{}
	// refNum is a number as big.Rat writes it: one text for one number.
	refNum string
	// refSet is a set of the kind SS, NS or BS, whose members are texts, numbers as refNum, or bytes in base64.
	refSet struct {
		kind    string
		members string // sorted, each quoted
	}
)

func refNumber(r *big.Rat) refNum { return refNum(r.RatString()) }

func (n refNum) rat() *big.Rat {
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		panic("the reference holds " + string(n))
	}
	return r
}

// decimal writes the number as digits, an exponent and whether it is negative: ±0.digits × 10^exp.
func (n refNum) decimal() (digits string, exp int, negative bool) {
	r := n.rat()
	negative = r.Sign() < 0
	text := new(big.Rat).Abs(r).FloatString(160) // as far as numbers go
	whole, part, _ := strings.Cut(text, ".")
	whole = strings.TrimLeft(whole, "0")
	digits, exp = strings.TrimRight(whole+part, "0"), len(whole)
	for strings.HasPrefix(digits, "0") {
		digits, exp = digits[1:], exp-1
	}
	return digits, exp, negative
}

func refSetOf(kind string, members []string) any {
	if len(members) == 0 {
		return nil
	}
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	b, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return refSet{kind, string(b)}
}

func (s refSet) list() (members []string) {
	if err := json.Unmarshal([]byte(s.members), &members); err != nil {
		panic(err)
	}
	return members
}

// refRead reads a value in DynamoDB's JSON.
func refRead(raw any) any {
	for kind, v := range raw.(map[string]any) {
		switch kind {
		case "S":
			return refText(v.(string))
		case "B":
			b, err := base64.StdEncoding.DecodeString(v.(string))
			if err != nil {
				panic(err)
			}
			return refBytes(b)
		case "N":
			r, _ := new(big.Rat).SetString(v.(string))
			return refNumber(r)
		case "BOOL":
			return refBool(v.(bool))
		case "NULL":
			return refNull{}
		case "L":
			l := []any{}
			for _, e := range v.([]any) {
				l = append(l, refRead(e))
			}
			return l
		case "M":
			return refItem(v)
		}
		var members []string
		for _, e := range v.([]any) {
			m := e.(string)
			if kind == "NS" {
				r, _ := new(big.Rat).SetString(m)
				m = r.RatString()
			}
			members = append(members, m)
		}
		return refSetOf(kind, members)
	}
	return nil
}

func refItem(raw any) map[string]any {
	m := map[string]any{}
	for k, e := range raw.(map[string]any) {
		m[k] = refRead(e)
	}
	return m
}

// refOf is what the reference makes of an item of the package, by its JSON; nil of no item.
func refOf(t testing.TB, m Map) map[string]any {
	t.Helper()
	if m.IsZero() {
		return nil
	}
	var raw any
	if err := json.Unmarshal(m.AppendJSON(nil), &raw); err != nil {
		t.Fatal(err)
	}
	return refItem(raw)
}

// refWrite writes a value in DynamoDB's JSON, numbers in one of their forms.
func refWrite(r *rand.Rand, v any) any {
	switch v := v.(type) {
	case refText:
		return map[string]any{"S": string(v)}
	case refBytes:
		return map[string]any{"B": base64.StdEncoding.EncodeToString([]byte(v))}
	case refNum:
		return map[string]any{"N": v.spell(r)}
	case refBool:
		return map[string]any{"BOOL": bool(v)}
	case refNull:
		return map[string]any{"NULL": true}
	case refSet:
		members := v.list()
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		for i, m := range members {
			if v.kind == "NS" {
				members[i] = refNum(m).spell(r)
			}
		}
		return map[string]any{v.kind: members}
	case []any:
		l := []any{}
		for _, e := range v {
			l = append(l, refWrite(r, e))
		}
		return map[string]any{"L": l}
	case map[string]any:
		return map[string]any{"M": refWriteItem(r, v)}
	}
	panic(fmt.Sprintf("the reference holds %T", v))
}

func refWriteItem(r *rand.Rand, m map[string]any) map[string]any {
	out := map[string]any{}
	for k, e := range m {
		out[k] = refWrite(r, e)
	}
	return out
}

// refMap is an item of the reference as one of the package.
func refMap(t testing.TB, r *rand.Rand, m map[string]any) Map {
	t.Helper()
	text, err := json.Marshal(refWriteItem(r, m))
	if err != nil {
		t.Fatal(err)
	}
	return mustMap(t, string(text))
}

// spell writes a number in one of its many forms.
func (n refNum) spell(r *rand.Rand) string {
	digits, exp, negative := n.decimal()
	if digits == "" {
		return []string{"0", "-0", "0.00", "0e5"}[r.IntN(4)]
	}
	sign := ""
	if negative {
		sign = "-"
	}
	switch r.IntN(3) {
	case 0:
		return fmt.Sprintf("%s0.%se%d", sign, digits, exp)
	case 1:
		return fmt.Sprintf("%s%sE%d", sign, digits, exp-len(digits))
	}
	switch {
	case exp <= 0:
		return sign + "0." + strings.Repeat("0", -exp) + digits + "0"
	case exp >= len(digits):
		return sign + digits + strings.Repeat("0", exp-len(digits)) + ".0"
	}
	return sign + "0" + digits[:exp] + "." + digits[exp:]
}

// refSize is the size of a value as the Developer Guide tells it ("DynamoDB item sizes and formats"): numbers take a byte, one
// for two significant digits before the point and one for two after it ("about": the sides were told apart on AWS by the conformance
// suite), and one for a minus sign.
func refSize(v any) int {
	switch v := v.(type) {
	case refText:
		return len(v)
	case refBytes:
		return len(v)
	case refNum:
		digits, exp, negative := v.decimal()
		before := min(max(exp, 0), len(digits))
		n := 1 + (before+1)/2 + (len(digits)-before+1)/2
		if negative {
			n++
		}
		return n
	case refSet:
		n := 0
		for _, m := range v.list() {
			switch v.kind {
			case "NS":
				n += refSize(refNum(m))
			case "BS":
				n += base64.StdEncoding.DecodedLen(len(m)) - strings.Count(m, "=")
			default:
				n += len(m)
			}
		}
		return n
	case []any:
		n := 3
		for _, e := range v {
			n += 1 + refSize(e)
		}
		return n
	case map[string]any:
		n := 3
		for k, e := range v {
			n += 1 + len(k) + refSize(e)
		}
		return n
	}
	return 1
}

func refItemSize(m map[string]any) (n int) {
	for k, e := range m {
		n += len(k) + refSize(e)
	}
	return n
}

// refCopy is a copy that shares nothing.
func refCopy(v any) any {
	switch v := v.(type) {
	case []any:
		l := make([]any, 0, len(v))
		for _, e := range v {
			l = append(l, refCopy(e))
		}
		return l
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[k] = refCopy(e)
		}
		return m
	}
	return v
}

// refGen makes random values.
type refGen struct {
	t *testing.T
	r *rand.Rand
}

var refTexts = []string{"", "a", "b", "ab", "abc", "é", "z\x00", "ß", "10", "2"}

func (g *refGen) number() refNum {
	switch g.r.IntN(4) {
	case 0:
		return refNumber(rat(g.t, randomNumber(g.r)))
	case 1:
		return refNumber(big.NewRat(int64(g.r.IntN(2001)-1000), 100))
	}
	return refNumber(big.NewRat(int64(g.r.IntN(7)-3), 1))
}

func (g *refGen) text() string { return refTexts[g.r.IntN(len(refTexts))] }

func (g *refGen) value(depth int) any {
	n := 10
	if depth == 0 {
		n = 8
	}
	switch g.r.IntN(n) {
	case 0:
		return refText(g.text())
	case 1:
		return refBytes([]string{"", "\x00", "a", "ab", "\xff"}[g.r.IntN(5)])
	case 2, 3:
		return g.number()
	case 4:
		return refBool(g.r.IntN(2) == 0)
	case 5:
		return refNull{}
	case 6, 7:
		return g.set([]string{"SS", "NS", "BS"}[g.r.IntN(3)])
	case 8:
		l := []any{}
		for range g.r.IntN(4) {
			l = append(l, g.value(depth-1))
		}
		return l
	}
	m := map[string]any{}
	for _, k := range []string{"x", "y", "z"} {
		if g.r.IntN(2) == 0 {
			m[k] = g.value(depth - 1)
		}
	}
	return m
}

func (g *refGen) set(kind string) any {
	var members []string
	for range 1 + g.r.IntN(3) {
		switch kind {
		case "NS":
			members = append(members, string(g.number()))
		case "SS":
			members = append(members, refTexts[1+g.r.IntN(4)])
		default:
			members = append(members, []string{"YQ==", "YWI=", "AA=="}[g.r.IntN(3)])
		}
	}
	return refSetOf(kind, members)
}

// item is a random item with attributes a to h, of which some are documents.
func (g *refGen) item() map[string]any {
	m := map[string]any{}
	for _, k := range []string{"a", "b", "c", "d"} {
		if g.r.IntN(4) > 0 {
			m[k] = g.value(0)
		}
	}
	for _, k := range []string{"l", "m", "o"} {
		if g.r.IntN(4) > 0 {
			m[k] = g.value(2)
		}
	}
	return m
}

// refPath is a document path: names and indexes.
type refPath []any

func (p refPath) String() string {
	var b strings.Builder
	for i, s := range p {
		if n, ok := s.(int); ok {
			fmt.Fprintf(&b, "[%d]", n)
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.(string))
	}
	return b.String()
}

// in is what is at the path; nil if there is nothing.
func (p refPath) in(v any) any {
	for _, s := range p {
		switch s := s.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

// path is one that may be there: it follows the item, and strays.
func (g *refGen) path(m map[string]any) refPath {
	names := []string{"a", "b", "c", "d", "l", "m", "o"}
	p := refPath{names[g.r.IntN(len(names))]}
	for g.r.IntN(3) > 0 && len(p) < 4 {
		switch v := p.in(m).(type) {
		case []any:
			p = append(p, g.r.IntN(len(v)+2))
		case map[string]any:
			p = append(p, []string{"x", "y", "z"}[g.r.IntN(3)])
		default:
			if g.r.IntN(8) > 0 {
				return p
			}
			p = append(p, []any{"x", 0}[g.r.IntN(2)])
		}
	}
	return p
}

// The size of an item, and what is read of it again, is what the reference says.
func TestItemsAgainstReference(t *testing.T) {
	t.Parallel()
	g := &refGen{t, rand.New(rand.NewPCG(11, 1))}
	for range 2000 {
		want := g.item()
		m := refMap(t, g.r, want)
		if m.Size() != refItemSize(want) {
			t.Fatalf("%s is of %d bytes, want %d", m.AppendJSON(nil), m.Size(), refItemSize(want))
		}
		back, err := Load(m.Stored())
		if err != nil || !refEqual(refOf(t, back), want) || !refEqual(refOf(t, m), want) {
			t.Fatalf("%v is read as %s: %v", want, m.AppendJSON(nil), err)
		}
		other := g.item()
		if g.r.IntN(2) == 0 {
			other = refCopy(want).(map[string]any)
		}
		if got := m.Equal(refMap(t, g.r, other)); got != refEqual(want, other) {
			t.Fatalf("%v and %v are equal: %v", want, other, got)
		}
	}
}

func refEqual(a, b any) bool {
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, refEqual)
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && (x == nil) == (y == nil) && maps.EqualFunc(x, y, refEqual)
	}
	if _, ok := b.([]any); ok {
		return false
	}
	if _, ok := b.(map[string]any); ok {
		return false
	}
	return a == b
}

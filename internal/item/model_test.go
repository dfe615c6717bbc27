package item

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// The model evaluates conditions on what encoding/json makes of an item, with none of the package's code: values are
// *big.Rat for N, string for S, bool, nil for NULL, []any, map[string]any, and set for sets.

type set map[string]bool

type absent struct{}

func modelValue(t *testing.T, raw any) any {
	t.Helper()
	for kind, v := range raw.(map[string]any) {
		switch kind {
		case "S", "BOOL":
			return v
		case "N":
			return rat(t, v.(string))
		case "NULL":
			return nil
		case "L":
			var l []any
			for _, e := range v.([]any) {
				l = append(l, modelValue(t, e))
			}
			return l
		case "M":
			m := map[string]any{}
			for k, e := range v.(map[string]any) {
				m[k] = modelValue(t, e)
			}
			return m
		case "SS":
			s := set{}
			for _, e := range v.([]any) {
				s[e.(string)] = true
			}
			return s
		}
	}
	return absent{}
}

// modelNode is a condition with its text and what it must evaluate to.
type modelNode struct {
	text  string
	truth bool
	prec  int // 0 OR, 1 AND, 2 NOT, 3 the rest
}

type modelOperand struct {
	text  string
	value any
	path  bool
}

type modelGen struct {
	t      *testing.T
	r      *rand.Rand
	item   map[string]any
	values map[string]any
	paths  []string
}

func (g *modelGen) operand() modelOperand {
	if g.r.IntN(2) == 0 {
		keys := sortedKeys(g.values)
		k := keys[g.r.IntN(len(keys))]
		return modelOperand{k, g.values[k], false}
	}
	return g.path()
}

func (g *modelGen) path() modelOperand {
	p := g.paths[g.r.IntN(len(g.paths))]
	var v any = g.item
	for _, part := range strings.FieldsFunc(p, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch c := v.(type) {
		case map[string]any:
			e, ok := c[part]
			if !ok {
				e = absent{}
			}
			v = e
		case []any:
			i := int(part[0] - '0')
			v = absent{}
			if i < len(c) {
				v = c[i]
			}
		default:
			v = absent{}
		}
	}
	return modelOperand{p, v, true}
}

func modelEqual(a, b any) bool {
	x, ok := a.(*big.Rat)
	y, ok2 := b.(*big.Rat)
	if ok && ok2 {
		return x.Cmp(y) == 0
	}
	if la, ok := a.([]any); ok {
		lb, ok := b.([]any)
		if !ok || len(la) != len(lb) {
			return false
		}
		for i := range la {
			if !modelEqual(la[i], lb[i]) {
				return false
			}
		}
		return true
	}
	return a != absent{} && reflect.DeepEqual(a, b)
}

func modelLess(a, b any) (less, ok bool) {
	switch x := a.(type) {
	case *big.Rat:
		y, ok := b.(*big.Rat)
		return ok && x.Cmp(y) < 0, ok
	case string:
		y, ok := b.(string)
		return x < y, ok
	}
	return false, false
}

func (g *modelGen) leaf() modelNode {
	a, b := g.operand(), g.operand()
	if a.text == b.text {
		return modelNode{"attribute_exists(s)", true, 3}
	}
	less, ok := modelLess(a.value, b.value)
	eq := modelEqual(a.value, b.value)
	switch op := g.r.IntN(9); op {
	case 0:
		return modelNode{a.text + " = " + b.text, eq, 3}
	case 1:
		return modelNode{a.text + " <> " + b.text, !eq, 3}
	case 2:
		return modelNode{a.text + "<" + b.text, ok && less, 3}
	case 3:
		return modelNode{a.text + " >= " + b.text, ok && !less, 3}
	case 4:
		return modelNode{"(" + a.text + ") <= " + b.text, ok && (less || eq), 3}
	case 5:
		c := g.operand()
		return modelNode{fmt.Sprintf("%s in (%s, %s)", a.text, b.text, c.text), eq || modelEqual(a.value, c.value), 3}
	case 6:
		p := g.path()
		return modelNode{"attribute_not_exists(" + p.text + ")", p.value == absent{}, 3}
	case 7:
		p := g.path()
		has := false
		for k, v := range map[string]any{":s": g.values[":s"], ":t": g.values[":t"]} {
			if k == ":s" {
				switch c := p.value.(type) {
				case string:
					has = strings.Contains(c, v.(string))
				case set:
					has = c[v.(string)]
				case []any:
					for _, e := range c {
						has = has || modelEqual(e, v)
					}
				}
			}
		}
		return modelNode{"contains(" + p.text + ", :s)", has, 3}
	default:
		p := g.path()
		n := int64(-1)
		switch c := p.value.(type) {
		case string:
			n = int64(len(c))
		case set:
			n = int64(len(c))
		case []any:
			n = int64(len(c))
		case map[string]any:
			n = int64(len(c))
		}
		return modelNode{"size(" + p.text + ") > :n", n >= 0 && big.NewRat(n, 1).Cmp(g.values[":n"].(*big.Rat)) > 0, 3}
	}
}

func (g *modelGen) condition(depth int) modelNode {
	if depth == 0 {
		return g.leaf()
	}
	wrap := func(n modelNode, least int) string {
		if n.prec < least || n.prec < 3 && g.r.IntN(3) == 0 {
			return "(" + n.text + ")"
		}
		return n.text
	}
	a, b := g.condition(depth-1), g.condition(depth-1)
	switch g.r.IntN(4) {
	case 0:
		return modelNode{wrap(a, 0) + " OR " + wrap(b, 1), a.truth || b.truth, 0}
	case 1:
		return modelNode{wrap(a, 1) + " and " + wrap(b, 2), a.truth && b.truth, 1}
	case 2:
		return modelNode{"NOT " + wrap(a, 2), !a.truth, 2}
	default:
		return a
	}
}

func TestConditionsAgainstModel(t *testing.T) {
	t.Parallel()
	const itemText = `{"s":{"S":"abc"},"n":{"N":"2"},"l":{"L":[{"S":"b"},{"N":"2.0"}]},"m":{"M":{"x":{"S":"b"},"y":{"NULL":true}}},"ss":{"SS":["b","c"]},"t":{"BOOL":true}}`
	const valueText = `{":s":{"S":"b"},":t":{"BOOL":true},":n":{"N":"2.00"},":big":{"N":"10"},":ss":{"SS":["c","b"]},":l":{"L":[{"S":"b"},{"N":"2"}]},":z":{"NULL":true}}`
	g := &modelGen{t: t, r: rand.New(rand.NewPCG(9, 9)),
		paths: []string{"s", "n", "l", "l[0]", "l[1]", "l[5]", "m", "m.x", "m.y", "m.q", "ss", "t", "gone", "gone.a[1]"}}
	for text, into := range map[string]*map[string]any{itemText: &g.item, valueText: &g.values} {
		var raw map[string]any
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(err)
		}
		*into = modelValue(t, map[string]any{"M": any(raw)}).(map[string]any)
	}
	m := mustMap(t, itemText)
	for range 20000 {
		n := g.condition(g.r.IntN(4))
		ph, err := NewPlaceholders(nil, mustMap(t, valueText))
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCondition("ConditionExpression", n.text, ph)
		if err != nil {
			// The generator does not avoid operands that are refused before evaluation.
			if strings.Contains(message(err), "Syntax") {
				t.Fatalf("%s: %v", n.text, err)
			}
			continue
		}
		if got := c.Holds(m); got != n.truth {
			t.Fatalf("%s: got %v", n.text, got)
		}
	}
}

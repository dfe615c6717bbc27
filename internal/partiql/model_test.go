package partiql

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/item"
)

// both is a condition in both languages.
type both struct{ sql, classic string }

// generator makes conditions over attributes a to d, whose literals it keeps as the classic language's values.
type generator struct {
	*rand.Rand
	values map[string]item.Value
}

func (g *generator) literal() both {
	texts := []string{"1", "2.5", "-3", "'x'", "'xy'", "true", "null", "[1, 'x']", "{'k': 1}", "<<1, 2>>", "<<'x', 'y'>>"}
	text := texts[g.IntN(len(texts))]
	p := &parser{lex: lexer{src: text}}
	p.tok, p.ahead = p.lex.next(), p.lex.next()
	v, err := p.literal()
	if err != nil {
		panic(err)
	}
	name := fmt.Sprintf(":v%d", len(g.values))
	g.values[name] = v
	return both{text, name}
}

func (g *generator) path() both {
	paths := []string{"a", "b", "c", "d", "d.k", "c[0]", "d.k[1].x"}
	p := paths[g.IntN(len(paths))]
	return both{p, p}
}

func (g *generator) operand() both {
	switch g.IntN(5) {
	case 0, 1:
		return g.literal()
	case 2:
		p := g.path()
		return both{"size(" + p.sql + ")", "size(" + p.classic + ")"}
	}
	return g.path()
}

func (g *generator) leaf() both {
	a, b, c := g.operand(), g.operand(), g.operand()
	p := g.path()
	switch g.IntN(8) {
	case 0:
		return both{p.sql + " IS MISSING", "attribute_not_exists(" + p.classic + ")"}
	case 1:
		return both{p.sql + " IS NOT MISSING", "attribute_exists(" + p.classic + ")"}
	case 2:
		return both{"begins_with(" + p.sql + ", 'x')", "begins_with(" + p.classic + ", :x)"}
	case 3:
		return both{"contains(" + p.sql + ", " + b.sql + ")", "contains(" + p.classic + ", " + b.classic + ")"}
	case 4:
		return both{p.sql + " IN [" + b.sql + ", " + c.sql + "]", p.classic + " IN (" + b.classic + ", " + c.classic + ")"}
	case 5:
		return both{a.sql + " BETWEEN " + b.sql + " AND " + c.sql, a.classic + " BETWEEN " + b.classic + " AND " + c.classic}
	case 6:
		return both{p.sql + " IS STRING", "attribute_type(" + p.classic + ", :s)"}
	}
	op := []string{"=", "<>", "<", "<=", ">", ">="}[g.IntN(6)]
	return both{a.sql + " " + op + " " + b.sql, a.classic + " " + op + " " + b.classic}
}

func (g *generator) condition(depth int) both {
	if depth == 0 || g.IntN(3) == 0 {
		return g.leaf()
	}
	a, b := g.condition(depth-1), g.condition(depth-1)
	switch g.IntN(4) {
	case 0:
		return both{"NOT " + paren(a.sql), "NOT " + paren(a.classic)}
	case 1:
		return both{a.sql + " OR " + b.sql, a.classic + " OR " + b.classic}
	}
	return both{paren(a.sql) + " AND " + paren(b.sql), paren(a.classic) + " AND " + paren(b.classic)}
}

func paren(s string) string { return "(" + s + ")" }

func (g *generator) row() item.Map {
	attrs := map[string]item.Value{}
	for _, name := range []string{"a", "b", "c", "d"} {
		if g.IntN(4) > 0 {
			before := g.values
			g.values = map[string]item.Value{}
			g.literal()
			attrs[name] = g.values[":v0"]
			g.values = before
		}
	}
	return item.MapOf(attrs)
}

// A condition of a statement holds of a row exactly if the same condition as a FilterExpression does, and is refused exactly
// if that is: one language is as the other.
func TestConditionsAsClassic(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	held, refused := 0, 0
	for range 3000 {
		g := &generator{r, map[string]item.Value{}}
		c := g.condition(3)
		values := map[string]item.Value{":x": item.String("x"), ":s": item.String("S")}
		for name, v := range g.values {
			values[name] = v
		}
		ph, err := item.NewPlaceholders(nil, item.MapOf(values))
		if err != nil {
			t.Fatal(err)
		}
		classic, wrong := item.ParseCondition("FilterExpression", c.classic, ph)
		s, err := Parse("SELECT * FROM t WHERE "+c.sql, nil)
		if (err != nil) != (wrong != nil) {
			if wrong != nil && strings.Contains(wrong.Error(), "redundant parentheses") {
				continue // DynamoDB's own whim in the classic language
			}
			t.Fatalf("%s: %v\n%s: %v", c.sql, err, c.classic, wrong)
		}
		if err != nil {
			refused++
			continue
		}
		for range 10 {
			row := g.row()
			want := classic.Holds(row)
			if got := item.ConditionOf(s.Where).Holds(row); got != want {
				t.Fatalf("%s: %v\n%s: %v\n%s", c.sql, got, c.classic, want, row.AppendJSON(nil))
			}
			if want {
				held++
			}
		}
	}
	if held < 1000 || refused < 100 {
		t.Errorf("the conditions test little: %d held, %d refused", held, refused)
	}
}

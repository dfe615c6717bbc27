package item

import (
	"fmt"
	"strings"
	"testing"
)

// Many placeholders are kept as few are: each that is used stands for its own, and those that are not are told.
func TestManyPlaceholders(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, few - 1, few, few + 1, 3 * few} {
		names, terms := map[string]string{}, make([]string, n)
		var values Builder
		for i := range n {
			names[fmt.Sprintf("#n%02d", i)] = fmt.Sprintf("attr%02d", i)
			values.Set(fmt.Sprintf(":v%02d", i), String(fmt.Sprint(i)))
			terms[i] = fmt.Sprintf("#n%02d = :v%02d", i, i)
		}
		src := strings.Join(terms, " AND ")
		src += " AND (" + strings.Join(terms, " OR ") + ")" // used again
		ph, err := NewPlaceholders(names, values.Map())
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCondition("ConditionExpression", src, ph)
		if err != nil {
			t.Fatal(err)
		}
		if err := ph.Unused(); err != nil {
			t.Errorf("of %d: %v", n, err)
		}
		for other := range n + 1 { // which is n for none
			var row Builder
			for i := range n {
				text := fmt.Sprint(i)
				if i == other {
					text = "other"
				}
				row.Set(fmt.Sprintf("attr%02d", i), String(text))
			}
			if got := c.Holds(row.Map()); got != (other == n) {
				t.Errorf("of %d: it holds %v with another value at %d", n, got, other)
			}
		}
		for i := range n {
			without := strings.Join(append(append(terms[:i:i], terms[i+1:]...), "x = x1"), " AND ")
			err := compile("Condition", without, names, values.Map())
			if want := fmt.Sprintf("unused in expressions: keys: {#n%02d}", i); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("of %d: without %d: %v", n, i, err)
			}
			err = compile("Condition", without+fmt.Sprintf(" AND #n%02d = x1", i), names, values.Map())
			if want := fmt.Sprintf("unused in expressions: keys: {:v%02d}", i); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("of %d: without value %d: %v", n, i, err)
			}
		}
	}
}

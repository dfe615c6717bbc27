package item

import (
	"fmt"
	"strings"
	"testing"
)

func TestEqualInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b string }{
		{`{"M":{"x":{"N":"1.0"},"y":{"SS":["b","a"]}}}`, `{"M":{"y":{"SS":["a","b"]},"x":{"N":"1"}}}`},
		{`{"NS":["1","-2","10"]}`, `{"NS":["10.0","1e0","-2"]}`},
		{`{"L":[{"M":{"b":{"NULL":true},"a":{"NULL":true}}}]}`, `{"L":[{"M":{"a":{"NULL":true},"b":{"NULL":true}}}]}`},
	} {
		m := mustMap(t, `{"a":`+c.a+`,"b":`+c.b+`}`)
		if !m.Get("a").Equal(m.Get("b")) {
			t.Errorf("%s differs from %s", c.a, c.b)
		}
	}
	m := mustMap(t, `{"m":{"M":{"c":{"N":"1"}}}}`)
	got, err := request{values: `{":v":{"N":"1"}}`}.update(t, "SET m.a = :v, m.b = :v").Apply(m)
	if err != nil || !got.Get("m").Equal(mustMap(t, `{"m":{"M":{"b":{"N":"1"},"a":{"N":"1"},"c":{"N":"1"}}}}`).Get("m")) {
		t.Errorf("after an update: %s, %v", got.AppendJSON(nil), err)
	}
}

// Comparing documents and sets that a caller made as large and as disordered as it can must not take quadratic time.
func TestLargeValuesCompareFast(t *testing.T) {
	t.Parallel()
	const n = 50000
	var up, down []string
	for i := range n {
		up = append(up, fmt.Sprintf(`"k%05d":{"S":""}`, i))
		down = append(down, fmt.Sprintf(`"k%05d":{"S":""}`, n-1-i))
	}
	m := mustMap(t, `{"m":{"M":{`+strings.Join(up, ",")+`}}}`)
	r := request{values: `{":m":{"M":{` + strings.Join(down, ",") + `}}}`}
	c := r.condition(t, strings.Repeat("m <> :m OR ", 100)+"m <> :m")
	if c.Holds(m) { // a quadratic comparison takes minutes
		t.Error("equal maps differ")
	}
}

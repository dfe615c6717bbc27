package item

import (
	"bytes"
	"testing"

	"github.com/bulkhead/bulkhead/internal/fault"
)

var fuzzNames = map[string]string{"#a": "a", "#b": "status"}

const fuzzValues = `{":a":{"S":"a"},":n":{"N":"1"},":l":{"L":[{"N":"1"}]},":s":{"SS":["x"]}}`

func FuzzExpressions(f *testing.F) {
	for _, s := range []string{
		"a = :a", "NOT (a.b[1] < :n OR begins_with(#a, :a))", "size(a) BETWEEN :n AND :n", "a IN (:a, :n)", "((a))",
		"SET a = if_not_exists(b, :n) + :n, c[0] = list_append(:l, c) REMOVE d ADD e :n DELETE f :s", "a, b.c[3].#b", "#", "a[",
	} {
		f.Add(s)
	}
	item := `{"a":{"N":"1"},"b":{"M":{"c":{"L":[{"S":"x"}]}}},"c":{"L":[]},"f":{"SS":["x","y"]}}`
	f.Fuzz(func(t *testing.T, src string) {
		m := mustMap(t, item)
		for _, kind := range []string{"Condition", "KeyCondition", "Projection", "Update"} {
			if err := compile(kind, src, fuzzNames, mustMap(t, fuzzValues)); err != nil && !fault.IsClass(err, fault.Validation) {
				t.Fatalf("%s: %v", kind, err)
			}
		}
		r := request{names: fuzzNames, values: fuzzValues}
		if c, err := ParseCondition("ConditionExpression", src, r.placeholders(t)); err == nil {
			c.Attributes()
			var x Text
			text := *x.Condition(c)
			back, err := ParseCondition("ConditionExpression", text, x.placeholders(t))
			if err != nil && len(text) <= maxExpression || err == nil && back.Holds(m) != c.Holds(m) {
				t.Fatalf("%s written as %s: %v", src, text, err)
			}
		}
		if p, err := ParseProjection(src, r.placeholders(t)); err == nil {
			checkStored(t, p.Apply(m))
		}
		if u, err := ParseUpdate(src, r.placeholders(t)); err == nil {
			out, err := u.Apply(m)
			checkUpdateText(t, src, u, m, out)
			if err == nil {
				checkStored(t, out)
			} else if !fault.IsClass(err, fault.Validation) {
				t.Fatal(err)
			}
		}
	})
}

func (x *Text) placeholders(t *testing.T) *Placeholders {
	t.Helper()
	var values Map
	if v := x.Values(); v != nil {
		values = *v
	}
	ph, err := NewPlaceholders(x.Names(), values)
	if err != nil {
		t.Fatal(err)
	}
	return ph
}

// checkUpdateText checks that an update does the same when it is read from its text.
func checkUpdateText(t *testing.T, src string, u *Update, m, want Map) {
	t.Helper()
	var x Text
	text := *x.Update(u)
	back, err := ParseUpdate(text, x.placeholders(t))
	if err != nil {
		if len(text) <= maxExpression {
			t.Fatalf("%s written as %s: %v", src, text, err)
		}
		return
	}
	if got, _ := back.Apply(m); !got.Equal(want) {
		t.Fatalf("%s written as %s: %s, not %s", src, text, got.AppendJSON(nil), want.AppendJSON(nil))
	}
}

// checkStored checks that a map survives its stored form.
func checkStored(t *testing.T, m Map) {
	t.Helper()
	back, err := Load(m.Stored())
	if err != nil || !back.Equal(m) {
		t.Fatalf("%s: %v", m.AppendJSON(nil), err)
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add(benchItem)
	f.Add(fuzzValues)
	f.Add(`{"a":{"B":"AAEC"},"b":{"NS":["1","2e5"]},"c":{"BS":["AA=="]},"d":{"NULL":true},"e":{"BOOL":false},"f":{"N":null}}`)
	f.Add(`{"a":{"S":"\ud83d\ude00"},"b":{"L":[{"L":[]},{}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := decodeMap(text)
		if err != nil {
			if !fault.IsClass(err, fault.Serialization) {
				t.Fatal(err)
			}
			return
		}
		if m.Err() != nil {
			if !fault.IsClass(m.Err(), fault.Validation) {
				t.Fatal(m.Err())
			}
			return
		}
		checkStored(t, m)
		m.Size()
		out := m.AppendJSON(nil)
		again, err := decodeMap(string(out))
		if err != nil || again.Err() != nil || !bytes.Equal(again.AppendJSON(nil), out) {
			t.Fatalf("%s: %v, %v", out, err, again.Err())
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{storedVersion})
	m, err := decodeMap(benchItem)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Stored())
	f.Add([]byte{storedVersion, 1, 'a', byte(NS), 2, 0, 0, 0, 1, orderZero})
	f.Fuzz(func(_ *testing.T, raw []byte) {
		m, err := Load(raw)
		if err != nil {
			return
		}
		m.Size()
		m.AppendJSON(nil)
		m.Equal(m.Clone())
		_ = m.Nest().String()
		for name := range m.All() {
			m.Get(name)
		}
	})
}

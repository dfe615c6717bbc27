package item

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

// mustMap decodes a map from JSON.
func mustMap(t testing.TB, text string) Map {
	t.Helper()
	m, err := decodeMap(text)
	if err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return m
}

func decodeMap(text string) (Map, error) {
	d, err := jsoncodec.Acquire([]byte(text))
	if err != nil {
		return Map{}, err
	}
	defer d.Release()
	var m Map
	if err := m.DecodeJSON(d); err != nil {
		return Map{}, err
	}
	return m, d.End()
}

// message returns the fault's message, or "".
func message(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return ""
}

func TestMapRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out string }{
		{`{}`, `{}`},
		{`{"a":{"S":"x"}}`, `{"a":{"S":"x"}}`},
		{` { "a" : { "S" : "é\n\u00e9\"" , "N":null } } `, `{"a":{"S":"é\né\""}}`},
		{`{"a":{"N":"0010.500"}}`, `{"a":{"N":"10.5"}}`},
		{`{"a":{"B":"AAEC"},"b":{"BOOL":true},"c":{"BOOL":false},"d":{"NULL":true}}`, ""},
		{`{"a":{"L":[]},"m":{"M":{}}}`, ""},
		{`{"a":{"L":[{"S":"x"},{"M":{"k":{"NS":["1","2"]}}}]},"s":{"SS":["a","b"]},"bs":{"BS":["AA==","AQ=="]}}`, ""},
		{`{"a":{"S":"x","UNKNOWN":{"deep":[1,2]}}}`, `{"a":{"S":"x"}}`},
	} {
		if c.out == "" {
			c.out = c.in
		}
		m := mustMap(t, c.in)
		if m.Err() != nil {
			t.Errorf("%s: %v", c.in, m.Err())
		}
		if got := string(m.AppendJSON(nil)); got != c.out {
			t.Errorf("%s: got %s, want %s", c.in, got, c.out)
		}
		back, err := Load(m.Stored())
		if err != nil || string(back.AppendJSON(nil)) != c.out {
			t.Errorf("%s: stored form reads back as %s, %v", c.in, back.AppendJSON(nil), err)
		}
	}
}

const deep = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"

func TestValueRules(t *testing.T) {
	t.Parallel()
	const wrong = "One or more parameter values were invalid: "
	for _, c := range []struct{ value, want string }{
		{`{}`, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{`{"S":null}`, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{`{"S":"a","N":"1"}`, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"},
		{`{"N":""}`, "The parameter cannot be converted to a numeric value"},
		{`{"N":"x"}`, "The parameter cannot be converted to a numeric value: x"},
		{`{"N":"1e126"}`, "Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{`{"N":"-1e-131"}`, "Number underflow. Attempting to store a number with magnitude smaller than supported range"},
		{`{"N":"123456789012345678901234567890123456789"}`, "Attempting to store more than 38 significant digits in a Number"},
		{`{"NULL":false}`, wrong + "Null attribute value types must have the value of true"},
		{`{"SS":[]}`, wrong + "An string set  may not be empty"},
		{`{"NS":[]}`, wrong + "An number set  may not be empty"},
		{`{"BS":[]}`, wrong + "Binary sets should not be empty"},
		{`{"SS":["a",""]}`, wrong + "An string set may not have a empty string as a member"},
		{`{"SS":["a","a"]}`, wrong + "Input collection [a, a] contains duplicates."},
		{`{"NS":["1","1.0"]}`, "Input collection contains duplicates"},
		{`{"BS":["AA==","AA=="]}`, wrong + "Input collection [AA==, AA==]of type BS contains duplicates."},
		{`{"M":{"a":{"L":[{"S":"ok"},{}]}}}`, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{strings.Repeat(`{"L":[`, 32) + `{"S":"x"}` + strings.Repeat(`]}`, 32), deep},
		{strings.Repeat(`{"M":{"a":`, 32) + `{"S":"x"}` + strings.Repeat(`}}`, 32), deep},
		{strings.Repeat(`{"L":[`, 31) + `{"S":"x"}` + strings.Repeat(`]}`, 31), ""},
		{strings.Repeat(`{"M":{"a":`, 31) + `{"S":"x"}` + strings.Repeat(`}}`, 31), ""},
	} {
		m := mustMap(t, `{"k":`+c.value+`}`)
		if got := message(m.Err()); got != c.want {
			t.Errorf("%s: got %q, want %q", c.value, got, c.want)
		}
	}
}

func TestDecodeRefusesOtherTypes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"a":"x"}`, `{"a":{"S":1}}`, `{"a":{"N":1}}`, `{"a":{"BOOL":"true"}}`, `{"a":{"L":{}}}`, `{"a":{"M":[]}}`,
		`{"a":{"SS":["x",1]}}`, `{"a":{"B":"A"}}`, `{"a":{"S":"x"},"a":{"S":"y"}}`, `{"a":{"S":"x"}`, `[]`, ``,
		strings.Repeat(`{"a":{"M":`, 100),
	} {
		if _, err := decodeMap(text); !fault.IsClass(err, fault.Serialization) {
			t.Errorf("%s: got %v, want a serialization error", text, err)
		}
	}
}

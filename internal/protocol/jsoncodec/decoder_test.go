package jsoncodec_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

func skip(t *testing.T, body string) error {
	t.Helper()
	d, err := jsoncodec.Acquire([]byte(body))
	if err != nil {
		return err
	}
	defer d.Release()
	if err := d.Skip(); err != nil {
		return err
	}
	return d.End()
}

func TestStrictness(t *testing.T) {
	t.Parallel()
	manyKeys := func(last string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range 60 {
			b.WriteString(`"k` + string(rune('À'+i)) + `":1,`)
		}
		return b.String() + `"` + last + `":1}`
	}
	for _, tc := range []struct {
		name, body string
		ok         bool
	}{
		{"empty object", `{}`, true},
		{"white space", " \r\n\t{ \"a\" : [ 1 , 2 ] } ", true},
		{"all kinds", `{"a":null,"b":true,"c":false,"d":-1.5e+3,"e":"\u00e9\ud83d\ude00\n","f":[{}]}`, true},
		{"same key in another object", `{"a":{"a":1},"b":{"a":1}}`, true},
		{"many keys", manyKeys("other"), true},
		{"duplicate", `{"a":1,"a":2}`, false},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, false},
		{"duplicate after a nested object", `{"a":{"b":1},"a":2}`, false},
		{"duplicate among many", manyKeys("kÀ"), false},
		{"duplicate below an unknown member", `{"x":[{"a":1,"a":1}]}`, false},
		{"empty", ``, false},
		{"trailing", `{} {}`, false},
		{"trailing comma", `{"a":1,}`, false},
		{"leading comma", `[,1]`, false},
		{"missing comma", `[1 2]`, false},
		{"wrong close", `[1}`, false},
		{"unquoted key", `{a:1}`, false},
		{"leading zero", `01`, false},
		{"plus", `+1`, false},
		{"bare fraction", `.5`, false},
		{"open fraction", `1.`, false},
		{"open exponent", `1e`, false},
		{"long number", strings.Repeat("1", 65), false},
		{"control character", "\"a\nb\"", false},
		{"bad escape", `"\x"`, false},
		{"lone surrogate", `"\ud800"`, false},
		{"two high surrogates", `"\ud800\ud800"`, false},
		{"open string", `"abc`, false},
		{"open escape", `"\`, false},
		{"UTF-8", "\"\xff\"", false},
		{"encoded surrogate", "\"\xed\xa0\x80\"", false},
		{"deep", strings.Repeat("[", 129) + strings.Repeat("]", 129), false},
		{"deep enough", strings.Repeat("[", 128) + strings.Repeat("]", 128), true},
		{"byte order mark", "\ufeff{}", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := skip(t, tc.body)
			if (err == nil) != tc.ok {
				t.Fatalf("Skip(%q): %v", tc.body, err)
			}
			if err != nil && !fault.IsClass(err, fault.Serialization) {
				t.Errorf("not a serialization fault: %v", err)
			}
		})
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		body string
		read func(*jsoncodec.Decoder) (any, error)
		want any
		err  string
	}{
		{`"a\"b\u20ac"`, str, `a"b€`, ""},
		{`1`, str, nil, "NUMBER_VALUE cannot be converted to String"},
		{`1.5`, str, nil, "DECIMAL_VALUE cannot be converted to String"},
		{`true`, str, nil, "TRUE_VALUE cannot be converted to String"},
		{`false`, str, nil, "FALSE_VALUE cannot be converted to String"},
		{`{}`, str, nil, "Start of structure or map found where not expected"},
		{`[]`, str, nil, "Unrecognized collection type class java.lang.String"},
		{`[]`, i32, nil, "Unrecognized collection type class java.lang.Integer"},
		{`[]`, i64, nil, "Unrecognized collection type class java.lang.Long"},
		{`[]`, blob, nil, "Unrecognized collection type class java.nio.ByteBuffer"},
		{`true`, blob, nil, "only base-64-encoded strings are convertible to bytes"},
		{`34.56`, blob, nil, "only base-64-encoded strings are convertible to bytes"},
		{`"23"`, truth, nil, "Unexpected token received from parser"},
		{`23`, truth, nil, "NUMBER_VALUE cannot be converted to Boolean"},
		{`[]`, truth, nil, "Unrecognized collection type class java.lang.Boolean"},
		{`23`, list, nil, "Unexpected field type"},
		{`true`, list, nil, "Unexpected field type"},
		{`"23"`, list, nil, "Unexpected field type"},
		{`{}`, list, nil, "Start of structure or map found where not expected"},
		{`34.56`, object, nil, "Unexpected field type"},
		{`false`, object, nil, "Unexpected field type"},
		{`12`, i32, int32(12), ""},
		{`12.9`, i32, int32(12), ""},
		{`2147483648`, i32, nil, "NUMBER_VALUE cannot be converted to Integer"},
		{`"1"`, i32, nil, "STRING_VALUE cannot be converted to Integer"},
		{`9223372036854775807`, i64, int64(math.MaxInt64), ""},
		{`9223372036854775808`, i64, nil, "NUMBER_VALUE cannot be converted to Long"},
		{`1e300`, i64, nil, "DECIMAL_VALUE cannot be converted to Long"},
		{`"Infinity"`, f64, math.Inf(1), ""},
		{`"inf"`, f64, nil, "STRING_VALUE cannot be converted to Double"},
		{`1e999`, f64, nil, "NUMBER_VALUE cannot be converted to Double"},
		{`"aGk="`, blob, "hi", ""},
		{`"aGk"`, blob, nil, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"},
		{`"aGl="`, blob, nil, "Invalid Base64 encoding"},
		{`"a\nGk=aaa"`, blob, nil, "Invalid Base64 character: line break"},
		{`1700000000.125`, tim, time.UnixMilli(1700000000125).UTC(), ""},
		{`1e300`, tim, nil, "NUMBER_VALUE cannot be converted to Timestamp"},
	} {
		d, err := jsoncodec.Acquire([]byte(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := tc.read(d)
		if tc.err != "" {
			var f *fault.Error
			if !errors.As(err, &f) || f.Message != tc.err {
				t.Errorf("%s: %v, want %q", tc.body, err, tc.err)
			}
		} else if err != nil || got != tc.want {
			t.Errorf("%s: %v %v, want %v", tc.body, got, err, tc.want)
		}
		d.Release()
	}
}

func str(d *jsoncodec.Decoder) (any, error)    { return d.String() }
func i32(d *jsoncodec.Decoder) (any, error)    { return d.Int32() }
func i64(d *jsoncodec.Decoder) (any, error)    { return d.Int64() }
func f64(d *jsoncodec.Decoder) (any, error)    { return d.Float64() }
func truth(d *jsoncodec.Decoder) (any, error)  { return d.Bool() }
func list(d *jsoncodec.Decoder) (any, error)   { return nil, d.OpenArray("List") }
func object(d *jsoncodec.Decoder) (any, error) { return nil, d.OpenObject("Struct") }
func tim(d *jsoncodec.Decoder) (any, error)    { return d.Time() }
func blob(d *jsoncodec.Decoder) (any, error) {
	b, err := d.Blob()
	return string(b), err
}

func TestAppend(t *testing.T) {
	t.Parallel()
	b := []byte{'{'}
	b = jsoncodec.AppendString(jsoncodec.AppendKey(b, "S"), "a\"\\\n\x01é\xff")
	b = jsoncodec.AppendTime(jsoncodec.AppendKey(b, "T"), time.UnixMilli(1700000000120))
	b = jsoncodec.AppendTime(jsoncodec.AppendMapKey(b, "é"), time.UnixMilli(-1500))
	b = jsoncodec.AppendBlob(jsoncodec.AppendKey(b, "B"), []byte("hi"))
	b = jsoncodec.AppendFloat(jsoncodec.AppendKey(b, "F"), 0.5, 64)
	b = append(b, '}')
	want := `{"S":"a\"\\\n\u0001é` + "\ufffd" + `","T":1700000000.12,"é":-1.5,"B":"aGk=","F":0.5}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

// FuzzSkip holds the decoder against the standard library: what it accepts, encoding/json accepts too.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{`{"a":[1,true,null,"\u00e9"]}`, `[{"a":{}}]`, `"\ud83d\ude00"`, `-0.5e1`, `{"a":1,"a":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := jsoncodec.Acquire(body)
		if err != nil {
			return
		}
		defer d.Release()
		if d.Skip() == nil && d.End() == nil && !json.Valid(body) {
			t.Errorf("accepted %q", body)
		}
	})
}

func TestMapWithoutNulls(t *testing.T) {
	t.Parallel()
	read := func(kind func(*jsoncodec.Decoder, func(*jsoncodec.Decoder) (string, error)) (map[string]string, error)) (map[string]string, error) {
		d, err := jsoncodec.Acquire([]byte(`{"a":"1","b":null,"c":"3"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Release()
		return kind(d, (*jsoncodec.Decoder).String)
	}
	if got, err := read(jsoncodec.MapWithoutNulls); err != nil || len(got) != 2 || got["a"] != "1" || got["c"] != "3" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := read(jsoncodec.Map); err == nil {
		t.Error("Map takes a null")
	}
}

// Text is looked at in pieces of eight bytes: whatever each byte is, and wherever it stands, AppendText writes what AppendString does.
func TestAppendText(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		for at := range n {
			for c := range 0x80 {
				text := []byte(strings.Repeat("é€", 20)[:n-n%5] + "abcd"[:n%5])
				text[at] = byte(c)
				text = []byte(strings.ToValidUTF8(string(text), "ÿ"))
				got, want := jsoncodec.AppendText(nil, text), jsoncodec.AppendString(nil, string(text))
				if string(got) != string(want) {
					t.Fatalf("%q: %s, not %s", text, got, want)
				}
			}
		}
	}
}

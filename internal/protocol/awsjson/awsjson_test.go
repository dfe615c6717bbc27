package awsjson_test

import (
	"errors"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/codegen/testdata/api/json10"
	"github.com/bulkhead/bulkhead/internal/codegen/testdata/api/json11"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/awsjson"
)

const full = `{"At":1700000000.5,"Big":9007199254740993,"Choice":{"Left":"abc"},"Color":"dark-blue","Count":3,"Data":"aGk=",` +
	`"Exact":0.1,"Flat":[{"Name":"abc"}],"Groups":{"abc":["def","ghi"]},"Name":"abc","Names":["abc"],"On":false,` +
	`"Part":{"Colors":["RED"],"Inner":{"Name":"ghi"},"Name":"def"},"Parts":[],"Ratio":1.5,"Secret":"\"quoted\"","Tags":{"key":"secret"}}`

func decode(body string) (*json10.PutThingInput, error) {
	in := new(json10.PutThingInput)
	return in, awsjson.Decode[json10.PutThingInput](&protocol.Request{Body: []byte(body)}, in)
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	in, err := decode(full)
	if err != nil {
		t.Fatal(err)
	}
	out := json10.PutThingOutput(*in)
	w := &protocol.Response{RequestID: "id", Header: http.Header{}}
	if err := awsjson.Encode[json10.PutThingOutput](json10.API)(w, &out); err != nil {
		t.Fatal(err)
	}
	if string(w.Body) != full {
		t.Errorf("got  %s\nwant %s", w.Body, full)
	}
	if !in.At.Equal(time.UnixMilli(1700000000500)) {
		t.Errorf("At is %v", in.At)
	}
	if got, want := w.Header.Get("x-amz-crc32"), strconv.Itoa(int(crc32.ChecksumIEEE(w.Body))); got != want {
		t.Errorf("checksum %s, want %s", got, want)
	}
	if w.Header.Get("x-amzn-RequestId") != "id" || w.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Errorf("headers %v", w.Header)
	}
}

func TestNullIsAbsentAndUnknownIsSkipped(t *testing.T) {
	t.Parallel()
	in, err := decode(`{"Name":"abc","Color":null,"Part":null,"Parts":null,"Tags":null,"At":null,"Data":null,"More":{"a":[{}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if in.Color != "" || in.Part != nil || in.Parts != nil || in.Tags != nil || in.At != nil || in.Data != nil {
		t.Errorf("%+v", in)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	const one = "1 validation error detected: "
	for _, tc := range []struct {
		name, body string
		class      fault.Class
		message    string
	}{
		{"absent", ``, fault.Validation, one + "Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{"short", `{"Name":"ab"}`, fault.Validation, one + "Value 'ab' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 3"},
		{"long", `{"Name":"abcdefghi"}`, fault.Validation, one + "Value 'abcdefghi' at 'name' failed to satisfy constraint: Member must have length less than or equal to 8"},
		{
			"several", `{"Name":"A"}`, fault.Validation,
			"2 validation errors detected: Value 'A' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 3; " +
				`Value 'A' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z\u0030-\u0039]+`,
		},
		{"line break", `{"Name":"abc\n"}`, fault.Validation, one + "Value 'abc\n' at 'name' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: [a-z\u0030-\u0039]+`},
		{"range", `{"Name":"abc","Count":11}`, fault.Validation, one + "Value '11' at 'count' failed to satisfy constraint: Member must have value less than or equal to 10"},
		{"enum", `{"Name":"abc","Color":"blue"}`, fault.Validation, one + "Value 'blue' at 'color' failed to satisfy constraint: Member must satisfy enum value set: [RED, dark-blue]"},
		{"sensitive", `{"Name":"abc","Secret":"hush"}`, fault.Validation, one + "Value at 'secret' failed to satisfy constraint: Member must have length greater than or equal to 6"},
		{"nested", `{"Name":"abc","Parts":[{"Name":"abc"},{}]}`, fault.Validation, one + "Value null at 'parts.2.member.name' failed to satisfy constraint: Member must not be null"},
		{"list of enums", `{"Name":"abc","Part":{"Name":"abc","Colors":["RED","x"]}}`, fault.Validation, one +
			"Value '[RED, x]' at 'part.colors' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [RED, dark-blue]]"},
		{"empty list", `{"Name":"abc","Names":[]}`, fault.Validation, one + "Value '[]' at 'names' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"map value", `{"Name":"abc","Groups":{"abc":[]}}`, fault.Validation, one + "Value '{abc=[...]}' at 'groups' failed to satisfy constraint: " +
			"Map value must satisfy constraint: [Member must have length less than or equal to 3, Member must have length greater than or equal to 1]"},
		{"sensitive map value", `{"Name":"abc","Tags":{"abc":"hush"}}`, fault.Validation, one + "Value at 'tags' failed to satisfy constraint: " +
			"Map value must satisfy constraint: [Member must have length greater than or equal to 6]"},
		{"blob", `{"Name":"abc","Data":"aGVsbG8="}`, fault.Validation, one + "Value at 'data' failed to satisfy constraint: Member must have length less than or equal to 4"},
		{"type", `{"Name":1}`, fault.Serialization, "NUMBER_VALUE cannot be converted to String"},
		{"structure", `{"Part":"x"}`, fault.Serialization, "Unexpected field type"},
		{"null element", `{"Names":[null]}`, fault.Serialization, "NULL_VALUE cannot be converted to String"},
		{"duplicate", `{"Name":"abc","Name":"abd"}`, fault.Serialization, "The request body holds a duplicate key in an object."},
		{"trailing", `{"Name":"abc"}x`, fault.Serialization, "Unable to parse the request body as JSON."},
		{"deep", `{"Part":` + strings.Repeat(`{"Inner":`, 200), fault.Serialization, "The request body is nested too deeply."},
		{"many", `{"Parts":[` + strings.Repeat(`{},`, 70000), fault.Serialization, "The request body holds too many elements."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(tc.body)
			var f *fault.Error
			if !errors.As(err, &f) || f.Class != tc.class || f.Message != tc.message {
				t.Errorf("got  %v\nwant %s", err, tc.message)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	culprit := "abc"
	for _, tc := range []struct {
		name   string
		f      *fault.Error
		status int
		v10    string
		v11    string
	}{
		{"modeled", json10.NewConflict("no %d", 1), 409, `{"__type":"com.amazonaws.things.v20200102#ThingConflict","message":"no 1"}`, `{"__type":"ThingConflict","message":"no 1"}`},
		{
			"members", (&json10.Conflict{Culprit: &json10.Part{Name: &culprit}}).Fault("no"), 409,
			`{"__type":"com.amazonaws.things.v20200102#ThingConflict","message":"no","Culprit":{"Name":"abc"}}`,
			`{"__type":"ThingConflict","message":"no","Culprit":{"Name":"abc"}}`,
		},
		{"server's", json10.NewBroken("x"), 500, `{"__type":"com.amazonaws.things.v20200102#Broken","message":"x"}`, `{"__type":"Broken","message":"x"}`},
		{"validation", fault.New(fault.Validation, "1"), 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"1"}`, `{"__type":"ValidationException","message":"1"}`},
		{"denied", fault.New(fault.AccessDenied, "no"), 400, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}`, `{"__type":"AccessDeniedException","Message":"no"}`},
		{"unknown", fault.New(fault.UnknownOperation, ""), 400, `{"__type":"com.amazon.coral.service#UnknownOperationException"}`, `{"__type":"UnknownOperationException"}`},
		{"internal hides its message", &fault.Error{Message: "secret", Cause: errors.New("secret")}, 500, "", ""},
		{"code that the model lacks", fault.Of("Invented", "secret"), 500, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, v := range []struct {
				s    *protocol.Service
				want string
			}{{json10.API, tc.v10}, {json11.API, tc.v11}} {
				w := &protocol.Response{RequestID: "id", Header: http.Header{}}
				v.s.Protocol.EncodeError(v.s, w, tc.f)
				if w.Status != tc.status || v.want != "" && string(w.Body) != v.want || strings.Contains(string(w.Body), "secret") {
					t.Errorf("%d %s, want %d %s", w.Status, w.Body, tc.status, v.want)
				}
			}
		})
	}
}

func TestErrorHeaders(t *testing.T) {
	t.Parallel()
	w := &protocol.Response{Header: http.Header{}}
	awsjson.V11.EncodeError(json11.API, w, json11.NewConflict("a\r\nb: é"))
	if got := w.Header.Get("x-amzn-ErrorType"); got != "ThingConflict:" {
		t.Errorf("type %q", got)
	}
	if got := w.Header.Get("x-amzn-ErrorMessage"); got != "a??b: ?" {
		t.Errorf("message %q", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"Name":"abc","Parts":[{"Inner":{"Name":null}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in := new(json10.PutThingInput)
		err := awsjson.Decode[json10.PutThingInput](&protocol.Request{Body: body}, in)
		if err != nil {
			if !fault.IsClass(err, fault.Validation) && !fault.IsClass(err, fault.Serialization) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		// What was read is written and read again as the same.
		out := json10.PutThingOutput(*in)
		first := out.AppendJSON(nil)
		again, err := decode(string(first))
		if err != nil {
			t.Fatalf("%q, written as %q: %v", body, first, err)
		}
		out = json10.PutThingOutput(*again)
		if second := out.AppendJSON(nil); string(first) != string(second) {
			t.Fatalf("%q became %q", first, second)
		}
	})
}

// An operation without an output answers with an empty body, not with an empty object.
func TestNoOutputIsNoBody(t *testing.T) {
	t.Parallel()
	w := &protocol.Response{Header: http.Header{}, RequestID: "id"}
	if err := awsjson.EncodeNothing[json10.TouchOutput](json10.API)(w, nil); err != nil {
		t.Fatal(err)
	}
	if len(w.Body) != 0 || w.Header.Get("X-Amz-Crc32") != "0" || w.Header.Get("X-Amzn-Requestid") != "id" {
		t.Errorf("body %q, headers %v", w.Body, w.Header)
	}
}

package restjson_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/bulkhead/bulkhead/internal/codegen/testdata/api/restjson"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	protocoljson "github.com/bulkhead/bulkhead/internal/protocol/restjson"
)

func request(body string) *protocol.Request {
	return &protocol.Request{
		Method: http.MethodPut, Labels: map[string]string{"Name": "abc"}, Query: url.Values{"count": {"3"}, "name": {"abc", "def"}},
		Header: http.Header{"X-Color": {"RED"}, "X-At": {"Tue, 14 Nov 2023 22:13:20 GMT"}, "X-Meta-A": {"b"}}, Body: []byte(body),
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var in restjson.PutThingInput
	// A member that is bound to the path is not read from the body.
	if err := protocoljson.Decode[restjson.PutThingInput](request(`{"Name":"other","Big":1,"Parts":[{"Name":"def"}]}`), &in); err != nil {
		t.Fatal(err)
	}
	if *in.Name != "abc" || *in.Count != 3 || len(in.Names) != 2 || in.Color != restjson.ColorRed || in.Meta["a"] != "b" || in.At == nil {
		t.Errorf("%+v", in)
	}
	code := int32(202)
	out := restjson.PutThingOutput{Name: in.Name, Names: in.Names, Big: in.Big, Parts: in.Parts, Code: &code, Meta: map[string]string{"a": "b\r\nc", "d e": "f"}}
	w := &protocol.Response{RequestID: "id", Header: http.Header{}}
	if err := protocoljson.Encode[restjson.PutThingOutput](restjson.API)(w, &out); err != nil {
		t.Fatal(err)
	}
	if want := `{"Big":1,"Names":["abc","def"],"Parts":[{"Name":"def"}]}`; string(w.Body) != want {
		t.Errorf("got %s", w.Body)
	}
	if w.Status != 202 || w.Header.Get("x-name") != "abc" || w.Header.Get("x-meta-a") != "b  c" || len(w.Header) != 4 {
		t.Errorf("%d %v", w.Status, w.Header)
	}
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	var part restjson.PutPartInput
	if err := protocoljson.Decode[restjson.PutPartInput](plain(`{"Name":"def"}`), &part); err != nil || *part.Part.Name != "def" || *part.Name != "abc" {
		t.Fatalf("%+v %v", part, err)
	}
	var raw restjson.PutRawInput
	if err := protocoljson.Decode[restjson.PutRawInput](plain("\xff{"), &raw); err != nil || string(raw.Data) != "\xff{" {
		t.Fatalf("%+v %v", raw, err)
	}
}

// plain is request without a query string.
func plain(body string) *protocol.Request {
	r := request(body)
	r.Query = nil
	return r
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*protocol.Request){
		"count":      func(r *protocol.Request) { r.Query.Set("count", "x") },
		"repeated":   func(r *protocol.Request) { r.Query.Add("count", "3") },
		"time":       func(r *protocol.Request) { r.Header.Set("x-at", "now") },
		"label":      func(r *protocol.Request) { r.Labels["Name"] = "\xff" },
		"query":      func(r *protocol.Request) { r.Query.Set("name", "\xff") },
		"body":       func(r *protocol.Request) { r.Body = []byte(`[]`) },
		"trailing":   func(r *protocol.Request) { r.Body = []byte(`{}{}`) },
		"duplicated": func(r *protocol.Request) { r.Body = []byte(`{"Big":1,"Big":1}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request("")
			change(r)
			if err := protocoljson.Decode[restjson.PutThingInput](r, new(restjson.PutThingInput)); !fault.IsClass(err, fault.Serialization) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	w := &protocol.Response{RequestID: "id", Header: http.Header{}}
	restjson.API.Protocol.EncodeError(restjson.API, w, restjson.NewConflict("no"))
	if w.Status != 409 || string(w.Body) != `{"message":"no"}` || w.Header.Get("x-amzn-ErrorType") != "ThingConflict" {
		t.Errorf("%d %s %v", w.Status, w.Body, w.Header)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"Big":1,"Parts":[{"Name":"def"}]}`), "3", "abc")
	f.Fuzz(func(t *testing.T, body []byte, count, name string) {
		r := request(string(body))
		r.Query.Set("count", count)
		r.Labels["Name"] = name
		err := protocoljson.Decode[restjson.PutThingInput](r, new(restjson.PutThingInput))
		if err != nil && !fault.IsClass(err, fault.Validation) && !fault.IsClass(err, fault.Serialization) {
			t.Fatalf("%q: %v", body, err)
		}
	})
}

package restxml_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/codegen/testdata/api/restxml"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	protocolxml "github.com/bulkhead/bulkhead/internal/protocol/restxml"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

const members = `<Big>9007199254740993</Big><Choice><Left>abc</Left></Choice><Data>aGk=</Data><Exact>0.1</Exact><Flat><Name>abc</Name></Flat>` +
	`<Groups><entry><key>abc</key><value><member>def</member></value></entry></Groups>%s<On>true</On>` +
	`<Part><Colors><Color>RED</Color></Colors><Inner><Name>ghi</Name></Inner><Name>def</Name></Part><Parts></Parts><Ratio>1.5</Ratio>` +
	`<Secret>a&amp;b&#xD;&lt;c</Secret><Tags><entry><key>key</key><value>secret</value></entry></Tags>`

func request(body string) *protocol.Request {
	return &protocol.Request{
		Method: http.MethodPut, Labels: map[string]string{"Name": "abc"}, Query: url.Values{"count": {"3"}, "name": {"abc", "def"}},
		Header: http.Header{"X-Color": {"RED"}, "X-At": {"Tue, 14 Nov 2023 22:13:20 GMT"}, "X-Meta-A": {"b"}}, Body: []byte(body),
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var in restxml.PutThingInput
	if err := protocolxml.Decode[restxml.PutThingInput](request("<Any>"+strings.Replace(members, "%s", "", 1)+"</Any>"), &in); err != nil {
		t.Fatal(err)
	}
	code := int32(202)
	out := restxml.PutThingOutput{
		At: in.At, Big: in.Big, Choice: in.Choice, Code: &code, Color: in.Color, Count: in.Count, Data: in.Data, Exact: in.Exact, Flat: in.Flat,
		Groups: in.Groups, Meta: in.Meta, Name: in.Name, Names: in.Names, On: in.On, Part: in.Part, Parts: in.Parts, Ratio: in.Ratio,
		Secret: in.Secret, Tags: in.Tags,
	}
	w := &protocol.Response{RequestID: "id", Header: http.Header{}}
	if err := protocolxml.Encode[restxml.PutThingOutput](restxml.API, "Root")(w, &out); err != nil {
		t.Fatal(err)
	}
	want := head + `<Root xmlns="https://things.example/doc/">` +
		strings.Replace(members, "%s", "<Names><member>abc</member><member>def</member></Names>", 1) + `</Root>`
	if string(w.Body) != want {
		t.Errorf("got  %s\nwant %s", w.Body, want)
	}
	for name, want := range map[string]string{
		"X-Color": "RED", "X-At": "Tue, 14 Nov 2023 22:13:20 GMT", "X-Meta-A": "b", "X-Name": "abc", "X-Count": "3", "Content-Type": "application/xml",
	} {
		if got := w.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if w.Status != 202 {
		t.Errorf("status %d", w.Status)
	}
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	var part restxml.PutPartInput
	if err := protocolxml.Decode[restxml.PutPartInput](plain("<Piece><Name>abc</Name></Piece>"), &part); err != nil || *part.Part.Name != "abc" {
		t.Fatalf("%+v %v", part, err)
	}
	w := &protocol.Response{Header: http.Header{}}
	if err := protocolxml.Encode[restxml.PutPartOutput](restxml.API, "Piece")(w, &restxml.PutPartOutput{Part: part.Part}); err != nil {
		t.Fatal(err)
	}
	if want := head + `<Piece xmlns="https://things.example/doc/"><Name>abc</Name></Piece>`; string(w.Body) != want {
		t.Errorf("got %s", w.Body)
	}
	var raw restxml.PutRawInput
	if err := protocolxml.Decode[restxml.PutRawInput](plain("\xff<any>"), &raw); err != nil || string(raw.Data) != "\xff<any>" {
		t.Fatalf("%+v %v", raw, err)
	}
	w = &protocol.Response{Header: http.Header{}}
	if err := protocolxml.Encode[restxml.PutRawOutput](restxml.API, "")(w, &restxml.PutRawOutput{Data: raw.Data}); err != nil || string(w.Body) != "\xff<any>" {
		t.Errorf("%q %v", w.Body, err)
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
	for name, body := range map[string]string{
		"not XML":        "{}",
		"open":           "<a><b></b>",
		"crossed":        "<a><b></a></b>",
		"two elements":   "<a/><b/>",
		"text around":    "<a/>x",
		"doctype":        `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`,
		"unknown entity": "<a>&b;</a>",
		"encoding":       `<?xml version="1.0" encoding="latin1"?><a/>`,
		"UTF-8":          "<a>\xff</a>",
		"control":        "<a>\x00</a>",
		"deep":           strings.Repeat("<a>", 40),
		"many":           "<a>" + strings.Repeat("<b/>", 70000) + "</a>",
		"number":         "<a><Big>x</Big></a>",
		"key twice":      "<a><Tags><entry><key>a</key></entry><entry><key>a</key></entry></Tags></a>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var in restxml.PutThingInput
			if err := protocolxml.Decode[restxml.PutThingInput](request(body), &in); !fault.IsClass(err, fault.Serialization) {
				t.Errorf("%v", err)
			}
		})
	}
	r := request("")
	r.Query["count"] = []string{"1", "2"}
	if err := protocolxml.Decode[restxml.PutThingInput](r, new(restxml.PutThingInput)); !fault.IsClass(err, fault.Serialization) {
		t.Errorf("a repeated parameter: %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	w := &protocol.Response{RequestID: "id", Header: http.Header{}}
	restxml.API.Protocol.EncodeError(restxml.API, w, &fault.Error{Message: "secret", Cause: errors.New("secret")})
	want := head + `<Error><Code>InternalError</Code><Message>The request processing has failed because of an unknown error, exception or failure.` +
		`</Message><RequestId>id</RequestId></Error>`
	if w.Status != 500 || string(w.Body) != want {
		t.Errorf("%d %s", w.Status, w.Body)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("<Any>" + strings.Replace(members, "%s", "", 1) + "</Any>"))
	f.Add([]byte("<a><![CDATA[x]]><!-- y --><Data>a</Data></a>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		err := protocolxml.Decode[restxml.PutThingInput](request(string(body)), new(restxml.PutThingInput))
		if err != nil && !fault.IsClass(err, fault.Validation) && !fault.IsClass(err, fault.Serialization) {
			t.Fatalf("%q: %v", body, err)
		}
	})
}

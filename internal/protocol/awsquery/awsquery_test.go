package awsquery_test

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/codegen/testdata/api/query"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
	"github.com/bulkhead/bulkhead/internal/protocol/awsquery"
)

func decode(body string) (*query.PutThingInput, error) {
	return read(http.MethodPost, "Name=other", body)
}

func read(method, queryString, body string) (*query.PutThingInput, error) {
	in := new(query.PutThingInput)
	form, err := awsquery.ReadForm(method, queryString, []byte(body))
	if err != nil {
		return in, err
	}
	return in, awsquery.Decode[query.PutThingInput](&protocol.Request{Form: form}, in)
}

const full = "Action=PutThing&Version=2020-01-02&Name=abc&Secret=a+b%26c%3Cd&Color=RED&Count=3&Big=9007199254740993&Ratio=1.5&Exact=0.1" +
	"&On=true&At=2023-11-14T22%3A13%3A20.5Z&Data=aGk%3D&Names.member.2=def&Names.member.1=abc&Part.Name=def&Part.Colors.Color.1=RED" +
	"&Part.Inner.Name=ghi&Parts=&Flat.1.Name=abc&Tags.entry.1.key=key&Tags.entry.1.value=secret&Groups.entry.1.key=abc" +
	"&Groups.entry.1.value.member.1=def&Choice.Left=abc"

const answer = `<PutThingResponse xmlns="https://things.example/doc/"><PutThingResult><At>2023-11-14T22:13:20.5Z</At><Big>9007199254740993</Big>` +
	`<Choice><Left>abc</Left></Choice><Color>RED</Color><Count>3</Count><Data>aGk=</Data><Exact>0.1</Exact><Flat><Name>abc</Name></Flat>` +
	`<Groups><entry><key>abc</key><value><member>def</member></value></entry></Groups><Name>abc</Name>` +
	`<Names><member>abc</member><member>def</member></Names><On>true</On>` +
	`<Part><Colors><Color>RED</Color></Colors><Inner><Name>ghi</Name></Inner><Name>def</Name></Part><Parts></Parts><Ratio>1.5</Ratio>` +
	`<Secret>a b&amp;c&lt;d</Secret><Tags><entry><key>key</key><value>secret</value></entry></Tags></PutThingResult>` +
	`<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></PutThingResponse>`

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	in, err := decode(full)
	if err != nil {
		t.Fatal(err)
	}
	if !in.At.Equal(time.UnixMilli(1700000000500)) || string(in.Data) != "hi" {
		t.Errorf("%+v", in)
	}
	out := query.PutThingOutput(*in)
	w := &protocol.Response{RequestID: "id", Header: http.Header{}}
	if err := awsquery.Encode[query.PutThingOutput](query.API, "PutThing", "PutThingResult")(w, &out); err != nil {
		t.Fatal(err)
	}
	if string(w.Body) != answer {
		t.Errorf("got  %s\nwant %s", w.Body, answer)
	}
	if w.Header.Get("Content-Type") != "text/xml" || w.Header.Get("x-amzn-RequestId") != "id" {
		t.Errorf("headers %v", w.Header)
	}
}

func TestNoResult(t *testing.T) {
	t.Parallel()
	w := &protocol.Response{RequestID: "id", Header: http.Header{}}
	if err := awsquery.Encode[query.TouchOutput](query.API, "Touch", "")(w, &query.TouchOutput{}); err != nil {
		t.Fatal(err)
	}
	want := `<TouchResponse xmlns="https://things.example/doc/"><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></TouchResponse>`
	if string(w.Body) != want {
		t.Errorf("got %s", w.Body)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	in, err := read(http.MethodGet, "Name=abc&Names.member.1=def", "Name=other")
	if err != nil || *in.Name != "abc" || in.Names[0] != "def" {
		t.Errorf("%+v %v", in, err)
	}
	if _, err := read(http.MethodGet, "Name=abc&Name=def", ""); !fault.IsClass(err, fault.Serialization) {
		t.Errorf("a repeated parameter: %v", err)
	}
	if err := awsquery.Decode[query.PutThingInput](&protocol.Request{Body: []byte("Name=abc")}, in); err == nil {
		t.Error("a request without a form is taken")
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		class      fault.Class
		message    string
	}{
		{"absent", "", fault.Validation, "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{"empty", "Name=", fault.Validation, "2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than " +
			`or equal to 3; Value '' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z\u0030-\u0039]+`},
		{"twice", "Name=abc&Name=abc", fault.Serialization, "The request holds a parameter twice."},
		{"number", "Name=abc&Count=x", fault.Serialization, "The value 'x' cannot be converted to Integer"},
		{"big number", "Name=abc&Count=4294967297", fault.Serialization, "The value '4294967297' cannot be converted to Integer"},
		{"hexadecimal", "Name=abc&Exact=0x1p-2", fault.Serialization, "The value '0x1p-2' cannot be converted to Double"},
		{"boolean", "Name=abc&On=1", fault.Serialization, "The value '1' cannot be converted to Boolean"},
		{"time", "Name=abc&At=yesterday", fault.Serialization, "The value 'yesterday' cannot be converted to Timestamp"},
		{"escape", "Name=%zz", fault.Serialization, "The request holds a parameter that is not well encoded."},
		{"semicolon", "Name=abc;Count=1", fault.Serialization, "The request holds a parameter that is not well encoded."},
		{"UTF-8", "Name=%ff", fault.Serialization, "The request holds a parameter that is not well encoded."},
		{"index", "Name=abc&Names.member.x=a", fault.Serialization, "The request holds a list whose elements are not numbered."},
		{"index with a zero", "Name=abc&Names.member.01=a", fault.Serialization, "The request holds a list whose elements are not numbered."},
		{"key twice", "Name=abc&Tags.entry.1.key=a&Tags.entry.2.key=a", fault.Serialization, "The request holds a key of a map twice."},
		{"no key", "Name=abc&Tags.entry.1.value=a", fault.Serialization, "The request holds an entry of a map without a key."},
		{"deep", "a" + strings.Repeat(".a", 20) + "=b", fault.Serialization, "The request holds a parameter that is nested too deeply."},
		{"many", strings.Repeat("a&", 20000), fault.Serialization, "The request holds too many parameters."},
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
	name := "abc"
	for _, tc := range []struct {
		f      *fault.Error
		status int
		inner  string
	}{
		{query.NewConflict("<no>\x00"), 409, "<Type>Sender</Type><Code>ThingConflict</Code><Message>&lt;no&gt;\uFFFD</Message>"},
		{(&query.Conflict{Culprit: &query.Part{Name: &name}}).Fault("no"), 409, "<Type>Sender</Type><Code>ThingConflict</Code><Message>no</Message><Culprit><Name>abc</Name></Culprit>"},
		{query.NewBroken("x"), 500, "<Type>Receiver</Type><Code>Broken</Code><Message>x</Message>"},
		{fault.New(fault.AccessDenied, "no"), 403, "<Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message>"},
		{fault.New(fault.UnknownAccessKey, "no"), 403, "<Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>no</Message>"},
		{fault.New(fault.InvalidSignature, "no"), 403, "<Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>no</Message>"},
		{fault.New(fault.UnknownOperation, "no"), 400, "<Type>Sender</Type><Code>InvalidAction</Code><Message>no</Message>"},
		{fault.New(fault.Unsupported, "no"), 501, "<Type>Receiver</Type><Code>NotImplemented</Code><Message>no</Message>"},
	} {
		w := &protocol.Response{RequestID: "id", Header: http.Header{}}
		query.API.Protocol.EncodeError(query.API, w, tc.f)
		want := `<ErrorResponse xmlns="https://things.example/doc/"><Error>` + tc.inner + `</Error><RequestId>id</RequestId></ErrorResponse>`
		if w.Status != tc.status || string(w.Body) != want {
			t.Errorf("got  %d %s\nwant %d %s", w.Status, w.Body, tc.status, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(full)
	f.Add("Names.member.1=a&Names.member=b&Names=c&Tags.entry.1.key=%00")
	f.Fuzz(func(t *testing.T, body string) {
		in, err := decode(body)
		if err != nil {
			if !fault.IsClass(err, fault.Validation) && !fault.IsClass(err, fault.Serialization) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		out := query.PutThingOutput(*in)
		doc := "<R>" + string(out.AppendXML(nil)) + "</R>"
		if err := xml.Unmarshal([]byte(doc), new(struct{})); err != nil {
			t.Fatalf("%q is written as %q: %v", body, doc, err)
		}
	})
}

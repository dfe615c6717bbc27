package xmlcodec_test

import (
	"encoding/xml"
	"math"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/protocol/xmlcodec"
)

func TestAppendText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain é\n\t":        "plain é\n\t",
		`<a href="x">&'</a>`: "&lt;a href=&quot;x&quot;&gt;&amp;&apos;&lt;/a&gt;",
		"\x00\x1b\r":         "\uFFFD\uFFFD&#xD;",
		"\xff\xed\xa0\x80":   "\uFFFD\uFFFD\uFFFD\uFFFD",
		"\uFFFE\uFFFF\uFFFD": "\uFFFD\uFFFD\uFFFD",
		"]]>":                "]]&gt;",
	} {
		if got := string(xmlcodec.AppendText(nil, in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestScalars(t *testing.T) {
	t.Parallel()
	var b []byte
	b = xmlcodec.AppendFloat(b, "F", math.Inf(-1), 64)
	b = xmlcodec.AppendFloat(b, "F", math.NaN(), 64)
	b = xmlcodec.AppendFloat(b, "F", 0.25, 32)
	b = xmlcodec.AppendTime(b, "T", time.UnixMilli(1700000000000))
	b = xmlcodec.AppendTime(b, "T", time.UnixMilli(1700000000120))
	want := "<F>-Infinity</F><F>NaN</F><F>0.25</F><T>2023-11-14T22:13:20Z</T><T>2023-11-14T22:13:20.12Z</T>"
	if string(b) != want {
		t.Errorf("got %s", b)
	}
}

// FuzzText holds that any text is written so that a reader accepts it, and that valid text comes back as it was.
func FuzzText(f *testing.F) {
	f.Add("a\r\n<b>&\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		doc := xmlcodec.AppendString(nil, "a", s)
		var got string
		if err := xml.Unmarshal(doc, &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		n, err := xmlcodec.Parse(doc)
		if err != nil || n.Text().S != got {
			t.Fatalf("%q: %q %v", s, got, err)
		}
		if again := xmlcodec.AppendString(nil, "a", got); string(again) != string(doc) {
			t.Fatalf("%q became %q", doc, again)
		}
	})
}

package tabledata

import (
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/item"
)

// row makes an item of strings, by name and value.
func row(pairs ...string) item.Map {
	var b item.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.Set(pairs[i], item.String(pairs[i+1]))
	}
	return b.Map()
}

func TestLinesOfExports(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 22, 0, 0, 123456789, time.UTC)
	change := func(now, old item.Map) string {
		return string(AppendChange(nil, &Change{At: at, Key: row("pk", "x"), New: now, Old: old}))
	}
	const head = `{"Metadata":{"WriteTimestampMicros":{"N":"1795298400123456"}},"Keys":{"pk":{"S":"x"}}`
	for name, c := range map[string]struct{ got, want string }{
		"an item after another": {string(AppendItem([]byte("{}\n"), row("pk", "x"))), "{}\n" + `{"Item":{"pk":{"S":"x"}}}` + "\n"},
		"new":                   {change(row("pk", "x", "v", "1"), item.Map{}), head + `,"NewImage":{"pk":{"S":"x"},"v":{"S":"1"}}}` + "\n"},
		"gone":                  {change(item.Map{}, row("pk", "x")), head + `,"OldImage":{"pk":{"S":"x"}}}` + "\n"},
		"both": {
			change(row("pk", "x", "v", "2"), row("pk", "x")),
			head + `,"NewImage":{"pk":{"S":"x"},"v":{"S":"2"}},"OldImage":{"pk":{"S":"x"}}}` + "\n",
		},
		"neither": {change(item.Map{}, item.Map{}), head + "}\n"},
		"a time":  {Stamp(at.In(time.FixedZone("", 3600))), "2026-11-21T22:00:00.123Z"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s", name, c.got)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	got, err := List([]File{{Items: 1, MD5: "m", ETag: "e", Key: "a&b"}, {Key: "c"}})
	want := `{"itemCount":1,"md5Checksum":"m","etag":"e","dataFileS3Key":"a&b"}` + "\n" +
		`{"itemCount":0,"md5Checksum":"","etag":"","dataFileS3Key":"c"}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("%v: %s", err, got)
	}
}

package hostile

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// jsonBodies are malformed for every JSON protocol.
var jsonBodies = map[string]string{
	"empty":                "",
	"white space":          "  \n",
	"truncated":            `{"TableName":"t","It`,
	"an array":             `[]`,
	"a string":             `"x"`,
	"trailing data":        `{} {}`,
	"trailing comma":       `{"Id":"a",}`,
	"duplicate keys":       `{"Id":"acme","Id":"globex","TableName":"a","TableName":"b","Description":"a","Description":"b"}`,
	"escaped duplicate":    `{"Id":"acme","\u0049d":"globex","TableName":"a","\u0054ableName":"b","Description":"a","\u0044escription":"b"}`,
	"wrong type":           `{"Id":7,"TableName":7,"Description":7}`,
	"wrong structure":      `{"Id":{},"TableName":[],"Description":{}}`,
	"invalid UTF-8":        "{\"Id\":\"\xff\xfe\",\"TableName\":\"\xff\",\"Description\":\"\xff\"}",
	"lone surrogate":       `{"Id":"\ud800","TableName":"\ud800","Description":"\ud800"}`,
	"control character":    "{\"Id\":\"a\x00b\",\"TableName\":\"a\x00b\",\"Description\":\"a\x00b\"}",
	"deep nesting":         strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
	"deep arrays":          `{"x":` + strings.Repeat("[", 50000) + strings.Repeat("]", 50000) + `}`,
	"a long number":        `{"Id":` + strings.Repeat("9", 100000) + `,"TableName":1e999999999,"Description":1e99999}`,
	"not JSON":             `<xml/>`,
	"byte order mark":      "\xef\xbb\xbf{}x",
	"a million empty keys": `{` + strings.Repeat(`"":1,`, 100000) + `"":1}`,
}

var queryBodies = map[string]string{
	"empty":               "",
	"no action":           "Version=2011-06-15",
	"unknown action":      "Action=Nope&Version=2011-06-15",
	"two actions":         "Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15",
	"bad escape":          "Action=AssumeRole&RoleArn=%zz&Version=2011-06-15",
	"invalid UTF-8":       "Action=AssumeRole&Version=2011-06-15&RoleSessionName=aa&RoleArn=%ff%fe%ff%fe%ff%fe%ff%fe%ff%fe%ff%fe%ff%fe%ff%fe%ff%fe%ff%fe",
	"semicolons":          "Action=AssumeRole;Version=2011-06-15",
	"huge index":          "Action=AssumeRole&Version=2011-06-15&RoleSessionName=aa&RoleArn=arn:aws:iam::123456789012:role/x&Tags.member.999999999.Key=a&Tags.member.999999999.Value=b",
	"negative index":      "Action=AssumeRole&Version=2011-06-15&RoleSessionName=aa&RoleArn=arn:aws:iam::123456789012:role/x&Tags.member.-1.Key=a",
	"index of no number":  "Action=AssumeRole&Version=2011-06-15&RoleSessionName=aa&RoleArn=arn:aws:iam::123456789012:role/x&Tags.member.x.Key=a",
	"many parameters":     "Action=AssumeRole&Version=2011-06-15" + strings.Repeat("&a=b", 100000),
	"same parameter":      "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/x&RoleArn=arn:aws:iam::123456789012:role/y&RoleSessionName=aa",
	"deep member":         "Action=AssumeRole&Version=2011-06-15&" + strings.Repeat("Tags.member.1.", 5000) + "Key=a",
	"duration of letters": "Action=AssumeRole&Version=2011-06-15&RoleSessionName=aa&RoleArn=arn:aws:iam::123456789012:role/x&DurationSeconds=abc",
	"duration overflow":   "Action=AssumeRole&Version=2011-06-15&RoleSessionName=aa&RoleArn=arn:aws:iam::123456789012:role/x&DurationSeconds=99999999999999999999",
	"json":                `{"Action":"AssumeRole"}`,
}

func bodies(t *target) map[string]string {
	if t.name == "awsQuery" {
		return queryBodies
	}
	return jsonBodies
}

// harmless are bodies that an operation may accept, because what is wrong is not of its shape.
var harmless = map[string]bool{"awsJson1_1/empty": true, "awsJson1_1/a million empty keys": true}

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	for i := range targets {
		tgt := &targets[i]
		for name, body := range bodies(tgt) {
			t.Run(tgt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				status, answer := send(t, tgt.request(t, []byte(body)))
				if harmless[tgt.name+"/"+name] && status < 500 {
					return
				}
				if status < 400 || status >= 500 {
					t.Fatalf("HTTP %d: %.300s", status, answer)
				}
				if len(answer) > 4096 {
					t.Errorf("the answer has %d bytes", len(answer))
				}
				if strings.Contains(answer, "internal/") || strings.Contains(answer, ".go:") || strings.Contains(answer, "goroutine") {
					t.Errorf("the answer shows the server's inside: %.300s", answer)
				}
			})
		}
	}
}

// Bodies over the limit are refused whether they say so in advance or not, and cost no memory.
func TestOversizedBodies(t *testing.T) {
	const huge = 64 << 20
	for i := range targets {
		tgt := &targets[i]
		for name, chunked := range map[string]bool{"announced": false, "chunked": true} {
			t.Run(tgt.name+"/"+name, func(t *testing.T) {
				req := tgt.request(t, nil)
				req.Body = http.NoBody
				req.ContentLength = huge
				if chunked {
					req.ContentLength = -1
				}
				zeros := &limited{left: huge}
				req.Body = zeros
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					return // the server closed the connection in the middle of the body, which refuses it
				}
				resp.Body.Close() //nolint:errcheck // nothing of it was wanted
				runtime.ReadMemStats(&after)
				if resp.StatusCode != http.StatusRequestEntityTooLarge && resp.StatusCode != http.StatusBadRequest {
					t.Errorf("HTTP %d", resp.StatusCode)
				}
				if grown := after.TotalAlloc - before.TotalAlloc; grown > 80<<20 {
					t.Errorf("%d MiB were allocated", grown>>20)
				}
			})
		}
	}
}

// limited reads as spaces.
type limited struct{ left int }

func (l *limited) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, http.ErrBodyReadAfterClose
	}
	n := min(len(p), l.left)
	for i := range p[:n] {
		p[i] = ' '
	}
	l.left -= n
	return n, nil
}

func (l *limited) Close() error { return nil }

// FuzzBody sends any body, properly signed, to every protocol: never a failure of the server.
func FuzzBody(f *testing.F) {
	for i := range targets {
		for _, body := range bodies(&targets[i]) {
			if len(body) < 4096 {
				f.Add(uint8(i), []byte(body))
			}
		}
	}
	f.Add(uint8(0), []byte(`{"TableName":"abc","Item":{"pk":{"S":"x"}}}`))
	f.Add(uint8(2), []byte("Action=GetCallerIdentity&Version=2011-06-15"))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		tgt := &targets[int(which)%len(targets)]
		if status, answer := send(t, tgt.request(t, body)); status >= 500 && status != http.StatusNotImplemented {
			t.Fatalf("HTTP %d: %s", status, answer)
		}
	})
}

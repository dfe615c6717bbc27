package bench

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// sink is a ResponseWriter that keeps nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// TestAllocations holds what a request allocates, from the handler on and with its share of the audit's work in the background.
// Unlike times, that is the same on every machine. A number that rises needs a reason; one that has fallen is to be lowered here.
// net/http allocates some 30 objects more.
func TestAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	w := open(t)
	w.fill(t, sealed)
	w.prepare(t, "blocks", batches(sealed), w.tenant)
	if _, err := w.client.do(job{Name: "blocks", Addr: w.addr, Conns: 4}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		call  call
		limit float64
	}{
		{"GetItem", get(sealed)[0], 41},
		{"PutItem", put(sealed)[0], 57},
		{"Query20", queries(sealed)[0], 78},
		{"BatchWrite25", batches(sealed)[0], 297},
		{"TransactWrite4", transactions(sealed)[0], 136},
	} {
		request := w.request(t, tc.call)
		out := &sink{header: http.Header{}}
		body := bytes.NewReader([]byte(tc.call.body))
		request.Body = io.NopCloser(body)
		got := testing.AllocsPerRun(500, func() {
			body.Reset([]byte(tc.call.body))
			clear(out.header)
			w.serve.ServeHTTP(out, request)
		})
		if out.status != http.StatusOK {
			t.Fatalf("%s answers %d", tc.name, out.status)
		}
		t.Logf("%s: %.0f objects", tc.name, got)
		if got > tc.limit {
			t.Errorf("%s allocates %.0f objects, more than %.0f", tc.name, got, tc.limit)
		}
	}
}

// request is the call as the server's handler gets it.
func (w *bed) request(t *testing.T, c call) *http.Request {
	t.Helper()
	text, err := w.sign(c, w.tenant)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := bytes.Cut(text, []byte("\r\n\r\n"))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.addr+"/", nil)
	for line := range bytes.Lines(head[bytes.IndexByte(head, '\n')+1:]) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		r.Header.Add(string(name), string(value))
	}
	r.Header.Del("Host")
	r.Header.Del("Content-Length")
	r.ContentLength = int64(len(c.body))
	return r
}

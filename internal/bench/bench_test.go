package bench

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func options(endpoints ...Endpoint) Options {
	return Options{
		Endpoints: endpoints, Items: 300, Tenants: 3, Clients: []int{1, 4}, Operations: Operations(), Rounds: 2, Turn: 20 * time.Millisecond, Secure: true,
	}
}

// stand is a server that answers as told by the operation's name, after a short while.
type stand struct {
	mu     sync.Mutex
	calls  map[string]int
	answer func(target string, call int) (int, string)
}

func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, target, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	_, _ = io.Copy(io.Discard, r.Body) // the test sees what is missing
	s.mu.Lock()
	s.calls[target]++
	n := s.calls[target]
	s.mu.Unlock()
	status, text := http.StatusOK, `{"Table":{"TableStatus":"ACTIVE"},"TableDescription":{}}`
	if target == "" {
		status = http.StatusNotFound
	} else if st, answer := s.answer(target, n); st != 0 {
		status, text = st, answer
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the test sees what is missing
}

func runStand(t *testing.T, o func(*Options), answer func(target string, call int) (int, string)) (*stand, *Result, error) {
	t.Helper()
	s := &stand{calls: map[string]int{}, answer: answer}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	opts := options(Endpoint{Name: "stand", URL: server.URL, Config: aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}})
	if o != nil {
		o(&opts)
	}
	r, err := Run(t.Context(), opts)
	return s, r, err
}

// Servers that lack an operation are measured in the others.
func TestMissingOperation(t *testing.T) {
	t.Parallel()
	_, r, err := runStand(t, nil, func(target string, _ int) (int, string) {
		if target == "TransactWriteItems" {
			return http.StatusBadRequest, `{"__type":"com.amazon.coral.service#UnknownOperationException"}`
		}
		return 0, ""
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cells {
		if c.Peers[0].Missing != (c.Operation == "TransactWrite4") {
			t.Errorf("%s: %+v", c.Operation, c.Peers[0])
		}
	}
	if r.Peers[0].Bulkhead || r.Peers[0].Secured {
		t.Errorf("it is taken for Bulkhead: %+v", r.Peers[0])
	}
}

// A server whose answers are errors is not measured by how fast it makes them, and the table is removed.
func TestFailing(t *testing.T) {
	t.Parallel()
	s, _, err := runStand(t, nil, func(target string, _ int) (int, string) {
		if target == "PutItem" {
			return http.StatusBadRequest, `{"__type":"AccessDeniedException"}`
		}
		return 0, ""
	})
	if err == nil || !strings.Contains(err.Error(), "stand: PutItem with 1 clients") || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("it ended with %v", err)
	}
	if s.calls["DeleteTable"] != 1 {
		t.Errorf("the table was removed %d times", s.calls["DeleteTable"])
	}
}

// A batch that is done in part is sent again while the items are loaded, and is a failure when it is measured.
func TestUnprocessed(t *testing.T) {
	t.Parallel()
	const part = `{"UnprocessedItems":{"bench":[{}]}}`
	_, r, err := runStand(t, func(o *Options) { o.Operations = []string{"GetItem"} }, func(target string, call int) (int, string) {
		if target == "BatchWriteItem" && call%2 == 1 {
			return http.StatusOK, part
		}
		return 0, ""
	})
	if err != nil || r == nil {
		t.Errorf("loading: %v", err)
	}
	_, _, err = runStand(t, func(o *Options) { o.Operations = []string{largest} }, func(target string, call int) (int, string) {
		if target == "BatchWriteItem" && call > 12 {
			return http.StatusOK, part
		}
		return 0, ""
	})
	if err == nil || !strings.Contains(err.Error(), "UnprocessedItems") {
		t.Errorf("measuring: %v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, edit := range map[string]func(*Options){
		"no endpoint":             func(o *Options) { o.Endpoints = nil },
		"needs --allow-remote":    func(o *Options) { o.Endpoints[0].URL = "http://192.0.2.1:80" },
		"is not on this machine":  func(o *Options) { o.Endpoints[0].URL = "http://127.0.0.1.example:80" },
		"is not http://HOST:PORT": func(o *Options) { o.Endpoints[0].URL = "ftp://127.0.0.1" },
		"two endpoints are called": func(o *Options) {
			o.Endpoints = append(o.Endpoints, o.Endpoints[0])
		},
		"--tenants is from":          func(o *Options) { o.Tenants = 0 },
		"--items is at least 25":     func(o *Options) { o.Items = 74 },
		"--clients are from":         func(o *Options) { o.Clients = []int{0} },
		"13 clients at once need":    func(o *Options) { o.Clients = []int{13} },
		"--rounds is from":           func(o *Options) { o.Rounds = 0 },
		"--turn is from":             func(o *Options) { o.Turn = 0 },
		`"Scan" is none of GetItem`:  func(o *Options) { o.Operations = []string{"Scan"} },
		"nothing to measure":         func(o *Options) { o.Operations = nil },
		"is not http://HOST:PORT or": func(o *Options) { o.Endpoints[0].URL = "http://127.0.0.1/path" },
	} {
		o := options(Endpoint{Name: "one", URL: "http://127.0.0.1:1"})
		edit(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, url := range []string{"http://127.0.0.1:1", "https://localhost", "http://[::1]:1", "http://127.8.8.8:1"} {
		o := options(Endpoint{Name: "one", URL: url})
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// No two requests of a turn touch the same row, whoever's they are, and all rows are there.
func TestLayout(t *testing.T) {
	t.Parallel()
	for _, l := range []layout{newLayout("x", 1, 100), newLayout("x", 7, 700), newLayout("x", 100, 3000), newLayout("x", 6, 333)} {
		for i := range operations {
			o := &operations[i]
			seen := map[[2]int]bool{}
			for i := range l.distinct(o) {
				who, from := l.at(o, i)
				if who < 0 || who >= l.tenants || from < 0 || from+o.rows > l.each || seen[[2]int{who, from / o.rows}] {
					t.Fatalf("%s of %+v: request %d is for tenant %d, row %d", o.name, l, i, who, from)
				}
				seen[[2]int{who, from / o.rows}] = true
			}
		}
	}
}

// Bodies are JSON, and items have the size that is said.
func TestBodies(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		var b strings.Builder
		o.body(&b, "bench", "acme", 5, 1)
		if !json.Valid([]byte(b.String())) {
			t.Errorf("%s: %s", o.name, b.String())
		}
	}
	var b strings.Builder
	item(&b, "acme", 5, 1)
	if b.Len() != itemSize {
		t.Errorf("an item has %d bytes", b.Len())
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("nothing has a median")
	}
	for i := range 10_000 {
		h.add(time.Duration(i+1) * 10 * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0: 10 * time.Microsecond, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := h.quantile(q); got < want*96/100 || got > want*105/100 {
			t.Errorf("quantile %v is %v", q, got)
		}
	}
	h.add(1000 * time.Hour)
	h.add(-time.Second)
	for i := range len(h.counts) - 1 {
		if bucketOf(lower(i)) != i || bucketOf(lower(i+1)-time.Microsecond) != i {
			t.Fatalf("bucket %d begins at %v, which is in %d", i, lower(i), bucketOf(lower(i)))
		}
	}
}

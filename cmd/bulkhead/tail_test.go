package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// A burst of more events than a page holds within the overlap is shown whole, each event once.
func TestTailShowsBursts(t *testing.T) {
	t.Parallel()
	const burst = 2*tailPage + 500
	began := time.Now().Add(-time.Minute)
	events := make([]eventView, burst)
	for i := range events {
		at := began.Add(time.Duration(i) * 100 * time.Microsecond)
		events[i] = eventView{ID: fmt.Sprint(i), Time: float64(at.UnixMilli()) / 1000, Event: fmt.Sprintf(`{"n":%d}`, i)}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("start"))
		if err != nil {
			t.Error(err)
		}
		page := slices.Clone(events)
		page = slices.DeleteFunc(page, func(e eventView) bool { return e.at().Before(from) })
		if err := json.NewEncoder(w).Encode(map[string]any{"Events": page[:min(len(page), tailPage)]}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	tail := &tail{
		remote: &remote{json: true}, seen: map[string]time.Time{}, w: &out,
		cfg: aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATAIL", "s", "")},
	}
	if err := tail.run(t.Context(), began.Add(-time.Second), true); err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(out.String())
	shown := len(lines)
	slices.Sort(lines)
	if distinct := len(slices.Compact(lines)); shown != burst || distinct != burst {
		t.Errorf("%d events are shown, %d of them different, of %d", shown, distinct, burst)
	}
}

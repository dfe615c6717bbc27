package pipeline

import (
	"context"
	"testing"
	"time"

	"github.com/bulkhead/bulkhead/internal/audit"
)

func TestFlood(t *testing.T) {
	t.Parallel()
	var f flood
	now := time.Unix(1700000000, 0)
	for i := range floodBurst {
		if dropped, ok := f.admit(now); !ok || dropped != 0 {
			t.Fatalf("refusal %d: %d %v", i, dropped, ok)
		}
	}
	for i := range 7 {
		if _, ok := f.admit(now); ok {
			t.Fatalf("refusal %d over the burst has an event", i)
		}
	}
	now = now.Add(time.Second / floodRate)
	if dropped, ok := f.admit(now); !ok || dropped != 7 {
		t.Errorf("after a while: %d %v", dropped, ok)
	}
	if _, ok := f.admit(now); ok {
		t.Error("one token served two")
	}
	now = now.Add(time.Hour)
	for range floodBurst {
		if _, ok := f.admit(now); !ok {
			t.Fatal("an hour does not fill the bucket")
		}
	}
	if _, ok := f.admit(now); ok {
		t.Error("an hour fills more than the bucket")
	}
}

// A flood of requests without credentials is refused as ever, and leaves no more than the bucket's events.
func TestFloodOfRefusals(t *testing.T) {
	t.Parallel()
	s := &run{Server: &Server{}}
	s.call.Caller = nobody
	log := &counted{}
	s.Audit = log
	for range 3 * floodBurst {
		s.call.Now = time.Unix(1700000000, 0)
		if err := s.refuse(errUnsigned()); err == nil {
			t.Fatal("not refused")
		}
	}
	if log.queued != floodBurst {
		t.Errorf("%d events", log.queued)
	}
}

// counted counts queued events.
type counted struct {
	Auditor
	queued int
}

func (c *counted) Queue(context.Context, *audit.Event) error { c.queued++; return nil }

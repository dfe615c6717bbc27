package userpool

import (
	"context"
	"testing"

	"github.com/bulkhead/bulkhead/internal/fault"
)

func TestShedding(t *testing.T) {
	t.Parallel()
	g := newGate(1)
	var leave []func()
	for range cap(g.slots) {
		l, err := g.Enter(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.Enter(ctx); err == nil {
		t.Error("a request that was given up got a turn")
	}
	for len(g.queue) < cap(g.queue) {
		g.queue <- struct{}{}
	}
	_, err := g.Enter(context.Background())
	if !fault.Is(err, "TooManyRequestsException") {
		t.Errorf("full: %v", err)
	}
	leave[0]()
}

package userpool

import (
	"context"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Gate bounds the computations that anybody can ask for: the cost of passwords and signatures. It sheds what would wait
// too long, before any of it is computed.
type Gate struct {
	slots, queue chan struct{}
}

// queuePerSlot is how many sign-ins may wait for each processor: at some 3 ms each, a wait of about 200 ms.
const queuePerSlot = 64

func newGate(n int) *Gate {
	return &Gate{slots: make(chan struct{}, n), queue: make(chan struct{}, n*(queuePerSlot+1))}
}

// Enter waits for a turn. The caller calls leave when err is nil.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.queue <- struct{}{}:
	default:
		return nil, refusal.TooManyRequests()
	}
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots; <-g.queue }, nil
	case <-ctx.Done():
		<-g.queue
		return nil, fault.Wrap(ctx.Err(), "wait for a turn")
	}
}

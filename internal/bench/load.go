package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// turn is what one endpoint did in its turn.
type turn struct {
	hist histogram
	// failed counts answers that were no success; why is the first one.
	failed int
	why    string
	took   time.Duration
}

// rate is how many requests succeeded in a second.
func (t *turn) rate() float64 {
	if t.took <= 0 {
		return 0
	}
	return float64(t.hist.total) / t.took.Seconds()
}

// drive sends requests over so many connections for about d. Each connection has requests of its own, so that no two at once touch
// the same row. The clock starts when all are connected, and stops when the last has its last answer.
func drive(ctx context.Context, to *dialer, requests [][]byte, clients int, d time.Duration) (*turn, error) {
	conns := make([]*conn, 0, clients)
	defer func() {
		for _, c := range conns {
			c.Close() //nolint:errcheck // nothing more is read
		}
	}()
	for range clients {
		c, err := to.dial(ctx)
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		conns = append(conns, c)
	}
	// a connection waits in a read: closing it is what ends that when the caller is told to stop
	stop := context.AfterFunc(ctx, func() {
		for _, c := range conns {
			c.Close() //nolint:errcheck // whoever reads hears of it
		}
	})
	defer stop()
	lanes := make([]lane, clients)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range lanes {
		wg.Go(func() { lanes[i].run(ctx, conns[i], requests, i, clients, start.Add(d)) })
	}
	wg.Wait()
	t := &turn{took: time.Since(start)}
	return t, t.sum(ctx, lanes)
}

// lane is what happens on one connection.
type lane struct {
	hist   histogram
	failed int
	why    string
	err    error
}

func (l *lane) run(ctx context.Context, c *conn, requests [][]byte, first, step int, end time.Time) {
	for i := first; ctx.Err() == nil; i += step {
		if i >= len(requests) {
			i = first
		}
		before := time.Now()
		if !before.Before(end) {
			return
		}
		if l.err = c.send(requests[i]); l.err != nil {
			return
		}
		if !c.succeeded() {
			if l.failed++; l.why == "" {
				l.why = c.failure()
			}
			continue
		}
		l.hist.add(time.Since(before))
	}
}

var unprocessed = []byte(`"UnprocessedItems":{"`)

// succeeded reports whether the last answer is a whole success: a batch that the server did in part only is none.
func (c *conn) succeeded() bool {
	return c.status == http.StatusOK && !bytes.Contains(c.body[:min(len(c.body), 64)], unprocessed)
}

// failure is what an answer that is no success says, for people.
func (c *conn) failure() string {
	return fmt.Sprintf("HTTP %d: %s", c.status, strings.ToValidUTF8(string(c.body[:min(len(c.body), 300)]), "?"))
}

func (t *turn) sum(ctx context.Context, lanes []lane) error {
	for i := range lanes {
		l := &lanes[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.err != nil {
			return l.err
		}
		t.hist.merge(&l.hist)
		t.failed += l.failed
		if t.why == "" {
			t.why = l.why
		}
	}
	return nil
}

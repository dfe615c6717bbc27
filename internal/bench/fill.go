package bench

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// fillers is how many connections load items.
	fillers = 16
	// tries is how often a batch is sent that the server did in part only.
	tries = 10
)

// fill loads all items, in batches of one tenant's rows each.
func (p *peer) fill(ctx context.Context, progress func(done, total int)) error {
	start := time.Now()
	per := (p.rows.each + batchRows - 1) / batchRows // batches a tenant
	total := p.rows.tenants * per
	var next, done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range fillers {
		g.Go(func() error {
			c, err := p.dialer.dial(ctx)
			if err != nil {
				return err
			}
			defer c.Close() //nolint:errcheck // nothing more is read
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= total {
					return nil
				}
				from := i % per * batchRows
				if err := p.fillBatch(ctx, c, i/per, from, min(batchRows, p.rows.each-from)); err != nil {
					return err
				}
				progress(int(done.Add(1))*batchRows, total*batchRows)
			}
			return ctx.Err()
		})
	}
	err := g.Wait()
	p.loaded = loaded{p.rows.tenants * p.rows.each, time.Since(start)}
	return err
}

func (p *peer) fillBatch(ctx context.Context, c *conn, who, from, rows int) error {
	by, err := p.access.credentials(ctx, who)
	if err != nil {
		return err
	}
	var b strings.Builder
	writeBatch(&b, p.table, p.rows.tenant(who), from, rows, 0)
	for try := range tries {
		request, err := p.signer.sign(ctx, by, "BatchWriteItem", b.String())
		if err != nil {
			return err
		}
		if err := c.send(request); err != nil {
			return err
		}
		if c.succeeded() {
			return nil
		}
		if c.status != 200 && !c.throttled() {
			break
		}
		if err := pause(ctx, 20*time.Millisecond<<try); err != nil {
			return err
		}
	}
	return fmt.Errorf("load items: %s", c.failure())
}

// throttled reports whether the last answer asks to try again later.
func (c *conn) throttled() bool {
	return c.status >= 500 || strings.Contains(string(c.body), "ThroughputExceeded") || strings.Contains(string(c.body), "Throttling")
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

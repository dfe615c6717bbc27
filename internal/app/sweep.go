package app

import (
	"context"
	"time"
)

// sweepEvery is how often work that is due by the clock is looked for.
const sweepEvery = time.Minute

// sweeping runs f now and then until the server closes: deletion and rotation of keys that are due.
func (a *App) sweeping(name string, f func(context.Context, time.Time) error) {
	a.background(func(ctx context.Context) {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if err := f(ctx, time.Now()); err != nil && ctx.Err() == nil {
				a.log.Error("sweep failed; it is tried again", "of", name, "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// background runs f until the server closes, and waits for it then.
func (a *App) background(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	a.onClose(func(context.Context) error { cancel(); <-done; return nil })
}

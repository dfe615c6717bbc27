package audit

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
)

var errDisk = errors.New("disk on fire")

// faulty fails or blocks updates.
type faulty struct {
	*memkv.DB
	fail  atomic.Bool
	lost  atomic.Bool   // commits, then reports an unknown outcome, once
	block chan struct{} // if set, updates wait until it is closed
}

func (f *faulty) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if f.fail.Load() {
		return errDisk
	}
	err := f.DB.Update(ctx, fn)
	if err == nil && f.lost.Swap(false) {
		return kv.ErrUnknownOutcome
	}
	return err
}

func TestWriteFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		db := &faulty{DB: memkv.New()}
		l := openLog(t, db, options(t))
		ticket, err := l.Intent(ctx, event(t, 1))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Queue(ctx, event(t, 2)); err != nil {
			t.Fatal(err)
		}
		db.fail.Store(true)
		time.Sleep(60 * time.Millisecond)
		synctest.Wait() // the flusher has failed
		_, intent := l.Intent(ctx, event(t, 8))
		for name, err := range map[string]error{
			"Queue": l.Queue(ctx, event(t, 9)), "Append": l.Append(ctx, event(t, 9)), "Intent": intent,
			"Done": ticket.Done(ctx, event(t, 1)),
		} {
			if !errors.Is(err, ErrUnavailable) || !errors.Is(err, errDisk) {
				t.Errorf("%s: %v", name, err)
			}
		}
		db.fail.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := l.Queue(ctx, event(t, 3)); err != nil {
			t.Errorf("after recovery: %v", err)
		}
		closeLog(t, l)
		// What was accepted is there, what was executed is there, what was refused is counted.
		if got := names(t, db); got != "AuditStart Op2 Op1 AuditGap Op3 AuditClose" {
			t.Errorf("stored: %s", got)
		}
		if gap := dump(t, db)[3]; !strings.Contains(gap, `"refused":"3"`) {
			t.Errorf("gap: %s", gap)
		}
		wholeLog(t, db)
	})
}

func TestFailureReachesThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &faulty{DB: memkv.New()}
		l := openLog(t, db, options(t))
		db.fail.Store(true)
		if err := l.Append(t.Context(), event(t, 1)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Append: %v", err)
		}
		db.fail.Store(false)
		time.Sleep(time.Minute)
		db.fail.Store(true)
		if _, err := l.Intent(t.Context(), event(t, 2)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Intent: %v", err)
		}
		db.fail.Store(false)
		time.Sleep(time.Minute)
		closeLog(t, l)
		if got := names(t, db); got != "AuditStart Op1 Op2!NotExecuted AuditClose" {
			t.Errorf("stored: %s", got)
		}
		wholeLog(t, db)
	})
}

// TestUnknownOutcome has a commit succeed whose answer is lost: it is not written twice.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &faulty{DB: memkv.New()}
		l := openLog(t, db, options(t))
		db.lost.Store(true)
		if err := l.Append(t.Context(), event(t, 1)); !errors.Is(err, kv.ErrUnknownOutcome) {
			t.Errorf("Append: %v", err)
		}
		time.Sleep(time.Minute)
		if err := l.Append(t.Context(), event(t, 2)); err != nil {
			t.Error(err)
		}
		closeLog(t, l)
		if got := names(t, db); got != "AuditStart Op1 Op2 AuditClose" {
			t.Errorf("stored: %s", got)
		}
		wholeLog(t, db)
	})
}

func TestCloseGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &faulty{DB: memkv.New()}
		l := openLog(t, db, options(t))
		if err := l.Queue(t.Context(), event(t, 1)); err != nil {
			t.Fatal(err)
		}
		db.fail.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Close(ctx); err == nil {
			t.Error("Close succeeded")
		}
		db.fail.Store(false)
		closeLog(t, openLog(t, db, options(t)))
		if got := names(t, db); got != "AuditStart AuditStart AuditGap AuditClose" {
			t.Errorf("stored: %s", got)
		}
	})
}

func TestBackPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &faulty{DB: memkv.New()}
		o := options(t)
		o.MaxQueue = 2000 // three events or so
		l := openLog(t, db, o)
		db.block = make(chan struct{})
		const n = 20
		var queued atomic.Int32
		done := make(chan error, 1)
		go func() {
			for i := range n {
				if err := l.Queue(context.Background(), event(t, i)); err != nil {
					done <- err
					return
				}
				queued.Add(1)
			}
			done <- nil
		}()
		synctest.Wait()
		if got := queued.Load(); got == 0 || got > 10 {
			t.Errorf("%d of %d events were let in while nothing could be written", got, n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := l.Append(ctx, event(t, 99)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that gives up: %v", err)
		}
		close(db.block)
		if err := <-done; err != nil {
			t.Error(err)
		}
		closeLog(t, l)
		got := names(t, db)
		for i := range n {
			if !strings.Contains(got, event(t, i).Name) {
				t.Errorf("event %d was dropped", i)
			}
		}
		if strings.Count(got, GapName) != 1 {
			t.Errorf("the refused event left no gap: %s", got)
		}
		wholeLog(t, db)
	})
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &faulty{DB: memkv.New()}
		l := openLog(t, db, options(t))
		db.block = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := l.Intent(ctx, event(t, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Intent: %v", err)
		}
		close(db.block)
		closeLog(t, l)
		if got := names(t, db); got != "AuditStart Op1!NotExecuted AuditClose" {
			t.Errorf("stored: %s", got)
		}
		wholeLog(t, db)
	})
}

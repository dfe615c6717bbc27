package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type senderFunc func(context.Context, *Message) error

func (f senderFunc) Send(ctx context.Context, m *Message) error { return f(ctx, m) }

func newQueue(s Sender) *Queue {
	return NewQueue(s, Options{PoolPerMinute: 60, Log: slog.New(slog.DiscardHandler)})
}

func to(i int, pool string) Message {
	m := *message()
	m.To, m.Pool = fmt.Sprintf("u%d@example.org", i), pool
	return m
}

// A pool whose messages nobody takes holds up no other pool's.
func TestPoolsDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(senderFunc(func(ctx context.Context, m *Message) error {
			if m.Pool == "slow" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}))
		var wg sync.WaitGroup
		var busy atomic.Int32
		for i := range 2 * maxPendingPool {
			wg.Go(func() {
				if errors.Is(q.Deliver(t.Context(), to(i, "slow")), ErrBusy) {
					busy.Add(1)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		if err := q.Deliver(t.Context(), to(0, "other")); err != nil || time.Since(began) > 0 {
			t.Errorf("another pool's message takes %s: %v", time.Since(began), err)
		}
		wg.Wait()
		if took := time.Since(began); took > sendTimeout {
			t.Errorf("messages waited %s", took)
		}
		if n := busy.Load(); n != maxPendingPool {
			t.Errorf("%d of %d messages beyond the bound are refused", n, maxPendingPool)
		}
		if err := q.Close(t.Context()); err != nil || len(q.pools) != 0 || q.pending != 0 {
			t.Errorf("after all there is %d, %v left: %v", q.pending, q.pools, err)
		}
	})
}

// Nobody's mailbox is flooded: not through many pools, and not by names that lead to the same mailbox.
func TestRecipientsAreProtected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		q := newQueue(senderFunc(func(context.Context, *Message) error { sent++; return nil }))
		var limited int
		for i := range 100 {
			m := to(0, fmt.Sprint("pool-", i))
			m.To = fmt.Sprintf("ANA+%d@example.org", i)
			if errors.Is(q.Deliver(t.Context(), m), ErrLimited) {
				limited++
			}
		}
		if sent != recipientBurst || limited != 100-recipientBurst {
			t.Errorf("%d messages reach one recipient, %d are refused", sent, limited)
		}
		time.Sleep(recipientEvery)
		if err := q.Deliver(t.Context(), to(0, "p")); err != nil {
			t.Error(err)
		}
		sent = 0
		for i := range 1000 {
			_ = q.Deliver(t.Context(), to(i, "bomber"))
		}
		if sent != 60*poolBurst {
			t.Errorf("one pool sends %d messages at once", sent)
		}
	})
}

func TestRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		var answer error
		q := newQueue(senderFunc(func(context.Context, *Message) error {
			if tries++; tries < maxTries {
				return errors.New("not now")
			}
			return answer
		}))
		if err := q.Deliver(t.Context(), to(1, "p")); err != nil || tries != maxTries {
			t.Errorf("after %d tries: %v", tries, err)
		}
		tries, answer = 0, errors.New("never")
		if err := q.Deliver(t.Context(), to(2, "p")); !errors.Is(err, answer) || tries != maxTries {
			t.Errorf("after %d tries: %v", tries, err)
		}
		tries = 0
		q.sender = senderFunc(func(context.Context, *Message) error { tries++; return ErrRefused })
		if err := q.Deliver(t.Context(), to(3, "p")); !errors.Is(err, ErrRefused) || tries != 1 {
			t.Errorf("a refused message is tried %d times: %v", tries, err)
		}
	})
}

// A quiet message tells its sender nothing, neither by an answer nor by its time; and no log holds what it says or to whom.
func TestQuietMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		q := NewQueue(senderFunc(func(ctx context.Context, _ *Message) error {
			<-ctx.Done()
			return ctx.Err()
		}), Options{PoolPerMinute: 60, Log: slog.New(slog.NewTextHandler(&log, nil))})
		began := time.Now()
		for i := range 3 * maxPendingPool {
			m := to(i%30, "p")
			m.Quiet = true
			if err := q.Deliver(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("quiet messages take %s", took)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if s := log.String(); !strings.Contains(s, "not delivered") || strings.Contains(s, "123456") || strings.Contains(s, "example.org") {
			t.Errorf("the log says %s", s)
		}
	})
}

// Who goes away leaves the message to be sent.
func TestSenderGoesAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := make(chan struct{})
		q := newQueue(senderFunc(func(ctx context.Context, _ *Message) error {
			select {
			case <-time.After(time.Second):
				close(sent)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := q.Deliver(ctx, to(1, "p")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who went away is told %v", err)
		}
		<-sent
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := q.Deliver(t.Context(), to(1, "p")); !errors.Is(err, ErrBusy) {
			t.Errorf("a closed queue answers %v", err)
		}
	})
}

func FuzzPlain(f *testing.F) {
	f.Add("<p>Hello <a href='https://x.example'>you</a><script>x</script>")
	f.Add("{####} <<>")
	f.Fuzz(func(t *testing.T, page string) {
		if got := plain(page); len(got) > 2*len(page)+16 {
			t.Errorf("%d bytes of HTML are %d of text", len(page), len(got))
		}
	})
}

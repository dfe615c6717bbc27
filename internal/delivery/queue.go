package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead/bulkhead/internal/limit"
)

// Limits of a Queue.
const (
	// sendTimeout is how long a message may take, its waiting and all tries together.
	sendTimeout = 10 * time.Second
	// atOnce is how many messages are sent at the same time, atOncePool how many of one pool.
	atOnce, atOncePool = 8, 2
	// maxPending and maxPendingPool bound the messages that wait or are being sent.
	maxPending, maxPendingPool = 1024, 128
	// maxTries bounds the tries of a message; between them it waits retryAfter, then twice as long.
	maxTries   = 3
	retryAfter = 250 * time.Millisecond
	// A recipient gets a message every recipientEvery, and recipientBurst at once, from all pools together.
	recipientEvery, recipientBurst = 3 * time.Minute, 20
	// poolBurst is how many minutes' worth of messages a pool may send at once.
	poolBurst = 10
)

// Queue sends messages, a bounded number of them at the same time and of each pool only some, and makes who sends them
// wait for the outcome unless the message is Quiet. It keeps none: see docs/adr for why there is no outbox.
type Queue struct {
	sender     Sender
	log        *slog.Logger
	recipients *limit.Limiter
	perPool    *limit.Limiter
	slots      chan struct{}
	retry      time.Duration
	timeout    time.Duration
	now        func() time.Time

	mu      sync.Mutex
	closed  bool
	pending int
	pools   map[string]*lane
	running sync.WaitGroup
}

// lane is what one pool has on its way.
type lane struct {
	pending int
	slots   chan struct{}
}

// Options are what a Queue can be given.
type Options struct {
	// PoolPerMinute is how many messages a pool may send in a minute; 0 is no limit.
	PoolPerMinute int
	// Log is told of failures, never of a message's address or body.
	Log *slog.Logger
}

// NewQueue returns a queue in front of a sender. Close it when done.
func NewQueue(s Sender, o Options) *Queue {
	q := &Queue{
		sender: s, log: o.Log, recipients: limit.New(recipientEvery, recipientBurst), slots: make(chan struct{}, atOnce),
		retry: retryAfter, timeout: sendTimeout, now: time.Now, pools: map[string]*lane{},
	}
	if o.PoolPerMinute > 0 {
		q.perPool = limit.New(time.Minute/time.Duration(o.PoolPerMinute), poolBurst*o.PoolPerMinute)
	}
	return q
}

// Deliver sends a message. It returns ErrLimited, ErrBusy or the sender's error, and for a Quiet message always nil, at
// once. When ctx ends before the message is sent, it is sent all the same.
func (q *Queue) Deliver(ctx context.Context, m Message) error {
	done, err := q.start(context.WithoutCancel(ctx), &m)
	if m.Quiet {
		if err != nil {
			q.failed(&m, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *Queue) start(ctx context.Context, m *Message) (<-chan error, error) {
	now := q.now()
	if !q.perPool.Allow(m.Pool, now) {
		return nil, fmt.Errorf("%w of the pool", ErrLimited)
	}
	if !q.recipients.Allow(recipientKey(m.To), now) {
		return nil, fmt.Errorf("%w to the recipient", ErrLimited)
	}
	l, err := q.admit(m.Pool)
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		defer q.leave(m.Pool, l)
		err := q.run(ctx, l, m)
		if err != nil {
			q.failed(m, err)
		}
		done <- err
	}()
	return done, nil
}

// recipientKey tells recipients apart without keeping addresses. What follows a + in a mailbox's name is commonly the
// same person's ("subaddressing", RFC 5233).
func recipientKey(to string) string {
	if local, domain, ok := strings.Cut(to, "@"); ok {
		local, _, _ = strings.Cut(local, "+")
		to = local + "@" + domain
	}
	sum := sha256.Sum256([]byte(strings.ToLower(to)))
	return string(sum[:16])
}

func (q *Queue) admit(pool string) (*lane, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.pools[pool]
	if l == nil {
		l = &lane{slots: make(chan struct{}, atOncePool)}
	}
	if q.closed || q.pending >= maxPending || l.pending >= maxPendingPool {
		return nil, ErrBusy
	}
	q.pending++
	l.pending++
	q.pools[pool] = l
	q.running.Add(1)
	return l, nil
}

func (q *Queue) leave(pool string, l *lane) {
	q.mu.Lock()
	q.pending--
	if l.pending--; l.pending == 0 {
		delete(q.pools, pool)
	}
	q.mu.Unlock()
	q.running.Done()
}

func (q *Queue) run(ctx context.Context, l *lane, m *Message) error {
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	// the pool's own slot first: who waits for that takes none of the others'
	for _, slots := range []chan struct{}{l.slots, q.slots} {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }() //nolint:revive // two at most
		case <-ctx.Done():
			return fmt.Errorf("wait for a turn: %w", ctx.Err())
		}
	}
	return q.try(ctx, m)
}

func (q *Queue) try(ctx context.Context, m *Message) error {
	wait := q.retry
	for n := 1; ; n++ {
		err := q.sender.Send(ctx, m)
		if err == nil || errors.Is(err, ErrRefused) || n == maxTries {
			return err
		}
		select {
		case <-time.After(wait):
			wait *= 2
		case <-ctx.Done():
			return err
		}
	}
}

func (q *Queue) failed(m *Message, err error) {
	q.log.Warn("a message was not delivered", "medium", m.Medium, "pool", m.Pool, "error", err)
}

// Close lets what is on its way finish, at most until ctx ends. Nothing is accepted any more.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	done := make(chan struct{})
	go func() { q.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("messages were still on their way: %w", ctx.Err())
	}
	if c, ok := q.sender.(interface{ Close() error }); ok {
		return c.Close()
	}
	return nil
}

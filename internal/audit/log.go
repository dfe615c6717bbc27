package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead/bulkhead/internal/keyring"
)

// ErrUnavailable is wrapped by the errors of a log that cannot write: the request must fail.
var ErrUnavailable = errors.New("audit: the log cannot be written")

// ErrClosed is returned by calls on a closed log.
var ErrClosed = errors.New("audit: the log is closed")

// OutcomeUnknown is the error code of a management event whose request was executing when the server died.
const OutcomeUnknown = "OutcomeUnknown"

// NotExecuted is the error code of a management event whose intent could not be confirmed, so that nothing was executed.
const NotExecuted = "NotExecuted"

// The names of the events that the log writes about itself, and their source.
const (
	StartName  = "AuditStart"
	GapName    = "AuditGap"
	CloseName  = "AuditClose"
	SelfSource = "audit.bulkhead"
)

// Options configure a log.
type Options struct {
	// Keys derive the chain's MAC key and seal paging tokens. Required.
	Keys *keyring.Keyring
	// NodeID names this node among those that share the store, at most 255 bytes; empty is the host's name. Of two
	// processes with the same id the later takes over, and the earlier fails every event from then on.
	NodeID string
	// Clock tells the time of the log's own events; nil is time.Now.
	Clock func() time.Time
	// Strict makes Queue durable before it returns.
	Strict bool
	// Interval is how soon data events are durable; 0 is 100 ms.
	Interval time.Duration
	// MaxQueue is how many bytes of events wait to be written before callers wait; 0 is 4 MiB.
	MaxQueue int
	// Logger gets failures to write; nil is slog.Default().
	Logger *slog.Logger
	// Prefix is where the log's keys begin; empty is "audit/".
	Prefix []byte
}

func (o *Options) fill() error {
	if o.Keys == nil {
		return errors.New("audit: no keyring")
	}
	if o.NodeID == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("audit: name this node: %w", err)
		}
		o.NodeID = name
	}
	if len(o.NodeID) > 255 {
		return errors.New("audit: the node id is longer than 255 bytes")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Interval <= 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = 4 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if len(o.Prefix) == 0 {
		o.Prefix = []byte("audit/")
	}
	return nil
}

// Log is the running end of a node's chain, and a Reader of all chains. It is safe for concurrent use.
type Log struct {
	*Reader
	o    Options
	seal *sealer // of the committer

	ctx     context.Context // of writes; ends when Close gives up
	cancel  context.CancelFunc
	stopped chan struct{}
	wake    chan struct{}

	chain uint64 // never changes after Open

	// Only the committer touches these after Open.
	head     head
	headData []byte
	macs     map[uint64]sum // of pending intents
	rows     rows

	mu        sync.Mutex
	cur       *batch
	spare     *batch
	room      chan struct{} // closed when a full batch was taken
	closing   bool
	failed    error  // why writing fails just now
	refused   uint64 // events refused that no gap event tells of yet
	refusedAt time.Time

	intents  atomic.Uint64 // number of the last intent
	closeErr error         // set before stopped is closed
}

// batch is what one transaction appends.
type batch struct {
	data   []byte // payloads
	ops    []op
	urgent bool  // somebody waits
	wait   *wait // for those who do
}

// op is one step of a batch: a record or an intent to add, with its payload.
type op struct {
	start, end int
	what       step
	intent     uint64 // number of the intent to add or to remove
}

type step uint8

const (
	addRecord  step = iota
	addIntent       // no record, an intent
	resolveOne      // a record in the place of an intent
)

// wait is the outcome that callers wait for. err is set before done is closed.
type wait struct {
	done chan struct{}
	err  error
	over bool
}

func newWait() *wait { return &wait{done: make(chan struct{})} }

// finish must be called with the log's mutex held.
func (w *wait) finish(err error) {
	if !w.over {
		w.over, w.err = true, err
		close(w.done)
	}
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// complete sets what the caller left open.
func (l *Log) complete(e *Event) {
	if e.ID.IsZero() {
		e.ID = NewID()
	}
	if e.Time.IsZero() {
		e.Time = l.o.Clock()
	}
}

// Append records an event and returns once it is durable. It is for management events that need no intent: refused ones
// and those that only read. It sets e.ID and e.Time if they are zero, and keeps nothing of e. If ctx ends first the event
// is still written.
func (l *Log) Append(ctx context.Context, e *Event) error {
	w, err := l.add(ctx, e, op{}, true)
	if err != nil {
		return err
	}
	return w.await(ctx)
}

// Queue records a data event: in order, durable within Options.Interval, or before it returns if the log is strict. It
// waits while too many events are waiting to be written. Once writing has failed it fails until writing works again; what
// it accepted before is kept and written then.
func (l *Log) Queue(ctx context.Context, e *Event) error {
	if l.o.Strict {
		return l.Append(ctx, e)
	}
	_, err := l.add(ctx, e, op{}, false)
	return err
}

// Ticket is a recorded intent. The zero Ticket is none.
type Ticket struct {
	log  *Log
	id   ID
	no   uint64
	used atomic.Bool
}

// ID is the id of the event that the intent becomes.
func (t *Ticket) ID() ID { return t.id }

// Intent records durably that a management write is about to be executed; execute it only if Intent returns nil, then
// call Done. If the process dies in between, the next start records the event with the error code OutcomeUnknown. The
// event's error fields are ignored. If Intent fails, the event is recorded as NotExecuted as soon as that is possible.
func (l *Log) Intent(ctx context.Context, e *Event) (*Ticket, error) {
	pending := *e
	pending.ErrorCode = OutcomeUnknown
	pending.ErrorMessage = "The server stopped while it executed the request."
	t := &Ticket{log: l, no: l.intents.Add(1)}
	w, err := l.add(ctx, &pending, op{what: addIntent, intent: t.no}, true)
	if err != nil {
		return nil, err
	}
	t.id, e.ID, e.Time = pending.ID, pending.ID, pending.Time
	if err = w.await(ctx); err == nil {
		return t, nil
	}
	pending.ErrorCode = NotExecuted
	pending.ErrorMessage = "The request was not executed because its audit record could not be confirmed."
	// If this is not written either, the intent stays and becomes an event of unknown outcome.
	if _, late := l.add(context.WithoutCancel(ctx), &pending, op{what: resolveOne, intent: t.no}, true); late != nil {
		err = errors.Join(err, late)
	}
	return nil, err
}

// Done records the outcome in the place of the intent, in one transaction, and returns once it is durable. The event
// keeps the intent's id. If the log cannot be written now, Done fails and the outcome is written later; should the process
// die before that, the event becomes one of unknown outcome.
func (t *Ticket) Done(ctx context.Context, e *Event) error {
	if t == nil || t.log == nil {
		return errors.New("audit: not a ticket")
	}
	if t.used.Swap(true) {
		return errors.New("audit: the outcome is recorded already")
	}
	e.ID = t.id
	w, err := t.log.add(ctx, e, op{what: resolveOne, intent: t.no}, true)
	if err != nil {
		return err
	}
	return w.await(ctx)
}

// add puts an event into the current batch. Only outcomes are let in while writing fails.
func (l *Log) add(ctx context.Context, e *Event, o op, urgent bool) (*wait, error) {
	l.complete(e)
	buf := buffers.Get().(*[]byte) // the pool holds nothing else
	defer buffers.Put(buf)
	*buf = appendPayload((*buf)[:0], e)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.admit(ctx, o.what); err != nil {
		return nil, err
	}
	b := l.cur
	first := len(b.ops) == 0
	o.start = len(b.data)
	b.data = append(b.data, *buf...)
	o.end = len(b.data)
	b.ops = append(b.ops, o)
	full := len(b.data) >= l.o.MaxQueue
	if first || full || urgent && !b.urgent {
		b.urgent = b.urgent || urgent || full
		l.signal()
	}
	if !urgent {
		return nil, nil
	}
	if l.failed != nil {
		return nil, l.unavailable()
	}
	if b.wait == nil {
		b.wait = newWait()
	}
	return b.wait, nil
}

// admit waits, with the mutex held, until the current batch has room.
func (l *Log) admit(ctx context.Context, what step) error {
	for {
		switch {
		case l.closing:
			return ErrClosed
		case l.failed != nil && what != resolveOne:
			l.refuse()
			return l.unavailable()
		case len(l.cur.data) < l.o.MaxQueue:
			return nil
		case l.failed != nil:
			return l.unavailable()
		}
		room := l.room
		l.mu.Unlock()
		var err error
		select {
		case <-room:
		case <-ctx.Done():
			err = ctx.Err()
		}
		l.mu.Lock()
		if err != nil {
			l.refuse()
			return err
		}
	}
}

// refuse counts an event that will not be recorded, for the gap event.
func (l *Log) refuse() {
	if l.refused == 0 {
		l.refusedAt = l.o.Clock()
	}
	l.refused++
}

func (l *Log) unavailable() error { return fmt.Errorf("%w: %w", ErrUnavailable, l.failed) }

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (w *wait) await(ctx context.Context) error {
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes what waits and a closing record. Calls after it return ErrClosed. If ctx ends first, Close gives up: the
// next start then marks a gap.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return ErrClosed
	}
	l.closing = true
	l.signal()
	l.mu.Unlock()
	select {
	case <-l.stopped:
	case <-ctx.Done():
	}
	l.cancel()
	<-l.stopped
	return l.closeErr
}

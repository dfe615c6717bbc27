package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// errTaken ends a log whose chain another process has taken over or changed.
var errTaken = errors.New("audit: another process with this node id has taken over the chain, or the chain was changed")

const (
	writeTimeout = 10 * time.Second // of one attempt
	retryFirst   = 100 * time.Millisecond
	retryMost    = 5 * time.Second
)

// run is the committer: one goroutine, so that the chain has one end. While a transaction commits, the next batch
// gathers, so callers share commits.
func (l *Log) run() {
	defer l.stop()
	for {
		b, last := l.next()
		if b == nil {
			l.closeErr = l.ctx.Err()
			return
		}
		if len(b.ops) > 0 {
			if err := l.write(b, running); err != nil {
				l.closeErr = err
				return
			}
		}
		if last {
			end := &batch{}
			end.marker(l.own(CloseName, kindClose, nil))
			l.closeErr = l.write(end, closed)
			return
		}
		l.mu.Lock()
		b.data, b.ops, b.urgent, b.wait = b.data[:0], b.ops[:0], false, nil
		l.spare = b
		l.mu.Unlock()
	}
}

func (l *Log) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = ErrClosed
	}
	if l.cur.wait != nil {
		l.cur.wait.finish(l.unavailable())
	}
	l.letIn()
	close(l.stopped)
}

// next waits until the current batch is due and takes it; last says that the log closes. It returns nil when the log is
// abandoned.
func (l *Log) next() (b *batch, last bool) {
	var timer *time.Timer
	var due <-chan time.Time
	timeUp := false
	for {
		l.mu.Lock()
		waiting := len(l.cur.ops) > 0
		if l.closing || l.cur.urgent || l.refused > 0 || timeUp && waiting {
			b, last = l.take(), l.closing
			l.mu.Unlock()
			if timer != nil {
				timer.Stop()
			}
			return b, last
		}
		l.mu.Unlock()
		if waiting && timer == nil {
			// Half of the interval to gather, half to commit.
			timer = time.NewTimer(l.o.Interval / 2)
			due = timer.C
		}
		select {
		case <-l.wake:
		case <-due:
			timeUp = true
		case <-l.ctx.Done():
			return nil, false
		}
	}
}

// take swaps batches, with the mutex held, and lets those in who wait for room.
func (l *Log) take() *batch {
	b := l.cur
	l.cur, l.spare = l.spare, nil
	if l.cur == nil {
		l.cur = &batch{}
	}
	if l.refused > 0 {
		b.marker(l.own(GapName, kindGap, []Param{
			{"reason", "events were refused because the log could not be written"},
			{"refused", strconv.FormatUint(l.refused, 10)},
			{"since", string(appendTime(nil, l.refusedAt))},
		}))
		l.refused = 0
	}
	l.letIn()
	return b
}

func (l *Log) letIn() {
	close(l.room)
	l.room = make(chan struct{})
}

// marker adds an event of the log's own.
func (b *batch) marker(e *Event) {
	start := len(b.data)
	b.data = appendPayload(b.data, e)
	b.ops = append(b.ops, op{start: start, end: len(b.data)})
}

// own makes an event about the log itself.
func (l *Log) own(name string, k kind, details []Param) *Event {
	return &Event{
		ID: NewID(), Time: l.o.Clock(), Source: SelfSource, Name: name, Management: true, kind: k,
		Identity: Identity{Type: "AWSService", InvokedBy: SelfSource},
		marker:   append([]Param{{"node", l.o.NodeID}}, details...),
	}
}

// write appends a batch to the chain, trying until it succeeds: what was accepted is not dropped. Callers hear of the
// first failure. It returns an error only when the log has to end.
func (l *Log) write(b *batch, st state) error {
	next, data, err := l.build(b, st)
	if err != nil {
		return l.fail(b, err)
	}
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		err := l.commit(data)
		if err == nil {
			l.head, l.headData = next, data
			l.succeed(b)
			return nil
		}
		if failed := l.fail(b, err); errors.Is(err, errTaken) {
			return failed
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-l.wake:
			t.Stop()
		case <-l.ctx.Done():
			t.Stop()
			return err
		}
	}
}

// build chains the batch's records behind the head and returns the head after them, also as stored.
func (l *Log) build(b *batch, st state) (head, []byte, error) {
	h := l.head
	h.state = st
	l.rows.reset()
	for _, o := range b.ops {
		payload := b.data[o.start:o.end]
		if o.what == addIntent {
			l.macs[o.intent] = l.rows.intent(l.keys, l.seal, &h, o.intent, payload)
			continue
		}
		if o.what == resolveOne {
			mac, ok := l.macs[o.intent]
			if !ok {
				return head{}, nil, fmt.Errorf("audit: no intent %d", o.intent)
			}
			delete(l.macs, o.intent)
			l.rows.resolve(l.keys, &h, o.intent, &mac)
		}
		if err := l.rows.record(l.keys, l.seal, &h, payload); err != nil {
			return head{}, nil, err
		}
	}
	return h, l.seal.appendHead(nil, &h), nil
}

// commit writes the rows if the stored head is still the one that they follow. If it is the one that they lead to, an
// attempt whose outcome was not known has succeeded.
func (l *Log) commit(data []byte) error {
	ctx, cancel := context.WithTimeout(l.ctx, writeTimeout)
	defer cancel()
	key := l.keys.head(l.head.chain)
	return l.db.Update(ctx, func(tx kv.Tx) error {
		stored, _, err := tx.Get(key)
		switch {
		case err != nil:
			return err
		case bytes.Equal(stored, data):
			return nil
		case !bytes.Equal(stored, l.headData):
			return errTaken
		}
		if err := l.rows.apply(tx); err != nil {
			return err
		}
		return tx.Set(key, data)
	})
}

func (l *Log) succeed(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		l.o.Logger.Info("audit log can be written again", "chain", l.head.chain)
	}
	l.failed = nil
	if b.wait != nil {
		b.wait.finish(nil)
	}
	if l.refused > 0 {
		l.signal()
	}
	l.news.tell()
}

// fail tells everybody who waits, and refuses events from now on.
func (l *Log) fail(b *batch, err error) error {
	l.o.Logger.Error("audit log cannot be written", "chain", l.head.chain, "error", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
	failed := l.unavailable()
	for _, w := range []*wait{b.wait, l.cur.wait} {
		if w != nil {
			w.finish(failed)
		}
	}
	l.cur.wait = nil
	l.letIn()
	return failed
}

package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// cellKey names what is measured in one go: an operation at a number of clients.
type cellKey struct {
	operation string
	clients   int
}

// cell is what an endpoint did of it, round by round.
type cell struct {
	hist   histogram
	rates  []float64
	cpu    []float64 // µs an operation, where it is known
	failed int
	why    string
	// missing is true if the endpoint does not know the operation.
	missing bool
}

// measurement is a run.
type measurement struct {
	o       *Options
	started time.Time
	machine Machine
	peers   []*peer
	cells   []cellKey // that have begun
	window  int
}

func newMeasurement(o *Options) (*measurement, error) {
	run := strings.ToLower(rand.Text()[:8])
	m := &measurement{o: o, started: time.Now(), machine: thisMachine()}
	for i, e := range o.Endpoints {
		p, err := newPeer(e, fmt.Sprintf("%s-%d", run, i), o) // two may be the same server, or share a store
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		m.peers = append(m.peers, p)
	}
	return m, nil
}

// prepare makes tables and loads them, all at once: some servers take minutes for what others do in seconds.
func (m *measurement) prepare(ctx context.Context) error {
	var load []*peer
	for _, p := range m.peers {
		if p.Floor {
			continue
		}
		if err := m.makeOne(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		load = append(load, p)
	}
	m.o.Display.Step(fmt.Sprintf("loading %d items a server", load[0].rows.tenants*load[0].rows.each))
	sum := &progress{tell: m.o.Display.Progress, done: make([]int, len(load)), total: make([]int, len(load))}
	g, ctx := errgroup.WithContext(ctx)
	for i, p := range load {
		g.Go(func() error {
			if err := p.fill(ctx, func(done, total int) { sum.of(i, done, total) }); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// progress adds up what several have done.
type progress struct {
	mu          sync.Mutex
	tell        func(done, total int)
	done, total []int
}

func (s *progress) of(i, done, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.total {
		s.total[k] = total // all load the same
	}
	s.done[i] = max(s.done[i], done)
	all := 0
	for _, n := range s.done {
		all += n
	}
	s.tell(all, total*len(s.total))
}

// makeOne makes a table, with all that secures it.
func (m *measurement) makeOne(ctx context.Context, p *peer) (err error) {
	if p.bulkhead, err = isBulkhead(ctx, p.URL); err != nil {
		return err
	}
	if p.bulkhead && m.o.Secure {
		m.o.Display.Step(p.Name + ": onboarding tenants, each with its key")
		if err := p.secure(ctx, m.o.Display.Progress); err != nil {
			return err
		}
	}
	return p.makeTable(ctx)
}

// rest lets what a turn left to do in the background end before the next one.
const rest = 100 * time.Millisecond

// measure runs every operation at every number of clients.
func (m *measurement) measure(ctx context.Context) error {
	for _, name := range m.o.Operations {
		for _, clients := range m.o.Clients {
			key := cellKey{name, clients}
			m.cells = append(m.cells, key)
			for _, p := range m.peers {
				p.cells[key] = &cell{}
			}
			m.o.Display.Step(fmt.Sprintf("%s with %d clients", name, clients))
			if err := m.rounds(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// rounds gives each endpoint its turns. The first does not count: servers that compile what runs often are slow in it.
func (m *measurement) rounds(ctx context.Context, key cellKey) error {
	for round := range m.o.Rounds + 1 {
		for k := range m.peers {
			p := m.peers[(round+k)%len(m.peers)] // nobody always follows the same one
			if p.cells[key].missing || p.Floor && m.peers[0].cells[key].missing {
				continue
			}
			if err := m.turn(ctx, p, key, round > 0); err != nil {
				return fmt.Errorf("%s: %s with %d clients: %w", p.Name, key.operation, key.clients, err)
			}
		}
		m.window++
		m.o.Display.Progress(round, m.o.Rounds)
		m.o.Display.Update(m.result())
	}
	return nil
}

// requests are those of a turn; the floor gets the first endpoint's, and learns that one's answer.
func (m *measurement) requests(ctx context.Context, p *peer, key cellKey) ([][]byte, error) {
	of := p
	if p.Floor {
		of = m.peers[0]
	}
	requests, err := of.requests(ctx, operationNamed(key.operation), m.window)
	if err == nil && p.Floor {
		err = p.teach(ctx, of, requests[0])
	}
	return requests, err
}

// failedShare is the share of requests, one in so many, that may fail: conflicts and throttling happen, a wrong set-up fails all.
const failedShare = 100

func (m *measurement) turn(ctx context.Context, p *peer, key cellKey, count bool) error {
	requests, err := m.requests(ctx, p, key)
	if err != nil {
		return err
	}
	before := p.usage(ctx)
	t, err := drive(ctx, p.dialer, requests, key.clients, m.o.Turn)
	if err != nil {
		return err
	}
	c := p.cells[key]
	if c.missing = t.hist.total == 0 && strings.Contains(t.why, "UnknownOperation"); c.missing {
		return nil
	}
	if n := uint64(t.failed); n > 0 && n >= (t.hist.total+n)/failedShare {
		return fmt.Errorf("%d of %d requests failed, the first with %s", n, t.hist.total+n, t.why)
	}
	if err := pause(ctx, rest); err != nil || !count {
		return err
	}
	c.hist.merge(&t.hist)
	c.rates = append(c.rates, t.rate())
	c.failed += t.failed
	if c.why == "" {
		c.why = t.why
	}
	after := p.usage(ctx)
	if after.known {
		p.memory = after.memory
	}
	if before.known && after.known {
		c.cpu = append(c.cpu, (after.cpu-before.cpu).Seconds()/float64(max(t.hist.total, 1))*1e6)
	}
	return nil
}

// cleanTimeout bounds the removal of what was made.
const cleanTimeout = 10 * time.Minute

// clean removes what was made, also when the run was stopped.
func (m *measurement) clean(ctx context.Context) error {
	if m.o.Keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	var errs []error
	for _, p := range m.peers {
		if !p.made && !p.secured {
			continue
		}
		m.o.Display.Step(p.Name + ": removing what was made")
		if err := p.clean(ctx, m.o.Display.Progress); err != nil {
			errs = append(errs, fmt.Errorf("%s: remove table %s: %w", p.Name, p.table, err))
		}
	}
	m.o.Display.Step("")
	return errors.Join(errs...)
}

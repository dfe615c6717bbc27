package functions

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits bound what functions can take of the server. The zero value of each field stands for the default.
type Limits struct {
	// Timeout is how long one attempt may take: 5 seconds, as Cognito waits.
	Timeout time.Duration
	// Attempts is how often an invocation is tried that timed out, was throttled or failed on its way: 3, as Cognito does.
	Attempts int
	// PerFunction, PerAccount and Total are how many invocations may run at once: 64, 256 and 1024. More of them are
	// throttled without a try.
	PerFunction, PerAccount, Total int
	// Trip is after how many time-outs in a row a function is left alone: 10; and Rest for how long: 10 seconds.
	Trip int
	Rest time.Duration
}

func (l Limits) orDefaults() Limits {
	def := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	def(&l.Attempts, 3)
	def(&l.PerFunction, 64)
	def(&l.PerAccount, 256)
	def(&l.Total, 1024)
	def(&l.Trip, 10)
	if l.Timeout <= 0 {
		l.Timeout = 5 * time.Second
	}
	if l.Rest <= 0 {
		l.Rest = 10 * time.Second
	}
	return l
}

// Caller invokes functions within limits, on behalf of accounts that may. It is safe for concurrent use.
type Caller struct {
	to     Invoker
	limits Limits
	trust  map[string][]string
	now    func() time.Time

	mu        sync.Mutex
	total     int
	accounts  map[string]int
	functions map[string]*state
}

// state is what is known of a function. It is forgotten when nothing of it runs and it answered last.
type state struct {
	running  int
	timeouts int
	rest     time.Time
}

// maxResting bounds how many functions are remembered for having timed out.
const maxResting = 4096

// NewCaller returns a caller of an Invoker. trust says, by account, functions of which other accounts may be invoked on
// its behalf; those of its own account always may. The server invokes all of them with one set of credentials, so without
// this an account could have the functions of another one run.
func NewCaller(to Invoker, limits Limits, trust map[string][]string) *Caller {
	return &Caller{
		to: to, limits: limits.orDefaults(), trust: trust, now: time.Now,
		accounts: map[string]int{}, functions: map[string]*state{},
	}
}

// Invoke implements Invoker, with retries. An account that may not invoke the function gets ErrDenied.
func (c *Caller) Invoke(ctx context.Context, r Request) (Result, error) {
	if !c.may(r) {
		return Result{}, ErrDenied
	}
	s, err := c.enter(r)
	if err != nil {
		return Result{}, err
	}
	var out Result
	for range c.limits.Attempts {
		out, err = c.attempt(ctx, r)
		if !again(err) || ctx.Err() != nil {
			break
		}
	}
	c.leave(r, s, err)
	return out, err
}

// may reports whether the function belongs to the account or to one that it is trusted with.
func (c *Caller) may(r Request) bool {
	parts := strings.SplitN(r.Function, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || parts[2] != "lambda" || r.Account == "" {
		return false
	}
	return parts[4] == r.Account || slices.Contains(c.trust[r.Account], parts[4])
}

func (c *Caller) attempt(ctx context.Context, r Request) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	out, err := c.to.Invoke(ctx, r)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		err = errors.Join(ErrTimeout, err)
	}
	return out, err
}

// again reports whether another attempt may fare better.
func again(err error) bool {
	if err == nil {
		return false
	}
	for _, final := range []error{ErrNotFound, ErrDenied, ErrTooLarge, ErrNotConfigured} {
		if errors.Is(err, final) {
			return false
		}
	}
	return true
}

// enter takes a place for the invocation, or returns ErrThrottled; ErrTimeout while the function rests.
func (c *Caller) enter(r Request) (*state, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.functions[r.Function]
	switch {
	case c.total >= c.limits.Total, c.accounts[r.Account] >= c.limits.PerAccount, s != nil && s.running >= c.limits.PerFunction:
		return nil, ErrThrottled
	case s != nil && s.timeouts >= c.limits.Trip && (c.now().Before(s.rest) || s.running > 0):
		return nil, ErrTimeout // after the rest, one invocation at a time finds out
	case s == nil:
		s = &state{}
		c.functions[r.Function] = s
	}
	s.running++
	c.total++
	c.accounts[r.Account]++
	return s, nil
}

func (c *Caller) leave(r Request, s *state, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.running--
	c.total--
	if c.accounts[r.Account]--; c.accounts[r.Account] == 0 {
		delete(c.accounts, r.Account)
	}
	if errors.Is(err, ErrTimeout) {
		if s.timeouts++; s.timeouts >= c.limits.Trip {
			s.rest = c.now().Add(c.limits.Rest)
		}
	} else {
		s.timeouts = 0
	}
	if s.running == 0 && (s.timeouts == 0 || len(c.functions) > maxResting) {
		delete(c.functions, r.Function)
	}
}

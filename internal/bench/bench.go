// Package bench measures endpoints that speak the DynamoDB API beside each other: the same items and requests, from one client, in
// turns, so that what else runs on the machine hits all alike. Results are medians of rounds with their spread, and ratios to the
// first endpoint within each round.
//
// The load is sent by a client of its own over kept-alive connections, with requests that are signed before the clock starts: the
// client of an SDK would be the slowest part.
package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Endpoint is a server to measure.
type Endpoint struct {
	// Name tells it from the others in results.
	Name string
	// URL is http://host:port or https://host:port.
	URL string
	// Config has the region and the credentials that its requests are signed with.
	Config aws.Config
	// PID is the process whose memory and CPU time are read; 0 is unknown.
	PID int
	// Floor says that it is a ServeFloor: it gets the requests of the first endpoint, and gives that one's answers.
	Floor bool
}

// Options say what to measure.
type Options struct {
	Endpoints []Endpoint
	// Items is how many rows there are, Tenants to how many tenants they belong, equally.
	Items, Tenants int
	// Clients are the numbers of connections, each with one request under way.
	Clients []int
	// Operations are those measured, by name; see Operations.
	Operations []string
	// Rounds is how often each endpoint has its turn, Turn how long that is.
	Rounds int
	Turn   time.Duration
	// Secure sets Bulkhead's tables up with owner rule, sealing and a policed session a tenant. Endpoints that are not
	// Bulkhead have none of these.
	Secure bool
	// Keep leaves the tables, and what else was made, where they are.
	Keep bool
	// AllowRemote permits endpoints that are not on this machine.
	AllowRemote bool
	// Display is told what goes on; nil is nobody.
	Display Display
}

// Display shows progress.
type Display interface {
	// Step begins a step; "" is none.
	Step(text string)
	// Progress says how much of the step is done.
	Progress(done, total int)
	// Update shows what is known so far.
	Update(r *Result)
}

// Limits of what can be asked for.
const (
	maxItems   = 100_000_000
	maxTenants = 1_000_000
	maxClients = 4096
	maxRounds  = 1000
	maxTurn    = 10 * time.Minute
)

// Validate says what is wrong with the options.
func (o *Options) Validate() error {
	switch {
	case len(o.Endpoints) == 0 || o.Endpoints[0].Floor:
		return errors.New("no endpoint: give one with --endpoint")
	case o.Tenants < 1 || o.Tenants > maxTenants:
		return fmt.Errorf("--tenants is from 1 to %d", maxTenants)
	case o.Items > maxItems || o.Items/o.Tenants < batchRows:
		return fmt.Errorf("--items is at least %d for each tenant, and at most %d", batchRows, maxItems)
	case o.Rounds < 1 || o.Rounds > maxRounds:
		return fmt.Errorf("--rounds is from 1 to %d", maxRounds)
	case o.Turn < time.Millisecond || o.Turn > maxTurn:
		return fmt.Errorf("--turn is from 1ms to %v", maxTurn)
	case len(o.Clients) == 0 || len(o.Operations) == 0:
		return errors.New("nothing to measure: name operations and numbers of clients")
	}
	for _, c := range o.Clients {
		if c < 1 || c > maxClients {
			return fmt.Errorf("--clients are from 1 to %d", maxClients)
		}
		if l := newLayout("", o.Tenants, o.Items); l.distinct(operationNamed(largest)) < c {
			return fmt.Errorf("%d clients at once need %d items, to write different ones: raise --items", c, c*batchRows)
		}
	}
	for _, name := range o.Operations {
		if operationNamed(name) == nil {
			return fmt.Errorf("operation %q is none of %s", name, strings.Join(Operations(), ", "))
		}
	}
	return o.validateEndpoints()
}

func (o *Options) validateEndpoints() error {
	names := map[string]bool{}
	for i := range o.Endpoints {
		e := &o.Endpoints[i]
		if e.Name == "" || names[e.Name] {
			return fmt.Errorf("two endpoints are called %q: name them with --endpoint NAME=URL", e.Name)
		}
		names[e.Name] = true
		u, err := url.Parse(e.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("endpoint %s: %q is not http://HOST:PORT or https://HOST:PORT", e.Name, e.URL)
		}
		if !o.AllowRemote && !loopback(u.Hostname()) {
			return fmt.Errorf("endpoint %s is not on this machine: load on others' servers needs --allow-remote", e.Name)
		}
	}
	return nil
}

// loopback reports whether a host is this machine for sure: names may stand for anything.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}

// Run measures. When ctx ends it stops, returns what it has measured until then, and the reason. What it made it removes in any
// case, unless told to keep it; then Result says what there is.
func Run(ctx context.Context, o Options) (r *Result, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Display == nil {
		o.Display = nobody{}
	}
	m, err := newMeasurement(&o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.clean(ctx)) }()
	if err := m.prepare(ctx); err != nil {
		return nil, err
	}
	err = m.measure(ctx)
	return m.result(), err
}

type nobody struct{}

func (nobody) Step(string)       {}
func (nobody) Progress(_, _ int) {}
func (nobody) Update(*Result)    {}

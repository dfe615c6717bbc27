package bench

import (
	"math"
	"slices"
	"time"
)

// Result is what a run measured; times are in microseconds.
type Result struct {
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Machine Machine   `json:"machine"`
	Items   int       `json:"items"`
	Tenants int       `json:"tenants"`
	// ItemBytes is the size of an item's JSON.
	ItemBytes   int     `json:"itemBytes"`
	Rounds      int     `json:"rounds"`
	TurnSeconds float64 `json:"turnSeconds"`
	Peers       []Peer  `json:"endpoints"`
	Cells       []Cell  `json:"results"`
}

// Peer is an endpoint that was measured.
type Peer struct {
	Name     string `json:"name"`
	URL      string `json:"url"`
	Bulkhead bool   `json:"bulkhead"`
	// Floor says that it is the least that a server of net/http can do, with the first endpoint's answers.
	Floor bool `json:"floor,omitempty"`
	// Secured says that the table had an owner rule and sealed rows, and that requests came by tenants' policed sessions.
	Secured bool `json:"secured"`
	// Table is the table's name, if it was kept.
	Table string `json:"table,omitempty"`
	// LoadedPerSecond is how many items a second were loaded.
	LoadedPerSecond float64 `json:"loadedPerSecond"`
	// MemoryBytes is the resident memory of the server's process at the end; 0 is unknown.
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
}

// Cell is one operation at one number of clients.
type Cell struct {
	Operation string `json:"operation"`
	Clients   int    `json:"clients"`
	// Peers are in the order of Result.Peers.
	Peers []Measured `json:"endpoints"`
}

// Measured is what one endpoint did in a cell.
type Measured struct {
	// PerSecond is the throughput.
	PerSecond Spread `json:"perSecond"`
	// Ratio is the first endpoint's throughput divided by this one's, in the same round.
	Ratio Spread `json:"ratio"`
	// CPURatio is this endpoint's CPU time for an operation divided by the first one's, in the same round: as Ratio, more than 1
	// speaks for the first.
	CPURatio Spread `json:"cpuRatio,omitzero"`
	// OfFloor is the floor's throughput divided by this one's, CPUOfFloor this one's CPU time divided by the floor's, in the same
	// round: no server of net/http can be more than so many times as fast as this endpoint. Zero without a floor.
	OfFloor    Spread `json:"ofFloor,omitzero"`
	CPUOfFloor Spread `json:"cpuOfFloor,omitzero"`
	// P50 and P99 are latencies of all rounds together.
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	// CPU is the server process's CPU time for an operation; zero if unknown.
	CPU Spread `json:"cpu,omitzero"`
	// Requests succeeded, Failed did not; Why is the first answer of these.
	Requests uint64 `json:"requests"`
	Failed   int    `json:"failed,omitempty"`
	Why      string `json:"why,omitempty"`
	// Missing says that the endpoint does not have the operation.
	Missing bool `json:"missing,omitempty"`
}

// Spread is a median with the least and the greatest of the rounds.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	// Rounds are all values, in order.
	Rounds []float64 `json:"rounds"`
}

func spread(list []float64) Spread {
	if len(list) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(list))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + median) / 2
	}
	return Spread{median, sorted[0], sorted[len(sorted)-1], slices.Clone(list)}
}

// ratios divides the first endpoint's rates by another's, round by round.
func ratios(first, other []float64) []float64 {
	n := min(len(first), len(other))
	list := make([]float64, 0, n)
	for i := range n {
		if r := first[i] / other[i]; !math.IsInf(r, 0) && !math.IsNaN(r) { //nolint:gosec // n is no more than either has
			list = append(list, r)
		}
	}
	return list
}

// result is what is known so far.
func (m *measurement) result() *Result {
	r := &Result{
		Started: m.started.UTC(), Seconds: time.Since(m.started).Seconds(), Machine: m.machine, Items: m.peers[0].rows.tenants * m.peers[0].rows.each,
		Tenants: m.o.Tenants, ItemBytes: itemSize, Rounds: m.o.Rounds, TurnSeconds: m.o.Turn.Seconds(),
	}
	r.Machine.Load = slices.Concat(m.machine.Load, loadAverage())
	for _, p := range m.peers {
		shown := Peer{Name: p.Name, URL: p.URL, Bulkhead: p.bulkhead, Floor: p.Floor, Secured: p.secured, MemoryBytes: p.memory}
		if m.o.Keep && !p.Floor {
			shown.Table = p.table
		}
		if p.loaded.took > 0 {
			shown.LoadedPerSecond = float64(p.loaded.items) / p.loaded.took.Seconds()
		}
		r.Peers = append(r.Peers, shown)
	}
	for _, key := range m.cells {
		c := Cell{Operation: key.operation, Clients: key.clients}
		first, floor := m.peers[0].cells[key], m.floor(key)
		for _, p := range m.peers {
			c.Peers = append(c.Peers, p.cells[key].measured(first, floor))
		}
		r.Cells = append(r.Cells, c)
	}
	return r
}

// floor is what the floor did of a cell; nothing if there is none.
func (m *measurement) floor(key cellKey) *cell {
	for _, p := range m.peers {
		if p.Floor {
			return p.cells[key]
		}
	}
	return &cell{}
}

func (c *cell) measured(first, floor *cell) Measured {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return Measured{
		PerSecond: spread(c.rates), Ratio: spread(ratios(first.rates, c.rates)), CPURatio: spread(ratios(c.cpu, first.cpu)),
		OfFloor: spread(ratios(floor.rates, c.rates)), CPUOfFloor: spread(ratios(c.cpu, floor.cpu)), P50: us(c.hist.quantile(0.5)), P99: us(c.hist.quantile(0.99)),
		CPU: spread(c.cpu), Requests: c.hist.total, Failed: c.failed, Why: c.why, Missing: c.missing,
	}
}

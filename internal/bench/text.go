package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Table writes the result for people.
func (r *Result) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	first := "FIRST"
	if len(r.Peers) > 0 {
		first = r.Peers[0].Name
	}
	fmt.Fprintf(t, "OPERATION\tCLIENTS\tENDPOINT\tPER SECOND\tLEAST–MOST\tP50\tP99\tSERVER CPU\t%s ÷ THIS\tLEAST–MOST\tBY CPU\tLEAST–MOST\tFLOOR ÷ THIS\tBY CPU\n", first) //nolint:errcheck // Flush says it
	for _, c := range r.Cells {
		for i, m := range c.Peers {
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", c.Operation, c.Clients, r.Peers[i].Name, m.columns(i)) //nolint:errcheck // Flush says it
		}
	}
	fmt.Fprintln(t)                                                                      //nolint:errcheck // Flush says it
	fmt.Fprintln(t, "ENDPOINT\tURL\tSET UP AS\tLOADED, ITEMS PER SECOND\tMEMORY\tTABLE") //nolint:errcheck // Flush says it
	for i := range r.Peers {
		p := &r.Peers[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.URL, p.Setup(), p.Loaded(), Memory(p.MemoryBytes), orDash(p.Table)) //nolint:errcheck // Flush says it
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", r.Summary())
	return err
}

func (m *Measured) columns(place int) string {
	if m.Missing {
		return "not there\t\t\t\t\t\t\t\t\t\t"
	}
	if len(m.PerSecond.Rounds) == 0 {
		return "–\t\t\t\t\t\t\t\t\t\t"
	}
	ratio := "\t\t\t"
	if place > 0 {
		ratio = m.Ratio.columns() + "\t" + m.CPURatio.columns()
	}
	floor := "\t"
	if m.OfFloor.Median > 0 {
		floor = timesOrDash(m.OfFloor.Median) + "\t" + timesOrDash(m.CPUOfFloor.Median)
	}
	cpu := "–"
	if m.CPU.Median > 0 {
		cpu = Latency(m.CPU.Median)
	}
	failed := ""
	if m.Failed > 0 {
		failed = fmt.Sprintf("  (%d failed: %s)", m.Failed, m.Why)
	}
	return fmt.Sprintf("%s\t%s–%s\t%s\t%s\t%s\t%s\t%s%s", number(m.PerSecond.Median), number(m.PerSecond.Low), number(m.PerSecond.High),
		Latency(m.P50), Latency(m.P99), cpu, ratio, floor, failed)
}

// columns are the median and the spread of a ratio.
func (s *Spread) columns() string {
	if s.Median == 0 {
		return "–\t"
	}
	return fmt.Sprintf("%s\t%s–%s", times(s.Median), times(s.Low), times(s.High))
}

// timesOrDash writes a ratio, if it is known.
func timesOrDash(x float64) string {
	if x == 0 {
		return "–"
	}
	return times(x)
}

// Setup says in words what an endpoint's requests went through.
func (p *Peer) Setup() string {
	switch {
	case p.Floor:
		return "net/http alone: reads the body, gives the first one's answer"
	case p.Secured:
		return "guard, sealing, tenants' sessions"
	case p.Bulkhead:
		return "plain table, one key"
	}
	return "as it is"
}

// Loaded is how many items were loaded a second, for people.
func (p *Peer) Loaded() string {
	if p.LoadedPerSecond == 0 {
		return "–"
	}
	return number(p.LoadedPerSecond)
}

// Summary says in a sentence or two what was measured and where.
func (r *Result) Summary() string {
	load := ""
	if l := r.Machine.Load; len(l) == 2 {
		load = fmt.Sprintf(", load average %.1f before and %.1f after", l[0], l[1])
	}
	model := r.Machine.System
	if r.Machine.Model != "" {
		model = r.Machine.Model + ", " + model
	}
	return fmt.Sprintf("%d items of %d bytes of %d tenants. Medians of %d rounds of %v each, endpoints in turns; latencies over all rounds.\n"+
		"%d CPUs (%s)%s. Began %s, took %v.", r.Items, r.ItemBytes, r.Tenants, r.Rounds, seconds(r.TurnSeconds),
		r.Machine.CPUs, model, load, r.Started.Format(time.RFC3339), seconds(r.Seconds).Round(time.Second))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// number writes a count for people: whole, and in thousands from 10,000.
func number(x float64) string {
	switch {
	case x >= 99_950:
		return fmt.Sprintf("%.0fk", x/1000)
	case x >= 9_995:
		return fmt.Sprintf("%.1fk", x/1000)
	case x >= 9.95:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.1f", x)
}

// times writes a ratio.
func times(x float64) string {
	if x >= 99.95 {
		return fmt.Sprintf("%.0f", x)
	}
	if x >= 9.995 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// Latency writes a time in microseconds for people.
func Latency(us float64) string {
	switch {
	case us >= 999_500:
		return fmt.Sprintf("%.1fs", us/1e6)
	case us >= 9_995:
		return fmt.Sprintf("%.0fms", us/1e3)
	case us >= 999.5:
		return fmt.Sprintf("%.1fms", us/1e3)
	}
	return fmt.Sprintf("%.0fµs", us)
}

// Memory writes a size in bytes for people; "–" for 0.
func Memory(bytes int64) string {
	if bytes == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
}

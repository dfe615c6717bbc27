package bench

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

const (
	// minPairs is how many pairs a ratio is the median of, at least.
	minPairs = 7
	// turn is how long one side of a pair runs.
	turn = 200 * time.Millisecond
	// rest lets what one turn left to do in the background (the audit's queue) end before the next.
	rest = 120 * time.Millisecond
)

// side is what is measured in turns with others; run works for about d.
type side struct {
	name string
	run  func(d time.Duration) (done, error)
}

// done is what a turn did.
type done struct {
	count int
	// took is the time that the rate is by.
	took time.Duration
}

func (d done) rate() float64 { return float64(d.count) / d.took.Seconds() }

// aim is what a ratio is to reach; no aim for the zero value.
type aim struct {
	text string
	// least or most bounds the ratio own/floor.
	least, most float64
}

func atLeast(x float64, of string) aim { return aim{fmt.Sprintf("≥ %.3g × %s", x, of), x, 0} }
func atMost(x float64, of string) aim  { return aim{fmt.Sprintf("≤ %.3g × %s", x, of), 0, x} }

func (a aim) reached(ratio float64) string {
	switch {
	case a.text == "":
		return ""
	case a.least > 0 && ratio >= a.least, a.most > 0 && ratio <= a.most:
		return "yes"
	}
	return "no"
}

// result is a line of the table.
type result struct {
	path, of    string
	aim         aim
	ratio       float64
	low, high   float64
	pairs       int
	rate, floor float64
	// cpu and floorCPU are the server process's, with what it does after the answers, in µs an operation.
	cpu, floorCPU float64
}

var results []result

// compare runs own and the floors in turns, at least minPairs times, and reports the median of own's ratio to each
// floor; of the inverse where the aim is a bound from above, which is one of time.
func compare(b *testing.B, path string, own side, floors []side, aims []aim) {
	b.Helper()
	if os.Getenv("BENCH_ONLY") != "" { // for profiles of the server's side alone
		floors, aims = nil, nil
	}
	ratios := make([][]float64, len(floors))
	rates, cpus := make([][]float64, len(floors)+1), make([][]float64, len(floors)+1)
	var objects, bytes, calls uint64
	sides := append([]side{own}, floors...)
	for _, s := range sides { // warm, unmeasured
		if _, err := s.run(turn / 4); err != nil {
			b.Fatalf("%s: %v", s.name, err)
		}
	}
	for n, more := 0, true; more || n < minPairs; n++ {
		if more = more && b.Loop(); !more && n >= minPairs {
			break
		}
		got := make([]float64, len(sides))
		for i := range sides {
			i = (i + n) % len(sides) // nobody always follows the same one
			before, mallocs := cpuTime(), allocated()
			r, err := sides[i].run(turn)
			if err != nil {
				b.Fatalf("%s: %v", sides[i].name, err)
			}
			time.Sleep(rest)
			if after := allocated(); i == 0 {
				objects, bytes, calls = objects+after.Mallocs-mallocs.Mallocs, bytes+after.TotalAlloc-mallocs.TotalAlloc, calls+uint64(r.count)
			}
			got[i] = r.rate()
			rates[i] = append(rates[i], got[i])
			cpus[i] = append(cpus[i], (cpuTime()-before).Seconds()/float64(r.count)*1e6)
		}
		for i := range floors {
			ratio := got[0] / got[i+1]
			if aims[i].most > 0 {
				ratio = 1 / ratio
			}
			ratios[i] = append(ratios[i], ratio)
		}
	}
	for i, f := range floors {
		r := result{
			path: path, of: f.name, aim: aims[i], ratio: median(ratios[i]), low: slices.Min(ratios[i]), high: slices.Max(ratios[i]),
			pairs: len(ratios[i]), rate: median(rates[0]), floor: median(rates[i+1]), cpu: median(cpus[0]), floorCPU: median(cpus[i+1]),
		}
		results = append(results, r)
		b.ReportMetric(r.ratio, "ratio/"+strings.ReplaceAll(f.name, " ", "-"))
	}
	b.ReportMetric(median(rates[0]), "op/s")
	b.ReportMetric(median(cpus[0]), "cpu-µs/op")
	b.ReportMetric(float64(objects)/float64(calls), "objects/op")
	b.ReportMetric(float64(bytes)/float64(calls), "B/op")
	b.ReportMetric(0, "ns/op") // an iteration is a round of turns: its length says nothing
}

// allocated is what this process has allocated so far, work in the background included.
func allocated() (m runtime.MemStats) {
	runtime.ReadMemStats(&m)
	return m
}

// cpuTime is what this process, which is the server, has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it never fails for oneself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	s := slices.Clone(list)
	slices.Sort(s)
	return s[len(s)/2]
}

// printTable writes what was reached, for people.
func printTable(w io.Writer) {
	if len(results) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\npath\tbeside\tratio\tspread\tpairs\taim\treached\top/s here\tthere\tCPU µs here\tthere") //nolint:errcheck // Flush says it
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f–%.2f\t%d\t%s\t%s\t%s\t%s\t%.1f\t%.1f\n", r.path, r.of, r.ratio, r.low, r.high, r.pairs, //nolint:errcheck // Flush says it
			r.aim.text, r.aim.reached(r.ratio), thousands(r.rate), thousands(r.floor), r.cpu, r.floorCPU)
	}
	if err := t.Flush(); err != nil {
		panic(err)
	}
}

func thousands(x float64) string {
	if x >= 10_000 {
		return fmt.Sprintf("%.1fk", x/1000)
	}
	return fmt.Sprintf("%.0f", x)
}

// loop is a side that calls fn over and over in this process. Its rate is by CPU time, so that what else runs on the
// machine counts little.
func loop(name string, fn func() error) side {
	return side{name, func(d time.Duration) (done, error) {
		const batch = 64
		start, before := time.Now(), cpuTime()
		for n := batch; ; n += batch {
			for range batch {
				if err := fn(); err != nil {
					return done{}, err
				}
			}
			if time.Since(start) >= d {
				return done{n, cpuTime() - before}, nil
			}
		}
	}}
}

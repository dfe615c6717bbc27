package bench

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func shown() *Result {
	measured := func(rate float64, rounds int) Measured {
		list := slices.Repeat([]float64{rate}, rounds)
		return Measured{PerSecond: spread(list), Ratio: spread(ratios(slices.Repeat([]float64{12_000}, rounds), list)), P50: 90, P99: 1500}
	}
	r := &Result{Rounds: 2, Peers: []Peer{{Name: "one", Bulkhead: true, Secured: true}, {Name: "<two>"}}}
	r.Machine.Load = []float64{1.25, 2}
	r.Cells = []Cell{
		{"GetItem", 1, []Measured{measured(12_000, 2), measured(1000, 2)}},
		{"GetItem", 32, []Measured{measured(12_000, 2), {Missing: true}}},
		{"PutItem", 1, []Measured{measured(12_000, 1), measured(1000, 0)}},
	}
	return r
}

// Lines are written when a measurement is complete, once.
func TestLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	d := Lines(&b).(*lines)
	now := time.Unix(0, 0)
	d.now = func() time.Time { return now }
	d.Step("measuring")
	d.Update(shown())
	d.Progress(1, 2)
	now = now.Add(tell)
	d.Progress(2, 3)
	d.Progress(3, 3)
	d.Update(shown())
	d.Step("")
	want := "· measuring\n  GetItem  1  one  12.0k/s  1.5ms  <two>  1000/s  ×12.0  \n  GetItem  32  one  12.0k/s  1.5ms  <two>  –    \n  2 of 3\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

// A terminal is drawn in place, no wider and no higher than it is, and left clean.
func TestLive(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	d := Live(&b, func() (int, int) { return 40, 4 }).(*live)
	now := time.Unix(0, 0)
	d.now = func() time.Time { return now }
	d.Step("measuring a lot of things at once, in turns")
	d.Update(shown())
	first := b.String()
	b.Reset()
	d.Progress(1, 2) // too soon to draw
	if b.Len() > 0 {
		t.Errorf("it draws %q", b.String())
	}
	now = now.Add(redraw)
	d.Progress(1, 2)
	if !strings.HasPrefix(b.String(), "\x1b[3A\x1b[J") {
		t.Errorf("%q, after %q", b.String(), first)
	}
	lines := strings.Split(strings.TrimPrefix(b.String(), "\x1b[3A\x1b[J"), "\n")
	if len(lines) != 4 || lines[3] != "" {
		t.Errorf("%q", lines)
	}
	for _, l := range lines {
		if len([]rune(l)) >= 40 {
			t.Errorf("%q is too wide", l)
		}
	}
	b.Reset()
	d.Step("")
	if b.String() != "\x1b[3A\x1b[J" {
		t.Errorf("it leaves %q", b.String())
	}
}

// The report names endpoints as text, and shows what is not there.
func TestReport(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := shown().HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"&lt;two&gt;", "does not have the operation", "guard, sealing, tenants&#39; sessions", "12.0k", "32 clients", "load average 1.2 before, 2.0 after"} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, never := range []string{"<two>", "NaN", "Inf", "%!", "ZgotmplZ", "http://", "https://", "<script", "url("} {
		if strings.Contains(page, never) {
			t.Errorf("the report has %q", never)
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	if s := spread([]float64{3, 1, 2}); s.Median != 2 || s.Low != 1 || s.High != 3 {
		t.Errorf("%+v", s)
	}
	if s := spread([]float64{4, 1}); s.Median != 2.5 {
		t.Errorf("%+v", s)
	}
	if s := spread(ratios([]float64{10, 10, 10}, []float64{5, 0})); s.Median != 2 || len(s.Rounds) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0.5": number(0.5), "10": number(9.96), "9994": number(9994), "10.0k": number(9996), "100k": number(99_960), "1.25": times(1.25),
		"10.0": times(9.996), "100": times(99.96), "999µs": Latency(999), "1.0ms": Latency(999.6), "10ms": Latency(9996), "1.0s": Latency(999_600),
		"–": Memory(0), "2 MiB": Memory(2 << 20),
	} {
		if got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	if fmt.Sprint(processUsage(1<<30)) != fmt.Sprint(usage{}) {
		t.Error("a process that is not there uses something")
	}
}

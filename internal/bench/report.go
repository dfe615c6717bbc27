package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"
)

//go:embed report.html.tmpl
var reportText string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"number": number, "times": times, "latency": Latency, "memory": Memory,
	"date": func(t time.Time) string { return t.Format("2006-01-02 15:04 UTC") },
	// there are six colours
	"series": func(place int) int { return place % 6 },
}).Parse(reportText))

// section is an operation's part of the report.
type section struct {
	Operation           string
	Throughput, Latency plot
	Cells               []Cell
}

// HTML writes a report with plots, one file that needs no other.
func (r *Result) HTML(w io.Writer) error {
	var sections []section
	for _, c := range r.Cells {
		if n := len(sections); n == 0 || sections[n-1].Operation != c.Operation {
			sections = append(sections, section{Operation: c.Operation})
		}
		s := &sections[len(sections)-1]
		s.Cells = append(s.Cells, c)
	}
	for i := range sections {
		s := &sections[i]
		s.Throughput = newPlot(r, "requests a second: each round, and their median", s.Cells, number, throughputSpan)
		s.Latency = newPlot(r, "latency: from the median to the 99th percentile", s.Cells, Latency, latencySpan)
	}
	return reportTemplate.Execute(w, struct {
		*Result
		Sections []section
	}{r, sections})
}

// Floor reports whether one of the endpoints is the floor.
func (r *Result) Floor() bool {
	return slices.ContainsFunc(r.Peers, func(p Peer) bool { return p.Floor })
}

func throughputSpan(p *Peer, m *Measured) span {
	s := m.PerSecond
	return span{s.Low, s.Median, s.High, s.Rounds, number(s.Median), fmt.Sprintf("%s: median %s, %s to %s a second", p.Name, number(s.Median), number(s.Low), number(s.High))}
}

func latencySpan(p *Peer, m *Measured) span {
	return span{m.P50, m.P50, m.P99, []float64{m.P99}, Latency(m.P99), fmt.Sprintf("%s: p50 %s, p99 %s", p.Name, Latency(m.P50), Latency(m.P99))}
}

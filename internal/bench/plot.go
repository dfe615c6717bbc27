package bench

import (
	"fmt"
	"math"
)

// plot is a chart of ranges on a logarithmic axis, a row for each endpoint at each number of clients. Positions are in the units
// of the drawing.
type plot struct {
	Title         string
	Width, Height int
	Left, Bottom  int
	Ticks         []tick
	Groups        []group
	Rows          []plotRow
}

type tick struct {
	X     float64
	Label string
}

// group is the rows of one number of clients.
type group struct {
	Y     int
	Label string
}

// plotRow is one range with its points.
type plotRow struct {
	Y, Text    int
	Low, High  float64
	Mid, Label float64
	Dots       []float64
	Series     int
	Value, Tip string
}

// Sizes of plots.
const (
	plotWidth  = 560
	plotLeft   = 84
	plotRight  = 76
	rowHeight  = 20
	groupSpace = 10
	plotTop    = 8
	axisHeight = 22
)

// span is a range to draw, in the axis's unit.
type span struct {
	low, mid, high float64
	dots           []float64
	value, tip     string
}

// newPlot draws, for the cells of an operation, what of says of each endpoint; zeros are left out.
func newPlot(r *Result, title string, cells []Cell, label func(float64) string, of func(*Peer, *Measured) span) plot {
	p := plot{Title: title, Width: plotWidth, Left: plotLeft}
	low, high := math.Inf(1), math.Inf(-1)
	eachSpan(r, cells, of, func(_, _ int, s span) { low, high = min(low, s.low), max(high, s.high) })
	if math.IsInf(low, 0) {
		return p
	}
	axis := newAxis(low, high)
	y := plotTop
	at := -1
	eachSpan(r, cells, of, func(cell, series int, s span) {
		if cell != at {
			if at >= 0 {
				y += groupSpace
			}
			at = cell
			p.Groups = append(p.Groups, group{y + rowHeight/2 + 4, fmt.Sprintf("%d clients", cells[cell].Clients)})
		}
		row := plotRow{
			Y: y + rowHeight/2, Text: y + rowHeight/2 + 4, Low: axis.x(s.low), Mid: axis.x(s.mid), High: axis.x(s.high),
			Label: axis.x(s.high) + 9, Series: series, Value: s.value, Tip: s.tip,
		}
		for _, d := range s.dots {
			row.Dots = append(row.Dots, axis.x(d))
		}
		p.Rows = append(p.Rows, row)
		y += rowHeight
	})
	p.Bottom = y + 4
	p.Height = p.Bottom + axisHeight
	for _, v := range axis.ticks() {
		p.Ticks = append(p.Ticks, tick{axis.x(v), label(v)})
	}
	return p
}

func eachSpan(r *Result, cells []Cell, of func(*Peer, *Measured) span, fn func(cell, series int, s span)) {
	for i := range cells {
		for k := range cells[i].Peers {
			if s := of(&r.Peers[k], &cells[i].Peers[k]); s.low > 0 {
				fn(i, k, s)
			}
		}
	}
}

// axis maps logarithms of values to the drawing.
type axis struct{ from, to float64 }

func newAxis(low, high float64) axis {
	a := axis{math.Log10(low) - 0.05, math.Log10(high) + 0.05}
	if a.to-a.from < 1 { // at least a power of ten, so that noise looks like noise
		middle := (a.from + a.to) / 2
		a = axis{middle - 0.5, middle + 0.5}
	}
	return a
}

func (a axis) x(v float64) float64 {
	x := plotLeft + (math.Log10(v)-a.from)/(a.to-a.from)*(plotWidth-plotLeft-plotRight)
	return math.Round(x*10) / 10
}

// ticks are powers of ten, with 2 and 5 times them where there is room.
func (a axis) ticks() (list []float64) {
	steps := []float64{1, 2, 5}
	if a.to-a.from > 2 {
		steps = []float64{1}
	}
	for e := math.Floor(a.from); e <= a.to; e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); math.Log10(v) >= a.from && math.Log10(v) <= a.to {
				list = append(list, v)
			}
		}
	}
	return list
}

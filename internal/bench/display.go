package bench

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// Lines shows progress as plain lines, for logs.
func Lines(w io.Writer) Display { return &lines{w: w, now: time.Now} }

// tell is how often a log is told how much of a long step is done.
const tell = 15 * time.Second

type lines struct {
	w     io.Writer
	now   func() time.Time
	mu    sync.Mutex
	shown int // cells
	step  string
	last  time.Time // when the log was last told
}

func (l *lines) Step(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = l.now()
	if l.step = text; text != "" {
		fmt.Fprintln(l.w, "·", text) //nolint:errcheck // progress only
	}
}

func (l *lines) Progress(done, total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.last) >= tell {
		l.last = now
		fmt.Fprintf(l.w, "  %d of %d\n", done, total) //nolint:errcheck // progress only
	}
}

// Update writes a line for each cell that is complete.
func (l *lines) Update(r *Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; l.shown < len(r.Cells) && r.Cells[l.shown].rounds() == r.Rounds; l.shown++ {
		fmt.Fprintln(l.w, "  "+strings.ReplaceAll(r.Cells[l.shown].line(r), "\t", "  ")) //nolint:errcheck // progress only
	}
}

// rounds is how many rounds all endpoints have done.
func (c *Cell) rounds() int {
	n := -1
	for i := range c.Peers {
		if k := len(c.Peers[i].PerSecond.Rounds); !c.Peers[i].Missing && (n < 0 || k < n) {
			n = k
		}
	}
	return max(n, 0)
}

// line is a cell in one line, of columns that end in tabs.
func (c *Cell) line(r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\t%d\t", c.Operation, c.Clients)
	for i, m := range c.Peers {
		switch {
		case len(m.PerSecond.Rounds) == 0:
			fmt.Fprintf(&b, "%s\t–\t\t", r.Peers[i].Name)
		case i == 0:
			fmt.Fprintf(&b, "%s\t%s/s\t%s\t", r.Peers[i].Name, number(m.PerSecond.Median), Latency(m.P99))
		default:
			fmt.Fprintf(&b, "%s\t%s/s\t×%s\t", r.Peers[i].Name, number(m.PerSecond.Median), times(m.Ratio.Median))
		}
	}
	return b.String()
}

// Live shows progress on a terminal, in place. Size tells its width and height whenever it is asked.
func Live(w io.Writer, size func() (width, height int)) Display {
	return &live{w: w, size: size, now: time.Now}
}

// redraw is how often the terminal is drawn at most.
const redraw = 100 * time.Millisecond

type live struct {
	w    io.Writer
	size func() (int, int)
	now  func() time.Time

	mu          sync.Mutex
	step        string
	began, last time.Time
	done, total int
	result      *Result
	drawn       int // lines
}

func (l *live) Step(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step, l.done, l.total, l.began = text, 0, 0, l.now()
	l.draw()
}

func (l *live) Progress(done, total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done, l.total = max(l.done, done), total
	if l.now().Sub(l.last) >= redraw {
		l.draw()
	}
}

func (l *live) Update(r *Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.result = r
	l.draw()
}

// draw replaces what it drew before; without a step it leaves the terminal as it was.
func (l *live) draw() {
	l.last = l.now()
	var b strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", l.drawn)
	}
	l.drawn = 0
	if l.step != "" {
		width, height := l.size()
		all := append(l.cells(max(height-2, 1)), l.status(width))
		for _, line := range all {
			b.WriteString(cut(line, width-1) + "\n")
		}
		l.drawn = len(all)
	}
	io.WriteString(l.w, b.String()) //nolint:errcheck // progress only
}

// cells are the last ones that fit.
func (l *live) cells(room int) []string {
	if l.result == nil {
		return nil
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i := range l.result.Cells {
		fmt.Fprintln(t, l.result.Cells[i].line(l.result)) //nolint:errcheck // a Builder never fails
	}
	t.Flush() //nolint:errcheck // a Builder never fails
	all := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	return all[max(0, len(all)-room):]
}

const barWidth = 24

func (l *live) status(width int) string {
	bar := ""
	if l.total > 0 && width > 3*barWidth {
		full := min(barWidth, barWidth*l.done/l.total)
		bar = strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + fmt.Sprintf(" %d/%d ", min(l.done, l.total), l.total)
	}
	return fmt.Sprintf("%s%s  %v", bar, l.step, l.now().Sub(l.began).Round(time.Second))
}

// cut shortens a line to so many characters.
func cut(s string, width int) string {
	if width < 1 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width])
}

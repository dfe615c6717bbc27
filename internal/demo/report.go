package demo

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes the result for people: a line for each thing tried, the tenants together where the same came of it, and
// what it means.
func (r *Result) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "LEVEL\tTRIED\tBY\tOWN\tOTHER'S\tDECIDED BY\tAUDIT EVENT") //nolint:errcheck // Flush says it
	for _, l := range r.lines() {
		mark := ""
		switch {
		case l.Crossed:
			mark = "CROSSED: "
		case l.Broken:
			mark = "BROKEN: "
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s%s\t%s\t%s\n", //nolint:errcheck // Flush says it
			l.Level, l.Tried, l.Tenant, l.Own, mark, l.Other, l.Decided, l.Event)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := "Nothing crossed."
	if r.Crossed > 0 || r.Broken > 0 {
		verdict = fmt.Sprintf("%d CROSSED, %d BROKEN.", r.Crossed, r.Broken)
	}
	_, err := fmt.Fprintf(w, "\n%d attempts on the other tenant's data. %s\n", len(r.Attempts), verdict)
	return err
}

// lines are the attempts, those of several tenants as one where all came out alike. The event is the first one's.
func (r *Result) lines() []Attempt {
	var lines []Attempt
	at := map[Attempt]int{}
	for _, a := range r.Attempts {
		key := Attempt{
			Level: a.Level, Tried: a.Tried, Own: a.Own, Other: a.Other, Decided: a.Decided, Crossed: a.Crossed, Broken: a.Broken,
		}
		i, ok := at[key]
		if !ok {
			at[key] = len(lines)
			key.Tenant, key.Event = a.Tenant, a.Event
			lines = append(lines, key)
			continue
		}
		lines[i].Tenant += ", " + a.Tenant
	}
	return lines
}

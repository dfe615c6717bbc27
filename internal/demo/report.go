package demo

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes the result for people, a line for each attempt, and what it means.
func (r *Result) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "LEVEL\tTRIED\tBY\tOWN\tOTHER'S\tDECIDED BY\tAUDIT EVENT") //nolint:errcheck // Flush says it
	for _, a := range r.Attempts {
		mark := ""
		switch {
		case a.Crossed:
			mark = "CROSSED: "
		case a.Broken:
			mark = "BROKEN: "
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s%s\t%s\t%s\n", a.Level, a.Tried, a.Tenant, a.Own, mark, a.Other, a.Decided, a.Event) //nolint:errcheck // Flush says it
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

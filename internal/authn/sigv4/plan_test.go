package sigv4

import (
	"fmt"
	"testing"
)

// Plans with the same list of signed headers share it taken apart; others do not, and what is shared stays bounded.
func TestPlansShareLists(t *testing.T) {
	t.Parallel()
	c := newPlanCache(16)
	of := func(list string) *plan {
		p := new(plan)
		if !p.compileHeaders(list) {
			t.Fatalf("%q is refused", list)
		}
		c.share(p)
		return p
	}
	a, b, other := of("host;x-amz-date"), of("host;x-amz-date"), of("host;x-amz-target")
	if &a.headers[0] != &b.headers[0] {
		t.Error("two plans with one list have two")
	}
	if other.headers[1].line != "x-amz-target:" || a.headers[1].line != "x-amz-date:" {
		t.Errorf("lists are mixed up: %v, %v", other.headers, a.headers)
	}
	for i := range 2 * maxLists {
		of(fmt.Sprintf("host;x-%04d", i))
	}
	if len(c.lists) > maxLists {
		t.Errorf("%d lists are kept", len(c.lists))
	}
	if p := of("host;x-0000"); p.headers[1].line != "x-0000:" {
		t.Errorf("a list that had left is %v", p.headers)
	}
}

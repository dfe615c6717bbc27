package constraint_test

import (
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
)

func message(t *testing.T, c *constraint.Checker) string {
	t.Helper()
	err := c.Err()
	if err == nil {
		return ""
	}
	if !fault.IsClass(err, fault.Validation) {
		t.Fatalf("not a validation fault: %v", err)
	}
	return fault.From(err).Message
}

func TestLengthCountsCharacters(t *testing.T) {
	t.Parallel()
	var c constraint.Checker
	c.Length("name", "éé", 2, 2) // four bytes
	c.Size("data", 4, 0, 4, "")
	if got := message(t, &c); got != "" {
		t.Error(got)
	}
	c.Length("name", "ééé", 0, 2)
	if got, want := message(t, &c), "1 validation error detected: Value 'ééé' at 'name' failed to satisfy constraint: Member must have length less than or equal to 2"; got != want {
		t.Error(got)
	}
}

func TestPatternsMatchTheWholeString(t *testing.T) {
	t.Parallel()
	p := constraint.NewPattern("a|ab", "a|ab")
	for v, ok := range map[string]bool{"a": true, "ab": true, "abc": false, "xa": false, "a\n": false, "": false} {
		var c constraint.Checker
		c.Matches("x", v, p)
		if (c.Err() == nil) != ok {
			t.Errorf("%q: %v", v, c.Err())
		}
	}
}

func TestReportsAtMostTen(t *testing.T) {
	t.Parallel()
	var c constraint.Checker
	for range 1000 {
		c.Required("x", false)
	}
	if got := message(t, &c); !strings.HasPrefix(got, "10 validation errors detected: ") || len(got) > 1000 {
		t.Error(got)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 1<<20)
	var c constraint.Checker
	c.Length("name", long, 0, 3)
	c.Enter("map")
	c.EnterKey(long)
	c.Required("x", false)
	c.Leave()
	c.Leave()
	c.Each()
	c.Length("list", long, 0, 3)
	c.EachDone("list", "Member must satisfy constraint: [x]", func() string { return constraint.Strings([]string{long, long}) })
	if got := message(t, &c); len(got) > 8192 {
		t.Errorf("%d bytes", len(got))
	}
}

// The element of a list that is the value of a map: requestItems.pool.member.1.member.key, as DynamoDB has it.
func TestPathOfListInMap(t *testing.T) {
	t.Parallel()
	var c constraint.Checker
	c.Enter("requestItems")
	c.EnterKey("pool")
	c.Enter("")
	c.EnterIndex(0)
	c.Enter("deleteRequest")
	c.Required("key", false)
	if got := message(t, &c); !strings.Contains(got, " at 'requestItems.pool.member.1.member.deleteRequest.key' ") {
		t.Error(got)
	}
}

func TestHidden(t *testing.T) {
	t.Parallel()
	var c constraint.Checker
	c.Hide()
	c.Length("password", "hush", 6, constraint.None)
	c.Enum("kind", "hush", "A")
	c.Each()
	c.Length("list", "hush", 6, constraint.None)
	c.EachDone("list", "Member must satisfy constraint: [x]", func() string { return "hush" })
	c.Show()
	constraint.Max(&c, "count", 9, int32(3))
	if got := message(t, &c); strings.Contains(got, "hush") || !strings.Contains(got, "Value '9' at 'count'") {
		t.Error(got)
	}
}

func TestContentsAreElided(t *testing.T) {
	t.Parallel()
	const long = "Member must have length less than or equal to 1"
	for _, test := range []struct {
		check func(c *constraint.Checker)
		want  string
	}{
		{func(c *constraint.Checker) { c.Size("x", 2, 0, 1, "[]") }, "Value '[...]' at 'x' failed to satisfy constraint: " + long},
		{func(c *constraint.Checker) { c.Size("x", 2, 0, 1, "{}") }, "Value '{...}' at 'x' failed to satisfy constraint: " + long},
		{func(c *constraint.Checker) { c.Size("x", 0, 1, 1, "[]") }, "Value '[]' at 'x' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{func(c *constraint.Checker) { c.Size("x", 2, 0, 1, "") }, "Value at 'x' failed to satisfy constraint: " + long},
		{func(c *constraint.Checker) {
			c.Each()
			c.Size("x", 2, 0, 1, "")
			c.EachDone("x", "Map value must satisfy constraint: ["+long+"]", func() string {
				return constraint.Keys(map[string]int{"b": 1, "a": 2}, "[...]")
			})
		}, "Value '{a=[...], b=[...]}' at 'x' failed to satisfy constraint: Map value must satisfy constraint: [" + long + "]"},
	} {
		var c constraint.Checker
		test.check(&c)
		if got := message(t, &c); got != "1 validation error detected: "+test.want {
			t.Errorf("%s\nwant %s", got, test.want)
		}
	}
}

func TestPresent(t *testing.T) {
	t.Parallel()
	var c constraint.Checker
	if !c.Present("Name", true) || c.Failed() {
		t.Error("present, and failed")
	}
	if c.Present("Name", false) || !c.Failed() {
		t.Error("absent, and passed")
	}
	if got, want := message(t, &c), "The parameter 'Name' is required but was not present in the request"; got != want {
		t.Error(got)
	}
}

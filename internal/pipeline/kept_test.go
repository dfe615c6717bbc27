package pipeline

import (
	"errors"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authz"
)

// What requirements have kept serves the operation with that very input only, and only as what it is.
func TestKept(t *testing.T) {
	t.Parallel()
	type input struct{ name string }
	type plan struct{ of *input }
	in, same := &input{"a"}, &input{"a"}
	made := 0
	from := func(in *input) (*plan, error) { made++; return &plan{in}, nil }
	c := &Call{}
	if p, err := Kept(c, in, from); err != nil || p.of != in || made != 1 {
		t.Fatalf("nothing kept: %v, %v, made %d times", p, err, made)
	}
	kept := &plan{in}
	authz.Keep(&c.scope, in, kept)
	if p, _ := Kept(c, in, from); p != kept || made != 1 {
		t.Errorf("kept %p, got %p, made %d times", kept, p, made)
	}
	if p, _ := Kept(c, same, from); p == kept || made != 2 {
		t.Error("another input, as it may be, gets what was made of the first")
	}
	if _, err := Kept(c, in, func(*input) (plan, error) { return plan{}, errors.New("made") }); err == nil {
		t.Error("another type got what was kept")
	}
	authz.Keep(&c.scope, in, (*plan)(nil))
	if p, _ := Kept(c, in, from); p != nil || made != 2 {
		t.Error("a nil plan is a plan, as a projection that is not there")
	}
}

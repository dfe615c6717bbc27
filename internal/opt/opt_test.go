package opt_test

import (
	"testing"

	"github.com/bulkhead/bulkhead/internal/opt"
)

func TestOptional(t *testing.T) {
	t.Parallel()
	if opt.Value[string](nil) != "" || opt.Value(new("x")) != "x" {
		t.Error("Value")
	}
	if opt.Present("") != nil || opt.Present(0) != nil || *opt.Present("x") != "x" {
		t.Error("Present")
	}
}

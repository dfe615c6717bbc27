package protocol_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol"
)

// named is a protocol of which only the name matters.
type named struct {
	protocol.Protocol
	name string
}

func (n named) Name() string { return n.name }

// TestEveryClassHasACode holds the tables of common errors complete.
func TestEveryClassHasACode(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"awsJson1_0", "awsJson1_1", "awsQuery", "restJson1", "restXml"} {
		s := &protocol.Service{Protocol: named{name: name}}
		internal := protocol.Resolve(s, &fault.Error{})
		for c := fault.Internal + 1; !strings.HasPrefix(c.String(), "Class("); c++ {
			if c == fault.Modeled {
				continue
			}
			r := protocol.Resolve(s, fault.New(c, "m"))
			if r.Code == "" || r.Code == internal.Code || r.Status < 400 || r.Message != "m" {
				t.Errorf("%s: %v is %+v", name, c, r)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	s := &protocol.Service{
		Protocol: named{name: "awsJson1_1"},
		Errors:   map[string]protocol.WireError{"Gone": {Code: "GoneCode", Status: 410}, "InvalidParameter": {Code: "InvalidParameter", Status: 400}},
		Common: map[fault.Class]protocol.WireError{
			fault.Validation: {Code: "InvalidParameter"}, fault.AccessDenied: {Status: 403},
		},
	}
	for _, tc := range []struct {
		f    *fault.Error
		want string
	}{
		{fault.Of("Gone", "m"), "410 GoneCode m Gone"},
		{&fault.Error{Class: fault.Modeled, Code: "Gone", Status: 404, Message: "m"}, "404 GoneCode m Gone"},
		{fault.New(fault.Validation, "m"), "400 InvalidParameter m InvalidParameter"},
		{fault.New(fault.AccessDenied, "m"), "403 AccessDeniedException m "},
		{&fault.Error{Class: fault.AccessDenied, Code: "AccessDenied", Message: "m"}, "403 AccessDenied m "},
		{&fault.Error{Class: 200, Message: "secret"}, "500 InternalFailure The request processing has failed because of an unknown error, exception or failure. "},
	} {
		r := protocol.Resolve(s, tc.f)
		if got := fmt.Sprintf("%d %s %s %s", r.Status, r.Code, r.Message, r.Shape); got != tc.want {
			t.Errorf("%v: got %q, want %q", tc.f, got, tc.want)
		}
	}
}

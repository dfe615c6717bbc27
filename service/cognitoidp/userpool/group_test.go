package userpool

import "testing"

func TestPreferredRole(t *testing.T) {
	t.Parallel()
	g := func(role string, p int32) *Group { return &Group{RoleARN: &role, Precedence: &p} }
	for name, tc := range map[string]struct {
		groups []*Group
		want   string
	}{
		"one":                           {[]*Group{g("a", 1)}, "a"},
		"the first":                     {[]*Group{g("a", 0), g("b", 1)}, "a"},
		"two first with the same":       {[]*Group{g("a", 1), g("a", 1), g("b", 2)}, "a"},
		"two first with different ones": {[]*Group{g("a", 1), g("b", 1)}, ""},
		"the first has none":            {[]*Group{g("", 1), g("b", 2)}, ""},
	} {
		if got := (Membership{tc.groups}).preferredRole(); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

package authz

import (
	"testing"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

// A grant knows the owner rule that it was decided under, and no other: each tag counts, and so do the indexes that there are.
func TestKnows(t *testing.T) {
	t.Parallel()
	ids, err := tenant.NewLanguage(tenant.DefaultLanguage)
	if err != nil {
		t.Fatal(err)
	}
	acme, _ := ids.ID("acme")
	rule := func(index string, changed ...authn.Tag) *OwnerRule {
		tags := append(changed, authn.Tag{Key: OwnerKeyTag, Value: "${tenant}#*"}, authn.Tag{Key: SharedKeysTag, Value: "PUBLIC#*"},
			authn.Tag{Key: IndexOwnerKeyTag, Value: "ix=${tenant}"}, authn.Tag{Key: GuardTag, Value: "filter"})
		r, err := ParseOwnerRule(tags, ids)
		if err != nil {
			t.Fatal(err)
		}
		return r.WithIndexes(func(string) string { return index })
	}
	g := Grant{&grant{access: Read, caller: &authn.Principal{Account: "1", Tenant: acme}, resources: []granted{{id: "t", owner: rule("i")}}}}
	for name, tc := range map[string]struct {
		id    string
		now   *OwnerRule
		knows bool
	}{
		"the same":         {"t", rule("i"), true},
		"no rule any more": {"t", nil, true}, // the grant is the stricter
		"another table":    {"u", rule("i"), false},
		"other owners":     {"t", rule("i", authn.Tag{Key: OwnerKeyTag, Value: "T-${tenant}#*"}), false},
		"other shared":     {"t", rule("i", authn.Tag{Key: SharedKeysTag, Value: "PUB#*"}), false},
		"another mode":     {"t", rule("i", authn.Tag{Key: GuardTag, Value: "deny"}), false},
		"another index":    {"t", rule("i", authn.Tag{Key: IndexOwnerKeyTag, Value: "ix=${tenant}#*"}), false},
		"index made anew":  {"t", rule("j"), false},
		"index gone":       {"t", rule(""), false},
	} {
		if got := g.Knows(&Resource{ID: tc.id, Account: "1", Owner: tc.now}); got != tc.knows {
			t.Errorf("%s: %v", name, got)
		}
	}
	g.g.resources[0].owner = nil
	if g.Knows(&Resource{ID: "t", Account: "1", Owner: rule("i")}) || (Grant{}).Knows(&Resource{ID: "t"}) {
		t.Error("a grant knows a rule that it was not decided under")
	}
}

// Two checks of one table together are a scan only if both are, and are of an index if one is.
func TestRulesOfSeveralChecks(t *testing.T) {
	t.Parallel()
	scan, index, get := RowRule{all: true, scan: true}, RowRule{all: true, index: true}, RowRule{leading: []string{"a"}}
	for name, tc := range map[string]struct {
		a, b        RowRule
		scan, index bool
	}{
		"two scans": {scan, scan, true, false}, "scan and get": {scan, get, false, false}, "get and scan": {get, scan, false, false},
		"index and get": {index, get, false, true}, "get and index": {get, index, false, true},
	} {
		if r := tc.a.or(tc.b); r.Scans() != tc.scan || r.index != tc.index {
			t.Errorf("%s: scan %v, index %v", name, r.Scans(), r.index)
		}
	}
}

package authz

import (
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

func language(t *testing.T, pattern string) *tenant.Language {
	t.Helper()
	l, err := tenant.NewLanguage(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestParseOwnerRuleRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ owner, shared, guard, want string }{
		"empty":                    {" ", "", "", "is empty"},
		"one of several":           {"${tenant} x#*", "", "", "must hold ${tenant} once"},
		"ids run on":               {"${tenant}#* x${tenant}#*", "", "", "for two tenants"},
		"id within another's keys": {"acme#${tenant} ${tenant}#*", "", "", "for two tenants"},
		"closed, separator in ids": {"${tenant}x", "", "", "may be part of a tenant id"},
		"no variable":              {"acme#*", "", "", "must hold ${tenant} once"},
		"variable twice":           {"${tenant}#${tenant}*", "", "", "must hold ${tenant} once"},
		"star before":              {"*${tenant}#", "", "", "may only end"},
		"star inside":              {"${tenant}#*x", "", "", "may only end"},
		"prefix of other tenants":  {"${tenant}*", "", "", "may be part of a tenant id"},
		"separator is in ids":      {"${tenant}-*", "", "", "may be part of a tenant id"},
		"all rows shared":          {"${tenant}#*", "*", "", "would share all rows"},
		"unknown mode":             {"${tenant}#*", "", "off", "deny or filter"},
		"shared without an owner":  {"", "PUBLIC#*", "", "needs the tag"},
		"mode without an owner":    {"", "", "filter", "needs the tag"},
		"question mark has no use": {"${tenant}#?", "", "", "no meaning"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tags []authn.Tag
			for k, v := range map[string]string{OwnerKeyTag: tc.owner, SharedKeysTag: tc.shared, GuardTag: tc.guard} {
				if v != "" {
					tags = append(tags, authn.Tag{Key: k, Value: v})
				}
			}
			_, err := ParseOwnerRule(tags, language(t, tenant.DefaultLanguage))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestOwns(t *testing.T) {
	t.Parallel()
	ids := language(t, tenant.DefaultLanguage)
	rule, err := ParseOwnerRule([]authn.Tag{{Key: OwnerKeyTag, Value: "${tenant}#* T-${tenant}"}, {Key: SharedKeysTag, Value: "PUBLIC#* news"}}, ids)
	if err != nil {
		t.Fatal(err)
	}
	acme, _ := ids.ID("acme")
	for key, want := range map[string]bool{
		"acme#1": true, "acme#": true, "acme": false, "acme2#1": false, "acm#1": false, "ACME#1": false,
		"globex#acme#1": false, "": false, "#": false, "PUBLIC#1": false, "T-acme": true, "T-acme2": false,
	} {
		if got := rule.Owns(acme, key); got != want {
			t.Errorf("acme owns %q: %v", key, got)
		}
	}
	if rule.Owns(tenant.ID{}, "#1") {
		t.Error("the zero tenant owns a row")
	}
	for key, want := range map[string]bool{"PUBLIC#1": true, "news": true, "newsletter": false, "public#1": false} {
		if got := rule.Shared(key); got != want {
			t.Errorf("%q shared: %v", key, got)
		}
	}
}

func TestRowRule(t *testing.T) {
	t.Parallel()
	ids := language(t, tenant.DefaultLanguage)
	acme, _ := ids.ID("acme")
	deny, _ := ParseOwnerRule([]authn.Tag{{Key: OwnerKeyTag, Value: "${tenant}#*"}, {Key: SharedKeysTag, Value: "PUBLIC#*"}}, ids)
	filter := *deny
	filter.filter = true
	named := RowRule{leading: []string{"acme#1", "globex#1"}, writing: []string{"acme#1"}, guard: deny, tenant: acme}
	for name, tc := range map[string]struct {
		rule  RowRule
		key   string
		write bool
		want  Verdict
	}{
		"zero rule reads nothing":       {RowRule{}, "acme#1", false, Refused},
		"zero rule writes nothing":      {RowRule{}, "acme#1", true, Refused},
		"named own row":                 {named, "acme#1", false, Permitted},
		"named own row, write":          {named, "acme#1", true, Permitted},
		"row that was not named":        {named, "acme#2", false, Refused},
		"named for reading only":        {named, "globex#1", true, Refused},
		"named foreign row":             {named, "globex#1", false, Foreign},
		"all, own":                      {RowRule{all: true, guard: deny, tenant: acme}, "acme#9", false, Permitted},
		"all, foreign":                  {RowRule{all: true, guard: deny, tenant: acme}, "globex#9", false, Foreign},
		"all, shared":                   {RowRule{all: true, guard: deny, tenant: acme}, "PUBLIC#9", false, Permitted},
		"shared rows are not written":   {RowRule{all: true, write: true, guard: deny, tenant: acme}, "PUBLIC#9", true, Foreign},
		"filter hides":                  {RowRule{all: true, guard: &filter, tenant: acme}, "globex#9", false, Hidden},
		"filter does not hide a write":  {RowRule{all: true, write: true, guard: &filter, tenant: acme}, "globex#9", true, Foreign},
		"no tenant owns nothing":        {RowRule{all: true, guard: deny}, "acme#9", false, Foreign},
		"reading grant does not write":  {RowRule{all: true}, "acme#9", true, Refused},
		"without a guard policy decide": {RowRule{all: true}, "globex#9", false, Permitted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.rule.Check(tc.key, tc.write); got != tc.want {
				t.Fatalf("got %d, want %d", got, tc.want)
			}
		})
	}
}

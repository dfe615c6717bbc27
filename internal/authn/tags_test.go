package authn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/fault"
)

func TestValidateTags(t *testing.T) {
	t.Parallel()
	many := make([]Tag, 51)
	for i := range many {
		many[i] = Tag{Key: fmt.Sprint("k", i)}
	}
	for name, c := range map[string]struct {
		tags []Tag
		text string
	}{
		"none":      {nil, ""},
		"fifty":     {many[:50], ""},
		"longest":   {[]Tag{{Key: strings.Repeat("é", 128), Value: strings.Repeat("世", 256)}}, ""},
		"signs":     {[]Tag{{Key: "a b_.:/=+-@", Value: ""}}, ""},
		"too many":  {many, "less than or equal to 50"},
		"empty key": {[]Tag{{}}, "'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"long key":  {[]Tag{{Key: strings.Repeat("k", 129)}}, "less than or equal to 128"},
		"long":      {[]Tag{{Key: "k", Value: strings.Repeat("k", 257)}}, "'tags.1.member.value'"},
		"star":      {[]Tag{{Key: "k", Value: "*"}}, "regular expression"},
		"dollar":    {[]Tag{{Key: "k$"}}, "regular expression"},
		"newline":   {[]Tag{{Key: "k", Value: "a\nb"}}, "regular expression"},
		"utf-8":     {[]Tag{{Key: "k", Value: "\xff"}}, "regular expression"},
		"reserved":  {[]Tag{{Key: "AWS:x"}}, "reserved"},
		"duplicate": {[]Tag{{Key: "Tenant"}, {Key: "tenant"}}, "Duplicate tag keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := ValidateTags(c.tags)
			if c.text == "" && err != nil || c.text != "" && (!fault.IsClass(err, fault.Validation) || !strings.Contains(err.Error(), c.text)) {
				t.Fatalf("got %v, want %q", err, c.text)
			}
		})
	}
}

func TestTagsGet(t *testing.T) {
	t.Parallel()
	tags := Tags{{Key: "TenantID", Value: "acme"}}
	if v, ok := tags.Get("tenantid"); !ok || v != "acme" {
		t.Fatal(v, ok)
	}
	if _, ok := tags.Get("Tenant"); ok {
		t.Fatal("found an absent tag")
	}
}

func TestAmbiguousKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tags map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"a": "", "b": ""}, ""},
		{map[string]string{"TenantID": "a", "x": "", "tenantid": "b"}, "tenantid"},
		{map[string]string{"Kk": "", "\u212ak": ""}, "\u212ak"}, // the Kelvin sign folds to k
	} {
		if got := AmbiguousKey(c.tags); got != c.want {
			t.Errorf("%v: %q, want %q", c.tags, got, c.want)
		}
	}
}

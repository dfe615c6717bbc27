package authz

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead/bulkhead/internal/authn"
)

func tagsOf(text string) (tags []authn.Tag) {
	for _, s := range strings.Split(text, ";") {
		if k, v, ok := strings.Cut(s, ":"); ok {
			tags = append(tags, authn.Tag{Key: "bulkhead:" + strings.TrimSpace(k), Value: v})
		}
	}
	return tags
}

func TestStricter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ a, b, want string }{
		{"", "", ""},
		{"tenant-capacity:1/1", "", ""},
		{"", "owner-key:${tenant}#*;guard:filter", "owner-key:${tenant}#*;guard:filter"},
		{"owner-key:${tenant}#*;shared-keys:P*", "", "owner-key:${tenant}#*;shared-keys:P*"},
		{"owner-key:${tenant}#* T-${tenant}", "owner-key:T-${tenant}", "owner-key:T-${tenant}"},
		{"owner-key:${tenant}#*", "owner-key:T-${tenant}", "disjoint"},
		{"owner-key:${tenant};guard:filter", "owner-key:${tenant};guard:deny", "owner-key:${tenant};guard:deny"},
		{"owner-key:${tenant};guard:filter", "owner-key:${tenant}", "owner-key:${tenant};guard:deny"},
		{"owner-key:${tenant};guard:filter", "owner-key:${tenant};guard:filter", "owner-key:${tenant};guard:filter"},
		{"owner-key:${tenant};shared-keys:PUBLIC#* NEWS", "owner-key:${tenant};shared-keys:PUBLIC#1* N* X", "owner-key:${tenant};shared-keys:PUBLIC#1* NEWS"},
		{"owner-key:${tenant};shared-keys:PUBLIC#*", "owner-key:${tenant}", "owner-key:${tenant}"},
		{"owner-key:${tenant};index-owner-key:a=${tenant} b=${tenant}#*", "owner-key:${tenant};index-owner-key:b=${tenant}#* b=${tenant} c=${tenant}",
			"owner-key:${tenant};index-owner-key:a=${tenant} b=${tenant}#* c=${tenant}"},
		{"owner-key:${tenant};index-owner-key:a=${tenant}", "owner-key:${tenant};index-owner-key:a=x${tenant}", "disjoint"},
	} {
		for _, turned := range []bool{false, true} {
			a, b := tc.a, tc.b
			if turned {
				a, b = b, a
			}
			tags, err := Stricter(tagsOf(a), tagsOf(b))
			var got []string
			for _, tag := range tags {
				got = append(got, strings.TrimPrefix(tag.Key, "bulkhead:")+":"+tag.Value)
			}
			text := strings.Join(got, ";")
			if errors.Is(err, ErrDisjoint) {
				text = "disjoint"
			}
			if turned && strings.Contains(tc.want, "index") {
				continue // the same patterns, in another order
			}
			if text != tc.want {
				t.Errorf("%q and %q: %q, not %q", a, b, text, tc.want)
			}
		}
	}
}

package authz

import (
	"errors"
	"slices"
	"strings"

	"github.com/bulkhead/bulkhead/internal/authn"
)

// ErrDisjoint is returned by Stricter for rules that have no owner pattern in common.
var ErrDisjoint = errors.New("authz: the owner rules have no pattern in common")

// Stricter returns the owner tags under which a tenant reaches no row that it does not reach under both of two sets of tags: for rows
// that are copied from where one rule held to where another one does. It returns none if neither set has an owner rule. Tags with
// other keys are left out.
func Stricter(a, b []authn.Tag) ([]authn.Tag, error) {
	x, y := ownerTagsOf(a), ownerTagsOf(b)
	switch {
	case x[OwnerKeyTag] == "":
		return y.list(), nil
	case y[OwnerKeyTag] == "":
		return x.list(), nil
	}
	out := ruleTags{}
	owned := common(strings.Fields(x[OwnerKeyTag]), strings.Fields(y[OwnerKeyTag]))
	if len(owned) == 0 {
		return nil, ErrDisjoint
	}
	out[OwnerKeyTag] = strings.Join(owned, " ")
	out[SharedKeysTag] = strings.Join(overlap(strings.Fields(x[SharedKeysTag]), strings.Fields(y[SharedKeysTag])), " ")
	var err error
	if out[IndexOwnerKeyTag], err = stricterIndexes(x[IndexOwnerKeyTag], y[IndexOwnerKeyTag]); err != nil {
		return nil, err
	}
	if x[GuardTag] == y[GuardTag] {
		out[GuardTag] = x[GuardTag]
	} else {
		out[GuardTag] = "deny"
	}
	return out.list(), nil
}

// ruleTags are the tags of an owner rule that are given, by their keys.
type ruleTags map[string]string

func ownerTagsOf(tags []authn.Tag) ruleTags {
	out := ruleTags{}
	for _, k := range []string{OwnerKeyTag, IndexOwnerKeyTag, SharedKeysTag, GuardTag} {
		out[k], _ = authn.Tags(tags).Get(k)
	}
	return out
}

func (r ruleTags) list() (tags []authn.Tag) {
	for _, k := range []string{OwnerKeyTag, IndexOwnerKeyTag, SharedKeysTag, GuardTag} {
		if r[k] != "" {
			tags = append(tags, authn.Tag{Key: k, Value: r[k]})
		}
	}
	return tags
}

func common(a, b []string) (both []string) {
	for _, s := range a {
		if slices.Contains(b, s) && !slices.Contains(both, s) {
			both = append(both, s)
		}
	}
	return both
}

// overlap returns the patterns of what matches one of each list.
func overlap(a, b []string) (both []string) {
	for _, s := range a {
		for _, t := range b {
			narrow := ""
			switch {
			case covers(s, t):
				narrow = t
			case covers(t, s):
				narrow = s
			}
			if narrow != "" && !slices.Contains(both, narrow) {
				both = append(both, narrow)
			}
		}
	}
	return both
}

// covers reports whether all that matches the pattern q matches p.
func covers(p, q string) bool {
	text, open := strings.CutSuffix(p, "*")
	return p == q || open && strings.HasPrefix(strings.TrimSuffix(q, "*"), text)
}

// stricterIndexes has the rules of all indexes of both tags.
func stricterIndexes(a, b string) (string, error) {
	x, y := strings.Fields(a), strings.Fields(b)
	of := func(list []string, index string) (ps []string) {
		for _, s := range list {
			if strings.HasPrefix(s, index+"=") {
				ps = append(ps, s)
			}
		}
		return ps
	}
	var out, done []string
	for _, s := range slices.Concat(x, y) {
		index, _, _ := strings.Cut(s, "=")
		if slices.Contains(done, index) {
			continue
		}
		done = append(done, index)
		ps, qs := of(x, index), of(y, index)
		switch both := common(ps, qs); {
		case len(ps) == 0:
			out = append(out, qs...)
		case len(qs) == 0:
			out = append(out, ps...)
		case len(both) == 0:
			return "", ErrDisjoint
		default:
			out = append(out, both...)
		}
	}
	return strings.Join(out, " "), nil
}

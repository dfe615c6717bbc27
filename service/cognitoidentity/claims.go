package cognitoidentity

import (
	"encoding/json"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	"github.com/bulkhead/bulkhead/internal/opt"
)

// textOf reads a claim as text: a string, or the literal of a number or boolean. It is false for what is absent, null or
// has parts.
func textOf(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 {
		return "", false
	}
	switch raw[0] {
	case '{', '[', 'n':
		return "", false
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return "", false
		}
		return s, true
	}
	return string(raw), true
}

// textsOf reads a claim that is a list of strings.
func textsOf(raw json.RawMessage) ([]string, bool) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	return list, true
}

// matches reports whether a claim meets a rule. A claim that is absent, or neither text nor a list of texts, meets none. Of
// a list each element is compared as a whole: one group's name must not be found within another's.
func matches(rule *api.MappingRule, claim json.RawMessage) bool {
	want := opt.Value(rule.Value)
	if list, ok := textsOf(claim); ok {
		switch rule.MatchType {
		case api.MappingRuleMatchTypeContains:
			return slices.Contains(list, want)
		case api.MappingRuleMatchTypeEquals:
			return len(list) == 1 && list[0] == want
		case api.MappingRuleMatchTypeNotEqual:
			return !slices.Contains(list, want)
		}
		return false
	}
	got, ok := textOf(claim)
	if !ok {
		return false
	}
	switch rule.MatchType {
	case api.MappingRuleMatchTypeEquals:
		return got == want
	case api.MappingRuleMatchTypeNotEqual:
		return got != want
	case api.MappingRuleMatchTypeStartsWith:
		return strings.HasPrefix(got, want)
	case api.MappingRuleMatchTypeContains:
		return strings.Contains(got, want)
	}
	return false
}

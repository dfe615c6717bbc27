package authn

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// The limits of session tags ("Pass session tags in AWS STS", IAM User Guide). Lengths are in characters.
const (
	MaxTags     = 50
	MaxTagKey   = 128
	MaxTagValue = 256
)

// ValidateTags checks tags passed to STS as AssumeRole does: at most MaxTags, keys and values of the allowed lengths and
// characters, no reserved key, no key twice in any case. The fault is of class Validation.
func ValidateTags(tags []Tag) error {
	if len(tags) > MaxTags {
		return invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", MaxTags)
	}
	for i, t := range tags {
		if err := validateTag(i+1, t); err != nil {
			return err
		}
		for _, other := range tags[:i] {
			if strings.EqualFold(other.Key, t.Key) {
				return invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
			}
		}
	}
	return nil
}

func validateTag(n int, t Tag) error {
	const at = "1 validation error detected: Value at 'tags.%d.member.%s' failed to satisfy constraint: Member must "
	switch {
	case t.Key == "":
		return invalid(at+"have length greater than or equal to 1", n, "key")
	case utf8.RuneCountInString(t.Key) > MaxTagKey:
		return invalid(at+"have length less than or equal to %d", n, "key", MaxTagKey)
	case utf8.RuneCountInString(t.Value) > MaxTagValue:
		return invalid(at+"have length less than or equal to %d", n, "value", MaxTagValue)
	case !TagText(t.Key):
		return invalid(at+`satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`, n, "key")
	case !TagText(t.Value):
		return invalid(at+`satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*`, n, "value")
	case len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:"):
		return invalid("Tag keys starting with 'aws:' are reserved for system use")
	}
	return nil
}

// AmbiguousKey returns a key that another one differs from in case only, "" if there is none. Condition keys do not tell
// such tags apart, so that one would hide the other from policies.
func AmbiguousKey(tags map[string]string) string {
	seen := make([]string, 0, len(tags))
	for k := range tags {
		for _, other := range seen {
			if strings.EqualFold(k, other) {
				return max(k, other)
			}
		}
		seen = append(seen, k)
	}
	return ""
}

func invalid(format string, args ...any) error { return fault.New(fault.Validation, format, args...) }

// TagText reports whether s has only characters that tags may have: [\p{L}\p{Z}\p{N}_.:/=+\-@]*, in valid UTF-8.
func TagText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r) {
			return false
		}
	}
	return true
}

// Package tenant holds what a tenant is: its id, the language ids are written in, and the registry of known ones.
package tenant

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode"
)

// DefaultLanguage is the form of a tenant id unless the operator declares another.
const DefaultLanguage = `[a-z0-9][a-z0-9-]{1,62}`

// ID is the identifier of a tenant. It can only be made by a Language, so a string that came from a caller is never
// mistaken for one. The zero ID is no tenant.
type ID struct{ s string }

// String returns the id as text; the zero ID is "".
func (id ID) String() string { return id.s }

// IsZero reports whether id names no tenant.
func (id ID) IsZero() bool { return id.s == "" }

// Language is the declared form of tenant ids: the one place an ID is made.
type Language struct {
	re   *regexp.Regexp
	tree *syntax.Regexp
}

// NewLanguage compiles a language from an RE2 pattern that the whole id must match.
func NewLanguage(pattern string) (*Language, error) {
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, fmt.Errorf("tenant id pattern %q: %w", pattern, err)
	}
	if re.MatchString("") {
		return nil, fmt.Errorf("tenant id pattern %q matches the empty string", pattern)
	}
	tree, err := syntax.Parse(re.String(), syntax.Perl) // as Compile does
	if err != nil {
		return nil, fmt.Errorf("tenant id pattern %q: %w", pattern, err)
	}
	return &Language{re, tree}, nil
}

// ID returns the tenant id that s spells, or false if s is not of the language.
func (l *Language) ID(s string) (ID, bool) {
	if l == nil || len(s) > 256 || !l.re.MatchString(s) {
		return ID{}, false
	}
	return ID{s}, true
}

// Contains reports whether an id of the language may contain the character: whether any part of the pattern matches it.
func (l *Language) Contains(c rune) bool { return mentions(l.tree, c) }

func mentions(re *syntax.Regexp, c rune) bool {
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r == c || re.Flags&syntax.FoldCase != 0 && unicode.ToLower(r) == unicode.ToLower(c) {
				return true
			}
		}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			if re.Rune[i] <= c && c <= re.Rune[i+1] {
				return true
			}
		}
	}
	for _, sub := range re.Sub {
		if mentions(sub, c) {
			return true
		}
	}
	return false
}

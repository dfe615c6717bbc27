// Package constraint checks inputs against the constraints of a service's model and words the result as AWS's services
// do: "2 validation errors detected: Value … at 'tableName' failed to satisfy constraint: …; Value …".
package constraint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// maxReported is how many violations a message lists.
const maxReported = 10

// maxValue is how many bytes of a value a message repeats.
const maxValue = 1024

// None stands for a bound that the model does not set.
const None = -1

// Checker collects violations. The zero Checker is ready.
type Checker struct {
	path     []segment
	messages []string
	hidden   int  // depth of sensitive structures
	probing  bool // between Each and EachDone
	failed   bool // something failed since Each
	absent   string
}

type segment struct {
	name  string
	index int // from 1; 0 is a name
}

// Enter goes into the member or map key called name.
func (c *Checker) Enter(name string) { c.path = append(c.path, segment{name: name}) }

// EnterIndex goes into the element i (from 0) of the list just entered.
func (c *Checker) EnterIndex(i int) { c.path = append(c.path, segment{index: i + 1}) }

// EnterKey goes into the value of a map's key.
func (c *Checker) EnterKey(key string) { c.path = append(c.path, segment{name: key, index: -1}) }

// Leave undoes one Enter.
func (c *Checker) Leave() { c.path = c.path[:len(c.path)-1] }

// Hide keeps values out of messages until Show.
func (c *Checker) Hide() { c.hidden++ }

// Show undoes one Hide.
func (c *Checker) Show() { c.hidden-- }

// Each starts a look at the scalars of a collection: what fails until EachDone is reported as one violation of the
// collection.
func (c *Checker) Each() { c.probing, c.failed = true, false }

// EachDone ends Each. constraint names all that a member, key or value must satisfy, as AWS's messages do; whole shows
// the collection and may be nil.
func (c *Checker) EachDone(at, constraint string, whole func() string) {
	c.probing = false
	if !c.failed {
		return
	}
	if whole == nil || c.hidden > 0 {
		c.add(at, "Value", constraint)
		return
	}
	c.fail(at, whole(), constraint)
}

// Required reports an absent member and returns present.
func (c *Checker) Required(at string, present bool) bool {
	if !present {
		c.add(at, "Value null", "Member must not be null")
	}
	return present
}

// Present reports the absence of a parameter that is checked before all others, in the words that DynamoDB has for this
// case, and returns present.
func (c *Checker) Present(name string, present bool) bool {
	if !present {
		c.absent = name
	}
	return present
}

// Failed reports whether there is a violation.
func (c *Checker) Failed() bool { return c.absent != "" || len(c.messages) > 0 }

// Length checks a string's length in characters. Either bound may be None.
func (c *Checker) Length(at, v string, low, high int) {
	if low <= 0 && (high == None || len(v) <= high) {
		return // no string of at most high bytes has more characters
	}
	c.size(at, v, utf8.RuneCountInString(v), low, high)
}

// Size checks the length of a blob in bytes, or of a list or map in elements. Contents are not repeated in messages, as
// these are kept in logs: "..." stands for them. empty is how the value is shown when it has none; it is "" for a blob.
func (c *Checker) Size(at string, n, low, high int, empty string) {
	if n >= low && (high == None || n <= high) {
		return
	}
	switch {
	case empty == "":
		c.Hide()
		defer c.Show()
	case n > 0:
		empty = empty[:1] + "..." + empty[1:]
	}
	c.size(at, empty, n, low, high)
}

func (c *Checker) size(at, v string, n, low, high int) {
	if n < low {
		c.fail(at, v, "Member must have length greater than or equal to "+strconv.Itoa(low))
	}
	if high != None && n > high {
		c.fail(at, v, "Member must have length less than or equal to "+strconv.Itoa(high))
	}
}

// Number is what numbers the models have.
type Number interface {
	int32 | int64 | float32 | float64
}

// Min checks the least value of a number.
func Min[T Number](c *Checker, at string, v, low T) {
	if v < low {
		c.fail(at, fmt.Sprint(v), fmt.Sprint("Member must have value greater than or equal to ", low))
	}
}

// Max checks the greatest value of a number.
func Max[T Number](c *Checker, at string, v, high T) {
	if v > high {
		c.fail(at, fmt.Sprint(v), fmt.Sprint("Member must have value less than or equal to ", high))
	}
}

// Matches checks a string against a pattern of the model, which must match the whole string.
func (c *Checker) Matches(at, v string, p *Pattern) {
	if !p.re().MatchString(v) {
		c.fail(at, v, "Member must satisfy regular expression pattern: "+p.shown)
	}
}

// Enum reports a value that is not among values ("A, B").
func (c *Checker) Enum(at, v, values string) {
	c.fail(at, v, "Member must satisfy enum value set: ["+values+"]")
}

func (c *Checker) fail(at, v, constraint string) {
	shown := "Value"
	if c.hidden == 0 {
		if len(v) > maxValue {
			v = strings.ToValidUTF8(v[:maxValue], "") + "..."
		}
		shown = "Value '" + v + "'"
	}
	c.add(at, shown, constraint)
}

func (c *Checker) add(at, value, constraint string) {
	if c.probing {
		c.failed = true
		return
	}
	if len(c.messages) >= maxReported {
		return
	}
	c.messages = append(c.messages, value+" at '"+c.where(at)+"' failed to satisfy constraint: "+constraint)
}

func (c *Checker) where(at string) string {
	var b strings.Builder
	for _, s := range c.path {
		switch {
		case s.index > 0:
			fmt.Fprintf(&b, "%d.member", s.index)
		case s.index < 0:
			b.WriteString(clip(s.name) + ".member")
		case s.name == "": // a list that is itself an element
			continue
		default:
			b.WriteString(s.name)
		}
		b.WriteByte('.')
	}
	if at == "" {
		return strings.TrimSuffix(b.String(), ".")
	}
	return b.String() + at
}

func clip(s string) string {
	if len(s) > maxValue {
		return strings.ToValidUTF8(s[:maxValue], "") + "..."
	}
	return s
}

// Err returns the violations as one validation fault, or nil.
func (c *Checker) Err() error {
	if c.absent != "" {
		return fault.New(fault.Validation, "The parameter '%s' is required but was not present in the request", c.absent)
	}
	switch n := len(c.messages); n {
	case 0:
		return nil
	case 1:
		return fault.New(fault.Validation, "1 validation error detected: %s", c.messages[0])
	default:
		return fault.New(fault.Validation, "%d validation errors detected: %s", n, strings.Join(c.messages, "; "))
	}
}

// Strings shows a list of strings as messages do.
func Strings[E ~string](list []E) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if b.Len() > maxValue {
			b.WriteString("...")
			break
		}
		b.WriteString(clip(string(s)))
	}
	b.WriteByte(']')
	return b.String()
}

// Keys shows the keys of a map as messages do, with the same text for each of the values.
func Keys[V any](m map[string]V, value string) string {
	shown := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		shown = append(shown, clip(key)+"="+value)
	}
	list := Strings(shown)
	return "{" + list[1:len(list)-1] + "}"
}

// Pattern is a regular expression of a model, compiled when first used.
type Pattern struct {
	shown, expr string
	once        sync.Once
	compiled    *regexp.Regexp
}

// NewPattern takes the pattern as the model writes it, which messages show, and as RE2 reads it.
func NewPattern(shown, expr string) *Pattern { return &Pattern{shown: shown, expr: expr} }

// re panics on a pattern that does not compile; the generator has compiled every one.
func (p *Pattern) re() *regexp.Regexp {
	p.once.Do(func() { p.compiled = regexp.MustCompile(`\A(?:` + p.expr + `)\z`) })
	return p.compiled
}

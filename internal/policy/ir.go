package policy

import "net/netip"

// The intermediate representation. It is what the engine evaluates and what any other reader of policies is to
// reason about; nothing of the document's meaning is outside of it. A policy's statements are a disjunction of
// conjunctions:
//
//	matches(statement) = Principals ∧ Actions ∧ Resources ∧ Conditions[0] ∧ Conditions[1] …
//
// and each element is a disjunction of patterns, perhaps negated. Patterns are lists of parts.

// Effect is what a matching statement does.
type Effect uint8

// The effects. The zero Effect denies.
const (
	Deny Effect = iota
	Allow
)

// String returns the effect as policies spell it.
func (e Effect) String() string {
	if e == Allow {
		return "Allow"
	}
	return "Deny"
}

// MarshalText writes the effect by name.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Statement is a compiled statement.
type Statement struct {
	Sid    string
	Effect Effect
	// FailClosed is set where the statement has something unknown: an Allow never matches, and a Deny matches
	// whatever its conditions say.
	FailClosed bool

	// Principals is nil in identity policies.
	Principals *Principals
	// Actions match the request's action, ASCII case-insensitively. NotAction negates.
	Actions   []Pattern
	NotAction bool
	// Resources match the request's resource, exactly by case. NotResource negates. Empty in trust policies.
	Resources   []Pattern
	NotResource bool
	// Conditions must all hold.
	Conditions []Condition
}

// Principals is a Principal or NotPrincipal element.
type Principals struct {
	// Not marks NotPrincipal.
	Not bool
	// Everyone is "*", or "*" under AWS: all callers, anonymous ones too.
	Everyone bool
	// Accounts are the 12-digit accounts named by id or root ARN.
	Accounts []string
	// ARNs are users, roles and sessions.
	ARNs      []string
	Services  []string
	Federated []string
	Canonical []string
}

// PartKind is the kind of a part of a pattern.
type PartKind uint8

// The kinds of parts.
const (
	// Literal matches its text.
	Literal PartKind = iota
	// AnyText matches any text, the empty one too: "*".
	AnyText
	// AnyChar matches one character: "?".
	AnyChar
	// Variable matches the single value of a condition key, literally.
	Variable
)

// Part is a piece of a pattern.
type Part struct {
	Kind PartKind
	// Text is the literal, or the variable's key.
	Text string
	// Default stands in for an absent key, if HasDefault.
	Default    string
	HasDefault bool
	// slot numbers the variables of a pattern.
	slot int
	hash uint64
}

// Pattern is a value of an element or a condition: a list of parts. Neighbouring literals are one part.
type Pattern struct {
	// Raw is the value as written.
	Raw   string
	Parts []Part
	// shape, prefix and hash let most values be decided without walking the parts: prefix is the literal text before
	// the first other part.
	shape  shape
	prefix string
	hash   uint64
	// arn is the pattern cut into the components of an ARN, for ARN conditions without variables.
	arn *arnParts
}

// shape is what is known of a pattern beforehand.
type shape uint8

const (
	// The zero value: patterns whose parts are walked.
	_ shape = iota
	// exact patterns are their prefix.
	exact
	// prefixed patterns are their prefix and one "*".
	prefixed
	// single patterns are one variable.
	single
)

// Quantifier is the set operator of a condition.
type Quantifier uint8

// The quantifiers.
const (
	// Single is no set operator.
	Single Quantifier = iota
	ForAllValues
	ForAnyValue
)

// Test is how a condition compares one value of the request with one of the policy.
type Test uint8

// The tests. Negated and ordering operators are made of them.
const (
	TestString Test = iota
	TestStringFold
	TestStringLike
	TestArn
	TestNumber
	TestDate
	TestBool
	TestBinary
	TestIP
	TestNull
)

// Order is which comparison results satisfy an ordering test.
type Order uint8

// The orders: a union of bits.
const (
	Less Order = 1 << iota
	Equal
	Greater
)

// Condition is one key under one operator.
type Condition struct {
	// Operator is as written, e.g. "ForAllValues:StringNotLikeIfExists".
	Operator   string
	Quantifier Quantifier
	Test       Test
	// Order is for TestNumber and TestDate.
	Order    Order
	Negated  bool
	IfExists bool
	// Key is as written; it compares case-insensitively.
	Key    string
	hash   uint64
	Values []Value
}

// Value is a value of a condition, in the form that its test reads.
type Value struct {
	// Pattern is for the string and ARN tests; Raw is set for all.
	Pattern Pattern
	Number  Number
	Date    Instant
	// Flag is for TestBool and TestNull.
	Flag bool
	// Prefix is for TestIP; a single address is a prefix of full length.
	Prefix netip.Prefix
}

package policy

import "fmt"

// Policy is a parsed and compiled policy document. It is immutable and safe for concurrent use.
type Policy struct {
	src  []byte
	kind Kind
}

// JSON returns the document as it was given. It must not be changed.
func (p *Policy) JSON() []byte { return p.src }

// Kind returns what the policy was parsed as.
func (p *Policy) Kind() Kind { return p.kind }

// SyntaxError is a document that is not a valid policy.
type SyntaxError struct {
	// Offset is the byte offset, from 0; Line and Column count from 1, Column in bytes.
	Offset, Line, Column int
	// Path is the element, e.g. "Statement[0].Condition.StringEquals".
	Path string
	// Msg is AWS's message where one is known.
	Msg string
}

// Error returns the message with the position, fit for the message of MalformedPolicyDocument.
func (e *SyntaxError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s (line %d, column %d)", e.Msg, e.Line, e.Column)
	}
	return fmt.Sprintf("%s (line %d, column %d, at %s)", e.Msg, e.Line, e.Column, e.Path)
}

// Parse compiles a document of the kind. An error is a *SyntaxError.
func Parse(src []byte, k Kind) (*Policy, error) {
	return nil, &SyntaxError{Line: 1, Column: 1, Msg: "Syntax errors in policy."}
}

// Set is a compiled collection of policies whose union grants. A nil Set is empty.
type Set struct{ sources []Source }

// NewSet compiles the sources.
func NewSet(sources []Source) *Set { return &Set{sources} }

// Sources returns the policies of the set. They must not be changed.
func (s *Set) Sources() []Source {
	if s == nil {
		return nil
	}
	return s.sources
}

// Evaluate decides the request.
func Evaluate(r *Request, ps *Policies) Decision { return Decision{} }

// Explanation tells why a request was decided as it was.
type Explanation struct {
	Decision Decision `json:"decision"`
}

// Explain decides the request as Evaluate does and says why.
func Explain(r *Request, ps *Policies) Explanation { return Explanation{Evaluate(r, ps)} }

// ContextKeys returns the condition keys that the policy reads, in conditions and variables.
func (p *Policy) ContextKeys() []string { return nil }

// Conditions calls f for each condition of each statement until it returns false. operator is as written
// ("ForAllValues:StringEquals").
func (p *Policy) Conditions(f func(statement int, operator, key string) bool) {}

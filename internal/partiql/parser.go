package partiql

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/item"
)

// maxNesting is how deep conditions and literals may nest.
const maxNesting = 64

func invalid(format string, args ...any) error { return fault.New(fault.Validation, format, args...) }

func malformed(what string) error {
	return invalid("Statement wasn't well formed, can't be processed: %s", what)
}

// parser reads one statement. Its methods return the first error; nothing after it is read.
type parser struct {
	lex   lexer
	tok   token
	ahead token
	// values are the parameters, and next the first that no ? has taken.
	values []item.Value
	next   int
	depth  int
	// functions are those that may be called where the parser is.
	functions []string
}

// Parse reads a statement, with a parameter for each ? in it. Errors are ValidationExceptions.
func Parse(text string, parameters []item.Value) (*Statement, error) {
	if n := utf8.RuneCountInString(text); n > MaxStatement {
		return nil, malformed("Statement is too long")
	}
	if !utf8.ValidString(text) {
		return nil, malformed("Unexpected character")
	}
	for _, v := range parameters {
		if err := v.Err(); err != nil {
			return nil, err
		}
	}
	p := &parser{lex: lexer{src: text}, values: parameters, functions: conditionFunctions}
	p.tok, p.ahead = p.lex.next(), p.lex.next()
	s, err := p.statement()
	if err != nil {
		return nil, err
	}
	p.accept(";")
	if p.tok.kind != tokEOF {
		return nil, p.unexpected()
	}
	if p.next != len(p.values) {
		return nil, errParameters()
	}
	return s, nil
}

func errParameters() error {
	return invalid("Number of parameters in request and statement don't match.")
}

func (p *parser) advance() { p.tok, p.ahead = p.ahead, p.lex.next() }

// keywords are the words that are no names unless they are quoted.
var keywords = map[string]bool{}

func init() {
	for _, w := range strings.Fields("SELECT FROM WHERE ORDER BY INSERT INTO VALUE UPDATE SET REMOVE DELETE RETURNING AND OR NOT " +
		"IN BETWEEN IS MISSING NULL TRUE FALSE EXISTS ASC DESC AS") {
		keywords[w] = true
	}
}

func reserved(t token) bool { return t.kind == tokIdent && keywords[strings.ToUpper(t.text)] }

// unexpected refuses the current token.
func (p *parser) unexpected() error {
	switch {
	case p.tok.kind == tokEOF:
		return malformed("Unexpected end of statement")
	case p.tok.kind == tokBad:
		return malformed("Unexpected character")
	case reserved(p.tok):
		return malformed("Unexpected keyword")
	}
	return malformed("Unexpected term")
}

func is(t token, text string) bool {
	switch t.kind {
	case tokSymbol:
		return t.text == text
	case tokIdent:
		return strings.EqualFold(t.text, text)
	default:
		return false
	}
}

func (p *parser) accept(text string) bool {
	if !is(p.tok, text) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(texts ...string) error {
	for _, text := range texts {
		if !p.accept(text) {
			return p.unexpected()
		}
	}
	return nil
}

// enter bounds the recursion; every call is paired with leave.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxNesting {
		return malformed("The statement is nested too deeply")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// name reads a name, quoted or not.
func (p *parser) name() (string, error) {
	t := p.tok
	if t.kind != tokQuoted && (t.kind != tokIdent || reserved(t)) {
		return "", p.unexpected()
	}
	if t.text == "" {
		return "", invalid("Path component cannot be an empty string")
	}
	p.advance()
	return t.text, nil
}

// path reads a document path.
func (p *parser) path() (item.Path, error) {
	top, err := p.name()
	if err != nil {
		return nil, err
	}
	path := item.NewPath(top)
	for {
		switch {
		case is(p.tok, ".") && is(p.ahead, "*"):
			return nil, invalid("Unpivot path component like a.*.b are not supported")
		case p.accept("."):
			field, err := p.name()
			if err != nil {
				return nil, err
			}
			path = path.Field(field)
		case p.accept("["):
			if path, err = p.element(path); err != nil {
				return nil, err
			}
		default:
			if len(path) > item.MaxDepth+1 {
				return nil, invalid("The document path has too many nesting elements; nesting levels: %d", len(path))
			}
			return path, nil
		}
	}
}

// element reads what stands in brackets: an index, or the name of an attribute as text.
func (p *parser) element(path item.Path) (item.Path, error) {
	t := p.tok
	if is(t, "*") {
		return nil, invalid("Wildcard path component like a[*].b are not supported")
	}
	p.advance()
	switch {
	case t.kind == tokString && t.text == "":
		return nil, invalid("Path component cannot be an empty string")
	case t.kind == tokString:
		path = path.Field(t.text)
	case t.kind == tokNumber:
		n, err := strconv.Atoi(t.text)
		if err != nil || n > math.MaxInt32 {
			return nil, invalid("List index is not within the allowable range; index: [%s]", t.text)
		}
		path = path.Element(n)
	default:
		return nil, malformed("Unexpected path component")
	}
	return path, p.expect("]")
}

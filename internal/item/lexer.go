package item

import "strings"

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokName   // #name
	tokValue  // :value
	tokNumber // digits
	tokSymbol
	tokBad
)

type token struct {
	kind     tokenKind
	text     string
	pos, end int
}

// is reports whether the token is the symbol, or the keyword in any case.
func (t token) is(text string) bool {
	switch t.kind {
	case tokSymbol:
		return t.text == text
	case tokIdent:
		return strings.EqualFold(t.text, text)
	default:
		return false
	}
}

type lexer struct {
	src string
	pos int
}

func identStart(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func identPart(c byte) bool { return c == '_' || identStart(c) || digit(c) }

func (l *lexer) next() token {
	for l.pos < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0 {
		l.pos++
	}
	if l.pos >= len(l.src) {
		return token{kind: tokEOF, text: "<EOF>", pos: len(l.src), end: len(l.src)}
	}
	start, kind := l.pos, tokBad
	c := l.src[l.pos]
	l.pos++
	switch {
	case identStart(c):
		kind = tokIdent
		l.run(identPart)
	case digit(c):
		kind = tokNumber
		l.run(digit)
	case c == '#' || c == ':':
		if l.run(identPart); l.pos > start+1 {
			kind = tokName
			if c == ':' {
				kind = tokValue
			}
		}
	case strings.IndexByte("()[].,=+-<>", c) >= 0:
		kind = tokSymbol
		if l.pos < len(l.src) {
			if two := l.src[start : l.pos+1]; two == "<=" || two == ">=" || two == "<>" {
				l.pos++
			}
		}
	default:
		for l.pos < len(l.src) && l.src[l.pos]&0xc0 == 0x80 { // the rest of the character
			l.pos++
		}
	}
	return token{kind: kind, text: l.src[start:l.pos], pos: start, end: l.pos}
}

func (l *lexer) run(part func(byte) bool) {
	for l.pos < len(l.src) && part(l.src[l.pos]) {
		l.pos++
	}
}

package partiql

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEOF    tokenKind = iota
	tokIdent            // a bare word: a keyword or a name
	tokQuoted           // "name"
	tokString           // 'text'
	tokNumber
	tokSymbol
	tokBad
)

// token is one token; text is what it stands for, without quotes.
type token struct {
	kind tokenKind
	text string
}

// symbols are those of more than one character, before their beginnings.
var symbols = []string{"<<", ">>", "<=", ">=", "<>", "!="}

type lexer struct {
	src string
	pos int
}

func identStart(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func identPart(c byte) bool { return identStart(c) || digit(c) }

func (l *lexer) next() token {
	for l.pos < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0 {
		l.pos++
	}
	if l.pos >= len(l.src) {
		return token{kind: tokEOF}
	}
	start := l.pos
	switch c := l.src[start]; {
	case identStart(c):
		l.run(identPart)
		return token{tokIdent, l.src[start:l.pos]}
	case digit(c), c == '.' && start+1 < len(l.src) && digit(l.src[start+1]):
		return l.number()
	case c == '\'':
		return l.quoted(c, tokString)
	case c == '"':
		return l.quoted(c, tokQuoted)
	}
	for _, s := range symbols {
		if strings.HasPrefix(l.src[start:], s) {
			l.pos += len(s)
			return token{tokSymbol, s}
		}
	}
	l.pos++
	if strings.IndexByte("()[]{},.:*?=<>+-;", l.src[start]) >= 0 {
		return token{tokSymbol, l.src[start:l.pos]}
	}
	return token{tokBad, l.src[start:l.pos]}
}

func (l *lexer) run(part func(byte) bool) {
	for l.pos < len(l.src) && part(l.src[l.pos]) {
		l.pos++
	}
}

// number reads digits with an optional point and an optional exponent.
func (l *lexer) number() token {
	start := l.pos
	l.run(digit)
	if l.pos < len(l.src) && l.src[l.pos] == '.' {
		l.pos++
		l.run(digit)
	}
	if l.pos < len(l.src) && l.src[l.pos]|0x20 == 'e' {
		l.pos++
		if l.pos < len(l.src) && (l.src[l.pos] == '+' || l.src[l.pos] == '-') {
			l.pos++
		}
		l.run(digit)
	}
	if l.pos < len(l.src) && identStart(l.src[l.pos]) {
		return token{kind: tokBad}
	}
	return token{tokNumber, l.src[start:l.pos]}
}

// quoted reads what stands between two quotes; a doubled quote stands for one.
func (l *lexer) quoted(quote byte, kind tokenKind) token {
	var text strings.Builder
	l.pos++
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		l.pos++
		if c != quote {
			text.WriteByte(c)
			continue
		}
		if l.pos >= len(l.src) || l.src[l.pos] != quote {
			return token{kind, text.String()}
		}
		l.pos++
		text.WriteByte(quote)
	}
	return token{kind: tokBad}
}

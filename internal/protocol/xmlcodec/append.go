// Package xmlcodec reads and writes the XML of the AWS protocols without reflection.
package xmlcodec

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Open appends a start tag. The name must be a valid XML name.
func Open(b []byte, name string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	return append(b, '>')
}

// Close appends an end tag.
func Close(b []byte, name string) []byte {
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}

// AppendText appends escaped character data. Characters that XML 1.0 cannot carry (section 2.2: most controls, U+FFFE,
// U+FFFF, bytes that are not UTF-8) become U+FFFD. Carriage returns and what matters in attributes are escaped too.
func AppendText(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		esc, n := "", 1
		switch {
		case c >= utf8.RuneSelf:
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			if r == 0xFFFE || r == 0xFFFF || r == utf8.RuneError && n == 1 {
				esc = "\uFFFD"
			}
		case c == '&':
			esc = "&amp;"
		case c == '<':
			esc = "&lt;"
		case c == '>':
			esc = "&gt;"
		case c == '"':
			esc = "&quot;"
		case c == '\'':
			esc = "&apos;"
		case c == '\r':
			esc = "&#xD;"
		case c < ' ' && c != '\n' && c != '\t':
			esc = "\uFFFD"
		}
		if esc != "" {
			b = append(b, s[start:i]...)
			b = append(b, esc...)
			start = i + n
		}
		i += n
	}
	return append(b, s[start:]...)
}

// AppendString appends an element that holds a string.
func AppendString(b []byte, name, s string) []byte {
	return Close(AppendText(Open(b, name), s), name)
}

// AppendInt appends an element that holds an integer.
func AppendInt(b []byte, name string, n int64) []byte {
	return Close(strconv.AppendInt(Open(b, name), n, 10), name)
}

// AppendBool appends an element that holds true or false.
func AppendBool(b []byte, name string, v bool) []byte {
	return Close(strconv.AppendBool(Open(b, name), v), name)
}

// AppendFloat appends an element that holds a number of the given bits, or NaN, Infinity or -Infinity.
func AppendFloat(b []byte, name string, f float64, bits int) []byte {
	b = Open(b, name)
	switch {
	case math.IsInf(f, 1):
		b = append(b, "Infinity"...)
	case math.IsInf(f, -1):
		b = append(b, "-Infinity"...)
	default:
		b = strconv.AppendFloat(b, f, 'g', -1, bits)
	}
	return Close(b, name)
}

// AppendTime appends an element that holds a timestamp of RFC 3339, with milliseconds if there are any.
func AppendTime(b []byte, name string, t time.Time) []byte {
	b = t.UTC().Truncate(time.Millisecond).AppendFormat(Open(b, name), "2006-01-02T15:04:05.999Z")
	return Close(b, name)
}

// AppendBlob appends an element that holds bytes in base64.
func AppendBlob(b []byte, name string, blob []byte) []byte {
	return Close(base64.StdEncoding.AppendEncode(Open(b, name), blob), name)
}

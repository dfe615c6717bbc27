package sigv4

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead/bulkhead/internal/fault"
)

const upperHex = "0123456789ABCDEF"

// safe holds the characters that are never encoded (RFC 3986 section 2.3), and the slash for paths.
var safe, safePath [256]bool

func init() {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
		safe[c], safePath[c] = true, true
	}
	safePath['/'] = true
}

func appendEncoded(dst []byte, s string, keep *[256]bool) []byte {
	for i := 0; i < len(s); i++ {
		if keep[s[i]] {
			j := i + 1
			for j < len(s) && keep[s[j]] {
				j++
			}
			dst = append(dst, s[i:j]...)
			i = j - 1
			continue
		}
		dst = append(dst, '%', upperHex[s[i]>>4], upperHex[s[i]&15])
	}
	return dst
}

func unhex(c byte) byte {
	if c >= 'A' && c <= 'F' {
		return c - 'A' + 10
	}
	return lowerHex[c]
}

// appendReencoded decodes s and encodes it again in the one canonical way. An escaped reserved character stays
// escaped, so that "%2F" and "/" never have the same form. In a query a plus sign is a space, because that is how the
// server decodes it: what is signed is what is read. It is false for an escape that is not one.
func appendReencoded(dst []byte, s string, keep *[256]bool, query bool) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case keep[c]:
			dst = append(dst, c)
		case c == '%':
			if i+2 >= len(s) {
				return dst, false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi|lo > 15 {
				return dst, false
			}
			i += 2
			if b := hi<<4 | lo; safe[b] {
				dst = append(dst, b)
			} else {
				dst = append(dst, '%', upperHex[hi], upperHex[lo])
			}
		case c == '+' && query:
			dst = append(dst, "%20"...)
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst, true
}

// wirePath returns the path as it was sent.
func wirePath(u *url.URL) string {
	p := u.RawPath
	if p == "" {
		p = u.EscapedPath()
	}
	if p == "" {
		return "/"
	}
	return p
}

// appendPath appends the canonical URI. For S3 the path is encoded once and kept as it is. For others it is normalised
// (RFC 3986 section 5.2.4, and empty segments fall away) and the path as sent is encoded once more.
func appendPath(dst []byte, p string, ru *rules) ([]byte, bool) {
	if ru.rawPath {
		return appendReencoded(dst, p, &safePath, false)
	}
	if p == "/" {
		return append(dst, '/'), true
	}
	if !strings.Contains(p, "//") && !strings.Contains(p, "/.") && p[0] == '/' {
		return appendEncoded(dst, p, &safePath), true
	}
	return appendNormalised(dst, p), true
}

func appendNormalised(dst []byte, p string) []byte {
	root := len(dst)
	dst = append(dst, '/')
	last := ""
	for rest := p; rest != ""; {
		seg := rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			seg, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		switch last = seg; seg {
		case "", ".":
		case "..":
			if n := len(dst) - 1; n > root {
				dst = dst[:root+bytes.LastIndexByte(dst[root:n], '/')+1]
			}
		default:
			dst = appendEncoded(dst, seg, &safePath)
			dst = append(dst, '/')
		}
	}
	// Every segment was written with a slash behind it; the last one keeps it only if the path had it.
	if n := len(dst); n > root+1 && last != "" && last != "." && last != ".." && !strings.HasSuffix(p, "/") {
		dst = dst[:n-1]
	}
	return dst
}

// param is one encoded query parameter in scratch.query.
type param struct{ start, eq, end int }

// appendQuery appends the canonical query string: each name and value encoded, sorted by name, then value, and without
// X-Amz-Signature if the request is presigned.
func (s *scratch) appendQuery(dst []byte, raw string, presigned bool) ([]byte, bool) {
	s.query, s.params = s.query[:0], s.params[:0]
	for raw != "" {
		var p string
		p, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(p, "=")
		if p == "" || presigned && name == "X-Amz-Signature" {
			continue
		}
		var ok1, ok2 bool
		q := param{start: len(s.query)}
		s.query, ok1 = appendReencoded(s.query, name, &safe, true)
		q.eq = len(s.query)
		s.query = append(s.query, '=')
		s.query, ok2 = appendReencoded(s.query, value, &safe, true)
		q.end = len(s.query)
		if !ok1 || !ok2 {
			return dst, false
		}
		s.params = append(s.params, q)
	}
	if len(s.params) > 1 {
		b := s.query
		slices.SortFunc(s.params, func(x, y param) int {
			if c := bytes.Compare(b[x.start:x.eq], b[y.start:y.eq]); c != 0 {
				return c
			}
			return bytes.Compare(b[x.eq:x.end], b[y.eq:y.end])
		})
	}
	for i, q := range s.params {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, s.query[q.start:q.end]...)
	}
	return dst, true
}

// appendHeaders appends the canonical headers and the list of them, and checks that everything which must be signed
// is: host, and every x-amz-* header that was sent ("Create a signed AWS API request"). A session token in a header may
// stay outside of the header form's signature, as AWS allows: it is bound to the access key that signs anyway.
func appendHeaders(dst []byte, r *http.Request, sig *Signature, p *plan) ([]byte, *fault.Error) {
	if !p.host {
		return dst, errUnsigned("Host' or ':authority")
	}
	for i := range p.headers {
		var ok bool
		if dst, ok = appendHeader(dst, r, sig, &p.headers[i]); !ok {
			return dst, errMismatch()
		}
	}
	amz := p.amz
	if sig.tokenInHeader && !p.token && !sig.Presigned {
		amz++
	}
	if err := checkSigned(r, sig, amz); err != nil {
		return dst, err
	}
	dst = append(dst, '\n')
	dst = append(dst, p.signedHeaders...)
	return append(dst, '\n'), nil
}

// checkSigned compares the number of x-amz-* headers with how many of them were signed or excused.
func checkSigned(r *http.Request, sig *Signature, signed int) *fault.Error {
	if sig.amzSent <= signed {
		return nil
	}
	var names []string
	for name := range r.Header {
		if isAmz(name) && !listed(sig.signedHeaders, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return errMismatch()
	}
	return errUnsigned(slices.Min(names))
}

func isAmz(name string) bool {
	return len(name) > 6 && name[1] == '-' && name[5] == '-' && strings.EqualFold(name[:6], "X-Amz-")
}

func listed(list, name string) bool {
	for h := range strings.SplitSeq(list, ";") {
		if strings.EqualFold(h, name) {
			return true
		}
	}
	return false
}

// appendHeader appends one line "name:value,value\n". It is false if the request has no such header.
func appendHeader(dst []byte, r *http.Request, sig *Signature, h *signedHeader) ([]byte, bool) {
	dst = append(dst, h.line...)
	switch h.key {
	case "Host":
		return append(appendTrimmed(dst, r.Host), '\n'), r.Host != ""
	case "X-Amz-Date": // looked up before, and known to be single
		if !sig.Presigned && sig.dateInHeader {
			return append(append(dst, sig.timestamp...), '\n'), true
		}
	}
	values := r.Header[h.key]
	if len(values) == 0 {
		dst, ok := appendPromoted(dst, r, h.key)
		return append(dst, '\n'), ok
	}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTrimmed(dst, v)
	}
	return append(dst, '\n'), true
}

// appendPromoted appends the value of a header that net/http moves from the header map into the request.
func appendPromoted(dst []byte, r *http.Request, name string) ([]byte, bool) {
	switch {
	case name == "Content-Length" && r.ContentLength >= 0:
		return strconv.AppendInt(dst, r.ContentLength, 10), true
	case name == "Transfer-Encoding" && len(r.TransferEncoding) == 1:
		return append(dst, r.TransferEncoding[0]...), true
	}
	return dst, false
}

// appendTrimmed appends a header value without space around it and with runs of spaces made one.
func appendTrimmed(dst []byte, v string) []byte {
	for v != "" && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for v != "" && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	for {
		i := strings.IndexByte(v, ' ')
		if i < 0 {
			return append(dst, v...)
		}
		dst = append(dst, v[:i+1]...)
		for v = v[i+1:]; v != "" && v[0] == ' '; {
			v = v[1:]
		}
	}
}

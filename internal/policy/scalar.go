package policy

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"
)

// Number is a decimal number of any size, without leading or trailing zeros, so that ids of twenty digits compare
// exactly. The zero Number is 0.
type Number struct {
	Negative bool
	// Whole and Fraction are digits.
	Whole, Fraction string
}

// parseNumber reads [+-]digits[.digits].
func parseNumber(s string) (Number, bool) {
	var n Number
	if s != "" && (s[0] == '-' || s[0] == '+') {
		n.Negative = s[0] == '-'
		s = s[1:]
	}
	whole, fraction, point := strings.Cut(s, ".")
	if !digits(whole) || point && !digits(fraction) {
		return Number{}, false
	}
	n.Whole = strings.TrimLeft(whole, "0")
	n.Fraction = strings.TrimRight(fraction, "0")
	if n.Whole == "" && n.Fraction == "" {
		n.Negative = false
	}
	return n, true
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// compare returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n Number) compare(m Number) int {
	switch {
	case n.Negative && m.Negative:
		return m.compareAbs(n)
	case n.Negative:
		return -1
	case m.Negative:
		return 1
	}
	return n.compareAbs(m)
}

func (n Number) compareAbs(m Number) int {
	if c := cmp.Compare(len(n.Whole), len(m.Whole)); c != 0 {
		return c
	}
	if c := strings.Compare(n.Whole, m.Whole); c != 0 {
		return c
	}
	return strings.Compare(n.Fraction, m.Fraction)
}

// Instant is a point in time.
type Instant struct {
	// Seconds since 1970-01-01T00:00:00Z, and nanoseconds of the second.
	Seconds int64
	Nanos   int32
}

func (a Instant) compare(b Instant) int {
	if c := cmp.Compare(a.Seconds, b.Seconds); c != 0 {
		return c
	}
	return cmp.Compare(a.Nanos, b.Nanos)
}

// parseDate reads the W3C profile of ISO 8601 (from year to fraction of a second, with Z or an offset where there is
// a time) and epoch seconds. Four digits are a year.
func parseDate(s string) (Instant, bool) {
	if len(s) != 4 && digits(strings.TrimPrefix(s, "-")) {
		return parseEpoch(s)
	}
	d := dateReader{s: s, ok: true}
	year, month, day := d.number(4), 1, 1
	if d.ok && d.take('-') {
		month = d.number(2)
		if d.ok && d.take('-') {
			day = d.number(2)
		}
	}
	var clock, nanos int
	if d.ok && d.s != "" {
		clock, nanos = d.clock(len(s) - len(d.s))
	}
	if !d.ok || d.s != "" || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return Instant{}, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return Instant{t.Unix() + int64(clock), int32(nanos)}, true
}

func parseEpoch(s string) (Instant, bool) {
	abs, negative := strings.CutPrefix(s, "-")
	if len(abs) > 15 {
		return Instant{}, false
	}
	var x int64
	for i := 0; i < len(abs); i++ {
		x = x*10 + int64(abs[i]-'0')
	}
	if negative {
		x = -x
	}
	return Instant{Seconds: x}, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// dateReader reads fields off the front of s.
type dateReader struct {
	s  string
	ok bool
}

func (d *dateReader) take(c byte) bool {
	if d.s == "" || d.s[0] != c {
		return false
	}
	d.s = d.s[1:]
	return true
}

func (d *dateReader) number(width int) int {
	if len(d.s) < width || !digits(d.s[:width]) {
		d.ok = false
		return 0
	}
	x := 0
	for i := range width {
		x = x*10 + int(d.s[i]-'0')
	}
	d.s = d.s[width:]
	return x
}

// clock reads Thh:mm[:ss[.f]] and a zone after a full date of ten characters. It returns seconds relative to midnight
// UTC.
func (d *dateReader) clock(at int) (seconds, nanos int) {
	d.ok = at == len("2006-01-02") && d.take('T')
	if !d.ok {
		return 0, 0
	}
	hour, minute, second := d.two(':', 23), d.number(2), 0
	if d.ok && d.take(':') {
		second = d.number(2)
		if d.ok && d.take('.') {
			nanos = d.fraction()
		}
	}
	d.ok = d.ok && minute <= 59 && second <= 59
	return hour*3600 + minute*60 + second - d.zone(), nanos
}

// two reads two digits up to limit and the separator after them.
func (d *dateReader) two(sep byte, limit int) int {
	x := d.number(2)
	d.ok = d.ok && d.take(sep) && x <= limit
	return x
}

func (d *dateReader) fraction() int {
	n := 0
	for n < len(d.s) && d.s[n] >= '0' && d.s[n] <= '9' {
		n++
	}
	if n == 0 || n > 9 {
		d.ok = false
		return 0
	}
	x := 0
	for i := range 9 {
		x *= 10
		if i < n {
			x += int(d.s[i] - '0')
		}
	}
	d.s = d.s[n:]
	return x
}

// zone reads Z, +hh:mm or -hh:mm and returns the offset in seconds.
func (d *dateReader) zone() int {
	if !d.ok || d.take('Z') {
		return 0
	}
	sign := 1
	if d.take('-') {
		sign = -1
	} else if !d.take('+') {
		d.ok = false
		return 0
	}
	hour := d.two(':', 23)
	minute := d.number(2)
	d.ok = d.ok && minute <= 59
	return sign * (hour*3600 + minute*60)
}

func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseIP reads an address. An IPv4 address mapped into IPv6 is the IPv4 address.
func parseIP(s string) (netip.Addr, bool) {
	if strings.IndexByte(s, '%') >= 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}

// parseIPPrefix reads an address or a CIDR block.
func parseIPPrefix(s string) (netip.Prefix, bool) {
	if strings.IndexByte(s, '/') < 0 {
		a, ok := parseIP(s)
		if !ok {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// canonicalBase64 returns the padded standard form of s.
func canonicalBase64(s string) (string, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return "", false
	}
	return base64.StdEncoding.EncodeToString(b), true
}

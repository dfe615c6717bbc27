package item

import (
	"bytes"
	"math"
	"strconv"

	"github.com/bulkhead/bulkhead/internal/fault"
)

// Limits of numbers (DynamoDB Developer Guide, "Naming rules and data types": 38 digits, 1E-130 to 9.99…E+125).
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// Num is a decimal number as DynamoDB stores it: exact, with up to 38 significant digits. The zero Num is 0.
type Num struct {
	neg bool
	n   uint8           // significant digits, 0 for the number 0
	exp int16           // power of ten of the first digit
	dig [maxDigits]byte // 0..9, first and last are not 0
}

func errNumber(text string) error {
	return fault.New(fault.Validation, "The parameter cannot be converted to a numeric value: %s", text)
}

// ParseNumber reads a decimal number: an optional sign, digits with an optional point, an optional exponent. Numbers
// beyond DynamoDB's precision or range are refused with its messages.
func ParseNumber(s string) (Num, error) {
	if s == "" {
		return Num{}, fault.New(fault.Validation, "The parameter cannot be converted to a numeric value")
	}
	var z Num
	i := 0
	if s[0] == '-' || s[0] == '+' {
		z.neg = s[0] == '-'
		i++
	}
	// point is the count of digits before the point, from the first significant digit on (negative for leading zeros
	// after the point); zeros are zeros met since the last digit that was kept.
	digits, point, zeros, seenPoint, long := 0, 0, 0, false, false
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !seenPoint {
			seenPoint = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
		switch {
		case z.n == 0 && c == '0':
			if seenPoint {
				point--
			}
			continue
		case c == '0':
			zeros++
		default:
			if int(z.n)+zeros+1 > maxDigits {
				long = true
			} else {
				z.n += uint8(zeros) // at most 38
				z.dig[z.n] = c - '0'
				z.n++
			}
			zeros = 0
		}
		if !seenPoint {
			point++
		}
	}
	if digits == 0 {
		return Num{}, errNumber(s)
	}
	exp, ok := exponent(s[i:])
	if !ok {
		return Num{}, errNumber(s)
	}
	if z.n == 0 {
		return Num{}, nil
	}
	exp += point - 1
	switch {
	case exp > maxExponent:
		return Num{}, errOverflow()
	case exp < minExponent:
		return Num{}, errUnderflow()
	case long:
		return Num{}, errPrecision()
	}
	z.exp = int16(exp) // checked above
	return z, nil
}

func errOverflow() error {
	return fault.New(fault.Validation,
		"Number overflow. Attempting to store a number with magnitude larger than supported range")
}

func errUnderflow() error {
	return fault.New(fault.Validation,
		"Number underflow. Attempting to store a number with magnitude smaller than supported range")
}

func errPrecision() error {
	return fault.New(fault.Validation, "Attempting to store more than 38 significant digits in a Number")
}

// exponent reads "" or e[+-]digits; it saturates, so that a number with any exponent is out of range, not malformed.
func exponent(s string) (int, bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != 'e' && s[0] != 'E' || len(s) < 2 {
		return 0, false
	}
	s = s[1:]
	neg := s[0] == '-'
	if neg || s[0] == '+' {
		s = s[1:]
	}
	if s == "" {
		return 0, false
	}
	e := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if e < math.MaxInt32 {
			e = e*10 + int(s[i]-'0')
		}
	}
	if neg {
		e = -e
	}
	return e, true
}

// Append appends the number as DynamoDB prints it: plain, without exponent or needless zeros.
func (z *Num) Append(b []byte) []byte {
	if z.n == 0 {
		return append(b, '0')
	}
	if z.neg {
		b = append(b, '-')
	}
	exp, n := int(z.exp), int(z.n)
	if exp < 0 {
		b = append(b, '0', '.')
		for range -exp - 1 {
			b = append(b, '0')
		}
		for _, d := range z.dig[:n] {
			b = append(b, '0'+d)
		}
		return b
	}
	for i := 0; i <= exp || i < n; i++ {
		if i == exp+1 {
			b = append(b, '.')
		}
		d := byte(0)
		if i < n {
			d = z.dig[i]
		}
		b = append(b, '0'+d)
	}
	return b
}

// String returns the number as DynamoDB prints it.
func (z Num) String() string { return string(z.Append(nil)) }

func (z *Num) value() Value {
	b := append(make([]byte, 0, 2+maxOrdered), byte(N), 0)
	b = z.AppendOrdered(b)
	b[1] = byte(len(b) - 2) // at most maxOrdered
	return Value{b: b}
}

// Num returns the number of an N; 0 for other types.
func (v Value) Num() Num {
	if v.Kind() != N {
		return Num{}
	}
	return numOf(v.scalar())
}

// numOf reads what AppendOrdered wrote.
func numOf(b []byte) Num {
	if len(b) < 2 {
		return Num{}
	}
	z := Num{neg: b[0] == orderNegative}
	flip := byte(0)
	if z.neg {
		flip = 0xff
		b = b[:len(b)-1]
	}
	z.exp = int16(b[1]^flip) + minExponent
	for _, c := range b[2:] {
		pair := (c ^ flip) - 1
		z.dig[z.n], z.dig[z.n+1] = pair/10, pair%10
		z.n += 2
	}
	if z.dig[z.n-1] == 0 {
		z.n--
	}
	return z
}

// validOrdered reports whether b is what AppendOrdered writes for some number.
func validOrdered(b []byte) bool {
	if len(b) == 1 {
		return b[0] == orderZero
	}
	if len(b) < 3 || len(b) > maxOrdered {
		return false
	}
	flip, pairs := byte(0), b[2:]
	switch {
	case b[0] == orderNegative && b[len(b)-1] == 0xff:
		flip, pairs = 0xff, b[2:len(b)-1]
	case b[0] != orderPositive:
		return false
	}
	if len(pairs) == 0 || len(pairs) > maxDigits/2 {
		return false
	}
	for _, c := range pairs {
		if pair := c ^ flip; pair < 1 || pair > 100 {
			return false
		}
	}
	return pairs[0]^flip > 10 && pairs[len(pairs)-1]^flip != 1 // no zero before or after
}

// Cmp compares two numbers: -1, 0 or 1.
func (z *Num) Cmp(y *Num) int {
	switch sz, sy := z.sign(), y.sign(); {
	case sz < sy:
		return -1
	case sz > sy:
		return 1
	case sz < 0:
		return y.cmpAbs(z)
	case sz == 0:
		return 0
	}
	return z.cmpAbs(y)
}

func (z *Num) sign() int {
	switch {
	case z.n == 0:
		return 0
	case z.neg:
		return -1
	}
	return 1
}

func (z *Num) cmpAbs(y *Num) int {
	if z.exp != y.exp {
		if z.exp < y.exp {
			return -1
		}
		return 1
	}
	return bytes.Compare(z.dig[:z.n], y.dig[:y.n])
}

// Bytes of the order-preserving encoding: the sign, then the exponent in one byte, then two digits a byte. Of a negative
// number all is complemented, with a terminator above every digit pair so that the shorter magnitude sorts after.
const (
	orderNegative = 0x00
	orderZero     = 0x01
	orderPositive = 0x02

	maxOrdered = 3 + maxDigits/2
)

// AppendOrdered appends at most 22 bytes that compare as the numbers do.
func (z *Num) AppendOrdered(b []byte) []byte {
	if z.n == 0 {
		return append(b, orderZero)
	}
	flip := byte(0)
	if z.neg {
		b = append(b, orderNegative)
		flip = 0xff
	} else {
		b = append(b, orderPositive)
	}
	b = append(b, byte(int(z.exp)-minExponent)^flip) // 0..255
	for i := 0; i < int(z.n); i += 2 {
		pair := z.dig[i] * 10
		if i+1 < int(z.n) {
			pair += z.dig[i+1]
		}
		b = append(b, (pair+1)^flip)
	}
	if z.neg {
		b = append(b, 0xff)
	}
	return b
}

// Column 0 of the aligned addition is the carry above 10^125; the last is 10^-167, the lowest digit a number can have.
const columns = maxExponent + 2 - (minExponent - maxDigits + 1)

// Add returns z + y, exactly. It fails when the sum is beyond the precision or range that DynamoDB stores, as an overflow in
// either case.
func (z *Num) Add(y *Num) (Num, error) {
	if z.n == 0 {
		return *y, nil
	}
	if y.n == 0 {
		return *z, nil
	}
	big, small := z, y
	if big.cmpAbs(small) < 0 {
		big, small = small, big
	}
	var acc [columns]int8
	big.spread(&acc, 1)
	if big.neg == small.neg {
		small.spread(&acc, 1)
	} else {
		small.spread(&acc, -1)
	}
	carry := int8(0)
	for i := columns - 1; i >= 0; i-- {
		acc[i] += carry
		carry = 0
		if acc[i] > 9 {
			acc[i] -= 10
			carry = 1
		} else if acc[i] < 0 {
			acc[i] += 10
			carry = -1
		}
	}
	return gather(&acc, big.neg)
}

// Sub returns z - y, with Add's errors.
func (z *Num) Sub(y *Num) (Num, error) {
	m := *y
	m.neg = !m.neg && m.n > 0
	return z.Add(&m)
}

func (z *Num) spread(acc *[columns]int8, sign int8) {
	at := maxExponent + 1 - int(z.exp)
	for i, d := range z.dig[:z.n] {
		acc[at+i] += sign * int8(d) // a digit
	}
}

func gather(acc *[columns]int8, neg bool) (Num, error) {
	first, last := 0, columns-1
	for first < columns && acc[first] == 0 {
		first++
	}
	if first == columns {
		return Num{}, nil
	}
	for acc[last] == 0 {
		last--
	}
	exp := maxExponent + 1 - first
	switch {
	case exp > maxExponent:
		return Num{}, errOverflow()
	case exp < minExponent:
		return Num{}, errUnderflow()
	case last-first+1 > maxDigits:
		return Num{}, errOverflow()
	}
	z := Num{neg: neg, exp: int16(exp), n: uint8(last - first + 1)} // checked above
	for i := range int(z.n) {
		z.dig[i] = byte(acc[first+i]) // a digit
	}
	return z, nil
}

// NumberFromInt makes an N of an integer.
func NumberFromInt(n int64) Value { return Number(strconv.FormatInt(n, 10)) }

package item

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomNumber writes a number in one of its many forms.
func randomNumber(r *rand.Rand) string {
	n := 1 + r.IntN(38)
	var b strings.Builder
	if r.IntN(2) == 0 {
		b.WriteByte('-')
	}
	point := r.IntN(n + 1)
	for i := range n {
		if i == point {
			if i == 0 {
				b.WriteByte('0')
			}
			b.WriteByte('.')
		}
		b.WriteByte('0' + byte(r.IntN(10)*r.IntN(2)))
	}
	if r.IntN(3) == 0 {
		fmt.Fprintf(&b, "e%d", r.IntN(180)-90)
	}
	return b.String()
}

func rat(t *testing.T, s string) *big.Rat {
	t.Helper()
	x, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("math/big cannot read %q", s)
	}
	return x
}

func TestNumberAgainstBig(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		sx, sy := randomNumber(r), randomNumber(r)
		x, err := ParseNumber(sx)
		if err != nil {
			t.Fatalf("%s: %v", sx, err)
		}
		y, err := ParseNumber(sy)
		if err != nil {
			t.Fatalf("%s: %v", sy, err)
		}
		rx, ry := rat(t, sx), rat(t, sy)
		if rat(t, x.String()).Cmp(rx) != 0 || strings.ContainsAny(x.String(), "eE+") {
			t.Fatalf("%s prints as %s", sx, x)
		}
		bx, by := x.AppendOrdered(nil), y.AppendOrdered(nil)
		if want := rx.Cmp(ry); x.Cmp(&y) != want || bytes.Compare(bx, by) != want {
			t.Fatalf("%s against %s: Cmp %d, bytes %d, want %d", sx, sy, x.Cmp(&y), bytes.Compare(bx, by), want)
		}
		if !validOrdered(bx) || numOf(bx) != x {
			t.Fatalf("%s: %x does not read back", sx, bx)
		}
		checkSum(t, x, y, new(big.Rat).Add(rx, ry), x.Add)
		checkSum(t, x, y, new(big.Rat).Sub(rx, ry), x.Sub)
	}
}

func checkSum(t *testing.T, x, y Num, want *big.Rat, op func(*Num) (Num, error)) {
	t.Helper()
	got, err := op(&y)
	if err == nil {
		if rat(t, got.String()).Cmp(want) != 0 || got.n > 0 && (got.dig[0] == 0 || got.dig[got.n-1] == 0) {
			t.Fatalf("%s and %s: got %s, want %s", x, y, got, want.FloatString(10))
		}
		return
	}
	// The only reason in this range of exponents is that 38 digits do not hold the sum.
	if message(err) != message(errOverflow()) || significant(want) <= maxDigits {
		t.Fatalf("%s and %s: %v, want %s", x, y, err, want.FloatString(200))
	}
}

func significant(x *big.Rat) int {
	s := strings.TrimLeft(strings.Replace(x.FloatString(170), ".", "", 1), "-0")
	return len(strings.TrimRight(s, "0"))
}

func TestNumberText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out string }{
		{"0", "0"}, {"-0", "0"}, {"+1", "1"}, {"007", "7"}, {"1.0", "1"}, {".5", "0.5"}, {"5.", "5"}, {"1e3", "1000"},
		{"1E-3", "0.001"}, {"-12.340", "-12.34"}, {"0e999", "0"}, {"100", "100"}, {"0.10", "0.1"},
		{"9.9999999999999999999999999999999999999E+125", strings.Repeat("9", 38) + strings.Repeat("0", 88)},
		{"1E-130", "0." + strings.Repeat("0", 129) + "1"},
		{"1" + strings.Repeat("0", 100), "1" + strings.Repeat("0", 100)},
	} {
		z, err := ParseNumber(c.in)
		if err != nil || z.String() != c.out {
			t.Errorf("%s: got %s, %v, want %s", c.in, z, err, c.out)
		}
	}
	for _, in := range []string{"", "-", ".", "e1", "1e", "1e+", "1 ", " 1", "1.2.3", "0x1", "NaN", "Infinity", "1_000", "--1", "１"} {
		if z, err := ParseNumber(in); err == nil {
			t.Errorf("%q: got %s, want an error", in, z)
		}
	}
}

func TestNumberRange(t *testing.T) {
	t.Parallel()
	big1, one := Number("9.9999999999999999999999999999999999999e125").Num(), Number("1e125").Num()
	if _, err := big1.Add(&one); message(err) != message(errOverflow()) {
		t.Errorf("got %v, want an overflow", err)
	}
	a, b := Number("1.1e-130").Num(), Number("1e-130").Num()
	if got, err := a.Sub(&b); message(err) != message(errUnderflow()) {
		t.Errorf("got %s, %v, want an underflow", got, err)
	}
}

package srp

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

const stamp = "Sat Nov 7 09:05:03 UTC 2026"

func TestGroup(t *testing.T) {
	t.Parallel()
	half := new(big.Int).Rsh(groupN, 1)
	if groupN.BitLen() != 3072 || !groupN.ProbablyPrime(2) || !half.ProbablyPrime(2) {
		t.Error("N is not a safe prime of 3072 bits")
	}
	if got := groupK.Text(16); got != textHash("00"+modulus+"02").Text(16) {
		t.Errorf("k = %s", got)
	}
}

func TestFixedBase(t *testing.T) {
	t.Parallel()
	max := bytes.Repeat([]byte{0xff}, exponentSize)
	for _, e := range [][]byte{nil, {0}, {1}, {2}, {63}, {64}, {0xff, 0xff}, max, sha256Sum("a"), sha256Sum("b")} {
		want := new(big.Int).Exp(groupG, new(big.Int).SetBytes(e), groupN)
		if got := base().power(e); got.Cmp(want) != 0 {
			t.Errorf("g^%x is wrong", e)
		}
	}
	for i := range base().entries {
		for d, e := range base().entries[i] {
			if e.BitLen() < 3072-64 {
				t.Errorf("entry %d of window %d has only %d bits", d, i, e.BitLen())
			}
		}
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	for i, tc := range []struct{ user, password, tried string }{
		{"ana", "Correct horse 1!", "Correct horse 1!"},
		{"ana", "Correct horse 1!", "correct horse 1!"},
		{"a:b", "c", "c"},
		{"zoë", "pässwörd", "pässwörd"},
		{"ana", "x", ""},
	} {
		v := NewVerifier("pool", tc.user, tc.password)
		c := newClient(groupN, int64(1000+i))
		s, pub, err := Begin(v, c.pub.Text(16))
		if err != nil {
			t.Fatal(err)
		}
		s, err = ParseState(s.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if v, err = ParseVerifier(v.Bytes()); err != nil {
			t.Fatal(err)
		}
		key, err := s.Key(v)
		if err != nil {
			t.Fatal(err)
		}
		theirs := c.key("pool", tc.user, tc.tried, v.Salt(), pub)
		sig := c.sign(theirs, "pool", tc.user, []byte("block"), stamp)
		claim := Claim{"pool", tc.user, []byte("block"), stamp}
		want := tc.password == tc.tried
		if got := claim.Verify(key, sig); got != want {
			t.Errorf("%q with %q: verified = %v", tc.password, tc.tried, got)
		}
		if got := v.Matches("pool", tc.user, tc.tried); got != want {
			t.Errorf("%q with %q: matches = %v", tc.password, tc.tried, got)
		}
		if v.Matches("other", tc.user, tc.password) || v.Matches("pool", tc.user+"x", tc.password) {
			t.Error("matches under another pool or name")
		}
		claim.Timestamp = "Sun Nov 8 09:05:03 UTC 2026"
		if claim.Verify(key, sig) {
			t.Error("another timestamp verified")
		}
	}
}

// TestManySignIns runs enough sign-ins that numbers with and without the highest bit occur on every side.
func TestManySignIns(t *testing.T) {
	t.Parallel()
	v := NewVerifier("pool", "ana", "pw")
	for i := range 12 {
		c := newClient(groupN, int64(i+3))
		s, pub, err := Begin(v, c.pub.Text(16))
		if err != nil {
			t.Fatal(err)
		}
		key, err := s.Key(v)
		if err != nil || !bytes.Equal(key, c.key("pool", "ana", "pw", v.Salt(), pub)) {
			t.Fatalf("sign-in %d: keys differ (%v)", i, err)
		}
	}
}

func TestRefusedPublicValues(t *testing.T) {
	t.Parallel()
	v := NewVerifier("pool", "ana", "pw")
	two := new(big.Int).Lsh(groupN, 1)
	more := new(big.Int).Add(groupN, big.NewInt(5))
	for _, a := range []string{
		"", "0", "00", groupN.Text(16), two.Text(16), more.Text(16), "-1", "+1", "1_0", "0x1", "zz", " 1", "1\n",
		strings.Repeat("0", maxHexA+1), strings.Repeat("f", 768),
	} {
		if _, _, err := Begin(v, a); !errors.Is(err, ErrPublicValue) {
			t.Errorf("A = %.20q: %v", a, err)
		}
	}
	if _, _, err := Begin(v, "00"+new(big.Int).Sub(groupN, big.NewInt(1)).Text(16)); err != nil {
		t.Errorf("A = N-1: %v", err)
	}
}

func TestDecoy(t *testing.T) {
	t.Parallel()
	a, again, b := Decoy([]byte("a")), Decoy([]byte("a")), Decoy([]byte("b"))
	if !bytes.Equal(a.Bytes(), again.Bytes()) || a.Salt() == b.Salt() || bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("a decoy must depend on its seed, and on nothing else")
	}
	if len(a.Salt()) != len(NewVerifier("p", "u", "w").Salt()) {
		t.Error("a decoy's salt looks different")
	}
	if (Verifier{}).Matches("", "", "") {
		t.Error("the zero verifier matches")
	}
}

func TestSaltReadsTheSameForAllClients(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		s := fit([SaltSize]byte{byte(i)})
		if s[0] == 0 || s[0] >= 0x80 {
			t.Errorf("salt begins with %#x", s[0])
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, VerifierSize - 1, VerifierSize, VerifierSize + 1} {
		if _, err := ParseVerifier(make([]byte, n)); !errors.Is(err, ErrEncoding) {
			t.Errorf("verifier of %d zeros: %v", n, err)
		}
	}
	for _, n := range []int{0, StateSize - 1, StateSize, StateSize + 1} {
		if _, err := ParseState(make([]byte, n)); !errors.Is(err, ErrEncoding) {
			t.Errorf("state of %d zeros: %v", n, err)
		}
	}
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	got, err := ParseTimestamp(stamp)
	if err != nil || !got.Equal(time.Date(2026, 11, 7, 9, 5, 3, 0, time.UTC)) {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", "now", "Sat Nov 7 09:05:03 2026", "Sat Nov 7 09:05:03 CET 2026", stamp + " "} {
		if _, err := ParseTimestamp(s); !errors.Is(err, ErrEncoding) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	t.Parallel()
	v := NewVerifier("pool", "ana", "pw")
	s, _, err := Begin(v, "5")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(f+f, v, s); strings.Contains(got, v.Salt()) || len(got) > 40 {
			t.Errorf("%s prints %s", f, got)
		}
	}
}

// BenchmarkSignIn and BenchmarkThreeModExps are the two sides of the aim: a sign-in costs less than three plain powers.
func BenchmarkSignIn(b *testing.B) {
	v := NewVerifier("pool", "ana", "pw")
	a := newClient(groupN, 7).pub.Text(16)
	for b.Loop() {
		s, _, err := Begin(v, a)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Key(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkThreeModExps(b *testing.B) {
	e := new(big.Int).SetBytes(sha256Sum("e"))
	x := new(big.Int).Exp(groupG, e, groupN)
	for b.Loop() {
		new(big.Int).Exp(x, e, groupN)
		new(big.Int).Exp(x, e, groupN)
		new(big.Int).Exp(x, e, groupN)
	}
}

func BenchmarkMatches(b *testing.B) {
	v := NewVerifier("pool", "ana", "pw")
	for b.Loop() {
		if !v.Matches("pool", "ana", "pw") {
			b.Fatal("no match")
		}
	}
}

func TestClientVerifier(t *testing.T) {
	t.Parallel()
	two, edge := []byte{2}, new(big.Int).Sub(groupN, big.NewInt(1)).Bytes()
	for name, tc := range map[string]struct {
		salt, v []byte
		want    string // the salt in hexadecimal, "" if refused
	}{
		"plain":              {bytes.Repeat([]byte{0x11}, 16), two, strings.Repeat("11", 16)},
		"kept positive":      {append([]byte{0}, bytes.Repeat([]byte{0xff}, 16)...), two, strings.Repeat("ff", 16)},
		"short":              {[]byte{7}, two, strings.Repeat("00", 15) + "07"},
		"no salt":            {nil, two, ""},
		"a salt of zeros":    {make([]byte, 16), two, ""},
		"a salt too long":    {bytes.Repeat([]byte{1}, 17), two, ""},
		"0":                  {[]byte{1}, nil, ""},
		"1":                  {[]byte{1}, []byte{1}, ""},
		"N - 1":              {[]byte{1}, edge, ""},
		"N":                  {[]byte{1}, groupN.Bytes(), ""},
		"longer than N":      {[]byte{1}, append(make([]byte, elementSize), 2, 2), ""},
		"N - 2 after a zero": {[]byte{1}, append([]byte{0}, new(big.Int).Sub(groupN, big.NewInt(2)).Bytes()...), strings.Repeat("00", 15) + "01"},
	} {
		v, err := ClientVerifier(tc.salt, tc.v)
		switch {
		case tc.want == "" && !errors.Is(err, ErrEncoding):
			t.Errorf("%s: %v", name, err)
		case tc.want != "" && (err != nil || v.Salt() != tc.want):
			t.Errorf("%s: %v, %v", name, v.Salt(), err)
		}
	}
}

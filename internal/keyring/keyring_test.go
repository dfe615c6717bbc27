package keyring

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func material(t testing.TB, b byte) Material {
	t.Helper()
	m, err := NewMaterial(bytes.Repeat([]byte{b}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ring(t testing.TB, roots ...byte) *Keyring {
	t.Helper()
	var ms []Material
	for _, b := range roots {
		ms = append(ms, material(t, b))
	}
	k, err := New(ms)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var acct = Scope{Account: "111122223333", Name: "pool"}

func TestSealOpens(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	for _, plain := range []string{"", "x", strings.Repeat("long ", 1000)} {
		sealed, err := k.Seal(KMSMaterial, acct, []byte(plain), []byte("aad"))
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(plain)+Overhead {
			t.Errorf("sealed %d bytes into %d", len(plain), len(sealed))
		}
		got, err := k.Open(KMSMaterial, acct, sealed, []byte("aad"))
		if err != nil || string(got) != plain {
			t.Errorf("opened %q, %v", got, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	k, other := ring(t, 1), ring(t, 2)
	sealed, err := k.Seal(KMSMaterial, acct, []byte("plain"), []byte("aad"))
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return k.Open(DataKey, acct, sealed, []byte("aad")) },
		"another account": func() ([]byte, error) {
			return k.Open(KMSMaterial, Scope{Account: "111122223334", Name: "pool"}, sealed, []byte("aad"))
		},
		"another name": func() ([]byte, error) {
			return k.Open(KMSMaterial, Scope{Account: acct.Account, Name: "poo"}, sealed, []byte("aad"))
		},
		"other aad":    func() ([]byte, error) { return k.Open(KMSMaterial, acct, sealed, []byte("aae")) },
		"no aad":       func() ([]byte, error) { return k.Open(KMSMaterial, acct, sealed, nil) },
		"another root": func() ([]byte, error) { return other.Open(KMSMaterial, acct, sealed, []byte("aad")) },
		"nothing":      func() ([]byte, error) { return k.Open(KMSMaterial, acct, nil, nil) },
		"a longer end": func() ([]byte, error) {
			return k.Open(KMSMaterial, acct, append(bytes.Clone(sealed), 0), []byte("aad"))
		},
	} {
		if got, err := open(); !errors.Is(err, ErrOpen) || got != nil {
			t.Errorf("%s: opened %q, %v", name, got, err)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := k.Open(KMSMaterial, acct, bad, []byte("aad")); !errors.Is(err, ErrOpen) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := k.Open(KMSMaterial, acct, sealed[:i], []byte("aad")); !errors.Is(err, ErrOpen) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	before, after := ring(t, 1), ring(t, 2, 1)
	sealed, err := before.Seal(SessionToken, Scope{}, []byte("old"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Open(SessionToken, Scope{}, sealed, nil); err != nil || string(got) != "old" {
		t.Errorf("old root: %q, %v", got, err)
	}
	if err := after.Verify(before.Check()); err != nil {
		t.Errorf("check of the old root: %v", err)
	}
	fresh, err := after.Seal(SessionToken, Scope{}, []byte("new"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Open(SessionToken, Scope{}, fresh, nil); !errors.Is(err, ErrOpen) {
		t.Errorf("the old root opens what the new one sealed: %v", err)
	}
	want, err := before.Key(AuditChain, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := after.KeyOf(before.ID(), AuditChain, Scope{})
	if err != nil || !got.Equal(want) {
		t.Errorf("KeyOf the old root: %v", err)
	}
	if now, _ := after.Key(AuditChain, Scope{}); now.Equal(want) {
		t.Error("a new root derives the old keys")
	}
	for _, id := range []string{"", "00000000", "zzzzzzzz", before.ID() + "00"} {
		if m, err := after.KeyOf(id, AuditChain, Scope{}); !errors.Is(err, ErrWrongRoot) || !m.IsZero() {
			t.Errorf("KeyOf(%q): %v", id, err)
		}
	}
	if got := after.IDs(); len(got) != 2 || got[0] != after.ID() || got[1] != before.ID() {
		t.Errorf("IDs: %v", got)
	}
}

func TestVerifyTellsRootsApart(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	if err := k.Verify(k.Check()); err != nil {
		t.Error(err)
	}
	forged := k.Check()
	forged[len(forged)-1] ^= 1
	for name, check := range map[string][]byte{
		"another root": ring(t, 2).Check(), "forged": forged, "empty": nil, "short": k.Check()[:10],
	} {
		if err := k.Verify(check); !errors.Is(err, ErrWrongRoot) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPurposesAndScopesAreChecked(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	for _, tc := range []struct {
		p Purpose
		s Scope
	}{
		{0, acct},
		{Purpose(len(purposes)), acct},
		{255, Scope{}},
		{KMSMaterial, Scope{Name: "no account"}},
		{SessionToken, acct},
	} {
		if m, err := k.Key(tc.p, tc.s); err == nil || !m.IsZero() {
			t.Errorf("%v %v: a key", tc.p, tc.s)
		}
		if b, err := k.Seal(tc.p, tc.s, nil, nil); err == nil || b != nil {
			t.Errorf("%v %v: sealed", tc.p, tc.s)
		}
		if b, err := k.Open(tc.p, tc.s, make([]byte, 100), nil); err == nil || b != nil {
			t.Errorf("%v %v: opened", tc.p, tc.s)
		}
	}
}

// TestKeysAreDistinct also holds what separates the parts of a scope.
func TestKeysAreDistinct(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	seen := map[string]string{}
	add := func(p Purpose, s Scope) {
		m, err := k.Key(p, s)
		if err != nil {
			t.Fatal(err)
		}
		what, h := fmt.Sprintf("%v %q", p, s), hex.EncodeToString(m.Bytes())
		if prev, ok := seen[h]; ok {
			t.Errorf("%s and %s share a key", what, prev)
		}
		seen[h] = what
	}
	for p := Purpose(1); int(p) < len(purposes); p++ {
		if purposes[p].reach == serverWide {
			add(p, Scope{})
			add(p, Scope{Name: "a"})
			continue
		}
		for _, s := range []Scope{{"1", ""}, {"1", "1"}, {"11", ""}, {"1", "\x00"}, {"1\x00", ""}} {
			add(p, s)
		}
	}
}

// TestDerivationIsFrozen holds the derivation and the sealed form: data on disk depends on both.
func TestDerivationIsFrozen(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	if k.ID() != "ebaad5d3" {
		t.Errorf("ID = %q", k.ID())
	}
	for _, tc := range []struct {
		p    Purpose
		s    Scope
		want string
	}{
		{SessionToken, Scope{}, "59c7f0ac9b02ba8b71c77e4436661a04cff1e20d5f929f30945ebcb91c3789f7"},
		{AuditChain, Scope{}, "476c3afcfc54dc2653cc953aabadf700190182eb5beee11d78c0a79952c41ac2"},
		{KMSMaterial, acct, "9e8cd61d0a3348a2f7eb9911ff3b39784295368e2e845c0bb1aaac6c3deb8baf"},
		{PoolSigningKey, acct, "9f3b2a616f8c82613bd3d8dbead113928473283ea90231ccd0e5b71332a9c69d"},
	} {
		m, err := k.Key(tc.p, tc.s)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(m.Bytes()); got != tc.want {
			t.Errorf("%v %v: %s", tc.p, tc.s, got)
		}
	}
}

func TestLabelsAreFit(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for p := Purpose(1); int(p) < len(purposes); p++ {
		l := p.String()
		if l == "" || seen[l] || strings.ContainsRune(l, 0) {
			t.Errorf("purpose %d: label %q", p, l)
		}
		seen[l] = true
	}
}

// TestXAES checks the two short vectors of the C2SP specification.
func TestXAES(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key       byte
		aad, want string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		x, err := newXAES(bytes.Repeat([]byte{tc.key}, KeySize))
		if err != nil {
			t.Fatal(err)
		}
		nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		aead, err := x.message(nonce)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(aead.Seal(nil, nonce[gcmNonce:], []byte("XAES-256-GCM"), []byte(tc.aad))); got != tc.want {
			t.Errorf("key %d: %s", tc.key, got)
		}
	}
}

func TestNothingPrints(t *testing.T) {
	t.Parallel()
	m := material(t, 'K')
	k := ring(t, 'K')
	derived, err := k.Key(DataKey, acct)
	if err != nil {
		t.Fatal(err)
	}
	type inside struct {
		M      Material
		hidden Material
		K      *Keyring
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "m", m, "k", k, "in", inside{m, derived, k})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "m", m, "k", k, "in", inside{m, derived, k})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
		for _, v := range []any{m, &m, k, inside{m, derived, k}, []Material{m}, map[string]Material{"a": m}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	j, err := json.Marshal(inside{m, derived, k})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	text, err := m.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	got := out.String()
	for name, b := range map[string][]byte{"root": m.Bytes(), "derived": derived.Bytes(), "extracted": k.roots[0].prk.Bytes()} {
		for form, s := range map[string]string{
			"raw": string(b[:8]), "hex": hex.EncodeToString(b[:8]), "HEX": strings.ToUpper(hex.EncodeToString(b[:8])),
			"decimal": strings.Trim(fmt.Sprint(b[:8]), "[]"), //nolint:staticcheck // as numbers, not as text
			"Go":      fmt.Sprintf("%#x, %#x, %#x", b[0], b[1], b[2]),
		} {
			if strings.Contains(got, s) {
				t.Errorf("the %s key shows as %s", name, form)
			}
		}
	}
}

func TestMaterial(t *testing.T) {
	t.Parallel()
	var zero, none Material
	if zero.Bytes() != nil || !zero.IsZero() || zero.Equal(none) {
		t.Error("the zero Material is a key")
	}
	zero.Wipe()
	m := material(t, 7)
	if !m.Equal(material(t, 7)) || m.Equal(material(t, 8)) || m.Equal(zero) {
		t.Error("Equal")
	}
	m.Wipe()
	if !bytes.Equal(m.Bytes(), make([]byte, KeySize)) {
		t.Error("Wipe left the key")
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewMaterial(make([]byte, n)); err == nil {
			t.Errorf("%d bytes are a key", n)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	var many []Material
	for i := range maxRoots + 1 {
		many = append(many, material(t, byte(i+1)))
	}
	for name, roots := range map[string][]Material{
		"none": nil, "zero": {{}}, "all zeros": {material(t, 0)}, "twice": {material(t, 1), material(t, 1)}, "too many": many,
	} {
		if k, err := New(roots); err == nil || k != nil {
			t.Errorf("%s: a keyring", name)
		}
	}
}

func TestCacheIsBoundedAndConcurrent(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range maxCache/4 + 100 {
				s := Scope{Account: "111122223333", Name: fmt.Sprint(g, i)}
				if _, err := k.sealer(&k.roots[0], DataKey, s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(k.cache); n > maxCache {
		t.Errorf("%d cached keys", n)
	}
}

func BenchmarkSeal(b *testing.B) {
	k := ring(b, 1)
	plain := make([]byte, 400)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(DataKey, acct, plain, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k := ring(b, 1)
	sealed, err := k.Seal(DataKey, acct, make([]byte, 400), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(DataKey, acct, sealed, nil); err != nil {
			b.Fatal(err)
		}
	}
}

package totp

import (
	"testing"
	"time"
)

// The vectors of RFC 6238 appendix B for SHA-1, the last six of their eight digits.
func TestVectors(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := Code(secret, time.Unix(at, 0)); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	secret := NewSecret()
	now := time.Unix(1_790_000_010, 0)
	code := Code(secret, now)
	for off, want := range map[time.Duration]bool{
		0: true, -30 * time.Second: true, 30 * time.Second: true, -60 * time.Second: false, 60 * time.Second: false,
	} {
		used, ok := Check(secret, code, now.Add(off), 0)
		if ok != want || ok && used != now.Unix()/step {
			t.Errorf("off by %s: %d, %v", off, used, ok)
		}
	}
	used, _ := Check(secret, code, now, 0)
	if _, ok := Check(secret, code, now, used); ok {
		t.Error("a code holds twice")
	}
	if _, ok := Check(secret, Code(secret, now.Add(-30*time.Second)), now, used); ok {
		t.Error("a code holds that is older than one used")
	}
	if _, ok := Check(secret, Code(secret, now.Add(30*time.Second)), now, used); !ok {
		t.Error("the next code is refused")
	}
	for _, bad := range []string{"", "0", code + "0", code[:5], "abcdef"} {
		if _, ok := Check(secret, bad, now, 0); ok {
			t.Errorf("%q holds", bad)
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	s := NewSecret()
	text := Encode(s)
	got, err := Decode(text)
	if err != nil || string(got) != string(s) || len(text) != 52 {
		t.Errorf("%q: %v", text, err)
	}
	if string(NewSecret()) == string(s) {
		t.Error("two secrets are the same")
	}
}

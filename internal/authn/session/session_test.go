package session

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/tenant"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func tenantOf(t testing.TB) TenantOf {
	l, err := tenant.NewLanguage(tenant.DefaultLanguage)
	if err != nil {
		t.Fatal(err)
	}
	return func(tags authn.Tags) (tenant.ID, bool) {
		v, ok := tags.Get("TenantID")
		if !ok {
			return tenant.ID{}, false
		}
		id, ok := l.ID(v)
		return id, !ok
	}
}

func key(id uint32) Key { return Key{ID: id, Secret: [32]byte{byte(id), 1}} }

func sealer(t testing.TB, current Key, old ...Key) *Sealer {
	t.Helper()
	s, err := NewSealer(Options{Current: current, Old: old, TenantOf: tenantOf(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// full has every field that a session keeps.
func full() *authn.Principal {
	return &authn.Principal{
		Kind: authn.AssumedRole, Account: "123456789012",
		ARN:     "arn:aws:sts::123456789012:assumed-role/R/s",
		RoleARN: "arn:aws:iam::123456789012:role/p/R", UserID: "AROAX:s", Name: "s",
		Tags:              authn.Tags{{Key: "TenantID", Value: "acme", Transitive: true}, {Key: "x"}},
		SessionPolicies:   []string{`{"Version":"2012-10-17"}`},
		SessionPolicyARNs: []string{"arn:aws:iam::aws:policy/P"},
		HasSessionPolicy:  true, Chained: true, SourceIdentity: "me",
		FederatedProvider: "cognito-identity.amazonaws.com",
		FederatedContext:  map[string][]string{"cognito-identity.amazonaws.com:amr": {"a", "b"}, "k": nil},
		MFAAt:             now.Add(-time.Minute),
	}
}

func mint(t testing.TB, s *Sealer, p *authn.Principal) *Credentials {
	t.Helper()
	c, err := s.Mint(p, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryFieldSurvives(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	want := full()
	v := reflect.ValueOf(*want)
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Name; name {
		case "AccessKeyID", "IssuedAt", "ExpiresAt", "Tenant", "TenantInvalid", "Via":
		default:
			if v.Field(i).IsZero() {
				t.Fatalf("the test leaves %s empty", name)
			}
		}
	}
	c := mint(t, s, want)
	p, secret, err := s.Open(c.SessionToken, c.AccessKeyID, now)
	if err != nil {
		t.Fatal(err)
	}
	if p.Tenant.String() != "acme" || p.TenantInvalid {
		t.Fatalf("tenant %v", p.Tenant)
	}
	want.AccessKeyID, want.IssuedAt, want.ExpiresAt, want.Tenant = c.AccessKeyID, now, now.Add(time.Hour), p.Tenant
	if !reflect.DeepEqual(p, want) {
		t.Fatalf("got\n%+v\nwant\n%+v", p, want)
	}
	if string(secret) != c.SecretAccessKey || len(secret) != 40 || !c.Expiration.Equal(want.ExpiresAt) {
		t.Fatalf("%+v", c)
	}
}

func TestInvalidTenantStaysInvalid(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	p := full()
	p.Tags[0].Value = "../acme"
	c := mint(t, s, p)
	if p, _, err := s.Open(c.SessionToken, c.AccessKeyID, now); err != nil || !p.TenantInvalid || !p.Tenant.IsZero() {
		t.Fatal(p, err)
	}
}

func TestLostTenantStaysLost(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	p := full()
	p.TenantInvalid = true
	c := mint(t, s, p)
	if p, _, err := s.Open(c.SessionToken, c.AccessKeyID, now); err != nil || !p.TenantInvalid || !p.Tenant.IsZero() {
		t.Fatal(p, err)
	}
}

func refused(t *testing.T, s *Sealer, token, id string, at time.Time, class fault.Class) {
	t.Helper()
	if p, secret, err := s.Open(token, id, at); !fault.IsClass(err, class) || p != nil || secret != nil {
		t.Fatalf("got %v, want %v", err, class)
	}
}

func TestTamper(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	c := mint(t, s, full())
	for _, opened := range []bool{false, true} {
		if opened { // with the true token in the cache
			if _, _, err := s.Open(c.SessionToken, c.AccessKeyID, now); err != nil {
				t.Fatal(err)
			}
		}
		for i := range c.SessionToken {
			for _, x := range []byte{1, 0x20} {
				b := []byte(c.SessionToken)
				b[i] ^= x
				refused(t, s, string(b), c.AccessKeyID, now, fault.UnknownAccessKey)
			}
			refused(t, s, c.SessionToken[:i], c.AccessKeyID, now, fault.UnknownAccessKey)
			refused(t, s, c.SessionToken[:i]+"\n"+c.SessionToken[i:], c.AccessKeyID, now, fault.UnknownAccessKey)
		}
	}
	for _, extra := range []string{"=", "A", "AAAA", "\n", "\r\n\r\n", strings.Repeat("A", MaxToken)} {
		refused(t, s, c.SessionToken+extra, c.AccessKeyID, now, fault.UnknownAccessKey)
	}
}

func TestSwap(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	a, b := mint(t, s, full()), mint(t, s, full())
	if a.SecretAccessKey == b.SecretAccessKey {
		t.Fatal("two sessions, one secret")
	}
	refused(t, s, a.SessionToken, b.AccessKeyID, now, fault.UnknownAccessKey)
	if _, _, err := s.Open(a.SessionToken, a.AccessKeyID, now); err != nil {
		t.Fatal(err)
	}
	refused(t, s, a.SessionToken, b.AccessKeyID, now, fault.UnknownAccessKey) // from the cache
	refused(t, s, a.SessionToken, "", now, fault.UnknownAccessKey)
	refused(t, s, "", a.AccessKeyID, now, fault.UnknownAccessKey)
	refused(t, s, a.SessionToken, "AKIA"+a.AccessKeyID[4:], now, fault.UnknownAccessKey)
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	c := mint(t, s, full())
	refused(t, s, c.SessionToken, c.AccessKeyID, c.Expiration, fault.ExpiredToken)
	if _, _, err := s.Open(c.SessionToken, c.AccessKeyID, c.Expiration.Add(-1)); err != nil {
		t.Fatal(err)
	}
	refused(t, s, c.SessionToken, c.AccessKeyID, c.Expiration, fault.ExpiredToken) // and dropped from the cache
	if s.cache.get(c.SessionToken) != nil {
		t.Fatal("an expired token stays in the cache")
	}
}

func TestKeyRing(t *testing.T) {
	t.Parallel()
	c := mint(t, sealer(t, key(1)), full())
	if _, secret, err := sealer(t, key(2), key(1)).Open(c.SessionToken, c.AccessKeyID, now); err != nil || string(secret) != c.SecretAccessKey {
		t.Fatal(err)
	}
	refused(t, sealer(t, key(2)), c.SessionToken, c.AccessKeyID, now, fault.UnknownAccessKey)
	other := key(1)
	other.Secret[9] = 9
	refused(t, sealer(t, other), c.SessionToken, c.AccessKeyID, now, fault.UnknownAccessKey)

	for name, o := range map[string]Options{
		"no tenant": {Current: key(1)},
		"zero key":  {TenantOf: tenantOf(t)},
		"twice":     {Current: key(1), Old: []Key{key(1)}, TenantOf: tenantOf(t)},
	} {
		if _, err := NewSealer(o); err == nil {
			t.Fatal(name)
		}
	}
}

// TestOtherPurpose seals claims with the same cipher key for something else: they are no session.
func TestOtherPurpose(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	c := mint(t, s, full())
	b, err := encoding.DecodeString(c.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	q := full()
	q.ExpiresAt = now.Add(time.Hour)
	for _, ad := range []string{"", "page token", sealLabel + c.AccessKeyID} {
		out := append([]byte(nil), b[:headerLen]...)
		out = s.current.aead.Seal(out, b[5:headerLen], encode(nil, q), []byte(ad))
		refused(t, s, encoding.EncodeToString(out), c.AccessKeyID, now, fault.UnknownAccessKey)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	p := full()
	p.Tags = nil
	for i := range authn.MaxTags {
		p.Tags = append(p.Tags, authn.Tag{Key: fmt.Sprintf("%0128d", i), Value: strings.Repeat("v", 256)})
	}
	p.SessionPolicies = []string{strings.Repeat("p", 2048)}
	c := mint(t, s, p)
	if len(c.SessionToken) > MaxToken || c.PackedSize > 100 || c.PackedSize < 70 {
		t.Fatal(len(c.SessionToken), c.PackedSize)
	}
	if got, _, err := s.Open(c.SessionToken, c.AccessKeyID, now); err != nil || len(got.Tags) != 50 {
		t.Fatal(err)
	}
	p.Name = strings.Repeat("n", maxClaims)
	if _, err := s.Mint(p, now, time.Hour); !fault.Is(err, "PackedPolicyTooLargeException") {
		t.Fatal(err)
	}
}

func TestMintRefuses(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	for _, edit := range []func(*authn.Principal){
		func(p *authn.Principal) { p.Kind = authn.Anonymous },
		func(p *authn.Principal) { p.Account = "" },
		func(p *authn.Principal) { p.Account = "12345678901x" },
	} {
		p := full()
		edit(p)
		if _, err := s.Mint(p, now, time.Hour); err == nil {
			t.Fatalf("%+v", p)
		}
	}
	if _, err := s.Mint(full(), now, 0); err == nil {
		t.Fatal("a session without life")
	}
}

func TestAccessKeyID(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"000000000000", "000000000001", "123456789012", "999999999999"} {
		for _, kind := range []KeyKind{LongTerm, Temporary} {
			id, err := NewAccessKeyID(kind, account)
			if err != nil || len(id) != 20 || !strings.HasPrefix(id, string(kind)) {
				t.Fatal(id, err)
			}
			if got, ok := AccountOf(id); !ok || got != account {
				t.Fatalf("%s: %q %v", id, got, ok)
			}
			if IsTemporary(id) != (kind == Temporary) {
				t.Fatal(id)
			}
		}
	}
	// A documented pair: "A short note on AWS key IDs" (T. Lau, 2021).
	if got, ok := AccountOf("ASIAQNZGKIQY56JQ7WML"); !ok || got != "029608264753" {
		t.Fatalf("%q %v", got, ok)
	}
	for _, id := range []string{"", "AKIA", "AKIAIOSFODNN7EXAMPLE", "AKIAQNZGKIQY56JQ7WM\n", "AIDAQNZGKIQY56JQ7WML", "asiaQNZGKIQY56JQ7WML"} {
		if got, ok := AccountOf(id); ok {
			t.Fatalf("%q is of %s", id, got)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newTokenCache(cacheShards * 4 * (entryOverhead + 200))
	for i := range 1000 {
		c.put(fmt.Sprintf("%0100d", i*7919), &opened{})
		c.put(fmt.Sprintf("%0100d", i*7919), &opened{})
	}
	c.put(strings.Repeat("x", 1<<20), &opened{})
	for i := range c.shards {
		s := &c.shards[i]
		n := 0
		for token := range s.m {
			n += cost(token)
		}
		if n != s.size || n > c.max {
			t.Fatalf("shard %d: %d bytes, says %d of %d", i, n, s.size, c.max)
		}
	}
}

func TestNonceIsRandomAndLong(t *testing.T) {
	t.Parallel()
	if chacha20poly1305.NonceSizeX < 24 {
		t.Fatal("random nonces need 192 bits")
	}
	s := sealer(t, key(1))
	seen := map[string]bool{}
	for range 100 {
		c := mint(t, s, full())
		if n := c.SessionToken[:36]; seen[n] {
			t.Fatal("a nonce came twice")
		} else {
			seen[n] = true
		}
	}
}

// FuzzOpen: no text opens but what Mint made, and nothing panics.
func FuzzOpen(f *testing.F) {
	k := Key{ID: 1}
	rand.Read(k.Secret[:]) // another one in each process, so that only the token of this one opens
	s := sealer(f, k)
	c := mint(f, s, full())
	f.Add(c.SessionToken, c.AccessKeyID)
	f.Add("", "ASIA")
	f.Fuzz(func(t *testing.T, token, id string) {
		p, _, err := s.Open(token, id, now)
		if (err == nil) != (token == c.SessionToken && id == c.AccessKeyID) {
			t.Fatalf("%+v, %v", p, err)
		}
		if err != nil && !fault.IsClass(err, fault.UnknownAccessKey) {
			t.Fatal(err)
		}
	})
}

// FuzzClaims: claims that decode encode to the same principal again, and memory stays bounded by the input.
func FuzzClaims(f *testing.F) {
	p := full()
	p.IssuedAt, p.ExpiresAt = now, now
	f.Add(encode(nil, p))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(encode(nil, p))
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%+v\n%+v\n%v", p, again, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	s := sealer(b, key(1))
	c := mint(b, s, full())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Open(c.SessionToken, c.AccessKeyID, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMint(b *testing.B) {
	s, p := sealer(b, key(1)), full()
	b.ReportAllocs()
	for b.Loop() {
		mint(b, s, p)
	}
}

package webtoken

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
)

const (
	iss    = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
	aud    = "client-1"
	badID  = "InvalidIdentityTokenException"
	exp    = "ExpiredTokenException"
	comms  = "IDPCommunicationErrorException"
	flatID = ClaimTags + "/principal_tags/TenantID"
)

var (
	now        = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rsaKey, _  = rsa.GenerateKey(rand.Reader, 2048)
	rsaKey2, _ = rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _   = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
)

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, head map[string]any, payload string) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for k, v := range head {
		o.WithHeader(jose.HeaderKey(k), v)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// payload is a good set of claims, edited: a nil value takes a claim out.
func payload(t testing.TB, edit map[string]any) string {
	t.Helper()
	c := map[string]any{"iss": iss, "sub": "alice", "aud": aud, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for k, v := range edit {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// own has an RSA key "k1" and an EC key "e1" for iss.
func own(_ context.Context, issuer, kid string) (crypto.PublicKey, string, bool) {
	switch {
	case issuer != iss:
		return nil, "", false
	case kid == "k1":
		return &rsaKey.PublicKey, "RS256", true
	case kid == "e1":
		return &ecKey.PublicKey, "ES256", true
	}
	return nil, "", true
}

func ownVerifier(at time.Time) *Verifier {
	return New(Options{Own: own, Now: func() time.Time { return at }})
}

var kid1 = map[string]any{"kid": "k1"}

func good(t testing.TB, edit map[string]any) string {
	return sign(t, jose.RS256, rsaKey, kid1, payload(t, edit))
}

func refuse(t *testing.T, v *Verifier, token, code, text string) {
	t.Helper()
	c, err := v.Verify(t.Context(), token, iss, []string{aud})
	if c != nil || !fault.Is(err, code) || !strings.Contains(err.Error(), text) {
		t.Fatalf("got %v, %v, want %s %q", c, err, code, text)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	v := ownVerifier(now)
	tokens := []string{
		good(t, map[string]any{"amr": []string{"mfa"}}),
		sign(t, jose.ES256, ecKey, map[string]any{"kid": "e1", "typ": "JWT"}, payload(t, map[string]any{"amr": []string{"mfa"}})),
	}
	for _, token := range tokens {
		for range 2 {
			c, err := v.Verify(t.Context(), token, iss, []string{"other", aud})
			if err != nil {
				t.Fatal(err)
			}
			if c.Issuer != iss || c.Subject != "alice" || !reflect.DeepEqual(c.Audience, []string{aud}) ||
				!c.Expiry.Equal(now.Add(time.Hour)) || !c.IssuedAt.Equal(now) || c.AMR[0] != "mfa" || c.Raw["sub"] == nil {
				t.Fatalf("%+v", c)
			}
		}
		if got, err := Issuer(token); err != nil || got != iss {
			t.Fatal(got, err)
		}
	}
	if len(v.cache) != 2 {
		t.Fatalf("%d tokens kept", len(v.cache))
	}
	// A kept token is still checked: audience, issuer, time.
	if _, err := v.Verify(t.Context(), tokens[0], iss, []string{"other"}); !fault.Is(err, badID) {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), tokens[0], iss+"/", []string{aud}); !fault.Is(err, badID) {
		t.Fatal(err)
	}
	v.o.Now = func() time.Time { return now.Add(time.Hour) }
	refuse(t, v, tokens[0], exp, fmt.Sprintf("current date/time %d must be before", now.Add(time.Hour).Unix()))
}

func TestKeptTokenNeedsItsKey(t *testing.T) {
	t.Parallel()
	key := crypto.PublicKey(&rsaKey.PublicKey)
	v := New(Options{Now: func() time.Time { return now }, Own: func(context.Context, string, string) (crypto.PublicKey, string, bool) {
		return key, "RS256", true
	}})
	token := good(t, nil)
	if _, err := v.Verify(t.Context(), token, iss, []string{aud}); err != nil {
		t.Fatal(err)
	}
	key = &rsaKey2.PublicKey
	refuse(t, v, token, badID, "signature")
	key = nil
	refuse(t, v, token, badID, "verification key")
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestForgeries(t *testing.T) {
	t.Parallel()
	ok := good(t, nil)
	parts := strings.Split(ok, ".")
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	confused := func(secret []byte, head string) string {
		in := b64(head) + "." + b64(payload(t, nil))
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(in))
		return in + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	resign := func(head string) string { // a header that the library would not write, truly signed
		in := b64(head) + "." + parts[1]
		sum := sha256.Sum256([]byte(in))
		s, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return in + "." + base64.RawURLEncoding.EncodeToString(s)
	}
	if _, err := ownVerifier(now).Verify(t.Context(), resign(`{"alg":"RS256","kid":"k1"}`), iss, []string{aud}); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"empty":         "",
		"none":          b64(`{"alg":"none"}`) + "." + parts[1] + ".",
		"None":          b64(`{"alg":"None","kid":"k1"}`) + "." + parts[1] + "." + parts[2],
		"no alg":        resign(`{"kid":"k1"}`),
		"HS256 PEM":     confused(pemKey, `{"alg":"HS256","kid":"k1"}`),
		"HS256 DER":     confused(der, `{"alg":"HS256","kid":"k1"}`),
		"no signature":  parts[0] + "." + parts[1] + ".",
		"two parts":     parts[0] + "." + parts[1],
		"four parts":    ok + ".x",
		"line end":      parts[0] + ".\n" + parts[1] + "." + parts[2],
		"padding":       parts[0] + "=." + parts[1] + "." + parts[2],
		"JSON form":     `{"payload":"` + parts[1] + `"}`,
		"crit":          resign(`{"alg":"RS256","kid":"k1","crit":["x"],"x":1}`),
		"b64":           resign(`{"alg":"RS256","kid":"k1","b64":true}`),
		"nested":        resign(`{"alg":"RS256","kid":"k1","cty":"JWT"}`),
		"access token":  resign(`{"alg":"RS256","kid":"k1","typ":"at+jwt"}`),
		"alg twice":     resign(`{"alg":"RS256","kid":"k1","alg":"RS256"}`),
		"kid twice":     resign(`{"alg":"RS256","kid":"e1","kid":"k1"}`),
		"kid escaped":   resign(`{"alg":"RS256","kid":"e1","\u006bid":"k1"}`),
		"kid null":      resign(`{"alg":"RS256","kid":null}`),
		"kid number":    resign(`{"alg":"RS256","kid":1}`),
		"kid object":    resign(`{"alg":"RS256","kid":{"$ne":""}}`),
		"kid path":      resign(`{"alg":"RS256","kid":"../../k1"}`),
		"kid long":      resign(`{"alg":"RS256","kid":"` + strings.Repeat("k", 1000) + `"}`),
		"kid of other":  resign(`{"alg":"RS256","kid":"e1"}`),
		"kid absent":    resign(`{"alg":"RS256"}`),
		"PS256 as RS":   resign(`{"alg":"PS256","kid":"k1"}`),
		"RS384":         resign(`{"alg":"RS384","kid":"k1"}`),
		"other key":     sign(t, jose.RS256, rsaKey2, kid1, payload(t, nil)),
		"embedded key":  signEmbedded(t),
		"trailing data": resign(`{"alg":"RS256","kid":"k1"}{}`),
		"array header":  resign(`[]`),
		"deep header":   resign(`{"alg":"RS256","kid":"k1","x":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, ownVerifier(now), token, badID, "")
		})
	}
	refuse(t, ownVerifier(now), good(t, map[string]any{"x": strings.Repeat("x", MaxToken)}), badID, notJWT)
}

// signEmbedded is signed with a key of the attacker's that the header carries itself.
func signEmbedded(t *testing.T) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey2, KeyID: "k1"}},
		&jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign([]byte(payload(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTamper(t *testing.T) {
	t.Parallel()
	token := sign(t, jose.ES256, ecKey, map[string]any{"kid": "e1"}, payload(t, nil))
	v := ownVerifier(now)
	if _, err := v.Verify(t.Context(), token, iss, []string{aud}); err != nil {
		t.Fatal(err)
	}
	for i := range token {
		b := []byte(token)
		b[i] ^= 1
		if _, err := v.Verify(t.Context(), string(b), iss, []string{aud}); err == nil {
			t.Fatalf("byte %d changed and accepted", i)
		}
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit map[string]any
		code string
		text string
	}{
		"expired":           {map[string]any{"exp": now.Unix()}, exp, "Token expired"},
		"future":            {map[string]any{"iat": now.Add(31 * time.Second).Unix()}, badID, "not yet valid"},
		"leeway":            {map[string]any{"iat": now.Add(30 * time.Second).Unix()}, "", ""},
		"not before":        {map[string]any{"nbf": now.Add(time.Minute).Unix()}, badID, "not yet valid"},
		"fraction":          {map[string]any{"exp": float64(now.Unix()) + 0.5}, exp, ""},
		"exp text":          {map[string]any{"exp": "9999999999"}, badID, "Invalid claim: exp"},
		"exp huge":          {map[string]any{"exp": 1e300}, badID, "Invalid claim: exp"},
		"exp negative":      {map[string]any{"exp": -1}, badID, "Invalid claim: exp"},
		"no exp":            {map[string]any{"exp": nil}, badID, "Missing a required claim: exp"},
		"no iat":            {map[string]any{"iat": nil}, badID, "Missing a required claim: iat"},
		"no sub":            {map[string]any{"sub": nil}, badID, "Missing a required claim: sub"},
		"no aud":            {map[string]any{"aud": nil}, badID, "Missing a required claim: aud"},
		"no iss":            {map[string]any{"iss": nil}, badID, "Missing a required claim: iss"},
		"long sub":          {map[string]any{"sub": strings.Repeat("s", 256)}, badID, "Invalid claim: sub"},
		"sub number":        {map[string]any{"sub": 7}, badID, "Invalid claim: sub"},
		"other issuer":      {map[string]any{"iss": iss + "/"}, badID, "issuer"},
		"issuer case":       {map[string]any{"iss": strings.ToUpper(iss)}, badID, "issuer"},
		"wrong aud":         {map[string]any{"aud": "x"}, badID, "Incorrect token audience"},
		"aud case":          {map[string]any{"aud": "CLIENT-1"}, badID, "Incorrect token audience"},
		"aud list":          {map[string]any{"aud": []string{aud}}, "", ""},
		"auds":              {map[string]any{"aud": []string{aud, "x"}}, badID, "Incorrect token audience"},
		"auds, azp":         {map[string]any{"aud": []string{aud, "x"}, "azp": aud}, "", ""},
		"azp of other":      {map[string]any{"azp": "x"}, badID, "Incorrect token audience"},
		"aud mixed":         {map[string]any{"aud": []any{aud, 1}}, badID, "Invalid claim: aud"},
		"source id":         {map[string]any{ClaimSourceIdentity: "alice@x"}, "", ""},
		"bad source id":     {map[string]any{ClaimSourceIdentity: "a b"}, badID, ClaimSourceIdentity},
		"aws source id":     {map[string]any{ClaimSourceIdentity: "aws:x"}, badID, ClaimSourceIdentity},
		"tags not valid":    {map[string]any{flatID: "*"}, badID, "regular expression"},
		"tags two":          {map[string]any{flatID: []string{"a", "b"}}, badID, "single-valued"},
		"tags none":         {map[string]any{flatID: []string{}}, badID, "single-valued"},
		"tags number":       {map[string]any{flatID: 7}, badID, "Invalid claim"},
		"tags case":         {map[string]any{flatID: "a", ClaimTags + "/principal_tags/tenantid": "b"}, badID, "Duplicate tag keys"},
		"tags aws":          {map[string]any{ClaimTags + "/principal_tags/aws:x": "b"}, badID, "reserved"},
		"tags both":         {map[string]any{flatID: "a", ClaimTags: map[string]any{}}, badID, "both"},
		"tags text":         {map[string]any{ClaimTags: "x"}, badID, "Invalid claim"},
		"transitive absent": {map[string]any{ClaimTags + "/transitive_tag_keys": []string{"x"}}, badID, "Transitive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, token := ownVerifier(now), good(t, c.edit)
			if c.code != "" {
				refuse(t, v, token, c.code, c.text)
				return
			}
			if _, err := v.Verify(t.Context(), token, iss, []string{aud}); err != nil {
				t.Fatal(err)
			}
		})
	}
	for name, p := range map[string]string{
		"twice":         strings.Replace(payload(t, nil), `"sub"`, `"sub":"mallory","sub"`, 1),
		"twice inside":  payload(t, nil)[:1] + `"x":{"a":1,"\u0061":2},` + payload(t, nil)[1:],
		"tags twice":    payload(t, nil)[:1] + `"` + ClaimTags + `":{"principal_tags":{"T":["a"],"T":["b"]}},` + payload(t, nil)[1:],
		"not an object": `"x"`, "null": "null", "not JSON": "x", "UTF-8": "{\"iss\":\"\xff\"}", "more": payload(t, nil) + "{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, ownVerifier(now), sign(t, jose.RS256, rsaKey, kid1, p), badID, "")
		})
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	want := authn.Tags{{Key: "TenantID", Value: "acme", Transitive: true}, {Key: "x", Value: ""}}
	for name, edit := range map[string]map[string]any{
		"nested": {ClaimTags: map[string]any{
			"principal_tags": map[string]any{"TenantID": []string{"acme"}, "x": []string{""}}, "transitive_tag_keys": []string{"TenantID"}}},
		"flat list": {flatID: []string{"acme"}, ClaimTags + "/principal_tags/x": []string{""},
			ClaimTags + "/transitive_tag_keys": []string{"tenantid"}},
		"flat text": {flatID: "acme", ClaimTags + "/principal_tags/x": "", ClaimTags + "/transitive_tag_keys": "TenantID"},
	} {
		c, err := ownVerifier(now).Verify(t.Context(), good(t, edit), iss, []string{aud})
		if err != nil || !reflect.DeepEqual(c.Tags, want) {
			t.Fatalf("%s: %v %v", name, c, err)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	v := New(Options{CacheSize: 4})
	for i := range 20 {
		v.keep([32]byte{byte(i)}, &verified{})
	}
	for i := range maxIssuers + 5 {
		v.issuer(Keys{Issuer: fmt.Sprint(i)})
	}
	if len(v.cache) != 4 || len(v.issuers) != maxIssuers {
		t.Fatal(len(v.cache), len(v.issuers))
	}
}

// FuzzVerify: no token opens but one we signed, and nothing panics.
func FuzzVerify(f *testing.F) {
	ok := good(f, nil)
	f.Add(ok)
	f.Add("e30.e30.e30")
	v := ownVerifier(now)
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Verify(t.Context(), token, iss, []string{aud}); (err == nil) != (token == ok) {
			t.Fatal(err)
		}
		if iss, err := Issuer(token); err == nil && iss == "" {
			t.Fatal("an empty issuer")
		}
	})
}

// FuzzClaims: claims are read or refused, never half of either.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(payload(f, map[string]any{flatID: "acme"})))
	f.Add([]byte(`{"` + ClaimTags + `":{"principal_tags":{"a":["b"]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseClaims(b)
		if err == nil && (c.Subject == "" || c.Expiry.IsZero() || authn.ValidateTags(c.Tags) != nil) {
			t.Fatalf("%+v", c)
		}
	})
}

func BenchmarkVerifyAgain(b *testing.B) {
	v, token := ownVerifier(now), good(b, nil)
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token, iss, []string{aud}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyFirst(b *testing.B) {
	v, token := ownVerifier(now), good(b, nil)
	for b.Loop() {
		clear(v.cache)
		if _, err := v.Verify(b.Context(), token, iss, []string{aud}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRawRS256(b *testing.B) {
	token := good(b, nil)
	i := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		sum := sha256.Sum256([]byte(token[:i]))
		if err := rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			b.Fatal(err)
		}
	}
}

package oidc

import (
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
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/outside"
)

const (
	clientID = "pool-at-provider"
	secret   = "s3cret"
	redirect = "https://auth.example.com/oauth2/idpresponse"
	access   = "access-token-of-the-provider"
)

var now = time.Unix(1_790_000_000, 0).UTC()

var testKeys = sync.OnceValues(func() (*rsa.PrivateKey, *rsa.PrivateKey) {
	a, err1 := rsa.GenerateKey(rand.Reader, 2048)
	b, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil {
		panic("no keys")
	}
	return a, b
})

type claims map[string]any

// idp is a provider whose answers a test sets. It redeems the code once, as the request for it said.
type idp struct {
	*httptest.Server
	t        *testing.T
	p        *Provider
	rp       *RelyingParty
	flow     *Flow
	sent     url.Values // what the browser was sent with
	redeemed url.Values
	auth     string
	profile  string
	asked    *http.Request
	sign     func(claims) string
	answer   func(id string) map[string]any
	id       claims
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	i := &idp{t: t}
	i.Server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.Close)
	i.p = &Provider{
		Issuer: i.URL, Authorize: i.URL + "/authorize", Token: i.URL + "/token", JWKS: i.URL + "/jwks",
		ClientID: clientID, Secret: []byte(secret), Auth: AuthPost, Scopes: "openid email", Subject: "sub",
	}
	client := outside.New(outside.Options{AllowPrivate: true, AllowHTTP: true})
	verifier := webtoken.New(webtoken.Options{AllowPrivate: true, AllowHTTP: true, Now: func() time.Time { return now }})
	rp, err := New(client, verifier)
	if err != nil {
		t.Fatal(err)
	}
	i.rp = rp
	good, _ := testKeys()
	i.sign = func(c claims) string { return sign(t, jose.RS256, good, "k1", c) }
	i.id = claims{"iss": i.URL, "aud": clientID, "sub": "user-1", "iat": now.Unix(), "exp": now.Unix() + 300, "email": "a@b.c"}
	i.answer = func(id string) map[string]any {
		return map[string]any{"access_token": access, "token_type": "Bearer", "id_token": id}
	}
	return i
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, c claims) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (i *idp) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	good, _ := testKeys()
	var out any
	switch r.URL.Path {
	case "/jwks":
		out = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &good.PublicKey, KeyID: "k1", Algorithm: "RS256", Use: "sig"}}}
	case "/token":
		if err := r.ParseForm(); err != nil {
			i.t.Error(err)
		}
		i.redeemed, i.auth = r.Form, r.Header.Get("Authorization")
		out = i.answer(i.sign(i.id))
	case "/userinfo", "/me":
		i.asked = r
		_, _ = w.Write([]byte(i.profile))
		return
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		i.t.Error(err)
	}
}

// begin runs the first half, and has the ID token hold the nonce.
func (i *idp) begin() {
	i.t.Helper()
	to, f, err := i.rp.Begin(i.p, redirect, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		i.t.Fatal(err)
	}
	i.flow, i.sent = f, u.Query()
	if f.Nonce != "" {
		i.id["nonce"] = f.Nonce
	}
}

func (i *idp) finish(in *Response) (*Identity, error) {
	return i.rp.Finish(i.t.Context(), i.p, i.flow, redirect, in, now)
}

func TestFlow(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	i.p.UserInfo = i.URL + "/userinfo"
	i.profile = `{"sub":"user-1","email":"other@b.c","name":"N","groups":["a","b"],"level":3,"none":null}`
	i.begin()
	sum := sha256.Sum256([]byte(i.flow.Verifier))
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": redirect, "scope": "openid email", "state": i.flow.State,
		"nonce": i.flow.Nonce, "code_challenge_method": "S256", "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]),
	} {
		if got := i.sent[name]; len(got) != 1 || got[0] != want || want == "" {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	id, err := i.finish(&Response{Code: "c", Issuer: i.URL})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"grant_type": "authorization_code", "code": "c", "redirect_uri": redirect, "client_id": clientID, "client_secret": secret,
		"code_verifier": i.flow.Verifier,
	} {
		if got := i.redeemed[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if i.asked.Header.Get("Authorization") != "Bearer "+access || i.asked.Method != http.MethodGet {
		t.Error("the profile was asked for by", i.asked.Method)
	}
	if id.Subject != "user-1" || id.Claims["email"] != "a@b.c" || id.Claims["name"] != "N" || id.Claims["groups"] != `["a","b"]` || id.Claims["level"] != "3" {
		t.Errorf("%+v", id)
	}
	if _, ok := id.Claims["none"]; ok {
		t.Error("null is a value")
	}
}

func TestParametersAreOurs(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	i.p.Authorize += "?tenant=x&client_id=evil"
	to, _, err := i.rp.Begin(i.p, redirect, url.Values{"login_hint": {"a@b.c"}, "redirect_uri": {"https://evil.example"}, "state": {"fixed"}, "scope": {"all"}})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("tenant") != "x" || q.Get("login_hint") != "a@b.c" || len(q["client_id"]) != 1 || q.Get("client_id") != clientID ||
		len(q["redirect_uri"]) != 1 || q.Get("redirect_uri") != redirect || q.Get("state") == "fixed" || q.Get("scope") != "openid email" {
		t.Error(to)
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	for auth, want := range map[Auth]string{AuthBasic: "Basic cG9vbC1hdC1wcm92aWRlcjpzM2NyZXQ=", AuthNone: "", AuthPost: ""} {
		i := newIDP(t)
		i.p.Auth = auth
		i.begin()
		if _, err := i.finish(&Response{Code: "c"}); err != nil {
			t.Error(auth, err)
		}
		if i.auth != want || i.redeemed.Has("client_secret") != (auth == AuthPost) {
			t.Errorf("%s: %q, %v", auth, i.auth, i.redeemed)
		}
	}
	i := newIDP(t)
	i.p.Auth = ""
	i.begin()
	if _, err := i.finish(&Response{Code: "c"}); err == nil || i.redeemed != nil {
		t.Error("no authentication", err)
	}
}

// Each of these is an ID token that some relying party took.
func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	good, other := testKeys()
	change := func(set claims) func(*idp) {
		return func(i *idp) {
			maps.Copy(i.id, set)
			for k, v := range i.id {
				if v == nil {
					delete(i.id, k)
				}
			}
		}
	}
	signed := func(fn func(t *testing.T, c claims) string) func(*idp) {
		return func(i *idp) { i.sign = func(c claims) string { return fn(i.t, c) } }
	}
	pub, err := x509.MarshalPKIXPublicKey(&good.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})
	for name, c := range map[string]struct {
		edit func(*idp)
		want string
	}{
		"alg none":      {signed(func(_ *testing.T, c claims) string { return unsigned(c, "none", "") }), "Unsupported signature algorithm"},
		"alg NONE":      {signed(func(_ *testing.T, c claims) string { return unsigned(c, "nOnE", "") }), "Unsupported signature algorithm"},
		"no signature":  {signed(func(_ *testing.T, c claims) string { return unsigned(c, "RS256", "k1") }), "signature"},
		"key confusion": {signed(func(t *testing.T, c claims) string { return sign(t, jose.HS256, asPEM, "k1", c) }), "Unsupported signature algorithm"},
		"client secret as key": {signed(func(t *testing.T, c claims) string {
			return sign(t, jose.HS256, []byte(strings.Repeat(secret, 8)), "k1", c)
		}), "Unsupported signature algorithm"},
		"another key":              {signed(func(t *testing.T, c claims) string { return sign(t, jose.RS256, other, "k1", c) }), "signature"},
		"another kid":              {signed(func(t *testing.T, c claims) string { return sign(t, jose.RS256, good, "k2", c) }), "key"},
		"kid is a path":            {signed(func(t *testing.T, c claims) string { return sign(t, jose.RS256, other, "../../dev/null", c) }), "key"},
		"key in the token":         {signed(embedded), "signature"},
		"another issuer":           {change(claims{"iss": "https://evil.example"}), "issuer"},
		"issuer with a slash":      {func(i *idp) { i.id["iss"] = i.URL + "/" }, "issuer"},
		"another audience":         {change(claims{"aud": "another"}), "audience"},
		"no audience":              {change(claims{"aud": nil}), "aud"},
		"audience as prefix":       {change(claims{"aud": clientID + "x"}), "audience"},
		"two audiences, no azp":    {change(claims{"aud": []string{clientID, "another"}}), "another party"},
		"azp of another":           {change(claims{"azp": "another"}), "another party"},
		"nonce of another":         {change(claims{"nonce": "x"}), "nonce"},
		"no nonce":                 {change(claims{"nonce": nil}), "nonce"},
		"nonce no text":            {change(claims{"nonce": []string{"x"}}), "nonce"},
		"expired":                  {change(claims{"exp": now.Unix() - 1}), "expired"},
		"no expiry":                {change(claims{"exp": nil}), "exp"},
		"from the future":          {change(claims{"iat": now.Unix() + 3600}), "not yet valid"},
		"not yet valid":            {change(claims{"nbf": now.Unix() + 3600}), "not yet valid"},
		"no subject":               {change(claims{"sub": nil}), "sub"},
		"empty subject":            {change(claims{"sub": ""}), "sub"},
		"oversized subject":        {change(claims{"sub": strings.Repeat("x", MaxSubject+1)}), "sub"},
		"subject no text":          {change(claims{"sub": 7}), "sub"},
		"subject with a space":     {change(claims{"sub": " user-1"}), "names nobody"},
		"at_hash of another token": {change(claims{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "at_hash"},
		"no ID token":              {func(i *idp) { i.answer = func(string) map[string]any { return map[string]any{"access_token": access} } }, "there is none"},
		"no access token":          {func(i *idp) { i.answer = func(id string) map[string]any { return map[string]any{"id_token": id} } }, "no bearer token"},
		"error": {func(i *idp) {
			i.answer = func(string) map[string]any { return map[string]any{"error": "invalid_grant"} }
		}, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIDP(t)
			i.begin()
			c.edit(i)
			if id, err := i.finish(&Response{Code: "c"}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%+v, %v; want %q", id, err, c.want)
			} else if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), access) {
				t.Fatal("the error tells a secret:", err)
			}
		})
	}
}

// unsigned is a token without a signature.
func unsigned(c claims, alg, kid string) string {
	enc := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return enc(map[string]string{"alg": alg, "kid": kid}) + "." + enc(c) + "."
}

// embedded is a token that brings its own key.
func embedded(t *testing.T, c claims) string {
	t.Helper()
	_, other := testKeys()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: other, KeyID: "k1"}}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAtHash(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	i.begin()
	sum := sha256.Sum256([]byte(access))
	i.id["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:16])
	if _, err := i.finish(&Response{Code: "c"}); err != nil {
		t.Fatal(err)
	}
}

// A response of one provider that is brought to another's flow (mix-up), or a code put into a flow that is not its own.
func TestMixUp(t *testing.T) {
	t.Parallel()
	honest, evil := newIDP(t), newIDP(t)
	honest.begin()
	evil.begin()
	if _, err := honest.finish(&Response{Code: "c", Issuer: evil.URL}); err == nil || honest.redeemed != nil {
		t.Errorf("iss of another provider: %v", err)
	}
	for _, code := range []string{"", strings.Repeat("x", maxCode+1)} {
		if _, err := honest.finish(&Response{Code: code}); err == nil || honest.redeemed != nil {
			t.Errorf("code of %d bytes: %v", len(code), err)
		}
	}
	// A code that the attacker got in a flow of their own: the ID token has the nonce of that flow.
	honest.id["nonce"] = evil.flow.Nonce
	if _, err := honest.finish(&Response{Code: "injected"}); err == nil || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("injected code: %v", err)
	}
	if honest.redeemed.Get("code_verifier") != honest.flow.Verifier {
		t.Error("the code was not bound to the flow")
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ profile, want string }{
		"another subject": {`{"sub":"user-2","email":"a@b.c"}`, "another subject"},
		"no subject":      {`{"email":"a@b.c"}`, "another subject"},
		"subject null":    {`{"sub":null}`, "another subject"},
		"twice":           {`{"sub":"user-1","sub":"user-2"}`, "no JSON object"},
		"no object":       {`[]`, "no JSON object"},
		"huge":            {`{"sub":"user-1","x":"` + strings.Repeat("x", outside.MaxDocument) + `"}`, "over"},
		"too many":        {`{"sub":"user-1"` + many() + `}`, "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIDP(t)
			i.p.UserInfo, i.p.Post, i.profile = i.URL+"/userinfo", true, c.profile
			i.begin()
			if id, err := i.finish(&Response{Code: "c"}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%+v, %v; want %q", id, err, c.want)
			}
			if i.asked.Method != http.MethodPost {
				t.Error(i.asked.Method)
			}
		})
	}
}

func many() string {
	var b strings.Builder
	for n := range maxClaims {
		b.WriteString(`,"c` + strings.Repeat("x", n) + `":1`)
	}
	return b.String()
}

func TestPrivatePlaces(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	i.begin()
	strict, err := New(outside.New(outside.Options{AllowHTTP: true}), webtoken.New(webtoken.Options{AllowHTTP: true}))
	if err != nil {
		t.Fatal(err)
	}
	i.rp = strict
	if _, err := i.finish(&Response{Code: "c"}); err == nil || !strings.Contains(err.Error(), "not public") || i.redeemed != nil {
		t.Fatal(err)
	}
	for _, u := range []string{"http://h/a", "javascript:alert(1)", "file:///etc/passwd", "https://u:p@h/"} {
		i.p.Authorize = u
		https, err := New(outside.New(outside.Options{}), webtoken.New(webtoken.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		if to, _, err := https.Begin(i.p, redirect, nil); err == nil {
			t.Errorf("sends the browser to %s", to)
		}
	}
}

func TestFacebook(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	p := Facebook(clientID, []byte(secret), "public_profile, email", "v17.0", []string{"name", "email", "name"})
	if p.Token != "https://graph.facebook.com/v17.0/oauth/access_token" || strings.Join(p.Fields, ",") != "email,id,name" {
		t.Error(p.Token, p.Fields)
	}
	p.Authorize, p.Token, p.UserInfo = i.p.Authorize, i.p.Token, i.URL+"/me"
	i.p, i.profile = p, `{"id":"10158","name":"N","email":"a@b.c"}`
	i.begin()
	if i.sent.Has("nonce") || i.sent.Get("scope") != "public_profile email" {
		t.Error(i.sent)
	}
	id, err := i.finish(&Response{Code: "c"})
	if err != nil || id.Subject != "10158" {
		t.Fatal(id, err)
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(access))
	q := i.asked.URL.Query()
	if q.Get("fields") != "email,id,name" || len(q.Get("appsecret_proof")) != 64 || i.redeemed.Get("client_secret") != secret {
		t.Error(q)
	}
	i.profile = `{"name":"N","email":"a@b.c"}`
	if id, err := i.finish(&Response{Code: "c"}); err == nil {
		t.Error("somebody without an id", id)
	}
}

func TestApple(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	i := newIDP(t)
	p := Apple(clientID, "email name")
	p.Issuer, p.Authorize, p.Token, p.JWKS = i.p.Issuer, i.p.Authorize, i.p.Token, i.p.JWKS
	p.AppleTeam, p.AppleKeyID = "TEAM", "KEY"
	if p.AppleKey, err = ParseAppleKey(base64.StdEncoding.EncodeToString(der)); err != nil {
		t.Fatal(err)
	}
	if k, err := ParseAppleKey(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))); err != nil || !k.Equal(key) {
		t.Error(err)
	}
	i.p = p
	i.begin()
	if i.sent.Get("response_mode") != "form_post" {
		t.Error(i.sent)
	}
	id, err := i.finish(&Response{Code: "c", User: `{"name":{"firstName":"Ann","lastName":"B"},"email":"evil@b.c"}`})
	if err != nil {
		t.Fatal(err)
	}
	if id.Claims["firstName"] != "Ann" || id.Claims["email"] != "a@b.c" {
		t.Errorf("%+v", id)
	}
	jws, err := jose.ParseSignedCompact(i.redeemed.Get("client_secret"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.Verify(&key.PublicKey)
	var c struct {
		Iss, Sub, Aud string
		Exp           int64
	}
	if err != nil || json.Unmarshal(text, &c) != nil || c.Iss != "TEAM" || c.Sub != clientID || c.Aud != i.URL || c.Exp != now.Unix()+300 || jws.Signatures[0].Header.KeyID != "KEY" {
		t.Errorf("%+v %v", c, err)
	}
	for _, bad := range []string{"", "x", base64.StdEncoding.EncodeToString([]byte("x"))} {
		if _, err := ParseAppleKey(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

func TestGoogle(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	p := Google(clientID, []byte(secret), "profile email")
	if p.Scopes != "openid profile email" {
		t.Error(p.Scopes)
	}
	p.Issuer, p.Authorize, p.Token, p.UserInfo, p.JWKS = i.p.Issuer, i.p.Authorize, i.p.Token, "", i.p.JWKS
	i.p = p
	i.begin()
	i.id["iss"] = p.Also
	if id, err := i.finish(&Response{Code: "c"}); err != nil || id.Subject != "user-1" {
		t.Fatal(id, err)
	}
	i.p.Also = ""
	if _, err := i.finish(&Response{Code: "c"}); err == nil {
		t.Error("another form of the issuer")
	}
}

func FuzzProfile(f *testing.F) {
	f.Add([]byte(`{"sub":"a","x":[1,{"y":null}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, err := webtoken.StrictObject(b)
		if err != nil {
			return
		}
		id := &Identity{Claims: map[string]string{}}
		if id.read(&Provider{Subject: "sub"}, raw) == nil && (id.Subject == "" || len(id.Subject) > MaxSubject) {
			t.Errorf("%q", id.Subject)
		}
	})
}

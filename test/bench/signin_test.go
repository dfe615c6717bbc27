package bench

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/internal/srp"
)

const benchPassword = "Correct-Horse-9-Battery"

// byCPU measures a side by the server's CPU time: what the client process computes, and it computes much, is left out.
func byCPU(s side) side {
	return side{s.name, func(d time.Duration) (done, error) {
		before := cpuTime()
		r, err := s.run(d)
		return done{r.count, cpuTime() - before}, err
	}}
}

// pooled is a user pool with a user in it.
type pooled struct {
	*srpUser
	refresh string
}

// users makes the pool, as the root user, with requests like any others.
func (w *bed) users(b *testing.B) *pooled {
	b.Helper()
	var pool struct{ UserPool struct{ ID string } }
	w.cognito(b, "CreateUserPool", map[string]any{"PoolName": "bench"}, &pool)
	var client struct{ UserPoolClient struct{ ClientID string } }
	w.cognito(b, "CreateUserPoolClient", map[string]any{
		"UserPoolId": pool.UserPool.ID, "ClientName": "bench",
		"ExplicitAuthFlows": []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	}, &client)
	u := &srpUser{pool.UserPool.ID, client.UserPoolClient.ClientID, "ana", benchPassword}
	w.cognito(b, "AdminCreateUser", map[string]any{"UserPoolId": u.Pool, "Username": u.Name, "MessageAction": "SUPPRESS"}, nil)
	w.cognito(b, "AdminSetUserPassword", map[string]any{"UserPoolId": u.Pool, "Username": u.Name, "Password": u.Password, "Permanent": true}, nil)
	var in struct{ AuthenticationResult struct{ RefreshToken string } }
	w.cognito(b, "InitiateAuth", u.initiate("USER_PASSWORD_AUTH", "USERNAME", u.Name, "PASSWORD", u.Password), &in)
	return &pooled{u, in.AuthenticationResult.RefreshToken}
}

func (u *srpUser) initiate(flow string, params ...string) map[string]any {
	m := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		m[params[i]] = params[i+1]
	}
	return map[string]any{"ClientId": u.Client, "AuthFlow": flow, "AuthParameters": m}
}

// cognito calls an operation of user pools as the root user.
func (w *bed) cognito(b *testing.B, op string, in, out any) {
	b.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := w.sign(call{"cognito-idp", "AWSCognitoIdentityProviderService." + op, "application/x-amz-json-1.1", string(body)},
		aws.Credentials{AccessKeyID: rootID, SecretAccessKey: rootKey})
	if err != nil {
		b.Fatal(err)
	}
	c, err := dial(w.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // it has answered
	if err := c.send(raw); err != nil {
		b.Fatalf("%s: %v", op, err)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(c.body, out); err != nil {
		b.Fatalf("%s: %v", op, err)
	}
}

// repeated sends one request over and over that needs no signature.
func (w *bed) repeated(b *testing.B, name, op string, body any) side {
	b.Helper()
	raw, err := anonymous(w.addr, op, body)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.client.do(job{Name: name, Requests: [][]byte{raw}}); err != nil {
		b.Fatal(err)
	}
	return byCPU(w.client.load(name, name, w.addr, 2))
}

var signingKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

// signRaw makes n RS256 signatures, with nothing around them.
func signRaw(n int) error {
	sum := sha256.Sum256([]byte("claims"))
	for i := range n {
		if _, err := rsa.SignPKCS1v15(nil, signingKeys()[i], crypto.SHA256, sum[:]); err != nil {
			return err
		}
	}
	return nil
}

// handshake is the server's half of SRP.
func handshake(v srp.Verifier, a string) error {
	s, _, err := srp.Begin(v, a)
	if err == nil {
		_, err = s.Key(v)
	}
	return err
}

// BenchmarkSRP is the server's half of SRP beside three plain powers with exponents of 256 bits: g^b, v^u and (A·v^u)^b.
func BenchmarkSRP(b *testing.B) {
	v := srp.NewVerifier("pool", "ana", benchPassword)
	e := new(big.Int).SetBytes(digest([]byte("e")))
	x := new(big.Int).Exp(big.NewInt(2), e, srpN)
	a := x.Text(16)
	compare(b, "SRP, the server's half", loop("SRP", func() error { return handshake(v, a) }), []side{
		loop("three plain powers", func() error {
			for range 3 {
				new(big.Int).Exp(x, e, srpN)
			}
			return nil
		}),
	}, []aim{atLeast(1.2, "three powers")})
}

// BenchmarkSignInSRP is a whole sign-in by SRP, two requests, beside its cryptography: the server's half of SRP and two
// signatures.
func BenchmarkSignInSRP(b *testing.B) {
	w := open(b)
	u := w.users(b)
	v := srp.NewVerifier("pool", u.Name, u.Password)
	a := new(big.Int).Exp(big.NewInt(2), new(big.Int).SetBytes(digest([]byte("a"))), srpN).Text(16)
	own := byCPU(side{"bulkhead", func(d time.Duration) (done, error) {
		r, err := w.client.do(job{Addr: w.addr, Time: d, SRP: u.srpUser})
		return done{r.Count, r.Took}, err
	}})
	compare(b, "sign-in by SRP", own, []side{
		loop("its cryptography", func() error {
			if err := handshake(v, a); err != nil {
				return err
			}
			return signRaw(2)
		}),
	}, []aim{{}})
}

// BenchmarkSignInPassword is a whole sign-in with the password, beside its cryptography: a verifier and two signatures.
func BenchmarkSignInPassword(b *testing.B) {
	w := open(b)
	u := w.users(b)
	v := srp.NewVerifier("pool", u.Name, u.Password)
	own := w.repeated(b, "password", "InitiateAuth", u.initiate("USER_PASSWORD_AUTH", "USERNAME", u.Name, "PASSWORD", u.Password))
	compare(b, "sign-in by password", own, []side{
		loop("its cryptography", func() error {
			if !v.Matches("pool", u.Name, u.Password) {
				return fmt.Errorf("the password does not match")
			}
			return signRaw(2)
		}),
	}, []aim{{}})
}

// BenchmarkTokens makes an ID token and an access token of a refresh token, beside two signatures.
func BenchmarkTokens(b *testing.B) {
	w := open(b)
	u := w.users(b)
	own := w.repeated(b, "refresh", "InitiateAuth", u.initiate("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", u.refresh))
	compare(b, "two tokens, by refresh", own,
		[]side{loop("two RS256 signatures", func() error { return signRaw(2) })}, []aim{atLeast(0.8, "signing")})
}

// BenchmarkTokenCheck checks an ID token as authorizers of the gateway path do, never seen before and seen again, beside
// the RS256 check alone.
func BenchmarkTokenCheck(b *testing.B) {
	const issuer, app = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_bench", "app"
	key := signingKeys()[0]
	tokens := make([]string, 256)
	for i := range tokens {
		claims, err := json.Marshal(map[string]any{
			"iss": issuer, "aud": app, "sub": fmt.Sprint(i), "token_use": "id", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
			"cognito:username": "ana", "email": "ana@example.com", "cognito:groups": []string{"acme"},
		})
		if err != nil {
			b.Fatal(err)
		}
		if tokens[i], err = jose.Sign(key, "key", claims); err != nil {
			b.Fatal(err)
		}
	}
	verifier := func(size int) *webtoken.Verifier {
		return webtoken.New(webtoken.Options{CacheSize: size, Own: func(context.Context, string, string) (crypto.PublicKey, string, bool) {
			return &key.PublicKey, jose.RS256, true
		}})
	}
	check := func(v *webtoken.Verifier) func() error {
		n := 0
		return func() error {
			n++
			_, err := v.Verify(context.Background(), tokens[n%len(tokens)], issuer, []string{app})
			return err
		}
	}
	sum := sha256.Sum256([]byte("claims"))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	raw := loop("RS256 check", func() error { return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], sig) })
	b.Run("new", func(b *testing.B) {
		compare(b, "token check, not seen before", loop("webtoken", check(verifier(1))), []side{raw}, []aim{{}})
	})
	b.Run("again", func(b *testing.B) {
		compare(b, "token check, seen before", loop("webtoken", check(verifier(len(tokens)))), []side{raw}, []aim{{}})
	})
}

// BenchmarkClientCredentials makes access tokens of machines by POST /oauth2/token, beside one signature.
func BenchmarkClientCredentials(b *testing.B) {
	w := open(b)
	var pool struct{ UserPool struct{ ID string } }
	w.cognito(b, "CreateUserPool", map[string]any{"PoolName": "machines"}, &pool)
	id := pool.UserPool.ID
	w.cognito(b, "CreateResourceServer", map[string]any{
		"UserPoolId": id, "Identifier": "orders", "Name": "orders", "Scopes": []map[string]string{{"ScopeName": "read", "ScopeDescription": "read"}},
	}, nil)
	var client struct {
		UserPoolClient struct{ ClientID, ClientSecret string }
	}
	w.cognito(b, "CreateUserPoolClient", map[string]any{
		"UserPoolId": id, "ClientName": "machine", "GenerateSecret": true, "AllowedOAuthFlowsUserPoolClient": true,
		"AllowedOAuthFlows": []string{"client_credentials"}, "AllowedOAuthScopes": []string{"orders/read"},
	}, &client)
	r, err := http.NewRequest(http.MethodPost, "http://"+w.addr+"/"+id+"/oauth2/token", strings.NewReader("grant_type=client_credentials&scope=orders%2Fread"))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client.UserPoolClient.ClientID, client.UserPoolClient.ClientSecret)
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		b.Fatal(err)
	}
	if _, err := w.client.do(job{Name: "machine", Requests: [][]byte{raw.Bytes()}}); err != nil {
		b.Fatal(err)
	}
	compare(b, "client_credentials token", byCPU(w.client.load("bulkhead", "machine", w.addr, 2)),
		[]side{loop("an RS256 signature", func() error { return signRaw(1) })}, []aim{atLeast(0.8, "signing")})
}

package sts

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	gojose "github.com/go-jose/go-jose/v4"

	iamapi "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/jose"
)

const webAudience = "web"

// issuerKey signs the tokens of the outside issuer.
var issuerKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// issuer is an outside OpenID Connect issuer on a loopback address.
type issuer struct {
	url string
	tls *http.Client
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	answer := func(v any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if err := json.NewEncoder(w).Encode(v); err != nil {
				t.Error(err)
			}
		}
	}
	mux.Handle("/realm/.well-known/openid-configuration", answer(map[string]string{
		"issuer": server.URL + "/realm", "jwks_uri": server.URL + "/jwks",
	}))
	mux.Handle("/jwks", answer(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{
		{Key: &issuerKey().PublicKey, KeyID: "k1", Algorithm: jose.RS256, Use: "sig"},
	}}))
	return &issuer{server.URL + "/realm", server.Client()}
}

// name is the issuer as condition keys and ARNs have it.
func (i *issuer) name() string { return strings.TrimPrefix(i.url, "https://") }

func (i *issuer) arn(account string) string {
	return "arn:aws:iam::" + account + ":oidc-provider/" + i.name()
}

// token is a token of the issuer, with claims added or, if nil, left out.
func (i *issuer) token(t testing.TB, edit map[string]any) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": i.url, "aud": webAudience, "sub": "jane", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, edit)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Sign(issuerKey(), "k1", text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ownKeys knows the issuer of identity pools as this server's, which has no key yet.
func ownKeys(_ context.Context, issuer, _ string) (crypto.PublicKey, string, bool) {
	return nil, "", issuer == "https://"+identityPools
}

// webWorld is a world with the issuer as a provider of the account.
func webWorld(t *testing.T) (*world, *issuer) {
	t.Helper()
	i := newIssuer(t)
	w := newWorld(t, webtoken.Options{
		AllowPrivate: true, TLS: i.tls.Transport.(*http.Transport).TLSClientConfig, Own: ownKeys,
	})
	w.provider(account, i.url, webAudience)
	return w, i
}

func (w *world) provider(account, url string, audiences ...string) {
	w.t.Helper()
	_, err := w.iam.CreateOpenIDConnectProvider(w.t.Context(), w.admin(account), &iamapi.CreateOpenIDConnectProviderInput{
		Url: &url, ClientIDList: audiences,
	})
	w.ok(err)
}

// web assumes a role by a token, without credentials.
func (w *world) web(roleARN, token string, edit func(*awssts.AssumeRoleWithWebIdentityInput)) (*awssts.AssumeRoleWithWebIdentityOutput, error) {
	in := &awssts.AssumeRoleWithWebIdentityInput{RoleArn: &roleARN, RoleSessionName: aws.String("session"), WebIdentityToken: &token}
	if edit != nil {
		edit(in)
	}
	return w.client("", "", "").AssumeRoleWithWebIdentity(w.t.Context(), in)
}

const (
	assumeWeb    = `"sts:AssumeRoleWithWebIdentity"`
	assumeWebTag = assumeWeb + `,"sts:TagSession"`
	assumeWebAll = assumeWebTag + `,"sts:SetSourceIdentity"`
)

// notProbe is a session policy that allows all but the probe.
const notProbe = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"` + probe + `","Resource":"*"}]}`

func federated(arn string) string { return `{"Federated":"` + arn + `"}` }

// What a trust policy can ask of a web identity ("Available keys for AWS OIDC federation", IAM User Guide).
func TestWebIdentityTrust(t *testing.T) {
	t.Parallel()
	w, i := webWorld(t)
	ours := federated(i.arn(account))
	equals := func(key, value string) string {
		return `"StringEquals":{"` + i.name() + `:` + key + `":"` + value + `"}`
	}
	amr := func(value string) string {
		return `"ForAnyValue:StringEquals":{"` + i.name() + `:amr":"` + value + `"}`
	}
	for name, c := range map[string]struct {
		principal, condition string
		claims               map[string]any
		code, message        string
	}{
		"the provider":                     {principal: ours},
		"its audience":                     {principal: ours, condition: equals("aud", webAudience)},
		"another audience":                 {principal: ours, condition: equals("aud", "else"), code: "AccessDenied", message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"the authorized party":             {principal: ours, condition: equals("aud", webAudience), claims: map[string]any{"aud": []string{"a", "b"}, "azp": webAudience}},
		"several audiences, none said":     {principal: ours, claims: map[string]any{"aud": []string{webAudience, "b"}}, code: "InvalidIdentityToken"},
		"its subject":                      {principal: ours, condition: equals("sub", "jane")},
		"another subject":                  {principal: ours, condition: equals("sub", "jan"), code: "AccessDenied"},
		"how it signed in":                 {principal: ours, condition: amr("mfa"), claims: map[string]any{"amr": []string{"pwd", "mfa"}}},
		"it signed in otherwise":           {principal: ours, condition: amr("mfa"), claims: map[string]any{"amr": []string{"pwd"}}, code: "AccessDenied"},
		"it does not say how it signed in": {principal: ours, condition: amr("mfa"), code: "AccessDenied"},
		"aws:FederatedProvider":            {principal: ours, condition: `"StringEquals":{"aws:FederatedProvider":"` + i.arn(account) + `"}`},
		"another's provider":               {principal: federated(i.arn(other)), code: "AccessDenied"},
		"another provider":                 {principal: federated("arn:aws:iam::" + account + ":oidc-provider/idp.example.com"), code: "AccessDenied"},
		"identity pools":                   {principal: federated(identityPools), code: "AccessDenied"},
		"the account":                      {principal: rootOf(account), code: "AccessDenied"},
		"audience not registered":          {principal: ours, claims: map[string]any{"aud": "mobile"}, code: "InvalidIdentityToken"},
		"issuer not registered":            {principal: ours, claims: map[string]any{"iss": "https://idp.example.org"}, code: "InvalidIdentityToken", message: "No OpenIDConnect provider"},
		"issuer in another case":           {principal: ours, claims: map[string]any{"iss": strings.ToUpper(i.url)}, code: "InvalidIdentityToken"},
		"issuer without TLS":               {principal: ours, claims: map[string]any{"iss": "http://" + i.name()}, code: "InvalidIdentityToken", message: "No OpenIDConnect provider"},
		"issuer with a slash":              {principal: ours, claims: map[string]any{"iss": i.url + "/"}, code: "InvalidIdentityToken"},
		"it says it is an identity pool":   {principal: federated(identityPools), claims: map[string]any{"iss": "https://" + identityPools}, code: "InvalidIdentityToken"},
		"expired":                          {principal: ours, claims: map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, code: "ExpiredTokenException"},
		"without a subject":                {principal: ours, claims: map[string]any{"sub": nil}, code: "InvalidIdentityToken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			arn := w.role(account, "r"+strings.Map(letters, name), trusts(c.principal, assumeWeb, c.condition), "")
			out, err := w.web(arn, i.token(t, c.claims), nil)
			checked(t, err, c.code, c.message)
			if err == nil && (*out.Audience != webAudience || *out.Provider != i.arn(account) || *out.SubjectFromWebIdentityToken != "jane") {
				t.Error(*out.Audience, *out.Provider, *out.SubjectFromWebIdentityToken)
			}
		})
	}
}

// A provider is good for roles of its own account only, and nobody can tell by it which roles there are.
func TestWebIdentityAccounts(t *testing.T) {
	t.Parallel()
	w, i := webWorld(t)
	foreign := w.role(other, "r", trusts(federated(i.arn(account)), assumeWeb, ""), "")
	_, err := w.web(foreign, i.token(t, nil), nil)
	refused(t, err, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+i.url)
	_, err = w.web("arn:aws:iam::"+account+":role/gone", i.token(t, nil), nil)
	refused(t, err, "InvalidIdentityToken", "No OpenIDConnect provider found")
	w.provider(other, i.url, webAudience)
	_, err = w.web(foreign, i.token(t, nil), nil) // its trust policy names the other account's provider
	refused(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	for name, token := range map[string]string{
		"another key": forged(t, i), "cut": i.token(t, nil)[:200], "no token": "aaaa", "empty parts": "....",
	} {
		_, err := w.web(foreign, token, nil)
		if err == nil {
			t.Error(name, "is taken")
			continue
		}
		refused(t, err, "InvalidIdentityToken", "")
	}
}

func forged(t *testing.T, i *issuer) string {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{
		"iss": i.url, "aud": webAudience, "sub": "jane", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Sign(k, "k1", text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Tags in a token, in both forms of the claim ("Pass session tags using AssumeRoleWithWebIdentity", IAM User Guide).
func TestWebIdentityTags(t *testing.T) {
	t.Parallel()
	w, i := webWorld(t)
	nested := func(tags map[string]any, transitive ...string) map[string]any {
		return map[string]any{webtoken.ClaimTags: map[string]any{"principal_tags": tags, "transitive_tag_keys": append([]string{}, transitive...)}}
	}
	flat := map[string]any{
		webtoken.ClaimTags + "/principal_tags/TenantID": "acme", webtoken.ClaimTags + "/transitive_tag_keys": []string{"TenantID"},
	}
	both := maps.Clone(flat)
	maps.Copy(both, nested(map[string]any{"TenantID": []string{"globex"}}))
	tenant := `"StringEquals":{"aws:RequestTag/TenantID":"acme"}`
	transitive := map[string]string{"TenantID": "acme (transitive)", "Stage": "test"}
	for name, c := range map[string]struct {
		trust, condition string
		claims           map[string]any
		code             string
		want             map[string]string
	}{
		"none":                   {trust: assumeWeb, want: map[string]string{"Stage": "test"}},
		"nested":                 {claims: nested(map[string]any{"TenantID": []string{"acme"}}, "TenantID"), want: transitive},
		"flat":                   {claims: flat, want: transitive},
		"not transitive":         {claims: nested(map[string]any{"Stage": []string{"mine"}}), want: map[string]string{"Stage": "mine"}},
		"both forms":             {claims: both, code: "InvalidIdentityToken"},
		"two values":             {claims: nested(map[string]any{"TenantID": []string{"acme", "globex"}}), code: "InvalidIdentityToken"},
		"without sts:TagSession": {trust: assumeWeb, claims: flat, code: "AccessDenied"},
		"the value asked for":    {condition: tenant, claims: flat, want: transitive},
		"another value":          {condition: tenant, claims: nested(map[string]any{"TenantID": []string{"globex"}}), code: "AccessDenied"},
		"a star":                 {claims: nested(map[string]any{"TenantID": []string{"*"}}), code: "InvalidIdentityToken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			if c.trust == "" {
				c.trust = assumeWebTag
			}
			arn := w.role(account, "r"+strings.Map(letters, name), trusts(federated(i.arn(account)), c.trust, c.condition), "", "Stage", "test")
			out, err := w.web(arn, i.token(t, c.claims), nil)
			checked(t, err, c.code, "")
			if err != nil {
				return
			}
			if got := tagMap(w.principal(out.Credentials).Tags); !maps.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// The session carries who signed in, and goes no further than its tenant.
func TestWebIdentitySession(t *testing.T) {
	t.Parallel()
	w, i := webWorld(t)
	arn := w.role(account, "r", trusts(federated(i.arn(account)), assumeWebAll, ""), all)
	next := w.role(account, "next", trusts(rootOf(account), assumeAll, ""), "")
	out, err := w.web(arn, i.token(t, map[string]any{
		webtoken.ClaimSourceIdentity: "jane-doe", webtoken.ClaimTags + "/principal_tags/TenantID": "acme",
	}), func(in *awssts.AssumeRoleWithWebIdentityInput) {
		in.DurationSeconds, in.Policy = aws.Int32(7200), aws.String(notProbe)
	})
	w.ok(err)
	p := w.principal(out.Credentials)
	if aws.ToString(out.SourceIdentity) != "jane-doe" || p.SourceIdentity != "jane-doe" || p.FederatedProvider != i.arn(account) || p.Chained {
		t.Errorf("%+v", p)
	}
	if p.Tenant.String() != "acme" || p.ExpiresAt.Sub(p.IssuedAt) != 2*time.Hour {
		t.Errorf("tenant %q, %v", p.Tenant, p.ExpiresAt.Sub(p.IssuedAt))
	}
	session := w.session(out.Credentials)
	refused(t, w.probe(session), "AccessDeniedException", "no session policy allows")
	for value, invalid := range map[string]bool{"acme": false, "globex": true} {
		creds := w.assumes(session, next, func(in *awssts.AssumeRoleInput) { in.Tags = tags("TenantID", value) })
		if q := w.principal(creds); q.TenantInvalid != invalid || q.SourceIdentity != "jane-doe" {
			t.Errorf("%s: invalid %v, source identity %q", value, q.TenantInvalid, q.SourceIdentity)
		}
	}
	_, err = w.web(arn, i.token(t, nil), func(in *awssts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = aws.Int32(7201) })
	refused(t, err, "ValidationError", "MaxSessionDuration")
	_, err = w.web(arn, i.token(t, nil), func(in *awssts.AssumeRoleWithWebIdentityInput) { in.Policy = aws.String("{") })
	refused(t, err, "MalformedPolicyDocument", "")
	untrusting := w.role(account, "untrusting", trusts(federated(i.arn(account)), assumeWebTag, ""), "")
	_, err = w.web(untrusting, i.token(t, map[string]any{webtoken.ClaimSourceIdentity: "jane-doe"}), nil)
	refused(t, err, "AccessDenied", "sts:SetSourceIdentity")
}

package cognitoidentity

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	iamapi "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/audit"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authn/session"
	"github.com/bulkhead/bulkhead/internal/authn/sigv4"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/authz/authztest"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/jose"
	"github.com/bulkhead/bulkhead/internal/keyring/keyringtest"
	"github.com/bulkhead/bulkhead/internal/kv/memkv"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/iam"
	"github.com/bulkhead/bulkhead/service/sts"
)

const (
	account = "111122223333"
	region  = "us-east-1"
	// users is the provider name of the user pool of most tests, client its app client.
	users  = "cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
	client = "client1"
	// other is another user pool of the same server; outside an OpenID Connect provider.
	other   = "cognito-idp.us-east-1.amazonaws.com/us-east-1_other"
	outside = "idp.example.com/realm"
)

var (
	now     = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	poolKid = "pool-key"
	tokens  = mustKey() // signs what user pools and the outside issuer issue
	own     = mustKey() // the service's own
	oidcARN = "arn:aws:iam::" + account + ":oidc-provider/" + outside
)

func mustKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, signingKeyBits)
	if err != nil {
		panic(err)
	}
	return k
}

// world is the service, STS and the pipeline around them over one store in memory.
type world struct {
	*Service
	t       testing.TB
	db      *store.DB
	iam     *iam.Service
	sealer  *session.Sealer
	handler http.Handler
	// inactive are the subjects whose tokens are no longer good.
	inactive map[string]bool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ring := keyringtest.New(t, 'k')
	backend := memkv.New()
	clock := func() time.Time { return now }
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, db: store.New(backend), inactive: map[string]bool{}}
	catalog, err := identity.New(identity.Config{DB: w.db, Keyring: ring, Now: clock})
	ok(err)
	_, err = catalog.Init(t.Context(), identity.InitInput{Account: account})
	ok(err)
	verifier := webtoken.New(webtoken.Options{Own: w.keys, Now: clock})
	w.Service, err = New(Config{
		DB: w.db, Keyring: ring, Tokens: verifier, Catalog: catalog, UserPool: userPool,
		Active: func(_ context.Context, _ string, c *webtoken.Claims) (bool, error) {
			return !w.inactive[c.Subject], nil
		},
	})
	ok(err)
	w.newKey = func() (*rsa.PrivateKey, error) { return own, nil }
	w.sealer, err = session.NewSealer(session.Options{Current: session.Key{ID: 1, Secret: [32]byte{1}}, TenantOf: catalog.Tenants().Of})
	ok(err)
	w.iam = iam.New(iam.Config{DB: w.db, Catalog: catalog, Keyring: ring})
	events, err := audit.Open(t.Context(), backend, audit.Options{Keys: ring, NodeID: "n", Logger: log, Prefix: []byte{store.SpaceAudit}})
	ok(err)
	w.handler, err = pipeline.New(pipeline.Config{
		Services: []pipeline.Service{w.Operations(), sts.New(catalog, w.sealer, verifier, authz.NewMessages(ring)).Operations()},
		Verifier: sigv4.NewVerifier(sigv4.Options{Lookup: func(context.Context, string, string) ([]byte, *authn.Principal, error) {
			return nil, nil, errors.New("nobody signs here")
		}}),
		Engine: authz.NewEngine(catalog, ""), Audit: events, Account: account, Region: region,
		Sealer: authz.NewMessages(ring), Log: log, Now: clock,
	})
	ok(err)
	t.Cleanup(func() {
		_ = events.Close(context.Background())
		catalog.Close()
		w.db.Close()
		_ = backend.Close()
	})
	return w
}

// userPool knows the two user pools, the first also by the issuer that a server's own URL gives it.
func userPool(_ context.Context, name string) (UserPool, bool, error) {
	switch strings.TrimPrefix(name, "https://") {
	case users, "auth.test:8080/us-east-1_abc":
		return UserPool{Name: users, Issuer: "https://auth.test:8080/us-east-1_abc"}, true, nil
	case other:
		return UserPool{Name: other, Issuer: "https://" + other}, true, nil
	}
	return UserPool{}, false, nil
}

func (w *world) keys(ctx context.Context, issuer, kid string) (crypto.PublicKey, string, bool) {
	if key, alg, own := w.Keys(ctx, issuer, kid); own {
		return key, alg, own
	}
	if kid != poolKid {
		return nil, "", true
	}
	return &tokens.PublicKey, jose.RS256, true
}

// login is an ID token of a subject, with claims added or, if nil, left out.
func idToken(t testing.TB, sub string, edit map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": "https://auth.test:8080/us-east-1_abc", "aud": client, "sub": sub, "token_use": "id",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, edit)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Sign(tokens, poolKid, text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// admin authorizes and runs an operation as the account's root.
func admin[I, O any](w *world, need func(*authz.Scope, *I) authz.Requirement,
	run func(context.Context, *pipeline.Call, *I) (*O, error), in *I,
) (*O, error) {
	return as(w, account, need, run, in, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
}

var errDenied = errors.New("denied")

// as runs an operation as a user of an account with a policy.
func as[I, O any](w *world, account string, need func(*authz.Scope, *I) authz.Requirement,
	run func(context.Context, *pipeline.Call, *I) (*O, error), in *I, policy string,
) (*O, error) {
	w.t.Helper()
	ctx := w.t.Context()
	caller := &authn.Principal{Kind: authn.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/u", UserID: "u", Name: "u"}
	scope := &authz.Scope{Context: ctx, Partition: "aws", Region: region, Account: account, Caller: caller, Now: now}
	out, err := authz.NewEngine(authztest.Directory{policy}, "").Authorize(ctx, &authz.Request{
		Caller: caller, Service: serviceName, Region: region, Access: authz.Write, Requirement: need(scope, in),
		Env: authz.Environment{Now: now},
	})
	if err != nil {
		return nil, err
	}
	if !out.Allowed() {
		return nil, errDenied
	}
	return run(ctx, &pipeline.Call{Grant: out.Grant, Caller: caller, Account: account, Region: region, Now: now}, in)
}

func (w *world) req() *requirements { return &requirements{w.Service} }

// pool makes an identity pool for the user pool and the outside provider.
func (w *world) pool(edit func(*api.CreateIdentityPoolInput)) string {
	w.t.Helper()
	in := &api.CreateIdentityPoolInput{
		IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(true), AllowClassicFlow: new(true),
		CognitoIdentityProviders:  []api.CognitoIdentityProvider{{ProviderName: new(users), ClientId: new(client)}},
		OpenIdConnectProviderARNs: []string{oidcARN},
	}
	if edit != nil {
		edit(in)
	}
	out, err := admin(w, w.req().CreateIdentityPool, w.CreateIdentityPool, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.IdentityPoolId
}

// role makes a role that trusts the pool's identities of a kind.
func (w *world) role(name, pool, amr string) string {
	w.t.Helper()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},` +
		`"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],"Condition":{` +
		`"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + pool + `"},` +
		`"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"` + amr + `"}}}]}`
	call := &pipeline.Call{Grant: authztest.Home(w.t, "iam", account, ""), Caller: authztest.Root(account), Account: account, Now: now}
	out, err := w.iam.CreateRole(w.t.Context(), call, &iamapi.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.Role.Arn
}

// outsideProvider registers the outside issuer with the account.
func (w *world) outsideProvider() {
	w.t.Helper()
	call := &pipeline.Call{Grant: authztest.Home(w.t, "iam", account, ""), Caller: authztest.Root(account), Account: account, Now: now}
	_, err := w.iam.CreateOpenIDConnectProvider(w.t.Context(), call, &iamapi.CreateOpenIDConnectProviderInput{
		Url: new("https://" + outside), ClientIDList: []string{"web"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) setRoles(in *api.SetIdentityPoolRolesInput) {
	w.t.Helper()
	if _, err := admin(w, w.req().SetIdentityPoolRoles, w.SetIdentityPoolRoles, in); err != nil {
		w.t.Fatal(err)
	}
}

// send sends an unsigned request and decodes the answer. An error is a fault with the code and message of the answer.
func send[O any](w *world, operation string, in any) (*O, error) {
	w.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityService."+operation)
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil {
			w.t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		return nil, fault.Of(e.Type, "%s", e.Message)
	}
	out := new(O)
	if rec.Body.Len() == 0 { // of an operation that has no output
		return out, nil
	}
	if err := json.Unmarshal(rec.Body.Bytes(), out); err != nil {
		w.t.Fatal(err)
	}
	return out, nil
}

type (
	logins = map[string]string
	object = map[string]any
	gotID  struct {
		IdentityID string `json:"IdentityId"`
		Token      string
	}
	creds struct {
		IdentityID  string `json:"IdentityId"`
		Credentials struct {
			AccessKeyID             string `json:"AccessKeyId"`
			SecretKey, SessionToken string
			Expiration              float64
		}
	}
)

func (w *world) id(pool string, l logins) string {
	w.t.Helper()
	out, err := send[gotID](w, "GetId", object{"IdentityPoolId": pool, "Logins": l})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.IdentityID
}

// principal gets credentials and returns whom they are for.
func (w *world) principal(id string, l logins) (*authn.Principal, error) {
	w.t.Helper()
	out, err := send[creds](w, "GetCredentialsForIdentity", object{"IdentityId": id, "Logins": l})
	if err != nil {
		return nil, err
	}
	p, _, err := w.sealer.Open(out.Credentials.SessionToken, out.Credentials.AccessKeyID, now)
	if err != nil {
		w.t.Fatal(err)
	}
	return p, nil
}

// refused checks code and message; an empty message is not compared.
func refused(t testing.TB, err error, code, message string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want %s", err, code)
	}
	got := f.Code
	if got == "" {
		got = f.Class.String()
	}
	if got != code || !strings.Contains(f.Message, message) {
		t.Errorf("got  %s: %s\nwant %s: %s", got, f.Message, code, message)
	}
}
